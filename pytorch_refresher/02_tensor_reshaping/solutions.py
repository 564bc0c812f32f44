"""Lesson 02: one worked answer to each practice problem."""

from collections.abc import Callable

from torch import Tensor


def channels_first(images: Tensor) -> Tensor:
    # Write the old numbers of the dimensions in the order in which you want them: N was 0 and
    # stays in front, then C, which was 3, then H and W. view could give the same shape, but it
    # would keep the numbers in their old order and so mix up the colors.
    return images.permute(0, 3, 1, 2)


def predict_one(model: Callable[[Tensor], Tensor], sample: Tensor) -> Tensor:
    # unsqueeze returns a new tensor; unsqueeze_, with the underscore, would change the caller's.
    batch = sample.unsqueeze(0)
    # Name the dimension to remove. squeeze() alone would also eat K where K is 1.
    return model(batch).squeeze(0)


def flatten_and_back(tensor: Tensor) -> tuple[Tensor, Tensor]:
    # flatten alone copies only if it has to, so its result may still be the caller's memory.
    # clone always copies. It may keep the order of a transposed tensor in memory, but flatten
    # reads row by row and copies once more where that order doesn't fit.
    flat = tensor.clone().flatten()
    # Splitting one dimension into several always works as a view, and a view shares memory.
    return flat, flat.view(tensor.shape)
