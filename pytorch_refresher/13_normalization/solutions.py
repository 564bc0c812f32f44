"""Lesson 13: one worked answer to each practice problem."""

import copy

import torch
from torch import Tensor, nn


def normalization_axes(batch_size: int, features: int, sample: int, feature: int):
    import matplotlib.pyplot as plt

    shared = torch.zeros(2, batch_size, features)
    shared[0, :, feature] = 1  # BatchNorm: the column
    shared[1, sample, :] = 1  # LayerNorm: the row
    figure, axes = plt.subplots(1, 2, layout="constrained")
    for axis, title, table in zip(axes, ("BatchNorm", "LayerNorm"), shared, strict=True):
        axis.imshow(table.numpy())
        axis.set(title=title, xlabel="feature", ylabel="sample")
    return figure


def train_eval_difference(layer: nn.Module, x: Tensor) -> float:
    layer = copy.deepcopy(layer)
    with torch.no_grad():
        evaluation = layer.eval()(x)  # first: the training pass moves the running statistics
        training = layer.train()(x)
    return (training - evaluation).abs().max().item()


def error_by_batch_size(x: Tensor, batch_sizes: list[int]) -> dict[int, float | None]:
    whole = nn.BatchNorm1d(x.size(1))(x)
    errors = {}
    for size in batch_sizes:
        bn = nn.BatchNorm1d(x.size(1))
        try:
            parts = torch.cat([bn(batch) for batch in x.split(size)])
        except ValueError:
            errors[size] = None
        else:
            errors[size] = (parts - whole).square().mean().sqrt().item()
    return errors
