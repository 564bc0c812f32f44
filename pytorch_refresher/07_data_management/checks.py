"""Lesson 07: the checks that mark your practice answers."""

import tempfile
from pathlib import Path

from pytorch_refresher._common.marking import expect, expect_parts, expect_type

import numpy as np
from PIL import Image
from scipy.io import savemat
from torch.utils.data import Dataset


def check_transformed_flowers(answer) -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        labels = [3, 1, 102, 1]
        (folder / "jpg").mkdir()
        for number in range(1, len(labels) + 1):  # a width of its own tells each image
            image = Image.new("RGB", (10 + number, 8), (40 * number, 90, 30))
            image.save(folder / "jpg" / f"image_{number:05d}.jpg")
        savemat(folder / "imagelabels.mat", {"labels": np.array([labels], dtype=np.uint8)})
        expect_plain_items(answer(folder), labels)

        seen = []

        def transform(image):
            expect(
                isinstance(image, Image.Image),
                f"the transform was given a {type(image).__name__} instead of an image",
            )
            seen.append(image.width)
            return f"call {len(seen)}, image {image.width - 11}"

        dataset = answer(folder, transform)
        expect(not seen, "the transform was called before any item was asked for")
        expect_type(dataset, Dataset, "with a transform, the result")
        for call, idx in enumerate((2, 0, 2), start=1):
            image, label = expect_parts(dataset[idx], "the image", "the label")
            expect(bool(seen), "the transform was not called: is it kept in __init__?")
            expect(
                len(seen) >= call,
                "the transform was not called anew for an item that was asked for again",
            )
            expect(
                isinstance(image, str) and image.startswith("call "),
                "the item has the image as it was: return what the transform gave",
            )
            expect(image.endswith(f"image {idx}"), f"item {idx} has another item's image")
            expect(len(seen) == call, "the transform was called more than once for one item")
            expect(label == labels[idx] - 1, f"with a transform, the label of item {idx} differs")


def expect_plain_items(dataset: Dataset, labels: list[int]) -> None:
    """Fail unless the dataset without a transform gives images as they are, and labels from 0."""
    expect_type(dataset, Dataset)
    expect(
        len(dataset) == len(labels),
        f"the dataset has length {len(dataset)} for {len(labels)} images",
    )
    for idx, label in enumerate(labels):
        image, found = expect_parts(dataset[idx], "the image", "the label")
        expect(
            isinstance(image, Image.Image),
            f"without a transform, the image is a {type(image).__name__}: leave it as it is",
        )
        try:
            image.load()
        except Exception:
            expect(False, "the pixels are read too late, after the file was closed: convert inside")
        expect(image.mode == "RGB", f'the image has mode {image.mode}: convert("RGB")')
        expect(image.width != 10 + idx, "image files are numbered from 1: idx + 1")
        expect(image.width == 11 + idx, f"item {idx} has another item's image")
        expect(
            isinstance(found, int),
            f"the label is a {type(found).__name__}: make it a Python int",
        )
        expect(found != label, f"the label of item {idx} is {found}: count from 0, not from 1")
        expect(found == label - 1, f"the label of item {idx} is {found}, expected {label - 1}")


class OxfordFlowersDataset(Dataset):
    """What the lesson's class shows from outside; its images cannot be opened."""

    def __init__(self, labels: list[int], folder: Path) -> None:
        self.labels, self.folder = np.array(labels, dtype=np.uint8), folder

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, idx: int):
        expect(False, "an image was opened: the labels are enough")


class SmallGarden(OxfordFlowersDataset):
    """The same under another name."""


def check_flowers_repr(answer) -> None:
    cases = [
        (OxfordFlowersDataset([0, 4, 4, 101, 0], Path("some") / "folder"), 3),
        (SmallGarden([7, 7], Path("elsewhere")), 1),
    ]
    for dataset, kinds in cases:
        text = answer(dataset)
        expect_type(text, str)
        name, size, folder = type(dataset).__name__, len(dataset), str(dataset.folder)
        labels = dataset.labels.tolist()
        expect(
            text.startswith(f"{name}("),
            f"begin with the class's name and a bracket, {name}( for this object: "
            "type(self).__name__ knows it",
        )
        expect(f"({size} images" in text, f"say how many images there are: {size} images")
        expect(
            f"of {max(labels) + 1} kinds" not in text or kinds == max(labels) + 1,
            "the largest label is not the number of kinds: count the different labels that occur",
        )
        expect(
            f"of {size} kinds" not in text or kinds == size,
            "that counts images, not kinds: count each label once",
        )
        expect(f"of {kinds} kinds" in text, f"the labels {labels} are of {kinds} kinds")
        expect(folder in text, "name the folder: self.folder")
        expected = f"{name}({size} images of {kinds} kinds in {folder})"
        expect(text == expected, f"the text is {text!r}, expected {expected!r}")


class Counted(Dataset):
    """Items are pairs ("image 5", label); `opened` lists what was asked for."""

    def __init__(self, labels: list[int]) -> None:
        self.labels, self.opened = np.array(labels, dtype=np.uint8), []

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, idx: int):
        self.opened.append(int(idx))
        return f"image {int(idx)}", int(self.labels[idx])


def check_only_classes(answer) -> None:
    labels = [5, 0, 2, 5, 9, 2, 2, 0, 7, 5]
    for classes in ([5, 2], [0], [9, 5, 7], [3], [0, 2, 5, 7, 9]):
        dataset = Counted(labels)
        wanted = [idx for idx, label in enumerate(labels) if label in classes]
        subset = answer(dataset, list(classes))
        expect(
            not dataset.opened,
            f"{len(dataset.opened)} images were opened to make the subset: "
            "find the items by dataset.labels alone",
        )
        expect_type(subset, Dataset)
        expect(
            len(subset) != len(labels) or len(wanted) == len(labels),
            "the subset is as long as the dataset: were any classes left out?",
        )
        expect(
            len(subset) == len(wanted),
            f"of the labels {labels}, {len(wanted)} are in {classes}; the subset has {len(subset)}",
        )
        items = [expect_parts(subset[idx], "the image", "the label") for idx in range(len(subset))]
        found = [item[0] for item in items]
        expect(
            sorted(dataset.opened) == sorted(wanted),
            f"for {len(wanted)} items, the dataset was asked for {dataset.opened}: "
            "ask for each item once, and for no other",
        )
        expect(
            [item[1] for item in items] != [sorted(classes).index(labels[idx]) for idx in wanted]
            or sorted(classes) == list(range(len(classes)))
            or not wanted,
            "the classes were numbered anew: keep the old labels",
        )
        expect(
            found == [f"image {idx}" for idx in wanted],
            f"for the classes {classes} the subset holds {found}: keep the items' old order",
        )
        for (_, label), idx in zip(items, wanted, strict=True):
            expect(label == labels[idx], f"the label of image {idx} is {label}, not {labels[idx]}")
