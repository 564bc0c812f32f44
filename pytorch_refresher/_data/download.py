"""Fetching and unpacking so that what has its final name is always whole."""

import contextlib
import gzip
import hashlib
import itertools
import os
import re
import shutil
import stat
import tarfile
import time
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PureWindowsPath
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

from pytorch_refresher._common.console import LessonError

import requests
from tqdm import tqdm

TIMEOUT = (10, 30)  # seconds to connect, and to wait for the next bytes
PAUSES = (1, 3, 9)  # seconds before an address is tried again
CHUNK = 1 << 16
PASSWORD = "the proxy asks for a name and password (HTTP status 407)"
TEMPORARY = {408, 425, 429, 500, 502, 503, 504}  # HTTP statuses worth another try
LONGEST = 250  # characters of a name with its folders; Windows takes 260 from the drive on
MEMBERS = 20_000  # more files and folders than any archive here holds
# What Windows cannot store as a name, or stores under another one.
NOT_ON_WINDOWS = re.compile(
    r'[\x00-\x1f<>:"|?*]|[. ]$|^(con|conin\$|conout\$|prn|aux|nul|(com|lpt)[1-9¹²³]) *(\.|$)',
    re.IGNORECASE,
)


class _TryAgain(Exception):
    """This address may still deliver."""


class _GiveUp(Exception):
    """This address will not deliver."""


def fetch(urls: Sequence[str], target: Path, size: int, sha256: str) -> None:
    """Download `target` from the first of `urls` that has it, unless it is there already.

    What arrives is kept in `target`.part, also across runs, and moved to `target` once it has
    `size` bytes and the checksum `sha256`. A second process waits for the first. Raises
    LessonError with one sentence if no address delivers, or if what is there is another file.
    """
    with locked(target):
        if target.exists():
            if fault := difference(target, size, sha256):
                raise LessonError(
                    f"{target} is not the file that it should be ({fault}): delete it and run the "
                    "same command again."
                )
            return
        part = target.with_name(target.name + ".part")
        if part.is_symlink():  # writing would change the file that it points to
            part.unlink()
        failures = []
        for url in urls:
            try:
                _fetch_from(url, part, size, sha256)
            except _GiveUp as failure:
                host = urlsplit(url).netloc.rpartition("@")[2]  # without a name and password
                failures.append(f"{host}: {failure}")
            else:
                os.replace(part, target)
                return
    kept = part.stat().st_size if part.exists() else 0
    rest = f"{kept:,} of {size:,} bytes are kept and the next try goes on from there. "
    raise LessonError(
        f"{target.name} could not be downloaded ({'; '.join(failures)}). {rest if kept else ''}"
        "Run the same command again later, or leave out --download to use the built-in sample."
    )


def _fetch_from(url: str, part: Path, size: int, sha256: str) -> None:
    """Fill `part` from one address and verify it; raises _GiveUp with the last cause."""
    for pause in (*PAUSES, 0):
        try:
            _verify(part, size, sha256, fresh=_stream(url, part, size))
            return
        except _TryAgain as failure:
            cause = str(failure)
        except requests.Timeout:
            cause = "no answer in time"
        except requests.exceptions.ChunkedEncodingError:
            cause = "the connection broke"
        except requests.exceptions.SSLError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise _GiveUp("its certificate cannot be verified") from None
            cause = "no secure connection (TLS)"
        except requests.exceptions.ProxyError as error:
            if "407" in str(error):
                raise _GiveUp(PASSWORD) from None
            cause = "no connection to the proxy"
        except requests.ConnectionError as error:
            cause = "the server stopped sending" if "timed out" in str(error) else "no connection"
        except (ValueError, TypeError, OverflowError):
            # Of many kinds, as requests and urllib3 let them pass; some would show a password.
            raise _GiveUp("its answer, its address or the proxy's address makes no sense") from None
        except requests.RequestException as error:
            cause = f"the transfer failed ({type(error).__name__})"
        time.sleep(pause)
    raise _GiveUp(cause)


def _refuse_another_scheme(response: requests.Response, **_) -> None:
    """Stop before a redirect from http or https to anything else is followed."""
    if response.is_redirect:
        target = urlsplit(urljoin(response.url, response.headers["location"]))
        if target.scheme != urlsplit(response.url).scheme:
            place = f"{target.scheme}://{target.hostname}"  # without a name and password
            raise _GiveUp(f"it redirects to {place[:80]!r}, which has another scheme")


def _ask(url: str, start: int) -> requests.Response:
    """Ask for the file at `url` from the byte `start` on."""
    # Compressed in transit, the bytes that arrive could not be counted against the size.
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    hooks = {"response": _refuse_another_scheme}
    try:
        return requests.get(url, stream=True, timeout=TIMEOUT, headers=headers, hooks=hooks)
    except requests.RequestException:
        raise
    except OSError as error:  # REQUESTS_CA_BUNDLE names certificates that are not there, say
        raise _GiveUp(str(error)) from None


def _stream(url: str, part: Path, size: int) -> bool:
    """Append to `part` what is missing of it; True if all of it came over this connection."""
    start = part.stat().st_size if part.exists() else 0
    if start == size:
        return False
    with _ask(url, start) as response:
        if response.status_code in TEMPORARY:
            raise _TryAgain(f"HTTP status {response.status_code}")
        if response.status_code == 416:  # nothing there from `start` on
            part.unlink()
            raise _TryAgain(f"the file there ends before byte {start:,}")
        if response.status_code == 407:
            raise _GiveUp(PASSWORD)
        if response.status_code not in (200, 206):
            raise _GiveUp(f"HTTP status {response.status_code}")
        if response.status_code != 206:  # the server sends all of it, resumed or not
            start = 0
        look = {"desc": part.stem, "unit": "B", "unit_scale": True, "disable": None}
        mode = "ab" if start else "wb"
        with part.open(mode) as file, tqdm(total=size, initial=start, **look) as bar:
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
                if file.tell() > size:
                    break  # _verify says so
    if part.stat().st_size < size:
        raise _TryAgain(f"only {part.stat().st_size:,} of {size:,} bytes came")
    return start == 0


def _verify(part: Path, size: int, sha256: str, fresh: bool) -> None:
    """Delete `part` and raise unless it is the file that was asked for."""
    if part.stat().st_size > size:
        part.unlink()
        raise _GiveUp(f"more than the {size:,} bytes that the file has")
    if cause := difference(part, size, sha256):
        part.unlink()
        # Bytes kept from an earlier try may be to blame: that deserves a try from the start.
        raise _GiveUp(cause) if fresh else _TryAgain(cause)


def difference(path: Path, size: int, sha256: str) -> str:
    """How a file differs from the one of that size and checksum; empty if it doesn't."""
    try:
        found = path.stat().st_size
        if found != size:
            return f"{found:,} bytes instead of {size:,}"
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return error.strerror
    if digest == sha256:
        return ""
    return f"SHA-256 is {digest[:8]}... instead of {sha256[:8]}...: damaged, or another file"


def unpack_gzip(archive: Path, target: Path, size: int, md5: str) -> None:
    """Unpack one .gz file to `target`, which appears only once it is whole.

    Raises LessonError unless it holds `size` bytes with the checksum `md5`.
    """
    with locked(target):
        if target.exists():
            return
        try:
            with gzip.open(archive) as file:
                content = file.read(size + 1)  # one byte more than right shows that it is too long
        except (OSError, EOFError, zlib.error) as error:
            raise LessonError(f"{archive} cannot be unpacked: {error}.") from None
        if len(content) != size or hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
            raise LessonError(f"{archive} does not hold the {target.name} that it should.")
        part = target.with_name(target.name + ".part")
        remove(part)
        part.write_bytes(content)
        os.replace(part, target)


def extract(archive: Path, folder: Path, limit: int) -> None:
    """Unpack a tar or zip file into `folder`, which is there already; see `make_folder`.

    Raises LessonError for an archive that is broken, that holds more than `limit` bytes or
    MEMBERS names, anything but files and folders, a name that leads out of `folder`, or names
    that some disks cannot hold, or cannot tell apart.
    """
    if not hasattr(tarfile, "data_filter"):
        raise LessonError("Unpacking needs Python 3.11.4 or newer, which can keep out bad names.")
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                for member in _checked(file.infolist(), limit):
                    file.extract(member, folder)
            return
        with tarfile.open(archive) as file:
            for member in _checked(file, limit):
                file.extract(member, folder, filter="data")
            # tarfile takes a broken header for the end, and does not read gzip's checksum.
            file.fileobj.seek(file.offset)
            if file.fileobj.read(512) != bytes(512):
                raise tarfile.ReadError("it breaks off")
            while file.fileobj.read(CHUNK):
                pass
    except Exception as error:  # a damaged archive makes the unpackers raise almost anything
        cause = str(error).partition(":\n")[0] or type(error).__name__
        raise LessonError(f"{archive} cannot be unpacked: {cause}.") from None


def _checked(members: Iterable, limit: int) -> Iterator:
    """The members of an archive, as long as they keep the rules of `extract`."""
    total, known = 0, {}
    for number, member in enumerate(members, start=1):
        if isinstance(member, zipfile.ZipInfo):
            name, size, is_folder = member.filename, member.file_size, member.filename.endswith("/")
            # The upper half holds the kind of file where the archive was made on Unix, else 0.
            allowed = stat.S_IFMT(member.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR)
        else:
            name, size, is_folder = member.name, member.size, member.isdir()
            allowed = member.isfile() or is_folder
        path = PureWindowsPath(name)  # it takes / and \ for separators, and knows drives
        shown = repr(name[:80])
        if path.anchor or ".." in path.parts:
            raise ValueError(f"{shown} leads out of the folder")
        if not allowed:
            raise ValueError(f"{shown} is neither a file nor a folder")
        if (
            not (path.parts or is_folder)
            or len(name) > LONGEST
            or any(map(NOT_ON_WINDOWS.search, path.parts))
        ):
            raise ValueError(f"{shown} is no name that every disk can hold")
        for part in (path, *path.parents):
            # Disks of macOS and Windows take A and a for one name, those of macOS also the two
            # ways to write an accented letter.
            key = unicodedata.normalize("NFD", str(part).casefold())
            # A folder may come again, spelled the same, but a file may not.
            here = part.parts, number if part is path and not is_folder else None
            if known.setdefault(key, here) != here:
                raise ValueError(f"it names {shown} twice")
        total += size
        if total > limit or max(number, len(known)) > MEMBERS:
            raise ValueError(f"it holds more than {limit:,} bytes or {MEMBERS:,} names")
        yield member


def make_folder(
    folder: Path, fill: Callable[[Path], None], is_whole: Callable[[Path], bool] = Path.exists
) -> None:
    """Let `fill` write into a temporary folder that becomes `folder`, unless that `is_whole`.

    What was there instead is deleted. Raises LessonError if something cannot be written.
    """
    with locked(folder):
        if is_whole(folder):
            return
        part = folder.with_name(folder.name + ".part")
        remove(part)  # a process that was killed may have left it
        try:
            part.mkdir()
            fill(part)
            remove(folder)
            os.replace(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def remove(path: Path) -> None:
    """Delete a file, a folder or a link, but never what a link points to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(target: Path) -> Iterator[None]:
    """Let one process at a time make `target`; the others wait here, and say so.

    The operating system holds the lock, so a process that is killed gives it up. Raises
    LessonError with one sentence if something there cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.with_name(target.name + ".lock").open("ab") as file:
            for tries in itertools.count():
                if _lock(file):
                    break
                if tries == 10:  # after a second
                    print(f"Waiting for another process that is making {target} ...", flush=True)
                time.sleep(0.1)
            yield  # closing the file gives the lock back
    except OSError as error:
        cause = error.strerror or error
        raise LessonError(f"Cannot write {error.filename or target}: {cause}.") from None


def _lock(file: BinaryIO) -> bool:
    """Lock an open file; False if another process has locked it."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # the one on Unix, the other on Windows
        return False
    return True
