"""Lesson 09: one worked answer to each practice problem."""

import time

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset


def stratified_split(
    labels: Tensor, fractions: tuple[float, float, float], generator: torch.Generator
):
    parts = ([], [], [])
    for kind in labels.unique():
        members = (labels == kind).nonzero().flatten()
        members = members[torch.randperm(len(members), generator=generator)]
        train, val = (round(fraction * len(members)) for fraction in fractions[:2])
        parts[0].extend(members[:train].tolist())
        parts[1].extend(members[train : train + val].tolist())
        parts[2].extend(members[train + val :].tolist())
    return parts


def batch_memory(dataset: Dataset, batch_sizes: list[int]) -> dict[int, tuple[int, float]]:
    found = {}
    for batch_size in batch_sizes:
        nbytes = [images.nbytes for images, _ in DataLoader(dataset, batch_size=batch_size)]
        found[batch_size] = len(nbytes), max(nbytes) / 1e6
    return found


def seconds_by_workers(
    dataset: Dataset, batch_size: int, worker_counts: list[int]
) -> dict[int, float]:
    seconds = {}
    for count in worker_counts:
        loader = DataLoader(dataset, batch_size=batch_size, num_workers=count)
        start = time.perf_counter()
        for _ in loader:
            pass
        seconds[count] = time.perf_counter() - start
    return seconds
