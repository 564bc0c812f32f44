"""Appendix B: what a CPU can check of its instruments, and its two processes."""

import os
import shutil
import subprocess
import sys
import time
import weakref
from collections import Counter
from pathlib import Path

from pytorch_refresher.appendix_b_gpu_cuda.memory import in_memory, kept_for_backward

import pytest
import torch
import torch.nn.functional as F
from course import PACKAGE, lesson_module, run
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

LESSON = PACKAGE / "appendix_b_gpu_cuda"
PATIENCE = 120  # seconds that a busy machine may take to start two processes


@pytest.fixture
def lesson():
    return lesson_module(LESSON)


def test_what_is_kept_counts_once_and_without_the_parameters():
    model, x = nn.Linear(3, 4), torch.randn(5, 3)
    with kept_for_backward(model) as kept:
        loss = (model(x) * model(x)).sum()
        # x is kept twice and counts once; each of the two results is kept for the product.
        assert kept() == 4 * (15 + 2 * 20) / 1e6
        loss.backward()
        assert kept() == 0


def test_a_graph_that_nobody_holds_keeps_nothing():
    # A tensor that is its own operation's result, as relu's is, must not hold on to its graph.
    model, x = nn.Sequential(nn.Linear(3, 4), nn.ReLU()), torch.randn(5, 3)
    with kept_for_backward(model) as kept:
        loss = model(x).square().sum()
        assert kept() > 0
        seen = weakref.ref(loss)
        del loss
        assert kept() == 0 and seen() is None


def test_a_full_device_can_be_simulated():
    model, x = nn.Linear(3, 4), torch.randn(5, 3)
    with kept_for_backward(model, limit=60e-6):
        model(x)
    with pytest.raises(torch.OutOfMemoryError), kept_for_backward(model, limit=59e-6):
        model(x)


def test_parameters_gradients_and_averages_are_counted():
    model = nn.Linear(3, 4)
    optimizer = torch.optim.AdamW(model.parameters())
    assert in_memory(model, optimizer) == [64e-6, 0, 0]
    model(torch.randn(5, 3)).sum().backward()
    optimizer.step()
    assert in_memory(model, optimizer)[:2] == [64e-6, 64e-6]
    assert in_memory(model, optimizer)[2] == pytest.approx(128e-6, abs=10e-6)  # and two counters


def test_a_training_step_orders_as_many_operations_as_the_lesson_counts(lesson):
    class Orders(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            counts[stage] += function._schema.name.split("::")[1] not in ("t", "detach", "view")
            return function(*args, **(kwargs or {}))

    counts, model = Counter(), lesson.network("cpu")
    inputs, labels = lesson.batch(4, "cpu")
    with Orders():
        stage = "forward"
        loss = F.cross_entropy(model(inputs), labels)
        stage = "backward"
        loss.backward()
    assert counts == {"forward": 7, "backward": 13}
    assert len(list(model.parameters())) == 6
    assert sum(parameter.numel() for parameter in model.parameters()) == lesson.P


def test_a_device_that_is_not_there_ends_the_lesson_with_one_sentence(tmp_path):
    missing = [name for name in ("cuda", "mps", "xpu") if not is_there(name)]
    done = run(LESSON, "--device", missing[0], folder=tmp_path)
    assert done.status == 1
    assert f"finds no device '{missing[0]}' here" in done.errors
    assert "Traceback" not in done.errors


def is_there(name):
    return {"cuda": torch.cuda, "mps": torch.backends.mps, "xpu": torch.xpu}[name].is_available()


# The two processes. Each way to go wrong is a worker of a small program, which prints what
# run_processes returned, or the sentence that the lesson would print.

PROGRAM = """
import os, sys, time
from pathlib import Path

sys.path.insert(0, {project!r})
from pytorch_refresher._common.console import LessonError
from pytorch_refresher.appendix_b_gpu_cuda.processes import run_processes
import torch
import torch.distributed as dist

PATIENCE = {patience}


def both(rank, note):
    note(rank)
    total = torch.ones(3)
    dist.all_reduce(total)
    return total


def one_dies(rank, note):
    note(rank)
    if rank == 1:
        os._exit(3)
    dist.all_reduce(torch.ones(3))
    time.sleep(PATIENCE)


def one_raises(rank, note):
    note(rank)
    if rank == 0:
        raise ValueError("a bad batch")
    time.sleep(PATIENCE)


def both_hang(rank, note):
    note(rank)
    time.sleep(PATIENCE)


class Note:
    # Writes down the number of its process, and waits for the other one.
    def __init__(self, worker):
        self.folder = Path({folder!r}, worker)

    def __call__(self, rank):
        (self.folder / f"{{rank}}.new").write_text(str(os.getpid()))
        os.replace(self.folder / f"{{rank}}.new", self.folder / f"{{rank}}.pid")
        while not (self.folder / f"{{1 - rank}}.pid").exists():
            time.sleep(0.05)


if __name__ == "__main__":
    for worker in sys.argv[1:]:
        name, _, seconds = worker.partition("=")
        note = Note(name)
        note.folder.mkdir()
        try:
            print(run_processes(globals()[name], note, seconds=float(seconds or PATIENCE)))
        except LessonError as error:
            print(error)
"""


def command(folder, *workers):
    program = folder / "program.py"
    text = PROGRAM.format(project=str(PACKAGE.parent), folder=str(folder), patience=PATIENCE)
    program.write_text(text, encoding="utf-8")
    return [sys.executable, "-W", "error", str(program), *workers]


def numbers(folder):
    return [int(path.read_text()) for path in folder.glob("*/*.pid")]


def is_alive(number):
    try:
        os.kill(number, 0)
        # A process that has ended stays in the list until its new parent asks for its status.
        return ") Z " not in Path(f"/proc/{number}/stat").read_text()
    except ProcessLookupError:
        return False
    except OSError:
        return sys.platform != "linux"  # elsewhere there is no such file


@pytest.mark.skipif(os.name != "posix", reason="asks for processes by number")
def test_two_processes_end_and_leave_none_behind(tmp_path):
    # One after the other, so that PyTorch is imported once.
    given = command(tmp_path, "both", "one_dies", "one_raises", "both_hang=3")
    done = subprocess.run(given, stdout=subprocess.PIPE, encoding="utf-8", timeout=4 * PATIENCE)
    both, one_dies, one_raises, both_hang = done.stdout.splitlines()
    assert both == "[tensor([2., 2., 2.]), tensor([2., 2., 2.])]"
    assert one_dies.startswith("The processes did not all end well: process ")
    assert one_raises == "The processes did not all end well: ValueError: a bad batch."
    assert both_hang == "The processes did not end within 3 seconds."
    assert len(numbers(tmp_path)) >= 6
    assert not any(map(is_alive, numbers(tmp_path)))


@pytest.mark.skipif(os.name != "posix", reason="asks for processes by number")
def test_a_parent_that_is_killed_takes_its_processes_along(tmp_path):
    process = subprocess.Popen(command(tmp_path, "both_hang"))
    end = time.monotonic() + PATIENCE
    while len(numbers(tmp_path)) < 2:
        assert time.monotonic() < end
        time.sleep(0.1)
    process.kill()
    process.wait()
    while any(map(is_alive, numbers(tmp_path))):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_lesson_whose_processes_do_not_end_says_so_and_goes_on(lesson, monkeypatch, capsys):
    def too_busy(*_):
        raise lesson.LessonError("The processes did not end within 120 seconds.")

    monkeypatch.setattr(lesson, "run_processes", too_busy)
    lesson.several_devices()
    output = capsys.readouterr().out
    assert "Two processes: not shown. The processes did not end within 120 seconds.\n" in output
    assert "64 GPUs: DDP" in output


def can_leave_the_network():
    if sys.platform != "linux" or not (shutil.which("unshare") and shutil.which("ip")):
        return False
    given = ["unshare", "-rnu", "ip", "link", "set", "lo", "up"]
    return subprocess.run(given, capture_output=True).returncode == 0


@pytest.mark.skipif(not can_leave_the_network(), reason="needs the right to make a namespace")
def test_two_processes_need_no_network_but_the_machine_itself(tmp_path):
    # A machine with nothing but 127.0.0.1, whose own name nobody can look up.
    shell = 'ip link set lo up && ip address del ::1/128 dev lo; hostname nobody-knows-me && exec "$0" "$@"'
    given = ["unshare", "-rnu", "sh", "-c", shell, *command(tmp_path, "both")]
    done = subprocess.run(given, capture_output=True, encoding="utf-8", timeout=2 * PATIENCE)
    assert done.stdout == "[tensor([2., 2., 2.]), tensor([2., 2., 2.])]\n", done.stderr
    assert done.stderr == ""
