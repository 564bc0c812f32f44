"""Lesson 09 where worker processes start differently, on a single core, and where there are none."""

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
# A worker hands over a batch in shared memory, which is a file to the system, and an open one.
LIMITS = {
    "files of 10 kB at most": "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10_000,) * 2)",
    "9 open files at most": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9))",
}


def run_after(first, folder, data):
    options = ("-W", "error", "-c", DRIVER.format(first=first))
    places = {"folder": folder, "PYTORCH_REFRESHER_DATA": str(data)}
    done = run(LESSON, "--figures", "figures", options=options, **places)
    assert done.status == 0, done.errors
    assert done.errors == ""
    return done.output


def workers_tried(output):
    """The counts in the first column of the table of seconds."""
    rows = re.findall(r"^ +(\d)(?: +\d+\.\d\d s){2} +(\[.*\])$", output, flags=re.MULTILINE)
    # The same samples in the same order, whoever read them.
    assert len({labels for _, labels in rows}) == 1
    return [int(count) for count, _ in rows]


def sections_before_workers(output):
    return re.split(r"^9\. .+$", output, flags=re.MULTILINE)[0]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux to choose a core")
def test_the_lesson_runs_on_one_core_where_workers_import_it(tmp_path, shared, whole_run):
    output = run_after(f"{ONE_CORE}; {SPAWN}", tmp_path, shared / "data")
    assert "multiprocessing.get_start_method() = 'spawn'\n" in output
    assert workers_tried(output) == [0, 1]
    # A worker that ran the lesson again would print its title again.
    assert output.count("Lesson 09: ") == 1
    # All before the section on workers is as it is on many cores.
    assert sections_before_workers(output) == sections_before_workers(whole_run(LESSON).output)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux and its limits")
@pytest.mark.parametrize("limit", LIMITS.values(), ids=LIMITS)
def test_where_there_can_be_no_workers_the_lesson_says_so_and_goes_on(
    limit, tmp_path, shared, whole_run
):
    output = run_after(limit, tmp_path, shared / "data")
    sentence = r"^Worker processes can't be used here, so we go on without them: .+$"
    assert len(re.findall(sentence, output, flags=re.MULTILINE)) == 1
    assert workers_tried(output) == [0]
    assert sections_before_workers(output) == sections_before_workers(whole_run(LESSON).output)
    assert output.endswith("0 of 3 solved.\n")
