"""Headings, command-line flags and how a lesson ends, the same in every lesson."""

import argparse
import gc
import itertools
import logging
import os
import signal
import sys
import threading
from pathlib import Path

import torch

from pytorch_refresher._common import figures

_section_numbers = itertools.count(1)


class LessonError(Exception):
    """Something outside the lesson's code is in the way; the message is one sentence to act on."""


def _end_lesson(kind: type[BaseException], error: BaseException, trace: object) -> None:
    """Print one sentence where a traceback would only hide the cause (a `sys.excepthook`)."""
    if issubclass(kind, KeyboardInterrupt):
        print("\nStopped.", file=sys.stderr)
    elif issubclass(kind, BrokenPipeError):
        # Who reads the output, `| head` say, has seen enough. Nothing is left to say to them.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    elif issubclass(kind, LessonError):
        print(f"\n{error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


def _repeat_interrupt(unraisable: object) -> None:
    """Send a Ctrl-C again that came where Python cannot raise it (a `sys.unraisablehook`)."""
    if unraisable.exc_type is KeyboardInterrupt:
        threading.Timer(0.1, signal.raise_signal, [signal.SIGINT]).start()
    else:
        sys.__unraisablehook__(unraisable)


def prepare_console() -> None:
    """Print whatever the terminal or pipe can show, at once, and end as `_end_lesson` says."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # an editor's own console may lack it
            stream.reconfigure(errors="replace", line_buffering=True)
    sys.excepthook, sys.unraisablehook = _end_lesson, _repeat_interrupt
    # Without a home folder matplotlib uses a temporary one, and need not say so.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    # Imports make many objects and little garbage: searched less often, they take 0.2 s less.
    gc.set_threshold(10_000)


def lesson_arguments(
    description: str, *, download: bool = False, device: bool = False
) -> argparse.Namespace:
    """Parse a lesson's flags, print its title and fix the random seed.

    `description` is the lesson's module docstring; its first line is the title. A lesson that
    reads a dataset has the flag --download, one that can leave the CPU has --device.
    """
    prepare_console()
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--practice", action="store_true", help="only mark the practice problems")
    add("--figures", metavar="DIR", help="where pictures go (default: outputs/ beside the lesson)")
    add("--show", action="store_true", help="also open each picture in a window")
    if download:
        add("--download", action="store_true", help="fetch the real dataset first and use it")
    if device:
        names = ["cpu", "cuda", "mps", "xpu", "auto"]
        add("--device", default="cpu", choices=names, help="where to compute (default: cpu)")
    arguments = parser.parse_args()
    figures.folder = Path(arguments.figures) if arguments.figures else None
    figures.show = arguments.show
    if not arguments.show:
        os.environ["MPLBACKEND"] = "Agg"  # draws into files, and needs no screen
    torch.manual_seed(0)
    title = description.strip().splitlines()[0]
    print(f"{title}\n{'=' * len(title)}")
    return arguments


def section(title: str) -> None:
    """Print a numbered heading."""
    heading = f"{next(_section_numbers)}. {title}"
    print(f"\n{heading}\n{'-' * len(heading)}")
