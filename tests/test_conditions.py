"""A lesson on a machine that is not as it should be: no home, nowhere to write, a closed pipe."""

import errno
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pytorch_refresher._common import figures
from pytorch_refresher._data import datasets, flowers

import pytest
from course import LESSONS, PACKAGE, PROJECT, run
from matplotlib.figure import Figure

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has other pipes and signals")


def lesson(number):
    """The lesson of this number: a short one is enough for most conditions."""
    return next(path for path in LESSONS if path.name.startswith(f"{number}_"))


def test_a_sample_that_cannot_be_kept_is_drawn_for_this_run(monkeypatch, tmp_path, capsys):
    (tmp_path / "in_the_way").touch()
    monkeypatch.setenv("PYTORCH_REFRESHER_DATA", str(tmp_path / "in_the_way"))
    monkeypatch.setattr(flowers, "draw", lambda folder: (folder / "imagelabels.mat").touch())
    folder = datasets.oxford_flowers()
    assert (folder / "imagelabels.mat").exists()
    assert tmp_path not in folder.parents
    output = capsys.readouterr().out
    assert "is drawn for this run alone. Cannot write " in output
    assert str(tmp_path / "in_the_way") in output


def test_a_sample_drawn_for_one_run_is_gone_afterwards(tmp_path):
    (tmp_path / "in_the_way").touch()
    program = (
        "import sys; from pytorch_refresher._data import flowers; flowers.draw = lambda folder: "
        "(folder / 'drawn').touch(); from pytorch_refresher._data import datasets; "
        "print(datasets.oxford_flowers())"
    )
    environment = os.environ | {"PYTORCH_REFRESHER_DATA": str(tmp_path / "in_the_way")}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, encoding="utf-8"
    )
    folder = done.stdout.splitlines()[-1]
    assert os.path.isabs(folder) and not os.path.exists(folder)


@pytest.fixture(scope="module")
def checkout():
    """A copy of the course that cannot be written to, where other users can read it."""
    top = Path(tempfile.mkdtemp())
    copy = top / "a copy"
    skipped = shutil.ignore_patterns("__pycache__", "outputs")
    shutil.copytree(PACKAGE, copy / PACKAGE.name, ignore=skipped)
    sample = Path("data", "sample", "fashion_mnist")
    shutil.copytree(PROJECT / sample, copy / sample)
    paths = [top, *top.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield copy
    for path in paths:
        path.chmod(0o755)
    shutil.rmtree(top)


def as_a_stranger():
    """Options of subprocess that run a program as a user who owns nothing here, or skip."""
    if os.geteuid() != 0:
        return {}  # whoever is not root cannot write to a folder without write bits
    stranger = {"user": 65534, "group": 65534, "extra_groups": []}
    try:
        command = [sys.executable, "-c", "import importlib.util as u; u.find_spec('torch').origin"]
        subprocess.run(command, **stranger, cwd="/", check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this Python cannot be read by other users")
    return stranger


# Standard output stays the lesson's; the peak goes to another file.
ON_ONE_CORE = """
import os, resource, runpy, sys
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    unit = 1 if sys.platform == "darwin" else 1024
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
"""


@posix
def test_another_user_runs_a_checkout_that_is_read_only(checkout):
    stranger = as_a_stranger()
    drawing = next(path for path in LESSONS if "oxford_flowers" in (path / "lesson.py").read_text())
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(  # without HOME, on one core
        [
            *(sys.executable, "-W", "error", "-c", ON_ONE_CORE),
            str(checkout / PACKAGE.name / drawing.name / "lesson.py"),
        ],
        **stranger,
        env=environment,
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    *output, peak = done.stdout.splitlines()
    assert any(line.startswith("The sample cannot be kept, and is drawn for") for line in output)
    assert any(line.startswith(f"Figure not saved: {checkout}") for line in output)
    assert not any("Figure saved" in line for line in output)
    assert output[-1].endswith("solved.")
    assert int(peak.removeprefix("peak ")) < 1_500_000_000


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()],
    ids=["full disk", "Ctrl-C"],
)
def test_a_picture_is_saved_whole_or_not_at_all(error, monkeypatch, tmp_path, capsys):
    def save_half(path, **look):
        Path(path).write_bytes(b"half")
        raise error

    drawn = Figure()
    monkeypatch.setattr(figures, "_folder", tmp_path)
    picture = tmp_path / "a.png"
    figures.save_figure(drawn, "a")
    whole = picture.read_bytes()
    monkeypatch.setattr(drawn, "savefig", save_half)
    if isinstance(error, OSError):
        figures.save_figure(drawn, "a")
        assert f"Figure not saved: {picture}: No space left" in capsys.readouterr().out
    else:
        with pytest.raises(KeyboardInterrupt):
            figures.save_figure(drawn, "a")
    assert list(tmp_path.iterdir()) == [picture]
    assert picture.read_bytes() == whole


def test_a_home_that_is_not_there_makes_no_noise(tmp_path):
    (tmp_path / "home").touch()  # a file where the folder should be: not even root can write there
    homes = {"HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": "", "XDG_CACHE_HOME": ""}
    homes |= {"USERPROFILE": homes["HOME"], "MPLCONFIGDIR": ""}
    done = run(lesson("01"), "--figures", "figures", folder=tmp_path / "run", **homes)
    assert done.status == 0
    assert done.errors == ""
    assert list(done.figures.iterdir())


@posix
def test_output_that_nobody_reads_ends_a_lesson_quietly(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-W", "error", str(lesson("01") / "lesson.py"), "--figures", "figures"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout.readline() == "Lesson 01: Tensors\n"
    process.stdout.close()  # as `| head -1` does
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 1


@posix
def test_ctrl_c_ends_a_lesson_with_one_word(tmp_path):
    process = subprocess.Popen(
        [sys.executable, str(lesson("12") / "lesson.py"), "--figures", "figures"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    while not process.stdout.readline().startswith("step 100: loss"):
        assert process.poll() is None
    time.sleep(0.5)  # in the middle of a training
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert errors == "\nStopped.\n"
    assert process.returncode == -signal.SIGINT  # what a shell calls status 130


BRANCHING = """
import os, pathlib, sys, time
if __name__ != "__main__":  # one of the two processes, as they import all of this anew
    pathlib.Path({folder!r}, str(os.getpid())).touch()
    time.sleep(20)
sys.path.insert(0, {lesson!r})
import lesson
from pytorch_refresher._common.console import prepare_console


def nothing(rank):
    pass


if __name__ == "__main__":
    prepare_console()
    lesson.run_processes(nothing, seconds=60)
"""


@posix
def test_ctrl_c_ends_a_lesson_and_its_processes_with_one_word(tmp_path):
    branching = next(
        path for path in LESSONS if "run_processes(" in (path / "lesson.py").read_text()
    )
    program = tmp_path / "program.py"
    started = tmp_path / "started"
    started.mkdir()
    text = BRANCHING.format(lesson=str(branching), folder=str(started))
    program.write_text(text, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, str(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )
    while len(list(started.iterdir())) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    # Both pipes end once the last of the processes that hold them has ended.
    _, errors = process.communicate(timeout=30)
    assert errors == "\nStopped.\n"
    assert process.returncode == -signal.SIGINT


# What stops a lesson before it has begun, or from outside: one sentence, and no traceback.

BARE = """
import runpy, sys
{before}
sys.argv = {arguments!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def started(number, *flags, before="", options=(), code=BARE, **how):
    """Run a lesson after some lines of Python that change the world it finds."""
    program = code.format(before=before, arguments=[str(lesson(number) / "lesson.py"), *flags])
    return subprocess.run(
        [sys.executable, *options, "-c", program],
        **{"stdin": subprocess.DEVNULL, "capture_output": True, "encoding": "utf-8"} | how,
    )


def test_an_old_python_gets_one_sentence():
    done = started("01", before="sys.version_info = (3, 10, 13)")
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(r"The course needs Python 3.11 or newer, and this is \S+\.\n", done.stderr)


@pytest.mark.parametrize("name", ["matplotlib", "pandas"])
def test_a_missing_package_gets_one_sentence_also_in_the_middle_of_a_lesson(name):
    done = started("01", before=f"sys.modules[{name!r}] = None")
    assert done.returncode == 1
    assert "Lesson 01: Tensors" in done.stdout
    hint = "In the top folder, run: python -m pip install -e ."
    assert done.stderr == f"No module named {name!r}. {hint}\n"


@posix
def test_ctrl_c_while_pytorch_is_imported_ends_in_one_word(tmp_path):
    (tmp_path / "torch.py").write_text(
        "import time\nprint('importing', flush=True)\ntime.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, str(lesson("01") / "lesson.py")],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert errors == "\nStopped.\n"
    assert process.returncode == -signal.SIGINT


def test_a_lesson_runs_without_its_docstring(tmp_path):
    done = run(lesson("01"), "--practice", folder=tmp_path, options=("-OO",))
    assert (done.status, done.errors) == (0, "")
    assert done.output.startswith("Lesson 01: Tensors\n")


@posix
def test_closed_streams_do_not_stop_a_lesson(tmp_path):
    """`2>&-`: the next file to be opened must not take the place of standard error."""
    command = f"{shlex.quote(sys.executable)} {shlex.quote(str(lesson('01') / 'lesson.py'))}"
    for closed, expected in (("2>&-", "solved.\n"), (">&-", "")):
        done = subprocess.run(
            f"{command} --figures figures {closed}",
            shell=True,
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith(expected)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's full device")
def test_output_onto_a_full_disk_ends_in_one_sentence(tmp_path):
    with open("/dev/full", "w") as full:
        done = started(
            "01", cwd=tmp_path, capture_output=False, stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == 1
    assert done.stderr == "\nThe disk that the output goes to is full.\n"


def test_an_unknown_way_to_draw_gets_one_sentence(tmp_path):
    strange = os.environ | {"MPLBACKEND": "crayon"}
    done = started("01", "--show", cwd=tmp_path, env=strange)
    assert done.returncode == 1
    assert re.fullmatch(r"\nMPLBACKEND='crayon' does not work \(.+\)\. Unset it\.\n", done.stderr)
    assert started("01", "--practice", cwd=tmp_path, env=strange).returncode == 0


@posix
def test_a_link_to_a_lesson_finds_everything(tmp_path):
    (tmp_path / "my_lesson.py").symlink_to(lesson("01") / "lesson.py")
    done = subprocess.run(
        [sys.executable, "my_lesson.py", "--practice"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.stdout.endswith("0 of 3 solved.\n"), done.stderr


def test_the_fault_table_names_tests_that_exist():
    rows = [
        line
        for line in (PROJECT / "docs" / "faults.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and not line.startswith("| Fault")
    ]
    assert rows
    for row in rows:
        file, test = re.search(r"\| `(tests/test_\w+\.py)::(test_\w+)` \|$", row).groups()
        assert f"\ndef {test}(" in (PROJECT / file).read_text(encoding="utf-8"), row
