"""Lesson 07: Data Management

Lesson 06 trained on four numbers that were typed into the code. Real data looks different: 8,189
photographs of flowers in a folder, which as pixels would fill 7 GB of memory, and a file of labels
that MATLAB wrote. Between that folder and a training loop you need something that looks like a
list, but opens a photograph only when it is asked for. That is a Dataset.

    python lesson.py             run the lesson, then mark your practice answers
    python lesson.py --practice  only mark your practice answers
    python lesson.py --download  the same on the real photographs (345 MB)
"""

import hashlib
import itertools
import sys
import tarfile
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import (
    lesson_arguments,
    report_practice,
    save_figure,
    section,
    show_error,
)
from pytorch_refresher._common.console import LessonError
from pytorch_refresher._data import oxford_flowers
from pytorch_refresher._data.server import publish, serve

import numpy as np
import requests
from PIL import Image, ImageOps
from torch.utils.data import Dataset
from tqdm import tqdm

REAL = 8189  # photographs in the real dataset, which lessons 07 to 09 use with --download
LOADED = 240  # flowers that are opened to compare lazy and eager: all of the built-in ones
SHOWN = 10  # flowers in the figure, each of another class
OFFERED = 60  # flowers in the archive that the lesson downloads
SECONDS = (5, 10)  # how long a download waits for a connection, and then for the next bytes
CHUNK = 65_536  # how many bytes a download reads at a time


def two_questions(folder: Path) -> None:
    section("The two questions that training asks")
    from scipy.io import loadmat

    # Lesson 06 had four deliveries, a distance and a time each. For those a list was enough,
    # because a list answers both questions: how many samples are there, and what is number i?
    deliveries = [(1.0, 6.96), (2.0, 12.11), (3.0, 16.77), (4.0, 22.21)]
    print(f"{len(deliveries) = }, {deliveries[2] = }")

    # The flowers answer neither. They are files whose names are numbers ...
    names = sorted(path.name for path in (folder / "jpg").iterdir())
    print(f"{len(names):,} files from {names[0]} to {names[-1]}")

    # ... and a matrix in a MATLAB file, which SciPy reads as a NumPy array. Its single row
    # holds the labels: for each image, the number of its class, the kind of flower it shows.
    labels = loadmat(str(folder / "imagelabels.mat"))["labels"]
    print(f"{labels.shape = }, {labels[0, :8].tolist() = }")

    # Could we put all the images into a list? On disk, a JPEG file is compressed. In memory, each
    # pixel takes 3 bytes. Note the order: Pillow says (width, height), the array of the pixels
    # has (height, width, channels), and the channels are red, green and blue.
    path = folder / "jpg" / names[0]
    with Image.open(path) as image:
        pixels = np.asarray(image)
        print(f"{image.size = }, {pixels.shape = }, {pixels.dtype = }")
    print(f"{path.stat().st_size / 1e6:.2f} MB on disk, {pixels.nbytes / 1e6:.2f} MB in memory")
    print(f"all {REAL:,} in a list: about {REAL * pixels.nbytes / 1e9:.1f} GB")


class Squares(Dataset):
    """The smallest useful Dataset: 0, 1 and 4, computed when asked for. No list holds them."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> int:
        if not 0 <= index < len(self):
            raise IndexError(f"there is no square {index}")
        return index**2


def the_smallest_dataset() -> None:
    section("The smallest Dataset")

    # len(squares) calls squares.__len__(), and squares[2] calls squares.__getitem__(2).
    squares = Squares()
    print(f"{len(squares) = }, {squares[2] = }")

    # A `for` loop asks for number 0, 1, 2, ... until it gets an IndexError. It never asks for the
    # length! So every Dataset has to raise IndexError beyond its end, as a list does. (islice
    # stops after 8, in case you make a Dataset without an end.)
    print(f"{list(itertools.islice(squares, 8)) = }")
    with show_error("squares[3]"):
        squares[3]

    # What does the base class add? Very little. `+` chains two datasets, and PyTorch and your
    # readers can tell what kind of thing this is. The two methods are the whole contract.
    print(f"{list(squares + squares) = }")


class OxfordFlowersDataset(Dataset):
    """The flowers in a folder with `jpg/` and `imagelabels.mat`, opened only when asked for."""

    def __init__(self, folder: Path) -> None:
        from scipy.io import loadmat

        self.folder = Path(folder)
        # The file counts classes from 1, but PyTorch's losses count from 0.
        self.labels = loadmat(str(self.folder / "imagelabels.mat"))["labels"][0] - 1
        # Image 0 is image_00001.jpg. We build the names and don't list the folder: if a file were
        # missing there, every later image would silently get its neighbor's label.
        names = [f"image_{idx + 1:05d}.jpg" for idx in range(len(self.labels))]
        self.image_paths = [self.folder / "jpg" / name for name in names]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"there is no flower {index} among {len(self)}")
        with Image.open(self.image_paths[index]) as file:
            # This reads the pixels, before the file is closed. A gray image gets 3 channels, too.
            image = file.convert("RGB")
        return image, int(self.labels[index])


def the_flowers_as_a_dataset(dataset: OxfordFlowersDataset) -> None:
    section("The flowers as a Dataset")

    # Now the flowers answer both questions, and nobody has to know about numbered files.
    print(f"{len(dataset) = }")
    image, label = dataset[0]
    print(f"{image.size = }, {image.mode = }, {label = }")
    print("The first of the real photographs: image.size = (591, 500), label = 76")

    # Labels are small, so __init__ has read them all. How many images does each class have?
    # bincount answers without opening a single one.
    print(f"{dataset.labels[:8].tolist() = }")
    print(f"{np.bincount(dataset.labels)[:10].tolist() = }")
    with show_error("dataset[len(dataset)]"):
        dataset[len(dataset)]


def measured(make: Callable) -> tuple[object, float, float]:
    """Call `make`; return its result, the seconds, and the most megabytes it held at any time."""
    tracemalloc.start()  # counts the memory that Python and NumPy take from here on
    start = time.perf_counter()
    result = make()
    seconds = time.perf_counter() - start
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return result, seconds, peak / 1e6


def lazy_and_eager(folder: Path) -> None:
    section("Lazy or eager?")

    # Lazy, as above: it knows where the images are, and opens none.
    # (`lambda:` wraps it in a function, so that `measured` can start its clock first.)
    lazy, lazy_ready, lazy_held = measured(lambda: OxfordFlowersDataset(folder))

    # Eager: it opens all of them at once and keeps the pixels. A few are enough to see the price.
    count = max(1, min(LOADED, len(lazy)))
    samples = (lazy[index] for index in range(count))
    eager, eager_ready, eager_held = measured(
        lambda: [(np.asarray(image), label) for image, label in samples]
    )

    # Eager pays in advance, lazy pays each time. Look at all three columns.
    print(f"{'':<6} {'ready after':>12} {'then 100 images in':>19} {'memory':>10}")
    rows = (("lazy", lazy, lazy_ready, lazy_held), ("eager", eager, eager_ready, eager_held))
    for name, dataset, ready, held in rows:
        start = time.perf_counter()
        for index in range(100):
            dataset[index % count]
        asked = time.perf_counter() - start
        print(f"{name:<6} {ready:>10.4f} s {asked:>17.4f} s {held:>7.1f} MB")

    # What would the whole dataset take? Compare it with the memory of your own machine.
    on_disk = sum(path.stat().st_size for path in lazy.image_paths[:count])
    print(f"{count} files take {on_disk / 1e6:.1f} MB on disk")
    print(f"all {REAL:,}, eager: about {eager_held / count * REAL / 1e3:.1f} GB")


def one_of_each(dataset: OxfordFlowersDataset) -> dict[int, int]:
    """The first image of each of a few classes: a dictionary from label to index."""
    section("Flowers with their labels")

    # np.unique gives each label once, and where it occurs first. Only after choosing by label do
    # we open an image: ten of them, however many there are.
    labels, first = np.unique(dataset.labels, return_index=True)
    chosen = dict(zip(labels[:SHOWN].tolist(), first[:SHOWN].tolist(), strict=True))
    for label, index in chosen.items():
        print(f"label {label}: {dataset.image_paths[index].name}")
    return chosen


def download(url: str, target: Path) -> None:
    """Fetch the file at `url`, a chunk at a time."""
    # Without a timeout, requests waits forever for a server that has fallen silent.
    with requests.get(url, stream=True, timeout=SECONDS) as response:
        # For a wrong address, a server sends a page that says "not found". That isn't data.
        response.raise_for_status()
        size = int(response.headers.get("content-length", 0)) or None  # tells the bar its length
        bar = tqdm(total=size, unit="B", unit_scale=True, disable=None)  # only on a terminal
        with bar, target.open("wb") as file:
            # A chunk goes to the disk before the next one is read. The file is never in memory.
            for chunk in response.iter_content(chunk_size=CHUNK):
                file.write(chunk)
                bar.update(len(chunk))


def fetch_the_flowers(url: str, room: Path) -> None:
    section("Where data comes from: a download")

    # The server runs on this very machine, so the download is real and needs no network. The
    # real files are at https://www.robots.ox.ac.uk/~vgg/data/flowers/102/ under the same names.
    download(f"{url}/imagelabels.mat", room / "imagelabels.mat")
    archive = room / "102flowers.tgz"
    _, _, held = measured(lambda: download(f"{url}/102flowers.tgz", archive))
    print(f"{archive.stat().st_size / 1e6:.1f} MB came, never more than {held:.1f} MB in memory")

    # stream=True is the lazy way to download: the program holds a chunk, never the whole file.
    # What if the address is wrong? There is an answer all the same, and it isn't an archive.
    answer = requests.get(f"{url}/no_such_file.tgz", timeout=SECONDS)
    print(f"{answer.status_code = }, {answer.headers['content-type'] = }")


def check(file: Path, published: str) -> None:
    """Raise ValueError unless a file has the SHA-256 that was published for it."""
    # file_digest reads a chunk at a time, so that a large file is no problem here, either.
    with file.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != published:
        raise ValueError(f"the SHA-256 of {file.name} is not the one that was published")


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .tgz file, that is, a tar archive (many files in one) compressed with gzip.

    Raises ValueError if it would write anywhere but into `folder`.
    """
    if not hasattr(tarfile, "data_filter"):
        raise LessonError("Unpacking needs Python 3.11.4 or newer, which can keep out bad names.")
    with tarfile.open(archive) as file:
        # The filter "data" refuses names and links that lead out of `folder`, and devices.
        # Without it, an archive may write wherever you may.
        try:
            file.extractall(folder, filter="data")
        except tarfile.OutsideDestinationError as error:
            message = f"{archive.name} holds {error.tarinfo.name!r}, which leads out of the folder"
            raise ValueError(message) from None


def two_archives_that_are_refused(room: Path, published: str) -> None:
    section("Before you trust an archive")

    # Is it the file that you wanted, and could it do any harm? First, the published checksum.
    # A SHA-256 is 64 digits computed from all the bytes of a file. Change a letter, and nothing
    # is left of them.
    for content in (b"flowers", b"flowerz"):
        print(f"{content} {hashlib.sha256(content).hexdigest()[:32]} ...")

    # So flip a single bit of our archive, as a bad disk would, or somebody who means harm.
    # It has the right name and the right size. Only the checksum tells.
    good, tampered = room / "102flowers.tgz", room / "tampered.tgz"
    content = bytearray(good.read_bytes())
    content[len(content) // 2] ^= 1
    tampered.write_bytes(content)
    print(f"{tampered.stat().st_size == good.stat().st_size = }")
    for file in (good, tampered):
        with show_error(f"check({file.name})"):
            check(file, published)

    # Every file in an archive brings its own path, and nothing keeps that from climbing out of
    # your folder, to write over whatever it likes.
    climbing = room / "climbing.tgz"
    with tarfile.open(climbing, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../outside.txt"))
    (room / "inside").mkdir()
    with show_error("unpack(climbing.tgz, room / 'inside')"):
        unpack(climbing, room / "inside")
    print(f"{(room / 'outside.txt').exists() = }")


def unpack_and_open(room: Path) -> None:
    section("From the archive to the Dataset")

    folder = room / "oxford_flowers"
    unpack(room / "102flowers.tgz", folder)
    (room / "imagelabels.mat").replace(folder / "imagelabels.mat")
    print(f"{sorted(path.name for path in folder.iterdir()) = }")

    # The same class opens it, and the loop ends by itself.
    dataset = OxfordFlowersDataset(folder)
    classes = {label for image, label in dataset}
    print(f"{len(dataset)} flowers of {len(classes)} classes")

    # torchvision has a class that does all this for you: torchvision.datasets.Flowers102(root,
    # split="train", download=True). It also fetches setid.mat, the official splits: 1,020 images
    # to train on ("train"), 1,020 to validate ("val") and 6,149 to test ("test").


def draw_flowers(dataset: OxfordFlowersDataset, chosen: dict[int, int]) -> None:
    from pytorch_refresher._common.figures import image_grid

    images = []
    for index in chosen.values():
        image, _ = dataset[index]
        # A square from the middle, in few colors: that keeps the figure's file small.
        square = ImageOps.fit(image, (140, 140))
        images.append(square.quantize(24, kmeans=3).convert("RGB"))
    titles = [f"image {index}, label {label}" for label, index in chosen.items()]
    figure, grid = image_grid(images, titles)  # imshow takes an image of Pillow's as it is
    for axes in grid:
        axes.images[0].set_interpolation("nearest")
    save_figure(figure, "flowers")


# -----------------------------------------------------------------------------------------
# Practice. Replace each `raise NotImplementedError` with your answer, then run this file with
# --practice: it marks your answers and tells you what to look at next.
# -----------------------------------------------------------------------------------------


def transformed_flowers(folder: Path, transform: Callable | None = None) -> Dataset:
    """Problem 1 (easy, 10 minutes). Add a transform parameter to the dataset.

    Write a class like OxfordFlowersDataset whose __init__ takes both arguments, and return an
    object of it. folder: holds jpg/ and imagelabels.mat, as above; some images may be gray.
    transform: a function that takes an RGB image and returns anything, or None.
    The samples are pairs (transform(image), label), or (image, label) without a transform; labels
    count from 0. The transform is called each time that a sample is asked for, and never before:
    lesson 08 uses random ones. A `for` loop over the dataset ends.
    """
    raise NotImplementedError


def flowers_repr(self: OxfordFlowersDataset) -> str:
    """Problem 2 (medium, 10 minutes). Let print(dataset) say what you'd check before training.

    print(dataset) shows the text that dataset.__repr__() returns. Write that method; Python gets
    it with OxfordFlowersDataset.__repr__ = flowers_repr.
    Return a text that begins with the name of the object's class (of a derived one, too) and
    then says five numbers in this order; all other words are up to you:
      1. how many samples there are;      2. how many classes occur among their labels;
      3. how many samples the rarest of these classes has;      4. and the most frequent one;
      5. how many of the image files are missing.
    Use self.labels and self.image_paths, and open no image.
    """
    raise NotImplementedError


def only_classes(dataset: Dataset, classes: list[int]) -> Dataset:
    """Problem 3 (medium, 15 minutes). Make a subset that only includes certain classes.

    dataset: its samples are pairs (image, label), and its `labels` are a NumPy array with the
    label of each. classes: the labels to keep, in any order; perhaps none.
    Return a Dataset of these samples in their old order, with their old labels. It has `labels`,
    too, so that only_classes can be called on a subset again, and a `for` loop over it ends.
    dataset[index] is called only when somebody asks for that sample.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__, download=True)
    if not arguments.practice:
        folder = oxford_flowers(arguments.download)
        two_questions(folder)
        the_smallest_dataset()
        dataset = OxfordFlowersDataset(folder)
        the_flowers_as_a_dataset(dataset)
        lazy_and_eager(folder)
        draw_flowers(dataset, one_of_each(dataset))
        # What is downloaded and unpacked now is gone when the lesson ends.
        with tempfile.TemporaryDirectory() as temporary:
            room = Path(temporary)
            published = publish(folder, room / "site", OFFERED)
            with serve(room / "site") as url:
                fetch_the_flowers(url, room)
            two_archives_that_are_refused(room, published["102flowers.tgz"])
            unpack_and_open(room)
    report_practice(__file__)


if __name__ == "__main__":
    main()
