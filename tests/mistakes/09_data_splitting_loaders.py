"""Wrong answers to the problems of lesson 09, and a piece of the hint that each must get."""

import math
import random
import time
from collections import defaultdict

import torch
from torch.utils.data import DataLoader, random_split


def members_of(labels):
    return [(labels == kind).nonzero().flatten() for kind in labels.unique()]


def cut(members, fractions):
    train, val = round(fractions[0] * len(members)), round(fractions[1] * len(members))
    return members[:train], members[train : train + val], members[train + val :]


def class_by_class(labels, fractions, order, cut=cut):
    parts = [[], [], []]
    for members in members_of(labels):
        members = members[order(len(members))]
        for part, some in zip(parts, cut(members, fractions), strict=True):
            part.extend(some.tolist())
    return tuple(parts)


def not_stratified(labels, fractions, generator):
    return tuple(part.indices for part in random_split(labels, fractions, generator))


def not_shuffled(labels, fractions, generator):
    return class_by_class(labels, fractions, torch.arange)


def global_state(labels, fractions, generator):
    return class_by_class(labels, fractions, torch.randperm)


def another_library(labels, fractions, generator):
    return class_by_class(labels, fractions, lambda n: random.sample(range(n), n))


def seed_of_its_own(labels, fractions, generator):
    return class_by_class(
        labels,
        fractions,
        lambda n: torch.randperm(n, generator=torch.Generator().manual_seed(42)),
    )


def with_cut(cut):
    def split(labels, fractions, generator):
        def order(n):
            return torch.randperm(n, generator=generator)

        return class_by_class(labels, fractions, order, cut)

    split.__name__ = cut.__name__
    return split


@with_cut
def the_rest_is_lost(members, fractions):
    train, val, test = (int(fraction * len(members)) for fraction in fractions)
    return members[:train], members[train : train + val], members[train + val :][:test]


@with_cut
def overlapping(members, fractions):
    train, val = int(fractions[0] * len(members)), int(fractions[1] * len(members))
    return members[:train], members[train - 1 : train + val], members[train + val :]


@with_cut
def training_and_validation_swapped(members, fractions):
    return cut(members, (fractions[1], fractions[0], fractions[2]))


@with_cut
def validation_and_test_swapped(members, fractions):
    train, val, test = cut(members, (fractions[0], fractions[1] + 0.1, 0))
    return train, test, val


def classes_counted_up(labels, fractions, generator):
    # Takes for granted that the classes are 0, 1, 2, ... up to how many there are.
    parts = [[], [], []]
    for kind in range(len(labels.unique())):
        members = (labels == kind).nonzero().flatten()
        members = members[torch.randperm(len(members), generator=generator)]
        for part, some in zip(parts, cut(members, fractions), strict=True):
            part.extend(some.tolist())
    return tuple(parts)


def places_within_the_class(labels, fractions, generator):
    parts = [[], [], []]
    for members in members_of(labels):
        order = torch.randperm(len(members), generator=generator)
        for part, some in zip(parts, cut(order, fractions), strict=True):
            part.extend(some.tolist())
    return tuple(parts)


def equal_numbers_of_each_class(labels, fractions, generator):
    smallest = min(len(members) for members in members_of(labels))

    def order(n):
        return torch.randperm(n, generator=generator)[:smallest]

    return class_by_class(labels, fractions, order)


def half_shuffled(labels, fractions, generator):
    def order(n):
        first = torch.arange(n // 4)
        return torch.cat([first, n // 4 + torch.randperm(n - n // 4, generator=generator)])

    return class_by_class(labels, fractions, order)


def labels_instead_of_indices(labels, fractions, generator):
    found = class_by_class(labels, fractions, lambda n: torch.randperm(n, generator=generator))
    return tuple(labels[part] for part in found)


def masks(labels, fractions, generator):
    found = class_by_class(labels, fractions, lambda n: torch.randperm(n, generator=generator))
    nothing = torch.zeros(len(labels), dtype=torch.bool)
    return tuple(nothing.index_fill(0, torch.tensor(part), True) for part in found)


def two_lists(labels, fractions, generator):
    found = class_by_class(labels, fractions, lambda n: torch.randperm(n, generator=generator))
    return found[0], found[1] + found[2]


def pairs(dataset, batch_sizes, size=lambda batch: batch.nbytes, pick=max, unit=1e6, **options):
    found = {}
    for batch_size in batch_sizes:
        loader = DataLoader(dataset, batch_size=batch_size, **options)
        nbytes = [size(images) for images, _ in loader]
        found[batch_size] = len(nbytes), pick(nbytes) / unit
    return found


def last_batch_dropped(dataset, batch_sizes):
    found = {}
    for batch_size in batch_sizes:
        loader = DataLoader(dataset, batch_size=batch_size, drop_last=True)
        found[batch_size] = len(loader), dataset[0][0].nbytes * batch_size / 1e6
    return found


def in_bytes(dataset, batch_sizes):
    return pairs(dataset, batch_sizes, unit=1.0)


def in_mebibytes(dataset, batch_sizes):
    return pairs(dataset, batch_sizes, unit=2**20)


def all_batches_together(dataset, batch_sizes):
    return pairs(dataset, batch_sizes, pick=sum)


def the_last_batch(dataset, batch_sizes):
    return pairs(dataset, batch_sizes, pick=lambda nbytes: nbytes[-1])


def always_four_bytes(dataset, batch_sizes):
    return pairs(dataset, batch_sizes, size=lambda images: images.numel() * 4)


def numbers_for_bytes(dataset, batch_sizes):
    return pairs(dataset, batch_sizes, size=lambda images: images.numel())


def labels_counted_too(dataset, batch_sizes):
    found = {}
    for batch_size in batch_sizes:
        nbytes = [x.nbytes + y.nbytes for x, y in DataLoader(dataset, batch_size=batch_size)]
        found[batch_size] = len(nbytes), max(nbytes) / 1e6
    return found


def as_if_every_batch_were_full(dataset, batch_sizes):
    image = dataset[0][0]
    return {
        size: (math.ceil(len(dataset) / size), size * image.nbytes / 1e6) for size in batch_sizes
    }


def memory_alone(dataset, batch_sizes):
    return {size: pair[1] for size, pair in pairs(dataset, batch_sizes).items()}


def megabytes_first(dataset, batch_sizes):
    return {size: pair[::-1] for size, pair in pairs(dataset, batch_sizes).items()}


def a_list_of_pairs(dataset, batch_sizes):
    return list(pairs(dataset, batch_sizes).values())


def timed(dataset, batch_size, worker_counts, clock=time.perf_counter, read=list, **given):
    seconds = {}
    for count in worker_counts:
        options = {"batch_size": batch_size, "num_workers": count} | given
        loader = DataLoader(dataset, **options)
        start = clock()
        read(loader)
        seconds[count] = clock() - start
    return seconds


def workers_forgotten(dataset, batch_size, worker_counts):
    return timed(dataset, batch_size, worker_counts, num_workers=0)


def one_worker_more(dataset, batch_size, worker_counts):
    found = timed(dataset, batch_size, [count + 1 for count in worker_counts])
    return {count: found[count + 1] for count in worker_counts}


def batch_size_forgotten(dataset, batch_size, worker_counts):
    seconds = {}
    for count in worker_counts:
        start = time.perf_counter()
        list(DataLoader(dataset, num_workers=count))
        seconds[count] = time.perf_counter() - start
    return seconds


def last_samples_dropped(dataset, batch_size, worker_counts):
    return timed(dataset, batch_size, worker_counts, drop_last=True)


def first_batch_alone(dataset, batch_size, worker_counts):
    return timed(dataset, batch_size, worker_counts, read=lambda loader: next(iter(loader)))


def loader_made_and_not_read(dataset, batch_size, worker_counts):
    return timed(dataset, batch_size, worker_counts, read=len)


def time_of_this_process(dataset, batch_size, worker_counts):
    return timed(dataset, batch_size, worker_counts, clock=time.process_time)


def in_milliseconds(dataset, batch_size, worker_counts):
    found = timed(dataset, batch_size, worker_counts)
    return {count: 1000 * seconds for count, seconds in found.items()}


def clock_started_once(dataset, batch_size, worker_counts):
    seconds, start = {}, time.perf_counter()
    for count in worker_counts:
        list(DataLoader(dataset, batch_size=batch_size, num_workers=count))
        seconds[count] = time.perf_counter() - start
    return seconds


def two_epochs(dataset, batch_size, worker_counts):
    def twice(loader):
        return list(loader), list(loader)

    return timed(dataset, batch_size, worker_counts, read=twice)


def a_list_of_seconds(dataset, batch_size, worker_counts):
    return list(timed(dataset, batch_size, worker_counts).values())


def without_zero(dataset, batch_size, worker_counts):
    return timed(dataset, batch_size, [count for count in worker_counts if count])


def kept_without_workers(dataset, batch_size, worker_counts):
    return timed(dataset, batch_size, worker_counts, persistent_workers=True)


MISTAKES = {
    "stratified_split": [
        (not_stratified, "is each class split by itself"),
        (not_shuffled, "another seed gives the same split"),
        (global_state, "from `generator`"),
        (another_library, "from `generator`"),
        (seed_of_its_own, "another seed gives the same split"),
        (the_rest_is_lost, "is in none of the three lists"),
        (overlapping, "stands more than once"),
        (training_and_validation_swapped, "by the fractions?"),
        (validation_and_test_swapped, "by the fractions?"),
        (classes_counted_up, "is in none of the three lists"),
        (places_within_the_class, "stands more than once"),
        (equal_numbers_of_each_class, "is in none of the three lists"),
        (half_shuffled, "is in training under every seed"),
        (labels_instead_of_indices, "stands more than once"),
        (masks, "expected indices: whole numbers"),
        (two_lists, "return 3 things: (training, validation, test)"),
    ],
    "batch_memory": [
        (last_batch_dropped, "the last one perhaps smaller"),
        (in_bytes, "divide by 1,000,000"),
        (in_mebibytes, "not 1,048,576"),
        (all_batches_together, "not those of one batch"),
        (the_last_batch, "is that the last batch?"),
        (always_four_bytes, "does a number of this dtype take 4 bytes?"),
        (numbers_for_bytes, "how many bytes does a number take?"),
        (labels_counted_too, "look at their nbytes"),
        (as_if_every_batch_were_full, "is the batch that large?"),
        (memory_alone, "return 2 things"),
        (megabytes_first, "the number of batches of 16 is a float"),
        (a_list_of_pairs, "is a list, expected a dict"),
    ],
    "seconds_by_workers": [
        (workers_forgotten, "is num_workers given?"),
        (one_worker_more, "is num_workers given?"),
        (batch_size_forgotten, "the batches are of 1, expected"),
        (last_samples_dropped, "4 of 5 batches were read"),
        (first_batch_alone, "of 5 batches were read"),
        (loader_made_and_not_read, "no DataLoader was gone through"),
        (time_of_this_process, "by perf_counter()"),
        (in_milliseconds, "count in seconds"),
        (clock_started_once, "start the clock anew"),
        (two_epochs, "once for each count"),
        (a_list_of_seconds, "is a list, expected a dict"),
        (without_zero, "the keys are [1, 2], expected the worker counts [0, 1, 2]"),
        (kept_without_workers, "stops with ValueError"),
    ],
}


# Right answers, written another way.


def rounded_up_into_tensors(labels, fractions, generator):
    parts = [[], [], []]
    for kind in sorted(set(labels.tolist())):
        (members,) = torch.where(labels == kind)
        first = math.ceil(fractions[0] * len(members) - 1e-9)
        second = math.ceil((fractions[0] + fractions[1]) * len(members) - 1e-9)
        members = members[torch.rand(len(members), generator=generator).argsort()]
        for part, some in zip(parts, members.tensor_split((first, second)), strict=True):
            part.append(some)
    return [torch.cat(part).sort().values for part in parts]


def random_split_of_each_class(labels, fractions, generator):
    by_kind = defaultdict(list)
    for index, kind in enumerate(labels.tolist()):
        by_kind[kind].append(index)
    splits = [random_split(members, fractions, generator) for members in by_kind.values()]
    return tuple([index for part in parts for index in part] for parts in zip(*splits, strict=True))


def rank_within_the_class(labels, fractions, generator):
    order = torch.randperm(len(labels), generator=generator)
    count, seen = labels.bincount().tolist(), defaultdict(int)
    parts = ([], [], [])
    for index in order.tolist():
        kind = int(labels[index])
        place = (seen[kind] + 0.5) / count[kind]
        seen[kind] += 1
        parts[(place > fractions[0]) + (place > fractions[0] + fractions[1])].append(index)
    return parts


def by_arithmetic(dataset, batch_sizes):
    image, _ = dataset[0]
    return {
        size: (
            -(-len(dataset) // size),
            min(size, len(dataset)) * image.numel() * image.element_size() / 1e6,
        )
        for size in batch_sizes
    }


def shuffled_into_lists(dataset, batch_sizes):
    found = dict.fromkeys(batch_sizes)
    for size in batch_sizes:
        count, largest = 0, 0
        for batch in DataLoader(dataset, size, shuffle=True):
            count += 1
            largest = max(largest, batch[0].untyped_storage().nbytes())
        found[size] = [count, largest / 1_000_000]
    return found


def in_reverse_and_rounded(dataset, batch_size, worker_counts):
    loaders = {
        count: DataLoader(dataset, batch_size, shuffle=True, num_workers=count)
        for count in reversed(worker_counts)
    }
    seconds = {}
    for count, loader in loaders.items():
        start = time.time()
        for number, _ in enumerate(loader, start=1):
            assert number <= len(loader)
        seconds[count] = round(time.time() - start, 3)
    return seconds


def with_options(dataset, batch_size, worker_counts):
    def epoch(count):
        options = {"persistent_workers": True, "prefetch_factor": 4} if count else {}
        start = time.perf_counter()
        batches = iter(DataLoader(dataset, batch_size, num_workers=count, **options))
        while next(batches, None) is not None:
            pass
        return time.perf_counter() - start

    return {count: epoch(count) for count in worker_counts}


ALSO_RIGHT = {
    "stratified_split": [
        rounded_up_into_tensors,
        random_split_of_each_class,
        rank_within_the_class,
    ],
    "batch_memory": [by_arithmetic, shuffled_into_lists],
    "seconds_by_workers": [in_reverse_and_rounded, with_options],
}
