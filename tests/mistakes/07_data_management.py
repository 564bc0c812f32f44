"""Answers to the problems of lesson 07: wrong ones with a piece of their hint, and right ones."""

from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import loadmat
from torch.utils.data import Dataset, Subset

# transformed_flowers: wrong


class Flowers(Dataset):
    """The lesson's class with a transform, and nothing converted yet."""

    def __init__(self, folder, transform=None):
        self.folder, self.transform = Path(folder), transform
        self.labels = loadmat(self.folder / "imagelabels.mat")["labels"][0] - 1

    def __len__(self):
        return len(self.labels)

    def image(self, idx):
        return Image.open(self.folder / "jpg" / f"image_{idx + 1:05d}.jpg")

    def __getitem__(self, idx):
        if idx >= len(self):
            raise IndexError(idx)
        image = self.image(idx)
        if self.transform:
            image = self.transform(image)
        return image, int(self.labels[idx])


class RGBFlowers(Flowers):
    def image(self, idx):
        with super().image(idx) as file:
            return file.convert("RGB")


def gray_images_stay_gray(folder, transform=None):
    return Flowers(folder, transform)


def a_loop_without_an_end(folder, transform=None):
    class Mistaken(RGBFlowers):
        def __getitem__(self, idx):
            image = self.image(idx)
            return (self.transform(image) if self.transform else image), int(self.labels[idx])

    return Mistaken(folder, transform)


def the_result_is_dropped(folder, transform=None):
    class Mistaken(RGBFlowers):
        def __getitem__(self, idx):
            if idx >= len(self):
                raise IndexError
            image = self.image(idx)
            if self.transform:
                self.transform(image)
            return image, int(self.labels[idx])

    return Mistaken(folder, transform)


def all_opened_at_once(folder, transform=None):
    class Mistaken(RGBFlowers):
        def __init__(self, folder, transform):
            super().__init__(folder, transform)
            self.images = [self.image(idx) for idx in range(len(self))]
            self.image = self.images.__getitem__

    return Mistaken(folder, transform)


# transformed_flowers: right


def wrapped_around(folder, transform=None):
    class Wrapped(Dataset):
        def __init__(self, inner, transform):
            self.inner, self.transform = inner, transform or (lambda image: image)

        def __len__(self):
            return len(self.inner)

        def __getitem__(self, idx):
            image, label = self.inner[idx]
            return [self.transform(image), label]

    return Wrapped(RGBFlowers(folder), transform)


def pairs_of_a_path_and_a_label(folder, transform=None):
    class Listed(Dataset):
        def __init__(self):
            labels = loadmat(folder / "imagelabels.mat")["labels"].squeeze().tolist()
            files = sorted((folder / "jpg").glob("*.jpg"))
            self.samples = [(file, label - 1) for file, label in zip(files, labels, strict=True)]

        def __len__(self):
            return len(self.samples)

        def __getitem__(self, idx):
            file, label = self.samples[idx]  # a list raises the IndexError
            image = Image.open(file).convert("RGB")
            return (transform(image) if callable(transform) else image), np.int64(label)

    return Listed()


# flowers_repr


def described(self, classes, rarest, most, missing):
    name = type(self).__name__
    return f"{name} ({len(self)} samples, {classes} classes, {rarest}..{most} each, -{missing})"


def missing_files(self):
    return sum(not path.is_file() for path in self.image_paths)


def classes_by_the_largest_label(self):
    counts = Counter(self.labels.tolist()).values()
    return described(self, self.labels.max() + 1, min(counts), max(counts), missing_files(self))


def the_rarest_by_bincount(self):
    counts = np.bincount(self.labels)
    return described(
        self, np.count_nonzero(counts), counts.min(), counts.max(), missing_files(self)
    )


def files_counted_in_the_folder(self):
    counts = Counter(self.labels.tolist()).values()
    missing = len(self) - len(list((self.folder / "jpg").iterdir()))
    return described(self, len(counts), min(counts), max(counts), abs(missing))


def labels_read_from_the_samples(self):
    counts = Counter(label for _, label in self).values()
    return described(self, len(counts), min(counts), max(counts), missing_files(self))


def labels_sorted_in_place(self):
    self.labels.sort()
    return with_a_counter(self)


def with_a_counter(self):
    counts = Counter(self.labels.tolist()).values()
    return described(self, len(counts), min(counts), max(counts), missing_files(self))


def in_several_lines(self):
    counts = np.bincount(self.labels)
    counts = counts[counts > 0]
    there = sum(1 for path in self.image_paths if path.exists())
    lines = [self.__class__.__name__, f"samples: {len(self.labels):,}", f"classes: {counts.size}"]
    lines += [f"rarest: {min(counts)}", f"most frequent: {max(counts)}"]
    return "\n".join([*lines, f"missing: {len(self.labels) - there}"])


# only_classes: wrong


class Chosen(Dataset):
    """Some samples of a dataset."""

    def __init__(self, dataset, indices):
        self.dataset, self.indices = dataset, indices
        self.labels = np.array([dataset.labels[idx] for idx in indices], dtype=int)

    def __len__(self):
        return len(self.indices)

    def __getitem__(self, idx):
        return self.dataset[self.indices[idx]]


def the_callers_list_is_sorted(dataset, classes):
    classes.sort()
    return Chosen(dataset, np.isin(dataset.labels, classes).nonzero()[0])


def class_by_class(dataset, classes):
    return Chosen(dataset, [i for c in classes for i in np.flatnonzero(dataset.labels == c)])


def a_subset_without_labels(dataset, classes):
    return Subset(dataset, np.flatnonzero(np.isin(dataset.labels, classes)).tolist())


def every_sample_is_opened(dataset, classes):
    return Chosen(dataset, [i for i in range(len(dataset)) if dataset[i][1] in classes])


def indices_of_the_subset_used(dataset, classes):
    class Mistaken(Chosen):
        def __getitem__(self, idx):
            return self.dataset[idx]

    return Mistaken(dataset, [i for i, label in enumerate(dataset.labels) if label in classes])


# only_classes: right


def a_subset_with_labels(dataset, classes):
    places = [i for i, label in enumerate(dataset.labels) if label in classes]
    subset = Subset(dataset, places)
    subset.labels = dataset.labels[places]
    return subset


def with_a_loop_and_a_mask(dataset, classes):
    mask = np.zeros(len(dataset), dtype=bool)
    for label in classes:
        mask |= dataset.labels == label
    return Chosen(dataset, mask.nonzero()[0])


MISTAKES = {
    "transformed_flowers": [
        (gray_images_stay_gray, "has mode L"),
        (a_loop_without_an_end, "ends in FileNotFoundError: raise IndexError"),
        (the_result_is_dropped, "something other than the transform returned"),
        (all_opened_at_once, "opened too early"),
    ],
    "flowers_repr": [
        (classes_by_the_largest_label, "goes by the largest label"),
        (the_rarest_by_bincount, "one that doesn't occur"),
        (files_counted_in_the_folder, "one of which is a stray"),
        (labels_read_from_the_samples, "an image is opened"),
        (labels_sorted_in_place, "the labels changed"),
    ],
    "only_classes": [
        (the_callers_list_is_sorted, "only read it"),
        (class_by_class, "in their old order"),
        (a_subset_without_labels, "the subset has no labels"),
        (every_sample_is_opened, "look at dataset.labels"),
        (indices_of_the_subset_used, "the dataset's first samples"),
    ],
}

ALSO_RIGHT = {
    "transformed_flowers": [wrapped_around, pairs_of_a_path_and_a_label],
    "flowers_repr": [with_a_counter, in_several_lines],
    "only_classes": [a_subset_with_labels, with_a_loop_and_a_mask],
}
