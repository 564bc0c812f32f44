"""Lesson 04: Math and Boolean Operations

A neural network is arithmetic: multiply by weights, add up, compare, average. What makes it fast
is that you never write the loop. One expression works on every number of a tensor at once, and
the shapes decide what meets what. Get the shapes right and three lines make a layer. Get them
wrong and, with luck, PyTorch tells you.

    python lesson.py             run the lesson, then mark your practice answers
    python lesson.py --practice  only mark your practice answers
"""

import sys
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

SEED = 0
# The marks of three students (rows) in five exams (columns).
MARKS = torch.tensor([[16, 32, 73, 94, 75], [31, 42, 23, 84, 35], [41, 52, 13, 74, 55]])
PASSED = 20  # the lowest mark that passes


def statistics() -> None:
    section("Statistics: many numbers, one answer")

    # The answer is a tensor too, with no dimension left.
    vector = torch.tensor([1, 2, 3, 4, 5])
    print(f"{vector.min() = }, {vector.max() = }")
    print(f"MARKS =\n{MARKS}")
    print(f"{MARKS.min() = }, {MARKS.max() = }")

    # The mean of integers is rarely an integer, and mean() won't guess which dtype you want.
    # (Division, in the next section, does: `/` of integers gives floats.)
    with show_error("vector.mean()"):
        vector.mean()
    print(f"{vector.float().mean() = }")

    numbers = torch.tensor([10.0, 20.0, 30.0, 40.0, 50.0])
    print(f"{numbers.mean() = }, {numbers.std() = }")

    # The standard deviation says how far numbers typically are from their mean: take the
    # distances, square them, average, take the root. std() divides by n - 1, the rule for a sample
    # of something larger. Divide by n if these are all the numbers there are, as the normalization
    # layers of lesson 13 do.
    squares = ((numbers - numbers.mean()) ** 2).sum()
    n = len(numbers)
    print(f"{(squares / (n - 1)).sqrt() = }   as std()")
    print(f"{(squares / n).sqrt() = }   as std(correction=0): {numbers.std(correction=0):.4f}")


def element_by_element() -> None:
    section("Arithmetic, element by element")

    # + - * / and ** combine the elements that are in the same place.
    print(f"{torch.tensor([1, 0]) + torch.tensor([0, 1]) = }")
    first, second = torch.tensor([1, 2]), torch.tensor([3, 4])
    print(f"{first * second = }")
    print(f"{second / first = }   / always gives floats")
    print(f"{second // 2 = }, {second % 2 = }   // and % keep integers")

    # A plain number meets every element, and functions go through all of them.
    numbers = torch.tensor([0.0, 1.0, 4.0])
    print(f"{10 - numbers = }")
    print(f"{numbers.sqrt() = }, {numbers.exp() = }")
    print(f"{numbers.clamp(max=2) = }   nothing above 2")

    # Each of these made a new tensor. A method that ends in _ changes the one it has.
    numbers.add_(1)
    print(f"after numbers.add_(1): {numbers = }")


def along_a_dimension() -> None:
    section("One answer per row: dim= and keepdim=")

    # One mean per student: go along the exams, dimension 1, and average.
    marks = MARKS.float()  # (3, 5): students, exams
    for student, row in enumerate(marks):
        print(f"student {student} has a mean of {row.mean():.1f}")
    print(f"{marks.mean(dim=1) = }   the same, one per student")
    print(f"{marks.mean(dim=0) = }   one per exam")

    # max(dim=...) gives you the values and where they were. argmax gives only the positions. You'll
    # use it whenever a network has to choose.
    best = MARKS.max(dim=1)
    print(f"{best.values = }, {best.indices = }")
    print(f"{MARKS.argmax(dim=0) = }   who was best in each exam")

    # The dimension that you go along is gone afterwards. keepdim=True leaves it there with size 1,
    # so that the result still fits the tensor that it came from.
    print(f"{marks.mean(dim=1).shape = }")
    print(f"{marks.mean(dim=1, keepdim=True).shape = }")


def broadcasting() -> None:
    section("Broadcasting: different shapes that fit")

    # Write the shapes one below the other, aligned on the right. In each column the sizes must be
    # equal, or one of them must be 1 or missing. That one is repeated, without using memory.
    print("a                b            a + b")
    for a, b in [((3, 5), (5,)), ((3, 5), (3, 1)), ((3, 1), (5,)), ((64, 3, 28, 28), (3, 1, 1))]:
        result = torch.zeros(a) + torch.zeros(b)
        print(f"{a!s:<16} {b!s:<12} {tuple(result.shape)}")

    # How far is each mark from the student's own mean? The column of means, repeated five times.
    marks = MARKS.float()
    centered = marks - marks.mean(dim=1, keepdim=True)  # (3, 5) - (3, 1)
    print(f"centered =\n{centered}")

    # Without keepdim the shapes are (3, 5) and (3,). Aligned on the right, 5 meets 3.
    with show_error("marks - marks.mean(dim=1)"):
        marks - marks.mean(dim=1)

    # An error is the lucky case. Below, the shapes fit, but every prediction meets every target:
    # 9 differences where you wanted 3. In a loss that you write yourself, nobody would tell you.
    predictions, targets = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([1.0, 2.0, 3.0])
    print(f"{predictions.shape = }, {targets.shape = }")
    print(f"predictions - targets =\n{predictions - targets}")
    print(f"{predictions.squeeze(1) - targets = }   what you wanted")


def softmax() -> None:
    section("Put together: softmax")

    # A network that chooses between classes gives each a score, called a logit. Softmax turns a
    # row of logits into probabilities: exp makes them positive, the division makes them sum to 1.
    logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 0.0]])  # (samples, classes)
    powers = logits.exp()
    probabilities = powers / powers.sum(dim=1, keepdim=True)  # (2, 3) / (2, 1)
    print(f"probabilities =\n{probabilities}")
    print(f"{torch.allclose(probabilities, logits.softmax(dim=1)) = }")

    # softmax goes along its dimension and keeps it. Along the wrong one, the numbers look just as
    # plausible, but now the columns sum to 1.
    print(f"logits.softmax(dim=0) =\n{logits.softmax(dim=0)}")

    # exp of a large number doesn't fit into a float32: it becomes inf, and inf / inf is nan, "not
    # a number". Subtract the maximum first: that changes no probability, and nothing overflows.
    large = torch.tensor([1000.0, 999.0, 998.0])
    print(f"{large.exp() / large.exp().sum() = }")
    shifted = large - large.max()
    print(f"{shifted.exp() / shifted.exp().sum() = }")
    print(f"{large.softmax(dim=0) = }   does it for you")


def yes_and_no() -> None:
    section("Boolean operations: compare, combine, count")

    # A comparison answers for each element.
    predictions = torch.tensor([3, 0, 1, 1, 2])
    labels = torch.tensor([3, 0, 2, 1, 2])
    print(f"{(predictions == labels) = }")

    # True counts as 1. So the sum counts, and the mean is a share: the accuracy of a classifier.
    # (mean() refuses booleans as it refuses integers, hence the float().)
    print(f"{(predictions == labels).sum() = }   right answers")
    print(f"{(predictions == labels).float().mean() = }   accuracy")

    # & is "and", | is "or", ~ is "not". They bind more tightly than < and >, so each comparison
    # needs its parentheses.
    passed = MARKS >= PASSED  # (3, 5)
    print(f"passed =\n{passed}")
    print(f"{((MARKS >= PASSED) & (MARKS < 40)).sum() = }   barely passed")
    print(f"{((MARKS < PASSED) | (MARKS > 90)).sum() = }   failed or excellent")
    print(f"{(~passed).sum() = }   failed")

    # Python's own `and` wants a single yes or no. A tensor of fifteen can't give it.
    with show_error("(MARKS >= PASSED) and (MARKS < 40)"):
        both = (MARKS >= PASSED) and (MARKS < 40)  # noqa: F841

    # any() and all() sum a mask up in a single True or False. With dim=, in one per row or column.
    print(f"{passed.all() = }, {passed.any() = }")
    print(f"{passed.all(dim=1) = }   students who passed everything")
    print(f"{passed.all(dim=0) = }   exams that everybody passed")


def equal_floats() -> None:
    section("Why == on floats can't be trusted")

    # Floats are rounded after every operation, so two ways to the same result may end a rounding
    # apart. Whether they do depends on the numbers and on the dtype.
    for dtype in (torch.float32, torch.float64):
        total = torch.tensor(0.1, dtype=dtype) + torch.tensor(0.2, dtype=dtype)
        expected = torch.tensor(0.3, dtype=dtype)
        equal, close = total == expected, torch.isclose(total, expected)
        print(f"{dtype}: 0.1 + 0.2 = {total:.17f}, == 0.3: {equal}, isclose: {close}")

    # isclose allows a difference of atol (1e-8) plus rtol (1e-5) times the expected value.
    # allclose asks it of all elements, and torch.testing.assert_close says where they differ.
    print(f"{torch.allclose(torch.ones(3) / 3 * 3, torch.ones(3)) = }")

    # nan equals nothing, not even itself. Look for it with isnan.
    undefined = torch.tensor([0.0]) / 0
    print(f"{undefined = }, {(undefined == undefined) = }, {undefined.isnan() = }")


def products() -> None:
    section("Dot product and matrix product")

    # The dot product: multiply element by element, then add up. One number.
    first, second = torch.tensor([1, 2, 3]), torch.tensor([4, 5, 6])
    print(f"{(first * second).sum() = }")
    print(f"{torch.dot(first, second) = }")

    # The matrix product does that for each row of the left with each column of the right.
    left = torch.tensor([[0, 1, 1], [1, 0, 1]])  # (2, 3)
    right = torch.tensor([[1, 1], [1, 0], [0, 1]])  # (3, 2)
    looped = [[torch.dot(row, column).item() for column in right.T] for row in left]
    print(f"{looped = }")
    print(f"torch.mm(left, right) =\n{torch.mm(left, right)}")

    # @ is its operator, and takes batches as well: the last two dimensions are multiplied.
    print(f"{torch.equal(left @ right, torch.mm(left, right)) = }")
    print(f"{(torch.ones(64, 2, 3) @ torch.ones(64, 3, 2)).shape = }   64 products at once")

    # * is another product: element by element.
    square = torch.tensor([[1, 2], [3, 4]])
    print(f"square * square =\n{square * square}")
    print(f"square @ square =\n{square @ square}")


def one_layer() -> None:
    section("One layer, and a shape error read aloud")

    # A layer of a network turns each sample's features into outputs. Every output has a weight
    # for each feature, and a bias that is added on top. PyTorch keeps the weights as
    # (outputs, features), so that a row holds all the weights of one output. To multiply, you need
    # (samples, features) @ (features, outputs): the transpose, .T, of that table.
    torch.manual_seed(SEED)
    n, k, m = 4, 3, 2  # samples, features, outputs
    samples, weights, bias = torch.rand(n, k), torch.rand(m, k), torch.rand(m)
    outputs = samples @ weights.T + bias  # (4, 3) @ (3, 2) + (2,)
    print(f"{outputs.shape = }")
    linear = torch.nn.functional.linear(samples, weights, bias)
    print(f"{torch.allclose(outputs, linear) = }   PyTorch's own layer")

    # Forget the .T, and PyTorch complains. mat1 is what is on the left, mat2 what is on the right,
    # and the two inner sizes must agree. Ask what each size means before you change anything: here
    # the features are last in both, so it's the weights that have to be transposed.
    with show_error("samples @ weights"):
        samples @ weights

    # Messages about + and * count dimensions from 0 and call them singleton where they have size 1.
    # one_each was meant as one number per sample, so it has to be a column.
    one_each = torch.rand(n)
    with show_error("samples + one_each"):
        samples + one_each
    print(f"{(samples + one_each.unsqueeze(1)).shape = }")


# --- Pictures


def draw_cells(axes, tensor: Tensor, color: str, shape=None, faint=None) -> None:
    """Draw a matrix as cells with numbers; where `faint` is True they are dotted."""
    from matplotlib.patches import Rectangle

    for row, line in enumerate(tensor.tolist()):
        for column, number in enumerate(line):
            is_faint = faint is not None and bool(faint[row, column])
            look = {"fc": "none", "ls": ":"} if is_faint else {"fc": (color, 0.5), "ls": "-"}
            axes.add_patch(Rectangle((column, row), 1, 1, ec=color, **look))
            ink = "dimgrey" if is_faint else "black"
            axes.text(column + 0.5, row + 0.5, number, ha="center", va="center", color=ink, size=12)
    height, width = tensor.shape
    axes.set(xlim=(-0.1, width + 0.1), ylim=(height + 0.1, -0.1), aspect="equal")
    axes.set_title(f"shape {tuple(tensor.shape if shape is None else shape)}", fontsize=12)
    axes.axis("off")


def draw_broadcasting() -> None:
    from pytorch_refresher._common.figures import BLUE, GREEN, ORANGE

    import matplotlib.pyplot as plt

    matrix = torch.arange(10, 130, 10).view(3, 4)
    row, column = torch.tensor([1, 2, 3, 4]), torch.tensor([[5], [6], [7]])
    figure, grid = plt.subplots(3, 3, figsize=(9, 6.6), layout="constrained")
    for line, (a, b) in zip(grid, [(matrix, row), (matrix, column), (column, row)], strict=True):
        for axes, tensor, color in zip(line, (a, b, a + b), (BLUE, ORANGE, GREEN), strict=True):
            # What exists is as large as the tensor; the rest of the result's shape is repeated.
            faint = torch.ones(3, 4, dtype=torch.bool)
            height, width = (1, *tensor.shape)[-2:]
            faint[:height, :width] = False
            draw_cells(axes, tensor.expand(3, 4), color, tensor.shape, faint)
        for axes, operator in ((line[1], "+"), (line[2], "=")):
            axes.text(-0.35, 1.5, operator, ha="center", va="center", size=16)
    figure.suptitle("Broadcasting: dotted cells are repeated, not stored", fontsize=14)
    save_figure(figure, "broadcasting")


def draw_matrix_product() -> None:
    from pytorch_refresher._common.figures import BLUE, GREEN, ORANGE

    import matplotlib.pyplot as plt

    left, right = torch.tensor([[0, 1, 1], [1, 0, 1]]), torch.tensor([[1, 1], [1, 0], [0, 1]])
    panels = [["", "right"], ["left", "product"]]
    figure, axes = plt.subplot_mosaic(
        panels, figsize=(6, 5.2), width_ratios=[3, 2], height_ratios=[3, 2], empty_sentinel="",
        layout="constrained",
    )  # fmt: skip
    # One element of the product and what it is made of: row 1 of the left, column 1 of the right.
    row, column = 1, 1
    for name, tensor, color, shown in (
        ("left", left, BLUE, (row, slice(None))),
        ("right", right, ORANGE, (slice(None), column)),
        ("product", left @ right, GREEN, (row, column)),
    ):
        faint = torch.ones(tensor.shape, dtype=torch.bool)
        faint[shown] = False
        draw_cells(axes[name], tensor, color, faint=faint)
    terms = " + ".join(f"{a} * {b}" for a, b in zip(left[row], right[:, column], strict=True))
    figure.suptitle(
        f"left @ right: row {row} meets column {column}\n{terms} = {left[row] @ right[:, column]}"
    )
    save_figure(figure, "matrix_product")


# -----------------------------------------------------------------------------------------
# Practice. Replace each `raise NotImplementedError` with your answer, then run this file with
# --practice: it marks your answers and tells you what to look at next.
# -----------------------------------------------------------------------------------------


def normalize(x: Tensor, dim: int | None = None) -> Tensor:
    """Problem 1 (medium, 10 minutes). Give a tensor mean 0 and standard deviation 1.

    x: float32, of any shape. With dim=None, mean and standard deviation are those of all
    elements. With a number they are taken along that dimension: for a table (rows, columns) and
    dim=0, every column ends up with mean 0 and standard deviation 1. The standard deviation is
    the sample's, as x.std() computes it.
    Return a float32 tensor of the shape of x. x itself must stay as it is.
    """
    raise NotImplementedError


def cosine_similarity(a: Tensor, b: Tensor) -> Tensor:
    """Problem 2 (medium, 10 minutes). How similar are the directions of two vectors?

    The cosine similarity of two vectors is their dot product divided by the product of their
    lengths; a vector's length is the square root of the sum of its squared elements. It is 1 for
    the same direction, 0 for a right angle and -1 for opposite directions.
    a, b: float32 of the same shape (..., D). The last dimension holds the vectors, with any number
    of dimensions, or none, before it. No vector is all zeros. Return a float32 tensor of shape
    (...): a scalar tensor for two vectors, N similarities for two tables (N, D), row by row.
    """
    raise NotImplementedError


def product_shapes(tensors: dict[str, Tensor]) -> dict[tuple[str, str], tuple[int, int] | None]:
    """Problem 3 (medium, 10 minutes). Which of these matrices can be multiplied?

    tensors: float32 matrices by name. Try the matrix product of every ordered pair, of a matrix
    with itself, too, and both ways around. Return a dictionary with one entry per pair. The key is
    (name of the left one, name of the right one), the value is the shape of the product as a tuple
    of two ints, or None if the two can't be multiplied. n matrices make n * n entries.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__)
    if not arguments.practice:
        statistics()
        element_by_element()
        along_a_dimension()
        broadcasting()
        softmax()
        yes_and_no()
        equal_floats()
        products()
        one_layer()
        draw_broadcasting()
        draw_matrix_product()
    report_practice(__file__)


if __name__ == "__main__":
    main()
