"""Lesson 01: Tensors

Everything a network reads, computes and learns is a tensor: an array of numbers of one type,
with a shape. Pictures, sentences, weights and gradients differ only in that shape. This lesson
makes tensors, reads their properties, and moves them to and from NumPy and pandas.

    python lesson.py             the whole lesson, then your practice report
    python lesson.py --practice  the practice report alone
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section

import torch
from torch import Tensor


def scalar_vector_matrix() -> None:
    section("A number, a list, a table")

    # A tensor is made from plain Python numbers. Nested lists become dimensions: each level of
    # brackets is one dimension more.
    scalar = torch.tensor(1)
    vector = torch.tensor([1, 2, 3, 4, 5])
    matrix = torch.tensor([[1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 6], [5, 6, 7]])
    print(f"{scalar = }")
    print(f"{vector = }")
    print(f"matrix =\n{matrix}")

    # ndimension() counts the dimensions, and so does the shorter .ndim.
    print(f"{scalar.ndimension() = }")
    print(f"{vector.ndimension() = }")
    print(f"{matrix.ndimension() = }")

    # The shape has one entry a dimension: 5 rows and 3 columns. A scalar has none.
    # size() is a method and shape a property; they say the same.
    print(f"{scalar.size() = }")
    print(f"{vector.size() = }")
    print(f"{matrix.size() = }")
    print(f"{matrix.shape = }")
    assert matrix.size() == matrix.shape == (5, 3)

    # A shape can be read like a tuple, and numel() multiplies it out: how many numbers in all.
    rows, columns = matrix.shape
    print(f"{rows = }, {columns = }, {matrix.numel() = }")


def numbers_out_of_tensors() -> None:
    section("From a tensor back to a Python number")

    # A single element of a tensor is still a tensor. item() makes it a Python number.
    vector = torch.tensor([1, 2, 3, 4, 5])
    matrix = torch.tensor([[1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 6], [5, 6, 7]])
    print(f"{vector[0] = }")
    print(f"{vector[0].item() = }")
    print(f"{matrix[0][1].item() = }")

    # Five numbers cannot become one. PyTorch refuses, and says why:
    try:
        vector.item()
    except RuntimeError as error:
        print(f"vector.item() fails: {error}")
    else:
        raise AssertionError("item() took a vector")

    # tolist() takes them all out at once, whatever the shape.
    print(f"{vector.tolist() = }")


def made_to_a_shape() -> None:
    section("Tensors made to a shape")

    # A model starts from tensors filled by rule, not typed in: you say the shape.
    print(f"{torch.zeros(4) = }")
    print(f"{torch.ones(2, 3).shape = }")
    print(f"torch.full((2, 3), 7) =\n{torch.full((2, 3), 7)}")
    print(f"{torch.arange(0, 10, 2) = }   from 0 up to, not including, 10")

    # rand draws evenly from 0 to 1, randn from the normal distribution. The same seed gives
    # the same numbers again, so that a run can be repeated.
    torch.manual_seed(0)
    first = torch.rand(2, 3)
    torch.manual_seed(0)
    print(f"{torch.equal(torch.rand(2, 3), first) = }   the same seed, the same numbers")

    # *_like takes shape and dtype from a tensor that is already there.
    print(f"torch.zeros_like(first) =\n{torch.zeros_like(first)}")

    # A third dimension makes a stack of tables, a fourth a row of stacks. A batch of 64 color
    # pictures of 28 by 28 pixels is usual: (batch, channels, height, width).
    pictures = torch.rand(64, 3, 28, 28)
    print(f"{pictures.ndim = }, {pictures.shape = }")


def types_and_memory() -> None:
    section("One type for all its numbers: the dtype")

    # Whole numbers become int64 and numbers with a point float32, unless you say otherwise.
    print(f"{torch.tensor(1).dtype = }")
    print(f"{torch.tensor([1.5, 2.5]).dtype = }")
    print(f"{torch.tensor([1, 2], dtype=torch.float64).dtype = }")
    print(f"{torch.tensor([True, False]).dtype = }")

    # The dtype decides how much memory each number takes, and what it can hold.
    print("dtype            bytes each   a million of them")
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.int64, torch.int8):
        million = torch.ones(1_000_000, dtype=dtype)
        size = million.element_size() * million.numel()
        print(f"{str(dtype):<16} {million.element_size():>10} {size / 1e6:>15.1f} MB")

    # Less memory has its price. float32 keeps about 7 decimal digits, float64 about 16, and an
    # int8 ends at 127: one more and it starts again at the bottom, without a warning.
    print(f"{torch.tensor(1 / 3, dtype=torch.float32).item() = }")
    print(f"{torch.tensor(1 / 3, dtype=torch.float64).item() = }")
    print(f"{torch.tensor([127], dtype=torch.int8) + 1 = }")
    assert (torch.tensor([127], dtype=torch.int8) + 1).item() == -128

    # to() returns a converted copy. Models compute in float32, so this line is in every project.
    print(f"{torch.tensor([1, 2, 3]).to(torch.float32) = }")


def numpy_and_back() -> None:
    section("NumPy: the same memory, seen twice")
    import numpy as np

    # from_numpy copies nothing. It keeps NumPy's dtype too: float64, where PyTorch's is float32.
    array = np.array([1.0, 2.0, 3.0])
    shared = torch.from_numpy(array)
    copied = torch.tensor(array)
    print(f"{shared = }")

    # Write into the array, and look at both tensors.
    array[0] = 99.0
    print("After array[0] = 99.0:")
    print(f"{shared = }")
    print(f"{copied = }")
    assert shared[0] == 99 and copied[0] == 1

    # The way back, numpy(), shares as well: a write to the tensor reaches the array.
    shared.numpy()[1] = -1.0
    print(f"{array = }")
    assert array[1] == -1


def pandas_and_back() -> None:
    section("pandas: from a table to what a model wants")
    import pandas as pd

    houses = pd.DataFrame({"rooms": [3, 4, 2], "area": [72.5, 98.0, 51.0]})
    print(houses)

    # The columns differ in type, so houses.values is float64: the one type that holds both.
    # A model's weights are float32 and refuse to be multiplied with it, so ask for float32 now.
    print(f"{houses.values.dtype = }")
    features = torch.tensor(houses.values, dtype=torch.float32)
    print(f"features =\n{features}")
    weights = torch.ones(2)  # float32, as a model has them
    try:
        torch.tensor(houses.values) @ weights
    except RuntimeError as error:
        print(f"float64 @ float32 fails: {error}")
    print(f"{features @ weights = }")

    # A tensor has no column names: give them back to the table, or they are lost.
    table = pd.DataFrame(features.numpy(), columns=houses.columns)
    print(table)
    assert table.columns.tolist() == ["rooms", "area"]


def picture() -> None:
    section("The same idea in zero to three dimensions")
    from pytorch_refresher._common.figures import BLUE, SKY, YELLOW

    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    matrix = torch.tensor([[1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 6], [5, 6, 7]])
    tensors = {
        "scalar": torch.tensor(1),
        "vector": torch.tensor([1, 2, 3, 4, 5]),
        "matrix": matrix,
        "two matrices": torch.stack([matrix, matrix + 10]),
    }
    figure, axes = plt.subplots(1, 4, figsize=(10, 3.4), layout="constrained")
    for axis, (name, tensor) in zip(axes, tensors.items(), strict=True):
        # What has fewer than three dimensions is drawn as one table in front.
        tables = tensor.expand(*[1] * (3 - tensor.ndim), *tensor.shape)
        for (depth, row, column), number in zip(
            torch.cartesian_prod(*map(torch.arange, tables.shape)).tolist(),
            tables.flatten().tolist(),
            strict=True,
        ):
            x, y = column + 0.8 * depth, 0.6 * depth - row
            color = YELLOW if depth else SKY
            axis.add_patch(Rectangle((x, y), 1, 1, fc=color, ec=BLUE, zorder=-depth))
            axis.text(x + 0.5, y + 0.5, number, ha="center", va="center", zorder=-depth)
        axis.set_title(f"{name}, ndim {tensor.ndim}\nshape {tuple(tensor.shape)}")
        axis.set(xlim=(-0.3, 5.3), ylim=(-4.3, 1.8), aspect="equal")
        axis.axis("off")
    save_figure(figure, "shapes")


# -----------------------------------------------------------------------------------------
# Practice problems. Replace each `raise NotImplementedError` with your answer and run this
# file again. solutions.py has one answer to each, and the checks that mark yours.
# -----------------------------------------------------------------------------------------


def marked_cube(depth: int, rows: int, columns: int) -> tuple[Tensor, int, int, int]:
    """Problem 1. Create a 3-D tensor and explore its properties.

    Make a float32 tensor of shape (depth, rows, columns) whose elements are all 0, except the
    last one of the last row of the last table, which is 1. You may set an element with
    `tensor[i, j, k] = number`, as in a nested list; -1 counts from the end.
    Return four things: the tensor, its number of dimensions, how many elements it has, and the
    value of that last element as a Python int.
    """
    raise NotImplementedError


def through_a_tensor(frame) -> tuple:
    """Problem 2. Convert a pandas DataFrame to a tensor and back.

    frame: a DataFrame of numbers; whole-number and float columns may be mixed. Return two
    things: a float32 tensor of shape (rows, columns), and a DataFrame made from that tensor
    with the column names and the index (the row labels, frame.index) of `frame`. Writing to
    the tensor must not change `frame`.
    """
    raise NotImplementedError


def megabytes(shape: tuple[int, ...], dtypes: list[torch.dtype]) -> dict[torch.dtype, float]:
    """Problem 3. Create tensors of different dtypes and compare the memory they use.

    For each dtype, create a tensor of that shape. Return a dictionary from each dtype to the
    megabytes (1 MB = 1,000,000 bytes) that its elements take.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__)
    if not arguments.practice:
        scalar_vector_matrix()
        numbers_out_of_tensors()
        made_to_a_shape()
        types_and_memory()
        numpy_and_back()
        pandas_and_back()
        picture()
    report_practice(__file__)


if __name__ == "__main__":
    main()
