"""Appendix B: the checks that mark your practice answers."""

import copy
import math
import weakref
from collections.abc import Callable

from pytorch_refresher._common.marking import expect, expect_type

import torch
from torch import Tensor, nn


class _Machine:
    """Devices that take orders at once and time to carry them out, on a clock of its own.

    On the CPU an order is carried out before the call returns. All seconds are sums of powers
    of 2, so that nothing is rounded.
    """

    ORDER = 1 / 64  # seconds that giving an order takes

    def __init__(self, work: dict[str, float]) -> None:
        self.work = work  # seconds that a step takes, by device
        self.now = 1024.0
        self.waiting = dict.fromkeys(work, 0.0)  # seconds of work ordered and not yet done
        self.orders = dict.fromkeys(work, 0)

    def make_step(self, device: torch.device) -> Callable[[], None]:
        name = str(device)
        self.now += 8  # building the model

        def step() -> None:
            count = self.orders[name]
            self.orders[name] += 1
            self.waiting[name] += self.work[name] * (16 if count == 0 else 1 + count % 4 / 8)
            self.now += self.ORDER
            if name == "cpu":
                self.wait(device)

        return step

    def wait(self, device: torch.device) -> None:
        self.now += self.waiting[str(device)]
        self.waiting[str(device)] = 0.0

    def clock(self) -> float:
        return self.now


def check_benchmark_training(answer) -> None:
    # No accelerator is needed here: a device is only a name, and the clock is the machine's own.
    for steps, work in ((5, {"cpu": 4.0, "cuda:1": 0.5}), (3, {"xpu:0": 1.0, "cpu": 2.0})):
        machine = _Machine(work)
        devices = [torch.device(name) for name in work]
        seconds = answer(machine.make_step, devices, machine.wait, machine.clock, steps)
        expect_type(seconds, dict, "the result")
        expect(
            set(seconds) == set(work),
            f"the keys are {list(map(str, seconds))}, expected {list(work)}: str(device) of each",
        )
        for name, once in work.items():
            took = seconds[name]
            expect(
                isinstance(took, (int, float)) and not isinstance(took, bool),
                f"the seconds of {name} are a {type(took).__name__}, expected a float",
            )
            timed = [once * (1 + count % 4 / 8) for count in range(1, steps + 1)]
            order = _Machine.ORDER
            mean = sum(timed) / steps + order

            def matches(wrong: float, took=took) -> bool:
                return math.isclose(took, wrong, rel_tol=1e-6)

            with_first = sum(timed) + 16 * once
            expect(
                not matches(order) and not matches(order + 16 * once / steps),
                f"{name}: the clock is read before the work is done, wait(device) comes first",
            )
            expect(
                not matches(with_first / steps + order),
                f"{name}: the work of the first step is timed too: wait(device) after it",
            )
            expect(
                not any(
                    matches((with_first + (steps + 1) * order) / count)
                    for count in (steps, steps + 1)
                ),
                f"{name}: the first step is timed too; run it before you read the clock",
            )
            expect(
                not matches(mean * steps),
                f"{name}: that is the time of all {steps} steps: divide by their number",
            )
            expect(not matches(1 / mean), f"{name}: those are steps a second: turn it around")
            expect(
                math.isclose(took, mean, rel_tol=1e-6),
                f"{name}: a step took {mean:.4g} seconds on this check's clock, yours says {took:.4g}",
            )
            expect(
                machine.orders[name] == steps + 1,
                f"{name}: {machine.orders[name]} steps were run, expected 1 untimed and {steps} timed",
            )


def _relative_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """A mean over samples in which outputs and targets must not change places."""
    return ((outputs - targets) ** 2 / (1 + targets**2)).mean()


def _trained(
    model: nn.Module,
    batches: list,
    every: int,
    *,
    divide_by: Callable = lambda group, every: len(group),
    keep_stale: bool = False,
    never_zero: bool = False,
    only_last: bool = False,
    drop_rest: bool = False,
    step_each: bool = False,
    swapped: bool = False,
) -> nn.Module:
    """A copy of `model`, trained in the right way, or in the wrong one that the flags name."""
    stale = [parameter.grad.clone() for parameter in model.parameters()]
    model = copy.deepcopy(model)
    for parameter, grad in zip(model.parameters(), stale, strict=True):
        parameter.grad = grad if keep_stale or never_zero else None
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    groups = [batches[i : i + every] for i in range(0, len(batches), every)]
    for group in groups:
        if drop_rest and len(group) < every:
            continue
        for inputs, targets in group:
            if only_last:
                optimizer.zero_grad()
            pair = (targets, model(inputs)) if swapped else (model(inputs), targets)
            (_relative_loss(*pair) / divide_by(group, every)).backward()
            if step_each:
                optimizer.step()
        if not step_each:
            optimizer.step()
        if not never_zero:
            optimizer.zero_grad()
    return model


def check_train_accumulated(answer) -> None:
    for count, every in ((6, 3), (7, 3), (4, 1), (2, 5)):
        model = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2))
        batches = [(torch.randn(4, 3), 2 * torch.randn(4, 2)) for _ in range(count)]
        for parameter in model.parameters():
            parameter.grad = torch.randn_like(parameter)  # left over from something earlier
        expected = _trained(model, batches, every)
        wrong = {
            "the losses of a group add up to more than their mean: divide each by their number": {
                "divide_by": lambda group, every: 1
            },
            "the batches left at the end are fewer: divide their losses by how many there are": {
                "divide_by": lambda group, every: every
            },
            "the batches left at the end take part in no step": {"drop_rest": True},
            "what .grad held at the start takes part in the first step": {"keep_stale": True},
            "the gradients of one step take part in the next: zero_grad() after each step": {
                "never_zero": True
            },
            "criterion takes the outputs first, then the targets": {"swapped": True},
            "zero_grad() comes between the batches of a group: only the last one counts": {
                "only_last": True
            },
        }
        sizes, taken = [], []
        start = copy.deepcopy(model)
        for parameter, old in zip(start.parameters(), model.parameters(), strict=True):
            parameter.grad = old.grad.clone()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
        optimizer.register_step_post_hook(lambda *_, taken=taken: taken.append(1))
        model.register_forward_pre_hook(lambda _, inputs, sizes=sizes: sizes.append(len(inputs[0])))
        result = answer(model, optimizer, _relative_loss, batches, every)

        steps = math.ceil(count / every)
        setting = f"{count} batches, accumulation_steps={every}"
        expect_type(result, int, "the result, the number of steps,")
        expect(
            max(sizes, default=0) <= 4,
            f"the model got {max(sizes, default=0)} samples at once: "
            "they are meant not to fit, take one batch of 4 at a time",
        )
        actual = nn.utils.parameters_to_vector(model.parameters()).detach()

        def matches(other: nn.Module, actual=actual) -> bool:
            values = nn.utils.parameters_to_vector(other.parameters()).detach()
            return torch.allclose(actual, values, rtol=1e-4, atol=1e-5)

        if not matches(expected):
            expect(
                not matches(start), f"{setting}: the model is as it was: did the optimizer step?"
            )
            for hint, flags in wrong.items():
                expect(not matches(_trained(start, batches, every, **flags)), f"{setting}: {hint}")
            expect(
                len(taken) == steps,
                f"{setting}: the optimizer took {len(taken)} steps, expected {steps}",
            )
            expect(False, f"{setting}: the parameters are not those that the large batches lead to")
        expect(
            result == steps and len(taken) == steps,
            f"{setting}: the optimizer takes {steps} steps, yours took {len(taken)} and you "
            f"return {result}",
        )


class _Memory:
    """Keeps the memory of tensors that are gone, as the allocator of an accelerator does."""

    def __init__(self, allocated: int, reserved: int) -> None:
        self.allocated, self.reserved = allocated, reserved
        self.calls = {"work": 0, "empty_cache": 0}
        self.held_when_emptied = []

    def memory_allocated(self) -> int:
        return self.allocated

    def memory_reserved(self) -> int:
        return self.reserved

    def empty_cache(self) -> None:
        self.calls["empty_cache"] += 1
        self.held_when_emptied.append(self.allocated)
        self.reserved = self.allocated

    def work(self, size: int) -> Tensor:
        self.calls["work"] += 1
        tensor = torch.zeros(size // 4)
        self.allocated += size
        self.reserved = max(self.reserved, self.allocated)
        weakref.finalize(tensor, self.free, size)
        return tensor

    def free(self, size: int) -> None:
        self.allocated -= size


def check_profile_empty_cache(answer) -> None:
    for size in (8_000, 2_000):  # more than what is reserved at the start, and less
        memory = _Memory(allocated=1_000, reserved=5_000)
        result = answer(memory, lambda memory=memory, size=size: memory.work(size))
        expect_type(result, dict, "the result")
        reserved = max(5_000, 1_000 + size)
        expected = {
            "start": (1_000, 5_000),
            "working": (1_000 + size, reserved),
            "freed": (1_000, reserved),
            "emptied": (1_000, 1_000),
        }
        expect(
            set(result) == set(expected),
            f"the keys are {list(map(str, result))}, expected {list(expected)}",
        )
        for name, pair in result.items():
            expect(
                isinstance(pair, (tuple, list)) and len(pair) == 2,
                f"'{name}' must be a pair: (allocated, reserved)",
            )
        found = {name: tuple(result[name]) for name in expected}
        expect(
            found != {name: pair[::-1] for name, pair in expected.items()},
            "the pairs are the wrong way round: allocated comes first",
        )
        expect(
            found["start"] == expected["start"],
            f"'start' is {found['start']}, expected {expected['start']}: read it before all else",
        )
        expect(
            found["working"] != (1_000, reserved),
            "'working' shows nothing of the result of work(): keep it in a variable",
        )
        expect(
            found["working"] == expected["working"],
            f"'working' is {found['working']}, expected {expected['working']}",
        )
        expect(
            found["freed"] != expected["working"],
            "'freed' is the same as 'working': the result of work() is still referred to",
        )
        expect(
            memory.held_when_emptied != [1_000 + size],
            "empty_cache() came while the result of work() was alive: that much stays reserved",
        )
        expect(
            found["freed"] != expected["emptied"],
            "'freed' comes before empty_cache(): the memory must still be reserved",
        )
        expect(
            found["freed"] == expected["freed"],
            f"'freed' is {found['freed']}, expected {expected['freed']}",
        )
        expect(
            found["emptied"] != expected["freed"],
            "'emptied' is the same as 'freed': read it after empty_cache()",
        )
        expect(
            found["emptied"] == expected["emptied"],
            f"'emptied' is {found['emptied']}, expected {expected['emptied']}",
        )
        for name, times in memory.calls.items():
            expect(times == 1, f"{name}() was called {times} times, expected once")
