"""Appendix A: the checks that mark your practice answers."""

import contextlib
import copy
import math
import tempfile
from pathlib import Path
from unittest import mock

from pytorch_refresher._common.marking import expect, expect_parts, expect_type

import torch
from torch import Tensor, nn

from .solutions import compare_batch_norm


def check_compare_batch_norm(answer) -> None:
    # Small pictures under noise: labels say whether the stripes run across or down.
    stripes = torch.tensor([1.0, -1.0]).repeat(4).expand(8, 8)
    labels = torch.randint(2, (60,))
    images = torch.where(labels[:, None, None] == 1, stripes, stripes.T)
    images = images[:, None] + 2 * torch.randn(60, 3, 8, 8) + 1
    batches = list(zip(images.split(15), labels.split(15), strict=True))
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(6 * 16, 1),
    )
    before = copy.deepcopy(model.state_dict())
    for epochs in (1, 3):
        normalized, plain, with_norm = expect_parts(
            answer(model, batches, epochs),
            "the second model",
            "the losses of the copy",
            "the losses of the second model",
        )
        expect(
            all(torch.equal(before[name], value) for name, value in model.state_dict().items())
            and len(before) == len(model.state_dict()),
            "model has changed: train a copy.deepcopy() of it, and build the second from another",
        )
        expect_type(normalized, nn.Sequential, "the second model")
        kinds = [type(layer) for layer in normalized]
        expect(
            nn.BatchNorm2d in kinds,
            "the second model has no nn.BatchNorm2d: append one to the layers after each conv",
        )
        expected_kinds = []
        for layer in model:
            expected_kinds.append(type(layer))
            if isinstance(layer, nn.Conv2d):
                expected_kinds.append(nn.BatchNorm2d)
        expect(
            kinds == expected_kinds,
            f"the second model's layers are {', '.join(kind.__name__ for kind in kinds)}, "
            f"expected {', '.join(kind.__name__ for kind in expected_kinds)}",
        )
        for losses, what in ((plain, "copy"), (with_norm, "second model")):
            expect_type(losses, list, f"the losses of the {what}")
            expect(
                len(losses) == epochs,
                f"{epochs} epochs give {epochs} losses, those of the {what} are {len(losses)}",
            )
            for value in losses:
                expect_type(value, float, f"a loss of the {what}")
        reference = compare_batch_norm(model, batches, epochs)
        expect(
            not math.isclose(plain[0], reference[1][0] * len(batches), rel_tol=1e-3),
            "an epoch's loss is the mean over its batches, not their sum",
        )
        statistics = [layer.running_mean for layer in normalized if hasattr(layer, "running_mean")]
        expect(
            all(mean.abs().max() > 0 for mean in statistics),
            "the running statistics never moved: train the second model in train() mode",
        )
        for losses, wanted, what in (
            (plain, reference[1], "copy without batch normalization"),
            (with_norm, reference[2], "second model"),
        ):
            for epoch, (value, target) in enumerate(zip(losses, wanted, strict=True), start=1):
                expect(
                    math.isclose(value, target, rel_tol=2e-3),
                    f"the {what} has loss {value:.4f} in epoch {epoch}, expected {target:.4f}: same "
                    "starting weights? Adam's defaults? zero_grad()? the batches in order?",
                )
        for name, value in reference[0].state_dict().items():
            expect(
                torch.allclose(
                    normalized.state_dict()[name].float(), value.float(), rtol=0.02, atol=5e-3
                ),
                "the second model is not the one whose losses you return: return it trained",
            )


def check_train_with_warmup(answer) -> None:
    for peaks, epochs, warmup in (([0.8], 8, 3), ([0.1, 0.01], 5, 1), ([0.4], 4, 0)):
        case = f"with epochs={epochs} and warmup={warmup}"
        weights = [nn.Parameter(torch.ones(2)) for _ in peaks]
        groups = [
            {"params": [weight], "lr": peak} for weight, peak in zip(weights, peaks, strict=True)
        ]
        optimizer = torch.optim.SGD(groups)
        seen = []

        def train_one_epoch(seen=seen, optimizer=optimizer, weights=weights) -> None:
            seen.append([group["lr"] for group in optimizer.param_groups])
            optimizer.zero_grad()
            sum(weight.sum() for weight in weights).backward()
            optimizer.step()

        rates = answer(optimizer, train_one_epoch, epochs, warmup)
        expect(
            len(seen) == epochs,
            f"{case}, train_one_epoch() must run {epochs} times, yours ran {len(seen)}",
        )
        shares = [
            epoch / warmup
            if epoch <= warmup
            else (1 + math.cos(math.pi * (epoch - warmup) / (epochs + 1 - warmup))) / 2
            for epoch in range(1, epochs + 1)
        ]
        for number, peak in enumerate(peaks):
            ours = [rates_then[number] for rates_then in seen]
            expect(
                not all(math.isclose(rate, peak) for rate in ours),
                f"{case}, the optimizer trained at the rate {peak} all the time: set group['lr'] "
                "of each of optimizer.param_groups, before train_one_epoch()",
            )
            expect(
                number == 0 or not math.isclose(ours[-1], shares[-1] * peaks[0], rel_tol=1e-6),
                "each parameter group has its own peak",
            )
            expect(
                not all(
                    math.isclose(rate, share * peak, rel_tol=1e-6)
                    for rate, share in zip(ours[1:], shares, strict=False)
                ),
                f"{case}, the schedule comes an epoch late: the rate of epoch 1 must be set before "
                "its training",
            )
            for epoch, (rate, share) in enumerate(zip(ours, shares, strict=True), start=1):
                expect(
                    math.isclose(rate, share * peak, rel_tol=1e-6),
                    f"{case}, epoch {epoch} must train at {share * peak:.6g}, yours does at {rate:.6g}",
                )
        expect_type(rates, list, "what you return")
        expect(
            len(rates) == epochs,
            f"{case}, {epochs} rates must come back, you return {len(rates)}",
        )
        for rate, (first, *_) in zip(rates, seen, strict=True):
            expect_type(rate, float, "a rate")
            expect(
                math.isclose(rate, first, rel_tol=1e-6),
                f"{case}, an epoch trained at {first:.6g} and you return {rate:.6g}: note the rate "
                "of the first group at which the epoch trained",
            )


class Stopped(Exception):
    """Stands for whatever ends a training too early."""


def small_training(seed: int, stop_in: int | None = None):
    """A model under dropout, its optimizer, its train_one_epoch() and the epochs that ran."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.Linear(6, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    ran = []

    def train_one_epoch() -> None:
        ran.append(True)
        for _ in range(2):
            optimizer.zero_grad()
            model(torch.randn(5, 4)).square().mean().backward()
            optimizer.step()
            if len(ran) == stop_in:
                raise Stopped

    return model, optimizer, train_one_epoch, ran


class _Harmful:
    """A stranger's object: unpickling it runs a call, here one that makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def weights_of(model: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


@torch.random.fork_rng(devices=[])  # it sets seeds of its own
def check_train_with_checkpoints(answer) -> None:
    model, _, train_one_epoch, _ = small_training(seed=0)
    after = {0: weights_of(model)}
    for epoch in range(1, 6):
        train_one_epoch()
        after[epoch] = weights_of(model)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.pt"

        def go_on(seed: int, epochs: int, expected: int, case: str, stop_in: int | None = None):
            model, optimizer, train_one_epoch, ran = small_training(seed, stop_in)
            try:
                count = answer(path, model, optimizer, train_one_epoch, epochs)
            except Stopped:
                count = None
            expect(
                len(ran) == expected,
                f"{case}, train_one_epoch() must run {expected} times, yours ran {len(ran)}",
            )
            if stop_in is None:
                expect_type(count, int, "what you return")
                expect(count == expected, f"{case}, return {expected}, you return {count}")
                what = "the weights differ from those of training without a stop"
                expect(
                    torch.equal(weights_of(model), after[epochs]),
                    f"{case}, {what}: does the checkpoint hold model, optimizer and random state?",
                )

        go_on(0, 2, 2, "from nothing to epoch 2")
        expect(path.is_file(), "there is no checkpoint at path after training")
        try:
            torch.load(path, weights_only=True)
        except Exception:
            expect(
                False,
                "torch.load(path, weights_only=True) refuses the checkpoint: save state_dict()s, "
                "tensors and numbers, no model or optimizer itself",
            )
        go_on(1, 2, 0, "with all of 2 epochs done")
        go_on(1, 5, 2, "from epoch 2, stopped in epoch 4", stop_in=2)
        go_on(2, 3, 0, "stopped in epoch 4, 3 epochs are done")

        # A disk that fills while a checkpoint is written: half of it gets there.
        def save_half(state: object, file, *rest, **options) -> None:
            half = b"PK\x03\x04 and no more"
            if hasattr(file, "write"):
                file.write(half)
            else:
                Path(file).write_bytes(half)
            raise OSError("no space left on device")

        model, optimizer, train_one_epoch, _ = small_training(3)
        saved = mock.patch.object(torch, "save", save_half)
        try:
            with saved:
                answer(path, model, optimizer, train_one_epoch, 4)
        except OSError:
            pass
        expect(path.is_file(), "when writing failed, the checkpoint before was gone")
        try:
            torch.load(path, weights_only=True)
        except Exception:
            expect(
                False,
                "a write that failed half-way destroyed the checkpoint before: write to another "
                "name, then os.replace() it",
            )
        go_on(4, 5, 2, "after a write that failed")

        model, optimizer, train_one_epoch, ran = small_training(5)
        count = answer(path, model, optimizer, train_one_epoch, 1)
        case = "with 5 epochs done and 1 asked for"
        expect(not ran, f"{case}, train_one_epoch() must not run, yours ran {len(ran)} times")
        expect(count == 0, f"{case}, return 0, you return {count}: this call has trained none")

        ran_a_call = Path(folder) / "ran a call"
        torch.save(_Harmful(ran_a_call), path)
        with contextlib.suppress(Exception):  # right answers refuse the file
            answer(path, *small_training(6)[:3], 1)
        expect(
            not ran_a_call.exists(),
            "loading a stranger's file ran what the file says: torch.load with weights_only=True",
        )
