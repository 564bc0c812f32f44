"""Lesson 09: the checks that mark your practice answers."""

import contextlib
import math
import time
import warnings
from unittest import mock

from pytorch_refresher._common.marking import expect, expect_parts, expect_type

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

NAMES = ("training", "validation", "test")


def three_lists(result: object) -> list[list[int]]:
    """The indices of a split as lists of whole numbers, or a hint."""
    lists = []
    for name, part in zip(NAMES, expect_parts(result, *NAMES), strict=True):
        is_list = isinstance(part, (list, tuple, Tensor))
        expect(is_list, f"{name} is a {type(part).__name__}, expected a list or a 1-D tensor")
        indices = part if isinstance(part, Tensor) else torch.as_tensor(part)
        expect(indices.ndim == 1, f"{name} has {indices.ndim} dimensions, expected one")
        expect(
            len(indices) == 0 or indices.dtype in (torch.int64, torch.int32),
            f"{name} holds {indices.dtype}, expected indices: whole numbers",
        )
        lists.append(indices.tolist())
    return lists


@torch.random.fork_rng(devices=[])  # it sets seeds of its own
def check_stratified_split(answer) -> None:
    # Classes 1 and 4 do not occur, and 5 is rare. Files lie in the order of their class, or not.
    mixed = torch.tensor([0] * 41 + [2] * 26 + [3] * 33 + [5] * 7)[torch.randperm(107)]
    cases = [(mixed, (0.7, 0.15, 0.15), 1), (mixed.sort().values, (0.5, 0.3, 0.2), 30)]
    for labels, fractions, seeds in cases:

        def split(seed: int, labels=labels, fractions=fractions) -> list[list[int]]:
            return three_lists(
                answer(labels.clone(), fractions, torch.Generator().manual_seed(seed))
            )

        torch.manual_seed(1)
        first = split(0)
        together = [index for indices in first for index in indices]
        expect(
            len(set(together)) == len(together),
            f"index {max(together, key=together.count) if together else 0} stands more than once "
            "in the three lists",
        )
        lost = sorted(set(range(len(labels))) - set(together))
        expect(not lost, f"index {lost[0] if lost else 0} is in none of the three lists")
        expect(
            len(together) == len(labels),
            "the lists hold indices that are not between 0 and N - 1",
        )
        for kind, count in zip(*labels.unique(return_counts=True), strict=True):
            for name, indices, fraction in zip(NAMES, first, fractions, strict=True):
                found, right = int((labels[indices] == kind).sum()), fraction * count.item()
                margin = (2 if name == "test" else 1) + 1e-6  # 0.7 * n is not exact
                expect(
                    abs(found - right) <= margin,
                    f"{name} has {found} of the {count} images of class {kind}, expected about "
                    f"{right:.1f}: is each class split by itself, by the fractions?",
                )

        torch.manual_seed(2)  # PyTorch's own generator now stands elsewhere
        expect(
            list(map(sorted, split(0))) == list(map(sorted, first)),
            "the same seed gives another split: draw every random number from `generator`",
        )
        expect(
            sorted(split(1)[0]) != sorted(first[0]),
            "another seed gives the same split: does `generator` draw which image goes where?",
        )
        # Half of the images are in training, and under 30 seeds each has both kinds of luck.
        always = set(first[0]).intersection(*(split(seed)[0] for seed in range(seeds)))
        expect(
            seeds == 1 or not always,
            f"image {min(always, default=0)} is in training under every seed: shuffle all images "
            "of a class",
        )


def check_batch_memory(answer) -> None:
    # The second dataset's numbers have 1 byte, and its images are fewer than the largest batch.
    for images in (torch.rand(50, 3, 16, 20), torch.randint(256, (30, 1, 40, 40)).byte()):
        dataset = TensorDataset(images, torch.arange(len(images)))
        result = answer(dataset, [16, 7, 5, 1, 40])
        expect_type(result, dict)
        expect(
            set(result) == {16, 7, 5, 1, 40},
            f"the keys are {list(result)}, expected the batch sizes [16, 7, 5, 1, 40]",
        )
        for size, pair in result.items():
            count, megabytes = expect_parts(pair, "the number of batches", "the megabytes")
            expect_type(count, int, f"the number of batches of {size}")
            expect_type(megabytes, float, f"the megabytes of a batch of {size}")
            expect(
                count == math.ceil(len(images) / size),
                f"{len(images)} samples in batches of {size} make {math.ceil(len(images) / size)} "
                f"batches, the last one perhaps smaller; yours are {count}",
            )
            # Which mistake is it? What else the number could be, in megabytes.
            largest = images[:size].nbytes
            hints = {
                largest: "that is in bytes: divide by 1,000,000",
                largest / 2**20: "1 MB is 1,000,000 bytes here, not 1,048,576",
                images.nbytes / 1e6: "that is what all images take, not those of one batch",
                images[: len(images) % size or size].nbytes / 1e6: "is that the last batch?",
                images[0].numel() * size * images.element_size() / 1e6: "is the batch that large?",
                images[:size].numel() * 4 / 1e6: "does a number of this dtype take 4 bytes?",
                images[:size].numel() / 1e6: "how many bytes does a number take?",
            }
            if not math.isclose(megabytes, largest / 1e6, rel_tol=1e-3):
                why = [hint for value, hint in hints.items() if math.isclose(megabytes, value)]
                expect(
                    False,
                    f"the images of the largest batch of {size} take {largest / 1e6:g} MB, yours "
                    f"{megabytes:g}: {(why or ['look at their nbytes'])[0]}",
                )


@contextlib.contextmanager
def watched_loaders():
    """Within this block loaders start no process, and each pass through one is noted.

    A loader then reads by itself and waits between batches, the less the more workers it has.
    So a mark takes a moment, on any number of cores. Yields the list of passes.
    """
    passes = []

    def read(loader):
        note = {"loader": loader, "workers": loader.num_workers, "batches": 0, "seconds": 0.0}
        passes.append(note)
        start = time.perf_counter()
        for indices in loader.batch_sampler or []:
            time.sleep(0.02 / (1 + loader.num_workers))
            note["batches"] += 1
            note["seconds"] = time.perf_counter() - start
            yield loader.collate_fn([loader.dataset[index] for index in indices])

    with mock.patch.object(DataLoader, "__iter__", read), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of more workers than cores
        yield passes


def check_seconds_by_workers(answer) -> None:
    dataset = TensorDataset(torch.rand(22, 3), torch.arange(22))
    for counts in ([0, 1, 2], [3, 0]):
        with watched_loaders() as passes:
            start = time.perf_counter()
            result = answer(dataset, 5, list(counts))
            total = time.perf_counter() - start
        expect_type(result, dict)
        expect(
            set(result) == set(counts),
            f"the keys are {list(result)}, expected the worker counts {counts}",
        )
        used = [note["workers"] for note in passes]
        expect(bool(passes), "no DataLoader was gone through")
        expect(
            set(used) == set(counts),
            f"loaders with {used} workers were gone through, expected {counts}: is num_workers "
            "given?",
        )
        expect(
            len(used) == len(counts),
            f"loaders with {used} workers were gone through: once for each count is enough",
        )
        for note in passes:
            expect(note["loader"].dataset is dataset, "the loader reads another dataset")
            expect(
                note["loader"].batch_size == 5,
                f"the batches are of {note['loader'].batch_size}, expected `batch_size`, here 5",
            )
            expect(
                note["batches"] == 5,
                f"{note['batches']} of 5 batches were read: go through all of the loader",
            )
        # What reading took, and what remains of the whole call when the others are taken off.
        # Six milliseconds more or less are allowed, as seconds may have been rounded.
        took = {note["workers"]: note["seconds"] for note in passes}
        for count, seconds in result.items():
            expect_type(seconds, float, f"the time of num_workers={count}")
            expect(
                seconds >= took[count] - 0.006,
                f"with num_workers={count} reading took {took[count]:.3f} s, yours says "
                f"{seconds:.3f}: measure from before the loop to after it, by perf_counter()",
            )
            expect(
                seconds <= total - sum(took.values()) + took[count] + 0.006,
                f"with num_workers={count} reading took {took[count]:.3f} s, yours says "
                f"{seconds:.3f}: start the clock anew for each count, and count in seconds",
            )
