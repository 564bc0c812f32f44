"""A lesson on a machine that is not as it should be: no home, a disk to read only, a closed pipe."""

import os
import signal
import subprocess
import sys
import time

import pytest
from course import LESSONS, run

from pytorch_refresher._common import datasets
from pytorch_refresher._samples import flowers

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
        "import sys; from pytorch_refresher._samples import flowers; flowers.draw = lambda folder: "
        "(folder / 'drawn').touch(); from pytorch_refresher._common import datasets; "
        "print(datasets.oxford_flowers())"
    )
    environment = os.environ | {"PYTORCH_REFRESHER_DATA": str(tmp_path / "in_the_way")}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, encoding="utf-8"
    )
    folder = done.stdout.splitlines()[-1]
    assert os.path.isabs(folder) and not os.path.exists(folder)


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
    process.wait(timeout=60)


@posix
def test_ctrl_c_ends_a_lesson_with_one_word(tmp_path):
    process = subprocess.Popen(
        [sys.executable, str(lesson("12") / "lesson.py"), "--figures", "figures"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    while not process.stdout.readline().startswith("right after 250 steps"):
        assert process.poll() is None
    time.sleep(0.5)  # in the middle of a training
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert errors == "\nStopped.\n"
    assert process.returncode == -signal.SIGINT  # what a shell calls status 130
    assert not list(tmp_path.rglob("*.part"))
