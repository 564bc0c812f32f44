"""Lesson 01: Tensors

A house has rooms and a price, a photo has pixels, a sentence has words. A model can only multiply
and add. So before anything can be learned, all of it has to become numbers, in one kind of box
that PyTorch can compute with: the tensor. Two labels on that box decide whether the next line of
your program works. The shape says how its numbers are arranged, the dtype what kind they are.

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

SEED = 0  # where the random numbers start


def a_number_a_list_a_table() -> tuple[Tensor, Tensor, Tensor]:
    section("A number, a list, a table")

    # Write down numbers as you would in Python. Every level of brackets is one more dimension.
    scalar = torch.tensor(1)
    vector = torch.tensor([1, 2, 3, 4, 5])
    matrix = torch.tensor([[1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 6], [5, 6, 7]])
    print(f"{scalar = }")
    print(f"{vector = }")
    print(f"matrix =\n{matrix}")

    # How many dimensions are there? Count the opening brackets above. (.ndim is the short form.)
    print(f"{scalar.ndimension() = }, {vector.ndimension() = }, {matrix.ndimension() = }")

    # The shape gives the size of each dimension, from the outside in: 5 rows of 3 numbers.
    # size() is a method and shape a property. They say the same, and you will meet both.
    print(f"{scalar.size() = }, {scalar.shape = }")
    print(f"{vector.size() = }, {vector.shape = }")
    print(f"{matrix.size() = }, {matrix.shape = }")

    # The dtype is the one type that all the numbers of a tensor have. These are 64-bit integers.
    print(f"{scalar.dtype = }, {vector.dtype = }, {matrix.dtype = }")

    # Because a tensor is always a full box, every row must be as long as the others.
    with show_error("torch.tensor([[1, 2], [3]])"):
        torch.tensor([[1, 2], [3]])
    return scalar, vector, matrix


def back_to_python(vector: Tensor, matrix: Tensor) -> None:
    section("Back to a Python number")

    # Take one element out, and what you hold is still a tensor, with no dimension left.
    # item() unpacks it: now it is a number like any other in Python.
    print(f"{vector[0] = }")
    print(f"{vector[0].item() = }")
    print(f"{matrix[0][1].item() = }")

    # Five numbers don't fit into one. tolist() unpacks them all, whatever the shape.
    with show_error("vector.item()"):
        vector.item()
    print(f"{vector.tolist() = }")


def an_image_is_a_tensor() -> Tensor:
    section("An image is a tensor, too")

    # Read the ones as ink. What do they show? Change some, and look at the figure at the end.
    ink = torch.tensor(
        [
            [0, 1, 0, 1, 0],
            [1, 1, 1, 1, 1],
            [1, 1, 1, 1, 1],
            [0, 1, 1, 1, 0],
            [0, 0, 1, 0, 0],
        ]
    )
    print(f"ink =\n{ink}")

    # A color image is three tables, called channels: how much red, green and blue shines in each
    # pixel. White paper has all three. Red ink swallows green and blue, so they are 0 where ink
    # is 1. torch.stack lays tensors of one shape on top of each other, in a new first dimension.
    paper = 1 - ink
    image = torch.stack([torch.ones_like(ink), paper, paper])
    print(f"{image.shape = }      (channels, height, width)")

    # Models read many images at once, a batch, because that is faster than one after the other.
    # So there is one more dimension, and it comes first.
    batch = torch.stack([image, image, image, image])
    print(f"{batch.shape = }   (batch, channels, height, width)")
    print(f"{batch.ndim = }, {len(batch) = }, {batch[0].shape = }, {batch.numel() = } numbers")
    return image


def made_to_a_shape() -> None:
    section("Tensors of a given shape")

    # Real tensors have too many numbers to type. You give the shape, and a rule fills it.
    print(f"{torch.zeros(4) = }")
    print(f"{torch.ones(2, 3).shape = }")
    print(f"{torch.full((2, 2), 7).tolist() = }")
    print(f"{torch.arange(0, 10, 2) = }   from 0 up to 10, but without 10")

    # A new model knows nothing, so it starts from random numbers. rand draws between 0 and 1;
    # randn draws around 0, mostly between -2 and 2. The seed says where the drawing starts: the
    # same seed brings the same numbers back, so you can repeat a run.
    torch.manual_seed(SEED)
    first = torch.rand(2, 3)
    second = torch.rand(2, 3)
    torch.manual_seed(SEED)
    again = torch.rand(2, 3)
    print(f"first =\n{first}")
    print(f"{torch.equal(second, first) = }, {torch.equal(again, first) = }")
    print(f"{torch.randn(4) = }")

    # ..._like takes the shape and the dtype of a tensor that you have, but not its numbers.
    print(f"{torch.zeros_like(first).tolist() = }")

    # This is what a model sees in one go during training: a batch of 32 color images.
    side = 224
    images = torch.zeros(32, 3, side, side)
    print(f"{images.shape = }, {images.numel() = :,}, {images.nbytes / 1e6:.1f} MB")


def what_a_dtype_costs() -> None:
    section("What a dtype costs, and what it can hold")

    # PyTorch looks at the numbers that you give it. One decimal point is enough for float32.
    print(f"{torch.tensor([1, 2, 3]).dtype = }")
    print(f"{torch.tensor([1, 2, 3.0]).dtype = }")
    print(f"{torch.tensor([True, False]).dtype = }")
    print(f"{torch.tensor([1, 2, 3], dtype=torch.float64).dtype = }")

    # Why not always take the most precise one? A language model may well have 7 billion numbers,
    # and they all have to fit into memory. How many gigabytes is that? And what do you pay for
    # fewer bytes? Look at what becomes of one third, and of a number that is rather large.
    numbers = 7_000_000_000
    floats = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
    integers = (torch.int64, torch.int8, torch.uint8)
    print(f"\nWith {numbers:,} numbers:")
    print("dtype            bytes each   gigabytes   1/3 becomes          70000 becomes")
    for dtype in floats + integers:
        third = torch.tensor(1 / 3, dtype=torch.float64).to(dtype)
        large = torch.tensor(70000).to(dtype)
        size = large.element_size()  # in bytes
        cost = f"{str(dtype):<15}  {size:>10}  {size * numbers / 1e9:>10g}"
        print(f"{cost}   {third.item()!s:<19}  {large.item()}")

    # float16 and bfloat16 take half the bytes of float32, and spend them differently. float16
    # keeps more digits, but ends at 65504: what is larger becomes inf, infinity. bfloat16 reaches as
    # far as float32, with two or three digits. For a model that is often the better deal: a number
    # that is a little off does little harm, but one inf spoils all that is computed from it.
    # The price: training makes many tiny changes, and this one is too small for bfloat16 to keep.
    print(f"\n{torch.tensor(1.0, dtype=torch.float32) + 0.001 = }")
    print(f"{torch.tensor(1.0, dtype=torch.bfloat16) + 0.001 = }")

    # Image files store pixels as uint8, from 0 for dark to 255 for bright. Brighten one:
    pixel = torch.tensor([200], dtype=torch.uint8)
    print(f"{pixel + 100 = }   after 255 comes 0, without a warning")


def what_to_copies() -> None:
    section("Changing the dtype: what to() copies")

    # A tensor keeps its dtype for life. to() gives you another tensor with the dtype you ask for.
    whole = torch.tensor([1, 2, 3])
    decimal = whole.to(torch.float32)
    print(f"{decimal = }")

    # But if the dtype is right already, there is nothing to do, and you get the very same object.
    same = decimal.to(torch.float32)
    copy = decimal.to(torch.float32, copy=True)
    print(f"{same is decimal = }, {copy is decimal = }")

    # So who notices when we write into `same`? Guess before you look.
    same[0] = 100.0
    print(f"{whole   = }")
    print(f"{decimal = }")
    print(f"{copy    = }")


def numpy_and_back() -> None:
    section("NumPy: one memory, two names")
    import numpy as np

    # Much of the world's data arrives through NumPy. from_numpy uses its memory as it is: no copy,
    # however large. The dtype stays, too: float64, where PyTorch would have chosen float32.
    array = np.array([1.0, 2.0, 3.0])
    shared = torch.from_numpy(array)
    copied = torch.tensor(array)
    print(f"{shared = }")

    # Two names for one memory: a change through one of them shows through the other.
    array[0] = 99.0
    print("After array[0] = 99.0:")
    print(f"{shared = }")
    print(f"{copied = }")

    # numpy() goes the other way, and shares as well.
    back = shared.numpy()
    back[1] = -1.0
    print("After back[1] = -1.0:")
    print(f"{array = }")
    print(f"{shared = }")


def pandas_and_back() -> Tensor:
    section("pandas: from a table to a tensor")
    import numpy as np
    import pandas as pd

    houses = pd.DataFrame({"rooms": [3, 4, 2], "area": [72.5, 98.0, 51.0]})
    print(houses)

    # `values` is the table as a NumPy array. An array has one dtype, and the one that holds both
    # of these columns is float64. Going back to a table, the column names are lost.
    tensor = torch.from_numpy(houses.values)
    print(f"tensor =\n{tensor}")
    print(pd.DataFrame(tensor))

    # Does the tensor share memory with the table? If the columns differ in type, `values` has to
    # build a new array each time. If all have one type, it may hand out the table's own memory.
    counts = pd.DataFrame({"rooms": [3, 4, 2], "floors": [1, 2, 1]})
    print(f"{np.shares_memory(houses.values, houses.values) = }")
    print(f"{np.shares_memory(counts.values, counts.values) = }, {counts.values.dtype = }")

    # For `counts`, a write into torch.from_numpy(counts.values) would change the table itself.
    # pandas 2 lets that happen. pandas 3 marks the array as read-only, and from_numpy then warns,
    # but doesn't stop you. The line below never shares, and gives the dtype that models want:
    features = torch.tensor(houses.values, dtype=torch.float32)
    print(f"{features.dtype = }")
    print(pd.DataFrame(features.numpy(), columns=houses.columns, index=houses.index))
    return features


def a_first_model(features: Tensor) -> None:
    section("Why a model cares: the smallest one there is")

    # The simplest model has one number per column, its weights. They say how much each column
    # counts. For each house, multiply and add up: that is the prediction. Nobody has trained these
    # weights yet, so they are random, and the predictions are nonsense. Lesson 06 trains them.
    torch.manual_seed(SEED)
    columns = features.shape[1]
    weights = torch.rand(columns, dtype=features.dtype)
    print(f"{weights = }")
    for house in features:
        print(f"by hand: {(house * weights).sum():.4f}")

    # `@` does it for all the houses at once. Lesson 04 takes it apart.
    print(f"{features @ weights = }")

    # Now the two errors of everybody's first weeks. Another shape: a weight without a column.
    with show_error("features @ torch.rand(columns + 1)"):
        features @ torch.rand(columns + 1)

    # Another dtype: the float64 of NumPy and pandas. PyTorch doesn't guess which one you want.
    with show_error("features.to(torch.float64) @ weights"):
        features.to(torch.float64) @ weights

    # Look in the message for the shapes or the dtypes that don't fit. (Float is short for float32,
    # Double for float64.) Then print .shape and .dtype of every tensor in the line that failed.


def draw_shapes(scalar: Tensor, vector: Tensor, matrix: Tensor, image: Tensor) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    figure, axes = plt.subplots(figsize=(11, 3))
    left = 0.0  # where the next tensor begins

    def heading(text: str, width: float) -> None:
        axes.text(left + width / 2, -2.2, text, ha="center", va="bottom", fontsize=11)

    tensors = {"scalar": scalar, "vector": vector, "matrix": matrix, "color image": image}
    for name, tensor in tensors.items():
        # Every tensor becomes a stack of tables, here at least one table of one row.
        tables = tensor.reshape(-1, *[1] * (2 - tensor.ndim), *tensor.shape[-2:]).tolist()
        for depth, table in enumerate(tables):
            # The color image has a red table in front, then a green and a blue one.
            color = ("#F2A9A0", "#AEDCA4", "#A9C5F0")[depth % 3] if tensor is image else "#CFE6F5"
            for row, numbers in enumerate(table):
                for column, number in enumerate(numbers):
                    x, y = left + column + 0.8 * depth, row - 0.8 * depth
                    axes.add_patch(Rectangle((x, y), 1, 1, fc=color, ec="black", zorder=-depth))
                    if depth == 0 or row == 0 or column == len(numbers) - 1:  # not hidden
                        look = {"ha": "center", "va": "center", "fontsize": 9, "zorder": -depth}
                        axes.text(x + 0.5, y + 0.5, f"{number:.3g}", **look)
        width = len(tables[0][0]) + 0.8 * (len(tables) - 1)
        heading(f"{name}, ndim {tensor.ndim}\nshape {list(tensor.shape)}", width)
        left += width + 2.8

    # On the right, what the red, green and blue of each pixel look like together.
    height, width = image.shape[-2:]
    for row in range(height):
        for column in range(width):
            color = (image[:, row, column].clamp(0, 1).tolist() * 3)[:3]  # gray has one channel
            place = (left + column, row)
            axes.add_patch(Rectangle(place, 1, 1, fc=color, ec="lightgray"))
    heading("what it shows\n", width)
    axes.set_aspect("equal")
    axes.autoscale_view()
    axes.invert_yaxis()  # row 0 on top
    axes.set_axis_off()
    save_figure(figure, "shapes")


# -----------------------------------------------------------------------------------------
# Practice. Replace each `raise NotImplementedError` with your answer, then run this file with
# --practice: it marks your answers and tells you what to look at next.
# -----------------------------------------------------------------------------------------


def marked_cube(depth: int, rows: int, columns: int) -> tuple[Tensor, int, int, float]:
    """Problem 1 (easy, 5 minutes). Create a 3-D tensor and explore its properties.

    Make a float32 tensor of shape (depth, rows, columns) in which every number is 0, except the
    very last one (last column of the last row of the last table), which is 1. You may write to
    one element as in a nested list: tensor[i, j, k] = 1, where -1 counts from the end.
    Return four things: the tensor, the number of its dimensions, the number of its elements, and
    the value of its last element as a Python number. Read the last three from the tensor.
    """
    raise NotImplementedError


def through_a_tensor(frame) -> tuple:
    """Problem 2 (medium, 10 minutes). Take a pandas DataFrame to a tensor and back.

    frame: a DataFrame of numbers, with columns of one type or of several.
    Return two things: a float32 tensor of shape (rows, columns), and a DataFrame made from the
    numbers of that tensor, with the column names and the index (the row labels) of `frame`. Its
    columns may have any dtype that holds these numbers. `frame` must stay as it is, even when
    somebody writes into your tensor later on.
    """
    raise NotImplementedError


def megabytes(shape: tuple[int, ...], dtypes: list[torch.dtype]) -> dict[torch.dtype, float]:
    """Problem 3 (medium, 10 minutes). Compare the memory that different dtypes need.

    shape: of any number of dimensions; () is a scalar. Create a tensor of that shape for each
    dtype. Return a dictionary from each dtype to the megabytes that the numbers of its tensor
    take, not rounded. A megabyte (MB) is 1,000,000 bytes here.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__)
    if not arguments.practice:
        scalar, vector, matrix = a_number_a_list_a_table()
        back_to_python(vector, matrix)
        image = an_image_is_a_tensor()
        made_to_a_shape()
        what_a_dtype_costs()
        what_to_copies()
        numpy_and_back()
        features = pandas_and_back()
        a_first_model(features)
        draw_shapes(scalar, vector, matrix, image)
    report_practice(__file__)


if __name__ == "__main__":
    main()
