"""Fetching files so that one under its final name is always whole."""

import contextlib
import gzip
import hashlib
import lzma
import os
import shutil
import stat
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PureWindowsPath
from urllib.parse import urljoin, urlsplit

import requests
from tqdm import tqdm

from pytorch_refresher._common.console import LessonError

TIMEOUT = (10, 30)  # seconds to connect, and to wait for the next bytes
PAUSES = (1, 3, 9)  # seconds before an address is tried again
CHUNK = 1 << 16
TEMPORARY = {408, 425, 429, 500, 502, 503, 504}  # HTTP statuses worth another try
MEMBERS = 20_000  # more files and folders than any archive here holds
# What the unpackers of the standard library raise for a damaged archive.
BROKEN = (OSError, EOFError, RuntimeError, ValueError, lzma.LZMAError, zlib.error)
BROKEN += (tarfile.TarError, zipfile.BadZipFile)


class _TryAgain(Exception):
    """This address may still deliver."""


class _GiveUp(Exception):
    """This address will not deliver."""


def fetch(urls: Sequence[str], target: Path, size: int, sha256: str) -> None:
    """Download `target` from the first of `urls` that has it, unless it is there already.

    What arrives is kept in `target`.part, also across runs, and moved to `target` once it has
    `size` bytes and the checksum `sha256`. A second process waits for the first. Raises
    LessonError with one sentence if no address delivers.
    """
    with locked(target):
        if target.exists():
            return
        part = target.with_name(target.name + ".part")
        failures = []
        for url in urls:
            try:
                _fetch_from(url, part, size, sha256)
            except _GiveUp as failure:
                failures.append(f"{urlsplit(url).netloc}: {failure}")
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
        except requests.ConnectionError as error:
            cause = "the server stopped sending" if "timed out" in str(error) else "no connection"
        except requests.RequestException as error:
            cause = f"the transfer failed ({type(error).__name__})"
        time.sleep(pause)
    raise _GiveUp(cause)


def _refuse_another_scheme(response: requests.Response, **_) -> None:
    """Stop before a redirect from http or https to anything else is followed."""
    if response.is_redirect:
        target = urljoin(response.url, response.headers["location"])
        if urlsplit(target).scheme != urlsplit(response.url).scheme:
            raise _GiveUp(f"it redirects to {target[:80]!r}, which has another scheme")


def _stream(url: str, part: Path, size: int) -> bool:
    """Append to `part` what is missing of it; True if all of it came over this connection."""
    start = part.stat().st_size if part.exists() else 0
    if start == size:
        return False
    # Compressed in transit, the bytes that arrive could not be counted against the size.
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    hooks = {"response": _refuse_another_scheme}
    with requests.get(url, stream=True, timeout=TIMEOUT, headers=headers, hooks=hooks) as response:
        if response.status_code in TEMPORARY:
            raise _TryAgain(f"HTTP status {response.status_code}")
        if response.status_code == 416:  # nothing there from `start` on
            part.unlink()
            raise _TryAgain(f"the file there ends before byte {start:,}")
        if not response.ok:
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
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        part.unlink()
        cause = f"SHA-256 is {found[:8]}... instead of {sha256[:8]}...: damaged, or another file"
        # Bytes kept from an earlier try may be to blame: that deserves a try from the start.
        raise _GiveUp(cause) if fresh else _TryAgain(cause)


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
        except BROKEN as error:
            raise LessonError(f"{archive} cannot be unpacked: {error}.") from None
        if len(content) != size or hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
            raise LessonError(f"{archive} does not hold the {target.name} that it should.")
        part = target.with_name(target.name + ".part")
        part.write_bytes(content)
        os.replace(part, target)


def extract(archive: Path, folder: Path, limit: int) -> None:
    """Unpack a tar or zip file into `folder`, which is there already; see `make_folder`.

    Raises LessonError for an archive that is broken, that holds more than `limit` bytes or
    MEMBERS names, a name that leads out of `folder`, or anything but files and folders.
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
    except BROKEN as error:
        cause = str(error).partition(":\n")[0] or type(error).__name__
        raise LessonError(f"{archive} cannot be unpacked: {cause}.") from None


def _checked(members: Iterable, limit: int) -> Iterator:
    """The members of an archive, as long as they keep the rules of `extract`."""
    total, files = 0, set()
    for number, member in enumerate(members, start=1):
        if isinstance(member, zipfile.ZipInfo):
            name, size, is_folder = member.filename, member.file_size, member.is_dir()
            # The upper half holds the kind of file where the archive was made on Unix, else 0.
            allowed = stat.S_IFMT(member.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR)
        else:
            name, size, is_folder = member.name, member.size, member.isdir()
            allowed = member.isfile() or is_folder
        path = PureWindowsPath(name)  # it takes / and \ for separators, and knows drives
        if path.anchor or ".." in path.parts:
            raise ValueError(f"{name!r} leads out of the folder")
        if not allowed:
            raise ValueError(f"{name!r} is neither a file nor a folder")
        if str(path).casefold() in files:  # some disks take A and a for one name
            raise ValueError(f"it names {name!r} twice")
        files |= set() if is_folder else {str(path).casefold()}
        total += size
        if total > limit or number > MEMBERS:
            raise ValueError(f"it holds more than {limit:,} bytes or {MEMBERS:,} names")
        yield member


def make_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write into a temporary folder that becomes `folder`, unless that is there."""
    with locked(folder):
        if folder.exists():
            return
        part = folder.with_name(folder.name + ".part")
        shutil.rmtree(part, ignore_errors=True)  # a process that was killed may have left it
        try:
            part.mkdir()
            fill(part)
            os.replace(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)


@contextlib.contextmanager
def locked(target: Path) -> Iterator[None]:
    """Let one process at a time make `target`; the others wait here.

    The operating system holds the lock, so a process that is killed gives it up. Raises
    LessonError with one sentence if something there cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.with_name(target.name + ".lock").open("a") as file:
            if os.name == "nt":
                import msvcrt

                while True:
                    with contextlib.suppress(OSError):
                        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
                        break
                    time.sleep(0.2)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX)
            yield  # closing the file gives the lock back
    except OSError as error:
        raise LessonError(f"Cannot write {error.filename or target}: {error.strerror}.") from None
