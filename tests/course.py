"""What the tests share: the lessons that are there, and one run of each."""

import functools
import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from pytorch_refresher._common import course, practice
from pytorch_refresher._data.download import locked

import pytest
import warm

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = PROJECT / "pytorch_refresher"
FIGURES = PROJECT / "docs" / "figures"
LESSONS = [lesson.file.parent for lesson in course.COURSE]

each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


def chapters() -> dict[str, course.Lesson]:
    """The lessons by folder, as the command line and the front page name them."""
    return {lesson.folder: lesson for lesson in course.COURSE}


@dataclass(frozen=True)
class Run:
    """What a lesson left behind."""

    status: int
    output: str
    errors: str
    figures: Path


def run(
    lesson: Path,
    *flags: str,
    folder: Path,
    options: tuple[str, ...] = (),
    warm_start: bool = False,
    **environment: str,
) -> Run:
    """Run a lesson.py from `folder`, with no terminal, no screen and no network.

    With `warm_start`, its process has PyTorch imported already, where the system can do that, and
    every warning is an error; options of Python's count only where it can't.
    """
    folder.mkdir(parents=True, exist_ok=True)
    nowhere = "http://127.0.0.1:9"  # the discard port: nothing listens
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND", "PYTHONWARNINGS")
    } | {
        "PYTORCH_REFRESHER_DATA": str(folder / "data"),
        "PYTHONIOENCODING": "utf-8",
        "PYTHONPATH": str(PROJECT),  # for copies of a lesson in a folder of their own
        "OMP_NUM_THREADS": "1",  # the other worker computes at the same time
        "http_proxy": nowhere,
        "https_proxy": nowhere,
        "no_proxy": "127.0.0.1,localhost",
        **environment,
    }
    file = lesson / "lesson.py"
    if warm_start and warm.is_possible():
        done = warm.run(file, *flags, folder=folder, environment=environment, timeout=300)
        return Run(*done, folder / "figures")
    done = subprocess.run(
        [sys.executable, *options, str(file), *flags],
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
                    warm_start=True,
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
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@functools.cache
def part(lesson: Path, name: str) -> ModuleType:
    """One of a lesson's files, imported: "lesson", "solutions" or "checks"."""
    return importlib.import_module(f"pytorch_refresher.{lesson.name}.{name}")


def lesson_module(lesson: Path) -> ModuleType:
    """The lesson, imported: its functions and its practice stubs."""
    return part(lesson, "lesson")


def problems(lesson: Path) -> list[str]:
    """The names of a lesson's practice problems, in their order."""
    return practice.problems(course.lesson_of(lesson / "lesson.py"))


def copy_with_answers(lesson: Path, folder: Path, answers: str = "") -> Path:
    """Copy a lesson.py into `folder`, with answers below its stubs: by default the reference's."""
    text = (lesson / "lesson.py").read_text(encoding="utf-8")
    if not answers:
        answers = "import importlib\n"
        answers += (
            f"answers = importlib.import_module('pytorch_refresher.{lesson.name}.solutions')\n"
        )
        answers += "".join(f"{name} = answers.{name}\n" for name in problems(lesson))
    copy = folder / lesson.name
    copy.mkdir(parents=True, exist_ok=True)
    before, guard, after = text.rpartition('if __name__ == "__main__":')
    (copy / "lesson.py").write_text(f"{before}{answers}\n\n{guard}{after}", encoding="utf-8")
    return copy
