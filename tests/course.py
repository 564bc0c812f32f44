"""What the tests share: the lessons that are there, and one run of each."""

import functools
import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from pytorch_refresher._common.download import locked

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = PROJECT / "pytorch_refresher"
FIGURES = PROJECT / "docs" / "figures"
LESSONS = sorted(path.parent for path in PACKAGE.glob("*/lesson.py"))

each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


@dataclass(frozen=True)
class Chapter:
    """A row of the front page's table of lessons."""

    number: str
    title: str
    folder: str

    @property
    def heading(self) -> str:
        """Its title as it stands at the top of the lesson."""
        kind = "Lesson" if self.number.isdigit() else "Appendix"
        return f"{kind} {self.number}: {self.title}"


@functools.cache
def chapters() -> dict[str, Chapter]:
    """The course as the front page lists it, by folder."""
    rows = re.findall(
        r"^\| (\d\d|[AB]) \| \[([^]]+)\]\(pytorch_refresher/(\w+)/README\.md\) \|",
        (PROJECT / "README.md").read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    return {folder: Chapter(number, title, folder) for number, title, folder in rows}


@dataclass(frozen=True)
class Run:
    """What a lesson left behind."""

    status: int
    output: str
    errors: str
    figures: Path


def run(
    lesson: Path, *flags: str, folder: Path, options: tuple[str, ...] = (), **environment: str
) -> Run:
    """Run a lesson.py from `folder`, with no terminal, no screen and no network."""
    folder.mkdir(parents=True, exist_ok=True)
    nowhere = "http://127.0.0.1:9"  # the discard port: nothing listens
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND", "PYTHONWARNINGS")
    } | {
        "PYTORCH_REFRESHER_DATA": str(folder / "data"),
        "PYTHONIOENCODING": "utf-8",
        "OMP_NUM_THREADS": "1",  # the other worker computes at the same time
        "http_proxy": nowhere,
        "https_proxy": nowhere,
        "no_proxy": "127.0.0.1,localhost",
        **environment,
    }
    done = subprocess.run(
        [sys.executable, *options, str(lesson / "lesson.py"), *flags],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    return Run(done.returncode, done.stdout, done.stderr, folder / "figures")


@pytest.fixture(scope="session")
def shared(tmp_path_factory, worker_id):
    """A folder that all workers of this test run share."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@pytest.fixture(scope="session")
def whole_run(shared):
    """A function that gives the one full run of a lesson, with every warning an error.

    The first worker that asks runs it; the others wait and read what it left.
    """

    @functools.cache
    def once(lesson: Path) -> Run:
        folder = shared / lesson.name
        kept = folder / "run.json"
        with locked(kept):
            if not kept.exists():
                done = run(
                    lesson,
                    "--figures",
                    "figures",
                    folder=folder,
                    options=("-W", "error"),
                    PYTORCH_REFRESHER_DATA=str(shared / "data"),
                )
                kept.write_text(json.dumps([done.status, done.output, done.errors]))
        return Run(*json.loads(kept.read_text()), folder / "figures")

    return once


def load(path: Path) -> ModuleType:
    """Import a Python file by its path, as its folder's name is no module name."""
    name = f"{path.parent.name}_{path.stem}".replace(".", "_")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def lesson_module(lesson: Path) -> ModuleType:
    """The lesson, imported: its functions and its practice stubs."""
    return load(lesson / "lesson.py")


@functools.cache
def solutions_module(lesson: Path) -> ModuleType:
    """The answers and checks of a lesson."""
    return load(lesson / "solutions.py")


def problems(lesson: Path) -> list[str]:
    """The names of a lesson's practice problems, in their order."""
    solutions = solutions_module(lesson)
    return [name.removeprefix("check_") for name in vars(solutions) if name.startswith("check_")]


def reference_body(name: str, parameters: list[str]) -> str:
    """A body for a problem in `copy_with_bodies`: the answer of solutions.py."""
    return f"return _solutions.{name}({', '.join(parameters)})"


def copy_with_bodies(
    lesson: Path, folder: Path, body_of: Callable[[str, list[str]], str] = reference_body
) -> Path:
    """Copy a lesson to `folder`; body_of(name, parameters) is the new body of each problem."""
    text = (lesson / "lesson.py").read_text(encoding="utf-8")
    answers = "from pytorch_refresher._common.practice import load_solutions as _load\n"
    answers += "import pathlib as _pathlib\n_solutions = _load(_pathlib.Path(__file__))\n"
    for name in problems(lesson):
        before, _, after = text.partition(f"\ndef {name}(")
        parameters = list(inspect.signature(getattr(lesson_module(lesson), name)).parameters)
        after = after.replace("raise NotImplementedError", body_of(name, parameters), 1)
        text = f"{before}\ndef {name}({after}"
    copy = folder / lesson.name
    copy.mkdir()
    before, guard, after = text.rpartition('if __name__ == "__main__":')
    text = f"{before}{answers}\n{guard}{after}"
    (copy / "lesson.py").write_text(text, encoding="utf-8")
    (copy / "solutions.py").write_bytes((lesson / "solutions.py").read_bytes())
    return copy
