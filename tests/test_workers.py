"""Lesson 09 where worker processes start anew, as on Windows and macOS, and on a single core."""

import os
import re

import pytest
from course import PACKAGE, run

LESSON = PACKAGE / "09_data_splitting_loaders"

# The lesson runs as __main__ after a line that sets the scene, so its workers import the lesson.
DRIVER = """
import multiprocessing, os, runpy, sys
{first}
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
SPAWN = "multiprocessing.set_start_method('spawn')"
ONE_CORE = "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"


def run_after(first, folder, data):
    options = ("-W", "error", "-c", DRIVER.format(first=first))
    places = {"folder": folder, "PYTORCH_REFRESHER_DATA": str(data)}
    done = run(LESSON, "--figures", "figures", options=options, **places)
    assert done.status == 0, done.errors
    assert done.errors == ""
    return done.output


def workers_tried(output):
    """The counts in the first column of the table of seconds."""
    rows = re.findall(r"^ +(\d)(?: +\d+\.\d\d s){2}$", output, flags=re.MULTILINE)
    assert "The same samples in the same order, whoever read them: yes\n" in output
    return [int(count) for count in rows]


def test_the_lesson_runs_where_workers_import_it(tmp_path, shared):
    output = run_after(SPAWN, tmp_path, shared / "data")
    assert "multiprocessing.get_start_method() = 'spawn'\n" in output
    cores = int(re.search(r"^cores for this process: (\d+)", output, flags=re.MULTILINE)[1])
    assert workers_tried(output) == [0, 1, 2][: cores + 1]
    # A worker that ran the lesson again would print its title again.
    assert output.count("Lesson 09: ") == 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux to choose a core")
def test_the_lesson_runs_on_one_core(tmp_path, shared, whole_run):
    output = run_after(ONE_CORE, tmp_path, shared / "data")
    assert workers_tried(output) == [0, 1]
    # All before the section on workers is as it is on many cores.
    sections = re.split(r"^8\. .+$", output, flags=re.MULTILINE)[0]
    others = re.split(r"^8\. .+$", whole_run(LESSON).output, flags=re.MULTILINE)[0]
    assert sections == others
