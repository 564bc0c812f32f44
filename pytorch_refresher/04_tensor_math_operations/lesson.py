"""Lesson 04: Math and Boolean Operations

A network computes with whole tensors at a time: it adds and multiplies element by element,
sums along a dimension, compares, and above all multiplies matrices. This lesson shows each of
the four, the rule by which tensors of different shapes fit together, and how to read PyTorch's
message when they do not.

    python lesson.py             the whole lesson, then your practice report
    python lesson.py --practice  the practice report alone
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section

import torch
from torch import Tensor

# The marks of three pupils (rows) in five exams (columns), used in several sections.
PUPILS = ("Ann", "Bob", "Eve")
MARKS = torch.tensor([[16, 32, 73, 94, 75], [31, 42, 23, 84, 35], [41, 52, 13, 74, 55]])


def statistics() -> None:
    section("Statistics: many numbers, one answer")

    # The smallest and the largest element, whatever the shape. The answer is a tensor too.
    vector = torch.tensor([1, 2, 3, 4, 5])
    print(f"{vector.min() = }, {vector.max() = }")
    print(f"MARKS =\n{MARKS}")
    print(f"{MARKS.min() = }, {MARKS.max() = }")

    # A mean is rarely a whole number, so PyTorch wants to be told in which dtype to give it.
    try:
        vector.mean()
    except RuntimeError as error:
        print(f"vector.mean() fails: {error}")
    else:
        raise AssertionError("mean() took whole numbers")
    print(f"{vector.float().mean() = }")

    numbers = torch.tensor([10.0, 20.0, 30.0, 40.0, 50.0])
    print(f"{numbers.mean() = }")
    print(f"{numbers.std() = }")

    # The standard deviation by hand: how far from the mean, squared, averaged, and the root.
    # std() divides by n - 1, the rule for a sample; correction=0 divides by n, the rule for
    # a whole population. Layers that normalize (lesson 13) divide by n.
    squares = [(number - 30) ** 2 for number in numbers.tolist()]
    print(f"{(sum(squares) / 4) ** 0.5 = }   divided by n - 1")
    print(f"{(sum(squares) / 5) ** 0.5 = }   divided by n")
    print(f"{numbers.std(correction=0) = }")
    torch.testing.assert_close(numbers.std(), torch.tensor((sum(squares) / 4) ** 0.5))
    torch.testing.assert_close(numbers.std(correction=0), torch.tensor((sum(squares) / 5) ** 0.5))


def element_by_element() -> None:
    section("Arithmetic, element by element")

    # + - * / and ** pair up the elements that stand in the same place.
    print(f"{torch.tensor([1, 0]) + torch.tensor([0, 1]) = }")
    first, second = torch.tensor([1, 2]), torch.tensor([3, 4])
    print(f"{first + second = }")
    print(f"{first * second = }   a product, element by element")
    assert (first * second).tolist() == [3, 8]

    # The sign / always gives floats; // and % give whole numbers and remainders.
    print(f"{second / first = }")
    print(f"{second // 2 = }, {second % 2 = }")

    # A plain number meets every element. Functions go through all elements as well.
    numbers = torch.tensor([0.0, 1.0, 4.0])
    print(f"{10 - numbers = }")
    print(f"{numbers.sqrt() = }")
    print(f"{numbers.exp() = }")
    print(f"{numbers.clamp(max=2) = }   nothing above 2")

    # Each of these made a new tensor. A method that ends in _ writes into the one it has.
    numbers.add_(1)
    print(f"After numbers.add_(1): {numbers = }")
    assert numbers.tolist() == [1, 2, 5]


def along_a_dimension() -> None:
    section("One answer a row: dim= and keepdim=")

    # One mean for each pupil, as a loop:
    marks = MARKS.float()  # (3, 5): pupils, exams
    means = []
    for name, row in zip(PUPILS, marks, strict=True):
        means.append(row.mean().item())
        print(f"{name} has a mean of {row.mean():.1f}")

    # The same in one call. dim names the dimension that disappears: here 1, the exams.
    print(f"{marks.mean(dim=1) = }   one a pupil")
    print(f"{marks.mean(dim=0) = }   one an exam")
    torch.testing.assert_close(marks.mean(dim=1), torch.tensor(means))

    # max(dim=...) gives two things: the values, and where they stood. argmax gives the places
    # alone. From now on you will meet it wherever a network has to choose.
    best = MARKS.max(dim=1)
    print(f"{best.values = }, {best.indices = }")
    print(f"{MARKS.argmax(dim=0) = }   who did best in each exam: 0 is Ann")
    assert torch.equal(best.indices, MARKS.argmax(dim=1))

    # keepdim=True leaves a dimension of size 1 where one would disappear, so that the result
    # still fits the tensor it came from. The next section needs it.
    print(f"{marks.mean(dim=1).shape = }")
    print(f"{marks.mean(dim=1, keepdim=True).shape = }")


def broadcasting() -> None:
    section("Broadcasting: different shapes that fit")

    # Write the shapes under each other, flush right. In each column the sizes must be equal,
    # or one of them must be 1 or missing: that one is repeated, without a copy in memory.
    print("a                b            a + b")
    for a, b in [((3, 5), (5,)), ((3, 5), (3, 1)), ((3, 1), (5,)), ((64, 3, 28, 28), (3, 1, 1))]:
        result = (torch.zeros(a) + torch.zeros(b)).shape
        assert result == torch.broadcast_shapes(a, b)
        print(f"{str(a):<16} {str(b):<12} {tuple(result)}")

    # How far is each mark from the pupil's own mean? Row by row, then in one expression.
    marks = MARKS.float()
    rows = [row - row.mean() for row in marks]
    centered = marks - marks.mean(dim=1, keepdim=True)  # (3, 5) - (3, 1)
    print(f"centered =\n{centered}")
    torch.testing.assert_close(centered, torch.stack(rows))

    # Without keepdim the shapes are (3, 5) and (3,). Flush right, 5 stands above 3:
    try:
        marks - marks.mean(dim=1)
    except RuntimeError as error:
        print(f"(3, 5) - (3,) fails: {error}")
    else:
        raise AssertionError("(3,) was broadcast to (3, 5)")

    # An error is the lucky case. Here the shapes fit, and the answer is not what was meant:
    # each of 3 predictions minus each of 3 targets, 9 differences where 3 were asked for.
    predictions, targets = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([1.0, 2.0, 3.0])
    print(f"{predictions.shape = }, {targets.shape = }")
    print(f"predictions - targets =\n{predictions - targets}")
    print(f"{predictions.squeeze(1) - targets = }   as meant")
    assert (predictions - targets).shape == (3, 3)


def picture() -> None:
    from pytorch_refresher._common.figures import BLUE, GREEN, ORANGE

    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    matrix = torch.tensor([[10, 20, 30, 40], [50, 60, 70, 80], [90, 100, 110, 120]])
    row, column = torch.tensor([1, 2, 3, 4]), torch.tensor([[5], [6], [7]])
    figure, axes = plt.subplots(3, 3, figsize=(9, 6.6), layout="constrained")
    for line, (a, b) in zip(axes, [(matrix, row), (matrix, column), (column, row)], strict=True):
        result = a + b
        signs = ("", "+ ", "= ")
        for axis, sign, tensor, color in zip(
            line, signs, (a, b, result), (BLUE, ORANGE, GREEN), strict=True
        ):
            # The shape, flush right and filled up with 1, says which cells are really there.
            height, width = (1, *tensor.shape)[-2:]
            for y, numbers in enumerate(tensor.expand_as(result).tolist()):
                for x, number in enumerate(numbers):
                    there = y < height and x < width
                    fill, line_style, ink = (
                        ((color, 0.5), "-", "black") if there else ("none", ":", "dimgrey")
                    )
                    cell = Rectangle((x, -y), 1, 1, fc=fill, ec=color, ls=line_style)
                    axis.add_patch(cell)
                    axis.text(
                        x + 0.5, 0.5 - y, number, ha="center", va="center", color=ink, size=12
                    )
            axis.set_title(f"{sign}shape {tuple(tensor.shape)}", fontsize=13)
            axis.set(xlim=(-0.1, 4.1), ylim=(-2.1, 1.1), aspect="equal")
            axis.axis("off")
    figure.suptitle("Broadcasting: dotted cells are repeated, not stored", fontsize=14)
    save_figure(figure, "broadcasting")


def softmax() -> None:
    section("Put together: softmax")

    # A network that chooses among classes gives each a score, called a logit. Softmax turns a
    # row of logits into probabilities: exp() makes them positive, the division makes them sum
    # to 1.
    logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 0.0]])  # (samples, classes)
    powers = logits.exp()
    probabilities = powers / powers.sum(dim=1, keepdim=True)  # (2, 3) / (2, 1)
    print(f"probabilities =\n{probabilities}")
    print(f"{probabilities.sum(dim=1) = }")
    torch.testing.assert_close(probabilities, logits.softmax(dim=1))
    print("The same as logits.softmax(dim=1): yes")

    # The wrong dimension gives numbers that look as good. Here the columns sum to 1.
    print(f"logits.softmax(dim=0) =\n{logits.softmax(dim=0)}")

    # exp() of a large number is too large for a float32: inf, and inf / inf is nan, "not a
    # number". Subtracting the row's maximum first changes no probability, and nothing overflows.
    large = torch.tensor([1000.0, 999.0, 998.0])
    print(f"{large.exp() / large.exp().sum() = }")
    shifted = large - large.max()
    print(f"{shifted.exp() / shifted.exp().sum() = }")
    print(f"{large.softmax(dim=0) = }   PyTorch subtracts the maximum for you")
    torch.testing.assert_close(shifted.exp() / shifted.exp().sum(), large.softmax(dim=0))


def yes_and_no() -> None:
    section("Boolean operations: comparing, combining, counting")

    # A comparison asks every element and answers with True or False in its place.
    predictions = torch.tensor([3, 0, 1, 1, 2])
    labels = torch.tensor([3, 0, 2, 1, 2])
    print(f"{(predictions == labels) = }")

    # True counts as 1, so a sum counts and a mean is a share. This is how lesson 10 measures.
    print(f"{(predictions == labels).sum() = }   right answers")
    print(f"{(predictions == labels).float().mean() = }   accuracy")
    assert (predictions == labels).sum() == 4

    # & is "and", | is "or", ~ is "not". They bind tighter than > and <: brackets are needed.
    passed = MARKS >= 20  # (3, 5)
    print(f"passed =\n{passed}")
    print(f"{((MARKS >= 20) & (MARKS < 40)).sum() = }   from 20 up to 39")
    print(f"{((MARKS < 20) | (MARKS > 90)).sum() = }   below 20 or above 90")
    print(f"{(~passed).sum() = }   not passed")
    assert ((MARKS < 20) | (MARKS > 90)).sum() == 3

    # Python's own "and" wants one answer for the whole tensor, and so does 20 <= MARKS < 40.
    try:
        print((MARKS >= 20) and (MARKS < 40))
    except RuntimeError as error:
        print(f"(MARKS >= 20) and (MARKS < 40) fails: {error}")
    else:
        raise AssertionError("`and` took two tensors")

    # any() and all() make one answer of many, of all elements or along a dimension.
    print(f"{passed.all() = }, {passed.any() = }")
    print(f"{passed.all(dim=1) = }   pupils who passed every exam")
    print(f"{passed.all(dim=0) = }   exams that everybody passed")
    assert passed.all(dim=0).tolist() == [False, True, False, True, True]


def equal_floats() -> None:
    section("Why == on floats deceives")

    # A float holds the binary number nearest to 0.1, and rounds after every operation. Two
    # ways to the same result end a rounding apart.
    total = torch.tensor([0.1], dtype=torch.float64) + torch.tensor([0.2], dtype=torch.float64)
    expected = torch.tensor([0.3], dtype=torch.float64)
    print(f"{(total == expected) = }")
    print(f"{total.item() = }")
    assert total != expected

    # isclose allows a difference of atol (1e-8) plus rtol (1e-5) times the expected value.
    print(f"{torch.isclose(total, expected) = }")
    assert abs(total - expected) <= 1e-8 + 1e-5 * abs(expected)

    # allclose makes one answer of it; assert_close does too, and says what differs where.
    # These lessons check their claims with assert_close.
    print(f"{torch.allclose(total, expected) = }")
    try:
        torch.testing.assert_close(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.5]))
    except AssertionError as error:
        print(f"assert_close fails:\n{error}")
    else:
        raise AssertionError("2.0 passed for 2.5")

    # nan equals nothing, itself included. Look for it with isnan.
    undefined = torch.tensor([0.0]) / 0
    print(f"{undefined = }, {(undefined == undefined) = }, {undefined.isnan() = }")
    assert (undefined != undefined).all()


def products() -> None:
    section("Dot product and matrix product")

    # The dot product: multiply element by element, then add up. One number.
    first, second = torch.tensor([1, 2, 3]), torch.tensor([4, 5, 6])
    print(f"{(first * second).sum() = }")
    print(f"{torch.dot(first, second) = }")
    assert torch.dot(first, second) == (first * second).sum() == 32

    # The matrix product: each row of the left with each column of the right, a dot product.
    left = torch.tensor([[0, 1, 1], [1, 0, 1]])  # (2, 3)
    right = torch.tensor([[1, 1], [1, 0], [0, 1]])  # (3, 2)
    by_hand = torch.zeros(2, 2, dtype=torch.int64)
    for i in range(2):
        for j in range(2):
            by_hand[i, j] = torch.dot(left[i], right[:, j])
    print(f"torch.mm(left, right) =\n{torch.mm(left, right)}")
    assert torch.equal(by_hand, torch.mm(left, right))

    # @ is the sign for it, and takes batches too: the last two dimensions are multiplied.
    assert torch.equal(left @ right, torch.mm(left, right))
    print(f"{(torch.rand(64, 2, 3) @ torch.rand(64, 3, 2)).shape = }   64 products at once")

    # * is another product: element by element, and of the same shape.
    square = torch.tensor([[1, 2], [3, 4]])
    print(f"square * square =\n{square * square}")
    print(f"square @ square =\n{square @ square}")
    assert not torch.equal(square * square, square @ square)

    # One layer of a network is a matrix product and a broadcast sum: each of 4 samples with 3
    # features becomes 2 outputs. The weights are kept as (outputs, inputs); .T transposes them.
    samples, weights, bias = torch.rand(4, 3), torch.rand(2, 3), torch.rand(2)
    outputs = samples @ weights.T + bias  # (4, 3) @ (3, 2) + (2,)
    print(f"{outputs.shape = }")
    torch.testing.assert_close(outputs, torch.nn.functional.linear(samples, weights, bias))


def read_a_shape_error() -> None:
    section("A shape error, read aloud")

    # For a matrix product the inner sizes must agree, and the outer ones remain:
    # (n, k) @ (k, m) gives (n, m).
    samples, weights = torch.rand(4, 3), torch.rand(2, 3)
    try:
        samples @ weights
    except RuntimeError as error:
        print(str(error).removeprefix("mm: "))  # PyTorch 2.15 names the operation in front
        assert "(4x3 and 2x3)" in str(error)
    else:
        raise AssertionError("(4, 3) @ (2, 3) worked")
    print("  mat1 is what stands on the left, mat2 what stands on the right.")
    print("  4x3 and 2x3: the inner sizes are 3 and 2. They must be the same.")
    print("  3 is in both shapes, so one of the two lies on its side: turn it.")
    print(f"{(samples @ weights.T).shape = }")

    # A message about + or * speaks of broadcasting instead, and counts dimensions from 0.
    try:
        samples + torch.rand(4)
    except RuntimeError as error:
        print(f"\n{error}")
        assert "tensor a (3)" in str(error) and "dimension 1" in str(error)
    else:
        raise AssertionError("(4, 3) + (4,) worked")
    print("  a is the left tensor, b the right one. Singleton means of size 1.")
    print("  Flush right, (4, 3) and (4,) put 3 above 4: that is dimension 1 of the result.")
    print("  One number a row was meant, a column of shape (4, 1):")
    print(f"{(samples + torch.rand(4).unsqueeze(1)).shape = }")


# -----------------------------------------------------------------------------------------
# Practice problems. Replace each `raise NotImplementedError` with your answer and run this
# file again. solutions.py has one answer to each, and the checks that mark yours.
# -----------------------------------------------------------------------------------------


def normalize(x: Tensor, dim: int | None = None) -> Tensor:
    """Problem 1. Normalize a tensor to have mean 0 and standard deviation 1.

    x: a float32 tensor of any shape. With dim=None the mean and the standard deviation are
    those of all elements of x. With a number they are taken along that dimension: for a
    table (rows, columns) and dim=0, every column has mean 0 and standard deviation 1.
    The standard deviation is the sample's, as x.std() gives it.
    Return a float32 tensor of the shape of x. x itself must stay as it is.
    """
    raise NotImplementedError


def cosine_similarity(a: Tensor, b: Tensor) -> Tensor:
    """Problem 2. Implement cosine similarity with tensor operations.

    The cosine similarity of two vectors is their dot product divided by the product of their
    lengths; the length of a vector is the square root of the sum of its squared elements.
    It is 1 for the same direction, 0 for a right angle and -1 for the opposite direction.
    a, b: float32 tensors of the same shape (..., D). The last dimension holds the vectors, any
    number of dimensions, or none, may stand before it. No vector is all zeros.
    Return a float32 tensor of shape (...): for a, b of (D,) a scalar tensor, for (N, D) the
    N similarities of each row of a with the same row of b.
    """
    raise NotImplementedError


def product_shapes(tensors: dict[str, Tensor]) -> dict[tuple[str, str], tuple[int, int] | None]:
    """Problem 3. Verify which matrix products work, also with mismatched shapes.

    tensors: float32 matrices (two dimensions each) by name. Try the matrix product of every
    ordered pair: of each matrix with each, itself included, and both ways round.
    Return a dictionary with one entry a pair: the key is (name of the left one, name of the
    right one), the value is the shape of the product as a tuple of two ints, or None if
    the two cannot be multiplied. For n matrices the dictionary has n * n entries.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__)
    if not arguments.practice:
        statistics()
        element_by_element()
        along_a_dimension()
        broadcasting()
        picture()
        softmax()
        yes_and_no()
        equal_floats()
        products()
        read_a_shape_error()
    report_practice(__file__)


if __name__ == "__main__":
    main()
