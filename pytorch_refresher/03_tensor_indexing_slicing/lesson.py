"""Lesson 03: Indexing and Slicing

Square brackets pick out a part of a tensor: an element, a row, a block, every element that
passes a test, one element from each row. Some of these forms are a window onto the original,
others a copy; whoever writes to the result must know which. This lesson tries them all on one
table of twelve numbers.

    python lesson.py             the whole lesson, then your practice report
    python lesson.py --practice  the practice report alone
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section

import torch
from torch import Tensor


def make_table() -> Tensor:
    """The numbers 1 to 12 in three rows and four columns: the tensor `t` of every section."""
    return torch.arange(1, 13).view(3, 4)


def elements_and_rows() -> None:
    section("One element, one row")
    t = make_table()
    print(f"t =\n{t}")

    # One index for each dimension, counted from 0: row 1, column 2.
    print(f"{t[1, 2] = }")

    # t[1] alone is the row; its element 2 is the same element, found in two steps.
    print(f"{t[1] = }")
    print(f"{t[1][2] = }")
    assert t[1, 2].item() == t[1][2].item() == 7

    # Negative indices count from the end: -1 is the last.
    print(f"{t[-1] = }")
    print(f"{t[-1, -2] = }")
    assert t[-1].tolist() == [9, 10, 11, 12]

    # There are rows 0 to 2. Row 3 is an error.
    try:
        t[3]
    except IndexError as error:
        print(f"t[3] fails: {error}")
    else:
        raise AssertionError("a table of 3 rows has a row 3")


def slices() -> None:
    section("Slices: several rows, several columns")
    t = make_table()

    # start:stop takes from start up to, not including, stop. What you leave out means from the
    # beginning, or to the end.
    print(f"{t[1][2:] = }")
    print(f"t[1:3] =\n{t[1:3]}")

    # Rows first, then a comma, then columns. Here: the first two rows, and of them the columns
    # from the third onwards, since counting starts at 0.
    print(f"t[:2, 2:] =\n{t[:2, 2:]}")
    by_hand = [[t[row, column].item() for column in (2, 3)] for row in (0, 1)]
    assert t[:2, 2:].tolist() == by_hand == [[3, 4], [7, 8]]

    # t[:2][2:] is something else. Both brackets cut rows: of the two rows that are left after
    # the first, none has number 2 or more. There is no error; a slice may be empty.
    print(f"{t[:2][2:].shape = }")
    assert t[:2][2:].shape == (0, 4)

    # A third number is the step: every second column.
    print(f"t[:, ::2] =\n{t[:, ::2]}")

    # An index removes its dimension, a slice of length 1 keeps it.
    print(f"{t[:, 1].shape = }, {t[:, 1:2].shape = }")

    # Python's lists turn round with a step of -1. Tensors refuse it; flip copies them turned.
    try:
        t[::-1]
    except ValueError as error:
        print(f"t[::-1] fails: {error}")
    else:
        raise AssertionError("a tensor took a negative step")
    print(f"{t[0].flip(0) = }")


def dots_and_none() -> None:
    section("More dimensions: ... and None")

    # Two pictures of 3 channels, 4 rows and 5 columns. Dimensions you do not name are taken
    # whole, but only those at the end: images[0] is all of the first picture.
    images = torch.rand(2, 3, 4, 5)  # (N, C, H, W)
    print(f"{images[0].shape = }")
    print(f"{images[0, 2].shape = }   the last channel of the first picture")

    # The three dots stand for as many whole dimensions as are missing, wherever they stand.
    print(f"{images[..., 0].shape = }   the first column of everything")
    print(f"{images[0, ..., -1].shape = }   the last column of the first picture")
    assert torch.equal(images[..., 0], images[:, :, :, 0])

    # None adds a dimension of size 1 where it stands, as unsqueeze does.
    vector = torch.tensor([1, 2, 3])
    print(f"{vector[None].shape = }, {vector[:, None].shape = }")
    assert torch.equal(vector[:, None], vector.unsqueeze(1))


def masks() -> None:
    section("Masks: every element that passes a test")
    t = make_table()

    # A comparison is answered for each element: the result is a tensor of True and False with
    # the same shape. Such a tensor, used as an index, is called a mask.
    mask = t > 6
    print(f"mask =\n{mask}")

    # It picks the elements where it is True. They need not form a table, so the result is one
    # row, read in the order of t.
    print(f"{t[mask] = }")
    assert t[mask].tolist() == [number for row in t.tolist() for number in row if number > 6]

    # A mask with one entry for each row picks whole rows: those that end in more than 4.
    print(f"{t[:, -1] > 4 = }")
    print(f"t[t[:, -1] > 4] =\n{t[t[:, -1] > 4]}")

    # torch.where keeps the shape: where the mask is True from the second argument, elsewhere
    # from the third.
    print(f"torch.where(mask, t, 0) =\n{torch.where(mask, t, 0)}")

    # On the left of = a mask says where to write. This is how values are cut off at a limit.
    t[t > 10] = 10
    print(f"After t[t > 10] = 10: {t[2] = }")
    assert t[2].tolist() == [9, 10, 10, 10]


def lists_of_indices() -> None:
    section("Lists of indices: any rows, in any order")
    t = make_table()

    # A list picks rows in its own order, and may pick one twice. This is how a dataset is
    # shuffled and cut into batches: by a list of row numbers.
    print(f"t[[2, 0, 0]] =\n{t[[2, 0, 0]]}")
    order = torch.randperm(3)  # the numbers 0 to 2, shuffled
    print(f"{order = }")
    print(f"t[order] =\n{t[order]}")

    # Two lists are read in pairs: the elements at (0, 1) and (2, 3). Not a block of two rows
    # and two columns.
    print(f"{t[[0, 2], [1, 3]] = }")
    assert t[[0, 2], [1, 3]].tolist() == [t[0, 1].item(), t[2, 3].item()]

    # For the block, take the rows first, and of these the columns.
    print(f"t[[0, 2]][:, [1, 3]] =\n{t[[0, 2]][:, [1, 3]]}")
    assert t[[0, 2]][:, [1, 3]].tolist() == [[2, 4], [10, 12]]


def one_from_each_row() -> None:
    section("gather: one element from each row")

    # A classifier gives each sample one score for each class. For the loss you need, in every
    # row, the score of the right class, and that is another column each time.
    scores = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.6, 0.1], [0.2, 0.5, 0.3]])
    labels = torch.tensor([0, 2, 1, 2])

    # By hand, as a loop. torch.stack lays tensors of one shape on top of each other: four scalars
    # become a vector.
    by_hand = torch.stack([scores[row, label] for row, label in enumerate(labels)])
    print(f"{by_hand = }")

    # scores[:, labels] is not it: that takes columns 0, 2, 1, 2 of every row.
    print(f"{scores[:, labels].shape = }")

    # Two lists, read in pairs: row 0 with label 0, row 1 with label 2, and so on.
    pairs = scores[torch.arange(4), labels]
    print(f"{pairs = }")
    assert torch.equal(pairs, by_hand)

    # gather does it along one dimension. Its index has as many dimensions as the tensor, so
    # labels becomes a table of one column first, and the result loses that column again.
    gathered = scores.gather(1, labels.unsqueeze(1)).squeeze(1)
    print(f"{gathered = }")
    assert torch.equal(gathered, by_hand)


def view_or_copy() -> None:
    section("View or copy? A write tells")

    # A view reads the memory of t, a copy has its own. Each form is tried on a fresh t: fill the
    # result with -1, then count the elements of t that have become -1.
    forms = {
        "t[1]": lambda t: t[1],
        "t[1, 2]": lambda t: t[1, 2],
        "t[:2, 2:]": lambda t: t[:2, 2:],
        "t[:, ::2]": lambda t: t[:, ::2],
        "t[..., 0]": lambda t: t[..., 0],
        "t[None]": lambda t: t[None],
        "t[[0, 2]]": lambda t: t[[0, 2]],
        "t[t > 6]": lambda t: t[t > 6],
        "t.flip(0)": lambda t: t.flip(0),
        "t[:2, 2:].clone()": lambda t: t[:2, 2:].clone(),
    }
    print("form                elements of t written   so it is a")
    kinds = []
    for form, take in forms.items():
        t = make_table()
        take(t).fill_(-1)
        written = t.flatten().tolist().count(-1)
        kinds.append("view" if written else "copy")
        print(f"{form:<19} {written:>21}   {kinds[-1]}")
    # Numbers, slices, ... and None take elements at even distances in memory: strides can say
    # that. Lists and masks take them from anywhere, so they must copy. clone() copies on purpose.
    assert kinds == ["view"] * 6 + ["copy"] * 4

    # Directly on the left of =, all forms write into t: no result is made that could be a copy.
    t = make_table()
    t[:, 0] = 0
    t[[0, 2], -1] = torch.tensor([40, 120])
    print(f"After t[:, 0] = 0 and t[[0, 2], -1] = torch.tensor([40, 120]):\n{t}")

    # With a second bracket there is one: t[[0, 2]] is a copy, and the write goes into that.
    t[[0, 2]][:, 0] = 99
    print(f"After t[[0, 2]][:, 0] = 99: {t[:, 0] = }   nothing has changed")
    assert t[:, 0].tolist() == [0, 0, 0]


def windows() -> None:
    section("Windows that slide along a series")

    # Temperatures of seven days. To predict a day from the three before it, cut the series into
    # windows of three, each a day later than the one before.
    days = torch.tensor([14.0, 15.0, 13.0, 16.0, 18.0, 17.0, 19.0])
    size = 3

    # The last window starts at 7 - 3 = 4, so there are 5 of them: range(7 - 3 + 1).
    starts = range(len(days) - size + 1)
    by_slices = torch.stack([days[start : start + size] for start in starts])
    print(f"by_slices =\n{by_slices}")

    # unfold(dimension, size, step) gives the same as a view: both strides are 1, so that one
    # row down is one number further on, and neighboring windows share their numbers.
    unfolded = days.unfold(0, size, 1)
    print(f"{torch.equal(unfolded, by_slices) = }, {unfolded.stride() = }")
    assert torch.equal(unfolded, by_slices) and unfolded.stride() == (1, 1)

    # By a write: day 2 is part of three windows. All three see the change; the stacked slices
    # are a copy and do not.
    days[2] = -1.0
    print(f"After days[2] = -1.0: unfolded =\n{unfolded}")
    assert unfolded.flatten().tolist().count(-1.0) == 3
    assert by_slices.flatten().tolist().count(-1.0) == 0


def picture() -> None:
    section("Six expressions and the cells they take")
    from pytorch_refresher._common.figures import BLUE, ORANGE

    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    t = make_table()
    forms = {
        "t[1, 2]": t[1, 2],
        "t[-1]": t[-1],
        "t[:2, 2:]": t[:2, 2:],
        "t[:, ::2]": t[:, ::2],
        "t[t > 6]": t[t > 6],
        "t[[0, 2], [1, 3]]": t[[0, 2], [1, 3]],
    }
    figure, axes = plt.subplots(2, 3, figsize=(9, 5.4), layout="constrained")
    for axis, (form, result) in zip(axes.flat, forms.items(), strict=True):
        taken = result.flatten().tolist()
        for row in range(3):
            for column in range(4):
                number = t[row, column].item()
                color = ORANGE if number in taken else "white"
                axis.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fc=color, ec=BLUE))
                axis.text(column, row, number, ha="center", va="center")
        axis.set_title(f"{form}\nshape {tuple(result.shape)}")
        axis.set(xlim=(-0.6, 3.6), ylim=(2.6, -0.6), xticks=range(4), yticks=range(3))
        axis.set(aspect="equal", xlabel="column", ylabel="row")
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
    figure.suptitle("What each expression takes (orange), and the shape of its result")
    save_figure(figure, "six_expressions")


# -----------------------------------------------------------------------------------------
# Practice problems. Replace each `raise NotImplementedError` with your answer and run this
# file again. solutions.py has one answer to each, and the checks that mark yours.
# -----------------------------------------------------------------------------------------


def every_other_row(matrix: Tensor, first: int) -> Tensor:
    """Problem 1. Extract every other row from a matrix.

    matrix: (rows, columns); first: the number of the row to begin with. Return the rows first,
    first + 2, first + 4, ... to the end of the matrix, in this order, with all their columns,
    as a view: a write to the result must change `matrix`.
    """
    raise NotImplementedError


def diagonals(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Problem 2. Get the diagonal elements of a square matrix.

    matrix: (n, n). Return two tensors of shape (n,) and the matrix's dtype: the elements from
    the top left corner to the bottom right one, and those from the top right corner to the
    bottom left one, both from top to bottom. You need no loop: two lists of indices do.
    """
    raise NotImplementedError


def sliding_windows(series: Tensor, size: int, step: int) -> Tensor:
    """Problem 3. Extract sliding windows using slicing.

    series: (T, D), T moments with D measurements each. The first window holds the moments 0 to
    size - 1, the next one starts `step` moments later, and so on, as long as a whole window
    fits; at least one does. Return all windows, (number of windows, size, D).
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
        picture()
    report_practice(__file__)


if __name__ == "__main__":
    main()
