"""Appendix B: one worked answer to each practice problem."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def benchmark_training(
    make_step: Callable, devices: list, wait: Callable, clock: Callable, steps: int
) -> dict[str, float]:
    seconds = {}
    for device in devices:
        step = make_step(device)
        step()
        wait(device)  # or the slow first step would still run when the clock starts
        start = clock()
        for _ in range(steps):
            step()
        wait(device)
        seconds[str(device)] = (clock() - start) / steps
    return seconds


def train_accumulated(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    criterion: Callable,
    batches: list[tuple[Tensor, Tensor]],
    accumulation_steps: int,
) -> int:
    steps = 0
    for start in range(0, len(batches), accumulation_steps):
        group = batches[start : start + accumulation_steps]
        optimizer.zero_grad()
        for inputs, targets in group:
            (criterion(model(inputs), targets) / len(group)).backward()
        optimizer.step()
        steps += 1
    return steps


def profile_empty_cache(memory, work: Callable) -> dict[str, tuple[int, int]]:
    def read() -> tuple[int, int]:
        return memory.memory_allocated(), memory.memory_reserved()

    found = {"start": read()}
    result = work()
    found["working"] = read()
    del result
    found["freed"] = read()
    memory.empty_cache()
    found["emptied"] = read()
    return found
