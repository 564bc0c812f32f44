"""Lesson 07: one worked answer to each practice problem."""

import numpy as np
from PIL import Image
from torch.utils.data import Dataset


def transformed_flowers(folder, transform=None):
    return TransformedFlowers(folder, transform)


class TransformedFlowers(Dataset):
    """The lesson's class in its shortest form, with a transform."""

    def __init__(self, folder, transform=None):
        from scipy.io import loadmat

        self.labels = loadmat(folder / "imagelabels.mat")["labels"].flatten() - 1
        names = [f"image_{idx + 1:05d}.jpg" for idx in range(len(self.labels))]
        self.image_paths = [folder / "jpg" / name for name in names]
        # Only remember the transform here. Called now, it would open all the images, and a random
        # transform would make the same choice for the rest of the training.
        self.transform = transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        # Beyond its end, a list raises the IndexError that a `for` loop waits for.
        with Image.open(self.image_paths[index]) as file:
            image = file.convert("RGB")  # before the transform, which may count on 3 channels
        if self.transform is not None:
            image = self.transform(image)  # the result is what counts: keep it
        return image, int(self.labels[index])


def flowers_repr(self):
    # Count only the classes that occur. np.bincount would also give a 0 for each label that is
    # missing in between, and then the rarest class would seem to have no samples.
    _, counts = np.unique(self.labels, return_counts=True)
    # Ask for each file that a sample needs. The number of files in the folder says less: it
    # counts files that belong to no sample, too.
    missing = sum(not path.exists() for path in self.image_paths)
    return (
        f"{type(self).__name__}: {len(self)} samples of {len(counts)} classes, "
        f"{counts.min()} to {counts.max()} per class, {missing} files missing"
    )


def only_classes(dataset, classes):
    return OnlyClasses(dataset, classes)


class OnlyClasses(Dataset):
    """A view of a dataset: it keeps places, not samples."""

    def __init__(self, dataset, classes):
        self.dataset = dataset
        # The labels alone say which samples to keep. flatnonzero gives their places, in order.
        self.places = np.flatnonzero(np.isin(dataset.labels, classes))
        self.labels = dataset.labels[self.places]  # so that a subset of this subset works

    def __len__(self):
        return len(self.places)

    def __getitem__(self, index):
        # The array raises IndexError beyond the end of the subset. The dataset would not: it goes on.
        return self.dataset[int(self.places[index])]
