"""Answers to the problems of lesson 09: wrong ones with a piece of their hint, and right ones."""

import time
from collections import defaultdict

import torch
from torch.utils.data import DataLoader, random_split

# stratified_split: wrong


def split_by_class(labels, fractions, generator, classes, order):
    train, val, test = [], [], []
    for kind in classes:
        members = order((labels == kind).nonzero().flatten(), generator).tolist()
        first, second = (round(fraction * len(members)) for fraction in fractions[:2])
        train += members[:first]
        val += members[first : first + second]
        test += members[first + second :]
    return train, val, test


def shuffled(members, generator):
    return members[torch.randperm(len(members), generator=generator)]


def random_and_not_stratified(labels, fractions, generator):
    return tuple(part.indices for part in random_split(labels, fractions, generator))


def ten_classes_and_no_others(labels, fractions, generator):
    return split_by_class(labels, fractions, generator, range(10), shuffled)


def rotated(labels, fractions, generator):
    def rolled(members, generator):
        return members.roll(torch.randint(len(members), (), generator=generator).item())

    return split_by_class(labels, fractions, generator, labels.unique(), rolled)


def the_test_set_is_always_the_last_of_each_class(labels, fractions, generator):
    def all_but_the_last(members, generator):
        kept = round(fractions[0] * len(members)) + round(fractions[1] * len(members))
        return torch.cat([shuffled(members[:kept], generator), members[kept:]])

    return split_by_class(labels, fractions, generator, labels.unique(), all_but_the_last)


# stratified_split: right


def by_the_place_within_the_class(labels, fractions, generator):
    parts, seen = ([], [], []), defaultdict(int)
    count = dict(zip(*(part.tolist() for part in labels.unique(return_counts=True)), strict=True))
    for index in torch.randperm(len(labels), generator=generator).tolist():
        kind = labels[index].item()
        place = (seen[kind] + 0.5) / count[kind]
        seen[kind] += 1
        parts[(place > fractions[0]) + (place > fractions[0] + fractions[1])].append(index)
    return parts


def one_shuffle_then_sorted_into_tensors(labels, fractions, generator):
    order = torch.randperm(len(labels), generator=generator)
    order = order[labels[order].argsort(stable=True)]
    parts = [[], [], []]
    for members in order.split(labels.unique(return_counts=True)[1].tolist()):
        cuts = [int(fractions[0] * len(members)), int(sum(fractions[:2]) * len(members))]
        for part, some in zip(parts, members.tensor_split(cuts), strict=True):
            part.append(some)
    return [torch.cat(part).numpy() for part in parts]


# batch_memory: wrong


def memory_of(dataset, batch_sizes, bytes_of, pick=max, **options):
    memory = {}
    for size in batch_sizes:
        loader = DataLoader(dataset, batch_size=size, **options)
        found = [bytes_of(images) for images, _ in loader]
        memory[size] = (len(found), pick(found) / 1e6)
    return memory


def four_bytes_per_number(dataset, batch_sizes):
    return memory_of(dataset, batch_sizes, lambda images: 4 * images.numel())


def the_last_batch(dataset, batch_sizes):
    return memory_of(dataset, batch_sizes, lambda images: images.nbytes, pick=lambda all: all[-1])


def as_if_every_batch_were_full(dataset, batch_sizes):
    image = dataset[0][0]
    return {
        size: (len(DataLoader(dataset, size)), size * image.nbytes / 1e6) for size in batch_sizes
    }


# batch_memory: right


def by_arithmetic(dataset, batch_sizes):
    image, _ = dataset[0]
    return {
        size: [-(-len(dataset) // size), min(size, len(dataset)) * image.nbytes / 1e6]
        for size in batch_sizes
    }


def one_by_one_in_numpy(dataset, batch_sizes):
    memory = dict.fromkeys(batch_sizes, (0, 0.0))
    for size in batch_sizes:
        for batch in DataLoader(dataset, size, shuffle=True):
            count, largest = memory[size]
            memory[size] = (count + 1, max(largest, batch[0].numpy().nbytes / 1_000_000))
    return memory


# seconds_by_workers: wrong


def workers_started_before_the_clock(dataset, batch_size, worker_counts):
    seconds = {}
    for count in worker_counts:
        batches = iter(DataLoader(dataset, batch_size=batch_size, num_workers=count))
        start, arrived = time.perf_counter(), []
        for _ in batches:
            arrived.append(time.perf_counter() - start)
        seconds[count] = (arrived[0], arrived[-1])
    return seconds


def num_workers_forgotten(dataset, batch_size, worker_counts):
    seconds = {}
    for count in worker_counts:
        start, arrived = time.perf_counter(), []
        for _ in DataLoader(dataset, batch_size=batch_size):
            arrived.append(time.perf_counter() - start)
        seconds[count] = (arrived[0], arrived[-1])
    return seconds


def the_whole_epoch_twice(dataset, batch_size, worker_counts):
    seconds = {}
    for count in worker_counts:
        start = time.perf_counter()
        list(DataLoader(dataset, batch_size=batch_size, num_workers=count))
        seconds[count] = (time.perf_counter() - start,) * 2
    return seconds


# seconds_by_workers: right


def with_next_and_rounded(dataset, batch_size, worker_counts):
    seconds = {}
    for count in reversed(worker_counts):
        start = time.time()
        batches = iter(DataLoader(dataset, batch_size, shuffle=True, num_workers=count))
        next(batches)
        first = time.time() - start
        for _ in batches:
            pass
        seconds[count] = [round(first, 2), round(time.time() - start, 2)]
    return seconds


def with_a_flag_and_options(dataset, batch_size, worker_counts):
    def measure(count):
        options = {"persistent_workers": True, "prefetch_factor": 4} if count else {}
        loader = DataLoader(dataset, batch_size, num_workers=count, **options)
        start, first = time.monotonic(), None
        for _ in loader:
            if first is None:
                first = time.monotonic() - start
        return first, time.monotonic() - start

    return {count: measure(count) for count in worker_counts}


MISTAKES = {
    "stratified_split": [
        (random_and_not_stratified, "is each class split by itself"),
        (ten_classes_and_no_others, "is every class split, whatever its number"),
        (rotated, "keeps its order: shuffle it"),
        (the_test_set_is_always_the_last_of_each_class, "is in test under every seed"),
    ],
    "batch_memory": [
        (four_bytes_per_number, "takes each number for 4 bytes"),
        (the_last_batch, "is that of the last batch"),
        (as_if_every_batch_were_full, "counts images that aren't there"),
    ],
    "seconds_by_workers": [
        (workers_started_before_the_clock, "start the clock before the loop"),
        (num_workers_forgotten, "is num_workers given?"),
        (the_whole_epoch_twice, "look at the clock twice"),
    ],
}
ALSO_RIGHT = {
    "stratified_split": [by_the_place_within_the_class, one_shuffle_then_sorted_into_tensors],
    "batch_memory": [by_arithmetic, one_by_one_in_numpy],
    "seconds_by_workers": [with_next_and_rounded, with_a_flag_and_options],
}
