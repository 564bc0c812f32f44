"""Answers to the problems of lesson 07: wrong ones with a piece of their hint, and right ones."""

import collections
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import loadmat
from torch.utils.data import Dataset, Subset


class Flowers(Dataset):
    """The lesson's class with a transform; each mistake below changes one thing in it."""

    first_label, first_file = 1, 1

    def __init__(self, folder, transform=None):
        self.folder, self.transform = Path(folder), transform
        self.labels = loadmat(self.folder / "imagelabels.mat")["labels"][0] - self.first_label

    def __len__(self):
        return len(self.labels)

    def picture(self, idx):
        with Image.open(self.folder / "jpg" / f"image_{idx + self.first_file:05d}.jpg") as file:
            return file.convert("RGB")

    def __getitem__(self, idx):
        image = self.picture(idx)
        if self.transform:
            image = self.transform(image)
        return image, int(self.labels[idx])


def labels_from_one(folder, transform=None):
    class Mistaken(Flowers):
        first_label = 0

    return Mistaken(folder, transform)


def files_from_zero(folder, transform=None):
    class Mistaken(Flowers):
        first_file = 0

    return Mistaken(folder, transform)


def image_before(folder, transform=None):
    class Mistaken(Flowers):
        def picture(self, idx):
            return super().picture(max(0, idx - 1))

    return Mistaken(folder, transform)


def labels_of_numpy(folder, transform=None):
    class Mistaken(Flowers):
        def __getitem__(self, idx):
            return super().__getitem__(idx)[0], self.labels[idx]

    return Mistaken(folder, transform)


def transform_forgotten(folder, transform=None):
    return Flowers(folder)


def none_not_expected(folder, transform=None):
    class Mistaken(Flowers):
        def __getitem__(self, idx):
            return self.transform(self.picture(idx)), int(self.labels[idx])

    return Mistaken(folder, transform)


def result_dropped(folder, transform=None):
    class Mistaken(Flowers):
        def __getitem__(self, idx):
            image = self.picture(idx)
            if self.transform:
                self.transform(image)
            return image, int(self.labels[idx])

    return Mistaken(folder, transform)


def all_transformed_at_once(folder, transform=None):
    class Mistaken(Flowers):
        def __init__(self, folder, transform):
            super().__init__(folder, transform)
            self.items = [super(Mistaken, self).__getitem__(idx) for idx in range(len(self))]

        def __getitem__(self, idx):
            return self.items[idx]

    return Mistaken(folder, transform)


def kept_after_the_first_time(folder, transform=None):
    class Mistaken(Flowers):
        kept = None

        def __getitem__(self, idx):
            self.kept = self.kept or {}
            if idx not in self.kept:
                self.kept[idx] = super().__getitem__(idx)
            return self.kept[idx]

    return Mistaken(folder, transform)


def label_transformed_too(folder, transform=None):
    class Mistaken(Flowers):
        def __getitem__(self, idx):
            item = self.picture(idx), int(self.labels[idx])
            return self.transform(item) if self.transform else item

    return Mistaken(folder, transform)


def array_instead_of_image(folder, transform=None):
    class Mistaken(Flowers):
        def picture(self, idx):
            return np.asarray(super().picture(idx))

    return Mistaken(folder, transform)


def file_closed_too_early(folder, transform=None):
    class Mistaken(Flowers):
        def picture(self, idx):
            with Image.open(self.folder / "jpg" / f"image_{idx + 1:05d}.jpg") as image:
                return image

    return Mistaken(folder, transform)


def image_alone(folder, transform=None):
    class Mistaken(Flowers):
        def __getitem__(self, idx):
            return super().__getitem__(idx)[0]

    return Mistaken(folder, transform)


def class_instead_of_object(folder, transform=None):
    return Flowers


def subclass(folder, transform=None):
    class WithTransform(Flowers):
        def __init__(self, folder):
            super().__init__(folder)

        def __getitem__(self, idx):
            image, label = super().__getitem__(idx)
            return (image if transform is None else transform(image)), label

    return WithTransform(folder)


def wrapped_around(folder, transform=None):
    class Wrapped(Dataset):
        def __init__(self, inner, transform):
            self.inner, self.transform = inner, transform or (lambda image: image)

        def __len__(self):
            return len(self.inner)

        def __getitem__(self, idx):
            image, label = self.inner[idx]
            return [self.transform(image), label]

    return Wrapped(Flowers(folder), transform)


def found_by_listing(folder, transform=None):
    class Listed(Dataset):
        def __init__(self):
            labels = loadmat(folder / "imagelabels.mat")["labels"].squeeze().tolist()
            files = sorted((folder / "jpg").glob("*.jpg"))
            self.samples = [(file, label - 1) for file, label in zip(files, labels, strict=True)]

        def __len__(self):
            return len(self.samples)

        def __getitem__(self, idx):
            file, label = self.samples[idx]
            image = Image.open(file).convert("RGB")
            return (transform(image) if callable(transform) else image), label

    return Listed()


def described(self, kinds, name=None, size=None, folder=None):
    """The text as it should be, but for what is given."""
    name, size = name or type(self).__name__, size or len(self)
    return f"{name}({size} images of {kinds} kinds in {folder or self.folder})"


def name_written_out(self):
    return described(self, len(set(self.labels)), name="OxfordFlowersDataset")


def largest_label(self):
    return described(self, self.labels.max() + 1)


def largest_label_without_one(self):
    return described(self, self.labels.max())


def images_for_kinds(self):
    return described(self, len(self.labels))


def kinds_for_images(self):
    return described(self, len(set(self.labels)), size=len(set(self.labels)))


def always_the_lesson_s_numbers(self):
    return described(self, 10, size=240)


def folder_without_its_parents(self):
    return described(self, len(set(self.labels)), folder=self.folder.name)


def printed_only(self):
    print(described(self, len(set(self.labels))))


def images_opened_for_their_labels(self):
    return described(self, len({label for _, label in self}))


def bracket_left_open(self):
    return described(self, len(set(self.labels)))[:-1]


def with_unique(self):
    kinds = np.unique(self.labels).size
    return f"{self.__class__.__name__}({self.__len__()} images of {kinds} kinds in {self.folder!s})"


def with_a_loop(self):
    kinds = []
    for label in self.labels:
        if label not in kinds:
            kinds.append(label)
    parts = [str(len(self.labels)), "images of", str(len(kinds)), "kinds in", str(self.folder)]
    return type(self).__name__ + "(" + " ".join(parts) + ")"


def with_a_counter(self):
    return described(self, len(collections.Counter(self.labels.tolist())))


def every_item_opened(dataset, classes):
    return Subset(dataset, [i for i in range(len(dataset)) if dataset[i][1] in classes])


def all_items(dataset, classes):
    return Subset(dataset, range(len(dataset)))


def the_other_classes(dataset, classes):
    return Subset(dataset, [i for i, label in enumerate(dataset.labels) if label not in classes])


def first_class_only(dataset, classes):
    return Subset(dataset, np.flatnonzero(dataset.labels == classes[0]))


def class_by_class(dataset, classes):
    return Subset(dataset, [i for c in classes for i in np.flatnonzero(dataset.labels == c)])


def classes_taken_for_places(dataset, classes):
    return Subset(dataset, classes)


def list_of_items(dataset, classes):
    return [dataset[i] for i, label in enumerate(dataset.labels) if label in classes]


def indices_alone(dataset, classes):
    return np.flatnonzero(np.isin(dataset.labels, classes))


class Chosen(Dataset):
    """Some items of a dataset."""

    def __init__(self, dataset, indices):
        self.dataset, self.indices = dataset, indices

    def __len__(self):
        return len(self.indices)

    def __getitem__(self, idx):
        return self.dataset[self.indices[idx]]


def old_indices_used(dataset, classes):
    class Mistaken(Chosen):
        def __getitem__(self, idx):
            return self.dataset[idx]

    return Mistaken(dataset, [i for i, label in enumerate(dataset.labels) if label in classes])


def length_forgotten(dataset, classes):
    class Mistaken(Chosen):
        def __len__(self):
            return len(self.dataset)

    return Mistaken(dataset, [i for i, label in enumerate(dataset.labels) if label in classes])


def labels_numbered_anew(dataset, classes):
    class Mistaken(Chosen):
        def __getitem__(self, idx):
            image, label = super().__getitem__(idx)
            return image, sorted(classes).index(label)

    return Mistaken(dataset, [i for i, label in enumerate(dataset.labels) if label in classes])


def with_subset(dataset, classes):
    return Subset(dataset, np.flatnonzero(np.isin(dataset.labels, classes)).tolist())


def with_a_loop_and_a_mask(dataset, classes):
    mask = np.zeros(len(dataset), dtype=bool)
    for kind in classes:
        mask |= dataset.labels == kind
    return Chosen(dataset, mask.nonzero()[0])


def with_functions(dataset, classes):
    places = list(filter(lambda i: int(dataset.labels[i]) in set(classes), range(len(dataset))))

    class Picked(Dataset):
        __len__ = lambda self: len(places)  # noqa: E731
        __getitem__ = lambda self, idx: list(dataset[places[idx]])  # noqa: E731

    return Picked()


MISTAKES = {
    "transformed_flowers": [
        (labels_from_one, "count from 0, not from 1"),
        (files_from_zero, "stops with FileNotFoundError"),
        (image_before, "image files are numbered from 1"),
        (labels_of_numpy, "make it a Python int"),
        (transform_forgotten, "the transform was not called"),
        (none_not_expected, "'NoneType' object is not callable"),
        (result_dropped, "return what the transform gave"),
        (all_transformed_at_once, "before any item was asked for"),
        (kept_after_the_first_time, "asked for again"),
        (label_transformed_too, "the transform was given a tuple instead of an image"),
        (array_instead_of_image, "leave it as it is"),
        (file_closed_too_early, "after the file was closed"),
        (image_alone, "return 2 things: (the image, the label)"),
        (class_instead_of_object, "expected a Dataset"),
    ],
    "flowers_repr": [
        (name_written_out, "type(self).__name__ knows it"),
        (largest_label, "the largest label is not the number of kinds"),
        (largest_label_without_one, "are of 3 kinds"),
        (images_for_kinds, "count each label once"),
        (kinds_for_images, "say how many images there are"),
        (always_the_lesson_s_numbers, "say how many images there are"),
        (folder_without_its_parents, "name the folder"),
        (printed_only, "is a `return` missing?"),
        (images_opened_for_their_labels, "the labels are enough"),
        (bracket_left_open, "the text is "),
    ],
    "only_classes": [
        (every_item_opened, "by dataset.labels alone"),
        (all_items, "were any classes left out?"),
        (the_other_classes, "are in [5, 2]"),
        (first_class_only, "are in [5, 2]"),
        (class_by_class, "keep the items' old order"),
        (classes_taken_for_places, "are in [5, 2]"),
        (list_of_items, "were opened to make the subset"),
        (indices_alone, "expected a Dataset"),
        (old_indices_used, "and for no other"),
        (length_forgotten, "were any classes left out?"),
        (labels_numbered_anew, "keep the old labels"),
    ],
}

ALSO_RIGHT = {
    "transformed_flowers": [Flowers, subclass, wrapped_around, found_by_listing],
    "flowers_repr": [with_unique, with_a_loop, with_a_counter],
    "only_classes": [with_subset, with_a_loop_and_a_mask, with_functions],
}
