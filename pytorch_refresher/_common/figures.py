"""Saving pictures, with or without a screen, and the plots that recur."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytorch_refresher._common.console import LessonError

# Okabe and Ito's palette, which color-blind readers can tell apart too, also in grey.
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW = "#CC79A7", "#56B4E9", "#F0E442"
COLORS = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY)
STYLES = ("-", "--", "-.", ":", (0, (1, 1)), (0, (5, 1)))  # for readers who see no colors at all

_folder = Path("outputs")
_prefix = ""  # in a folder that several lessons share, each name begins with the lesson's number
_show = False


def choose_folder(lesson: Path, chosen: str | None) -> None:
    """Save from now on in outputs/ beside a lesson, or in the folder that --figures names."""
    global _folder, _prefix
    _folder = Path(chosen) if chosen else lesson / "outputs"
    _prefix = f"{lesson_prefix(lesson.name)}_" if chosen else ""


def lesson_prefix(folder: str) -> str:
    """How a lesson's pictures begin: "15" for 15_scaled..., "appendix_a" for appendix_a_cnn."""
    return "_".join(folder.split("_")[: 1 + folder.startswith("appendix")])


def choose_window(show: bool) -> None:
    """Open each picture in a window from now on, or use no screen at all.

    Raises LessonError if MPLBACKEND names a way to draw that matplotlib doesn't have.
    """
    global _show
    _show = show
    if not show:
        os.environ["MPLBACKEND"] = "Agg"  # draws into files
    elif "MPLBACKEND" in os.environ:
        try:
            import matplotlib.pyplot  # noqa: F401  fails here, and not in the middle of a lesson
        except (ImportError, ValueError) as error:
            name = os.environ["MPLBACKEND"]
            cause = str(error).splitlines()[0]
            raise LessonError(f"MPLBACKEND={name!r} does not work ({cause}). Unset it.") from None


def save_figure(figure, name: str) -> None:
    """Save a matplotlib figure as NAME.png, say where, and close it."""
    import matplotlib.pyplot as plt

    path = _folder / f"{_prefix}{name}.png"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as part:
            # With a layout, everything fits already. To cut the edges off, matplotlib draws twice.
            edges = None if figure.get_layout_engine() else "tight"
            # Without the name of the drawing program, the same picture is the same bytes.
            look = {"dpi": 110, "bbox_inches": edges, "metadata": {"Software": None}}
            figure.savefig(f"{part}/{name}.png", **look)
            os.replace(f"{part}/{name}.png", path)  # a Ctrl-C or a full disk leaves no torn one
        print(f"Figure saved: {path}")
    except OSError as error:
        print(f"Figure not saved: {path}: {error.strerror}. --figures DIR names another folder.")
    if _show and plt.get_backend().lower() == "agg":  # what is left without a screen
        print("No window: Python finds no screen, or no toolkit such as Tk to draw on it.")
    elif _show:
        plt.show()  # waits until the reader has closed it
    plt.close(figure)


def heat_map(axes, values, rows: Sequence = (), columns: Sequence = (), *, numbers="", **look):
    """Draw a matrix (rows, columns) as colored cells and return the image, for a color bar.

    rows, columns: labels of the cells. numbers: a format such as ".2f" to write into each cell.
    look: what `imshow` takes, such as vmin, vmax and cmap.
    """
    values = _array(values)
    image = axes.imshow(values, **{"cmap": "Blues", "aspect": "auto"} | look)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    if numbers:
        dark = image.norm.vmin + 0.6 * (image.norm.vmax - image.norm.vmin)
        for row, line in enumerate(values):
            for column, value in enumerate(line):
                color = "white" if value > dark else "black"
                text = format(float(value), numbers)
                axes.text(column, row, text, ha="center", va="center", color=color)
    return image


def curves(axes, lines: Mapping[str, Sequence], x: Sequence | None = None, **look) -> None:
    """Draw labeled lines over `x` (default: 0, 1, 2, ...), told apart by color and by style.

    look: what `axes.set` takes, such as title, xlabel, ylabel and yscale.
    """
    for number, (label, values) in enumerate(lines.items()):
        color, style = COLORS[number % len(COLORS)], STYLES[number % len(STYLES)]
        places = range(len(values)) if x is None else x
        heights = [float(value) for value in values]  # losses may still be tensors with a graph
        axes.plot(_array(places), heights, linestyle=style, color=color, label=label, linewidth=2)
    axes.set(**look)
    axes.legend()


def image_grid(images: Sequence, titles: Sequence[str] = (), columns: int = 5, side: float = 1.8):
    """A figure of images in rows; each is what `imshow` takes. Returns figure and axes, flat."""
    import matplotlib.pyplot as plt

    rows = max(1, -(-len(images) // columns))
    size = (side * columns, side * 1.15 * rows)
    figure, grid = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, image in zip(grid.flat, images, strict=False):
        axes.imshow(_array(image), cmap="gray")
    for axes, title in zip(grid.flat, titles, strict=False):
        axes.set_title(title, fontsize=9)
    return figure, grid.ravel()[: len(images)]


def _array(values):
    """What matplotlib draws without a warning: a tensor's values as an array, the rest as it is."""
    return values.detach().cpu().numpy() if hasattr(values, "detach") else values
