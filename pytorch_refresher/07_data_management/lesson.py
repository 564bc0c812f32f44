"""Lesson 07: Data Management

A dataset begins as an archive on a server and ends as pairs of an image and a label that a
program can ask for by number. This lesson goes all the way: download and check, unpack with
care, look, write a Dataset. It brings a server of its own, on this machine, so that the
download is a true one and needs no network.

    python lesson.py             the whole lesson, then your practice report
    python lesson.py --practice  the practice report alone
    python lesson.py --download  the same on the real photographs (345 MB)
"""

import contextlib
import functools
import hashlib
import http.server
import io
import os
import socket
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section
from pytorch_refresher._common.console import LessonError
from pytorch_refresher._data.datasets import oxford_flowers

import numpy as np
import requests
from PIL import Image, ImageOps
from torch.utils.data import Dataset
from tqdm import tqdm

IMAGES = 240  # how many the lesson's server offers: all of the sample, a part of the real dataset
SECONDS = (5, 10)  # how long to wait for a connection, and then for the next bytes


class OxfordFlowersDataset(Dataset):
    """Pairs of a picture and its label, counted from 0, out of `jpg/` and `imagelabels.mat`."""

    def __init__(self, folder: Path) -> None:
        from scipy.io import loadmat

        self.folder = Path(folder)
        # The file counts the kinds of flower from 1. PyTorch's losses count classes from 0.
        self.labels = loadmat(self.folder / "imagelabels.mat")["labels"][0] - 1

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, idx: int) -> tuple[Image.Image, int]:
        if not 0 <= idx < len(self):
            raise IndexError(f"there is no image {idx} among {len(self)}")
        # Images are numbered from 1 too: the image at idx 0 is image_00001.jpg.
        with Image.open(self.folder / "jpg" / f"image_{idx + 1:05d}.jpg") as file:
            image = file.convert("RGB")
        return image, int(self.labels[idx])


def download(url: str, target: Path, size: int, sha256: str) -> None:
    """Fetch `url` to `target`, which appears only if it has `size` bytes and that SHA-256.

    Raises requests.RequestException if the server fails, ValueError if something else came.
    """
    part, digest = target.with_name(target.name + ".part"), hashlib.sha256()
    with requests.get(url, stream=True, timeout=SECONDS) as response:
        response.raise_for_status()  # 404 and the like are errors, not data
        announced = int(response.headers.get("content-length", size))
        bar = tqdm(total=announced, unit="B", unit_scale=True, disable=None)
        with bar, part.open("wb") as file:
            for chunk in response.iter_content(chunk_size=65536):
                file.write(chunk)
                digest.update(chunk)
                bar.update(len(chunk))
    if part.stat().st_size != size or digest.hexdigest() != sha256:
        part.unlink()
        raise ValueError(f"{url} is not the file: its size or its SHA-256 differs")
    part.replace(target)  # in one step: under its final name the file is always whole


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar archive to `folder`, which appears only once it is whole.

    Raises tarfile.FilterError for a member that leads out of the folder.
    """
    with tarfile.open(archive) as file, tempfile.TemporaryDirectory(dir=folder.parent) as room:
        file.extractall(Path(room) / "unpacked", filter="data")
        (Path(room) / "unpacked").replace(folder)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves the files of one folder, and prints neither requests nor broken connections."""

    def log_message(self, *_) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # who asked may hang up halfway, on Ctrl-C
            super().handle()


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve `folder` on this machine and give its address; stop when the `with` block ends."""
    # A proxy, where one is set, must not be asked for an address on this machine.
    os.environ["no_proxy"] = ",".join(filter(None, (os.environ.get("no_proxy"), "127.0.0.1")))
    handler = functools.partial(QuietHandler, directory=str(folder))
    # Port 0 asks the operating system for any port that is free.
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:  # also after an error or Ctrl-C
            server.shutdown()


@contextlib.contextmanager
def refused(what: str, error: type[Exception]) -> Iterator[None]:
    """Print that the `with` block ended in this error, as it must."""
    try:
        yield
    except error as caught:
        print(f"Refused, {type(caught).__name__}: {what}")
    else:
        raise AssertionError(f"accepted: {what}")


def publish(folder: Path, site: Path) -> dict[str, tuple[int, str]]:
    """Fill a site as Oxford does; add two bad archives. Returns size and SHA-256 of the good."""
    from scipy.io import loadmat, savemat

    site.mkdir()
    labels = loadmat(folder / "imagelabels.mat")["labels"]  # (1, N)
    every = max(1, labels.size // IMAGES)  # neighbors in the real dataset are of one kind
    savemat(site / "imagelabels.mat", {"labels": labels[:, ::every][:, :IMAGES]})
    with tarfile.open(site / "102flowers.tgz", "w:gz", compresslevel=1) as archive:
        for idx, old in enumerate(range(0, labels.size, every)[:IMAGES]):
            image = folder / "jpg" / f"image_{old + 1:05d}.jpg"
            archive.add(image, arcname=f"jpg/image_{idx + 1:05d}.jpg")
    files = {}
    for path in sorted(site.iterdir()):
        files[path.name] = path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()

    # The same archive with one bit flipped, by a bad disk or by somebody.
    tampered = bytearray((site / "102flowers.tgz").read_bytes())
    tampered[len(tampered) // 2] ^= 1
    (site / "tampered.tgz").write_bytes(tampered)

    # An archive whose only file has a name that climbs out of the folder.
    with tarfile.open(site / "climbing.tgz", "w:gz") as archive:
        member = tarfile.TarInfo("../outside.txt")
        member.size = 4
        archive.addfile(member, io.BytesIO(b"harm"))
    return files


def fetch_the_files(url: str, files: dict[str, tuple[int, str]], room: Path) -> None:
    section("A download that you can trust")

    # A SHA-256 is 64 hexadecimal digits, computed from all bytes of a file. The letters s and r
    # differ in one bit, and the digits show no likeness.
    for content in (b"flowers", b"flowerr"):
        print(f"{content} {hashlib.sha256(content).hexdigest()[:32]} ...")

    # Keep the size and the SHA-256 of a dataset in the program that fetches it. download(), near
    # the top of this file, gives the file its final name only if both are right.
    for name, (size, sha256) in files.items():
        download(f"{url}/{name}", room / name, size, sha256)
        assert (room / name).read_bytes() == (room / "site" / name).read_bytes()
        print(f"{name}: fetched and checked")

    # With stream=True the file arrives in chunks, and memory stays small whatever its size.
    with requests.get(f"{url}/102flowers.tgz", stream=True, timeout=SECONDS) as response:
        announced = int(response.headers["content-length"])
        chunks = [len(chunk) for chunk in response.iter_content(chunk_size=65536)]
    print(f"{max(chunks) = } bytes at a time, of {announced / 1e6:.1f} MB")
    assert sum(chunks) == announced and max(chunks) <= 65536


def refuse_what_is_wrong(url: str, files: dict[str, tuple[int, str]], room: Path) -> None:
    section("What can go wrong, and what notices")

    # A server that takes the call and says nothing. Without a timeout, requests waits for ever.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with refused("no word within 0.2 seconds", requests.Timeout):
            requests.get(address, timeout=(5, 0.2))

    # A wrong address: the server sends a page for people. A program that does not look at the
    # status saves that page under the name of the dataset.
    page = requests.get(f"{url}/no_such_file.tgz", timeout=SECONDS)
    print(f"{page.status_code = }, {page.content[:9].upper() = }")
    size, sha256 = files["102flowers.tgz"]
    with refused("a page instead of the archive", requests.HTTPError):
        download(f"{url}/no_such_file.tgz", room / "page.tgz", size, sha256)

    # One bit in millions differs. Status and size are right; only the checksum tells.
    assert (room / "site" / "tampered.tgz").stat().st_size == size
    with refused("a tampered archive", ValueError):
        download(f"{url}/tampered.tgz", room / "tampered.tgz", size, sha256)

    # Of the two nothing is left, not even a part.
    print(f"{sorted(path.name for path in room.glob('*.*')) = }")
    assert sorted(path.name for path in room.glob("*.*")) == sorted(files)


def unpack_with_care(room: Path) -> Path:
    section("An archive may name any place")
    if not hasattr(tarfile, "data_filter"):
        raise LessonError("This lesson needs Python 3.11.4 or newer, whose tarfile has filters.")

    # A member of an archive is a name and some bytes. This one's name begins with "../".
    climbing, trusting = room / "site" / "climbing.tgz", room / "trusting"
    (trusting / "inside").mkdir(parents=True)
    with tarfile.open(climbing) as archive:
        print(f"{archive.getnames() = }")

        # Unpacked with full trust, as every Python before 3.14 does unless told otherwise, it
        # writes beside the folder that you named, or over any file that you may write.
        archive.extractall(trusting / "inside", filter="fully_trusted")
    print(f"{sorted(path.name for path in trusting.iterdir()) = }")
    assert (trusting / "outside.txt").read_text() == "harm"

    # filter="data" refuses names and links that lead out, and devices.
    careful = room / "careful"
    careful.mkdir()
    with refused("a path that climbs out", tarfile.FilterError):
        unpack(climbing, careful / "inside")
    print(f"{list(careful.iterdir()) = }")
    assert not list(careful.iterdir())

    # The flowers are well-behaved.
    folder = room / "oxford_flowers"
    unpack(room / "102flowers.tgz", folder)
    (room / "imagelabels.mat").replace(folder / "imagelabels.mat")
    print(f"{sorted(path.name for path in folder.iterdir()) = }")
    return folder


def look_at_the_files(folder: Path) -> None:
    section("What is in the folder")
    from scipy.io import loadmat

    # imagelabels.mat is a file of MATLAB. loadmat reads it as a dictionary of NumPy arrays. The
    # labels are a matrix of one row, and count the kinds of flower from 1.
    labels = loadmat(folder / "imagelabels.mat")["labels"]
    print(f"{labels.shape = }, {labels.dtype = }")
    print(f"{labels[0, :8].tolist() = }, {labels.min().item() = }")
    assert labels.ndim == 2 and labels.min() >= 1

    # Image.open reads the head of a file: its size is known, its pixels are still on disk.
    with Image.open(folder / "jpg" / "image_00001.jpg") as image:
        print(f"{image.format = }, {image.mode = }, {image.size = }")

        # Pillow says (width, height). The array has (height, width, channels), from 0 to 255.
        # Each photograph has a size of its own; lesson 08 makes them alike.
        pixels = np.asarray(image)
        print(f"{pixels.shape = }, {pixels.dtype = }, {pixels.nbytes = :,}")
        assert pixels.shape == (image.height, image.width, 3)


def three_methods(folder: Path) -> None:
    section("Three methods make a Dataset")

    # __init__ reads what is small and needed at once: the labels, now counted from 0.
    dataset = OxfordFlowersDataset(folder)
    print(f"{dataset.labels[:8].tolist() = }")

    # len(dataset) calls __len__: how many images there are.
    print(f"{len(dataset) = }")
    assert len(dataset) == len(list((folder / "jpg").iterdir()))

    # dataset[0] calls __getitem__(0): one image is opened now, and comes with its label.
    image, label = dataset[0]
    print(f"{image.size = }, {label = }")

    # `for` works too. It asks for 0, 1, 2, ... until an IndexError: that is why __getitem__
    # raises one, and not the FileNotFoundError of an image that is not there.
    print(f"{sum(1 for image, label in dataset) = }")
    with refused("dataset[len(dataset)]", IndexError):
        dataset[len(dataset)]


def lazy_and_eager(folder: Path) -> None:
    section("Lazy or eager: open images when asked, or all at once")

    # Lazy, as above: the dataset is there at once, and holds labels and a folder's name.
    start = time.perf_counter()
    lazy = OxfordFlowersDataset(folder)
    lazy_ready = time.perf_counter() - start

    # Eager: every image is opened first, and its pixels stay in memory. 240 are enough to see.
    start = time.perf_counter()
    count = min(IMAGES, len(lazy))
    eager = [(np.asarray(image), label) for image, label in (lazy[idx] for idx in range(count))]
    eager_ready = time.perf_counter() - start

    # Then 100 images are asked for, of both.
    pixels = sum(pixels.nbytes for pixels, _ in eager)
    rows = [("lazy", lazy, lazy_ready, lazy.labels.nbytes), ("eager", eager, eager_ready, pixels)]
    print("       ready after   100 images take        memory")
    for name, dataset, ready, memory in rows:
        start = time.perf_counter()
        for idx in range(100):
            dataset[idx]
        asked = time.perf_counter() - start
        print(f"{name:<6} {ready:>9.4f} s {asked:>15.3f} s {memory / 1e6:>10.4f} MB")

    # A JPEG is compressed: on disk it takes a small part of what its pixels take in memory.
    files = [folder / "jpg" / f"image_{idx + 1:05d}.jpg" for idx in range(count)]
    on_disk = sum(path.stat().st_size for path in files)
    print(f"{count} images: {on_disk / 1e6:.1f} MB on disk, {pixels / 1e6:.1f} MB in memory")
    print(f"the real 8,189: about {pixels / count * 8189 / 1e9:.1f} GB in memory")
    assert pixels > 5 * on_disk and lazy.labels.nbytes < on_disk / 100


def picture(folder: Path) -> None:
    section("A grid of flowers")
    import matplotlib.pyplot as plt

    # The labels are there without opening an image. So one image of each of ten kinds can be
    # chosen first, and only those ten are read.
    dataset = OxfordFlowersDataset(folder)
    kinds = np.unique(dataset.labels)[:10]
    figure, axes = plt.subplots(2, 5, figsize=(7.2, 3.5), layout="constrained")
    for axis, kind in zip(axes.flat, kinds, strict=True):
        idx = int(np.flatnonzero(dataset.labels == kind)[0])
        image, label = dataset[idx]
        # The middle of the picture, in few colors: that keeps the file of the figure small.
        small = ImageOps.fit(image, (140, 140)).quantize(24, kmeans=3).convert("RGB")
        axis.imshow(small, interpolation="nearest")
        axis.set_title(f"label {label}, image {idx}", fontsize=9)
        axis.axis("off")
    print(f"{len(kinds)} images were opened, of {len(dataset):,}")
    figure.suptitle("One image of each of ten kinds of flower")
    save_figure(figure, "flowers")


# -----------------------------------------------------------------------------------------
# Practice problems. Replace each `raise NotImplementedError` with your answer and run this
# file again. solutions.py has one answer to each, and the checks that mark yours.
# -----------------------------------------------------------------------------------------


def transformed_flowers(folder: Path, transform=None) -> Dataset:
    """Problem 1. Add a transform parameter to the custom dataset.

    folder: holds `jpg/` and `imagelabels.mat`, as above. transform: a function that takes an
    image and returns what the dataset is to give in its place, or None to leave images alone.
    Write a class like OxfordFlowersDataset whose __init__ takes both, and return an object of
    it. Its items are pairs (transform(image), label), the label an int from 0 up. The transform
    is called each time an item is asked for, and not before: a random one gives a new variation
    each time.
    """
    raise NotImplementedError


def flowers_repr(self: OxfordFlowersDataset) -> str:
    """Problem 2. Implement `__repr__` for better dataset inspection.

    print(dataset) shows what the method __repr__(self) returns. Return a text of the form
        OxfordFlowersDataset(240 images of 10 kinds in data/oxford_flowers)
    with the name of the object's class (also where it is another class), the length of the
    dataset, how many different labels occur in `self.labels`, and `self.folder`. No image is
    opened. `OxfordFlowersDataset.__repr__ = flowers_repr` then gives the method to the class.
    """
    raise NotImplementedError


def only_classes(dataset: Dataset, classes: list[int]) -> Dataset:
    """Problem 3. Create a subset dataset that only includes certain classes.

    dataset: has `labels`, a NumPy array with the class of each item, and its items are pairs
    (image, label). Return a Dataset of the items whose class is in `classes`, in their old
    order and with their old labels. It may be empty. Nothing is opened before it is asked for:
    `dataset[idx]` is called only when somebody asks for that item.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__, download=True)
    if not arguments.practice:
        folder = oxford_flowers(arguments.download)
        with tempfile.TemporaryDirectory() as temporary:
            room = Path(temporary)
            files = publish(folder, room / "site")
            with serve(room / "site") as url:
                fetch_the_files(url, files, room)
                refuse_what_is_wrong(url, files, room)
            unpacked = unpack_with_care(room)
            look_at_the_files(unpacked)
            three_methods(unpacked)
        # From here on all of the dataset, real or drawn: the same line opens either.
        lazy_and_eager(folder)
        picture(folder)
    report_practice(__file__)


if __name__ == "__main__":
    main()
