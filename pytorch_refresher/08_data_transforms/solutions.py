"""Lesson 08: one worked answer to each practice problem."""

import torch
from PIL import Image
from torch import Tensor
from torchvision import transforms


def augmentation_figure(image: Image.Image, augmentations: dict):
    import matplotlib.pyplot as plt

    shown = {"original": image}
    shown |= {name: augment(image) for name, augment in augmentations.items()}
    figure, axes = plt.subplots(1, len(shown), figsize=(2.5 * len(shown), 3), layout="constrained")
    for axis, (name, picture) in zip(axes, shown.items(), strict=True):
        if isinstance(picture, Tensor):
            picture = picture.permute(1, 2, 0).numpy()
        axis.imshow(picture)
        axis.set_title(name)
        axis.axis("off")
    return figure


def train_and_validation_pipelines(resize: int, crop: int, mean: list, std: list):
    to_normalized_tensor = [transforms.ToTensor(), transforms.Normalize(mean, std)]
    train = transforms.Compose(
        [
            transforms.RandomResizedCrop(crop),
            transforms.RandomHorizontalFlip(),
            *to_normalized_tensor,
        ]
    )
    validation = transforms.Compose(
        [transforms.Resize(resize), transforms.CenterCrop(crop), *to_normalized_tensor]
    )
    return train, validation


class HidePatch:
    """Set a square of a picture to 0, at a place drawn anew for each picture."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, image: Tensor) -> Tensor:
        top = torch.randint(image.shape[1] - self.size + 1, ()).item()
        left = torch.randint(image.shape[2] - self.size + 1, ()).item()
        image = image.clone()
        image[:, top : top + self.size, left : left + self.size] = 0
        return image

    def __repr__(self) -> str:
        return f"HidePatch(size={self.size})"


def hide_patch(size: int):
    return HidePatch(size)
