"""The process in which practice answers run, so that no answer can do harm to another.

Its parent (practice.py) writes a job per line to its standard input and reads a result per line
from its standard output, both JSON. Whatever the answers themselves print goes to standard error.
"""

import importlib
import importlib.util
import json
import os
import sys
import threading
from pathlib import Path
from types import ModuleType

from pytorch_refresher._common.marking import mark
from pytorch_refresher._common.verdict import Verdict, one_line


def _load(lesson: Path) -> ModuleType:
    """Import a lesson.py as if it had been started: its own path, its folder on sys.path."""
    sys.path.insert(0, str(lesson.parent))
    sys.argv = [str(lesson)]
    spec = importlib.util.spec_from_file_location("lesson", lesson)
    module = importlib.util.module_from_spec(spec)
    sys.modules["lesson"] = module  # dataclasses and pickle look their module up
    spec.loader.exec_module(module)
    return module


def _forget(lesson: Path) -> None:
    """Make room for another lesson's modules of the same names."""
    if str(lesson.parent) in sys.path:
        sys.path.remove(str(lesson.parent))
    for name, module in list(sys.modules.items()):
        if Path(getattr(module, "__file__", None) or "/").parent == lesson.parent:
            del sys.modules[name]


def _prepare(job: dict, loaded: dict) -> None:
    """Import the checks of a lesson, and with them the packages that its answers need."""
    lesson = Path(job["lesson"])
    if loaded.get("lesson") != lesson:
        if loaded:
            _forget(loaded["lesson"])
            loaded.clear()
        loaded["lesson"] = lesson
        loaded["checks"] = importlib.import_module(f"pytorch_refresher.{job['folder']}.checks")


def _mark(job: dict, loaded: dict) -> Verdict:
    """The verdict on one problem of one lesson; the lesson is imported for the first."""
    lesson, name = Path(job["lesson"]), job["problem"]
    if "module" not in loaded and "broken" not in loaded:
        try:
            loaded["module"] = _load(lesson)
        except BaseException as error:
            loaded["broken"] = one_line(f"{type(error).__name__}: {error}")
    if "broken" in loaded:
        return Verdict("not marked", f"not yet: lesson.py cannot be loaded ({loaded['broken']})")
    if not hasattr(loaded["module"], name):
        return Verdict("not marked", f"not yet: lesson.py has no function {name}")
    check = getattr(loaded["checks"], f"check_{name}")
    return mark(getattr(loaded["module"], name), check, name=name, file=lesson)


def main(megabytes: int) -> None:
    # Keep the two pipes to the parent under other numbers, out of the reach of print and input.
    jobs = os.fdopen(os.dup(0), encoding="utf-8")
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)
    if megabytes:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))
    print("ready", file=results, flush=True)
    loaded = {}
    threads = threading.active_count()
    for line in jobs:
        job = json.loads(line)
        _prepare(job, loaded)
        print("started", file=results, flush=True)  # from here on, the answer's time counts
        verdict = _mark(job, loaded)
        sys.stdout.flush()
        # After these, what an answer did may still be at work here: the parent starts anew.
        spent = verdict.kind in ("side effect", "ended") or threading.active_count() > threads
        result = {"kind": verdict.kind, "line": verdict.line, "spent": spent}
        print(json.dumps(result), file=results, flush=True)
    os._exit(0)  # threads that an answer left running must not keep the process alive
