"""Appendix A: the checks that mark your practice answers."""

import contextlib
import copy
import math
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from pytorch_refresher._common.marking import expect, expect_parts, expect_type, reject

import torch
from torch import Tensor, nn

# Problem 1


def _stripes(channels: int, count: int, size: int) -> list[tuple[Tensor, Tensor]]:
    """Batches of images under noise, with stripes that run across or down."""
    stripes = torch.tensor([1.0, -1.0]).repeat(4).expand(8, 8)
    labels = torch.randint(2, (count,))
    images = torch.where(labels[:, None, None] == 1, stripes, stripes.T)[:, None]
    images = images + 2 * torch.randn(count, channels, 8, 8) + 1
    return list(zip(images.split(size), labels.split(size), strict=True))


def _networks() -> list[nn.Sequential]:
    first = [nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    second = [nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 16, 1)]
    small = nn.Conv2d(1, 5, 5, bias=False), nn.Tanh(), nn.Flatten(), nn.Linear(5 * 16, 1)
    return [nn.Sequential(*first, *second), nn.Sequential(*small)]


def _with_norms(model: nn.Sequential) -> nn.Sequential:
    layers = []
    for layer in copy.deepcopy(model):
        is_conv = isinstance(layer, nn.Conv2d)
        layers += [layer, nn.BatchNorm2d(layer.out_channels)] if is_conv else [layer]
    return nn.Sequential(*layers)


def _trained(model: nn.Module, batches, epochs: int, **change) -> list[float]:
    """Train a model as the problem asks for, or in another way, and return the losses."""
    model.train(change.get("training", True))
    optimizer = change.get("optimizer", torch.optim.Adam)(model.parameters())
    losses = []
    for _ in range(epochs):
        total = 0.0
        for images, labels in batches:
            if change.get("clear", True):
                optimizer.zero_grad()
            loss = nn.BCEWithLogitsLoss()(model(images)[:, 0], labels.float())
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total / len(batches))
    return losses


def _expect_losses(ours, start: nn.Sequential, batches, epochs: int, what: str) -> nn.Module:
    """Hold an answer's losses to the training that is asked for; return the model it gives."""
    expect(isinstance(ours, (list, tuple)), f"{what} is not a list")
    expect(len(ours) == epochs, f"{what}: {epochs} epochs give {epochs} losses, not {len(ours)}")
    for value in ours:
        expect_type(value, float, f"a loss in {what}")
    model = copy.deepcopy(start)
    right = _trained(model, batches, epochs)
    known = {
        "learned from gradients that add up: zero_grad() before each backward()": {"clear": False},
        "was trained with SGD, expected Adam": {"optimizer": torch.optim.SGD},
        "was trained in eval mode: call train()": {"training": False},
    }
    ours, right = torch.tensor(ours), torch.tensor(right)
    mistakes = {
        f"{what}: take the mean over the batches, not their sum": right * len(batches),
    }
    for hint, change in known.items():
        other = _trained(copy.deepcopy(start), batches, epochs, **change)
        mistakes[f"{what}: the network {hint}"] = torch.tensor(other)
    reject(ours, right, mistakes)
    for epoch, (loss, expected) in enumerate(zip(ours.tolist(), right.tolist(), strict=True), 1):
        expect(
            math.isclose(loss, expected, rel_tol=2e-3),
            f"{what} are {loss:.4f} in epoch {epoch}, expected {expected:.4f}: same starting "
            "weights? Adam's defaults? the batches in order?",
        )
    return model


def check_compare_batch_norm(answer) -> None:
    for number, epochs in ((0, 1), (0, 3), (1, 2)):
        model, channels = _networks()[number], (3, 1)[number]
        batches = _stripes(channels, 55, 15)  # the last batch is smaller
        before, given = copy.deepcopy(model.state_dict()), copy.deepcopy(batches)
        result = answer(model, given, epochs)
        names = "the second model", "the losses of the copy", "the losses of the second model"
        normalized, plain, with_norm = expect_parts(result, *names)
        same = all(torch.equal(before[key], value) for key, value in model.state_dict().items())
        expect(
            same, "model has changed: train a copy.deepcopy(), and build the second from another"
        )
        kept = all(torch.equal(*pair) for old, new in zip(batches, given, strict=True)
                   for pair in zip(old, new, strict=True))  # fmt: skip
        expect(kept, "the batches have changed: only read them")

        expect_type(normalized, nn.Sequential, names[0])
        second = _with_norms(model)
        ours, right = (
            ", ".join(type(each).__name__ for each in network.modules() if not [*each.children()])
            for network in (normalized, second)
        )
        expect("BatchNorm2d" in ours, "the second model has no nn.BatchNorm2d")
        expect(ours == right, f"the second model's layers are {ours}, expected {right}")
        _expect_losses(plain, model, batches, epochs, names[1])
        trained = _expect_losses(with_norm, second, batches, epochs, names[2])
        # Compared in their order: an answer may give the layers other names.
        found, right = ([*each.state_dict().values()] for each in (normalized, trained))
        same = [each.shape for each in found] == [each.shape for each in right] and all(
            torch.allclose(ours.float(), value.float(), rtol=0.02, atol=5e-3)
            for ours, value in zip(found, right, strict=True)
        )
        hint = "the second model is not the one whose losses you return: return it trained"
        expect(same, hint)


# Problem 2


def _watched(peaks: list[float]) -> tuple:
    """An optimizer, a train_one_epoch(), and the rates that it finds in each group."""
    weights = [nn.Parameter(torch.ones(2)) for _ in peaks]
    groups = [{"params": [each], "lr": peak} for each, peak in zip(weights, peaks, strict=True)]
    optimizer, seen = torch.optim.SGD(groups), []

    def train_one_epoch() -> None:
        seen.append([group["lr"] for group in optimizer.param_groups])
        optimizer.zero_grad()
        sum(weight.sum() for weight in weights).backward()
        optimizer.step()

    return optimizer, train_one_epoch, seen


def _shares(epochs: int, warmup: int, first: int = 1, end: int = 1) -> Tensor:
    """The share of the peak in each epoch; other values of `first` and `end` are mistakes."""
    shares = []
    for epoch in range(first, first + epochs):
        angle = math.pi * (epoch - warmup) / max(epochs + end - warmup, 1)
        shares.append(epoch / warmup if epoch <= warmup and warmup else (1 + math.cos(angle)) / 2)
    return torch.tensor(shares, dtype=torch.float64)


def check_train_with_warmup(answer) -> None:
    for peaks, epochs, warmup in (
        ([0.8], 8, 3),
        ([0.1, 0.01], 5, 1),
        ([0.4, 2.0], 4, 0),
        ([3.0], 6, 5),
    ):
        case = f"with epochs={epochs} and warmup={warmup}"
        optimizer, train_one_epoch, seen = _watched(peaks)
        rates = answer(optimizer, train_one_epoch, epochs, warmup)
        ran = f"{case}, train_one_epoch() must run {epochs} times, yours ran {len(seen)}"
        expect(len(seen) == epochs, ran)
        shares = _shares(epochs, warmup)
        for number, peak in enumerate(peaks):
            ours = torch.tensor([each[number] for each in seen], dtype=torch.float64)
            late = torch.cat([torch.ones(1, dtype=torch.float64), shares[:-1]])
            known = {
                "the rate never changed: set group['lr'] of each group": torch.ones(epochs),
                "each parameter group has its own peak": shares * peaks[0] / peak,
                "the schedule comes an epoch late: set the rate before the training": late,
                "epochs are counted from 1": _shares(epochs, warmup, first=0),
                "the cosine must not reach 0 in the last epoch": _shares(epochs, warmup, end=0),
                "there's no warmup": _shares(epochs, 0),
            }
            reject(
                ours,
                shares * peak,
                {f"{case}: {hint}": peak * other for hint, other in known.items()},
            )
            for epoch, (rate, right) in enumerate(
                zip(ours.tolist(), (shares * peak).tolist(), strict=True), 1
            ):
                hint = f"{case}, epoch {epoch} must train at {right:.6g}, yours does at {rate:.6g}"
                expect(math.isclose(rate, right, rel_tol=1e-6), hint)
        expect(isinstance(rates, (list, tuple)), f"{case}: return a list of rates")
        expect(len(rates) == epochs, f"{case}, return {epochs} rates, not {len(rates)}")
        for rate, (first, *_) in zip(rates, seen, strict=True):
            expect_type(rate, float, "a rate")
            hint = (
                f"{case}, an epoch trained at {first:.6g} in the first group, you return {rate:.6g}"
            )
            expect(math.isclose(rate, first, rel_tol=1e-6), hint)


# Problem 3


class _Stopped(Exception):
    """Stands for whatever ends a training too early."""


class _Training:
    """A model with dropout, its optimizer, and a train_one_epoch() that may be stopped."""

    def __init__(self, seed: int, stop_in: int | None = None) -> None:
        torch.manual_seed(seed)
        self.model = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.Linear(6, 1))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.05)
        self.ran, self.stop_in = 0, stop_in

    def train_one_epoch(self) -> None:
        self.ran += 1
        for _ in range(2):
            self.optimizer.zero_grad()
            self.model(torch.randn(5, 4)).square().mean().backward()
            self.optimizer.step()
            if self.ran == self.stop_in:
                raise _Stopped

    def weights(self) -> Tensor:
        return torch.cat([each.detach().flatten() for each in self.model.parameters()])


class _Harmful:
    """A stranger's object: unpickling it runs a call, here one that makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@contextlib.contextmanager
def _renames(path: Path) -> Iterator[list[bool]]:
    """Watch what is renamed to `path`: was it a whole checkpoint, and the old one still there?"""
    found = []

    def watch(rename):
        def renamed(source, target, **options):
            if Path(target) == path:
                with contextlib.suppress(Exception):
                    torch.load(source, weights_only=True)
                    found.append(path.exists() or not had_one)
            return rename(source, target, **options)

        return renamed

    had_one = path.exists()
    with (
        mock.patch.object(os, "replace", watch(os.replace)),
        mock.patch.object(os, "rename", watch(os.rename)),
    ):
        yield found


def _go_on(answer, path: Path, training: _Training, epochs: int, expected: int, case: str) -> None:
    """Call the answer, which has `expected` epochs left to train, and look at what it does."""
    try:
        with _renames(path) as renames:
            given = training.model, training.optimizer, training.train_one_epoch
            count = answer(path, *given, epochs)
    except _Stopped:
        count = expected
    ran = f"{case}, train_one_epoch() must run {expected} times, yours ran {training.ran}"
    expect(training.ran == expected, ran)
    saved = expected - (training.stop_in is not None)
    expect(path.is_file(), f"{case}, there is no checkpoint at path")
    try:
        torch.load(path, weights_only=True)
    except Exception:
        hint = "torch.load(path, weights_only=True) refuses the checkpoint: save state_dict()s, tensors"
        expect(False, f"{hint} and numbers, no model or optimizer itself")
    hint = (
        f"{case}, if writing fails half-way, the checkpoint before is gone: write all of it under"
    )
    expect(sum(renames) >= saved, f"{hint} another name, then os.replace() the old one")
    expect_type(count, int, "what you return")
    expect(count == expected, f"{case}, return {expected}, you return {count}")


@torch.random.fork_rng(devices=[])  # it sets seeds of its own
def check_train_with_checkpoints(answer) -> None:
    whole = _Training(seed=0)
    after = [whole.weights()]
    for _ in range(5):
        whole.train_one_epoch()
        after.append(whole.weights())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.pt"
        for seed, epochs, left, stop_in, case in (
            (0, 2, 2, None, "from nothing to epoch 2"),
            (1, 2, 0, None, "with all of 2 epochs done"),
            (2, 5, 2, 2, "from epoch 2, stopped in epoch 4"),
            (3, 3, 0, None, "stopped in epoch 4, 3 epochs are done"),
            (4, 5, 2, None, "from epoch 3 to epoch 5"),
            (5, 1, 0, None, "with 5 epochs done and 1 asked for"),
        ):
            training = _Training(seed, stop_in)
            _go_on(answer, path, training, epochs, left, case)
            if stop_in is None and epochs > 1:
                hint = f"{case}, the weights differ from those of training without a stop: does the"
                same = torch.equal(training.weights(), after[epochs])
                expect(same, f"{hint} checkpoint hold model, optimizer and random state?")

        ran_a_call = Path(folder) / "ran a call"
        torch.save(_Harmful(ran_a_call), path)
        stranger = _Training(seed=6)
        with contextlib.suppress(Exception):  # right answers refuse the file
            answer(path, stranger.model, stranger.optimizer, stranger.train_one_epoch, 1)
        hint = "loading a stranger's file ran what the file says: torch.load with weights_only=True"
        expect(not ran_a_call.exists(), hint)
