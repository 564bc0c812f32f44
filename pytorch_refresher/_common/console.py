"""Headings, command-line flags, promised errors and how a lesson ends: the same in every lesson."""

import argparse
import ast
import contextlib
import errno
import itertools
import logging
import os
import signal
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

_section_numbers = itertools.count(1)
# The modules of the nine packages. A lesson that lacks one can say how to get it.
_INSTALLED_WITH_THE_COURSE = {
    "torch", "torchvision", "numpy", "pandas", "scipy", "matplotlib", "PIL", "tqdm", "requests",
    "pytorch_refresher",
}  # fmt: skip


class LessonError(Exception):
    """Something outside the lesson's code is in the way; the message is one sentence to act on."""


def _end(kind: type[BaseException], error: BaseException, trace: object) -> None:
    """Print one sentence where a traceback would only hide the cause (a `sys.excepthook`)."""
    if issubclass(kind, KeyboardInterrupt):
        print("\nStopped.", file=sys.stderr)
    elif issubclass(kind, BrokenPipeError):
        _drop_output()  # whoever was reading, `| head` say, has seen enough
    elif issubclass(kind, OSError) and error.errno == errno.ENOSPC and error.filename is None:
        _drop_output()
        print("\nThe disk that the output goes to is full.", file=sys.stderr)
    elif issubclass(kind, LessonError):
        print(f"\n{error}", file=sys.stderr)
    elif issubclass(kind, ModuleNotFoundError) and _top_level(error) in _INSTALLED_WITH_THE_COURSE:
        hint = "In the top folder, run: python -m pip install -e ."
        print(f"No module named {_top_level(error)!r}. {hint}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


def _top_level(error: ModuleNotFoundError) -> str:
    return str(error.name).partition(".")[0]


def _drop_output() -> None:
    """Send what is still to be printed nowhere, or Python would complain when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _repeat_interrupt(unraisable: object) -> None:
    """Send a Ctrl-C again that came where Python cannot raise it (a `sys.unraisablehook`)."""
    if unraisable.exc_type is KeyboardInterrupt:
        # Not from here: it would be raised inside this very hook, and be lost again.
        threading.Timer(0.1, signal.raise_signal, [signal.SIGINT]).start()
    else:
        sys.__unraisablehook__(unraisable)


def end_in_one_sentence() -> None:
    """From now on, what stops the program from outside is told in a sentence, not a traceback."""
    sys.excepthook, sys.unraisablehook = _end, _repeat_interrupt


def prepare_console() -> None:
    """Print whatever the terminal or pipe can show, line by line, even where a stream is closed."""
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:  # closed, as by `2>&-`: the next file opened would take its place
            os.open(os.devnull, os.O_WRONLY)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        stream = getattr(sys, name)
        if hasattr(stream, "reconfigure"):  # an editor's own console may lack it
            stream.reconfigure(errors="replace", line_buffering=True)
    # Without a home folder matplotlib uses a temporary one, and need not say so.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)


def lesson_arguments(
    file: str, *, download: bool = False, device: bool = False
) -> argparse.Namespace:
    """Parse a lesson's flags, print its title and fix the random seed.

    `file` is the lesson's `__file__`; the first line of its docstring is the title. A lesson that
    reads a dataset has the flag --download, one that can leave the CPU has --device.
    """
    from pytorch_refresher._common import figures

    import torch  # the lesson has imported it by now

    prepare_console()
    # Read from the file, because `python -OO` drops __doc__.
    description = ast.get_docstring(ast.parse(Path(file).read_bytes())) or Path(file).parent.name
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
    figures.choose_folder(Path(file).resolve().parent, arguments.figures)
    figures.choose_window(arguments.show)
    torch.manual_seed(0)
    title = description.splitlines()[0]
    print(f"{title}\n{'=' * len(title)}")
    return arguments


def section(title: str) -> None:
    """Print a numbered heading."""
    heading = f"{next(_section_numbers)}. {title}"
    print(f"\n{heading}\n{'-' * len(heading)}")


@contextlib.contextmanager
def show_error(code: str) -> Iterator[None]:
    """Run code that is meant to fail, print the whole error and go on.

        with show_error("torch.tensor([1, 2]).item()"):
            torch.tensor([1, 2]).item()

    If the code doesn't fail, perhaps because you changed it, that is printed instead.
    """
    try:
        yield
    except Exception as error:
        print(f"{code} fails:")
        lines = f"{type(error).__name__}: {error}".splitlines()
        for line in lines:
            print(textwrap.fill(line, 98, initial_indent="  ", subsequent_indent="  "))
    else:
        print(f"{code} works, without an error.")
