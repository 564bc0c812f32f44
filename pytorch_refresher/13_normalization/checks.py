"""Lesson 13: the checks that mark your practice answers."""

import copy
import math

from pytorch_refresher._common.marking import expect, expect_close, expect_type, reject

import torch
from torch import Tensor, nn

from .solutions import error_by_batch_size, train_eval_difference


def used_batch_norm(D: int) -> nn.BatchNorm1d:
    """A layer whose running statistics are those of other data."""
    bn = nn.BatchNorm1d(D)
    for _ in range(5):
        bn(torch.randn(32, D) * 3 + 2)
    return bn


@torch.random.fork_rng(devices=[])
def check_normalization_axes(answer) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    torch.manual_seed(0)
    # More samples than features and the reverse, and never a place on the diagonal.
    for B, D, sample, feature in ((4, 6, 1, 4), (10, 9, 5, 0)):
        x = torch.randn(B, D) * 3 + 1
        column, row, itself, group = torch.zeros(4, B, D)
        column[:, feature], row[sample], itself[sample, feature] = 1, 1, 1
        group[sample, feature // 3 * 3 : feature // 3 * 3 + 3] = 1  # three features share a mean
        layers = {
            "BatchNorm": (nn.BatchNorm1d(D), column),
            "LayerNorm": (nn.LayerNorm(D), row),
            "BatchNorm, evaluation": (used_batch_norm(D).eval(), itself),
            "GroupNorm": (nn.GroupNorm(D // 3, D), group),
        }
        for names in (["BatchNorm", "LayerNorm"], ["LayerNorm"], list(layers)[::-1]):
            given, asked = x.clone(), {name: layers[name][0] for name in names}
            before = copy.deepcopy(asked)
            try:
                figure = answer(dict(asked), given, sample, feature)
            finally:  # an answer that stops with an error leaves its figure open
                plt.close("all")
            expect_type(figure, Figure, "what you return")
            expect(torch.equal(given, x), "x changed: work on a copy")
            expect(not given.requires_grad, "x now requires a gradient: ask a copy of x for it")
            for name, layer in asked.items():
                expect_unchanged(layer, before[name], name)
            panels = [axes for axes in figure.axes if axes.images]  # a color bar has no image
            titles = [axes.get_title() for axes in panels]
            expect(titles == names, f"the titles of the panels are {titles}, expected {names}")
            for axes, name in zip(panels, names, strict=True):
                compare_table(axes.images[0].get_array(), name, layers[name][1], row, column)


def expect_unchanged(layer: nn.Module, before: nn.Module, name: str) -> None:
    """Whether a layer, and all that is inside it, is as it was."""
    state = before.state_dict()
    expect(
        all(torch.equal(now, state[key]) for key, now in layer.state_dict().items()),
        f"{name}: its running statistics have moved: work on a copy",
    )
    modes = [[each.training for each in model.modules()] for model in (layer, before)]
    expect(
        modes[0] == modes[1],
        f"{name}: it comes back in another mode than it had, or something inside it does: work on "
        "a copy",
    )


def compare_table(shown, name: str, expected: Tensor, row: Tensor, column: Tensor) -> None:
    table = torch.tensor(shown.filled(0).tolist()).float()
    mistakes = {
        f"{name}: the table is transposed. A row per sample, a column per feature": expected.T,
        f"{name}: this is the whole column, but that layer doesn't mix samples": column,
        f"{name}: this is the whole row, but that layer doesn't mix features like this": row,
        f"{name}: everything is 1. Start from one number of the output": torch.ones_like(row),
        f"{name}: it's the reverse, 0 where the output depends on the input": 1 - expected,
    }
    reject(table, expected, mistakes)
    expect_close(table, expected, f"{name}: the table")


@torch.random.fork_rng(devices=[])
def check_train_eval_difference(answer) -> None:
    torch.manual_seed(0)
    for far in (-40, 40):  # the largest difference is once negative and once positive
        x = torch.randn(16, 6) * 2 + 5
        x[3] += far
        model = nn.Sequential(nn.Linear(6, 5), used_batch_norm(5), nn.ReLU(), nn.LayerNorm(5))
        frozen = copy.deepcopy(model)
        frozen[1].eval()
        for name, layer in {
            "a fresh nn.BatchNorm1d": nn.BatchNorm1d(6),
            "an nn.BatchNorm1d that has seen data": used_batch_norm(6).eval(),
            "nn.LayerNorm": nn.LayerNorm(6),
            "nn.RMSNorm": nn.RMSNorm(6).eval(),
            "a model with both": model,
            "a model in training with a BatchNorm in evaluation": frozen,
        }.items():
            before, given = copy.deepcopy(layer), x.clone()
            result = answer(layer, given)
            expect_unchanged(layer, before, name)
            expect(torch.equal(given, x), "x changed: work on a copy")
            compare_difference(name, before, x, one_number(result, name))


def compare_difference(name: str, layer: nn.Module, x: Tensor, result: float) -> None:
    right, late = train_eval_difference(layer, x), copy.deepcopy(layer).train()
    with torch.no_grad():
        training, evaluation = late(x), copy.deepcopy(layer).eval()(x)
        moved = (training - late.eval()(x)).abs().max().item()
    signed = training - evaluation
    mistakes = {
        f"{name}: you evaluate after the training pass, which has moved the statistics": moved,
        f"{name}: that is the mean difference, not the largest": signed.abs().mean().item(),
        f"{name}: both outputs are of the same mode": 0.0,
        f"{name}: large differences can be negative, too: take abs first": signed.max().item(),
        f"{name}: take abs before you look for the largest": signed.min().item(),
    }
    reject(result, right, mistakes)
    expect_close(result, right, f"{name}: the largest difference")


@torch.random.fork_rng(devices=[])
def check_error_by_batch_size(answer) -> None:
    torch.manual_seed(0)
    for N, D, sizes in ((48, 5, [1, 2, 6, 48]), (30, 3, [15, 3, 1]), (12, 1, [4])):
        # Of different scales and away from 0, so that running statistics would be far off.
        x = torch.randn(N, D) * torch.tensor([0.5, 1, 2, 4, 8])[:D] + 3
        given, asked = x.clone(), list(sizes)
        result = answer(given, asked)
        expect_type(result, dict)
        expect(torch.equal(given, x) and asked == sizes, "x or batch_sizes changed")
        expect(set(result) == set(sizes), f"the keys are {list(result)}, expected {sizes}")
        whole = nn.BatchNorm1d(D)(x)
        for size, right in error_by_batch_size(x, sizes).items():
            if size == 1:
                expect(result[1] is None, "a batch size of 1 must give None: the layer refuses it")
                continue
            what = f"batch size {size}: the error"
            error = one_number(result[size], what)
            parts = torch.cat([nn.BatchNorm1d(D)(batch) for batch in x.split(size)]).detach()
            mistakes = {
                f"{what} is 0. Is BatchNorm in training mode, and does it see small batches?": 0.0,
                f"{what}: take the square root of the mean squared difference": right**2,
                f"{what} is a mean absolute difference": (parts - whole).abs().mean().item(),
                f"{what} is a sum: take the mean over all N * D numbers": right * (N * D) ** 0.5,
                f"{what}: compare with one batch of all samples, not with x": (
                    (parts - x).square().mean().sqrt().item()
                ),
            }
            reject(error, right, mistakes)
            expect_close(error, right, what)


def one_number(result: object, what: str) -> float:
    single = isinstance(result, Tensor) and result.numel() == 1
    expect(not single, f"{what}: what you return is a tensor, expected a float: item() gives it")
    expect_type(result, float, f"{what}: what you return")
    expect(math.isfinite(result), f"{what}: you return {result}: was there a 0/0?")
    return float(result)
