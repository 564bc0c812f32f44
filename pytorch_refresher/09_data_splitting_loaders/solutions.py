"""Lesson 09: one worked answer to each practice problem."""

import time

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset


def stratified_split(labels: Tensor, fractions: tuple, generator: torch.Generator) -> tuple:
    train, val, test = [], [], []
    # unique() finds the classes that there are, so nobody has to know their numbers.
    for kind in labels.unique():
        # Where are the images of this class? Shuffled, so that files that were saved first don't
        # always end up in the training set.
        members = (labels == kind).nonzero().flatten()
        members = members[torch.randperm(len(members), generator=generator)]
        first, second = (round(fraction * len(members)) for fraction in fractions[:2])
        # A class of one image, in shares of 0.5: both round to 0, and it goes to the test set.
        train += members[:first].tolist()
        val += members[first : first + second].tolist()
        test += members[first + second :].tolist()  # the rest, so that none is lost
    return train, val, test


def batch_memory(dataset: Dataset, batch_sizes: list[int]) -> dict:
    memory = {}
    for batch_size in batch_sizes:
        # nbytes knows the dtype. The largest batch is a full one, if there is any.
        nbytes = [images.nbytes for images, _ in DataLoader(dataset, batch_size=batch_size)]
        memory[batch_size] = (len(nbytes), max(nbytes) / 1e6)
    return memory


def seconds_by_workers(dataset: Dataset, batch_size: int, worker_counts: list[int]) -> dict:
    seconds = {}
    for count in worker_counts:
        loader = DataLoader(dataset, batch_size=batch_size, num_workers=count)
        # The `for` is what starts the workers, so the clock has to run by then.
        start, arrived = time.perf_counter(), []
        for _ in loader:
            arrived.append(time.perf_counter() - start)
        seconds[count] = (arrived[0], arrived[-1])
    return seconds
