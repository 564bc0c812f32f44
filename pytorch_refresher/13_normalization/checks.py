"""Lesson 13: the checks that mark your practice answers."""

import copy
import math

from pytorch_refresher._common.marking import NotYet, expect, expect_type

import torch
from torch import nn

from .solutions import error_by_batch_size, train_eval_difference


def one_number(result, what: str) -> float:
    """`result`, a float or a tensor with one number, as a float; otherwise a hint."""
    expect(
        isinstance(result, float) or (torch.is_tensor(result) and result.numel() == 1),
        f"{what}: return one number, a float or a tensor with one number",
    )
    number = torch.as_tensor(result).item()
    expect(math.isfinite(number), f"{what}: the number is {number}: was there a 0/0?")
    return number


def check_normalization_axes(answer) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    # More features than samples, and no entry on the diagonal, tell rows from columns.
    for batch_size, features, sample, feature in ((4, 7, 1, 5), (6, 3, 4, 0)):
        figure = answer(batch_size, features, sample, feature)
        plt.close("all")
        expect_type(figure, Figure, "what you return")
        panels = [axis for axis in figure.axes if axis.images]  # a color bar has no image
        expect(
            len(panels) == 2,
            f"{len(panels)} axes of the figure show an image (imshow), expected 2",
        )
        titles = [axis.get_title() for axis in panels]
        expect(
            titles == ["BatchNorm", "LayerNorm"],
            f"the titles are {titles}, expected ['BatchNorm', 'LayerNorm']",
        )
        expected = torch.zeros(2, batch_size, features)
        expected[0, :, feature] = 1
        expected[1, sample] = 1
        tables = []
        for axis, title in zip(panels, titles, strict=True):
            for which, label in (("x", axis.get_xlabel()), ("y", axis.get_ylabel())):
                wanted = {"x": "feature", "y": "sample"}[which]
                expect(label == wanted, f'{title}: the {which} label is "{label}", not "{wanted}"')
            data = axis.images[0].get_array()
            table = torch.tensor(data.filled(0).tolist()).float()
            expect(
                table.shape == (batch_size, features),
                f"{title}: the image has shape {tuple(table.shape)}, expected "
                f"({batch_size}, {features}): a row for each sample",
            )
            expect(
                table[sample, feature].item() == 1,
                f"{title}: the entry [sample, feature] itself must be a 1",
            )
            tables.append(table)
        expect(
            not torch.equal(tables[0], expected[1]),
            "BatchNorm shows a row: it normalizes each feature over the batch, a column",
        )
        expect(
            not torch.equal(tables[1], expected[0]),
            "LayerNorm shows a column: it normalizes each sample over its features, a row",
        )
        for title, table, right in zip(titles, tables, expected, strict=True):
            expect(
                torch.equal(table, right),
                f"{title}: mark with 1 only what shares a mean with the entry, and leave no "
                "entry of it out",
            )


def check_train_eval_difference(answer) -> None:
    used = nn.BatchNorm1d(6)
    for _ in range(5):
        used(torch.randn(32, 6) * 3 + 2)
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.LayerNorm(5))
    # A sample far below the others: the largest difference is a negative one.
    x = torch.randn(16, 6) * 2 + 5
    x[3] -= 40
    layers = {
        "a fresh nn.BatchNorm1d": nn.BatchNorm1d(6),
        "an nn.BatchNorm1d that has seen data": used.eval(),
        "nn.LayerNorm": nn.LayerNorm(6),
        "nn.RMSNorm": nn.RMSNorm(6).eval(),
        "a model with both": model,
    }
    for name, layer in layers.items():
        before = copy.deepcopy(layer)
        result = one_number(answer(layer, x.clone()), name)
        state, wanted = layer.state_dict(), before.state_dict()
        expect(
            all(torch.equal(state[key], wanted[key]) for key in wanted),
            f"{name}: its running statistics have moved: work on a copy",
        )
        expect(
            [module.training for module in layer.modules()]
            == [module.training for module in before.modules()],
            f"{name}: it comes back in another mode than it had: work on a copy",
        )
        right = train_eval_difference(before, x)
        if abs(result - right) <= 1e-4 * right:
            continue
        expect(
            right > 0, f"{name} gives the same in both modes, yet your difference is {result:.4g}"
        )
        expect(
            result != 0,
            f"{name} differs between its modes, yet you return 0: were both calls in one mode?",
        )
        expect(result > 0, f"{name}: the difference is negative: take absolute values first")
        late = copy.deepcopy(before).train()
        with torch.no_grad():
            training = late(x)
            moved = (training - late.eval()(x)).abs().max().item()
            mean = (training - before.eval()(x)).abs().mean().item()
        expect(
            abs(result - moved) > 1e-4 * moved,
            f"{name}: the evaluation ran after the training pass had moved the statistics",
        )
        expect(
            abs(result - mean) > 1e-4 * mean,
            f"{name}: that is the mean difference, the largest is asked for",
        )
        raise NotYet(f"{name}: the largest difference is {right:.4g}, not {result:.4g}")


def check_error_by_batch_size(answer) -> None:
    for samples, features, batch_sizes in ((48, 5, [1, 2, 6, 48]), (30, 3, [15, 3, 1])):
        # Away from 0 and of different scales, so that running statistics would be far off.
        x = torch.randn(samples, features) * torch.tensor([0.5, 1, 2, 4, 8])[:features] + 3
        result = answer(x.clone(), list(batch_sizes))
        expect_type(result, dict)
        expect(
            set(result) == set(batch_sizes),
            f"the keys are {list(result)}, expected the batch sizes {batch_sizes}",
        )
        expect(
            result[1] is None,
            "a batch size of 1 must give None: nn.BatchNorm1d in training mode refuses it",
        )
        for size, right in error_by_batch_size(x, batch_sizes).items():
            if size == 1:
                continue
            error = one_number(result[size], f"batch size {size}")
            if abs(error - right) <= 1e-3 * right + 1e-5:
                continue
            expect(
                size < samples,
                f"one batch of all {size} samples differs from itself by {error:.3g}: compare with "
                "what BatchNorm gives for x, in training mode",
            )
            expect(
                error != 0,
                f"batch size {size} makes no difference: is BatchNorm in training mode?",
            )
            expect(
                abs(error - right**2) > 1e-3 * right,
                f"batch size {size}: take the square root of the mean squared difference",
            )
            raise NotYet(
                f"batch size {size}: the error is {right:.4g}, not {error:.4g}: compare with one "
                "batch of all samples, over all N * D entries"
            )
