"""Lesson 02: Reshaping

You have one photo, and the model says it wants a batch. The file stores red, green and blue
together for each pixel, and the model wants them apart. The numbers are all there, but their
shape is wrong. Most of the errors that you'll see in your first weeks with PyTorch are of this
kind, and the worst of them are not errors at all: the right shape with the wrong image inside.

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

# Letters in shapes, here and in all lessons to come:
#   N images in a batch   C channels (red, green, blue)   H height in pixels   W width in pixels


def dimensions_of_size_one() -> None:
    section("One dimension more, one dimension less")

    # unsqueeze(0) adds a dimension of size 1 at the front: one more pair of brackets around the
    # same number. squeeze(0) takes it away again.
    scalar = torch.tensor(1)
    print(f"{scalar.size() = }")
    print(f"{scalar.unsqueeze(0) = }, {scalar.unsqueeze(0).size() = }")
    single = torch.tensor([1.0])
    print(f"{single.squeeze(0) = }, {single.squeeze(0).size() = }")

    # The argument says where the new dimension goes. -1 means at the end.
    vector = torch.tensor([0, 1, 2, 3, 4])
    print(f"{vector.unsqueeze(0).shape = }   one row of five")
    print(f"{vector.unsqueeze(1).shape = }   five rows of one")
    print(f"{vector.unsqueeze(-1).shape = }   the same")

    # This is how you feed a model a single image. Models take a batch, several samples stacked
    # into one tensor, because computing them together is faster than one after the other. A
    # single image goes in as a batch of one.
    image = torch.rand(3, 28, 28)  # (C, H, W)
    print(f"{image.unsqueeze(0).shape = }   (N, C, H, W)")

    # If the dimension that you name isn't of size 1, squeeze silently does nothing.
    print(f"{vector.squeeze(0).shape = }   still five")


def squeeze_eats_a_batch_of_one() -> None:
    section("squeeze() without a dimension eats a batch of one")

    # A model that predicts the price of a house returns a table with one column. Here are seven
    # predictions in batches of three. Watch the last batch, which has only one.
    prices = torch.arange(7.0).unsqueeze(1)  # (7, 1)
    print("batch     squeeze()   squeeze(1)")
    for batch in prices.split(3):
        shapes = [tuple(t.shape) for t in (batch, batch.squeeze(), batch.squeeze(1))]
        print("{!s:<9} {!s:<11} {!s}".format(*shapes))

    # squeeze() removes every dimension of size 1, and in the last batch that includes the batch
    # itself. Your code can run for hours and then fail on the last few samples.
    last = prices[-1:]  # a batch of one, (1, 1)
    with show_error("len(last.squeeze())"):
        len(last.squeeze())
    print(f"{len(last.squeeze(1)) = }   so always name the dimension")


def view() -> None:
    section("view: the same numbers in another shape")

    # view takes the new shape. The numbers keep their order; only the brackets move.
    vector = torch.tensor([0, 1, 2, 3, 4])
    print(f"vector.view(5, 1) =\n{vector.view(5, 1)}")

    # -1 stands for "whatever is left": PyTorch works out that size for you.
    print(f"{vector.view(-1, 1).shape = }")

    # It takes as many sizes as you like. The numbers are filled in like the digits of a mileage
    # counter: the last dimension changes with every number, the first one least often.
    numbers = torch.arange(12)
    print(f"numbers.view(-1, 4) =\n{numbers.view(-1, 4)}")
    print(f"numbers.view(2, -1, 2) =\n{numbers.view(2, -1, 2)}")

    # Multiplied together, the sizes must give the number of elements. Five equal rows of 12?
    with show_error("numbers.view(5, -1)"):
        numbers.view(5, -1)

    # flatten() merges dimensions. A model that looks at an image as one long row of numbers
    # needs each image flat but the batch intact, so start at dimension 1.
    images = torch.rand(64, 3, 28, 28)  # (N, C, H, W)
    print(f"{images.flatten().shape = }   all images in one row: the batch is gone")
    print(f"{images.flatten(start_dim=1).shape = }   one row per image")


def memory_and_strides() -> None:
    section("How a table lies in memory: strides")

    # Memory has no rows and columns. It's one long line of numbers, and view only reads the same
    # line in another way. So a write through the view changes the original.
    numbers = torch.arange(12)
    table = numbers.view(-1, 4)
    table[0, 0] = 99
    print(f"after table[0, 0] = 99: {numbers = }")
    table[0, 0] = 0

    # The stride of a dimension is how many places you move along that line to get to the next
    # element: 4 places for the next row, 1 place for the next column.
    print(f"{table.stride() = }")
    down, right = table.stride()
    print(f"{table[2, 1] = }, {numbers[2 * down + 1 * right] = }   the same element")

    # transpose(0, 1) turns rows into columns. Not a single number moves: only the strides swap.
    turned = table.transpose(0, 1)
    print(f"turned =\n{turned}")
    print(f"{turned.stride() = }")

    # One thing is missing: where to start. Cut off the first row, and the tensor that you get is
    # the same line of memory, read from place 4 on. That is the storage offset.
    rest = table[1:]
    print(f"{rest.storage_offset() = }, {rest.stride() = }")


def view_or_reshape() -> None:
    section("Where view gives up, reshape copies")

    # Read row by row, the transposed table jumps about in memory: 0, 4, 8, back to 1. A tensor
    # that reads memory from start to end without a jump is called contiguous. This one isn't.
    table = torch.arange(12).view(-1, 4)
    turned = table.transpose(0, 1)
    print(f"{table.is_contiguous() = }, {turned.is_contiguous() = }")

    # A single row has a single stride, and no stride leads from 0 to 4 to 8 and back to 1. So
    # view can't merge the two dimensions. It can still split one or add one.
    with show_error("turned.view(-1)"):
        turned.view(-1)
    print(f"{turned.view(*turned.shape, 1).shape = }   fine: nothing is merged")

    # reshape gives you the shape in any case, and copies the numbers if it has to. A copy is on
    # its own: a write to it doesn't reach the original.
    row = turned.reshape(-1)
    print(f"{row = }")
    row[0] = 99
    print(f"after row[0] = 99: {turned[0, 0] = }   not reached, row is a copy")

    # If it doesn't have to copy, it doesn't, and then the write does reach the original.
    row = table.reshape(-1)
    row[0] = 99
    print(f"after row[0] = 99: {table[0, 0] = }   reached, row is a view")


def permute() -> None:
    section("permute: the dimensions change places")

    # A camera gives you an image pixel by pixel, with the three colors of a pixel side by side:
    # (H, W, C). PyTorch's layers want channels first: one whole table of reds, one of greens,
    # one of blues, (C, H, W). In this 2 by 2 image, the tens say which color it is (10 red, 20
    # green, 30 blue) and the ones say which pixel.
    image = torch.tensor([[[10, 20, 30], [11, 21, 31]], [[12, 22, 32], [13, 23, 33]]])
    print(f"image =\n{image}")

    # permute lists the old dimensions in their new order: C was dimension 2, H was 0, W was 1.
    permuted = image.permute(2, 0, 1)
    print(f"image.permute(2, 0, 1) =\n{permuted}")

    # view can produce the same shape. But it keeps the order of the numbers, so its first table
    # holds a bit of every color. No error and no warning: your model would train on garbage.
    viewed = image.view(3, 2, 2)
    print(f"image.view(3, 2, 2) =\n{viewed}")
    print(f"{viewed.shape == permuted.shape = }, {torch.equal(viewed, permuted) = }")

    # permute is transpose for any number of dimensions: it moves no number and shares memory.
    print(f"{image.stride() = }, {permuted.stride() = }")


def from_a_file_to_a_prediction(image: Tensor) -> None:
    section("From an image file to a prediction, shape by shape")

    # Everything above in one pipeline. Each step is there because the next one asks for it.
    print(f"{image.shape = }, {image.dtype}   from a file: (H, W, C), 0 to 255")
    channels = image.permute(2, 0, 1)
    print(f"{channels.shape = }   (C, H, W)")
    batch = channels.unsqueeze(0).to(torch.float32) / 255
    print(f"{batch.shape = }   a batch of one, numbers from 0 to 1")
    rows = batch.flatten(start_dim=1)
    print(f"{rows.shape = }   one row per image")

    # The simplest model there is multiplies each number by a weight and adds everything up. `@`
    # does that for all rows at once (lesson 04). With equal weights it computes the mean.
    weights = torch.full((rows.shape[1], 1), 1 / rows.shape[1])
    output = rows @ weights
    print(f"{output.shape = }   one number per image")
    print(f"{output.squeeze(1) = }   here, the mean brightness")


# --- Pictures


def house(height: int = 60, width: int = 90) -> Tensor:
    """An image of a house on a meadow, (height, width, 3), uint8, as a file would give it."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    image = torch.full((height, width, 3), 0, dtype=torch.uint8)
    # Where a condition is true, all three channels get a color (lesson 03).
    for condition, color in (
        (y >= 0, (130, 190, 250)),  # sky
        (y >= 40, (60, 120, 40)),  # meadow
        ((x - 72) ** 2 + (y - 14) ** 2 < 80, (255, 220, 40)),  # sun
        ((x >= 15) & (x < 45) & (y >= 30) & (y < 50), (250, 240, 225)),  # wall
        ((y >= 15) & (y < 30) & ((x - 30).abs() < y - 12), (200, 40, 30)),  # roof
        ((x >= 26) & (x < 34) & (y >= 37) & (y < 50), (110, 50, 130)),  # door
    ):
        image[condition] = torch.tensor(color, dtype=torch.uint8)
    return image


def draw_memory() -> None:
    from pytorch_refresher._common.figures import ORANGE, SKY, YELLOW

    import matplotlib.pyplot as plt
    from matplotlib.colors import ListedColormap

    # Colors follow memory: reading a view row by row, you meet them in order.
    numbers = torch.arange(12)
    shapes = {
        "numbers, the line in memory": numbers.view(1, 12),
        "numbers.view(3, 4)": numbers.view(3, 4),
        "numbers.view(4, 3)": numbers.view(4, 3),
        "numbers.view(3, 4).transpose(0, 1)": numbers.view(3, 4).transpose(0, 1),
    }
    figure = plt.figure(figsize=(9, 4.8), layout="constrained")
    figure.suptitle(
        "Row by row, view() meets the numbers in the order of memory; a transpose jumps"
    )
    top, below = figure.subfigures(2, 1, height_ratios=[1, 2.6])
    colors = ListedColormap([SKY, YELLOW, ORANGE])
    panels = [top.subplots(), *below.subplots(1, 3)]
    for axes, (title, table) in zip(panels, shapes.items(), strict=True):
        axes.pcolormesh((table // 4).numpy(), cmap=colors, edgecolors="white", linewidth=2)
        for row, line in enumerate(table.tolist()):
            for column, number in enumerate(line):
                axes.text(column + 0.5, row + 0.5, number, ha="center", va="center")
        strides = (1,) if len(table) == 1 else table.stride()
        axes.set_title(f"{title}\nstrides {strides}", fontsize=10)
        axes.set_aspect("equal")
        axes.invert_yaxis()
        axes.axis("off")
    save_figure(figure, "memory")


def draw_channels(image: Tensor) -> None:
    import matplotlib.pyplot as plt

    image = image.contiguous()  # so that a part of an image can be drawn, too
    height, width, channels = image.shape
    ways = {
        "permute(2, 0, 1)": image.permute(2, 0, 1),
        f"view({channels}, {height}, {width})": image.view(channels, height, width),
    }
    figure, axes = plt.subplots(2, 4, figsize=(10, 4.2), layout="constrained")
    for line, (way, tensor) in zip(axes, ways.items(), strict=True):
        for number, (panel, table) in enumerate(zip(line[:3], tensor, strict=False)):
            panel.imshow(table.numpy(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            color = ("red", "green", "blue")[number]
            panel.set_title(f"table {number}: {color if 'permute' in way else 'a bit of each'}")
        if channels != 2:  # matplotlib can't show two channels, and wants (H, W, C) back
            line[3].imshow(tensor.permute(1, 2, 0).numpy(), interpolation="nearest")
        line[3].set_title("all three as colors")
        line[0].set_ylabel(way)
        for panel in line:
            panel.set(xticks=[], yticks=[])
    shape = (channels, height, width)
    figure.suptitle(f"Both have shape {shape}. Only permute keeps the image.")
    save_figure(figure, "channels")


# -----------------------------------------------------------------------------------------
# Practice. Replace each `raise NotImplementedError` with your answer, then run this file with
# --practice: it marks your answers and tells you what to look at next.
# -----------------------------------------------------------------------------------------


def channels_first(images: Tensor) -> Tensor:
    """Problem 1 (easy, 5 minutes). Put the channels of a batch of images first.

    images: (N, H, W, C), of any dtype and with any number of channels. Return a tensor of shape
    (N, C, H, W) and the same dtype that holds the same images: the number that was at
    [n, h, w, c] is at [n, c, h, w].
    """
    raise NotImplementedError


def predict_one(model: Callable[[Tensor], Tensor], sample: Tensor) -> Tensor:
    """Problem 2 (easy, 5 minutes). Get a prediction for a single sample.

    model takes a batch (N, C, H, W) and returns (N, K): K numbers per image. sample: (C, H, W),
    one image, which must still have that shape afterwards. Call the model with a batch that holds
    only this sample, and return its K numbers without the batch dimension: (K,), also for K = 1.
    """
    raise NotImplementedError


def flatten_and_back(tensor: Tensor) -> tuple[Tensor, Tensor]:
    """Problem 3 (medium, 10 minutes). Flatten a copy of a tensor, and give it its old shape back.

    tensor: one dimension or more, of any sizes and dtype, contiguous or not. Return two things:
    `flat`, all its elements in one dimension, row by row (the last index changes fastest), and
    `back`, with the shape and the values of `tensor`. A write to `flat` must appear in `back`,
    but never in `tensor`.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__)
    if not arguments.practice:
        dimensions_of_size_one()
        squeeze_eats_a_batch_of_one()
        view()
        memory_and_strides()
        view_or_reshape()
        permute()
        image = house()
        from_a_file_to_a_prediction(image)
        draw_memory()
        draw_channels(image)
    report_practice(__file__)


if __name__ == "__main__":
    main()
