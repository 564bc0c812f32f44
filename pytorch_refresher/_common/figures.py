"""Saving pictures, with or without a screen."""

import inspect
import os
import tempfile
from pathlib import Path

from pytorch_refresher._common.paths import lesson_number

folder: Path | None = None  # set by --figures; otherwise outputs/ beside the lesson
show = False  # set by --show

# Okabe and Ito's palette: told apart also by color-blind readers, and in grey.
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW = "#CC79A7", "#56B4E9", "#F0E442"


def save_figure(figure, name: str) -> None:
    """Save a matplotlib figure as NAME.png, say where, and close it."""
    import matplotlib.pyplot as plt

    lesson = Path(inspect.currentframe().f_back.f_code.co_filename).resolve().parent
    beside = lesson / "outputs" / f"{name}.png"
    path = folder / f"{lesson_number(lesson)}_{name}.png" if folder else beside
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as part:
            # Without the name of the drawing program, the same picture is the same bytes.
            look = {"dpi": 110, "bbox_inches": "tight", "metadata": {"Software": None}}
            figure.savefig(f"{part}/{name}.png", **look)
            os.replace(f"{part}/{name}.png", path)  # a Ctrl-C or a full disk leaves no torn one
        print(f"Figure saved: {path}")
    except OSError as error:
        print(f"Figure not saved: {path}: {error.strerror}. --figures DIR names another folder.")
    if show and plt.get_backend().lower() == "agg":  # what is left without a screen
        print("No window: Python finds no screen, or no toolkit such as Tk to draw on it.")
    elif show:
        plt.show()  # waits until the reader has closed it
    plt.close(figure)
