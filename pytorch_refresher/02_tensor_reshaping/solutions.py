"""Lesson 02: one worked answer to each practice problem."""

from torch import Tensor


def channels_first(images: Tensor) -> Tensor:
    return images.permute(0, 3, 1, 2)


def predict_one(model, sample: Tensor) -> Tensor:
    return model(sample.unsqueeze(0)).squeeze(0)


def flatten_and_back(tensor: Tensor) -> tuple[Tensor, Tensor]:
    flat = tensor.flatten()
    return flat, flat.view(tensor.shape)
