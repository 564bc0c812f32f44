"""Runs a lesson in a process that has imported PyTorch already: that saves some seconds each time.

In these processes, every warning is an error, as with `python -W error`.
"""

import multiprocessing
import os
import runpy
import sys
import warnings
from pathlib import Path

_processes = None
if "forkserver" in multiprocessing.get_all_start_methods():  # Windows has none
    # One process imports these, and every run begins as a copy of it.
    _processes = multiprocessing.get_context("forkserver")
    _processes.set_forkserver_preload(
        ["torch", "torch._dynamo", "torchvision", "matplotlib.pyplot"]
    )


def is_possible() -> bool:
    return _processes is not None


def run(
    file: Path, *flags: str, folder: Path, environment: dict[str, str], timeout: float
) -> tuple[int, str, str]:
    """Run a Python file as `python file` does; return its status, its output and its errors."""
    streams = folder / "output.txt", folder / "errors.txt"
    process = _processes.Process(target=_as_main, args=(file, flags, folder, environment, streams))
    process.start()
    process.join(timeout)
    if process.is_alive():
        process.kill()
        raise TimeoutError(f"{file} takes more than {timeout} s")
    return process.exitcode, *(stream.read_text(encoding="utf-8") for stream in streams)


def _as_main(file: Path, flags: tuple, folder: Path, environment: dict, streams: tuple) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, stream in enumerate((sys.stdout, sys.stderr)):
        os.dup2(os.open(streams[number], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream.fileno())
        stream.reconfigure(encoding="utf-8")
    warnings.simplefilter("error")
    sys.argv = [str(file), *flags]
    sys.path.insert(0, str(file.parent))
    runpy.run_path(str(file), run_name="__main__")
