"""Lesson 06: Linear Regression

A bicycle courier has written down four deliveries: how far, and how many minutes. How long will
7 km take? You could draw a line by eye. Here PyTorch finds the line, with the same loop that trains
the largest networks. But this model has only two parameters, so you can check every number.

    python lesson.py             run the lesson, then mark your practice answers
    python lesson.py --practice  only mark your practice answers
"""

import copy
import math
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import (
    lesson_arguments,
    report_practice,
    save_figure,
    section,
    show_error,
)

import torch
from torch import Tensor, nn

# Change these as you like. N is the number of deliveries; each has a row of its own.
DISTANCES = torch.tensor([[1.0], [2.0], [3.0], [4.0]])  # kilometers, (N, 1)
TIMES = torch.tensor([[6.96], [12.11], [16.77], [22.21]])  # minutes, (N, 1)
EPOCHS = 500  # how often training goes through the data
RATE = 0.01  # the learning rate
SEED = 0  # of the random numbers that every model starts from


def four_deliveries() -> None:
    section("Four deliveries, and a guess")

    # A guess to begin with: 5 minutes per kilometer. How wrong is it?
    guesses = 5.0 * DISTANCES  # (N, 1)
    errors = guesses - TIMES
    for distance, time, guess in torch.cat([DISTANCES, TIMES, guesses], dim=1).tolist():
        print(f"{distance:g} km took {time:5.2f} minutes, guessed {guess:5.2f}")

    # To compare guesses, we need one number: the loss. Squaring makes errors in both directions
    # count, and large ones count most.
    print(f"{(errors**2).mean() = :.4f}   the mean squared error")
    print(f"{nn.MSELoss()(guesses, TIMES) = :.4f}   PyTorch's name for it")
    print(f"{nn.L1Loss()(guesses, TIMES) = :.4f}   the mean absolute error: see 'Which loss?'")

    # The most common mistake: targets of shape (N,) broadcast against predictions of (N, 1) to
    # (N, N). Each guess is compared with every delivery. The result looks like any other loss.
    flat = TIMES.flatten()  # (N,)
    print(f"{(guesses - flat).shape = }, {((guesses - flat) ** 2).mean() = :.4f}")
    with show_error("nn.MSELoss()(guesses, flat)"), warnings.catch_warnings():
        warnings.simplefilter("error")  # PyTorch only warns. For once, let a warning be an error.
        nn.MSELoss()(guesses, flat)


class LinearRegression(nn.Module):
    """A line: inputs (N, 1) to predictions (N, 1)."""

    def __init__(self) -> None:
        super().__init__()  # first, or the module can't register the layer that follows
        self.linear = nn.Linear(1, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.linear(inputs)


def new_model() -> LinearRegression:
    """A model that starts at the same random numbers every time, so comparisons are fair."""
    torch.manual_seed(SEED)
    return LinearRegression()


def weight_and_bias(model: nn.Module) -> Tensor:
    """A copy of a line's two parameters in one tensor, (2,)."""
    return nn.utils.parameters_to_vector(model.parameters()).detach()


def minutes(model: nn.Module, distance: float) -> float:
    """What the model predicts for one distance."""
    with torch.no_grad():  # we only ask, so there is nothing to record
        return model(torch.tensor([[distance]])).item()


def a_line_as_a_model() -> None:
    section("nn.Linear and nn.Module: a line as a model")

    # A layer with one number in and one number out is a line. Its slope is called weight, and its
    # height at 0 is called bias. Both are random at first.
    torch.manual_seed(SEED)
    layer = nn.Linear(1, 1)
    inputs = torch.tensor([[2.0], [4.0]])  # (2, 1): two samples with one feature each
    print(f"{layer.weight = }")
    print(f"{layer.bias = }")
    print(f"{layer(inputs) = }")
    print(f"{torch.allclose(layer(inputs), inputs @ layer.weight.T + layer.bias) = }")

    # More features in, more numbers out: other shapes, the same formula.
    wide = nn.Linear(3, 2)
    print(f"{wide.weight.shape = }, {wide(torch.ones(5, wide.in_features)).shape = }")

    # A model is a class that makes its layers in __init__ and says in forward() what to do with
    # them. It finds their parameters by itself. Call model(inputs), which calls forward().
    model = new_model()
    print(model)
    for name, parameter in model.named_parameters():
        print(f"{name:<13} {tuple(parameter.shape)}, {parameter.requires_grad = }")


def one_step() -> None:
    section("One step, by hand and by the optimizer")

    # SGD, stochastic gradient descent, is the step of lesson 05 for every parameter it is given:
    # parameter -= learning rate * gradient.
    model = new_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    start = weight_and_bias(model)
    loss = nn.MSELoss()(model(DISTANCES), TIMES)
    loss.backward()

    # The loss is mean(errors ** 2). If the bias grows, every error grows just as fast. If the
    # weight grows, each error grows as fast as its distance says. So, by the chain rule:
    errors = start[0] * DISTANCES + start[1] - TIMES  # (N, 1)
    gradient = torch.stack([(2 * errors * DISTANCES).mean(), (2 * errors).mean()])
    print(f"gradient by hand         {gradient}")
    found = [parameter.grad.flatten() for parameter in model.parameters()]
    print(f"gradient by backward()   {torch.cat(found)}")

    optimizer.step()
    print(f"new weight and bias      {start - RATE * gradient}   by hand")
    print(f"after optimizer.step()   {weight_and_bias(model)}")
    print(f"loss before {loss:.1f}, after {nn.MSELoss()(model(DISTANCES), TIMES):.1f}")


def train(
    model: nn.Module,
    loss_function: nn.Module,
    optimizer: torch.optim.Optimizer,
    inputs: Tensor,
    targets: Tensor,
    epochs: int,
) -> list[float]:
    """Train on all samples at once, `epochs` times; returns the loss before each step."""
    losses = []
    for _ in range(epochs):
        optimizer.zero_grad()  # clear the old gradients, because backward() adds to them
        predictions = model(inputs)  # (N, 1)
        loss = loss_function(predictions, targets)  # how wrong are they?
        loss.backward()  # which way is uphill, for every parameter?
        optimizer.step()  # a small step the other way
        losses.append(loss.item())  # the number only: the tensor would keep its graph alive
    return losses


def train_the_model() -> LinearRegression:
    section("The training loop")

    # The loop is train(), just above. It is the same for a line and for a transformer.
    model = new_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    losses = train(model, nn.MSELoss(), optimizer, DISTANCES, TIMES, EPOCHS)
    for epoch in range(0, EPOCHS, 50):
        print(f"epoch {epoch:>3}: loss {losses[epoch]:.4f}")
    print(f"{minutes(model, 7.0) = :.1f}")

    # Clearing last works, too: all that matters is that no old gradient is left when backward()
    # comes. First is safer, because something may have been left from before the loop.
    other = new_model()
    optimizer = torch.optim.SGD(other.parameters(), lr=RATE)
    for _ in range(EPOCHS):
        nn.MSELoss()(other(DISTANCES), TIMES).backward()
        optimizer.step()
        optimizer.zero_grad()
    print(f"{torch.equal(weight_and_bias(other), weight_and_bias(model)) = }   cleared last")
    return model


def curvatures(inputs: Tensor) -> Tensor:
    """How strongly the loss bends in its flattest and its steepest direction, (2,)."""
    columns = torch.cat([inputs, torch.ones_like(inputs)], dim=1)  # (N, 2)
    second_derivatives = 2 * columns.T @ columns / len(columns)  # (2, 2)
    return torch.linalg.eigvalsh(second_derivatives)  # the least and the largest of any direction


def against_the_exact_answer(model: LinearRegression) -> None:
    section("How close did it come? The exact answer")

    # For a line there is a formula for the best parameters, called least squares. A column of ones
    # makes room for the bias: [distance, 1] @ [weight, bias] = weight * distance + bias.
    columns = torch.cat([DISTANCES, torch.ones_like(DISTANCES)], dim=1)  # (N, 2)
    exact = torch.linalg.lstsq(columns, TIMES).solution.flatten()  # (2,)
    places = {"exact": exact, f"after {EPOCHS} epochs": weight_and_bias(model)}
    model = copy.deepcopy(model)  # train a copy on; the original stays as it is
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    train(model, nn.MSELoss(), optimizer, DISTANCES, TIMES, EPOCHS)
    places[f"after {2 * EPOCHS} epochs"] = weight_and_bias(model)
    print(f"{'':<17} weight  bias    loss     distance from exact")
    for name, place in places.items():
        loss = nn.MSELoss()(columns @ place.unsqueeze(1), TIMES)
        away = torch.linalg.vector_norm(place - exact)
        print(f"{name:<17} {place[0]:.4f}  {place[1]:.4f}  {loss:.5f}  {away:.4f}")

    # Why so slow at the end? Raise the weight a bit, lower the bias a bit, and the line hardly
    # changes where the deliveries are. In that direction the loss is nearly flat, like the floor of
    # a canyon, and each epoch leaves 1 - rate * curvature of the distance, wherever you start.
    flattest, steepest = curvatures(DISTANCES).tolist()
    print(f"curvature: {flattest:.3f} in the flattest direction, {steepest:.2f} in the steepest")
    left = 1 - RATE * flattest
    print(f"each epoch leaves {left:.4f} of the distance, {EPOCHS} epochs {left**EPOCHS:.3f}")


def losses_with(make_optimizer, rate: float, inputs: Tensor = DISTANCES, epochs=100) -> list[float]:
    """The losses of a training that starts where all others start."""
    model = new_model()
    optimizer = make_optimizer(model.parameters(), lr=rate)
    return train(model, nn.MSELoss(), optimizer, inputs, TIMES, epochs)


def learning_rates() -> dict[str, list[float]]:
    section("How large a step? The learning rate")

    curves = {}
    for rate in (0.01, 0.1, 0.13):
        losses = losses_with(torch.optim.SGD, rate)
        curves[f"SGD, rate {rate}"] = losses
        print(f"rate {rate:<6} first loss {losses[0]:.1f}, last loss {losses[-1]:.4g}")

    # The steepest direction sets the limit. In it, each step leaves 1 - rate * curvature of the
    # distance, and beyond 2 / curvature that is below -1: it lands farther away on the other side.
    # The limit depends on the unit! In meters the canyon's walls are a million times as steep.
    standardized = (DISTANCES - DISTANCES.mean()) / DISTANCES.std()
    units = {"kilometers": DISTANCES, "meters": 1000 * DISTANCES, "standardized": standardized}
    for name, inputs in units.items():
        print(f"{name:<12} rates must stay below {2 / curvatures(inputs)[1]:.2g}")

    meters = losses_with(torch.optim.SGD, RATE, units["meters"], epochs=12)
    print("in meters:", ", ".join(f"{loss:.0e}" for loss in meters))

    # Standardized inputs have mean 0 and standard deviation 1 in any unit, and the canyon becomes
    # a round bowl: no direction is much flatter than the other, so nothing is slow.
    print(f"{curvatures(standardized) = }")
    losses = losses_with(torch.optim.SGD, 0.3, standardized, epochs=30)
    print(f"standardized, rate 0.3: last loss {losses[-1]:.4f} after {len(losses)} epochs")
    return curves


def optimizers() -> dict[str, list[float]]:
    section("Which optimizer? Each at its own best rate")

    # Momentum keeps 0.9 of the last step, like a ball that rolls on. Steps in one direction add up
    # to 1 + 0.9 + 0.81 + ... = 10 times the rate: compare momentum at 0.001 with SGD at 0.01.
    # Adam divides each gradient by its usual size: a parameter moves by about `rate`, however steep.
    candidates = {
        "SGD": torch.optim.SGD,
        "momentum": partial(torch.optim.SGD, momentum=0.9),
        "Adam": torch.optim.Adam,
    }
    rates, curves = (0.001, 0.01, 0.1, 1.0), {}
    print(f"{'last loss':<10}" + "".join(f"{f'rate {rate}':>12}" for rate in rates) + "   best")
    for name, make_optimizer in candidates.items():
        all_losses = [losses_with(make_optimizer, rate) for rate in rates]
        # NaN is neither smaller nor larger than anything, so count it as infinite.
        ends = [math.inf if math.isnan(losses[-1]) else losses[-1] for losses in all_losses]
        best = ends.index(min(ends))
        curves[f"{name}, rate {rates[best]}"] = all_losses[best]
        print(f"{name:<10}" + "".join(f"{end:>12.4g}" for end in ends) + f"   {rates[best]}")
    return curves  # don't compare within a column: at a shared rate, the rate decides who wins


def one_flat_tire() -> None:
    section("Which loss? One flat tire")

    # A fifth delivery: 3 km in 60 minutes, because of a flat tire. Squared, its error outweighs
    # all others, so the line bends to it. With the absolute error it pulls no harder than they do.
    distances = torch.cat([DISTANCES, torch.tensor([[3.0]])])
    times = torch.cat([TIMES, torch.tensor([[60.0]])])
    for loss_function in (nn.MSELoss(), nn.L1Loss()):
        model = new_model()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.3)
        train(model, loss_function, optimizer, distances, times, epochs=200)
        print(f"{loss_function}: {minutes(model, 7.0) = :.1f}")


def keep_the_model(model: LinearRegression) -> None:
    section("Keeping what was learned: state_dict")

    # All that training has found is in the parameters. The state_dict names them.
    for name, tensor in model.state_dict().items():
        print(f"{name:<13} {tensor}")

    # Save that dictionary, not the model: the class is in your code already. With weights_only,
    # torch.load accepts tensors and other plain data only, so a stranger's file can't run code.
    loaded = LinearRegression()  # starts at other random numbers
    print(f"{torch.equal(loaded(DISTANCES), model(DISTANCES)) = }   before loading")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "deliveries.pt"
        torch.save(model.state_dict(), file)
        loaded.load_state_dict(torch.load(file, weights_only=True))
    print(f"{torch.equal(loaded(DISTANCES), model(DISTANCES)) = }    after loading")


def draw_line_and_losses(model: LinearRegression, losses: dict[str, list[float]]) -> None:
    from pytorch_refresher._common.figures import curves

    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")

    # Left: the line before training, after five epochs, and at the end.
    end, young = DISTANCES.max().item() + 1, new_model()
    optimizer = torch.optim.SGD(young.parameters(), lr=RATE)
    train(young, nn.MSELoss(), optimizer, DISTANCES, TIMES, epochs=5)
    models = {"before training": new_model(), "after 5 epochs": young}
    models[f"after {EPOCHS} epochs"] = model
    lines = {name: [minutes(each, 0.0), minutes(each, end)] for name, each in models.items()}
    left.plot(DISTANCES.flatten().tolist(), TIMES.flatten().tolist(), "ko", label="deliveries")
    curves(left, lines, (0, end), title="The line finds the data", xlabel="km", ylabel="minutes")

    # Right: the loss, from the same start. Momentum overshoots and comes back, again and again.
    curves(right, losses, title="Same start, different steps", xlabel="epoch", ylabel="loss")
    right.set(yscale="log", ylim=(0.01, 1e5))
    right.yaxis.set_major_formatter("{x:g}")  # 0.01, and not 10 with a small -2 above it
    save_figure(figure, "fitted_line")


# -----------------------------------------------------------------------------------------
# Practice. Replace each `raise NotImplementedError` with your answer, then run this file with
# --practice: it marks your answers and tells you what to look at next.
# -----------------------------------------------------------------------------------------


def train_and_predict(
    model: nn.Module, heights: Tensor, weights: Tensor, unseen: Tensor, rate: float, epochs: int
) -> tuple[list[float], Tensor]:
    """Problem 1 (medium, 20 minutes). Write the training loop: people's weight from their height.

    heights: (N, 1) and unseen: (M, 1), in centimeters; weights: (N,), in kilograms; all float32.
    model: a line, inputs (N, 1) to predictions (N, 1). Start from the parameters that it has. It
    may still hold gradients of something else, which must not count.
    Standardize the heights with their mean() and std(), and train on them for `epochs` epochs:
    torch.optim.SGD with learning rate `rate`, mean squared error, all people at once.
    Return the losses, a list with one float per epoch, measured before its step, and what the
    trained model predicts for the unseen heights: an (M, 1) tensor without a graph.
    """
    raise NotImplementedError


def compare_optimizers(
    model: nn.Module, inputs: Tensor, targets: Tensor, rates: list[float], goal: float, limit: int
) -> dict[str, tuple[float, int]]:
    """Problem 2 (medium, 20 minutes). Which is faster, SGD or Adam, each at its own best rate?

    inputs: (N, features), targets: (N, 1). A run starts from the parameters of `model`, which must
    stay as they are: train copies, made with copy.deepcopy(model). It takes steps on all samples at
    once, until the mean squared error is at most `goal`. It fails if it isn't there after `limit`
    steps; with a large rate, the loss may even become NaN.
    Return {"SGD": (rate, steps), "Adam": (rate, steps)}: of `rates`, the one that takes the fewest
    steps (the first of them in a tie), and how many. Use torch.optim.SGD and torch.optim.Adam with
    no other options. Each of them gets there with at least one of the rates.
    """
    raise NotImplementedError


def plot_losses(losses: list[float], tolerance: float):
    """Problem 3 (easy, 15 minutes). Plot a loss curve, and mark where it becomes flat.

    losses: one finite loss per epoch, from epoch 0 on; they may fall, rise or swing. The curve is
    flat as soon as all losses from there on differ from the last one by at most
    tolerance * last loss. Return (figure, epoch): a matplotlib figure with the losses over the
    epochs as a line, that epoch as a vertical line (axvline) and labeled axes; and the epoch.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__)
    if not arguments.practice:
        four_deliveries()
        a_line_as_a_model()
        is_line = len(weight_and_bias(new_model())) == 2  # for another model there's no formula
        if is_line:
            one_step()
        model = train_the_model()
        if is_line:
            against_the_exact_answer(model)
        losses = learning_rates() | optimizers()
        one_flat_tire()
        keep_the_model(model)
        draw_line_and_losses(model, losses)
    report_practice(__file__)


if __name__ == "__main__":
    main()
