"""Lesson 09: the checks that mark your practice answers."""

import contextlib
import math
import time
import warnings
from collections.abc import Iterator
from unittest import mock

from pytorch_refresher._common.marking import (
    expect,
    expect_close,
    expect_parts,
    expect_type,
    reject,
)

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

NAMES = ("training", "validation", "test")


def _cases() -> Iterator[tuple[Tensor, tuple[float, float, float]]]:
    # Classes that don't occur, a rare one, one of a single image; sorted, mixed, negative.
    counts = {0: 41, 2: 26, 3: 33, 5: 7}
    labels = torch.tensor([kind for kind, count in counts.items() for _ in range(count)])
    yield labels[torch.randperm(len(labels))], (0.7, 0.15, 0.15)
    yield labels, (0.5, 0.3, 0.2)
    yield 20 - 4 * labels[torch.randperm(len(labels))], (0.4, 0.2, 0.4)
    yield torch.tensor([7] * 12 + [102] + [64] * 20), (0.6, 0.2, 0.2)


@torch.random.fork_rng(devices=[])  # it sets seeds of its own
def check_stratified_split(answer) -> None:
    for labels, fractions in _cases():

        def split(seed: int, labels=labels, fractions=fractions) -> list[list[int]]:
            given = labels.clone()
            result = answer(given, fractions, torch.Generator().manual_seed(seed))
            expect(torch.equal(given, labels), "the labels changed: only read them")
            return _three_lists(result)

        torch.manual_seed(1)
        first = split(0)
        _expect_every_index_once(first, len(labels))
        _expect_fractions(first, labels, fractions)
        torch.manual_seed(2)  # PyTorch's own random numbers are others now
        expect(
            list(map(sorted, split(0))) == list(map(sorted, first)),
            "the same seed gives another split: draw every random number from `generator`",
        )
        _expect_luck([split(seed) for seed in range(30)], labels)


def _three_lists(result: object) -> list[list[int]]:
    """The indices of a split as lists of whole numbers, or a hint."""
    lists = []
    for name, part in zip(NAMES, expect_parts(result, *NAMES), strict=True):
        try:
            indices = torch.as_tensor(part)
        except (TypeError, ValueError, RuntimeError):
            indices = None
        right = indices is not None and indices.ndim == 1
        expect(right, f"{name} is a {type(part).__name__}, expected a list of indices")
        whole = indices.dtype in (torch.int64, torch.int32) or not len(indices)
        expect(whole, f"{name} holds {indices.dtype}, expected indices: whole numbers")
        lists.append(indices.tolist())
    return lists


def _expect_every_index_once(lists: list[list[int]], count: int) -> None:
    together = sum(lists, [])
    twice = [index for index in together if together.count(index) > 1]
    expect(not twice, f"index {twice[:1]} is in the three lists more than once")
    lost = sorted(set(range(count)) - set(together))
    hint = "is every class split, whatever its number, and does the last set get the rest?"
    expect(not lost, f"index {lost[:1]} is in none of the three lists: {hint}")
    expect(len(together) == count, "the lists hold indices that are not between 0 and N - 1")


def _expect_fractions(lists: list[list[int]], labels: Tensor, fractions: tuple) -> None:
    for kind, count in zip(*labels.unique(return_counts=True), strict=True):
        for name, indices, fraction in zip(NAMES, lists, fractions, strict=True):
            found, share = int((labels[indices] == kind).sum()), fraction * count.item()
            margin = (2 if name == "test" else 1) + 1e-6  # 0.7 * n is not exact
            expect(
                abs(found - share) <= margin,
                f"{name} has {found} of the {count} images of class {kind}, expected about "
                f"{share:.1f}: is each class split by itself, by the fractions?",
            )


def _expect_luck(splits: list[list[list[int]]], labels: Tensor) -> None:
    """Under some of many seeds, each image is elsewhere, unless its class has no others.

    And not always next to the one that comes before it, as when a class is only rotated.
    """
    expect(
        any(sorted(split[0]) != sorted(splits[0][0]) for split in splits),
        "another seed gives the same split: let `generator` draw which image goes where",
    )
    kinds, counts = labels.unique(return_counts=True)
    # Going round the largest class, how often do you enter its training set or leave it?
    members = (labels == kinds[counts.argmax()]).nonzero().flatten()
    masks = [torch.isin(members, torch.tensor(split[0])) for split in splits]
    rotated = all((mask != mask.roll(1)).sum() <= 2 for mask in masks)
    expect(not rotated, "a class is cut at a random place, but keeps its order: shuffle it")
    alone = {kind for kind, count in zip(kinds.tolist(), counts, strict=True) if count == 1}
    for place, name in enumerate(NAMES):
        always = set.intersection(*(set(split[place]) for split in splits))
        stuck = [index for index in sorted(always) if labels[index].item() not in alone]
        expect(
            not stuck,
            f"image {stuck[:1]} is in {name} under every seed: shuffle all images of a class",
        )


def check_batch_memory(answer) -> None:
    # The second dataset's numbers have 1 byte, the third's 8. All have fewer images than 60.
    for images in (
        torch.rand(50, 3, 16, 20),
        torch.randint(256, (30, 1, 40, 40)).byte(),
        torch.rand(12, 3, 9, 11).double(),
    ):
        sizes = [16, 7, 5, 1, 60]
        result = answer(TensorDataset(images, torch.arange(len(images))), list(sizes))
        expect_type(result, dict)
        keys = f"the keys are {list(result)}, expected the batch sizes {sizes}"
        expect(set(result) == set(sizes), keys)
        for size, pair in result.items():
            count, megabytes = expect_parts(pair, "the number of batches", "the megabytes")
            expect_type(count, int, f"the number of batches of {size}")
            expect_type(megabytes, float, f"the megabytes of a batch of {size}")
            batches = math.ceil(len(images) / size)
            told = f"{len(images)} samples in batches of {size} make {batches} batches, not {count}"
            expect(count == batches, f"{told}: the last one may be smaller")
            batch, what = images[:size], f"the megabytes of a batch of {size}"
            right = batch.nbytes / 1e6
            known = {
                "is in bytes: divide by 1,000,000": batch.nbytes,
                "is in units of 1,048,576 bytes: divide by 1,000,000": batch.nbytes / 2**20,
                "is that of all images: one batch is asked for": images.nbytes / 1e6,
                "is that of the last batch": images[: len(images) % size or size].nbytes / 1e6,
                "counts images that aren't there": size * images[0].nbytes / 1e6,
                "takes each number for 4 bytes: ask the images": 4 * batch.numel() / 1e6,
                "counts numbers: how many bytes does each take?": batch.numel() / 1e6,
                "counts the labels, too": (batch.nbytes + 8 * len(batch)) / 1e6,
            }
            reject(megabytes, right, {f"{what} {hint}": wrong for hint, wrong in known.items()})
            expect_close(float(megabytes), right, what, rtol=1e-3)


@contextlib.contextmanager
def _watched_loaders() -> Iterator[list[dict]]:
    """Within this block, loaders start no processes, and each pass through one is noted.

    A loader waits as if it started its workers, and then for each batch, the less the more
    workers it has. So marking takes a moment, on any number of cores. Gives the list of passes.
    """
    passes = []

    def start(loader):
        note = {"loader": loader, "workers": loader.num_workers, "arrived": []}
        passes.append(note)
        begin = time.perf_counter()
        time.sleep(0.06 * loader.num_workers)
        return read(loader, note, begin)

    def read(loader, note, begin):
        for indices in loader.batch_sampler or []:
            time.sleep(0.04 / (1 + loader.num_workers))
            batch = loader.collate_fn([loader.dataset[index] for index in indices])
            note["arrived"].append(time.perf_counter() - begin)
            yield batch

    with mock.patch.object(DataLoader, "__iter__", start), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of more workers than cores
        yield passes


def check_seconds_by_workers(answer) -> None:
    dataset = TensorDataset(torch.rand(22, 3), torch.arange(22))
    for counts, size in (([0, 1, 2], 5), ([3, 0], 4)):
        with _watched_loaders() as passes:
            start = time.perf_counter()
            result = answer(dataset, size, list(counts))
            total = time.perf_counter() - start
        expect_type(result, dict)
        keys = f"the keys are {list(result)}, expected the worker counts {counts}"
        expect(set(result) == set(counts), keys)
        _expect_one_pass_each(passes, counts, dataset, size)
        others = total - sum(note["arrived"][-1] for note in passes)
        for note in passes:
            what = f"with {note['workers']} workers, the seconds until"
            names = (f"{what} the first batch", f"{what} all batches")
            times = expect_parts(result[note["workers"]], *names)
            for name, seconds in zip(names, times, strict=True):
                expect_type(seconds, float, name)
            first, last = note["arrived"][0], note["arrived"][-1]
            # Half of what lies between them, as a busy machine may stop at the wrong moment.
            hint = "all batches are hardly more than until the first: look at the clock twice"
            expect(times[1] - times[0] > (last - first) / 2, f"{what} {hint}")
            for name, seconds, real in zip(names, times, (first, last), strict=True):
                _expect_seconds(name, seconds, real, others)


def _expect_one_pass_each(passes: list[dict], counts: list[int], dataset, size: int) -> None:
    used = [note["workers"] for note in passes]
    expect(bool(passes), "nobody went through a DataLoader")
    told = f"loaders with {used} workers were gone through, expected {counts}"
    expect(set(used) == set(counts), f"{told}: is num_workers given?")
    expect(len(used) == len(counts), f"{told}: once per count is enough for both times")
    for note in passes:
        loader, read = note["loader"], len(note["arrived"])
        expect(loader.dataset is dataset, "the loader reads another dataset")
        sizes = f"the batches are of {loader.batch_size}, expected `batch_size`, here {size}"
        expect(loader.batch_size == size, sizes)
        batches = math.ceil(len(dataset) / size)
        expect(read == batches, f"{read} of {batches} batches were read: go through all of them")


def _expect_seconds(name: str, seconds: float, real: float, others: float) -> None:
    """Compare with what was noted; rounding to hundredths is fine, and so is making the loader."""
    told = f"{name} are {seconds:.3f}, but {real:.3f} went by"
    hint = "start the clock before the loop, because it's the loop that starts the workers"
    expect(seconds > real - 0.012, f"{told}: {hint}, and use time.perf_counter()")
    hint = "start the clock again for each count, and count in seconds"
    expect(seconds < real + others + 0.012, f"{told}: {hint}")
