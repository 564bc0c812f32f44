"""Answers to the problems of lesson 13: wrong ones with a piece of their hint, and right ones."""

import copy

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def draw(tables):
    figure, panels = plt.subplots(len(tables), 1, squeeze=False)
    for axes, (name, table) in zip(panels.flat, tables.items(), strict=True):
        axes.imshow(np.array(table, dtype=float))
        axes.set_title(name)
    return figure


def column_for_batch_norm_row_for_the_rest(layers, x, sample, feature):
    tables = {}
    for name in layers:
        tables[name] = np.zeros(x.shape)
        if name.startswith("BatchNorm"):
            tables[name][:, feature] = 1
        else:
            tables[name][sample] = 1
    return draw(tables)


def dependence(layers, x, pick):
    tables = {}
    for name, layer in copy.deepcopy(layers).items():
        inputs = x.clone().requires_grad_()
        pick(layer(inputs)).backward()
        tables[name] = (inputs.grad != 0).tolist()
    return tables


def of_the_sum(layers, x, sample, feature):
    # A weighted sum: a plain one of normalized numbers would hardly depend on anything.
    return draw(dependence(layers, x, lambda y: (y * y.detach().abs()).sum()))


def transposed(layers, x, sample, feature):
    tables = dependence(layers, x, lambda y: y[sample, feature])
    return draw({name: np.transpose(table) for name, table in tables.items()})


def all_in_training_mode(layers, x, sample, feature):
    for layer in layers.values():
        layer.train()
    return draw(dependence(layers, x, lambda y: y[sample, feature]))


def on_the_original_layers(layers, x, sample, feature):
    tables = {}
    for name, layer in layers.items():
        inputs = x.clone().requires_grad_()
        layer(inputs)[sample, feature].backward()
        tables[name] = (inputs.grad != 0).tolist()
    return draw(tables)


def on_the_original_x(layers, x, sample, feature):
    x.requires_grad_()
    tables = {}
    for name, layer in copy.deepcopy(layers).items():
        gradient = torch.autograd.grad(layer(x)[sample, feature], x)[0]
        tables[name] = (gradient != 0).tolist()
    return draw(tables)


def by_nudging(layers, x, sample, feature):
    tables = {}
    for name, layer in copy.deepcopy(layers).items():
        before = layer(x)[sample, feature].item()
        tables[name] = [[0] * x.size(1) for _ in range(len(x))]
        for b in range(len(x)):
            for d in range(x.size(1)):
                nudged = x.clone()
                nudged[b, d] += 1
                change = layer(nudged)[sample, feature].item() - before
                tables[name][b][d] = int(abs(change) > 1e-6)
    return draw(tables)


def with_a_jacobian(layers, x, sample, feature):
    from matplotlib.figure import Figure

    figure = Figure()
    for number, (name, layer) in enumerate(copy.deepcopy(layers).items(), start=1):
        axes = figure.add_subplot(1, len(layers), number, title=name)
        jacobian = torch.autograd.functional.jacobian(layer, x)[sample, feature]
        figure.colorbar(axes.imshow(jacobian.bool().numpy()), ax=axes)
    return figure


def training_first(layer, x):
    layer = copy.deepcopy(layer)
    training = layer.train()(x)
    return (training - layer.eval()(x)).abs().max().item()


def no_copy(layer, x):
    evaluation = layer.eval()(x)
    return (layer.train()(x) - evaluation).abs().max().item()


def mode_of_the_whole_put_back(layer, x):
    mode, state = layer.training, copy.deepcopy(layer.state_dict())
    evaluation = layer.eval()(x)
    difference = layer.train()(x) - evaluation
    layer.load_state_dict(state)
    layer.train(mode)
    return difference.abs().max().item()


def without_item(layer, x):
    one, two = copy.deepcopy(layer).train(), copy.deepcopy(layer).eval()
    return (one(x) - two(x)).abs().max()


def without_abs(layer, x):
    layer = copy.deepcopy(layer)
    evaluation = layer.eval()(x)
    return (layer.train()(x) - evaluation).max().item()


def two_copies(layer, x):
    one, two = copy.deepcopy(layer).train(), copy.deepcopy(layer).eval()
    return F.l1_loss(one(x), two(x), reduction="none").max().item()


def state_put_back(layer, x):
    state = copy.deepcopy(layer.state_dict())
    modes = [module.training for module in layer.modules()]
    evaluation = layer.eval()(x).detach().numpy()
    training = layer.train()(x).detach().numpy()
    layer.load_state_dict(state)
    for module, mode in zip(layer.modules(), modes, strict=True):
        module.training = mode
    return np.abs(training - evaluation).max()


def errors(x, batch_sizes, layer, measure=lambda difference: difference.square().mean().sqrt()):
    whole, found = layer(x), {1: None} if 1 in batch_sizes else {}
    for size in set(batch_sizes) - {1}:
        parts = torch.cat([layer(batch) for batch in x.split(size)])
        found[size] = measure(parts - whole).item()
    return found


def in_evaluation_mode(x, batch_sizes):
    return errors(x, batch_sizes, nn.BatchNorm1d(x.size(1)).eval())


def root_forgotten(x, batch_sizes):
    measure = lambda difference: difference.square().mean()  # noqa: E731
    return errors(x, batch_sizes, nn.BatchNorm1d(x.size(1)), measure)


def zero_for_a_batch_of_one(x, batch_sizes):
    found = errors(x, batch_sizes, nn.BatchNorm1d(x.size(1)))
    return {size: error or 0.0 for size, error in found.items()}


def without_statistics(x, batch_sizes):
    bn, found = nn.BatchNorm1d(x.shape[1], track_running_stats=False), {}
    for size in batch_sizes:
        try:
            parts = [bn(x[start : start + size]) for start in range(0, len(x), size)]
            found[size] = F.mse_loss(torch.cat(parts), bn(x)).item() ** 0.5
        except ValueError:
            found[size] = None
    return found


def by_hand(x, batch_sizes):
    def normalized(x, dim):
        return (x - x.mean(dim, True)) / torch.sqrt(x.var(dim, correction=0, keepdim=True) + 1e-5)

    def error(size):
        batches = x.view(len(x) // size, size, x.size(1))
        difference = normalized(batches, 1).flatten(0, 1) - normalized(x, 0)
        return (difference.norm() / x.numel() ** 0.5).item()

    return {size: error(size) if size != 1 else None for size in batch_sizes}


MISTAKES = {
    "normalization_axes": [
        (column_for_batch_norm_row_for_the_rest, "doesn't mix"),
        (of_the_sum, "everything is 1"),
        (transposed, "is transposed"),
        (all_in_training_mode, "another mode than it had"),
        (on_the_original_layers, "running statistics have moved"),
        (on_the_original_x, "ask a copy of x"),
    ],
    "train_eval_difference": [
        (training_first, "has moved the statistics"),
        (no_copy, "work on a copy"),
        (mode_of_the_whole_put_back, "something inside it does"),
        (without_item, "item() gives it"),
        (without_abs, "take abs first"),
    ],
    "error_by_batch_size": [
        (in_evaluation_mode, "Is BatchNorm in training mode"),
        (root_forgotten, "take the square root"),
        (zero_for_a_batch_of_one, "must give None"),
    ],
}

ALSO_RIGHT = {
    "normalization_axes": [by_nudging, with_a_jacobian],
    "train_eval_difference": [two_copies, state_put_back],
    "error_by_batch_size": [without_statistics, by_hand],
}
