"""Lesson 02: Reshaping

The same numbers can be one long row, a table, or a batch of pictures: only the shape differs.
Every step from a file to a prediction wants another one. This lesson adds and removes
dimensions, changes shapes, and shows how a tensor can have the right shape and still hold the
wrong picture.

    python lesson.py             the whole lesson, then your practice report
    python lesson.py --practice  the practice report alone
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section

import torch
from torch import Tensor

# Shapes are written in comments with these letters throughout the lesson:
#   N pictures in the batch   C channels (red, green, blue)   H rows, the height   W columns, the width


def dimensions_of_size_one() -> None:
    section("One dimension more, one dimension less")

    # unsqueeze(0) puts a dimension of size 1 in front: one pair of brackets more.
    scalar = torch.tensor(1)
    print(f"{scalar.size() = }")
    print(f"{scalar.unsqueeze(0) = }, {scalar.unsqueeze(0).size() = }")

    # squeeze(0) takes it away again.
    single = torch.tensor([1.0])
    print(f"{single.size() = }")
    print(f"{single.squeeze(0) = }, {single.squeeze(0).size() = }")

    # The argument says where the new dimension goes; -1 means after the last one.
    vector = torch.tensor([0, 1, 2, 3, 4])
    print(f"{vector.unsqueeze(0).shape = }   one row of five")
    print(f"{vector.unsqueeze(1).shape = }   five rows of one")
    print(f"{vector.unsqueeze(-1).shape = }   the same")

    # A model reads batches. One sample alone goes in as a batch of one.
    picture = torch.rand(3, 28, 28)  # (C, H, W)
    print(f"{picture.unsqueeze(0).shape = }   (N, C, H, W)")

    # squeeze removes a dimension of size 1 and no other. Asked for another, it does nothing
    # and does not complain.
    print(f"{vector.squeeze(0).shape = }   still five")
    assert torch.equal(vector.squeeze(0), vector)


def squeeze_eats_a_batch_of_one() -> None:
    section("squeeze() without a dimension eats a batch of one")

    # A model that predicts a price for each house returns a table of one column. Here are
    # seven predictions, cut into batches of three. The last batch has only one.
    prices = torch.arange(7.0).unsqueeze(1)  # (7, 1)
    print("batch     squeeze()   squeeze(1)")
    for batch in prices.split(3):
        before, without, with_one = batch.shape, batch.squeeze().shape, batch.squeeze(1).shape
        print(f"{str(tuple(before)):<9} {str(tuple(without)):<11} {tuple(with_one)}")

    # squeeze() removes every dimension of size 1: in the last batch that is the batch too.
    # What comes next breaks, once in an epoch, on the last batch only.
    try:
        len(batch.squeeze())
    except TypeError as error:
        print(f"len(batch.squeeze()) fails: {error}")
    else:
        raise AssertionError("len() took a tensor without dimensions")

    # So always say which dimension you mean.
    print(f"{len(batch.squeeze(1)) = }")
    assert batch.squeeze().shape == () and batch.squeeze(1).shape == (1,)


def view() -> None:
    section("view: the same numbers in another shape")

    # view takes the new shape. The numbers keep their order; only the brackets move.
    vector = torch.tensor([0, 1, 2, 3, 4])
    print(f"vector.view(5, 1) =\n{vector.view(5, 1)}")

    # A -1 says "work this size out for me": as many rows as there are numbers.
    print(f"{vector.view(-1, 1).shape = }")
    assert torch.equal(vector.view(-1, 1), vector.view(5, 1))

    # view is not only for rows and columns: it takes any number of sizes. They are filled from
    # the back, as a mileage counter runs: the last dimension changes with every number.
    numbers = torch.arange(12)
    print(f"numbers.view(3, 4) =\n{numbers.view(3, 4)}")
    print(f"numbers.view(2, 2, 3) =\n{numbers.view(2, 2, 3)}")
    print(f"{numbers.view(2, -1).shape = }")

    # The sizes multiplied must give the number of elements. 12 is not a multiple of 5:
    try:
        numbers.view(5, -1)
    except RuntimeError as error:
        print(f"numbers.view(5, -1) fails: {error}")
    else:
        raise AssertionError("view made 5 equal rows of 12 numbers")

    # flatten() joins dimensions into one. A linear layer wants each picture as one row, so
    # join from dimension 1 on and leave the batch alone.
    pictures = torch.rand(64, 3, 28, 28)  # (N, C, H, W)
    print(f"{pictures.flatten().shape = }   3 * 28 * 28 * 64, all pictures in one row")
    print(f"{pictures.flatten(start_dim=1).shape = }   3 * 28 * 28 numbers for each picture")
    assert torch.equal(pictures.flatten(start_dim=1), pictures.view(64, -1))


def memory_and_strides() -> None:
    section("A shape is a way of reading memory: strides")

    # view copies nothing: it is a second way of reading the same numbers. Write into one, and
    # look at the other.
    numbers = torch.arange(12)
    matrix = numbers.view(3, 4)
    matrix[0, 0] = 99
    print(f"After matrix[0, 0] = 99: {numbers = }")
    assert numbers[0] == 99
    matrix[0, 0] = 0

    # Memory is one long row. The strides say how far apart in it two neighbors lie: one row
    # down is 4 numbers further on, one column to the right is 1 number further on.
    print(f"{matrix.stride() = }")
    print(f"{numbers.view(2, 6).stride() = }")

    # That is all that PyTorch needs to find an element.
    down, right = matrix.stride()
    print(f"{matrix[2, 1] = }, {numbers[2 * down + 1 * right] = }")
    for i in range(3):
        for j in range(4):
            assert matrix[i, j] == numbers[i * down + j * right]

    # transpose(0, 1) turns rows into columns. No number moves: the strides change places.
    turned = matrix.transpose(0, 1)
    print(f"turned =\n{turned}")
    print(f"{turned.stride() = }")
    turned[0, 0] = 99
    assert numbers[0] == 99


def reshape_or_view() -> None:
    section("Where view fails, reshape copies")

    # Read row by row, the turned matrix jumps about in memory: 0, 4, 8, 1, 5, ... A tensor that
    # reads its memory straight through is called contiguous. This one is not.
    matrix = torch.arange(12).view(3, 4)
    turned = matrix.transpose(0, 1)
    print(f"{matrix.is_contiguous() = }, {turned.is_contiguous() = }")

    # As one row of 12, a single stride would have to lead from 0 to 4 to 8 and back to 1. There
    # is no such stride, so view refuses:
    try:
        turned.view(12)
    except RuntimeError as error:
        print(f"turned.view(12) fails: {error}")
    else:
        raise AssertionError("view flattened a transposed matrix")

    # reshape moves the numbers to new memory when it must. What it returns is then a copy, and
    # a write to it does not reach the original.
    copy = turned.reshape(12)
    print(f"{copy = }")
    copy[0] = 99
    print(f"After copy[0] = 99: {turned[0, 0] = }")
    assert turned[0, 0] == 0

    # When it need not, it shares, as view does.
    shared = matrix.reshape(12)
    shared[0] = 99
    print(f"After shared[0] = 99: {matrix[0, 0] = }")
    assert matrix[0, 0] == 99

    # contiguous() makes the copy in a line of its own, for the reader to see.
    assert torch.equal(turned.contiguous().view(12), turned.reshape(12))


def permute() -> None:
    section("permute: the dimensions change places")

    # Files and cameras give a picture pixel by pixel, red, green and blue together: (H, W, C).
    # PyTorch's layers want one whole table for each channel: (C, H, W). In this picture of 2 by
    # 2 pixels the first digit is the channel (1 red, 2 green, 3 blue), the second the pixel.
    picture = torch.tensor([[[10, 20, 30], [11, 21, 31]], [[12, 22, 32], [13, 23, 33]]])
    print(f"picture =\n{picture}")

    # By hand: every number goes to the place with the same three indices in their new order.
    by_hand = torch.zeros(3, 2, 2, dtype=torch.int64)
    for h in range(2):
        for w in range(2):
            for c in range(3):
                by_hand[c, h, w] = picture[h, w, c]

    # permute takes the old dimensions in their new order: first the old 2, then 0, then 1.
    permuted = picture.permute(2, 0, 1)
    print(f"picture.permute(2, 0, 1) =\n{permuted}")
    assert torch.equal(permuted, by_hand)

    # view gives the same shape. But it keeps the order of the numbers, so its "red" table holds
    # a red, a green and a blue. No error, no warning: the picture is wrong, and so is training.
    viewed = picture.view(3, 2, 2)
    print(f"picture.view(3, 2, 2) =\n{viewed}")
    print(f"{viewed.shape == permuted.shape = }, {torch.equal(viewed, permuted) = }")
    assert viewed.shape == permuted.shape and not torch.equal(viewed, permuted)

    # Like transpose, which swaps two dimensions, permute moves nothing and shares the memory.
    print(f"{picture.stride() = }, {permuted.stride() = }")
    permuted[0, 0, 0] = 99
    assert picture[0, 0, 0] == 99


def draw_a_house() -> Tensor:
    """A picture of a house on a meadow, made of numbers 0 to 255: (60, 90, 3), uint8."""
    rows = []
    for y in range(60):
        row = []
        for x in range(90):
            color = [90 + 2 * y, 150 + y, 250] if y < 40 else [60, 150 - y, 40]  # sky, meadow
            if (x - 72) ** 2 + (y - 14) ** 2 < 80:
                color = [255, 220, 40]  # the sun
            if 15 <= x < 45 and 30 <= y < 50:
                color = [250, 240, 225]  # the wall
            if 15 <= y < 30 and abs(x - 29.5) < y - 12:
                color = [200, 40, 30]  # the roof
            if 26 <= x < 34 and 37 <= y < 50:
                color = [110, 50, 130]  # the door
            row.append(color)
        rows.append(row)
    return torch.tensor(rows, dtype=torch.uint8)


def from_a_picture_to_a_prediction(picture: Tensor) -> None:
    section("A picture's way through a model, shape by shape")

    # All of the above in one pipeline. Each step exists because the next one asks for it.
    print(f"{picture.shape = }, {picture.dtype = }   as a file gives it: (H, W, C)")
    channels = picture.permute(2, 0, 1)
    print(f"{channels.shape = }   (C, H, W), as layers want it")
    batch = channels.unsqueeze(0).to(torch.float32) / 255
    print(f"{batch.shape = }   a batch of one, numbers from 0 to 1")
    features = batch.flatten(start_dim=1)
    print(f"{features.shape = }   one row for each picture")

    # The smallest model there is: multiply each number with its weight and add up.
    weights = torch.full((3 * 60 * 90, 1), 1 / (3 * 60 * 90))
    output = features @ weights
    print(f"{output.shape = }   one number for each picture")
    print(f"{output.squeeze(1) = }   with these weights, the mean brightness")
    torch.testing.assert_close(output.squeeze(1), batch.mean().unsqueeze(0), rtol=1e-3, atol=0)

    # view would not have done for flatten: after permute the memory is no longer contiguous.
    # flatten does as reshape does and copies when it must.
    print(f"{batch.is_contiguous() = }, {features.is_contiguous() = }")
    assert not batch.is_contiguous() and features.is_contiguous()


def picture_of_memory() -> None:
    section("What view keeps and transpose does not")
    from pytorch_refresher._common.figures import BLUE, ORANGE, SKY, YELLOW

    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    # Colors follow the memory: a reader going row by row through a view meets them in order.
    colors = [SKY, YELLOW, ORANGE]
    numbers = torch.arange(12)
    shapes = {
        "numbers, as they lie in memory": numbers.unsqueeze(0),
        "numbers.view(3, 4)": numbers.view(3, 4),
        "numbers.view(4, 3)": numbers.view(4, 3),
        "numbers.view(3, 4).transpose(0, 1)": numbers.view(3, 4).transpose(0, 1),
    }
    figure = plt.figure(figsize=(9, 5), layout="constrained")
    figure.suptitle("Read row by row, a view keeps the order of memory; a transpose does not")
    top, below = figure.subfigures(2, 1, height_ratios=[1, 2.6])
    axes = [top.subplots(), *below.subplots(1, 3)]
    for axis, (title, tensor) in zip(axes, shapes.items(), strict=True):
        for row, line in enumerate(tensor.tolist()):
            for column, number in enumerate(line):
                color = colors[number // 4]
                axis.add_patch(Rectangle((column, row), 1, 1, fc=color, ec=BLUE))
                axis.text(column + 0.5, row + 0.5, number, ha="center", va="center")
        strides = numbers.stride() if tensor.shape == (1, 12) else tensor.stride()
        axis.set_title(f"{title}\nstrides {tuple(strides)}", fontsize=10)
        axis.set(xlim=(-0.1, tensor.shape[1] + 0.1), ylim=(tensor.shape[0] + 0.1, -0.1))
        axis.set_aspect("equal")
        axis.axis("off")
    save_figure(figure, "memory")


def picture_of_channels(picture: Tensor) -> None:
    section("The right shape and the wrong picture")
    import matplotlib.pyplot as plt

    # The two orders of section 6 on a whole picture, each channel alone and all three together.
    height, width, channels = picture.shape
    ways = {
        "permute(2, 0, 1)": picture.permute(2, 0, 1),
        "view(3, 60, 90)": picture.view(channels, height, width),
    }
    figure, axes = plt.subplots(2, 4, figsize=(10, 4.2), layout="constrained")
    for line, (way, tensor) in zip(axes, ways.items(), strict=True):
        print(f"{way:<17} {tuple(tensor.shape)}")
        for axis, name, channel in zip(line, ("red", "green", "blue"), tensor, strict=False):
            axis.imshow(channel.numpy(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axis.set_title(f"channel {name}")
        # matplotlib wants (H, W, C) again, to show the three channels as colors.
        line[3].imshow(tensor.permute(1, 2, 0).numpy(), interpolation="nearest")
        line[3].set_title("all three together")
        line[0].set_ylabel(way)
        for axis in line:
            axis.set(xticks=[], yticks=[])
    figure.suptitle("Both have shape (3, 60, 90). Only permute keeps the picture.")
    save_figure(figure, "channels")


# -----------------------------------------------------------------------------------------
# Practice problems. Replace each `raise NotImplementedError` with your answer and run this
# file again. solutions.py has one answer to each, and the checks that mark yours.
# -----------------------------------------------------------------------------------------


def channels_first(images: Tensor) -> Tensor:
    """Problem 1. Reshape a batch of images from (N, H, W, C) to (N, C, H, W).

    images: (N, H, W, C), of any dtype. Return a tensor of shape (N, C, H, W) and the same
    dtype that shows the same images: what stood at [n, h, w, c] stands at [n, c, h, w].
    """
    raise NotImplementedError


def predict_one(model, sample: Tensor) -> Tensor:
    """Problem 2. Use unsqueeze to add a batch dimension to a single sample.

    sample: (C, H, W), one picture. model: a function that takes a batch (N, C, H, W) and
    returns (N, K), K numbers for each picture of it. Call model with a batch that holds the
    sample alone. Return its K numbers without the batch dimension, shape (K,), also for K = 1.
    """
    raise NotImplementedError


def flatten_and_back(tensor: Tensor) -> tuple[Tensor, Tensor]:
    """Problem 3. Flatten a multi-dimensional tensor and reshape it back.

    tensor: one dimension or more, of any sizes and dtype; it may be contiguous or not. Return
    two things: `flat`, all its elements in one dimension, in the order in which they are read
    (the last dimension changes first); and `back`, which has the shape and the values of
    `tensor` and is made from `flat` without a copy: a write to `flat` must appear in `back`.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__)
    if not arguments.practice:
        dimensions_of_size_one()
        squeeze_eats_a_batch_of_one()
        view()
        memory_and_strides()
        reshape_or_view()
        permute()
        picture = draw_a_house()
        from_a_picture_to_a_prediction(picture)
        picture_of_memory()
        picture_of_channels(picture)
    report_practice(__file__)


if __name__ == "__main__":
    main()
