"""Marking a lesson: the one way for `python lesson.py` and `python -m pytorch_refresher practice`.

An answer runs in a process of its own (worker.py) under a time limit. One that hangs, ends Python
or prints without end costs itself its mark, and no other answer anything.
"""

import ast
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytorch_refresher._common.console import LessonError
from pytorch_refresher._common.course import PACKAGE, Lesson, after, lesson_of
from pytorch_refresher._common.verdict import Verdict, one_line

SECONDS = 60  # for one answer
PRINTED = 1_000_000  # bytes that one answer may print
STARTUP = 300  # seconds that Python may take to import packages on a slow machine


@dataclass(frozen=True)
class Limits:
    """What one answer may take."""

    seconds: float = SECONDS
    megabytes: int = 0  # of memory, on Linux; 0: as much as there is


class _Lost(Exception):
    """The worker gave no result."""

    def __init__(self, kind: str, cause: str) -> None:
        super().__init__(cause)
        self.verdict = Verdict(kind, f"not yet: {cause}")


class Marker:
    """Marks answers in a worker process, and starts another one when that is spent.

    Use it in a `with` statement: leaving it ends the worker.
    """

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008  it is frozen
        self.limits = limits
        self._worker = None

    def __enter__(self) -> "Marker":
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def start(self) -> None:
        """Start a worker if none is there. It imports PyTorch while you go on."""
        if self._worker:
            return
        try:
            self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        except OSError as error:
            raise LessonError(f"Marking needs a temporary folder: {error}.") from None
        self._printed = Path(self._folder.name) / "printed"
        self._results = queue.SimpleQueue()
        code = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})\n"
        code += "from pytorch_refresher._common.worker import main\n"
        code += f"main({self.limits.megabytes})"
        # A session of its own: a Ctrl-C is the parent's to deal with, and a kill takes along
        # whatever an answer has started. An answer that draws needs no screen.
        with self._printed.open("wb") as printed:
            self._worker = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=printed,
                encoding="utf-8",
                env=os.environ | {"MPLBACKEND": "Agg"},
                start_new_session=True,
            )
        pipe = (self._worker.stdout, self._results)
        self._reader = threading.Thread(target=_forward, args=pipe, daemon=True)
        self._reader.start()
        self._is_ready = False

    def stop(self) -> None:
        """End the worker and all that its answers may have started."""
        if not self._worker:
            return
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self._worker.pid, signal.SIGKILL)
            else:
                self._worker.kill()
        self._worker.wait()
        self._reader.join(timeout=5)  # unless something that got away still holds the pipe
        if not self._reader.is_alive():
            self._worker.stdout.close()
        with contextlib.suppress(OSError):  # what was not sent yet cannot be
            self._worker.stdin.close()
        self._folder.cleanup()
        self._worker = None

    def mark(self, lesson: Lesson, file: Path, problem: str) -> tuple[Verdict, str]:
        """The verdict on one answer in `file`, and what the answer printed."""
        self.start()
        job = {"lesson": str(file), "folder": lesson.folder, "problem": problem}
        begin = 0
        try:
            if not self._is_ready:
                self._wait(STARTUP, 0)
                self._is_ready = True
            begin = self._size()
            with contextlib.suppress(OSError):  # it has ended: _wait says how
                print(json.dumps(job), file=self._worker.stdin, flush=True)
            self._wait(STARTUP, begin)
            result = json.loads(self._wait(self.limits.seconds, begin))
            verdict, spent = Verdict(result["kind"], result["line"]), result["spent"]
        except _Lost as lost:
            verdict, spent = lost.verdict, True
        except (ValueError, KeyError, TypeError):  # an answer wrote where results belong
            verdict, spent = Verdict("ended", "not yet: it garbles the marking's own output"), True
        printed = self._read(begin)
        if spent:
            self.stop()
        return verdict, printed

    def _wait(self, seconds: float, begin: int) -> str:
        """The worker's next line; raises _Lost if it ends, hangs or prints too much first."""
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(queue.Empty):
                line = self._results.get(timeout=0.05)
                if line:
                    return line
                raise _Lost("ended", self._how_it_ended())
            if self._size() - begin > PRINTED:
                raise _Lost("output", f"it prints more than {PRINTED // 1_000_000} MB")
            if time.monotonic() > deadline:
                raise _Lost(
                    "time",
                    f"it takes longer than {seconds:g} seconds: is there a loop without end?",
                )

    def _how_it_ended(self) -> str:
        status = self._worker.wait()
        if status >= 0:
            return f"it ends Python with status {status}"
        name = signal.Signals(-status).name if -status in list(signal.Signals) else -status
        return f"it crashes Python ({name})"

    def _size(self) -> int:
        return self._printed.stat().st_size

    def _read(self, begin: int) -> str:
        with self._printed.open("rb") as file:
            file.seek(begin)
            return file.read(20_000).decode(errors="replace")


def _forward(lines, results: queue.SimpleQueue) -> None:
    """Put the worker's lines into a queue, and None where they end."""
    with contextlib.suppress(OSError, ValueError):
        for line in lines:
            results.put(line)
    results.put(None)


def problems(lesson: Lesson) -> list[str]:
    """The names of a lesson's practice problems, in their order.

    Raises LessonError if the lesson has no checks.py or solutions.py.
    """
    for name in ("checks.py", "solutions.py"):
        if not (PACKAGE / lesson.folder / name).is_file():
            raise LessonError(
                f"{lesson.folder}/{name} is missing, so nothing can be marked. Get it back with: "
                f"git checkout -- pytorch_refresher/{lesson.folder}/{name}"
            )
    tree = ast.parse((PACKAGE / lesson.folder / "checks.py").read_bytes())
    return [
        node.name.removeprefix("check_")
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("check_")
    ]


def _untouched(tree: ast.Module, name: str) -> int | None:
    """The line of the `raise NotImplementedError` that is still all there is of an answer."""
    bound = [node for node in tree.body if name in _bound_names(node)]
    if not bound or not hasattr(bound[-1], "decorator_list"):
        return None  # an import, say, or an assignment
    is_class = isinstance(bound[-1], ast.ClassDef)
    for node in bound[-1].body if is_class else bound[-1:]:
        code = [each for each in getattr(node, "body", []) if not _is_text(each)]
        stub = bool(code) and ast.unparse(code[-1]) == "raise NotImplementedError"
        # What a class's __init__ begins with, super().__init__() say, belongs to the stub.
        if stub and (is_class or len(code) == 1):
            return code[-1].lineno
    return None


def _bound_names(node: ast.stmt) -> set[str]:
    """The names that a statement at the top of a file gives a value."""
    if hasattr(node, "decorator_list"):
        return {node.name}
    names = {each.asname or each.name for each in getattr(node, "names", [])}
    stored = (each for each in ast.walk(node) if isinstance(each, ast.Name))
    return names | {each.id for each in stored if isinstance(each.ctx, ast.Store)}


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def mark_lesson(lesson: Lesson, file: Path, marker: Marker) -> Iterator[tuple[str, Verdict, str]]:
    """Mark the answers in a lesson.py one by one: name, verdict, and what the answer printed.

    Raises LessonError as `problems` does.
    """
    names = problems(lesson)
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        cause = one_line(
            str(getattr(error, "msg", None) or getattr(error, "strerror", None) or error)
        )
        line = getattr(error, "lineno", None)
        place = f"{file.name} line {line}" if line else file.name
        for name in names:
            yield name, Verdict("not marked", f"not yet: {place} cannot be read ({cause})"), ""
        return
    for name in names:
        line = _untouched(tree, name)
        if line:  # seen without running anything
            yield name, Verdict("not started", f"not started, {file.name} line {line}"), ""
        else:
            yield name, *marker.mark(lesson, file, name)


def report_practice(file: str) -> None:
    """Mark the practice answers in a lesson.py (its `__file__`) and print a line for each.

    What an answer prints stands above its line, cut off after 2,000 characters.
    """
    print("\nPractice\n--------")
    path = Path(file).resolve()
    lesson = lesson_of(path)
    width = max(map(len, problems(lesson)))
    verdicts = []
    with Marker() as marker:
        for name, verdict, printed in mark_lesson(lesson, path, marker):
            if printed.strip():
                print(printed[:2000].rstrip())
            verdicts.append(verdict)
            print(f"{len(verdicts)}. {name:<{width}}  {verdict.line}")
    print(summary(lesson, verdicts))


def summary(lesson: Lesson, verdicts: list[Verdict]) -> str:
    """The last line of a report: how many are solved, and when all are, what comes next."""
    solved = sum(verdict.kind == "solved" for verdict in verdicts)
    line = f"{solved} of {len(verdicts)} solved."
    following = after(lesson)
    if solved == len(verdicts) and following:
        line += f" Next: {following.heading}, in {following.folder}"
    return line
