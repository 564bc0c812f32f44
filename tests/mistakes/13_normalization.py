"""Wrong and right answers to the problems of lesson 13; each wrong one with a piece of its hint."""

import copy

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def tables(batch_size, features, sample, feature):
    column, row = np.zeros((2, batch_size, features))
    column[:, feature] = 1
    row[sample, :] = 1
    return column, row


def draw(left, right, titles=("BatchNorm", "LayerNorm"), xlabel="feature", ylabel="sample"):
    figure, axes = plt.subplots(1, 2)
    for axis, title, table in zip(axes, titles, (left, right), strict=True):
        axis.imshow(table)
        axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
    return figure


def rows_and_columns_confused(batch_size, features, sample, feature):
    return draw(*reversed(tables(batch_size, features, sample, feature)))


def both_columns(batch_size, features, sample, feature):
    column, _ = tables(batch_size, features, sample, feature)
    return draw(column, column)


def both_rows(batch_size, features, sample, feature):
    _, row = tables(batch_size, features, sample, feature)
    return draw(row, row)


def tables_turned(batch_size, features, sample, feature):
    column, row = tables(batch_size, features, sample, feature)
    return draw(column.T, row.T)


def entry_left_out(batch_size, features, sample, feature):
    column, row = tables(batch_size, features, sample, feature)
    column[sample, feature] = row[sample, feature] = 0
    return draw(column, row)


def one_only_at_the_entry(batch_size, features, sample, feature):
    column, row = tables(batch_size, features, sample, feature)
    return draw(column * row, column * row)


def everything_marked(batch_size, features, sample, feature):
    return draw(np.ones((batch_size, features)), np.ones((batch_size, features)))


def lower_case_titles(batch_size, features, sample, feature):
    figures = tables(batch_size, features, sample, feature)
    return draw(*figures, titles=("batch norm", "layer norm"))


def no_labels(batch_size, features, sample, feature):
    return draw(*tables(batch_size, features, sample, feature), xlabel="", ylabel="")


def labels_swapped(batch_size, features, sample, feature):
    figures = tables(batch_size, features, sample, feature)
    return draw(*figures, xlabel="sample", ylabel="feature")


def one_picture(batch_size, features, sample, feature):
    figure, axis = plt.subplots()
    axis.imshow(sum(tables(batch_size, features, sample, feature)))
    return figure


def axes_returned(batch_size, features, sample, feature):
    return draw(*tables(batch_size, features, sample, feature)).axes


def with_color_bars(batch_size, features, sample, feature):
    from matplotlib.figure import Figure

    figure = Figure()
    for number, title in enumerate(("BatchNorm", "LayerNorm")):
        axis = figure.add_subplot(2, 1, number + 1)
        table = [
            [(d == feature) if number == 0 else (b == sample) for d in range(features)]
            for b in range(batch_size)
        ]
        figure.colorbar(axis.imshow(table), ax=axis)
        axis.set_title(title)
        axis.set_xlabel("feature")
        axis.set_ylabel("sample")
    return figure


def by_gradients(batch_size, features, sample, feature):
    # An output depends on the inputs that share its mean. float64: exact zeros stay so.
    found = []
    for layer in (nn.BatchNorm1d(features), nn.LayerNorm(features)):
        x = torch.randn(batch_size, features, dtype=torch.float64, requires_grad=True)
        layer.double()(x)[sample, feature].backward()
        found.append((x.grad != 0).int().numpy())
    return draw(*found)


def training_first(layer, x):
    layer = copy.deepcopy(layer)
    training = layer.train()(x)
    return (training - layer.eval()(x)).abs().max().item()


def no_copy(layer, x):
    evaluation = layer.eval()(x)
    return (layer.train()(x) - evaluation).abs().max().item()


def copied_too_late(layer, x):
    was_training = layer.training
    evaluation = layer.eval()(x)
    layer.train(was_training)
    training = layer.train()(x)
    return (training - evaluation).abs().max().item()


def mode_left_as_it_falls(layer, x):
    state = copy.deepcopy(layer.state_dict())
    evaluation = layer.eval()(x)
    training = layer.train()(x)
    layer.load_state_dict(state)
    layer.eval()
    return (training - evaluation).abs().max().item()


def never_in_evaluation(layer, x):
    layer = copy.deepcopy(layer).train()
    return (layer(x) - layer(x)).abs().max().item()


def mean_instead_of_largest(layer, x):
    other = copy.deepcopy(layer)
    return (other.eval()(x) - other.train()(x)).abs().mean().item()


def absolute_value_forgotten(layer, x):
    other = copy.deepcopy(layer)
    evaluation = other.eval()(x)
    difference = other.train()(x) - evaluation
    return min(difference.min().item(), -difference.max().item())


def all_differences(layer, x):
    other = copy.deepcopy(layer)
    evaluation = other.eval()(x)
    return (other.train()(x) - evaluation).abs()


def squared(layer, x):
    other = copy.deepcopy(layer)
    evaluation = other.eval()(x)
    return ((other.train()(x) - evaluation) ** 2).max().item()


def two_copies(layer, x):
    one, two = copy.deepcopy(layer), copy.deepcopy(layer)
    one.train()
    two.eval()
    return F.l1_loss(one(x), two(x), reduction="none").max()


def state_put_back(layer, x):
    state = copy.deepcopy(layer.state_dict())
    modes = [module.training for module in layer.modules()]
    layer.eval()
    evaluation = layer(x).tolist()
    layer.train()
    training = layer(x).tolist()
    layer.load_state_dict(state)
    for module, mode in zip(layer.modules(), modes, strict=True):
        module.training = mode
    pairs = zip(sum(training, []), sum(evaluation, []), strict=True)
    return max(abs(a - b) for a, b in pairs)


def errors(x, batch_sizes, *, layer=None, measure=None, one=None):
    layer = layer or (lambda: nn.BatchNorm1d(x.size(1)))
    measure = measure or (lambda difference: difference.square().mean().sqrt().item())
    whole, found = layer()(x), {}
    for size in batch_sizes:
        if size == 1:
            found[size] = one
            continue
        parts = torch.cat([layer()(batch) for batch in x.split(size)])
        found[size] = measure(parts - whole)
    return found


def in_evaluation_mode(x, batch_sizes):
    return errors(x, batch_sizes, layer=lambda: nn.BatchNorm1d(x.size(1)).eval())


def layer_norm_instead(x, batch_sizes):
    return errors(x, batch_sizes, layer=lambda: nn.LayerNorm(x.size(1)))


def root_forgotten(x, batch_sizes):
    return errors(x, batch_sizes, measure=lambda difference: difference.square().mean().item())


def mean_absolute(x, batch_sizes):
    return errors(x, batch_sizes, measure=lambda difference: difference.abs().mean().item())


def largest(x, batch_sizes):
    return errors(x, batch_sizes, measure=lambda difference: difference.abs().max().item())


def summed(x, batch_sizes):
    return errors(x, batch_sizes, measure=lambda difference: difference.norm().item())


def not_caught(x, batch_sizes):
    bn = nn.BatchNorm1d(x.size(1))
    whole = bn(x)
    return {
        size: (torch.cat([bn(batch) for batch in x.split(size)]) - whole).square().mean().sqrt()
        for size in batch_sizes
    }


def zero_for_one(x, batch_sizes):
    return errors(x, batch_sizes, one=0.0)


def one_left_out(x, batch_sizes):
    return errors(x, [size for size in batch_sizes if size > 1])


def number_of_batches_for_their_size(x, batch_sizes):
    whole, found = nn.BatchNorm1d(x.size(1))(x), {}
    for size in batch_sizes:
        parts = [nn.BatchNorm1d(x.size(1))(batch) for batch in x.chunk(size) if len(batch) > 1]
        joined = torch.cat(parts) if size > 1 and parts else None
        usable = joined is not None and len(joined) == len(x)
        found[size] = (joined - whole).square().mean().sqrt().item() if usable else None
    return found


def first_batch_only(x, batch_sizes):
    whole, found = nn.BatchNorm1d(x.size(1))(x), {1: None}
    for size in batch_sizes:
        if size > 1:
            first = nn.BatchNorm1d(x.size(1))(x[:size])
            found[size] = (first - whole[:size]).square().mean().sqrt().item()
    return found


def compared_with_the_input(x, batch_sizes):
    found = {1: None}
    for size in batch_sizes:
        if size > 1:
            parts = torch.cat([nn.BatchNorm1d(x.size(1))(batch) for batch in x.split(size)])
            found[size] = (parts - x).square().mean().sqrt().item()
    return found


def a_list(x, batch_sizes):
    return list(errors(x, batch_sizes).values())


def one_layer_for_all(x, batch_sizes):
    bn = nn.BatchNorm1d(x.shape[1], track_running_stats=False)
    found = {}
    for size in batch_sizes:
        try:
            parts = [bn(x[start : start + size]) for start in range(0, len(x), size)]
            found[size] = F.mse_loss(torch.cat(parts), bn(x)) ** 0.5
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
        (rows_and_columns_confused, "BatchNorm shows a row"),
        (both_columns, "LayerNorm shows a column"),
        (both_rows, "BatchNorm shows a row"),
        (tables_turned, "a row for each sample"),
        (entry_left_out, "itself must be a 1"),
        (one_only_at_the_entry, "leave no entry of it out"),
        (everything_marked, "only what shares a mean"),
        (lower_case_titles, "the titles are"),
        (no_labels, 'the x label is ""'),
        (labels_swapped, 'the x label is "sample"'),
        (one_picture, "expected 2"),
        (axes_returned, "expected a Figure"),
    ],
    "train_eval_difference": [
        (training_first, "had moved the statistics"),
        (no_copy, "work on a copy"),
        (copied_too_late, "its running statistics have moved"),
        (mode_left_as_it_falls, "another mode than it had"),
        (never_in_evaluation, "were both calls in one mode?"),
        (mean_instead_of_largest, "the largest is asked for"),
        (absolute_value_forgotten, "take absolute values first"),
        (all_differences, "return one number"),
        (squared, "the largest difference is"),
    ],
    "error_by_batch_size": [
        (in_evaluation_mode, "is BatchNorm in training mode?"),
        (layer_norm_instead, "is BatchNorm in training mode?"),
        (root_forgotten, "take the square root"),
        (mean_absolute, "the error is"),
        (largest, "over all N * D entries"),
        (summed, "over all N * D entries"),
        (not_caught, "stops with ValueError"),
        (zero_for_one, "must give None"),
        (one_left_out, "expected the batch sizes"),
        (number_of_batches_for_their_size, "batch size"),
        (first_batch_only, "over all N * D entries"),
        (compared_with_the_input, "compare with one batch of all samples"),
        (a_list, "is a list, expected a dict"),
    ],
}

ALSO_RIGHT = {
    "normalization_axes": [with_color_bars, by_gradients],
    "train_eval_difference": [two_copies, state_put_back],
    "error_by_batch_size": [one_layer_for_all, by_hand],
}
