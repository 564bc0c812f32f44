"""One function per dataset: each returns what a lesson opens, real or built in, and says which."""

import atexit
import os
import shutil
import tempfile
import tomllib
import zlib
from pathlib import Path
from types import ModuleType

from pytorch_refresher._common.console import LessonError
from pytorch_refresher._common.paths import SHIPPED_SAMPLES, data_folder
from pytorch_refresher._data import download as fetching
from pytorch_refresher._data import flowers, horses_and_humans, manifest

SOURCES = tomllib.loads(Path(__file__).with_name("sources.toml").read_text(encoding="utf-8"))
# Debian's package dataset-fashion-mnist: the same files, compressed afresh.
FASHION_MNIST_DEBIAN = Path("/usr/share/datasets/fashion-mnist")
# Not Path.exists: before Python 3.14 it raises an error where we have no permission to look.
is_there = os.path.exists


def fashion_mnist(download: bool = False) -> Path:
    """The folder that `torchvision.datasets.FashionMNIST(root=...)` opens.

    With `download` the real files are fetched first; without it they are used if they are
    there, and otherwise the sample: the first 6,000 training and 1,000 test images.
    Raises LessonError with one sentence if files cannot be fetched or stored, or are damaged.
    """
    folder = _place_of("fashion_mnist")
    raw = Path("FashionMNIST", "raw")
    files = SOURCES["fashion_mnist"]["files"]
    names = {name: raw / name.removesuffix(".gz") for name in files}
    for name, unpacked in names.items():
        target, size = folder / unpacked, files[name]["unpacked_size"]
        if download and not is_there(target):
            archive = FASHION_MNIST_DEBIAN / name
            if not archive.exists():
                archive = _fetch("fashion_mnist", name, folder / raw / name)
            fetching.unpack_gzip(archive, target, size, files[name]["unpacked_md5"])
        if is_there(target) and (found := target.stat().st_size) != size:
            raise _damaged(f"{target} has {found:,} bytes instead of {size:,}", target)
    if all(is_there(folder / unpacked) for unpacked in names.values()):
        print(f"Data: the real FashionMNIST, 60,000 + 10,000 images, from {folder}")
        return folder
    sample = SHIPPED_SAMPLES / "fashion_mnist"
    if not all(is_there(sample / unpacked) for unpacked in names.values()):
        raise LessonError(
            f"The built-in images are not in {sample}: they come with the repository, so run the "
            "lesson in a clone of it, or with --download to fetch the real images."
        )
    print("Data: 6,000 + 1,000 images of FashionMNIST, built in; all 70,000 (31 MB): --download")
    return sample


def oxford_flowers(download: bool = False) -> Path:
    """The folder that holds `jpg/` and `imagelabels.mat`.

    With `download` the 8,189 photographs are fetched first; without it they are used if they
    are there, and otherwise 240 pictures, drawn on first use. Raises as `fashion_mnist` does.
    """
    folder = _place_of("oxford_flowers")
    if download and not is_there(folder):
        fetching.make_folder(folder, _fetch_flowers)
    if is_there(folder):
        (count,) = _count_images("oxford_flowers", folder)
        labels = SOURCES["oxford_flowers"]["files"]["imagelabels.mat"]
        if fault := fetching.difference(folder / "imagelabels.mat", **labels):
            raise _damaged(f"{folder / 'imagelabels.mat'} is damaged ({fault})", folder)
        print(f"Data: the real Oxford Flowers, {count:,} photographs, from {folder}")
        return folder
    print("Data: drawn sample, 240 images; the real 8,189 photographs (345 MB): --download")
    return _drawn("oxford_flowers", flowers)


def _fetch_flowers(folder: Path) -> None:
    """Fill `folder` with the real photographs and labels."""
    fetched = data_folder() / "downloads"
    archive = _fetch("oxford_flowers", "102flowers.tgz", fetched / "102flowers.tgz")
    labels = _fetch("oxford_flowers", "imagelabels.mat", fetched / "imagelabels.mat")
    fetching.extract(archive, folder, limit=500_000_000)
    shutil.copyfile(labels, folder / "imagelabels.mat")
    manifest.write(folder, manifest.size)
    archive.unlink()
    labels.unlink()


def horse_or_human(download: bool = False) -> Path:
    """The folder that holds `training/` and `validation/`, each with `horses/` and `humans/`.

    With `download` the 1,027 + 256 images are fetched first; without it they are used if they
    are there, and otherwise 256 + 64 pictures, drawn on first use. Raises as `fashion_mnist`.
    """
    folder = _place_of("horse_or_human")
    if download and not is_there(folder):
        fetching.make_folder(folder, _fetch_horses_and_humans)
    if is_there(folder):
        training, validation = _count_images("horse_or_human", folder)
        counts = f"{training:,} + {validation:,}"
        print(f"Data: the real horses and humans, {counts} images, from {folder}")
        return folder
    print("Data: drawn sample, 256 + 64 images; the real 1,027 + 256 (161 MB): --download")
    return _drawn("horse_or_human", horses_and_humans)


def _fetch_horses_and_humans(folder: Path) -> None:
    """Fill `folder` with the real images."""
    parts = {"training": "horse-or-human.zip", "validation": "validation-horse-or-human.zip"}
    fetched = data_folder() / "downloads"
    archives = [_fetch("horse_or_human", name, fetched / name) for name in parts.values()]
    for part, archive in zip(parts, archives, strict=True):
        (folder / part).mkdir()
        fetching.extract(archive, folder / part, limit=500_000_000)
    manifest.write(folder, manifest.size)
    for archive in archives:
        archive.unlink()


def text(download: bool = False) -> str:
    """English text in ASCII characters.

    Tiny Shakespeare if it is there, or with `download` once it is fetched; otherwise the help
    texts that ship with Python, about 450,000 characters, which differ a little from one
    version of Python to the next. Raises as `fashion_mnist` does.
    """
    path = _place_of("text") / "tinyshakespeare.txt"
    if download and not is_there(path):
        _fetch("text", "input.txt", path)
    if is_there(path):
        if fault := fetching.difference(path, **SOURCES["text"]["files"]["input.txt"]):
            raise _damaged(f"{path} is not Tiny Shakespeare ({fault})", path)
        print(f"Data: Tiny Shakespeare, from {path}")
        return path.read_text(encoding="utf-8")
    from pydoc_data.topics import topics

    print("Data: the help texts of Python itself. Tiny Shakespeare (1.1 MB): --download")
    return "\n".join(topics[name] for name in sorted(topics)).encode("ascii", "ignore").decode()


def _place_of(name: str) -> Path:
    """Where a real dataset lies once it is fetched; raises LessonError if a file is there."""
    folder = data_folder() / name
    if is_there(folder) and not folder.is_dir():
        raise _damaged(f"{folder} is a file, where a folder should be", folder)
    return folder


def _fetch(dataset: str, name: str, target: Path) -> Path:
    """Download one file of SOURCES to `target`, unless it is there; return `target`."""
    urls, file = SOURCES[dataset]["urls"], SOURCES[dataset]["files"][name]
    fetching.fetch([url + name for url in urls], target, file["size"], file["sha256"])
    return target


def _count_images(name: str, folder: Path) -> list[int]:
    """How many images each part of a real dataset has; raises LessonError unless it is whole."""
    # A dataset that an earlier version of the course fetched has no manifest.
    if is_there(folder / manifest.NAME) and (path := manifest.first_damaged(folder, manifest.size)):
        raise _damaged(f"{path} is missing or damaged", folder)
    counts = []
    for part, expected in SOURCES[name]["images"].items():
        paths = (folder / part).rglob("*")
        images = [path for path in paths if path.suffix.lower() in (".jpg", ".png")]
        if len(images) < expected:
            fault = f"{folder / part} holds only {len(images):,} of {expected:,} images"
            raise _damaged(fault, folder)
        for path in images:
            if not (is_there(path) and manifest.size(path)):
                raise _damaged(f"{path} is empty", folder)
        counts.append(len(images))
    return counts


def _damaged(fault: str, delete: Path) -> LessonError:
    """What to raise for a real dataset that is not whole."""
    return LessonError(
        f"{fault}: delete {delete} and run the lesson again, with --download to fetch the real "
        "data once more or without it to use the built-in data."
    )


def _drawn(name: str, artist: ModuleType) -> Path:
    """The folder of a sample that `artist.draw` draws, unless it is there and whole.

    It is kept with the data, or where that fails drawn for this run alone. Raises LessonError
    if there is no room for that either.
    """
    folder = data_folder() / "sample" / name
    # Another version of the drawing code draws other pictures.
    version = f"{zlib.crc32(Path(artist.__file__).read_bytes()):08x}"

    def is_whole(folder: Path) -> bool:
        return manifest.first_damaged(folder, manifest.checksum, version) is None

    def fill(folder: Path) -> None:
        artist.draw(folder)
        manifest.write(folder, manifest.checksum, version)

    if is_whole(folder):  # then it also serves those who may not write there
        return folder
    again = is_there(folder)
    try:
        fetching.make_folder(folder, fill, is_whole)
        if again:
            print(f"The sample in {folder} was damaged or out of date, so it was drawn again.")
        return folder
    except LessonError as error:
        kept_out = error
    try:
        folder = Path(tempfile.mkdtemp())
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        artist.draw(folder)
    except OSError as error:
        raise LessonError(
            f"{str(kept_out).rstrip('.')}, and the sample cannot be drawn in a temporary folder "
            f"either: {error.strerror or error}."
        ) from None
    print(f"The sample cannot be kept, and is drawn for this run alone. {kept_out}")
    return folder
