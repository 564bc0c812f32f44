"""One function a dataset: each returns what a lesson opens, real or built in, and says which."""

import atexit
import os
import shutil
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path

from pytorch_refresher._common import download as fetching
from pytorch_refresher._common.console import LessonError
from pytorch_refresher._common.paths import SHIPPED_SAMPLES, data_folder
from pytorch_refresher._samples import flowers, horses_and_humans

SOURCES = tomllib.loads(Path(__file__).with_name("sources.toml").read_text(encoding="utf-8"))
# Debian's package dataset-fashion-mnist: the same files, compressed afresh.
FASHION_MNIST_DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def fashion_mnist(download: bool = False) -> Path:
    """The folder that `torchvision.datasets.FashionMNIST(root=...)` opens.

    With `download` the real files are fetched first; without it they are used if they are
    there, and otherwise the sample: the first 6,000 training and 1,000 test images.
    Raises LessonError with one sentence if they cannot be fetched or stored.
    """
    folder = data_folder() / "fashion_mnist"
    raw = folder / "FashionMNIST" / "raw"
    files = SOURCES["fashion_mnist"]["files"]
    targets = {name: raw / name.removesuffix(".gz") for name in files}
    for name, target in targets.items():
        if download and not target.exists():
            archive = FASHION_MNIST_DEBIAN / name
            if not archive.exists():
                archive = _fetch("fashion_mnist", name, raw / name)
            unpacked = files[name]["unpacked_size"], files[name]["unpacked_md5"]
            fetching.unpack_gzip(archive, target, *unpacked)
    if all(target.exists() for target in targets.values()):
        print(f"Data: the real FashionMNIST, 60,000 + 10,000 images, from {folder}")
        return folder
    print("Data: 6,000 + 1,000 images of FashionMNIST, built in; all 70,000 (31 MB): --download")
    return SHIPPED_SAMPLES / "fashion_mnist"


def oxford_flowers(download: bool = False) -> Path:
    """The folder that holds `jpg/` and `imagelabels.mat`.

    With `download` the 8,189 photographs are fetched first; without it they are used if they
    are there, and otherwise 240 pictures, drawn on first use. Raises as `fashion_mnist` does.
    """
    folder = data_folder() / "oxford_flowers"
    if download and not folder.exists():
        fetching.make_folder(folder, _fetch_flowers)
    if folder.exists():
        count = sum(1 for _ in (folder / "jpg").glob("*.jpg"))
        print(f"Data: the real Oxford Flowers, {count:,} photographs, from {folder}")
        return folder
    print("Data: drawn sample, 240 images; the real 8,189 photographs (345 MB): --download")
    return _drawn("oxford_flowers", flowers.draw)


def _fetch_flowers(folder: Path) -> None:
    """Fill `folder` with the real photographs and labels."""
    fetched = data_folder() / "downloads"
    archive = _fetch("oxford_flowers", "102flowers.tgz", fetched / "102flowers.tgz")
    labels = _fetch("oxford_flowers", "imagelabels.mat", fetched / "imagelabels.mat")
    fetching.extract(archive, folder, limit=500_000_000)
    os.replace(labels, folder / "imagelabels.mat")
    archive.unlink()


def horse_or_human(download: bool = False) -> Path:
    """The folder that holds `training/` and `validation/`, each with `horses/` and `humans/`.

    With `download` the 1,027 + 256 images are fetched first; without it they are used if they
    are there, and otherwise 256 + 64 pictures, drawn on first use. Raises as `fashion_mnist`.
    """
    folder = data_folder() / "horse_or_human"
    if download and not folder.exists():
        fetching.make_folder(folder, _fetch_horses_and_humans)
    if folder.exists():
        print(f"Data: the real horses and humans, 1,027 + 256 images, from {folder}")
        return folder
    print("Data: drawn sample, 256 + 64 images; the real 1,027 + 256 (161 MB): --download")
    return _drawn("horse_or_human", horses_and_humans.draw)


def _fetch_horses_and_humans(folder: Path) -> None:
    """Fill `folder` with the real images."""
    parts = {"training": "horse-or-human.zip", "validation": "validation-horse-or-human.zip"}
    fetched = data_folder() / "downloads"
    archives = [_fetch("horse_or_human", name, fetched / name) for name in parts.values()]
    for part, archive in zip(parts, archives, strict=True):
        (folder / part).mkdir()
        fetching.extract(archive, folder / part, limit=500_000_000)
    for archive in archives:
        archive.unlink()


def _drawn(name: str, draw: Callable[[Path], None]) -> Path:
    """The folder of a drawn sample: kept with the data, or where that fails for this run alone."""
    folder = data_folder() / "sample" / name
    try:
        if not folder.exists():  # what is there serves also those who may not write there
            fetching.make_folder(folder, draw)
    except LessonError as error:
        print(f"The sample cannot be kept, and is drawn for this run alone. {error}")
        folder = Path(tempfile.mkdtemp())
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        draw(folder)
    return folder


def text(download: bool = False) -> str:
    """English text in ASCII characters.

    Tiny Shakespeare if it is there, or with `download` once it is fetched; otherwise the help
    texts that ship with Python, about 450,000 characters, which differ a little from one
    version of Python to the next. Raises as `fashion_mnist` does.
    """
    path = data_folder() / "text" / "tinyshakespeare.txt"
    if download and not path.exists():
        _fetch("text", "input.txt", path)
    if path.exists():
        print(f"Data: Tiny Shakespeare, from {path}")
        return path.read_text(encoding="utf-8")
    from pydoc_data.topics import topics

    print("Data: the help texts of Python itself. Tiny Shakespeare (1.1 MB): --download")
    return "\n".join(topics[name] for name in sorted(topics)).encode("ascii", "ignore").decode()


def _fetch(dataset: str, name: str, target: Path) -> Path:
    """Download one file of SOURCES to `target`, unless it is there; return `target`."""
    urls, file = SOURCES[dataset]["urls"], SOURCES[dataset]["files"][name]
    fetching.fetch([url + name for url in urls], target, file["size"], file["sha256"])
    return target
