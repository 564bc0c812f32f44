"""Lesson 03: Indexing and Slicing

A dataset of 60,000 images is one big tensor, and training looks at 64 of them at a time, in
random order. A model gives every image ten scores, and the loss needs just one of the ten, a different
one in each row. Picking out the right part is a large share of all tensor code. It's done with
square brackets, and with one question at the back of your mind: if I write to what I picked, does
the original change?

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

SEED = 0  # of the shuffling
LIMIT = 6  # what the masks compare with


def table() -> Tensor:
    """The tensor `t` of every section: the numbers 1 to 12 in three rows and four columns."""
    return torch.arange(1, 13).view(3, 4)


def elements_and_rows() -> None:
    section("One element, one row")
    t = table()
    print(f"t =\n{t}")

    # One index per dimension, counted from 0: row 1, column 2.
    print(f"{t[1, 2] = }")

    # t[1] alone is a whole row. Its element 2 is the same element, found in two steps.
    print(f"{t[1] = }")
    print(f"{t[1][2] = }")

    # Negative indices count from the end.
    print(f"{t[-1] = }")
    print(f"{t[-1, -2] = }")

    # Three rows are rows 0, 1 and 2. There is no row 3.
    with show_error("t[3]"):
        t[3]


def slices() -> None:
    section("Slices: several rows, several columns")
    t = table()

    # start:stop begins at start and ends before stop. What you leave out means "from the
    # beginning" or "to the end".
    print(f"{t[1][2:] = }")
    print(f"t[1:3] =\n{t[1:3]}")

    # Rows come first, then a comma, then columns. The first two rows, and of those the columns
    # from index 2 on, which is the third, since counting begins at 0.
    print(f"t[:2, 2:] =\n{t[:2, 2:]}")

    # With two pairs of brackets, both cut rows: of the two rows that the first leaves, none has
    # index 2 or higher. An empty slice is not an error, so nobody tells you.
    print(f"{t[:2][2:].shape = }")

    # A third number is the step: every second column.
    print(f"t[:, ::2] =\n{t[:, ::2]}")

    # An index removes its dimension. A slice keeps it, even a slice of length 1.
    print(f"{t[:, 1].shape = }, {t[:, 1:2].shape = }")

    # Python's lists run backward with a step of -1. Tensors don't: strides can't be negative.
    # flip gives you a reversed copy.
    with show_error("t[::-1]"):
        t[::-1]
    print(f"{t[0].flip(0) = }")


def dots_and_none() -> None:
    section("More dimensions: ... and None")

    # Two images with 3 channels, 4 rows and 5 columns. If you name only the first dimensions, you
    # get all of the others.
    images = torch.zeros(2, 3, 4, 5)  # (N, C, H, W)
    print(f"{images[0].shape = }   the first image")
    print(f"{images[0, 2].shape = }   its last channel")

    # The three dots stand for all dimensions that you don't name, wherever they are.
    print(f"{images[..., 0].shape = }   the first column of everything")
    print(f"{images[0, ..., -1].shape = }   the last column of the first image")

    # None adds a dimension of size 1 at its place, as unsqueeze does.
    vector = torch.tensor([1, 2, 3])
    print(f"{vector[None].shape = }, {vector[:, None].shape = }")


def masks() -> None:
    section("Masks: every element that passes a test")
    t = table()

    # A comparison answers for each element: a tensor of True and False, of the same shape. Use it
    # as an index and it's called a mask.
    mask = t > LIMIT
    print(f"mask =\n{mask}")

    # It picks the elements where it is True. They rarely form a rectangle, so you get one row.
    print(f"{t[mask] = }")

    # With one entry per row, a mask picks whole rows: those whose last number is above the limit.
    print(f"t[t[:, -1] > LIMIT] =\n{t[t[:, -1] > LIMIT]}")

    # torch.where keeps the shape: the second argument where the mask is True, the third elsewhere.
    print(f"torch.where(mask, t, 0) =\n{torch.where(mask, t, 0)}")

    # On the left of =, a mask says where to write. This clips everything at a limit.
    t[t > LIMIT] = LIMIT
    print(f"after t[t > LIMIT] = LIMIT:\n{t}")


def lists_of_indices() -> None:
    section("Lists of indices: any rows, in any order")
    t = table()

    # A list picks rows in its own order, and the same row twice if you like.
    print(f"t[[2, 0, 0]] =\n{t[[2, 0, 0]]}")

    # Training goes through the data in random order: randperm gives the row numbers, shuffled.
    # The labels (the right answers, one per row) must be picked with the very same numbers.
    torch.manual_seed(SEED)
    labels = 10 * t[:, 0]  # here, ten times the first number of the row
    order = torch.randperm(len(t))
    print(f"{order = }")
    print(f"{t[order][:, 0] = }   the first number of each row")
    print(f"{labels[order] = }")

    # Two lists are read in pairs: the elements at (0, 1) and (2, 3), not a block of two rows and
    # two columns. For the block, pick rows first and then columns.
    print(f"{t[[0, 2], [1, 3]] = }")
    print(f"t[[0, 2]][:, [1, 3]] =\n{t[[0, 2]][:, [1, 3]]}")

    # The result takes the shape of the index. A 2 by 2 table of row numbers gives a 2 by 2 table
    # of rows. That is how lesson 11 turns a batch of sentences into vectors.
    print(f"{t[torch.tensor([[0, 1], [2, 0]])].shape = }")


def one_from_each_row() -> None:
    section("gather: one element from each row")

    # A classifier gives each sample one score per class. The loss, the number that says how wrong
    # the model is, needs the score of the right class: a different column in each row.
    scores = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.6, 0.1], [0.2, 0.5, 0.3]])
    labels = torch.tensor([0, 2, 1, 2])

    # As a loop. torch.stack puts tensors of the same shape together: four scalars, one vector.
    looped = torch.stack([scores[row, label] for row, label in enumerate(labels)])
    print(f"{looped = }")

    # scores[:, labels] isn't it. That picks columns 0, 2, 1 and 2 from every row.
    print(f"{scores[:, labels].shape = }")

    # Two lists are read in pairs: row 0 with label 0, row 1 with label 2, and so on.
    paired = scores[torch.arange(len(labels)), labels]
    print(f"{paired = }")

    # gather along dimension 1 follows this rule: out[i, j] = scores[i, index[i, j]]. The row
    # stays, and the index says which column. So the index needs two dimensions as well: labels
    # becomes a table with one column, and afterwards that column goes away.
    gathered = scores.gather(1, labels.unsqueeze(1)).squeeze(1)
    print(f"{gathered = }")


def view_or_copy() -> None:
    section("View or copy? A write tells")

    # A view reads the memory of t, a copy has its own. Each form is tried on a fresh t: change the
    # result and count how many elements of t have changed along with it.
    forms = {
        "t[1]": lambda t: t[1],
        "t[1, 2]": lambda t: t[1, 2],
        "t[:2, 2:]": lambda t: t[:2, 2:],
        "t[:, ::2]": lambda t: t[:, ::2],
        "t[..., 0]": lambda t: t[..., 0],
        "t[None]": lambda t: t[None],
        "t[torch.tensor(1)]": lambda t: t[torch.tensor(1)],  # a single number, as t[1]
        "t[[1]]": lambda t: t[[1]],
        "t[t > LIMIT]": lambda t: t[t > LIMIT],
        "t.flip(0)": lambda t: t.flip(0),
        "t[:2, 2:].clone()": lambda t: t[:2, 2:].clone(),
    }
    print("form                elements of t written   so it is a")
    for form, pick in forms.items():
        t = table()
        pick(t).add_(1)  # the underscore says: in place
        written = int((t != table()).sum())
        print(f"{form:<19} {written:>21}   {'view' if written else 'copy'}")
    # Indices, slices, ... and None pick elements at regular distances, and strides and an offset
    # can describe that. Lists and masks pick from anywhere, so they have to copy.

    # Brackets on the left of = always write to t: nothing is picked first that could be a copy.
    t = table()
    t[:, 0] = 0
    t[[0, 2], -1] = torch.tensor([40, 120], dtype=t.dtype)
    print(f"after t[:, 0] = 0 and t[[0, 2], -1] = 40 and 120:\n{t}")

    # Two pairs of brackets pick first. t[[0, 2]] is a copy, and the write goes into that copy.
    t[[0, 2]][:, 0] = 99
    print(f"after writing 99: {t[:, 0] = }")


def windows() -> None:
    section("Windows that slide along a series")

    # The temperatures of seven days. To predict a day from the three before it, you cut the series
    # into windows of three days, each starting one day later.
    days = torch.tensor([14.0, 15.0, 13.0, 16.0, 18.0, 17.0, 19.0])
    size, step = 3, 1

    # The last window has to end on the last day, so it starts at 7 - 3 = 4.
    starts = range(0, len(days) - size + 1, step)
    sliced = torch.stack([days[start : start + size] for start in starts])
    print(f"sliced =\n{sliced}")

    # unfold(dimension, size, step) gives the same windows as a view. Overlapping windows share
    # memory: with both strides at 1, one row down is one day on, just as one column to the right.
    unfolded = days.unfold(0, size, step)
    print(f"{torch.equal(unfolded, sliced) = }, {unfolded.stride() = }")

    # A write shows it. Day 2 is in several windows, and unfold sees the change in all of them.
    days[2] = -1.0
    print(f"after days[2] = -1.0: {(unfolded == -1).sum() = }, {(sliced == -1).sum() = }")


def draw_six_expressions() -> None:
    from pytorch_refresher._common.figures import BLUE, ORANGE

    import matplotlib.pyplot as plt
    from matplotlib.colors import ListedColormap

    t = torch.arange(1, table().numel() + 1).view(table().shape)  # each number once
    forms = {
        "t[1, 2]": t[1, 2],
        "t[-1]": t[-1],
        "t[:2, 2:]": t[:2, 2:],
        "t[:, ::2]": t[:, ::2],
        f"t[t > {LIMIT}]": t[t > LIMIT],
        "t[[0, 2], [1, 3]]": t[[0, 2], [1, 3]],
    }
    rows = -(-len(forms) // 3)
    figure, grid = plt.subplots(rows, 3, figsize=(9, 3 * rows), layout="constrained", squeeze=False)
    for axes in grid.flat[len(forms) :]:
        axes.set_axis_off()
    for axes, (form, picked) in zip(grid.flat, forms.items(), strict=False):
        is_picked = torch.isin(t, picked.flatten()).int().numpy()
        colors = ListedColormap(["white", ORANGE])
        axes.pcolormesh(is_picked, cmap=colors, vmin=0, vmax=1, edgecolors=BLUE, linewidth=1)
        for row, line in enumerate(t.tolist()):
            for column, number in enumerate(line):
                axes.text(column + 0.5, row + 0.5, number, ha="center", va="center")
        axes.set_title(f"{form}\nshape {tuple(picked.shape)}")
        axes.set_xticks([column + 0.5 for column in range(t.shape[1])], range(t.shape[1]))
        axes.set_yticks([row + 0.5 for row in range(len(t))], range(len(t)))
        axes.set(aspect="equal", xlabel="column", ylabel="row")
        axes.invert_yaxis()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    figure.suptitle("What each expression picks (orange), and the shape of the result")
    save_figure(figure, "six_expressions")


# -----------------------------------------------------------------------------------------
# Practice. Replace each `raise NotImplementedError` with your answer, then run this file with
# --practice: it marks your answers and tells you what to look at next.
# -----------------------------------------------------------------------------------------


def every_other_row(matrix: Tensor, first: int) -> Tensor:
    """Problem 1 (easy, 5 minutes). Extract every other row from a matrix.

    matrix: (rows, columns). first: the number of the row to begin with. Return the rows first,
    first + 2, first + 4, ... up to the end of the matrix, in this order and with all their
    columns, as a view: a write to the result must change `matrix`, contiguous or not.
    """
    raise NotImplementedError


def diagonals(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Problem 2 (medium, 10 minutes). Get both diagonals of a square matrix.

    matrix: (n, n). Return two tensors of shape (n,) with the matrix's dtype: the elements from
    the top left corner to the bottom right, and those from the top right corner to the bottom
    left, both from top to bottom. You don't need a loop.
    """
    raise NotImplementedError


def sliding_windows(series: Tensor, size: int, step: int) -> Tensor:
    """Problem 3 (medium, 15 minutes). Cut a series of measurements into sliding windows.

    series: (T, D), D measurements at each of T time steps. The first window holds time steps 0
    to size - 1, the next one begins `step` later, and so on, as long as a whole window fits; at
    least one does. Return all windows, (number of windows, size, D), of the same dtype.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__)
    if not arguments.practice:
        elements_and_rows()
        slices()
        dots_and_none()
        masks()
        lists_of_indices()
        one_from_each_row()
        view_or_copy()
        windows()
        draw_six_expressions()
    report_practice(__file__)


if __name__ == "__main__":
    main()
