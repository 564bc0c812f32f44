"""Lesson 05: Gradients

Training a network means adjusting its numbers, often millions of them, until its predictions
stop being wrong. How wrong they are is measured by a single number, the loss. So for each of the
millions we need to know: if I increase this one a little, does the loss go up or down, and how
fast? The gradient answers that question for all of them at once.

    python lesson.py             run the lesson, then mark your practice answers
    python lesson.py --practice  only mark your practice answers
"""

import sys
from collections.abc import Callable
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
from torch import Tensor


def a_slope_by_nudging() -> None:
    section("A slope, found by nudging")

    # How fast does x squared grow at x = 2? Increase x a little and see what happens.
    x = 2.0
    for nudge in (1.0, 0.1, 0.01, 0.0001):
        slope = ((x + nudge) ** 2 - x**2) / nudge
        print(f"nudge {nudge:<6}  y changes {slope:.4f} times as much as x")

    # The smaller the nudge, the closer the answer gets to 4. That limit is the derivative: the
    # slope of the curve at this point. For x squared, calculus says it is 2 * x.


def the_same_slope_from_autograd() -> None:
    section("The same slope from autograd")

    # requires_grad=True tells PyTorch to record what you compute with x. backward() then works
    # backward through that record and leaves the derivative of y in x.grad.
    x = torch.tensor(2.0, requires_grad=True)
    y = x**2
    y.backward()
    print(f"{y = }")
    print(f"{x.grad = }")

    # Nothing is recorded unless you ask for it. The exception is nn.Parameter, the kind of tensor
    # in which lesson 06's models keep their weights.
    print(f"{torch.tensor(2.0).requires_grad = }")
    print(f"{torch.nn.Parameter(torch.tensor(2.0)).requires_grad = }")
    with show_error("backward() on a tensor without a record"):
        (torch.tensor(2.0) ** 2).backward()

    # An integer can't increase "a little", so it can't have a gradient.
    with show_error("torch.tensor(2, requires_grad=True)"):
        torch.tensor(2, requires_grad=True)


def three_ways_that_agree() -> None:
    section("Calculus, nudging and autograd agree")

    def f(x):
        return x**3 - 2 * x

    def derivative_of_f(x):  # by the rules from school; if you change f, change this, too
        return 3 * x**2 - 2

    nudge = 1e-5
    print("    x   calculus    nudging   autograd")
    for number in (-1.0, 0.0, 1.5, 3.0):
        # float64, because float32 has too few digits to see what such a small nudge does.
        x = torch.tensor(number, dtype=torch.float64, requires_grad=True)
        calculus = derivative_of_f(x)
        nudging = (f(x + nudge) - f(x - nudge)) / (2 * nudge)  # to both sides: more accurate
        f(x).backward()
        print(f"{number:>5} {calculus:>10.4f} {nudging:>10.4f} {x.grad:>10.4f}")

    # Calculus takes a person. Nudging has to evaluate f again for every input: with a million
    # weights, a million times for a single step. Autograd needs one backward pass.


def many_inputs_one_backward() -> None:
    section("Many inputs, one backward pass")

    # With several inputs there is one partial derivative per input: how fast y changes when that
    # input moves and the others don't. Together they are the gradient.
    a = torch.tensor(2.0, requires_grad=True)
    b = torch.tensor(5.0, requires_grad=True)
    y = a**2 * b + 3 * b
    y.backward()
    print(f"{a.grad = }   calculus: 2 * a * b")
    print(f"{b.grad = }    calculus: a ** 2 + 3, because b is used twice, and both uses count")

    # For a tensor of weights, .grad has the same shape: one derivative per weight.
    weights = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (weights**2).sum().backward()
    print(f"{weights.grad = }")

    # backward() has to start from a single number. That is one reason why a loss over many
    # samples ends in a sum or a mean.
    with show_error("backward() on three numbers"):
        (weights**2).backward()


def the_graph() -> None:
    section("What PyTorch records: the graph")

    # Every result remembers the operation that produced it (grad_fn) and that operation's inputs.
    # This chain of memories is called the graph. It ends at the leaves: tensors that no recorded
    # operation produced, and so have no grad_fn.
    w = torch.tensor(2.0, requires_grad=True)
    u = 3 * w
    loss = u**2
    print(f"{loss.grad_fn.name() = }")
    print(f"{u.grad_fn.name() = }")
    print(f"{w.grad_fn = }, {w.is_leaf = }")
    print(f"{(torch.ones(2) * 2).is_leaf = }   computed, but nothing was recorded")

    # backward() walks the graph from the loss to the leaves and multiplies the slopes it meets:
    # the chain rule. The loss changes 2 * u = 12 times as fast as u, and u changes 3 times as fast
    # as w. So the loss changes 36 times as fast as w.
    u.retain_grad()  # normally only leaves keep their gradient
    loss.backward()
    print(f"{u.grad = }")
    print(f"{w.grad = }")

    # The slope 2 * u needs the value of u, so the graph had stored it. To save memory, backward()
    # frees what was stored as soon as it has used it. So you can't go back a second time ...
    with show_error("a second loss.backward()"):
        loss.backward()

    # ... unless you compute the loss again, or ask backward() to keep what the graph has stored.
    loss = (3 * w) ** 2
    loss.backward(retain_graph=True)
    loss.backward()
    print(f"{w.grad = }   36, three times over? The next section tells why.")


def gradients_add_up() -> None:
    section("Gradients add up until you clear them")

    # backward() adds to .grad; it does not replace it. The derivative of w ** 2 at 3 is 6.
    w = torch.tensor(3.0, requires_grad=True)
    for _ in range(3):
        (w**2).backward()
        print(f"{w.grad = }")
    w.grad.zero_()  # or w.grad = None, which also frees its memory
    (w**2).backward()
    print(f"{w.grad = }   after clearing it first")

    # Forgetting to clear is the classic bug in training loops. But adding up is also useful: if a
    # batch doesn't fit into memory, feed it in pieces. The gradients sum to the same result.
    data = torch.arange(1.0, 7.0)
    weight = torch.tensor(0.5, requires_grad=True)
    (weight * data).square().sum().backward()
    print(f"{weight.grad = }   all the numbers at once")
    weight.grad = None
    for piece in data.chunk(2):
        (weight * piece).square().sum().backward()
    print(f"{weight.grad = }   piece by piece")


def computing_without_a_record() -> None:
    section("Computing without a record")

    # Changing a weight is not part of the prediction, so it must not be recorded. PyTorch insists.
    weights = torch.tensor([1.0, 2.0], requires_grad=True)
    with show_error("weights -= 0.1"):
        weights -= 0.1
    with torch.no_grad():
        weights -= 0.1
    print(f"{weights = }")

    # Use no_grad() when you only evaluate, too. Nothing breaks without it, but the graph would
    # take up memory for a backward() that never comes.
    with torch.no_grad():
        print(f"{(weights * 2).requires_grad = }")

    # detach() gives you the values without the record, for NumPy and for plotting. The values are
    # shared, not copied: writing to one writes to the other.
    with show_error("weights.numpy()"):
        weights.numpy()
    values = weights.detach()
    values[0] = 50.0
    print(f"{weights = }")

    # inference_mode() goes one step further than no_grad(): its results can't be stored in a graph
    # later on, which saves some bookkeeping. Use it for a trained model that only answers.
    with torch.inference_mode():
        answer = weights * 2
    with show_error("weights * answer"):  # a product's slopes need both factors
        weights * answer
    print(f"{(weights + answer).requires_grad = }   a sum has nothing to store, so it is allowed")


# The rest of the lesson walks downhill on a loss with two weights. Change these as you like.
START = (0.0, 0.0)
RATE = 0.1  # the learning rate: how large a part of the gradient each step takes
STEPS = 40


def bowl(w: Tensor) -> Tensor:
    """A loss with its lowest point at w = (3, -1). w: (2,)."""
    return (w[0] - 3) ** 2 + 2 * (w[1] + 1) ** 2


def which_way_is_uphill() -> None:
    section("Which way is uphill?")

    # One slope per weight: read them as an arrow on a map, where w[0] grows to the east and w[1]
    # to the north. From (0, 0) the arrow points to the northwest, or nearly so.
    w = torch.tensor(START, dtype=torch.float32, requires_grad=True)
    bowl(w).backward()
    print(f"{w.grad = }")

    # Take an equally short step in each direction of the compass, and one along the arrow.
    directions = {}
    for number, name in enumerate(("E", "NE", "N", "NW", "W", "SW", "S", "SE")):
        angle = torch.tensor(number * torch.pi / 4)
        directions[name] = torch.stack([angle.cos(), angle.sin()])
    directions["along the gradient"] = torch.nn.functional.normalize(w.grad, dim=0)  # length 1
    directions["against the gradient"] = -directions["along the gradient"]
    with torch.no_grad():
        for name, direction in directions.items():
            change = bowl(w + 0.1 * direction) - bowl(w)
            print(f"a step {name:<20}  changes the loss by {change:+.3f}")


def walk_downhill(rate: float, steps: int = STEPS) -> Tensor:
    """Gradient descent on `bowl`; returns every place visited, (steps + 1, 2)."""
    w = torch.tensor(START, dtype=torch.float32, requires_grad=True)
    places = [w.detach().clone()]  # a copy, because w itself will move on
    for _ in range(steps):
        loss = bowl(w)  # 1. how wrong are we?
        loss.backward()  # 2. which way is uphill?
        with torch.no_grad():
            w -= rate * w.grad  # 3. take a small step the other way
        w.grad = None  # 4. clear, or the next gradient would be added to this one
        places.append(w.detach().clone())
    return torch.stack(places)


def downhill() -> None:
    section("Walking downhill: gradient descent")

    # walk_downhill() above is the training loop of this whole course in miniature. Look how the
    # steps get shorter by themselves: near the bottom the slope is gentle, so the gradient is small.
    places = walk_downhill(RATE)
    for step in sorted({0, STEPS // 8, STEPS // 4, STEPS // 2, STEPS}):
        w = places[step]
        print(f"step {step:>2}: w = ({w[0]:6.3f}, {w[1]:6.3f}), loss {bowl(w):.4f}")


def draw_slopes_and_walks() -> None:
    from pytorch_refresher._common.figures import BLUE, GREEN, ORANGE, PURPLE, RED

    import matplotlib.pyplot as plt

    def curve(x):
        return x**3 / 3 - x

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")

    # Left: a curve with its tangents. Each tangent rises by the gradient per unit of x.
    x = torch.linspace(-2.6, 2.6, 200)
    left.plot(x.numpy(), curve(x).numpy(), color=BLUE, linewidth=2)
    points = torch.tensor([-2.0, -1.0, 0.0, 1.6], requires_grad=True)
    heights = curve(points)
    heights.sum().backward()
    colors = (RED, ORANGE, GREEN, PURPLE)
    lines = zip(points.tolist(), heights.tolist(), points.grad.tolist(), colors, strict=False)
    for place, height, slope, color in lines:
        ends = (height - 0.6 * slope, height + 0.6 * slope)
        left.plot((place - 0.6, place + 0.6), ends, color=color, linewidth=2.5)
        left.plot(place, height, "o", color=color, label=f"x = {place:+.1f}: {slope:+.1f}")
    left.set(title="The gradient is the slope of the tangent", xlabel="x", ylabel="f(x)")
    left.legend(title="gradient at", loc="upper left")

    # Right: the bowl as contour lines on a map, with two walks and a star at its lowest point.
    east, north = torch.linspace(-1, 7, 65).tolist(), torch.linspace(-3.5, 1.5, 41).tolist()
    heights = [[bowl(torch.tensor([x, y])).item() for x in east] for y in north]
    right.contour(east, north, heights, levels=12, colors="lightgray")
    for rate, color, style in ((RATE, BLUE, "o-"), (0.45, ORANGE, "s--")):
        path = walk_downhill(rate).numpy()
        right.plot(path[:, 0], path[:, 1], style, color=color, markersize=4, label=f"rate {rate}")
    row, column = divmod(torch.tensor(heights).argmin().item(), len(east))
    right.plot(east[column], north[row], "k*", markersize=12)
    right.set(title="Two learning rates, one lowest point", xlabel="w[0]", ylabel="w[1]")
    right.set(xlim=(east[0], east[-1]), ylim=(north[0], north[-1]))  # whatever the walks do
    right.legend(loc="upper right")
    save_figure(figure, "downhill")


# -----------------------------------------------------------------------------------------
# Practice. Replace each `raise NotImplementedError` with your answer, then run this file with
# --practice: it marks your answers and tells you what to look at next.
# -----------------------------------------------------------------------------------------


def gradient_at(f: Callable[..., Tensor], values: list[float]) -> Tensor:
    """Problem 1 (easy, 5 minutes). Compute the gradient of a function of several variables.

    f takes one scalar tensor per value, uses all of them, and returns a scalar tensor; with two
    values, f(torch.tensor(1.0), torch.tensor(2.0)) works. values: the point, as Python floats.
    Return the gradient of f at that point, computed by autograd: a float32 tensor of shape
    (len(values),), with the partial derivatives in the order of the variables.
    """
    raise NotImplementedError


def grouped_gradients(w: Tensor, batches: list[Tensor], group: int) -> Tensor:
    """Problem 2 (medium, 10 minutes). Let gradients add up, and clear them when it is time.

    w: (D,), a leaf that requires gradients; w.grad is None or still holds an old gradient, which
    must not count. batches: tensors of shape (B, D), where B may differ from batch to batch. The
    loss of a batch is ((batch @ w) ** 2).mean(). Every `group` batches in a row form a group;
    len(batches) is a multiple of `group`.
    Return a float32 tensor of shape (len(batches) // group, D): row i is the sum of the
    gradients of the batches in group i. w itself must not change.
    """
    raise NotImplementedError


def train_and_measure(
    w: Tensor,
    loss_of: Callable[[Tensor, Tensor], Tensor],
    batches: list[Tensor],
    held_out: Tensor,
    rate: float,
) -> tuple[str, Tensor]:
    """Problem 3 (medium, 15 minutes). Use torch.no_grad() in two places, and show why.

    w: (D,), a leaf that requires gradients; w.grad is None or still holds an old gradient, which
    must not count. loss_of(w, batch) computes the loss, a tensor of shape ().
    First leave no_grad() out: try to subtract something from w in place, and catch the
    RuntimeError with which PyTorch refuses. Then, for each batch in turn, take one step of
    gradient descent on it, which changes w itself, and then measure the loss on `held_out`.
    Nothing may be recorded but what backward() needs.
    Return two things: the text of the error, and the measurements, a float32 tensor of shape
    (len(batches),) that doesn't require gradients.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__)
    if not arguments.practice:
        a_slope_by_nudging()
        the_same_slope_from_autograd()
        three_ways_that_agree()
        many_inputs_one_backward()
        the_graph()
        gradients_add_up()
        computing_without_a_record()
        which_way_is_uphill()
        downhill()
        draw_slopes_and_walks()
    report_practice(__file__)


if __name__ == "__main__":
    main()
