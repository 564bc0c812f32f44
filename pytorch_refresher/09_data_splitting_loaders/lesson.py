"""Lesson 09: Splitting and Loaders

A model is judged on images that it never learned from, so the images are split in three before
anything else. Then a DataLoader hands them out in batches: shuffled or in order, read by one
process or by several at once. Much that goes wrong in a project goes wrong here, without a word.

    python lesson.py             the whole lesson, then your practice report
    python lesson.py --practice  the practice report alone
    python lesson.py --download  the same on the real photographs
"""

import multiprocessing
import os
import pickle
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section
from pytorch_refresher._data.datasets import oxford_flowers

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset, random_split
from torchvision import transforms

# Shapes are written in comments with these letters throughout the lesson:
#   B batch   pictures are (3, H, W): three channels, height and width in pixels

BATCH_SIZE = 32

# Lesson 08's pipeline, and two small ones that leave time for the experiments below.
PREPARE = transforms.Compose(
    [
        transforms.Resize(256),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
)
PREPARE_SMALL = transforms.Compose(
    [transforms.Resize(72), transforms.CenterCrop(64), transforms.ToTensor()]
)
AUGMENT_SMALL = transforms.Compose(
    [transforms.RandomHorizontalFlip(), transforms.RandomRotation(20), PREPARE_SMALL]
)


class OxfordFlowersDataset(Dataset):
    """The flowers of lesson 07: pairs of a picture, transformed if asked for, and its label."""

    def __init__(self, folder: Path, transform=None) -> None:
        from scipy.io import loadmat

        self.folder, self.transform = Path(folder), transform
        self.labels = loadmat(self.folder / "imagelabels.mat")["labels"][0] - 1  # from 0 on

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, idx: int):
        with Image.open(self.folder / "jpg" / f"image_{idx + 1:05d}.jpg") as file:
            image = file.convert("RGB")
        if self.transform is not None:
            image = self.transform(image)
        return image, int(self.labels[idx])


def pad_images(samples: list[tuple[Tensor, int]]) -> tuple[Tensor, Tensor]:
    """Make a batch of pictures of different sizes, each filled up with 0 to the largest.

    samples: B pairs of a picture, (3, H, W), and its label. Returns the pictures, (B, 3, largest
    H, largest W), and the labels, (B,).
    """
    images, labels = zip(*samples, strict=True)
    height = max(image.shape[1] for image in images)
    width = max(image.shape[2] for image in images)
    batch = torch.zeros(len(images), 3, height, width)
    for place, image in zip(batch, images, strict=True):
        place[:, : image.shape[1], : image.shape[2]] = image
    return batch, torch.tensor(labels)


def from_afar(image: Image.Image) -> Tensor:
    """Prepare a picture, after 10 ms in which a network drive would have sent its file."""
    time.sleep(0.01)
    return PREPARE_SMALL(image)


def three_sets(dataset: Dataset) -> list[Subset]:
    section("Three sets: 70, 15 and 15 percent")

    # Training data are for learning. Validation data are for choosing: when to stop, which
    # model. Test data are for one measurement at the end, so that no choice can suit them.
    # The last size is the remainder, because the products are rarely whole numbers.
    train_size = int(0.70 * len(dataset))
    val_size = int(0.15 * len(dataset))
    test_size = len(dataset) - train_size - val_size
    print(f"{len(dataset) = :,}: {train_size = :,}, {val_size = :,}, {test_size = :,}")

    # By hand: put all indices in a random order, and cut it in three.
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(42))
    sizes = [train_size, val_size, test_size]
    by_hand = order.split(sizes)

    # random_split does the same. A Subset copies no image: it is the dataset and some indices.
    sets = random_split(dataset, sizes, generator=torch.Generator().manual_seed(42))
    print(f"{sets[0].indices[:5] = }")
    assert sets[0].dataset is dataset
    assert all(subset.indices == part.tolist() for subset, part in zip(sets, by_hand, strict=True))

    # No index is in two sets, and none is lost.
    together = sets[0].indices + sets[1].indices + sets[2].indices
    print(f"{len(set(together)) == len(together) == len(dataset) = }")
    assert sorted(together) == list(range(len(dataset)))

    # Any sequence can be split. Bare numbers stand in for the 8,189 photographs of the real
    # dataset. With 15% rounded down for the third set too, one would be left over:
    try:
        random_split(range(8189), [int(0.70 * 8189), int(0.15 * 8189), int(0.15 * 8189)])
    except ValueError as error:
        print(f"Sizes that do not add up fail: {error}")
    else:
        raise AssertionError("random_split lost an image without a word")

    # Given fractions, it computes the sizes itself, and deals out what rounding leaves over.
    print(f"{[len(part) for part in random_split(range(8189), [0.70, 0.15, 0.15])] = }")
    return sets


def the_same_split_again(dataset: Dataset) -> None:
    section("The same split in every run: a seeded generator")

    # If the next run splits differently, images that trained the model today test it tomorrow.
    # A generator of its own, with a seed, gives the same split whatever ran before.
    def test_indices(generator: torch.Generator | None = None) -> set[int]:
        return set(random_split(dataset, [0.70, 0.15, 0.15], generator)[2].indices)

    seeded = test_indices(torch.Generator().manual_seed(42))
    torch.rand(1)  # some other part of the program draws a number
    again = test_indices(torch.Generator().manual_seed(42))
    print(f"seed 42, twice: {len(seeded & again) / len(seeded):.1%} of the test images agree")
    assert again == seeded

    # Without one the split comes from PyTorch's global state, which every random number moves.
    first, second = test_indices(), test_indices()
    print(f"no seed, twice: {len(first & second) / len(first):.1%} of the test images agree")
    assert first != second


def class_balance(labels: Tensor, sets: list[Subset]) -> None:
    section("Luck with rare kinds: random and stratified splits")
    from pytorch_refresher._common.figures import BLUE, GREEN, ORANGE

    import matplotlib.pyplot as plt

    # A random split holds 15% of all images for validation, but not 15% of each kind of flower.
    # A stratified split does. One way is to deal the images like cards: shuffle, sort by kind,
    # and of each 20 give 14 to training (0), 3 to validation (1) and 3 to test (2), well mixed.
    shuffled = torch.randperm(len(labels), generator=torch.Generator().manual_seed(42))
    by_kind = shuffled[labels[shuffled].argsort(stable=True)]  # shuffled still, within a kind
    deal = torch.tensor([0, 0, 1, 0, 0, 2, 0, 0, 0, 1, 0, 0, 2, 0, 0, 0, 1, 0, 2, 0])
    hand = deal.repeat(len(labels) // 20 + 1)[: len(labels)]
    dealt = [by_kind[hand == part] for part in range(3)]

    # bincount counts the images of each kind. In the validation set, what share is it?
    in_all = labels.bincount()
    print(f"images of each kind: from {in_all.min()} to {in_all.max()}")
    shares = {}
    for name, indices in {"random": sets[1].indices, "stratified": dealt[1]}.items():
        share = shares[name] = labels[indices].bincount(minlength=len(in_all)) / in_all
        print(f"{name:<10} validation has {share.min():.1%} to {share.max():.1%} of a kind")
    assert shares["stratified"].std() < shares["random"].std()
    assert all(labels[part].unique().numel() == len(in_all) for part in dealt)

    figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained", sharey=True)
    for axis, (name, share), color in zip(axes, shares.items(), (ORANGE, BLUE), strict=True):
        axis.bar(range(len(share)), (100 * share).numpy(), color=color)
        axis.axhline(15, color=GREEN, linestyle="--", label="15%, as in the whole")
        axis.set(title=f"{name} split: {share.min():.0%} to {share.max():.0%}", xlabel="kind")
    axes[0].set_ylabel("in the validation set, in %")
    axes[1].legend(loc="upper right")
    figure.suptitle("What share of each kind of flower is in the validation set?")
    save_figure(figure, "class_balance")


def augmentation_that_leaks(folder: Path, sets: list[Subset]) -> None:
    section("One transform for all three sets: augmentation leaks")

    # random_split makes three sets over one dataset, which has one transform. Augmentation
    # meant for training turns the validation images too: each read gives another image.
    dataset = OxfordFlowersDataset(folder, AUGMENT_SMALL)
    train_set, val_set, _ = (Subset(dataset, subset.indices) for subset in sets)
    first, second = val_set[0][0], val_set[0][0]
    print(f"shared: {torch.equal(first, second) = }, {(first - second).abs().mean() = :.3f}")
    assert not torch.equal(first, second)

    # To exchange the transform mends nothing: there is only one, and training loses its own.
    val_set.dataset.transform = PREPARE_SMALL
    print(f"shared: {train_set.dataset.transform is PREPARE_SMALL = }")
    assert torch.equal(train_set[0][0], train_set[0][0])

    # Mended: two datasets over the same files, one for each transform, and the same indices.
    # As a dataset opens its files lazily, a second one costs next to nothing.
    train_set = Subset(OxfordFlowersDataset(folder, AUGMENT_SMALL), sets[0].indices)
    val_set = Subset(OxfordFlowersDataset(folder, PREPARE_SMALL), sets[1].indices)
    print(f"mended: {torch.equal(train_set[0][0], train_set[0][0]) = }")
    print(f"mended: {torch.equal(val_set[0][0], val_set[0][0]) = }")
    assert not torch.equal(train_set[0][0], train_set[0][0])
    assert torch.equal(val_set[0][0], val_set[0][0])

    # Augmentation varies the images of the training set. It adds none.
    assert len(train_set) == len(sets[0])


def batches(sets: list[Subset]) -> None:
    section("DataLoader: samples become batches")
    train_set, val_set, _ = sets

    # By hand: read B samples, stack the pictures, gather the labels.
    samples = [val_set[index] for index in range(BATCH_SIZE)]
    images = torch.stack([image for image, _ in samples])  # (B, 3, H, W)
    labels = torch.tensor([label for _, label in samples])  # (B,)

    # A DataLoader does that for batch after batch. Here are the first two:
    train_loader = DataLoader(train_set, batch_size=BATCH_SIZE, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=BATCH_SIZE)
    for number, (batch_images, batch_labels) in enumerate(val_loader, start=1):
        print(f"batch {number}: {list(batch_images.shape)} and {list(batch_labels.shape)}")
        if number == 2:
            break
        assert torch.equal(batch_images, images) and torch.equal(batch_labels, labels)
        assert batch_images.shape == (32, 3, 224, 224) and batch_labels.shape == (32,)

    # Memory grows with the batch: 32 pictures of 3 * 224 * 224 numbers of 4 bytes each.
    print(f"{images.nbytes / 1e6 = :.1f} MB")
    assert images.nbytes == 32 * 3 * 224 * 224 * 4

    # The length of a loader is its number of batches. The last one takes what is left, unless
    # you drop it. Where the order changes, each epoch then leaves out other images.
    print(f"{len(train_set) = :,}, {len(train_loader) = }")
    for drop_last in (False, True):
        loader = DataLoader(range(100), batch_size=BATCH_SIZE, drop_last=drop_last)
        print(f"100 samples, {drop_last = }: batches of {[len(batch) for batch in loader]}")


def when_to_shuffle() -> None:
    section("Shuffle for training, and only for training")

    # Over bare numbers a loader shows its order. Shuffled, each epoch has another one; a seeded
    # generator makes it the same in every run.
    for shuffle in (False, True):
        generator = torch.Generator().manual_seed(0)
        loader = DataLoader(range(8), batch_size=4, shuffle=shuffle, generator=generator)
        for epoch in (1, 2):
            print(f"{shuffle = }, epoch {epoch}: {[batch.tolist() for batch in loader]}")

    # Why it matters: a line learns from points on y = x^2, sorted from left to right as data
    # often are. The best line is flat, at the mean height 1/3. In sorted order the last batches
    # have the last word, and they know the right end only.
    x = torch.linspace(-1, 1, 960)
    y, losses = x**2, {}
    for shuffle in (False, True):
        generator = torch.Generator().manual_seed(0)
        points = TensorDataset(x, y)  # items are pairs (x[i], y[i])
        loader = DataLoader(points, batch_size=BATCH_SIZE, shuffle=shuffle, generator=generator)
        slope, height = 0.0, 0.0
        for _ in range(3):
            for batch_x, batch_y in loader:
                error = slope * batch_x + height - batch_y  # (B,)
                slope -= 0.1 * (2 * error * batch_x).mean()  # lesson 06's step
                height -= 0.1 * (2 * error).mean()
        losses[shuffle] = ((slope * x + height - y) ** 2).mean()
        print(f"{shuffle = }: {slope = :+.2f}, {height = :+.2f}, loss {losses[shuffle]:.3f}")
    least = ((1 / 3 - y) ** 2).mean()
    print(f"the best line has a loss of {least:.3f}")
    assert losses[True] - least < 0.2 * (losses[False] - least)

    # Validation and test only measure. A sum does not depend on the order of its terms, and in a
    # fixed order prediction i belongs to image i.
    total = sum(batch_y.sum() for _, batch_y in loader)  # shuffled
    torch.testing.assert_close(total, y.sum(), rtol=1e-5, atol=0)


def samples_of_different_shapes(folder: Path) -> None:
    section("collate_fn: when samples do not stack")

    # Without Resize and CenterCrop the pictures keep their sizes, and do not stack.
    ragged = Subset(OxfordFlowersDataset(folder, transforms.ToTensor()), range(4))
    for image, label in ragged:
        print(f"{tuple(image.shape) = }, {label = }")
    try:
        next(iter(DataLoader(ragged, batch_size=4)))
    except RuntimeError as error:
        print(f"The loader fails: {error}")
    else:
        assert len({image.shape for image, _ in ragged}) == 1, "different sizes were stacked"

    # collate_fn makes a batch out of a list of samples. Yours may do as it likes: pad_images,
    # near the top of this file, fills each picture up with 0 to the largest of its batch.
    images, labels = next(iter(DataLoader(ragged, batch_size=4, collate_fn=pad_images)))
    print(f"{images.shape = }, {labels = }")
    for padded, (image, _) in zip(images, ragged, strict=True):
        assert torch.equal(padded[:, : image.shape[1], : image.shape[2]], image)
        assert padded.count_nonzero() == image.count_nonzero()  # all around it is 0


def workers(folder: Path) -> None:
    section("num_workers: other processes read ahead")

    # With num_workers=0 your process reads a batch, learns from it, reads the next. With
    # workers, other processes read the coming batches meanwhile and hand them over in order.
    # How they start depends on the system: "fork" copies your process; "spawn" (Windows, macOS)
    # and "forkserver" (Linux from Python 3.14) start Python anew and import your file. The last
    # two lines of this file see to it that a worker then does not begin the whole lesson again.
    print(f"{multiprocessing.get_start_method() = }")

    # A worker that imports your file gets the dataset as bytes, by pickle. What stands at the
    # top of a file can travel so. A lambda cannot, and this dataset fails on Windows and macOS:
    assert pickle.loads(pickle.dumps(OxfordFlowersDataset(folder, from_afar)))
    try:
        pickle.dumps(OxfordFlowersDataset(folder, lambda image: image))
    except (AttributeError, pickle.PicklingError) as error:
        print(f"A lambda for a transform does not travel: {type(error).__name__}")
    else:
        raise AssertionError("a lambda was pickled")

    # More workers than cores get in each other's way, and PyTorch warns. So the counts end at
    # the number of cores that this process may use, or else that the machine has.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    counts = [count for count in (0, 1, 2) if count <= cores]
    print(f"cores for this process: {cores}. Workers tried: {counts}")

    dataset = Subset(OxfordFlowersDataset(folder, from_afar), range(64))
    seen = {}
    print("workers   first epoch   second epoch")
    for count in counts:
        loader = DataLoader(
            dataset,
            batch_size=8,
            num_workers=count,
            persistent_workers=count > 0,  # keep them for the next epoch: starting takes time
            pin_memory=torch.cuda.is_available(),  # memory that a CUDA GPU copies from faster
        )
        seconds = []
        for _ in range(2):
            seen[count], start = [], time.perf_counter()
            for _, labels in loader:
                seen[count] += labels.tolist()
                time.sleep(0.05)  # as if a GPU learned from the batch
            seconds.append(time.perf_counter() - start)
        print(f"{count:>7} {seconds[0]:>11.2f} s {seconds[1]:>12.2f} s")

    # Workers change the time, not the batches. They win where reading waits or computes long, as
    # here. They lose where starting them takes longer than they save: measure yours.
    assert all(labels == seen[0] for labels in seen.values())
    print("The same samples in the same order, whoever read them: yes")


# -----------------------------------------------------------------------------------------
# Practice problems. Replace each `raise NotImplementedError` with your answer and run this
# file again. solutions.py has one answer to each, and the checks that mark yours.
# -----------------------------------------------------------------------------------------


def stratified_split(
    labels: Tensor, fractions: tuple[float, float, float], generator: torch.Generator
):
    """Problem 1. Implement stratified splitting to maintain class balance.

    labels: (N,), int64, the class of each image; fractions: three numbers that sum to 1, for
    training, validation and test. Return three lists of indices (or three 1-D tensors) in which
    each of the numbers 0 to N - 1 stands once. Of a class of n images each list holds its
    fraction of n, less than one image more or fewer; the last list may take what remains, less
    than two off. Which images of a class go where is random, and depends on `generator` alone:
    the same seed gives the same split, another seed another one.
    torch.randperm(n, generator=generator) gives the numbers below n in a random order.
    """
    raise NotImplementedError


def batch_memory(dataset: Dataset, batch_sizes: list[int]) -> dict[int, tuple[int, float]]:
    """Problem 2. Experiment with different batch sizes and observe memory usage.

    dataset: pairs (image, label); its images are tensors of one shape and dtype. For each batch
    size, go through a DataLoader that leaves no sample out. Return a dictionary from each batch
    size to a pair: the number of batches, and the megabytes (1 MB = 1,000,000 bytes) that the
    images of the largest batch take. The labels do not count.
    """
    raise NotImplementedError


def seconds_by_workers(
    dataset: Dataset, batch_size: int, worker_counts: list[int]
) -> dict[int, float]:
    """Problem 3. Use num_workers for parallel data loading, and measure what it brings.

    For each count, make a DataLoader that reads `dataset` in batches of `batch_size` with so
    many workers (0 is among the counts), and go through all of its batches exactly once. Return
    a dictionary from each count to the seconds that this took, by time.perf_counter().
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__, download=True)
    if not arguments.practice:
        folder = oxford_flowers(download=arguments.download)
        dataset = OxfordFlowersDataset(folder, PREPARE)
        sets = three_sets(dataset)
        the_same_split_again(dataset)
        class_balance(torch.tensor(dataset.labels, dtype=torch.int64), sets)
        augmentation_that_leaks(folder, sets)
        batches(sets)
        when_to_shuffle()
        samples_of_different_shapes(folder)
        workers(folder)
    report_practice(__file__)


if __name__ == "__main__":
    main()
