"""Checkpoints of appendix A: written in one step, resumed to the bit, and no code runs on loading."""

import pickle
import random
import subprocess
import sys
import time

import pytest
import torch
from course import PACKAGE, lesson_module
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FOLDER = PACKAGE / "appendix_a_cnn"
lesson = lesson_module(FOLDER)


class SmallCNN(nn.Sequential):
    """As the lesson's, in small: it drops out, and its images are shuffled."""

    threshold = 0.0

    def __init__(self, width: int = 4) -> None:
        super().__init__(
            nn.Conv2d(3, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(width * 36, 1),
        )


def start(seed, optimizer=torch.optim.Adam, width=4):
    torch.manual_seed(seed)
    model = SmallCNN(width)
    return model, optimizer(model.parameters(), lr=0.01)


@pytest.fixture(scope="module")
def batches():
    generator = torch.Generator().manual_seed(5)
    images = torch.randn(24, 3, 6, 6, generator=generator)
    data = TensorDataset(images, (images.mean(dim=(1, 2, 3)) > 0).long())
    return DataLoader(data, batch_size=8, shuffle=True)


def fit(batches, parts, epochs, path=None):
    """Train until `epochs` epochs are done, going on from `path` where there is a checkpoint."""
    model, optimizer = parts
    done = lesson.load_checkpoint(path, *parts) if path and path.exists() else 0
    history = []
    for epoch in range(done + 1, epochs + 1):
        history.append(lesson.one_epoch(model, batches, nn.BCEWithLogitsLoss(), optimizer))
        if path:
            lesson.save_safely(path, *parts, epoch)
    return history


def everything(parts):
    """All that a training holds, as bytes that can be compared."""
    state = [part.state_dict() for part in parts], torch.get_rng_state()
    return pickle.dumps(
        torch.utils._pytree.tree_map(
            lambda value: value.numpy().tobytes() if torch.is_tensor(value) else value, state
        )
    )


@pytest.fixture
def saved(tmp_path, batches):
    """A checkpoint after two epochs."""
    path = tmp_path / "checkpoint.pt"
    fit(batches, start(0), 2, path)
    return path


@pytest.mark.parametrize("stop", [1, 2, 4])
@pytest.mark.parametrize(
    "optimizer", [torch.optim.Adam, torch.optim.SGD], ids=lambda each: each.__name__
)
def test_resumed_training_equals_uninterrupted_to_the_bit(tmp_path, batches, stop, optimizer):
    whole = start(0, optimizer)
    history = fit(batches, whole, 5)
    expected = everything(whole)
    path = tmp_path / "checkpoint.pt"
    fit(batches, start(0, optimizer), stop, path)
    resumed = start(1, optimizer)
    assert fit(batches, resumed, 5, path) == history[stop:]
    assert everything(resumed) == expected
    assert fit(batches, start(2, optimizer), 5, path) == []


def test_it_holds_what_training_needs_and_no_code(saved):
    state = torch.load(saved, weights_only=True)
    assert state.keys() == {"model", "optimizer", "epoch", "random"}
    assert state["epoch"] == 2


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "ctrl-c"]
)
@pytest.mark.parametrize("moment", ["half of it written", "all of it written", "renamed"])
def test_an_interrupted_save_leaves_the_old_one_whole(saved, monkeypatch, error, moment):
    before = saved.read_bytes()

    def stop(*_):
        raise error

    def save_half(state, path):
        path.write_bytes(before[: len(before) // 2])
        raise error

    patched = {
        "half of it written": (torch, "save", save_half),
        "all of it written": (lesson.os, "fsync", stop),
        "renamed": (lesson.os, "replace", stop),
    }
    with monkeypatch.context() as context:
        context.setattr(*patched[moment])
        with pytest.raises(type(error)):
            lesson.save_safely(saved, *start(3), epoch=3)
    assert saved.read_bytes() == before
    assert lesson.load_checkpoint(saved, *start(4)) == 2
    # What was left half-written is no obstacle.
    lesson.save_safely(saved, *start(3), epoch=3)
    assert lesson.load_checkpoint(saved, *start(4)) == 3
    assert list(saved.parent.iterdir()) == [saved]


KILLED = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import torch
from course import PACKAGE, lesson_module
from torch import nn

lesson = lesson_module(PACKAGE / "appendix_a_cnn")
model = nn.Linear(1000, 1000)
optimizer = torch.optim.SGD(model.parameters())
epoch = 0
while True:
    epoch += 1
    lesson.save_safely(Path(sys.argv[2]), model, optimizer, epoch)
    print(epoch, flush=True)
"""


def test_a_kill_at_any_moment_leaves_a_whole_checkpoint(tmp_path):
    paths = [tmp_path / f"{number}.pt" for number in range(4)]
    killed = [
        subprocess.Popen(
            [sys.executable, "-c", KILLED, str(PACKAGE.parent / "tests"), str(path)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for path in paths
    ]
    generator = random.Random(0)
    for path, process in zip(paths, killed, strict=True):
        with process:
            process.stdout.readline()
            time.sleep(generator.uniform(0, 0.05))
            process.kill()
            said = 1 + len(process.stdout.readlines())
        model = nn.Linear(1000, 1000)
        optimizer = torch.optim.SGD(model.parameters())
        # Killed between the new name and the word of it, one more than was said.
        epoch = lesson.load_checkpoint(path, model, optimizer)
        assert epoch in (said, said + 1)
        lesson.save_safely(path, model, optimizer, epoch + 1)
        assert not path.with_name(f"{path.name}.part").exists()


def test_a_file_without_its_end_is_an_error(saved):
    content = saved.read_bytes()
    for length in range(0, len(content), len(content) // 40):
        saved.write_bytes(content[:length])
        with pytest.raises((RuntimeError, OSError, EOFError, pickle.UnpicklingError)):
            lesson.load_checkpoint(saved, *start(7))


class Runs:
    """What a hostile pickle does on loading."""

    def __reduce__(self):
        return print, ("hostile code ran",)


def test_no_code_of_a_stranger_runs(tmp_path, capsys):
    path = tmp_path / "foreign.pt"
    torch.save({"model": Runs()}, path)
    with pytest.raises(pickle.UnpicklingError):
        lesson.load_checkpoint(path, *start(7))
    path.write_bytes(pickle.dumps(Runs(), protocol=2))
    with pytest.raises(pickle.UnpicklingError):
        lesson.load_checkpoint(path, *start(7))
    assert "hostile" not in capsys.readouterr().out


def test_the_checkpoint_of_another_network_is_an_error(saved):
    with pytest.raises(RuntimeError, match="size mismatch"):
        lesson.load_checkpoint(saved, *start(7, width=5))
