"""Fetching files so that one under its final name is always whole."""

import contextlib
import gzip
import hashlib
import os
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import requests
from tqdm import tqdm

from pytorch_refresher._common.console import LessonError

TIMEOUT = (10, 30)  # seconds to connect, and to wait for the next bytes
PAUSES = (1, 3, 9)  # seconds before an address is tried again
CHUNK = 1 << 16
TEMPORARY = {408, 425, 429, 500, 502, 503, 504}  # HTTP statuses worth another try


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
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target):
        if target.exists():
            return
        part = target.with_name(target.name + ".part")
        failures = []
        for url in urls:
            try:
                _fetch_from(url, part, size, sha256)
            except _GiveUp as failure:
                failures.append(f"{url.split('/')[2]}: {failure}")
            else:
                os.replace(part, target)
                return
    kept = part.stat().st_size if part.exists() else 0
    raise LessonError(
        f"{target.name} could not be downloaded ({'; '.join(failures)}). "
        + (
            f"{kept:,} of {size:,} bytes are kept and the next try goes on from there. "
            if kept
            else ""
        )
        + "Run the same command again later, or leave out --download to use the built-in sample."
    )


def _fetch_from(url: str, part: Path, size: int, sha256: str) -> None:
    """Fill `part` from one address and verify it; raises _GiveUp with the last cause."""
    for pause in (*PAUSES, None):
        try:
            fresh = _stream(url, part, size)
            _verify(part, size, sha256, fresh)
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
        if pause is not None:
            time.sleep(pause)
    raise _GiveUp(cause)


def _stream(url: str, part: Path, size: int) -> bool:
    """Append to `part` what is missing of it; True if all of it came over this connection."""
    start = part.stat().st_size if part.exists() else 0
    if start == size:
        return False
    # Compressed in transit, the bytes that arrive could not be counted against the size.
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    with requests.get(url, stream=True, timeout=TIMEOUT, headers=headers) as response:
        if response.status_code in TEMPORARY:
            raise _TryAgain(f"HTTP status {response.status_code}")
        if response.status_code == 416:  # nothing there from `start` on
            part.unlink()
            raise _TryAgain(f"the file there ends before byte {start:,}")
        if not response.ok:
            raise _GiveUp(f"HTTP status {response.status_code}")
        if response.status_code != 206:  # the server sends all of it, resumed or not
            start = 0
        with (
            part.open("ab" if start else "wb") as file,
            tqdm(
                desc=part.stem, total=size, initial=start, unit="B", unit_scale=True, disable=None
            ) as bar,
        ):
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
        # Bytes kept from an earlier try may be to blame: that deserves a try from the start.
        failure = _GiveUp if fresh else _TryAgain
        raise failure(
            f"SHA-256 is {found[:8]}... instead of {sha256[:8]}...: damaged, or another file"
        )


def unpack_gzip(archive: Path, target: Path, size: int, md5: str) -> None:
    """Unpack one .gz file to `target`, which appears only once it is whole.

    Raises LessonError unless it holds `size` bytes with the checksum `md5`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with locked(target):
        if target.exists():
            return
        try:
            with gzip.open(archive) as file:
                content = file.read(size + 1)  # one byte more than right shows that it is too long
        except (EOFError, OSError, zlib.error) as error:
            raise LessonError(f"{archive} cannot be unpacked: {error}.") from None
        if len(content) != size or hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
            raise LessonError(f"{archive} does not hold the {target.name} that it should.")
        part.write_bytes(content)
        os.replace(part, target)


@contextlib.contextmanager
def locked(target: Path) -> Iterator[None]:
    """Let one process at a time make `target`; the others wait here.

    The operating system holds the lock, so a process that is killed gives it up.
    """
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
