"""Checkpoints of appendix A: written in one step, resumed to the bit, refused when not whole."""

import pickle
import random
import subprocess
import sys
import time
import zipfile

from pytorch_refresher._common.console import LessonError

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


def start(seed, model=SmallCNN, optimizer=torch.optim.Adam):
    torch.manual_seed(seed)
    model = model()
    optimizer = optimizer(model.parameters(), lr=0.01)
    return model, optimizer, torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, 5)


@pytest.fixture(scope="module")
def batches():
    generator = torch.Generator().manual_seed(5)
    images = torch.randn(24, 3, 6, 6, generator=generator)
    data = TensorDataset(images, (images.mean(dim=(1, 2, 3)) > 0).long())
    return DataLoader(data, batch_size=8, shuffle=True), DataLoader(data, batch_size=8)


def fit(batches, parts, epochs, path=None):
    model, optimizer, scheduler = parts
    return lesson.fit(
        model, *batches, nn.BCEWithLogitsLoss(), optimizer, epochs, scheduler, path, show=False
    )


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
    whole = start(0, optimizer=optimizer)
    history = fit(batches, whole, 5)
    expected = everything(whole)
    path = tmp_path / "checkpoint.pt"
    fit(batches, start(0, optimizer=optimizer), stop, path)
    resumed = start(1, optimizer=optimizer)
    assert fit(batches, resumed, 5, path) == history[stop:]
    assert everything(resumed) == expected
    assert fit(batches, start(2, optimizer=optimizer), 5, path) == []


def test_it_holds_what_training_needs_and_no_code(saved):
    state = torch.load(saved, weights_only=True)
    assert {"model", "optimizer", "scheduler", "epoch", "random"} <= state.keys()
    assert state["epoch"] == 2
    assert state["random"].keys() == {"cpu"}


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "ctrl-c"]
)
@pytest.mark.parametrize("moment", ["half of it written", "all of it written", "renamed"])
def test_an_interrupted_save_leaves_the_old_one_whole(saved, monkeypatch, error, moment):
    before = saved.read_bytes()

    def stop(*_):
        raise error

    def save_half(state, file):
        file.write(before[: len(before) // 2])
        raise error

    patched = {
        "half of it written": (torch, "save", save_half),
        "all of it written": (lesson.os, "fsync", stop),
        "renamed": (lesson.os, "replace", stop),
    }
    with monkeypatch.context() as context:
        context.setattr(*patched[moment])
        with pytest.raises(type(error)):
            lesson.save_checkpoint(saved, *start(3), epoch=3)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]
    assert lesson.load_checkpoint(saved, *start(4)) == 2


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
scheduler = torch.optim.lr_scheduler.ConstantLR(optimizer)
epoch = 0
while True:
    epoch += 1
    lesson.save_checkpoint(Path(sys.argv[2]), model, optimizer, scheduler, epoch)
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
        scheduler = torch.optim.lr_scheduler.ConstantLR(optimizer)
        # Killed between the new name and the word of it, one more than was said.
        epoch = lesson.load_checkpoint(path, model, optimizer, scheduler)
        assert epoch in (said, said + 1)
        lesson.save_checkpoint(path, model, optimizer, scheduler, epoch + 1)
        assert not path.with_name(f"{path.name}.part").exists()


def refused(path, parts=None):
    """The one sentence with which a checkpoint is refused; nothing may have changed."""
    parts = parts or start(7)
    before = everything(parts)
    with pytest.raises(LessonError) as caught:
        lesson.load_checkpoint(path, *parts)
    assert everything(parts) == before
    sentence = str(caught.value)
    assert str(path) in sentence and "\n" not in sentence and sentence.endswith(".")
    return sentence


def test_a_file_without_its_end_is_refused(saved):
    content = saved.read_bytes()
    for length in range(0, len(content), len(content) // 40):
        saved.write_bytes(content[:length])
        assert "is damaged or no checkpoint" in refused(saved)


def test_a_changed_bit_is_refused_or_makes_no_difference(saved):
    parts = start(7)
    lesson.load_checkpoint(saved, *parts)
    right, content, caught = everything(parts), saved.read_bytes(), 0
    generator = random.Random(1)
    for _ in range(150):
        changed = bytearray(content)
        changed[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        saved.write_bytes(changed)
        parts = start(7)
        try:
            lesson.load_checkpoint(saved, *parts)
        except LessonError:
            caught += 1
        else:  # padding, a date: nothing that training would use
            assert everything(parts) == right
    assert caught > 30


class Runs:
    """What a hostile pickle does on loading."""

    def __reduce__(self):
        return print, ("hostile code ran",)


def test_foreign_files_are_refused(tmp_path, capsys):
    path = tmp_path / "foreign.pt"
    for content in (b"", b"not a checkpoint", pickle.dumps(Runs()), bytes(10_000)):
        path.write_bytes(content)
        assert "is damaged or no checkpoint" in refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "an archive of something else")
    assert "is damaged or no checkpoint" in refused(path)
    for state in (Runs(), nn.Linear(2, 2), nn.Linear(2, 2).state_dict(), [1, 2], torch.ones(3)):
        torch.save(state, path)
        assert "is damaged or no checkpoint" in refused(path)
    assert "hostile" not in capsys.readouterr().out


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    assert "cannot be read" in refused(tmp_path / "missing.pt")
    assert "cannot be read" in refused(tmp_path)


def test_the_checkpoint_of_another_training_is_refused(saved):
    wider = start(7, model=lambda: SmallCNN(width=5))
    other_optimizer = start(7, optimizer=torch.optim.SGD)
    model, _, _ = start(7)
    weights = list(model.parameters())
    groups = torch.optim.Adam([{"params": weights[:2]}, {"params": weights[2:]}])
    other_groups = model, groups, torch.optim.lr_scheduler.LinearLR(groups)
    model, optimizer, _ = start(7)
    other_scheduler = model, optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer)
    other_model = start(7, model=lambda: nn.Sequential(*SmallCNN()))
    for parts in (wider, other_optimizer, other_groups, other_scheduler, other_model):
        sentence = refused(saved, parts)
        assert "belongs to another training (SmallCNN, Adam, LinearLR)" in sentence
