"""Lesson 07: the checks that mark your practice answers."""

import itertools
import re
import tempfile
from collections import Counter
from pathlib import Path

from pytorch_refresher._common.marking import NotYet, expect, expect_parts, expect_type, reject

import numpy as np
from PIL import Image
from torch.utils.data import Dataset

MODES = ("RGB", "L", "RGB", "CMYK", "RGB")  # of the images of a folder, one after the other


def _write_images(folder: Path, count: int, height: int) -> None:
    """Write images for `count` samples. That of sample 2, say, is 12 pixels wide."""
    (folder / "jpg").mkdir(parents=True, exist_ok=True)
    for index, mode in zip(range(count), itertools.cycle(MODES)):  # noqa: B905  one has no end
        path = folder / "jpg" / f"image_{index + 1:05d}.jpg"
        Image.new(mode, (10 + index, height)).save(path)


def check_transformed_flowers(answer) -> None:
    from scipy.io import savemat

    for labels in ([3, 1, 102, 1, 7], [4, 9]):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
            folder = Path(temporary) / "flowers"
            _write_images(folder, len(labels), height=8)
            savemat(folder / "imagelabels.mat", {"labels": np.array([labels], dtype=np.uint8)})
            seen = []

            def transform(image, *, seen=seen):
                expect_type(image, Image.Image, "what the transform is given")
                _expect_image(image, image.width - 10, "the image that the transform is given")
                seen.append(image.width - 10)
                return len(seen) - 1  # 0 at first: what a transform returns may count as False

            plain, transformed = answer(folder), answer(folder, transform)
            expect(not seen, "the transform is called before any sample is asked for")
            # Whoever has opened the images too early has those that were 8 pixels high.
            _write_images(folder, len(labels), height=9)
            _check_plain(plain, labels)
            _check_transformed(transformed, labels, seen)


def _check_plain(dataset: object, labels: list[int]) -> None:
    expect_type(dataset, Dataset)
    for index in range(len(labels)):
        image, label = expect_parts(dataset[index], "the image", "the label")
        what = f"without a transform, the image of sample {index}"
        expect_type(image, Image.Image, what)
        _expect_image(image, index, what)
        expect_type(label, int, f"the label of sample {index}")
        _expect_label(label, labels, index)
    _expect_an_end(dataset, len(labels))


def _expect_image(image: Image.Image, index: int, what: str) -> None:
    try:
        image.load()
    except Exception:
        expect(False, f"{what} cannot be read, because its file is closed: convert it before that")
    expect(image.mode == "RGB", f'{what} has mode {image.mode}: convert("RGB")')
    reject(image.width, 10 + index, {f"{what} is the one before: files count from 1": 9 + index})
    expect(image.width == 10 + index, f"{what} belongs to another sample")
    expect(image.height == 9, f"{what} was opened too early: open it when it is asked for")


def _expect_label(label: int, labels: list[int], index: int) -> None:
    what = f"the label of sample {index} is {label}"
    reject(label, labels[index] - 1, {f"{what}: classes count from 0": labels[index]})
    expect(label == labels[index] - 1, f"{what}, expected {labels[index] - 1}")


def _check_transformed(dataset: object, labels: list[int], seen: list[int]) -> None:
    expect_type(dataset, Dataset, "with a transform, the result")
    # The last sample comes twice: a random transform has to get another chance.
    for call, index in enumerate((len(labels) - 1, 0, len(labels) - 1), start=1):
        image, label = expect_parts(dataset[index], "the image", "the label")
        again = " again" if call == 3 else ""
        expect(len(seen) >= call, f"sample {index} is asked for{again}, but no transform is called")
        expect(len(seen) == call, "the transform is called more than once for one sample")
        expect(seen[-1] == index, f"for sample {index}, another image is transformed")
        result = isinstance(image, int) and image == call - 1
        expect(result, "the sample holds something other than the transform returned")
        _expect_label(label, labels, index)
    _expect_an_end(dataset, len(labels))


def _expect_an_end(dataset: Dataset, length: int) -> None:
    """Fail unless the dataset has `length` samples, for len() and for a `for` loop."""
    found = len(dataset)
    expect(found == length, f"len() of the dataset is {found}, expected {length}")
    try:
        goes_on = len(list(itertools.islice(dataset, length + 1))) > length
    except NotYet:
        raise  # the transform has seen something that isn't right
    except Exception as error:
        kind = type(error).__name__
        expect(False, f"a `for` loop over it ends in {kind}: raise IndexError beyond the end")
    expect(not goes_on, f"a `for` loop goes on after {length} samples: raise IndexError there")


class OxfordFlowersDataset(Dataset):
    """What the lesson's class shows from outside. Its images are not to be opened."""

    def __init__(self, folder: Path, labels: list[int]) -> None:
        self.folder, self.labels = folder, np.array(labels, dtype=np.uint8)
        names = [f"image_{number:05d}.jpg" for number in range(1, len(labels) + 1)]
        self.image_paths = [folder / "jpg" / name for name in names]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int):
        expect(False, "an image is opened: the labels and the paths are enough")


class SmallGarden(OxfordFlowersDataset):
    """The same under another name."""


def check_flowers_repr(answer) -> None:
    cases = (  # the labels, and the numbers of the files that are missing
        (OxfordFlowersDataset, [0, 4, 4, 101, 0, 4, 9], []),
        (SmallGarden, [7, 7, 3, 3, 3], [2, 5]),
        (OxfordFlowersDataset, [0, 1, 1, 2, 2, 0, 1, 2], [1, 3, 8]),
        (OxfordFlowersDataset, [5], [1]),
    )
    for kind, labels, missing in cases:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
            dataset = kind(Path(temporary), labels)
            (Path(temporary) / "jpg").mkdir()
            for path in (*dataset.image_paths, Path(temporary, "jpg", "a_stray_file.jpg")):
                path.touch()
            for number in missing:
                dataset.image_paths[number - 1].unlink()
            text = answer(dataset)
        expect_type(text, str)
        kept = dataset.labels.tolist() == labels
        expect(kept, "the labels changed: whoever prints a dataset must find it as it was")
        _expect_summary(text, dataset, len(missing))


def _expect_summary(text: str, dataset: Dataset, missing: int) -> None:
    name, labels = type(dataset).__name__, dataset.labels.tolist()
    expect(text.startswith(name), f"begin with {name}: type(self).__name__ knows the class's name")
    digits = re.sub(r"(?<=\d)[,_](?=\d{3})", "", text.removeprefix(name))
    found = [int(number) for number in re.findall(r"\d+", digits)]
    expect(len(found) == 5, f"say five numbers. In {text!r} there are {len(found)}")
    counts = Counter(labels)
    rarest = min(counts[label] for label in range(max(labels) + 1))
    files = {
        "is that of the files that are there": len(labels) - missing,
        "goes by the files in the folder, one of which is a stray": abs(missing - 1),
    }
    facts = (
        ("samples", len(labels), {}),
        ("classes", len(counts), {"goes by the largest label": max(labels) + 1}),
        ("the rarest class", min(counts.values()), {"is that of one that doesn't occur": rarest}),
        ("the most frequent class", max(counts.values()), {}),
        ("missing files", missing, files),
    )
    for number, (what, expected, mistakes) in zip(found, facts, strict=True):
        what = f"for the labels {labels}, the count of {what}"
        reject(number, expected, {f"{what} {hint}": wrong for hint, wrong in mistakes.items()})
        expect(number == expected, f"{what} is {number}, expected {expected}")


class Counted(Dataset):
    """Its samples are pairs ("image 5", label); `opened` lists which were asked for."""

    def __init__(self, labels: list[int]) -> None:
        self.labels, self.opened = np.array(labels, dtype=np.uint8), []

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int):
        if not 0 <= index < len(self):
            raise IndexError(index)
        self.opened.append(int(index))
        return f"image {int(index)}", int(self.labels[index])


def check_only_classes(answer) -> None:
    labels = [5, 0, 2, 5, 9, 2, 2, 0, 7, 5]
    for classes in ([5, 2], [0], [9, 5, 7], [3], [], [7, 0, 2, 9, 5]):
        dataset, given = Counted(labels), list(classes)
        subset = answer(dataset, given)
        expect(given == classes, f"your list of classes {classes} became {given}: only read it")
        expect(not dataset.opened, "samples are opened to make the subset: look at dataset.labels")
        places = [place for place, label in enumerate(labels) if label in classes]
        _expect_subset(subset, dataset, classes, places)
        # A subset of the subset, without the first of the classes.
        rest = classes[1:]
        places = [place for place in places if labels[place] in rest]
        _expect_subset(answer(subset, list(rest)), dataset, rest, places)
        kept = dataset.labels.tolist() == labels
        expect(kept, "dataset.labels changed: the dataset is not yours to change")


def _expect_subset(subset: object, dataset: Counted, classes: list[int], places: list[int]) -> None:
    labels = [int(dataset.labels[place]) for place in places]
    expect_type(subset, Dataset)
    found = len(subset)
    reject(found, len(places), {"len() is that of the whole dataset": len(dataset)})
    expect(found == len(places), f"for classes {classes}, len() is {found}, expected {len(places)}")
    expect(hasattr(subset, "labels"), "the subset has no labels: it needs them to be a dataset")
    own = np.asarray(subset.labels).tolist()
    in_order = own == labels or sorted(own) != sorted(labels)
    expect(in_order, f"the subset's labels are {own}: keep the samples in their old order")
    expect(own == labels, f"for classes {classes}, the subset's labels are {own}, not {labels}")
    dataset.opened.clear()
    samples = [expect_parts(subset[i], "the image", "the label") for i in range(len(places))]
    images = [image for image, _ in samples]
    right = [f"image {place}" for place in places]
    first = [f"image {index}" for index in range(len(places))]
    hint = "the subset gives the dataset's first samples: look up where each sample has its place"
    expect(images == right or images != first, hint)
    expect(images == right, f"for classes {classes}, the samples are {images}, not {right}")
    expect(dataset.opened == places, "one sample is asked for, and another is opened, too")
    given = [label for _, label in samples]
    expect(given == labels, f"the samples' labels are {given}: keep the old ones, {labels}")
    _expect_an_end(subset, len(places))
