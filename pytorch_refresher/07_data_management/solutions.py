"""Lesson 07: one worked answer to each practice problem."""

from pathlib import Path

from PIL import Image
from scipy.io import loadmat
from torch.utils.data import Dataset


def transformed_flowers(folder: Path, transform=None) -> Dataset:
    class TransformedFlowers(Dataset):
        def __init__(self, folder, transform):
            self.folder, self.transform = Path(folder), transform
            self.labels = loadmat(self.folder / "imagelabels.mat")["labels"][0] - 1

        def __len__(self):
            return len(self.labels)

        def __getitem__(self, idx):
            with Image.open(self.folder / "jpg" / f"image_{idx + 1:05d}.jpg") as file:
                image = file.convert("RGB")
            if self.transform is not None:
                image = self.transform(image)
            return image, int(self.labels[idx])

    return TransformedFlowers(folder, transform)


def flowers_repr(self: Dataset) -> str:
    kinds = len(set(self.labels.tolist()))
    return f"{type(self).__name__}({len(self)} images of {kinds} kinds in {self.folder})"


def only_classes(dataset: Dataset, classes: list[int]) -> Dataset:
    class OnlyClasses(Dataset):
        def __init__(self):
            self.indices = [i for i, label in enumerate(dataset.labels) if label in classes]

        def __len__(self):
            return len(self.indices)

        def __getitem__(self, idx):
            return dataset[self.indices[idx]]

    return OnlyClasses()
