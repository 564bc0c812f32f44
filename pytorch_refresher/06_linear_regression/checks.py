"""Lesson 06: the checks that mark your practice answers."""

import copy
import math

from pytorch_refresher._common.marking import expect, expect_close, expect_type

import numpy as np
import torch
from torch import Tensor, nn

from .solutions import compare_optimizers


def check_predicted_weights(answer) -> None:
    for slope, intercept, spread in ((0.95, -92.0, 9.0), (0.6, -35.0, 6.0)):
        heights = 171 + spread * torch.randn(60, 1)
        weights = slope * heights + intercept + 3 * torch.randn(60, 1)
        # Taller than those in training, on average: their own mean and std would mislead.
        new_heights = torch.tensor([[150.0], [180.0], [185.0], [195.0], [200.0]])
        found = answer(heights.clone(), weights.clone(), new_heights.clone())

        columns = torch.cat([heights - 171, torch.ones_like(heights)], dim=1).double()
        line = torch.linalg.lstsq(columns, weights.double()).solution
        expected = (new_heights - 171) * line[0].float() + line[1].float()
        expect_type(found, Tensor)
        expect(
            found.shape == expected.shape,
            f"the result has shape {tuple(found.shape)}, expected {tuple(expected.shape)}: one "
            "row for each of new_heights",
        )
        expect(
            bool(found.isfinite().all()),
            "the predictions are NaN or infinite: with inputs near 170 the steps are far too "
            "large, so standardize the heights",
        )
        expect(
            not found.requires_grad, "the predictions require gradients: predict in torch.no_grad()"
        )
        expect(
            not torch.allclose(found, expected.mean().expand_as(found), atol=3)
            and not torch.allclose(found, weights.mean().expand_as(found), atol=3),
            "every height gets about the same weight: does the model see the heights, and does "
            "each target meet its own prediction, (N, 1) with (N, 1)?",
        )
        own = (new_heights - new_heights.mean()) / new_heights.std() * heights.std()
        expect(
            not torch.allclose(found, own * line[0].float() + weights.mean(), atol=0.5),
            "standardize new_heights with the mean and std of heights, as in training",
        )
        far = (found - expected).abs().max().item()
        expect(
            far <= 0.1,
            f"one prediction is {far:.2f} kg from that of the best line: more epochs, or another "
            "learning rate?",
        )
        expect_close(found, found.float(), "the result")


def check_compare_optimizers(answer) -> None:
    for samples, features, lr, epochs in ((12, 1, 0.05, 20), (9, 3, 0.02, 7)):
        inputs = torch.randn(samples, features)
        targets = inputs.sum(dim=1, keepdim=True) + 4
        model = nn.Linear(features, 1)
        before = copy.deepcopy(model.state_dict())
        one_more = compare_optimizers(model, inputs, targets, lr, epochs + 1)
        losses = answer(model, inputs.clone(), targets.clone(), lr, epochs)

        expect_type(losses, dict)
        expect(
            set(losses) == {"SGD", "Adam"},
            f'the keys must be "SGD" and "Adam", yours are {list(losses)}',
        )
        for name, found in losses.items():
            expect_type(found, list, f"losses[{name!r}]")
            expect(
                len(found) == epochs,
                f"losses[{name!r}] has {len(found)} losses, expected one for each of the "
                f"{epochs} epochs",
            )
            expect(
                not any(isinstance(loss, Tensor) for loss in found),
                f"losses[{name!r}] holds tensors, each with its graph: which method makes a number?",
            )
            for loss in found:
                expect_type(loss, float, f"a loss in losses[{name!r}]")
        expect(
            all(torch.equal(model.state_dict()[name], before[name]) for name in before),
            "`model` itself was trained: train copies of it",
        )

        def same(found: list[float], expected: list[float]) -> bool:
            return all(
                math.isclose(*pair, rel_tol=1e-3, abs_tol=1e-5)
                for pair in zip(found, expected, strict=True)
            )

        right = {name: found[:epochs] for name, found in one_more.items()}
        later = {name: found[1:] for name, found in one_more.items()}
        expect(
            not any(same(losses[name], later[name]) for name in right),
            "those losses are measured after each step: measure before it",
        )
        expect(
            not (same(losses["SGD"], right["Adam"]) and same(losses["Adam"], right["SGD"])),
            "SGD and Adam are the wrong way round",
        )
        for name, found in losses.items():
            expect(
                same(found[:1], right[name][:1]),
                f"losses[{name!r}] starts at {found[0]:.4f}, the model's loss is "
                f"{right[name][0]:.4f}: start from its parameters",
            )
            expect(
                not same(found, [found[0]] * epochs),
                f"the losses of {name!r} do not fall at all: does the optimizer get the parameters "
                "of the copy that predicts?",
            )
            expect(
                same(found[:2], right[name][:2]),
                f"losses[{name!r}] goes on with {found[1]:.4f} after the first step, expected "
                f"{right[name][1]:.4f}: is the learning rate passed on, and nothing else?",
            )
            expect(
                same(found, right[name]),
                f"losses[{name!r}] is right for two epochs and then no longer: are the gradients "
                "zeroed in each, and is the optimizer made once, before the loop?",
            )


def _shows(line, losses: list[float]) -> bool:
    """Whether a curve has these losses, which may have been rounded to float32."""
    found = [float(y) for y in line.get_ydata()]
    return len(found) == len(losses) and np.allclose(found, losses, rtol=1e-6, atol=0)


def check_loss_curves(answer) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    cases = [
        {"SGD": [9.0, 4.0, 2.0, 1.0], "Adam": [9.0, 5.0, 0.5]},
        {"lr 0.1": [3.0, 0.3, 0.03, 0.01, 0.002]},
    ]
    try:
        for losses in cases:
            figure = answer(copy.deepcopy(losses))
            expect_type(figure, Figure)
            expect(len(figure.axes) == 1, f"the figure has {len(figure.axes)} axes, expected one")
            axis = figure.axes[0]
            # Lines without points may be there for the legend or as a grid.
            lines = [line for line in axis.get_lines() if len(line.get_xdata()) > 0]
            expect(
                len(lines) == len(losses),
                f"the axes has {len(lines)} curves, expected one for each of {list(losses)}",
            )
            for name, expected in losses.items():
                found = [line for line in lines if _shows(line, expected)]
                expect(
                    len(found) == 1,
                    f"no curve shows the losses of {name!r} as they are: {expected}",
                )
                epochs = [float(x) for x in found[0].get_xdata()]
                expect(epochs[0] != 0, "the first epoch is 1, your curve starts at 0")
                expect(
                    epochs == list(range(1, len(expected) + 1)),
                    f"the curve of {name!r} runs over {epochs}, expected the epochs 1, 2, 3, ...",
                )
            expect(axis.get_yscale() == "log", "make the y axis logarithmic")
            expect(
                "epoch" in axis.get_xlabel().lower(),
                f'the x label is {axis.get_xlabel()!r}, expected "epoch"',
            )
            expect(
                "loss" in axis.get_ylabel().lower(),
                f'the y label is {axis.get_ylabel()!r}, expected "loss"',
            )
            legend = axis.get_legend() or (figure.legends[0] if figure.legends else None)
            expect(legend is not None, "there is no legend: give each curve a label, then ask")
            names = [text.get_text() for text in legend.get_texts()]
            expect(
                sorted(names) == sorted(losses),
                f"the legend says {names}, expected {list(losses)}",
            )
            # Which name stands at which curve: by color, as the reader sees it.
            handles = dict(zip(names, legend.legend_handles, strict=True))
            for line in lines:
                name = next(name for name, expected in losses.items() if _shows(line, expected))
                handle = handles[name]
                expect(
                    not hasattr(handle, "get_color") or handle.get_color() == line.get_color(),
                    f"the legend gives the name {name!r} to another curve",
                )
    finally:
        plt.close("all")
