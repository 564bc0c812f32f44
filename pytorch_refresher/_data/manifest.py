"""A list of the files in a folder, kept inside it, so that later damage is noticed."""

import json
import zlib
from collections.abc import Callable
from pathlib import Path

NAME = "manifest.json"
Measure = Callable[[Path], int]


def size(path: Path) -> int:
    """The size of a file in bytes: quick even for thousands of photographs."""
    return path.stat().st_size


def checksum(path: Path) -> int:
    """A checksum of what a file holds: finds any damage, and takes milliseconds for a sample."""
    return zlib.crc32(path.read_bytes())


def write(folder: Path, measure: Measure, version: str = "") -> None:
    """List the files of `folder` with their sizes or checksums; `version` is kept with them."""
    files = {
        path.relative_to(folder).as_posix(): measure(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    text = json.dumps({"version": version, "files": files}, indent=0)
    (folder / NAME).write_text(text, encoding="utf-8")


def first_damaged(folder: Path, measure: Measure, version: str = "") -> Path | None:
    """The first file that is missing or not as it was listed, or None if all are whole.

    It is the manifest itself if that cannot be read or belongs to another version. Files that
    were added since do not matter.
    """
    path = folder / NAME
    try:
        manifest = json.loads(path.read_bytes())
        if manifest["version"] != version:
            return path
        for name, expected in manifest["files"].items():
            path = folder / name
            if measure(path) != expected:
                return path
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return path  # the one that was looked at just now
    return None
