"""Appendix B: its paths for accelerators as far as a CPU can go, and its two processes."""

import os
import shutil
import signal
import subprocess
import sys
import time
import weakref
from types import SimpleNamespace

import pytest
import torch
from course import PACKAGE, lesson_module, run

LESSON = PACKAGE / "appendix_b_gpu_cuda"
CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda"), torch.device("mps")


@pytest.fixture
def lesson():
    return lesson_module(LESSON)


class Memory:
    """A fake of torch.cuda: counts that a test sets, and the calls that it got."""

    def __init__(self, *counts):
        self.counts, self.emptied = list(counts), 0

    def memory_allocated(self):
        return self.counts.pop(0) if self.counts else 0

    def memory_reserved(self):
        return self.counts.pop(0) if self.counts else 0

    def empty_cache(self):
        self.emptied += 1


def test_the_cpu_keeps_no_count(lesson):
    assert lesson.memory_of(CPU) is None


def test_the_functions_of_a_device_are_found(lesson, monkeypatch):
    assert lesson.memory_of(CUDA) is torch.cuda
    assert lesson.memory_of(torch.device("xpu")) is torch.xpu
    for module in (torch.cuda, torch.xpu):
        for name in ("memory_allocated", "memory_reserved", "empty_cache"):
            assert callable(getattr(module, name))
    mps = SimpleNamespace(
        current_allocated_memory=lambda: 3, driver_allocated_memory=lambda: 5, empty_cache=int
    )
    assert all(hasattr(torch.mps, name) for name in vars(mps))
    monkeypatch.setattr(torch, "get_device_module", lambda device: mps)
    found = lesson.memory_of(MPS)
    assert (found.memory_allocated(), found.memory_reserved(), found.empty_cache()) == (3, 5, 0)


def test_only_an_accelerator_is_waited_for(lesson, monkeypatch):
    waited = []
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda: waited.append(1))
    lesson.wait_for(CPU)
    assert not waited
    lesson.wait_for(CUDA)
    assert waited


def test_the_cache_is_shown_from_the_counts(lesson, capsys):
    million = 1_000_000
    counts = (1, 2, 68, 70, 1, 70, 1, 2)
    memory = Memory(*(count * million for count in counts))
    lesson.show_cache(CPU, memory)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    found = [[float(word) for word in row if word.endswith("0") and "." in word] for row in rows]
    assert found == [[1, 2], [68, 70], [1, 70], [1, 2]]
    assert memory.emptied == 2


def test_without_counts_the_cache_is_not_shown(lesson, capsys):
    lesson.show_cache(CPU, None)
    assert "not run" in capsys.readouterr().out


def test_memory_is_also_read_from_the_device(lesson, monkeypatch, capsys):
    counts = [count for size in range(1, 6) for count in (1_000_000, 1_000_000 * (1 + size))]
    memory = Memory(*counts)
    monkeypatch.setattr(lesson, "memory_of", lambda device: memory)
    monkeypatch.setattr(lesson, "save_figure", lambda figure, name: None)
    lesson.what_memory_goes_into(CPU)
    output = capsys.readouterr().out
    for number, size in enumerate((16, 64, 256, 1024, 4096), start=1):
        assert f"batch {size:>4}: {number}.00 MB by the device's own count" in output


def test_the_network_has_its_shapes_on_a_device_without_numbers(lesson):
    with torch.device("meta"):
        model = lesson.network()
        logits = model(torch.empty(7, lesson.D))
    assert logits.shape == (7, lesson.C) and logits.is_meta
    assert all(parameter.is_meta for parameter in model.parameters())


def test_what_is_kept_counts_once_and_without_the_parameters(lesson):
    model = torch.nn.Linear(3, 4)
    x = torch.randn(5, 3)
    with lesson.kept_for_backward(model) as kept:
        (model(x) * model(x)).sum()
    # x is kept twice and counts once; each of the two results is kept for the product.
    assert kept() == 4 * (15 + 2 * 20)


def test_a_full_device_can_be_pretended(lesson):
    model = torch.nn.Linear(3, 4)
    x = torch.randn(5, 3)
    with lesson.kept_for_backward(model, limit=60):
        model(x)
    with pytest.raises(torch.OutOfMemoryError), lesson.kept_for_backward(model, limit=59):
        model(x)


def test_the_batch_is_halved_until_it_fits(lesson, capsys):
    tried, held, made_room = [], [], []

    def step(size):
        tried.append(size)
        tensor = torch.zeros(size)
        held.append(weakref.ref(tensor))
        if size > 10:
            raise torch.OutOfMemoryError

    # Room can be made only if nothing refers to the tensors of the failed step anymore.
    def make_room():
        made_room.append(held[-1]() is None)

    assert lesson.largest_batch(step, 64, make_room) == 8
    assert tried == [64, 32, 16, 8]
    assert made_room == [True, True, True]


def test_one_sample_that_does_not_fit_is_an_error(lesson, capsys):
    def step(size):
        raise torch.OutOfMemoryError

    with pytest.raises(torch.OutOfMemoryError):
        lesson.largest_batch(step, 4, lambda: None)


def test_another_error_is_not_taken_for_a_lack_of_memory(lesson):
    def step(size):
        raise RuntimeError("shapes")

    with pytest.raises(RuntimeError, match="shapes"):
        lesson.largest_batch(step, 4, lambda: pytest.fail("nothing was too large"))


@pytest.mark.parametrize("name", ["cuda", "mps", "xpu"])
def test_a_device_that_is_not_there_ends_the_lesson_with_one_sentence(name, tmp_path):
    there = {"cuda": torch.cuda, "mps": torch.backends.mps, "xpu": torch.xpu}[name]
    if there.is_available():
        pytest.skip(f"{name} is there")
    done = run(LESSON, "--device", name, folder=tmp_path)
    assert done.status == 1
    assert f"finds no device '{name}' here" in done.errors
    assert "Traceback" not in done.errors


# The two processes. Each way to go wrong is a worker of a small program that uses the lesson's
# run_processes; it prints the numbers of its processes, and the sentence that the lesson would.

PROGRAM = """
import os, sys, time
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, {lesson!r})
import lesson
import torch
import torch.distributed as dist


def note(rank, folder):
    Path(folder, f"{{rank}}.new").write_text(str(os.getpid()))
    os.replace(Path(folder, f"{{rank}}.new"), Path(folder, f"{{rank}}.pid"))
    while not Path(folder, f"{{1 - rank}}.pid").exists():
        time.sleep(0.05)


def both(rank, folder):
    note(rank, folder)


def one_dies(rank, folder):
    note(rank, folder)
    if rank == 1:
        os._exit(3)
    time.sleep(600)


def one_dies_in_the_middle(rank, folder):
    note(rank, folder)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    store = dist.FileStore(f"{{folder}}/store", 2)
    limit = timedelta(seconds=600)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2, timeout=limit)
    if rank == 1:
        os._exit(3)
    dist.all_reduce(torch.ones(3))
    time.sleep(600)


def one_raises(rank, folder):
    note(rank, folder)
    if rank == 0:
        raise ValueError("a bad batch")
    time.sleep(600)


def both_hang(rank, folder):
    note(rank, folder)
    time.sleep(600)


if __name__ == "__main__":
    try:
        lesson.run_processes(globals()[sys.argv[1]], sys.argv[2], seconds=float(sys.argv[3]))
    except lesson.LessonError as error:
        print(error)
    else:
        print("both ended well")
"""


def start(worker, folder, seconds):
    program = folder / "program.py"
    program.write_text(PROGRAM.format(lesson=str(LESSON)), encoding="utf-8")
    command = [sys.executable, str(program), worker, str(folder), str(seconds)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
    )


def numbers(folder):
    return [int(path.read_text()) for path in folder.glob("*.pid")]


def is_alive(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


needs_posix = pytest.mark.skipif(os.name != "posix", reason="asks for processes by number")


@needs_posix
@pytest.mark.parametrize(
    ("worker", "seconds", "sentence"),
    [
        ("both", 60, "both ended well"),
        ("one_dies", 60, "did not both end well: process 1 terminated with exit code 3"),
        pytest.param(
            *("one_dies_in_the_middle", 60, "did not both end well: process "),
            marks=pytest.mark.skipif(sys.platform != "linux", reason="names Linux's loopback"),
        ),
        ("one_raises", 60, "did not both end well: ValueError: a bad batch"),
        ("both_hang", 10, "did not end within 10.0 seconds"),
    ],
)
def test_two_processes_end_and_leave_none_behind(worker, seconds, sentence, tmp_path):
    process = start(worker, tmp_path, seconds)
    output, _ = process.communicate(timeout=50)
    assert sentence in output.splitlines()[-1]
    assert "Traceback" not in output
    assert len(numbers(tmp_path)) == 2
    assert not any(map(is_alive, numbers(tmp_path)))


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells a process that its parent died")
def test_a_parent_that_is_killed_takes_its_processes_along(tmp_path):
    process = start("both_hang", tmp_path, 60)
    end = time.monotonic() + 40
    while len(numbers(tmp_path)) < 2:
        assert time.monotonic() < end
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    while any(map(is_alive, numbers(tmp_path))):
        assert time.monotonic() < end
        time.sleep(0.1)


def can_leave_the_network():
    if sys.platform != "linux" or not (shutil.which("unshare") and shutil.which("ip")):
        return False
    command = ["unshare", "-rnu", "ip", "link", "set", "lo", "up"]
    return subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.skipif(not can_leave_the_network(), reason="needs the right to make a namespace")
def test_two_processes_need_no_network_but_the_machine_itself(tmp_path, lesson):
    # A machine with nothing but 127.0.0.1, whose own name nobody can look up.
    code = f"import sys; sys.path.insert(0, {str(LESSON)!r}); import lesson; lesson.two_processes()"
    (tmp_path / "program.py").write_text(f"if __name__ == '__main__':\n    {code}\n")
    shell = "ip link set lo up && ip address del ::1/128 dev lo; hostname nobody-knows-me && exec "
    command = ["unshare", "-rnu", "sh", "-c", f'{shell}"$0" -W error "$1"']
    command += [sys.executable, str(tmp_path / "program.py")]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)
    assert "hold the gradients of the whole batch: yes" in done.stdout, done.stdout + done.stderr
    assert done.stderr == ""
