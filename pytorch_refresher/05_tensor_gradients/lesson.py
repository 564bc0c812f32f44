"""Lesson 05: Gradients

To learn, a network must know for each of its numbers: if this one grew a little, would the loss
grow or shrink, and how fast? The answer to that is the gradient, and PyTorch finds it for every
number at once. This lesson checks it against two other ways, looks at how it is done, and walks
downhill with it.

    python lesson.py             the whole lesson, then your practice report
    python lesson.py --practice  the practice report alone
"""

from collections.abc import Callable

try:
    import torch
    from torch import Tensor

    from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section
except ModuleNotFoundError as missing:
    raise SystemExit(f"{missing}. In the top folder, run: python -m pip install -e .") from None


def a_first_gradient() -> None:
    section("A first gradient")

    # requires_grad=True asks PyTorch to remember what is computed with x. backward() then goes
    # back from y and leaves the derivative of y in x.grad. For x squared that is 2 x.
    x = torch.tensor(2.0, requires_grad=True)
    y = x**2
    print(f"{y = }")
    y.backward()
    print(f"{x.grad = }")
    assert x.grad == 4

    # What it means: a step of 0.01 in x changes y by about 4 times as much.
    print(f"{(2.01**2 - 2.0**2) / 0.01 = :.4f}")

    # A tensor that you create is not followed unless you ask. Only nn.Parameter, in which the
    # models of lesson 06 keep their weights, asks by itself.
    print(f"{torch.tensor(2.0).requires_grad = }")
    print(f"{torch.nn.Parameter(torch.tensor(2.0)).requires_grad = }")
    assert not torch.tensor(2.0).requires_grad

    # Where nothing was followed there is no way back.
    try:
        (torch.tensor(2.0) ** 2).backward()
    except RuntimeError as error:
        print(f"backward() without requires_grad fails: {error}")
    else:
        raise AssertionError("backward() found a graph where there is none")

    # And a whole number cannot grow a little, so it has no gradient.
    try:
        torch.tensor(2, requires_grad=True)
    except RuntimeError as error:
        print(f"torch.tensor(2, requires_grad=True) fails: {error}")
    else:
        raise AssertionError("a whole number can require a gradient")


def three_ways_to_one_gradient() -> None:
    section("By hand, by small steps, by autograd")

    def f(x):
        return x**3 - 2 * x

    # By hand, with the rules of calculus. By small steps: go a little to both sides and see how
    # much f changes. By autograd: PyTorch applies the rules of calculus to each operation.
    print("    x    by hand   small steps     autograd")
    for number in (-1.0, 0.0, 1.5, 3.0):
        by_hand = 3 * number**2 - 2
        step = 1e-5
        by_steps = (f(number + step) - f(number - step)) / (2 * step)
        x = torch.tensor(number, dtype=torch.float64, requires_grad=True)
        f(x).backward()
        print(f"{number:>5.1f} {by_hand:>10.4f} {by_steps:>13.4f} {x.grad.item():>12.4f}")
        assert x.grad.item() == by_hand
        assert abs(by_steps - by_hand) < 1e-6

    # By hand is work for people. Small steps round, and call f twice for each number: for a
    # million weights, two million times. Autograd goes back once for all weights together.
    # PyTorch compares the two for you, in float64, for functions that you doubt:
    x = torch.tensor([-1.0, 0.0, 1.5, 3.0], dtype=torch.float64, requires_grad=True)
    print(f"{torch.autograd.gradcheck(f, x) = }")


def the_graph() -> None:
    section("The graph: what PyTorch remembers")

    # Every operation on a followed tensor leaves a note in its result: grad_fn, the step back.
    # A leaf is where the notes end: a tensor that was created and not computed.
    w = torch.tensor(2.0, requires_grad=True)
    u = 3 * w
    loss = u**2
    print(f"{w.is_leaf = }, {w.grad_fn = }")
    print(f"{u.is_leaf = }, {u.requires_grad = }")

    # Follow the notes from the loss back to the leaf. The last one adds to w.grad.
    node = loss.grad_fn
    while node is not None:
        print(f"    {type(node).__name__}")
        node = node.next_functions[0][0] if node.next_functions else None

    # The chain rule multiplies along this way. The loss changes 2 u = 12 times as fast as u,
    # and u changes 3 times as fast as w: 36. Only leaves keep their gradient, unless you ask.
    u.retain_grad()
    loss.backward()
    print(f"{u.grad = }, {w.grad = }")
    assert u.grad == 2 * u and w.grad == u.grad * 3

    # backward() throws the notes away to free their memory. Compute the loss anew to go back
    # a second time.
    try:
        loss.backward()
    except RuntimeError as error:
        print(f"loss.backward() fails now: {str(error).split(' (')[0]}")
    else:
        raise AssertionError("the graph was still there")


def many_variables() -> None:
    section("Many variables, one backward")

    # A function of two variables has two partial derivatives: how fast it changes when one of
    # them moves and the other stays.
    a = torch.tensor(2.0, requires_grad=True)
    b = torch.tensor(5.0, requires_grad=True)
    y = a**2 * b + 3 * b
    y.backward()
    print(f"{a.grad = }   by hand: 2 a b = 20")
    print(f"{b.grad = }   by hand: a squared + 3 = 7")
    assert a.grad == 20 and b.grad == 7

    # The gradient of a tensor has the tensor's shape: one derivative for each element.
    weights = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    squares = weights**2
    print(f"{squares.shape = }")

    # Three results: whose gradient should it be? backward() starts from one number.
    try:
        squares.backward()
    except RuntimeError as error:
        print(f"squares.backward() fails: {error}")
    else:
        raise AssertionError("backward() started from three numbers")

    # So make one number of them, as every loss does with a sum or a mean.
    squares.sum().backward()
    print(f"{weights.grad = }")
    torch.testing.assert_close(weights.grad, 2 * weights.detach())


def gradients_add_up() -> None:
    section("Gradients add up until you zero them")

    # backward() adds to .grad. The gradient of w squared at 3 is 6, each time:
    w = torch.tensor(3.0, requires_grad=True)
    for _ in range(3):
        (w**2).backward()
        print(f"{w.grad = }")
    assert w.grad == 18

    # Before the next step of training, the old gradient has to go. Both ways are in use.
    w.grad.zero_()
    print(f"After w.grad.zero_(): {w.grad = }")
    w.grad = None
    (w**2).backward()
    print(f"After w.grad = None and a new backward(): {w.grad = }")
    assert w.grad == 6

    # Adding up has its use too: what does not fit into memory at once goes in parts. The
    # gradient of a sum is the sum of the gradients.
    data = torch.arange(1.0, 7.0)
    weight = torch.tensor(0.5, requires_grad=True)
    (weight * data).square().sum().backward()
    whole = weight.grad.clone()  # a copy: the next line would write into weight.grad itself
    weight.grad.zero_()
    for part in (data[:3], data[3:]):
        (weight * part).square().sum().backward()
    print(f"{whole = }, {weight.grad = }   in one and in two parts")
    torch.testing.assert_close(weight.grad, whole)


def without_the_graph() -> None:
    section("Computing without the graph")

    weights = torch.tensor([1.0, 2.0], requires_grad=True)
    print(f"{(weights * 2).requires_grad = }")

    # Inside no_grad nothing is followed. Use it where you measure: no notes, less memory.
    with torch.no_grad():
        print(f"{(weights * 2).requires_grad = }   inside no_grad")
        assert not (weights * 2).requires_grad

    # A step of training writes into the weights, which is no part of the loss. PyTorch refuses
    # to follow it, so here no_grad is needed.
    try:
        weights -= 0.1
    except RuntimeError as error:
        print(f"weights -= 0.1 fails: {error}")
    else:
        raise AssertionError("a leaf was changed in place")
    with torch.no_grad():
        weights -= 0.1
    print(f"{weights = }   changed, and still a leaf that requires gradients")
    assert weights.is_leaf and weights.requires_grad

    # detach() gives the same numbers without the notes, for printing, NumPy and matplotlib.
    try:
        weights.numpy()
    except RuntimeError as error:
        print(f"weights.numpy() fails: {error}")
    else:
        raise AssertionError("numpy() took a tensor that requires a gradient")
    numbers = weights.detach()
    print(f"{numbers.numpy() = }")

    # The same numbers, in the same memory: a write reaches the weights. clone() copies.
    numbers[0] = 50.0
    print(f"After numbers[0] = 50.0: {weights = }")
    assert weights[0] == 50

    # inference_mode goes further than no_grad and is a little faster. What it made can never
    # enter a graph again, so use it where a trained model only answers.
    with torch.inference_mode():
        answer = weights * 2
    try:
        (weights * answer).sum().backward()
    except RuntimeError as error:
        print(f"weights * answer fails: {str(error).split('.')[0]}.")
    else:
        raise AssertionError("an inference tensor entered a graph")


def down_a_bowl() -> None:
    section("Gradient descent: downhill on a bowl")

    # A bowl over two weights. Its lowest point is (3, -1), which the steps must find.
    def loss(w):
        return (w[0] - 3) ** 2 + 2 * (w[1] + 1) ** 2

    # The gradient points uphill. Go a small part of it, the learning rate, the other way.
    # First with the derivatives found by hand, on plain numbers:
    rate, steps = 0.1, 40
    by_hand = [0.0, 0.0]
    for _ in range(steps):
        slope = [2 * (by_hand[0] - 3), 4 * (by_hand[1] + 1)]
        by_hand = [value - rate * rise for value, rise in zip(by_hand, slope, strict=True)]

    # The same with autograd. These four lines are the heart of every training loop: compute
    # the loss, go back, step, zero. Lesson 06 lets an optimizer write the last two.
    w = torch.zeros(2, requires_grad=True)
    for step in range(steps):
        value = loss(w)
        value.backward()
        if step % 8 == 0:
            gradient = [round(number, 3) for number in w.grad.tolist()]
            print(f"step {step:>2}: loss {value.item():8.4f}, gradient {gradient}")
        with torch.no_grad():
            w -= rate * w.grad
        w.grad.zero_()
    print(f"{w = }")
    torch.testing.assert_close(w.detach(), torch.tensor(by_hand))
    torch.testing.assert_close(w.detach(), torch.tensor([3.0, -1.0]), atol=0.001, rtol=0)


def picture() -> None:
    section("A curve, its tangents, the steps downhill")
    import matplotlib.pyplot as plt

    from pytorch_refresher._common.figures import BLUE, GREEN, ORANGE, PURPLE, RED

    def f(x):
        return x**4 / 4 - 2 * x**2 + x / 2

    # detach() before numpy(): what matplotlib draws must not require gradients.
    x = torch.linspace(-3.1, 3.1, 200)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
    for axis in (left, right):
        axis.plot(x.numpy(), f(x).numpy(), color=BLUE, linewidth=2)
        axis.set(xlabel="x", ylabel="f(x)", ylim=(-6, 7))

    points = torch.tensor([-2.7, -1.2, 0.0, 1.3], requires_grad=True)
    f(points).sum().backward()
    heights = f(points).detach()
    for place, height, slope, color in zip(
        points.tolist(),
        heights.tolist(),
        points.grad.tolist(),
        (RED, ORANGE, GREEN, PURPLE),
        strict=True,
    ):
        # A tangent goes through the point, and rises by the gradient with each step of 1.
        reach = 1.2 / (1 + slope**2 / 4) ** 0.5
        ends = (place - reach, place + reach)
        line = [height + slope * (end - place) for end in ends]
        left.plot(ends, line, color=color, linewidth=2.5, label=f"x = {place:.1f}: {slope:+.1f}")
        left.plot(place, height, "o", color=color)
    left.set_title("The gradient is the slope of the tangent")
    left.legend(title="gradient", loc="upper center")

    # Both walks take what autograd says. Where each one ends depends on where it began.
    ends = []
    for start, color in ((0.6, ORANGE), (-0.3, RED)):
        place = torch.tensor(start, requires_grad=True)
        walk = [start]
        for _ in range(40):
            f(place).backward()
            with torch.no_grad():
                place -= 0.08 * place.grad
            place.grad = None
            walk.append(place.item())
        print(f"from {start:>4}: to x = {walk[-1]:.3f}, f = {f(walk[-1]):.3f}")
        ends.append(walk[-1])
        heights = [f(step) for step in walk]
        right.plot(walk, heights, "o-", color=color, label=f"start at {start}", markersize=5)
    assert ends[0] > 0 > ends[1] and f(ends[1]) < f(ends[0])
    right.set_title("40 steps downhill end in the nearest valley")
    right.legend(loc="upper center")
    save_figure(figure, "downhill")


# -----------------------------------------------------------------------------------------
# Practice problems. Replace each `raise NotImplementedError` with your answer and run this
# file again. solutions.py has one answer to each, and the checks that mark yours.
# -----------------------------------------------------------------------------------------


def gradient_at(f: Callable[..., Tensor], values: list[float]) -> Tensor:
    """Problem 1. Compute the gradient of a function of several variables.

    f takes as many scalar tensors (shape ()) as there are values, uses each of them, and
    returns a scalar tensor: for two values, f(torch.tensor(1.0), torch.tensor(2.0)) works.
    values: the point, a list of Python floats.
    Return the gradient of f at that point, computed by autograd: a float32 tensor of shape
    (len(values),), which holds the partial derivative for each variable in the order of values.
    """
    raise NotImplementedError


def grouped_gradients(w: Tensor, batches: list[Tensor], group: int) -> Tensor:
    """Problem 2. Show how gradients accumulate, and zero them when it is time.

    w: (D,), a leaf that requires gradients. batches: float32 tensors of shape (B, D). The loss of
    one batch is ((batch @ w) ** 2).mean(). Each `group` batches in a row belong together: within
    a group the gradients add up, between groups they are zeroed. len(batches) is a multiple of
    `group`. w.grad may be None, or hold an old gradient, which belongs to no group.
    Return a float32 tensor of shape (len(batches) // group, D): row i is the sum of the
    gradients of the batches in group i. The numbers in w must not change.
    """
    raise NotImplementedError


def step_and_measure(w: Tensor, x: Tensor, y: Tensor, rate: float) -> tuple[Tensor, dict[str, str]]:
    """Problem 3. Use torch.no_grad() where it belongs, and say what it does there.

    w: (D,), a leaf that requires gradients; w.grad may hold an old gradient. x: (N, D), y: (N,).
    The loss is ((x @ w - y) ** 2).mean(). Take one step of gradient descent: compute the loss
    ("training loss"), its gradient, and subtract rate * gradient from w itself ("update"), so
    that w is afterwards still a leaf that requires gradients. Then compute the loss again
    with the new w ("measurement").
    Return two things: the measurement, a tensor of shape () that does not require gradients;
    and a dictionary with the keys "training loss", "update" and "measurement", which says of each
    what torch.no_grad() around it does. The values are "needed" (without it, PyTorch stops
    with an error), "saves work" (the same numbers, but no graph is kept) and "wrong" (with it,
    backward() stops with an error), each of them once.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__doc__)
    if not arguments.practice:
        a_first_gradient()
        three_ways_to_one_gradient()
        the_graph()
        many_variables()
        gradients_add_up()
        without_the_graph()
        down_a_bowl()
        picture()
    report_practice(gradient_at, grouped_gradients, step_and_measure)


if __name__ == "__main__":
    main()
