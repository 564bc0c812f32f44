"""Appendix B: the checks that mark your practice answers."""

import copy
import math
import weakref
from collections.abc import Callable

from pytorch_refresher._common.marking import expect, expect_close, expect_type, reject

import torch
from torch import Tensor, nn

from .solutions import benchmark_training


class _Machine:
    """Devices on a clock of its own, which work while the CPU gives them the next order.

    On the CPU an order is carried out before the call returns. All seconds are sums of powers of
    2, so that nothing is rounded.
    """

    ORDER = 1 / 4  # seconds that giving an order takes

    def __init__(self, work: dict[str, float]) -> None:
        self.work = work  # seconds that a step takes, by device
        self.now = 1024.0
        self.busy_until = dict.fromkeys(work, 0.0)
        self.orders = dict.fromkeys(work, 0)

    def make_step(self, device: torch.device) -> Callable[[], None]:
        name = str(device)
        self.now += 8  # building the model

        def step() -> None:
            number = self.orders[name]
            self.orders[name] += 1
            self.now += self.ORDER
            takes = self.work[name] * (16 if number == 0 else 1 + number % 4 / 8)
            self.busy_until[name] = max(self.now, self.busy_until[name]) + takes
            if name == "cpu":
                self.wait(device)

        return step

    def wait(self, device: torch.device) -> None:
        self.now = max(self.now, self.busy_until[str(device)])

    def clock(self) -> float:
        return self.now


def _timed(machine: _Machine, devices: list, steps: int, *, warm=True, first=True, each=False, last=True) -> dict:  # fmt: skip
    """What somebody measures who leaves out the warm-up, a wait before or after, or waits each time."""
    seconds = {}
    for device in devices:
        step = machine.make_step(device)
        if warm:
            step()
        if first:
            machine.wait(device)
        start = machine.clock()
        for _ in range(steps):
            step()
            if each:
                machine.wait(device)
        if last:
            machine.wait(device)
        seconds[str(device)] = (machine.clock() - start) / steps
    return seconds


def check_benchmark_training(answer) -> None:
    # No accelerator is needed here: a device is only a name, and the clock is the machine's own.
    for steps, work in ((5, {"cpu": 4.0, "cuda:1": 0.5}), (3, {"xpu:0": 1.0, "cpu": 2.0})):
        machine, devices = _Machine(work), [torch.device(name) for name in work]
        asked = (machine.make_step, list(devices), machine.wait, machine.clock)
        seconds = answer(*asked, steps)
        other = _Machine(work)
        right = benchmark_training(other.make_step, devices, other.wait, other.clock, steps)
        expect_type(seconds, dict, "the result")
        expect(asked[1] == devices, "devices is the caller's list: leave it as it is")
        expect(
            not any(isinstance(key, torch.device) for key in seconds),
            "the keys are devices: use their names, str(device)",
        )
        expect(set(seconds) == set(work), f"the keys are {list(seconds)}, expected {list(work)}")
        hints = {
            "the clock is read before the work is done: wait(device) comes first": {"last": False},
            "the work of the first step is still running when the clock starts: wait(device) "
            "after it": {"first": False},
            "the first step is timed too: run it before you read the clock": {"warm": False},
            "you wait after every step, so the device idles while the next one is ordered: wait "
            "once, at the end": {"each": True},
        }
        wrong = {hint: _timed(_Machine(work), devices, steps, **how) for hint, how in hints.items()}
        for name, mean in right.items():
            expect_type(seconds[name], float, f"the seconds of {name}")
            mistakes = {f"{name}: {hint}": found[name] for hint, found in wrong.items()}
            mistakes |= {
                f"{name}: that is the time of all {steps} steps: divide by their number": mean * steps,
                f"{name}: divided by {steps + 1}, but the first step isn't timed": mean * steps / (steps + 1),
                f"{name}: those are steps per second: turn the fraction over": 1 / mean,
            }  # fmt: skip
            reject(seconds[name], mean, mistakes)
            expect_close(float(seconds[name]), mean, f"the mean time of a step on {name}")
            ran = machine.orders[name]
            expect(ran == steps + 1, f"{name}: {ran} steps were run, expected 1 and {steps}")


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
    swapped: bool = False,
) -> Tensor:
    """The parameters after training in the right way, or in the wrong one that the flags name."""
    stale = [parameter.grad.clone() for parameter in model.parameters()]
    model = copy.deepcopy(model)
    for parameter, grad in zip(model.parameters(), stale, strict=True):
        parameter.grad = grad if keep_stale or never_zero else None
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    for group in (batches[i : i + every] for i in range(0, len(batches), every)):
        if drop_rest and len(group) < every:
            continue
        for inputs, targets in group:
            if only_last:
                optimizer.zero_grad()
            pair = (targets, model(inputs)) if swapped else (model(inputs), targets)
            (_relative_loss(*pair) / divide_by(group, every)).backward()
        optimizer.step()
        if not never_zero:
            optimizer.zero_grad()
    return nn.utils.parameters_to_vector(model.parameters()).detach()


GROUPS = {
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


class _Watch:
    """Counts what goes through a model: batch sizes, and the graphs that are alive at once."""

    def __init__(self, model: nn.Module) -> None:
        self.sizes, self.most_graphs, self.kept = [], 0, []
        model.register_forward_pre_hook(self.before)
        model.register_forward_hook(self.after)

    def before(self, _, inputs: tuple) -> None:
        self.sizes.append(len(inputs[0]))

    def after(self, _, inputs: tuple, output: Tensor) -> None:
        alive = {number for number, reference in self.kept if reference() is not None}
        self.most_graphs = max(self.most_graphs, len(alive))

    def keep(self, tensor: Tensor) -> Tensor:
        saved = tensor.detach()
        self.kept.append((len(self.sizes), weakref.ref(saved)))
        return saved


def check_train_accumulated(answer) -> None:
    for count, every in ((6, 3), (7, 3), (4, 1), (2, 5)):
        what = f"{count} batches, accumulation_steps={every}"
        model = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2))
        batches = [(torch.randn(4, 3), 2 * torch.randn(4, 2)) for _ in range(count)]
        for parameter in model.parameters():
            parameter.grad = torch.randn_like(parameter)  # left over from something earlier
        right = _trained(model, batches, every)
        wrong = {f"{what}: {hint}": _trained(model, batches, every, **how) for hint, how in GROUPS.items()}  # fmt: skip
        start = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
        taken, watch = [], _Watch(model)
        optimizer.register_step_post_hook(lambda *_, taken=taken: taken.append(1))
        given = [(inputs.clone(), targets.clone()) for inputs, targets in batches]
        with torch.autograd.graph.saved_tensors_hooks(watch.keep, lambda saved: saved):
            result = answer(model, optimizer, _relative_loss, given, every)
        expect_type(result, int, "the result, the number of steps,")
        expect(len(given) == count, "batches is the caller's list: take nothing out of it")
        largest = max(watch.sizes, default=0)
        expect(
            largest <= 4,
            f"the model got {largest} samples at once: they are meant not to fit, take one batch "
            "of 4 at a time",
        )
        found = nn.utils.parameters_to_vector(model.parameters()).detach()
        reject(found, right, {f"{what}: the model hasn't changed: does the optimizer step?": start})
        reject(found, right, wrong)
        steps = math.ceil(count / every)
        expect(
            len(taken) == steps,
            f"{what}: the optimizer took {len(taken)} steps, expected {steps}",
        )
        expect_close(found, right, f"{what}: the vector of all parameters")
        expect(
            watch.most_graphs <= 1,
            f"{what}: {watch.most_graphs} graphs are in memory at once, so nothing is saved: "
            "call backward() on each loss before the next batch",
        )
        expect(result == steps, f"{what}: you return {result}, but it took {steps} steps")


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
        reserved, working = max(5_000, 1_000 + size), 1_000 + size
        right = {
            "start": (1_000, 5_000),
            "working": (working, reserved),
            "freed": (1_000, reserved),
            "emptied": (1_000, 1_000),
        }
        found = _pairs(result, right)
        swapped = {name: pair[::-1] for name, pair in right.items()}
        expect(found != swapped, "the pairs are the wrong way round: allocated comes first")
        expect(
            memory.held_when_emptied != [working],
            "empty_cache() came while the result of work() was alive: that much stays reserved",
        )
        hints = {
            "start": {right["emptied"]: "read it before all else", right["working"]: "read it before work()"},
            "working": {right["freed"]: "it shows nothing of the result of work(): keep that in a variable"},
            "freed": {
                right["working"]: "the result of work() is still referred to: del, or let its name go",
                right["emptied"]: "it comes before empty_cache(): the memory must still be reserved",
            },
            "emptied": {right["freed"]: "read it after empty_cache()"},
        }  # fmt: skip
        for name, pair in right.items():
            hint = hints[name].get(found[name])
            wrong = f"'{name}' is {found[name]}, expected {pair}"
            expect(found[name] == pair, f"{wrong}: {hint}" if hint else wrong)
        for name, times in memory.calls.items():
            expect(times == 1, f"{name}() was called {times} times, expected once")


def _pairs(result: object, right: dict) -> dict[str, tuple[int, int]]:
    """The four pairs of an answer, whatever kind of sequence they are."""
    expect_type(result, dict, "the result")
    expect(set(result) == set(right), f"the keys are {list(result)}, expected {list(right)}")
    for name, pair in result.items():
        right_kind = isinstance(pair, (tuple, list)) and len(pair) == 2
        expect(right_kind, f"'{name}' must be a pair: (allocated, reserved)")
    return {name: tuple(result[name]) for name in right}
