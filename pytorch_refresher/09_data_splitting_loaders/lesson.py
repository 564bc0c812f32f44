"""Lesson 09: Splitting and Loaders

A model can learn its images by heart and still not recognize a single flower that is new to it.
As long as you only ask about images that it knows, you won't notice. So before anything else,
some images are put away for an exam. The others go to training in batches: in which order, how
samples become a batch, and which process reads them is the second half of this lesson.

    python lesson.py             run the lesson, then mark your practice answers
    python lesson.py --practice  only mark your practice answers
    python lesson.py --download  the same on the real photographs (345 MB)
"""

import contextlib
import io
import multiprocessing
import os
import pickle
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import (
    lesson_arguments,
    report_practice,
    save_figure,
    section,
    show_error,
)
from pytorch_refresher._data import oxford_flowers

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset, random_split
from torchvision.transforms import v2

SEED = 0
SHARES = (0.70, 0.15, 0.15)  # of the training, validation and test set
BATCH_SIZE = 32
EPOCHS = 2
RATE = 1e-4  # the learning rate
AT_MOST = 240  # images opened per experiment: all of the built-in ones, some of the real ones
DEVICE = "cpu"  # where models compute: "cuda" or "xpu" if you have such an accelerator
PATIENCE = 60  # seconds to wait for a batch from another process


def seeded() -> torch.Generator:
    """A source of random numbers of its own: the same ones in every run."""
    return torch.Generator().manual_seed(SEED)


def learned_by_heart(dataset: Dataset) -> tuple[Tensor, Tensor]:
    section("A model that learns by heart")

    # Open some images and flatten each into a row of numbers. randperm picks them at random,
    # because files are often sorted.
    some = torch.randperm(len(dataset), generator=seeded())[:AT_MOST].tolist()
    images, labels = zip(*[dataset[index] for index in some], strict=True)
    rows, labels = torch.stack(images).flatten(start_dim=1), torch.tensor(labels)  # (N, D), (N,)

    # The simplest model there is remembers half of the images. Asked about an image, it looks for
    # the most similar one that it remembers and answers with that one's label.
    known, new = torch.arange(len(rows)).chunk(2)
    print(f"images that it knows:    {right_answers(rows, labels, known, known):6.1%} right")
    print(f"images that are new:     {right_answers(rows, labels, known, new):6.1%} right")
    print(f"always the same answer:  {labels[new].bincount().max() / len(new):6.1%} right at best")
    return rows, labels


def right_answers(rows: Tensor, labels: Tensor, known: Tensor, asked: Tensor) -> float:
    """The share of the images `asked` whose nearest image among `known` has the right label."""
    distances = torch.cdist(rows[asked], rows[known])  # (len(asked), len(known))
    nearest = known[distances.argmin(dim=1)]
    return (labels[nearest] == labels[asked]).float().mean().item()


class OxfordFlowersDataset(Dataset):
    """The flowers of lesson 07, each sent through a transform when it is asked for."""

    def __init__(self, folder: Path, transform: Callable | None = None) -> None:
        from scipy.io import loadmat

        self.folder, self.transform = Path(folder), transform
        self.labels = loadmat(self.folder / "imagelabels.mat")["labels"][0] - 1  # from 0 on
        names = [f"image_{idx + 1:05d}.jpg" for idx in range(len(self.labels))]
        self.image_paths = [self.folder / "jpg" / name for name in names]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Image.Image | Tensor, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"there is no flower {index} among {len(self)}")
        with Image.open(self.image_paths[index]) as file:
            image = file.convert("RGB")
        if self.transform is not None:
            image = self.transform(image)
        return image, int(self.labels[index])


# Lesson 08's pipeline, one with augmentation for training, and one for small images.
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
END = (v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD))
PREPARE = v2.Compose([v2.Resize(256), v2.CenterCrop(224), *END])
AUGMENT = v2.Compose([v2.RandomResizedCrop(224, (0.5, 1)), v2.RandomHorizontalFlip(), *END])
SMALL = v2.Compose([v2.Resize(36), v2.CenterCrop(32), *END])


def three_sets(dataset: Dataset) -> list[Subset]:
    section("Three sets: 70, 15 and 15 percent")

    # 15% of 8,189 is not a whole number. So the last size is whatever remains.
    train_size = int(SHARES[0] * len(dataset))
    val_size = int(SHARES[1] * len(dataset))
    test_size = len(dataset) - train_size - val_size
    sizes = [train_size, val_size, test_size]
    print(f"{len(dataset) = :,}, {sizes = }")

    # By hand: put all indices in random order and cut twice. random_split does the same. No image
    # is copied, because a Subset is only the dataset with a list of indices.
    by_hand = torch.randperm(len(dataset), generator=seeded()).split(sizes)
    sets = random_split(dataset, sizes, generator=seeded())
    print(f"{by_hand[0][:5] = }, {sets[0].indices[:5] = }")

    # Nothing is in two sets and nothing is lost: & is what two sets share, | is all they have.
    train, val, test = (set(each.indices) for each in sets)
    print(f"{len(train & val) = }, {len(train & test) = }, {len(val & test) = }")
    print(f"{len(train | val | test) = }")

    # The generator has a seed of its own. Without one, the split depends on all that the program
    # has drawn before: a new layer in your model, say, and training images become test images.
    again = random_split(dataset, sizes, generator=seeded())[2].indices
    torch.rand(1)  # somebody draws a number
    other = random_split(dataset, sizes)[2].indices
    print(f"the same seed: {len(test & set(again))} of {test_size} test images are the same")
    print(f"no generator:  {len(test & set(other))} of {test_size} test images are the same")

    # Given fractions, random_split computes the sizes and deals out what rounding leaves over.
    print(f"{[len(part) for part in random_split(range(8189), SHARES)] = }")
    return sets


def the_luck_of_the_winners() -> None:
    section("Why two sets to measure on: the luck of the winners")

    # A thousand models that only guess among ten classes, each asked about 36 validation images
    # and 36 test images. On average, one answer in ten is right.
    source, models, images, classes = seeded(), 1000, 36, 10
    truth = torch.randint(classes, (2, images), generator=source)
    guesses = torch.randint(classes, (models, 2, images), generator=source)
    val, test = (guesses == truth).float().mean(dim=2).unbind(dim=1)  # (models,) each
    print(f"all models:   validation {val.mean():5.1%}, test {test.mean():5.1%} right")

    # Now choose the best 1%, as you'd choose the best of many networks. They guess like all the
    # others. They were lucky, but only on the images by which they were chosen.
    best = val.topk(max(1, models // 100)).indices
    print(f"the best 1%:  validation {val[best].mean():5.1%}, test {test[best].mean():5.1%} right")


def class_balance(labels: Tensor, sets: list[Subset]) -> dict[str, Tensor]:
    section("Luck with rare classes: random and stratified splits")

    # A random split takes 15% of all images for validation, but not 15% of each class. A
    # stratified one does. One way to do it: lay the images out class by class, in random order
    # within a class, walk along the row, and take every 6.67th (that is 1 / 0.15).
    shuffled = torch.randperm(len(labels), generator=seeded())
    by_class = shuffled[labels[shuffled].argsort(stable=True)]
    every = torch.arange(0, len(labels), 1 / max(SHARES[1], 1e-9)).long()
    chosen = {"random": sets[1].indices, "stratified": by_class[every]}

    in_all = labels.bincount()  # how many images each class has
    print(f"images per class: from {in_all.min()} to {in_all.max()}")
    shares = {}
    for name, indices in chosen.items():
        share = shares[name] = labels[indices].bincount(minlength=len(in_all)) / in_all
        print(f"{name:<10} split: {share.min():.1%} to {share.max():.1%} of a class for validation")
    return shares


def what_leaks(rows: Tensor, labels: Tensor) -> None:
    section("What leaks into the exam")
    source, count = seeded(), len(rows)

    # Duplicates. Say every photograph was saved twice, the second time with less contrast. Split
    # the files at random, and the model has met many of the new ones before. So keep together
    # what belongs together, in this case both files of a photograph.
    files, twice = torch.cat([rows, 0.9 * rows]), labels.repeat(2)
    careless = torch.randperm(2 * count, generator=source).chunk(2)
    known, new = torch.randperm(count, generator=source).chunk(2)
    careful = torch.cat([known, known + count]), torch.cat([new, new + count])
    print(f"duplicates, split by file:       {right_answers(files, twice, *careless):.1%} right")
    print(f"duplicates, split by photograph: {right_answers(files, twice, *careful):.1%} right")

    # Statistics. Here is nothing to learn: 5,000 random numbers per sample, and labels that have
    # nothing to do with them. Choose the 20 columns in which two classes differ most, and answer
    # by their sum. Which samples may have a say in that choice?
    x, y = torch.randn(200, 5000, generator=source), torch.arange(200) % 2
    training, exam = torch.arange(200).chunk(2)
    for name, used in {"all samples": torch.arange(200), "training only": training}.items():
        gap = x[used][y[used] == 1].mean(dim=0) - x[used][y[used] == 0].mean(dim=0)
        best = gap.abs().topk(20).indices
        right = (x[exam][:, best] @ gap[best] > 0) == y[exam]
        print(f"nothing to learn, columns chosen on {name}: {right.float().mean():.0%} right")


def two_datasets(folder: Path, sets: list[Subset]) -> list[Subset]:
    section("From samples to batches")

    # The sets that random_split makes share one dataset, and with it one transform. If that
    # augments, a validation image is a different one every time, and measurements wobble.
    shared = Subset(OxfordFlowersDataset(folder, AUGMENT), sets[1].indices)
    print(f"shared:   {torch.equal(shared[0][0], shared[0][0]) = }")

    # So make two datasets over the same files, one for each transform. A second one costs next to
    # nothing, because a file is opened only when asked for.
    augmented, plain = OxfordFlowersDataset(folder, AUGMENT), OxfordFlowersDataset(folder, PREPARE)
    train, val, test = (each.indices[:AT_MOST] for each in sets)
    val_set, test_set = Subset(plain, val), Subset(plain, test)
    print(f"separate: {torch.equal(val_set[0][0], val_set[0][0]) = }")

    # Files are often sorted by class. To see what that does, we sort the training set.
    train_set = Subset(augmented, sorted(train, key=lambda index: augmented.labels[index]))

    # By hand, a batch is a torch.stack of samples. A DataLoader makes one after the other, and the
    # last one gets what remains.
    for images, labels in DataLoader(val_set, batch_size=BATCH_SIZE):
        megabytes = images.nbytes / 1e6
        print(f"images {list(images.shape)}, {megabytes:.1f} MB, labels {list(labels.shape)}")

    # Over bare numbers you can see the order. shuffle=True makes a new one for each epoch, and
    # drop_last=True drops a last batch that isn't full. (len(loader) is the number of batches.)
    for choice in (False, True):
        loader = DataLoader(range(10), 4, shuffle=choice, drop_last=choice, generator=seeded())
        for epoch in (1, 2):
            order = [batch.tolist() for batch in loader]
            print(f"shuffle and drop_last {choice}, epoch {epoch}: {len(loader)} batches {order}")
    return [train_set, val_set, test_set]


def learn(model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer) -> None:
    """One epoch of training, that is, one step with every batch."""
    loss_function = nn.CrossEntropyLoss()  # lesson 10 explains it
    for images, labels in loader:
        # With an accelerator, give the loader pin_memory=True: it then puts each batch where the
        # accelerator can fetch it by itself. non_blocking=True means not to wait for that copy.
        images, labels = images.to(DEVICE, non_blocking=True), labels.to(DEVICE, non_blocking=True)
        loss = loss_function(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def answers(model: nn.Module, loader: DataLoader) -> Tensor:
    """The class with the highest score for each image, in the loader's order."""
    named = [model(images.to(DEVICE)).argmax(dim=1).cpu() for images, _ in loader]
    return torch.cat(named) if named else torch.empty(0, dtype=torch.int64)


def train_choose_and_test(sets: list[Subset]) -> None:
    section("Three loaders: train, choose, and test once")
    train_set, val_set, test_set = sets
    val_loader = DataLoader(val_set, batch_size=BATCH_SIZE)
    test_loader = DataLoader(test_set, batch_size=BATCH_SIZE)
    labels = torch.tensor(train_set.dataset.labels, dtype=torch.int64)
    late = labels[train_set.indices[-BATCH_SIZE:]].unique()
    in_truth = torch.isin(labels[val_set.indices], late).float().mean()
    print(f"the last {BATCH_SIZE} training images are of the classes {late.tolist()}, ", end="")
    print(f"as are {in_truth:.0%} of the validation images")

    # Shuffle or not? That is a choice, so it's made on the validation set.
    models = {}
    for shuffle in (False, True):
        train_loader = DataLoader(train_set, BATCH_SIZE, shuffle=shuffle, generator=seeded())
        # The simplest network: a score per class, each a weighted sum of all numbers of an image.
        torch.manual_seed(SEED)  # the same first weights for both
        linear = nn.Linear(val_set[0][0].numel(), int(labels.max()) + 1)
        model = nn.Sequential(nn.Flatten(), linear).to(DEVICE)
        optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
        for _ in range(EPOCHS):
            learn(model, train_loader, optimizer)
        named = answers(model, val_loader)
        right = (named == labels[val_set.indices]).float().mean().item()
        models[right] = model
        print(f"{shuffle = }: validation {right:.1%} right, ", end="")
        print(f"{torch.isin(named, late).float().mean():.0%} of the answers name these classes")

    # The test set is used once. Whatever it says, nothing is changed any more.
    right = answers(models[max(models)], test_loader) == labels[test_set.indices]
    print(f"the better of the two: test {right.float().mean():.1%} right")


def pad_images(samples: list[tuple[Tensor, int]]) -> tuple[Tensor, Tensor]:
    """A collate_fn: images (3, H, W) of any sizes become (B, 3, largest H, largest W)."""
    images, labels = zip(*samples, strict=True)
    height = max(image.shape[1] for image in images)
    width = max(image.shape[2] for image in images)
    batch = torch.zeros(len(images), 3, height, width)
    for place, image in zip(batch, images, strict=True):
        place[:, : image.shape[1], : image.shape[2]] = image  # the rest stays 0
    return batch, torch.tensor(labels)


def samples_of_different_shapes(folder: Path) -> None:
    section("collate_fn: when samples don't stack")

    # Without resizing and cropping, images keep their own sizes. Those can't be stacked.
    ragged = Subset(OxfordFlowersDataset(folder, v2.Compose(END)), range(3))
    print(f"{[tuple(image.shape) for image, _ in ragged] = }")
    with show_error("next(iter(DataLoader(ragged, batch_size=3)))"):
        next(iter(DataLoader(ragged, batch_size=3)))

    # collate_fn is the function that turns a list of samples into a batch. You can bring your own.
    images, labels = next(iter(DataLoader(ragged, batch_size=3, collate_fn=pad_images)))
    print(f"{images.shape = }, {labels = }")


OWN = random.Random(SEED)  # a generator of our own, as many datasets keep one


def from_afar(image: Image.Image) -> tuple[Tensor, int, Tensor, float]:
    """A transform: an image that takes 10 ms to arrive, who is reading it, and two draws."""
    time.sleep(0.01)
    worker = torch.utils.data.get_worker_info()  # None in the process that you started
    return SMALL(image), worker.id if worker else -1, torch.rand(()), OWN.random()


def workers(folder: Path) -> None:
    section("num_workers: other processes read ahead")

    # A worker is a process of its own, and may get its copy of the dataset as bytes. Turning an
    # object into bytes is called pickling. Functions travel by name, and a lambda has none.
    print(f"{multiprocessing.get_start_method() = }")
    with show_error("pickle.dumps(OxfordFlowersDataset(folder, lambda image: image))"):
        pickle.dumps(OxfordFlowersDataset(folder, lambda image: image))

    # A measurement of your machine. More workers than cores would get in each other's way.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    dataset = Subset(OxfordFlowersDataset(folder, from_afar), range(32))
    print("workers   first epoch   second epoch   first label of each batch")
    for count in range(min(2, cores) + 1):
        OWN.seed(SEED)
        # Workers that persist are there for the next epoch: starting them takes time. PyTorch
        # seeds them from the generator.
        options = {"num_workers": count, "persistent_workers": count > 0, "generator": seeded()}
        loader = DataLoader(dataset, batch_size=8, timeout=PATIENCE if count else 0, **options)
        batches, seconds = two_epochs_or_one_sentence(loader)
        if not batches:
            return
        first = [labels[0].item() for _, labels in batches]  # the same, whoever reads them
        print(f"{count:>7} {seconds[0]:>11.2f} s {seconds[1]:>12.2f} s   {first}")

    # Look at the last column. PyTorch's random numbers are seeded differently in each worker, but
    # a generator of your own is copied as it is: both workers draw the same numbers.
    for number, ((_, worker, drawn, own), _) in enumerate(batches):
        print(f"batch {number}, worker {worker[0]}: torch.rand {drawn[0]:.3f}, OWN {own[0]:.3f}")


def two_epochs_or_one_sentence(loader: DataLoader) -> tuple[list, list[float]]:
    """The batches of an epoch, and the seconds of two; where there can be no workers, neither."""
    # A container may allow too little shared memory (docker run --shm-size) or too few open files
    # (ulimit -n). Workers then die with pages of errors, of which we show the last line.
    seconds = []
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            for _ in range(2):
                start, batches = time.perf_counter(), []
                for batch in loader:
                    batches.append(batch)
                    time.sleep(0.05)  # as if an accelerator learned while the workers go on
                seconds.append(time.perf_counter() - start)
            return batches, seconds
        except (RuntimeError, OSError) as error:
            if not loader.num_workers:
                raise
            cause = str(error).strip().splitlines()[-1]
    print(f"Worker processes can't be used here, so we go on without them: {cause}")
    return [], []


def draw_class_balance(shares: dict[str, Tensor]) -> None:
    from pytorch_refresher._common.figures import BLUE, ORANGE

    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    for number, (name, share) in enumerate(shares.items()):
        places, color = torch.arange(len(share)) + 0.4 * number - 0.2, (ORANGE, BLUE)[number]
        axes.bar(places.numpy(), (100 * share).numpy(), 0.4, color=color, label=f"{name} split")
    axes.axhline(100 * SHARES[1], color="black", linestyle="--", label=f"{SHARES[1]:.0%}")
    axes.set(xlabel="class", ylabel="% of the class in the validation set")
    axes.legend()
    save_figure(figure, "class_balance")


# -----------------------------------------------------------------------------------------
# Practice. Replace each `raise NotImplementedError` with your answer, then run this file with
# --practice: it marks your answers and tells you what to look at next.
# -----------------------------------------------------------------------------------------


def stratified_split(labels: Tensor, fractions: tuple, generator: torch.Generator) -> tuple:
    """Problem 1 (medium, 15 minutes). Implement stratified splitting to maintain class balance.

    labels: (N,), int64, the class of each image: any numbers, in any order. fractions: of the
    training, validation and test set; they sum to 1.
    Return three lists of indices that hold each number from 0 to N - 1 once. Of a class of n
    images, training and validation get their fractions of n, give or take one image; the test set
    gets the rest. Which images go where is random and depends on `generator` alone: the same seed
    gives the same split, and every image can end up in every set.
    """
    raise NotImplementedError


def batch_memory(dataset: Dataset, batch_sizes: list[int]) -> dict:
    """Problem 2 (easy, 10 minutes). Experiment with batch sizes and observe their memory.

    dataset: pairs of an image and its label; the images are tensors of one shape and one dtype,
    which needn't be float32. There may be fewer of them than the largest batch size.
    Return a dictionary from each batch size to a pair: how many batches a DataLoader makes that
    leaves no sample out, and the megabytes (1 MB is 1,000,000 bytes) that the images of its
    largest batch take. Labels don't count.
    """
    raise NotImplementedError


def seconds_by_workers(dataset: Dataset, batch_size: int, worker_counts: list[int]) -> dict:
    """Problem 3 (medium, 15 minutes). Use num_workers, and measure what workers cost and gain.

    For each count, 0 among them, go through `dataset` once, in batches of `batch_size` that so
    many workers read. Return a dictionary from each count to a pair: the seconds until the first
    batch has arrived, and the seconds until all have. Starting the workers is part of both.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__, download=True)
    if not arguments.practice:
        folder = oxford_flowers(arguments.download)
        torch.manual_seed(SEED)
        dataset = OxfordFlowersDataset(folder, SMALL)
        rows, labels = learned_by_heart(dataset)
        sets = three_sets(dataset)
        the_luck_of_the_winners()
        shares = class_balance(torch.tensor(dataset.labels, dtype=torch.int64), sets)
        what_leaks(rows, labels)
        train_choose_and_test(two_datasets(folder, sets))
        samples_of_different_shapes(folder)
        workers(folder)
        draw_class_balance(shares)
    report_practice(__file__)


if __name__ == "__main__":  # a worker may import this file, and must not run the lesson again
    main()
