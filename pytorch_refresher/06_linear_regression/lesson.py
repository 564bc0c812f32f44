"""Lesson 06: Linear Regression

A first model, and the loop that trains every model in this course: predict, measure the loss,
go back through the graph for the gradients, step. The model is a line with two parameters, so
that each number can be checked by hand, and the end of the training against the exact answer.

    python lesson.py             the whole lesson, then your practice report
    python lesson.py --practice  the practice report alone
"""

import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section

import torch
from torch import Tensor, nn

# Shapes are written in comments with this letter throughout the lesson:
#   N samples   both the inputs and the targets are columns, (N, 1): one feature, one output

EPOCHS = 500
LEARNING_RATE = 0.01


class LinearRegression(nn.Module):
    """A line: inputs (N, 1) to predictions (N, 1)."""

    def __init__(self) -> None:
        super().__init__()  # prepares the module to collect the parameters assigned below
        self.linear = nn.Linear(1, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.linear(inputs)


def train(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    optimizer: torch.optim.Optimizer,
    epochs: int,
    print_every: int | None = None,
) -> list[float]:
    """Train on all samples at once, `epochs` times. inputs and targets: (N, 1).

    Returns the mean squared error of each epoch, measured before its step.
    """
    loss_function = nn.MSELoss()
    losses = []
    for epoch in range(epochs):
        optimizer.zero_grad()  # gradients accumulate: start from none
        predictions = model(inputs)  # (N, 1)
        loss = loss_function(predictions, targets)
        loss.backward()  # fills .grad of each parameter
        optimizer.step()  # moves each parameter against its gradient
        losses.append(loss.item())  # the number alone: the tensor would keep its graph alive
        if print_every and epoch % print_every == 0:
            print(f"epoch {epoch:>3}: loss {loss.item():.4f}")
    return losses


def four_deliveries() -> tuple[Tensor, Tensor]:
    section("Four deliveries, and a guess at the line")

    # Four deliveries by bicycle: how far in kilometers, how long in minutes. Each is a row.
    distances = torch.tensor([[1.0], [2.0], [3.0], [4.0]])  # (N, 1)
    times = torch.tensor([[6.96], [12.11], [16.77], [22.21]])  # (N, 1)
    print(f"{distances.shape = }, {times.shape = }")

    # Guess: time = 5 * distance. How wrong is it? The mean squared error, one row at a time:
    weight, bias = 5.0, 0.0
    total = 0.0
    for distance, time in zip(distances.flatten().tolist(), times.flatten().tolist(), strict=True):
        error = weight * distance + bias - time
        total += error**2
        print(f"{distance:.0f} km took {time:5.2f} min, guessed {weight * distance + bias:5.2f}")
    by_loop = total / len(distances)

    # The same as one tensor expression, and as PyTorch's own loss function.
    predictions = weight * distances + bias  # (N, 1)
    by_tensor = ((predictions - times) ** 2).mean()
    loss_function = nn.MSELoss()
    print(f"{by_loop = :.4f}, {by_tensor = :.4f}, {loss_function(predictions, times) = :.4f}")
    torch.testing.assert_close(loss_function(predictions, times), by_tensor)
    torch.testing.assert_close(by_tensor.item(), by_loop, rtol=1e-4, atol=0)

    # Each guess is about 2 minutes short, whatever the distance: the line must start higher.

    # The mistake most often made here: targets of shape (4,) broadcast against predictions of
    # (4, 1) to 16 differences. The loss is a plausible number that means nothing, and PyTorch
    # only warns.
    flat = times.squeeze(1)
    print(f"{predictions.shape = }, {flat.shape = }, {(predictions - flat).shape = }")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        meaningless = loss_function(predictions, flat)
    print(f"{meaningless = :.4f}")
    print(f"PyTorch warns: {str(caught[0].message).split('. ')[0]}.")
    assert meaningless > 10 * by_tensor
    return distances, times


def a_line_is_a_layer() -> None:
    section("nn.Linear: a line as a layer")

    # One feature in, one number out: nn.Linear(1, 1) holds a weight and a bias.
    layer = nn.Linear(1, 1)
    inputs = torch.tensor([[2.0], [4.0]])  # (2, 1): two samples of one feature
    print(f"{layer.weight = }")
    print(f"{layer.bias = }")
    print(f"layer(inputs) =\n{layer(inputs)}")

    # Both start at random numbers. Both are nn.Parameter: tensors whose requires_grad is True
    # without asking, unlike the tensors that you create.
    assert isinstance(layer.weight, nn.Parameter) and layer.weight.requires_grad
    assert not inputs.requires_grad

    # What the layer computes: each row of inputs times the weight, plus the bias.
    for row, prediction in zip(inputs, layer(inputs), strict=True):
        assert torch.isclose(layer.weight[0, 0] * row[0] + layer.bias[0], prediction[0])
    torch.testing.assert_close(layer(inputs), inputs @ layer.weight.T + layer.bias)
    print("layer(inputs) is inputs @ weight.T + bias: yes")

    # More features in and more numbers out change the shapes, not the formula. The weight has
    # one row for each output.
    wide = nn.Linear(3, 2)
    print(f"{wide.weight.shape = }, {wide.bias.shape = }, {wide(torch.ones(5, 3)).shape = }")


def a_model_of_your_own() -> None:
    section("nn.Module: a model of your own")

    # A model is a class with its layers in __init__ and the way through them in forward.
    model = LinearRegression()
    print(model)

    # What is assigned to self is registered, and the model finds all of its parameters.
    for name, parameter in model.named_parameters():
        print(f"{name:<13} {tuple(parameter.shape)}, {parameter.requires_grad = }")

    # Call the model, not forward: the call also does what else PyTorch attaches to a module.
    inputs = torch.tensor([[2.0], [4.0]])
    torch.testing.assert_close(model(inputs), model.linear(inputs))
    print(f"{model(inputs).shape = }")

    class Forgetful(nn.Module):
        def __init__(self) -> None:
            self.linear = nn.Linear(1, 1)  # without super().__init__() first

    try:
        Forgetful()
    except AttributeError as error:
        print(f"Without super().__init__(): {error}")
    else:
        raise AssertionError("a module took a layer before it was ready")


def one_step_by_hand(distances: Tensor, times: Tensor) -> None:
    section("One step, by hand and by the optimizer")

    model = LinearRegression()
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    weight, bias = model.linear.weight.item(), model.linear.bias.item()

    # Predict, measure, go back: after backward() each parameter has its gradient.
    loss = nn.MSELoss()(model(distances), times)
    loss.backward()

    # The loss is mean((w x + b - y)^2). Its derivatives by w and by b are
    # mean(2 (w x + b - y) x) and mean(2 (w x + b - y)).
    errors = weight * distances + bias - times  # (N, 1)
    weight_gradient = (2 * errors * distances).mean()
    bias_gradient = (2 * errors).mean()
    print(f"by hand:     weight {weight_gradient:.4f}, bias {bias_gradient:.4f}")
    print(
        f"by backward: weight {model.linear.weight.grad.item():.4f}, "
        f"bias {model.linear.bias.grad.item():.4f}"
    )
    torch.testing.assert_close(model.linear.weight.grad[0, 0], weight_gradient)
    torch.testing.assert_close(model.linear.bias.grad[0], bias_gradient)

    # SGD, stochastic gradient descent, is lesson 05's step downhill for every parameter:
    # parameter = parameter - learning rate * gradient.
    optimizer.step()
    torch.testing.assert_close(
        model.linear.weight[0, 0].detach(), weight - LEARNING_RATE * weight_gradient
    )
    torch.testing.assert_close(model.linear.bias[0].detach(), bias - LEARNING_RATE * bias_gradient)
    after = nn.MSELoss()(model(distances), times)
    print(f"loss before the step {loss.item():.2f}, after it {after.item():.2f}")
    assert after < loss


def train_the_model(distances: Tensor, times: Tensor) -> LinearRegression:
    section("The training loop")

    # The loop stands in train(), near the top of this file: five lines that are the same for
    # a line and for a transformer. Here it runs 500 epochs, each on all four deliveries.
    torch.manual_seed(0)
    model = LinearRegression()
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    train(model, distances, times, optimizer, EPOCHS, print_every=50)

    print(f"after {EPOCHS} epochs: time = {model.linear.weight.item():.3f} * distance", end=" ")
    print(f"+ {model.linear.bias.item():.3f}")

    # To use the model, predict without keeping a graph. 7 km was not in the data.
    with torch.no_grad():
        print(f"{model(torch.tensor([[7.0]])).item() = :.1f} minutes for 7 km")
    return model


def against_the_exact_answer(model: LinearRegression, distances: Tensor, times: Tensor) -> None:
    section("How near did it come? The exact answer")

    # For a line, and for few other models, the best parameters can be computed at once: least
    # squares. A column of ones gives the bias its place: [x, 1] @ [w, b] = w x + b.
    columns = torch.cat([distances, torch.ones_like(distances)], dim=1)  # (N, 2)
    weight, bias = torch.linalg.lstsq(columns, times).solution.flatten()
    least = nn.MSELoss()(weight * distances + bias, times)
    print(f"exact:             weight {weight:.4f}, bias {bias:.4f}, loss {least:.5f}")

    with torch.no_grad():
        loss = nn.MSELoss()(model(distances), times)
    print(
        f"after  500 epochs: weight {model.linear.weight.item():.4f}, "
        f"bias {model.linear.bias.item():.4f}, loss {loss:.5f}"
    )
    # Near, and not there: the loss is within 5% of the least, the bias still off by 0.07.
    assert least <= loss < 1.05 * least

    # Four times as many epochs get there. Few problems have such an answer to compare with; the
    # loop is for all the others.
    torch.manual_seed(0)
    patient = LinearRegression()
    optimizer = torch.optim.SGD(patient.parameters(), lr=LEARNING_RATE)
    loss = train(patient, distances, times, optimizer, 4 * EPOCHS)[-1]
    print(
        f"after 2000 epochs: weight {patient.linear.weight.item():.4f}, "
        f"bias {patient.linear.bias.item():.4f}, loss {loss:.5f}"
    )
    torch.testing.assert_close(patient.linear.weight[0, 0].detach(), weight, rtol=0, atol=1e-3)
    torch.testing.assert_close(patient.linear.bias[0].detach(), bias, rtol=0, atol=1e-3)


def learning_rates(distances: Tensor, times: Tensor) -> dict[str, list[float]]:
    section("The learning rate: too small, right, too large")

    def losses_with(
        inputs: Tensor, lr: float, momentum: float = 0.0, epochs: int = 200
    ) -> list[float]:
        torch.manual_seed(0)  # the same start for each, or the comparison is not fair
        model = LinearRegression()
        optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)
        return train(model, inputs, times, optimizer, epochs)

    # From 0.12 on each step lands further up the other side of the valley than it started.
    curves = {f"lr {lr}": losses_with(distances, lr) for lr in (0.001, 0.01, 0.1, 0.12)}
    for name, losses in curves.items():
        print(f"{name:<9} loss at first {losses[0]:.1f}, at the end {losses[-1]:.4f}")
    assert curves["lr 0.1"][-1] < curves["lr 0.01"][-1] < curves["lr 0.001"][-1]
    assert curves["lr 0.12"][-1] > curves["lr 0.12"][0]

    # Which rate is too large depends on the data. In meters the inputs are 1000 times as
    # large, the gradient by the weight too, and 0.01 runs off to infinity and then to NaN.
    meters = losses_with(1000 * distances, 0.01, epochs=12)
    print("in meters, lr 0.01: losses", ", ".join(f"{loss:.1e}" for loss in meters))
    assert not torch.tensor(meters[-1]).isfinite()

    # The cure is to standardize: subtract the mean, divide by the std. Then rates like these
    # suit most data, whatever its unit.
    for name, inputs in (("kilometers", distances), ("meters", 1000 * distances)):
        standardized = (inputs - inputs.mean()) / inputs.std()
        losses = losses_with(standardized, 0.1)
        print(f"{name}, standardized, lr 0.1: loss at the end {losses[-1]:.4f}")
        assert losses[-1] < curves["lr 0.01"][-1]

    # Another optimizer is one line, too. Momentum adds up steps that agree in direction.
    curves["lr 0.01, momentum 0.9"] = losses_with(distances, 0.01, momentum=0.9)
    print(f"momentum 0.9, lr 0.01: loss at the end {curves['lr 0.01, momentum 0.9'][-1]:.4f}")
    return curves


def keep_the_model(model: LinearRegression, distances: Tensor) -> None:
    section("Keeping what was learned: state_dict")

    # All that training has found is in the parameters: a dictionary of tensors by name.
    for name, tensor in model.state_dict().items():
        print(f"{name:<13} {tensor}")

    # Save the dictionary, not the model: the class stays in your code. weights_only lets the
    # file hold tensors and nothing that could run.
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "deliveries.pt"
        torch.save(model.state_dict(), file)
        loaded = LinearRegression()  # starts at other random numbers
        assert not torch.equal(loaded(distances), model(distances))
        loaded.load_state_dict(torch.load(file, weights_only=True))
    print(f"{torch.equal(loaded(distances), model(distances)) = }")
    assert torch.equal(loaded(distances), model(distances))


def pictures(
    model: LinearRegression, curves: dict[str, list[float]], distances: Tensor, times: Tensor
) -> None:
    section("The line, and the way to it")
    from pytorch_refresher._common.figures import BLUE, GREEN, ORANGE, PURPLE, RED, SKY

    import matplotlib.pyplot as plt

    torch.manual_seed(0)
    young = LinearRegression()  # starts where the trained model started
    optimizer = torch.optim.SGD(young.parameters(), lr=LEARNING_RATE)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    ends = torch.tensor([[0.0], [5.0]])
    with torch.no_grad():
        left.plot(ends.numpy(), young(ends).numpy(), ":", color=SKY, label="untrained")
    train(young, distances, times, optimizer, epochs=5)
    with torch.no_grad():
        left.plot(ends.numpy(), young(ends).numpy(), "--", color=ORANGE, label="after 5 epochs")
        left.plot(ends.numpy(), model(ends).numpy(), color=BLUE, label="after 500 epochs")
    left.plot(distances.numpy(), times.numpy(), "o", color=RED, label="deliveries")
    left.set(title="The line finds the data", xlabel="distance in km", ylabel="time in minutes")
    left.legend()

    # The blue curve is how the training began that drew the blue line.
    colors = (SKY, BLUE, GREEN, RED, PURPLE)
    styles = (":", "-", "--", "-", "-.")
    for (name, curve), color, style in zip(curves.items(), colors, styles, strict=True):
        right.plot(range(1, len(curve) + 1), curve, style, color=color, label=name)
    right.set(
        title="Small rates crawl, 0.12 runs away",
        xlabel="epoch",
        ylabel="loss (mean squared error)",
        yscale="log",
        ylim=(0.01, 200_000),
    )
    right.yaxis.set_major_formatter("{x:g}")
    right.grid(alpha=0.3)
    right.legend(loc="upper right", ncols=2)
    save_figure(figure, "fitted_line")


# -----------------------------------------------------------------------------------------
# Practice problems. Replace each `raise NotImplementedError` with your answer and run this
# file again. solutions.py has one answer to each, and the checks that mark yours.
# -----------------------------------------------------------------------------------------


def predicted_weights(heights: Tensor, weights: Tensor, new_heights: Tensor) -> Tensor:
    """Problem 1. Train linear regression on another dataset: weight from height.

    heights: (N, 1) in centimeters, weights: (N, 1) in kilograms, new_heights: (M, 1) in
    centimeters; all float32. Train a model on heights and weights, and return what it predicts
    for new_heights: an (M, 1) tensor that does not require gradients. It may differ from the
    prediction of the exact least-squares line by 0.1 kg. Heights near 170 need the cure of
    section 7.
    """
    raise NotImplementedError


def compare_optimizers(
    model: nn.Module, inputs: Tensor, targets: Tensor, lr: float, epochs: int
) -> dict[str, list[float]]:
    """Problem 2. Compare how fast SGD and Adam converge.

    torch.optim.Adam is another optimizer, which gives each parameter a step length of its own;
    it is made and used as SGD is. Train two copies of `model`, so that both start from the
    same parameters and `model` itself stays as it was: copy.deepcopy(model), from Python's
    module copy, makes one. Train one with torch.optim.SGD and one with torch.optim.Adam, both
    with learning rate `lr` and otherwise their defaults, for `epochs` epochs on all samples at
    once with nn.MSELoss. inputs: (N, features), targets: (N, 1). Return a dictionary with the
    keys "SGD" and "Adam", each with a list of `epochs` floats: the losses, each measured before
    its epoch's step.
    """
    raise NotImplementedError


def loss_curves(losses: dict[str, list[float]]):
    """Problem 3. Plot the loss over the epochs.

    losses: for each name the losses of its epochs; the lists may differ in length. Return a
    matplotlib figure with one axes: for each name a curve (axis.plot) of its losses over the
    epochs 1, 2, 3, ...; a logarithmic y axis; the x label "epoch" and the y label "loss"; and
    a legend with the names.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__)
    if not arguments.practice:
        distances, times = four_deliveries()
        a_line_is_a_layer()
        a_model_of_your_own()
        one_step_by_hand(distances, times)
        model = train_the_model(distances, times)
        against_the_exact_answer(model, distances, times)
        curves = learning_rates(distances, times)
        keep_the_model(model, distances)
        pictures(model, curves, distances, times)
    report_practice(__file__)


if __name__ == "__main__":
    main()
