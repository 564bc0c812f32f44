"""Lesson 06: the checks that mark your practice answers."""

import copy
import math

from pytorch_refresher._common.marking import (
    expect,
    expect_close,
    expect_parts,
    expect_type,
    reject,
)

import torch
from torch import Tensor, nn

from .solutions import compare_optimizers, plot_losses


def check_train_and_predict(answer) -> None:
    # How many people, unseen heights and epochs, and what the model's gradients still hold.
    for people, strangers, epochs, old in ((30, 4, 12, 0.0), (9, 1, 1, 0.0), (50, 6, 8, 20.0)):
        heights = 171 + 9 * torch.randn(people, 1)
        weights = 0.9 * heights.flatten() - 85 + 4 * torch.randn(people)
        unseen, rate = 185 + 12 * torch.rand(strangers, 1), 0.03 + 0.1 * torch.rand(()).item()
        model = nn.Linear(1, 1)
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, old) if old else None
        start, given = copy.deepcopy(model), [heights.clone(), weights.clone(), unseen.clone()]
        result = answer(model, *given, rate, epochs)

        losses, predictions = expect_parts(result, "the losses", "the predictions")
        unchanged = all(map(torch.equal, given, (heights, weights, unseen)))
        expect(unchanged, "heights, weights or unseen changed: only read them")
        mean, std, targets = heights.mean(), heights.std(), weights.unsqueeze(1)
        run = (start, (heights - mean) / std, targets, rate, epochs)
        right, trained = _fit(*run)
        _expect_losses(losses, right, _known_losses(*run, old, heights, weights))
        untrained = "model is as it was: train it, not a copy or another model"
        reject(_place(model), _place(trained), {untrained: _place(start)})
        expect_close(_place(model), _place(trained), "the trained model (weight, bias)", rtol=1e-3)
        known = {
            "standardize the unseen heights with the mean and std of heights": trained(
                (unseen - unseen.mean()) / unseen.std(correction=int(strangers > 1))
            ),
            "standardize the unseen heights, too: the model knows no centimeters": trained(unseen),
        }
        expected = trained((unseen - mean) / std).detach()
        reject(predictions, expected, known)
        expect_close(predictions, expected, "the tensor of predictions", rtol=1e-3)
        expect(not predictions.requires_grad, "the predictions have a graph: use torch.no_grad()")


def _known_losses(start, inputs, targets, rate, epochs, old, heights, weights) -> dict:
    """The losses that known mistakes lead to, by their hints."""
    run = (start, inputs, targets, rate, epochs)
    return {
        "weights is (N,) and the predictions are (N, 1), so every prediction is compared with "
        "everybody: make the targets (N, 1)": _fit(start, inputs, weights, rate, epochs)[0],
        "the heights have to be standardized": _fit(start, heights, targets, rate, epochs)[0],
        "gradients add up over the epochs: clear them in every epoch": _fit(*run, old, "never")[0],
        "an old gradient got into the first step: clear before backward(), not only after the "
        "step": _fit(*run, old, "last")[0],
        "each loss is measured after its step: measure it before": _fit(
            start, inputs, targets, rate, epochs + 1
        )[0][1:],
    }


def _place(model: nn.Module) -> Tensor:
    """All parameters of a model in one tensor."""
    return nn.utils.parameters_to_vector(model.parameters()).detach()


def _fit(
    model: nn.Module, inputs, targets, rate: float, epochs: int, old=0.0, clear="first"
) -> tuple[list[float], nn.Module]:
    """The losses before each step of gradient descent, and the trained copy of the model."""
    model, losses = copy.deepcopy(model), []
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, old)
    for _ in range(epochs):
        if clear == "first":
            model.zero_grad()
        loss = (model(inputs) - targets).square().mean()
        loss.backward()
        losses.append(loss.item())
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= rate * parameter.grad
        if clear == "last":
            model.zero_grad()
    return losses, model


def _expect_losses(losses: object, right: list[float], known: dict[str, list[float]]) -> None:
    if not isinstance(losses, tuple):
        expect_type(losses, list, "the first thing returned")
    expect(
        not any(isinstance(loss, Tensor) for loss in losses),
        "the losses are tensors, and each keeps its graph alive: .item() gives the number",
    )
    for loss in losses:
        expect_type(loss, float, "a loss")
    epochs = f"the list has {len(losses)} losses for {len(right)} epochs"
    expect(len(losses) == len(right), epochs)
    grows = "the losses grow without end, because inputs far from 0 make the loss too steep"
    expect(all(map(math.isfinite, losses)), f"{grows}: standardize the heights")
    reject(losses, right, known)
    start = f"losses[0] is {losses[0]:.6g}, but the mean squared error of the model you got is"
    hint = f"{start} {right[0]:.6g}: train it from where it is, on the standardized heights"
    expect(math.isclose(losses[0], right[0], rel_tol=1e-3), hint)
    still = len(losses) > 1 and losses[1] == losses[0]
    expect(not still, "the model doesn't move: zero_grad(), backward(), step(), in this order?")
    for epoch, (loss, expected) in enumerate(zip(losses, right, strict=True)):
        hint = f"losses[{epoch}] is {loss:.6g}, expected {expected:.6g}: are the steps those of SGD"
        right_loss = math.isclose(loss, expected, rel_tol=1e-3)
        expect(
            right_loss, f"{hint} with learning rate `rate`, and is the std that of heights.std()?"
        )


def check_compare_optimizers(answer) -> None:
    # How many samples and features, the rates, goal and limit. At 1e9, the loss becomes NaN.
    cases = (
        (20, 1, [0.001, 1e9, 0.01, 0.3], 0.2, 200),
        (15, 3, [3.0, 0.1, 0.03, 1e9], 0.3, 200),
        (15, 3, [0.03, 0.1], 0.3, None),  # a limit that the slower optimizer just keeps
        (8, 2, [0.03, 0.1, 0.01], None, 50),  # a goal that is already reached: no step
    )
    for samples, features, rates, goal, limit in cases:
        inputs = torch.randn(samples, features)
        targets = 2 * inputs.sum(dim=1, keepdim=True) + 4 + 0.2 * torch.randn(samples, 1)
        model = nn.Linear(features, 1)
        with torch.no_grad():
            reached = 1.001 * nn.MSELoss()(model(inputs), targets).item()
        goal = reached if goal is None else goal
        right = compare_optimizers(model, inputs, targets, rates, goal, limit or 200)
        limit = limit or max(steps for _, steps in right.values())
        before, shared = _place(model), (inputs, targets, goal, limit)
        result = answer(model, inputs.clone(), targets.clone(), list(rates), goal, limit)

        expect_type(result, dict)
        keys = f'the keys must be "SGD" and "Adam", yours are {list(result)}'
        expect(set(result) == {"SGD", "Adam"}, keys)
        expect(torch.equal(_place(model), before), "`model` itself was trained: train copies")
        found = {name: expect_parts(pair, "rate", "steps") for name, pair in result.items()}
        swapped = found["SGD"] == right["Adam"] and found["Adam"] == right["SGD"]
        expect(not swapped or found == right, "SGD and Adam are the wrong way round")
        for name, (rate, steps) in found.items():
            best, fewest = right[name]
            found_one = rate is not None and steps != math.inf
            missed = f"you found no rate for {name}, but at {best} it takes {fewest} steps"
            hint = "look at the loss after the last step, too, and begin each run with a fresh copy"
            expect(found_one, f"{missed}: {hint} of `model`")
            expect_type(steps, int, f"the number of steps of {name}")
            expect(rate in rates, f"{name}'s rate is {rate!r}, expected one of rates, {rates}")
            _expect_steps(name, rate, steps, model, *shared)
            faster = f"{name} needs {steps} steps at rate {rate}, but only {fewest} at {best}: try"
            expect(steps == fewest, f"{faster} every rate with both optimizers")
            expect(rate == best, f"a tie: {best} comes first in rates, {name}'s rate is {rate}")


def _expect_steps(name, rate, steps, model, inputs, targets, goal, limit) -> None:
    """Whether an optimizer with one rate really needs so many steps."""
    needed = compare_optimizers(model, inputs, targets, [rate], goal, limit)[name][1]
    expect(
        not math.isinf(needed),
        f"with rate {rate}, {name} isn't there after {limit} steps. Is giving up at the limit "
        "taken for a success, or NaN? With NaN, `loss > goal` is as False as `loss <= goal`",
    )
    count = f"with rate {rate}, {name} needs {needed} steps, you counted {steps}"
    hint = "count the steps taken, not the losses measured: a loss at the goal needs no step more"
    expect(steps != needed + 1, f"{count}: {hint}")
    fresh = (
        "does each run begin with a fresh copy of `model`, made before the optimizer, and clear "
        "the gradients every time? Is the loss the mean squared error?"
    )
    expect(steps == needed, f"{count}: {fresh}")


def check_plot_losses(answer) -> None:
    import matplotlib.pyplot as plt

    swinging = [9.0, 4.0, 1.02, 0.4, 1.9, 1.03, 0.9, 1.01, 1.0, 1.0]
    cases = (
        ([8.0, 4.0, 2.0, 1.0, 0.52, 0.51, 0.5], 0.05),  # falls, and becomes flat
        (swinging, 0.05),  # crosses its last loss before it becomes flat
        ([8.0, 1.28, 1.25, 1.2, 1.0], 0.25),  # 1.25 is just near enough
        ([2.0, 1.0, 3.0, 9.0, 27.0], 0.1),  # rises, and never becomes flat
        ([3.0, 3.1, 2.9, 3.0], 0.1),  # flat from the start
    )
    try:
        for losses, tolerance in cases:
            given = list(losses)
            figure, epoch = expect_parts(answer(given, tolerance), "the figure", "the epoch")
            expect(given == losses, "the list of losses changed: leave it as it is")
            _expect_epoch(epoch, losses, tolerance)
            axes = getattr(figure, "axes", None)
            axes = axes if isinstance(axes, list) else [figure]  # an Axes is as good
            has_axes = bool(axes) and hasattr(axes[0], "get_lines")
            expect(has_axes, "the first thing returned is not a figure with axes")
            lines = [line for each in axes for line in each.get_lines()]
            curves = [list(map(float, line.get_ydata())) for line in lines]
            shown = [_alike(curve, losses) for curve in curves]
            expect(any(shown), f"no line shows the losses as they are, in their order: {losses}")
            epochs = [float(x) for x in lines[shown.index(True)].get_xdata()]
            numbers = f"the curve is drawn at {epochs}: losses[0] belongs to epoch 0"
            expect(_alike(epochs, list(range(len(losses)))), numbers)
            drawn = "the losses are drawn as points or in no color: draw them as a line"
            expect(_is_seen(lines[shown.index(True)]), drawn)
            places = [list(map(float, line.get_xdata())) for line in lines if _is_seen(line)]
            expect([float(epoch)] * 2 in places, f"axvline is to draw a line at epoch {epoch}")
            labeled = any(each.get_xlabel() and each.get_ylabel() for each in axes)
            over_all = [getattr(figure, name, str)() for name in ("get_supxlabel", "get_supylabel")]
            labeled = labeled or all(over_all)
            expect(labeled, "say what the axes show: give both of them a label")
    finally:
        plt.close("all")


def _is_seen(line) -> bool:
    from matplotlib.colors import to_rgba

    return line.get_linestyle() not in ("None", "", " ") and to_rgba(line.get_color())[3] > 0


def _alike(found: list[float], expected: list[float]) -> bool:
    close = (math.isclose(*pair, rel_tol=1e-5) for pair in zip(found, expected, strict=False))
    return len(found) == len(expected) and all(close)


def _expect_epoch(epoch: object, losses: list[float], tolerance: float) -> None:
    import matplotlib.pyplot as plt

    expect_type(epoch, int, "the epoch")
    figure, right = plot_losses(losses, tolerance)
    plt.close(figure)
    last = losses[-1]
    near = [abs(loss - last) <= tolerance * last for loss in losses]
    small = [loss <= min(losses) * (1 + tolerance) for loss in losses]
    still = [abs(a - b) <= tolerance * a for a, b in zip(losses, [*losses[1:], last], strict=True)]
    known = {
        "that is the first loss near the last one, but the curve leaves again. It is flat only "
        "where every later loss is near, too": near.index(True),
        "count the epochs from 0": right + 1,
        "that is the last epoch that is not flat": right - 1,
        "compare each loss with the last one, not with the smallest": small.index(True),
        "compare each loss with the last one, not with the next": still.index(True),
    }
    reject(epoch, right, {f"epoch {epoch}: {hint}": wrong for hint, wrong in known.items()})
    expect_close(epoch, right, f"for {losses} and tolerance {tolerance}, the epoch")
