"""Lesson 13: one worked answer to each practice problem."""

import copy

import torch
from torch import Tensor, nn


def normalization_axes(layers: dict[str, nn.Module], x: Tensor, sample: int, feature: int):
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(ncols=len(layers), squeeze=False, layout="constrained")
    for axes, (name, layer) in zip(panels.flat, layers.items(), strict=True):
        # Copies: asking x for a gradient would change it, and a pass in training mode moves the
        # running statistics of a BatchNorm.
        inputs, layer = x.clone().requires_grad_(), copy.deepcopy(layer)
        # One number of the output. Its gradient is 0 for every input that it does not depend on:
        # those of the other features in BatchNorm, those of the other samples in LayerNorm.
        layer(inputs)[sample, feature].backward()
        axes.imshow((inputs.grad != 0).int().numpy())
        axes.set_title(name)
    return figure


def train_eval_difference(layer: nn.Module, x: Tensor) -> float:
    # The pass in training mode moves the running statistics, so work on a copy, and evaluate
    # first. eval() and train() reach all layers inside a model.
    layer = copy.deepcopy(layer)
    with torch.no_grad():
        evaluation = layer.eval()(x)
        training = layer.train()(x)
    return (training - evaluation).abs().max().item()


def error_by_batch_size(x: Tensor, batch_sizes: list[int]) -> dict[int, float | None]:
    bn = nn.BatchNorm1d(x.size(1))  # a new layer is in training mode
    whole = bn(x)
    errors = {}
    for size in batch_sizes:
        try:
            # In training mode the running statistics are not used, so one layer does for all.
            parts = torch.cat([bn(batch) for batch in x.split(size)])
        except ValueError:  # a batch of one: each number is its own mean
            errors[size] = None
        else:
            errors[size] = (parts - whole).square().mean().sqrt().item()
    return errors
