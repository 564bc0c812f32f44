"""Appendix A: CNN

Teach lesson 10's network what a sandal looks like, with every sandal in the middle of its image.
Then move one a few pixels to the right. You hardly notice, but the network is lost: it has a weight
of its own for every pixel, and the ones over there have never met a sandal. A convolution uses the
same few weights everywhere.

    python lesson.py             run the lesson, then mark your practice answers
    python lesson.py --practice  only mark your practice answers
    python lesson.py --download  train on the 1,283 real images of horses and humans
"""

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section
from pytorch_refresher._common.device import choose_device
from pytorch_refresher._data import fashion_mnist, horse_or_human

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import datasets, models
from torchvision.transforms import v2

# Shapes in comments: N images in a dataset, B in a batch, C channels, H, W height and width.

SEED = 0
KINDS = (1, 5, 8)  # of FashionMNIST: trousers, sandals and bags
MARGIN = 6  # empty pixels around each of them: room to move
SIDE = 150  # horses and humans are read as SIDE x SIDE pixels
BATCH_SIZE = 8  # our 256 images make 32 batches. The article's 1,027 make 33, of 32 images each.
EPOCHS, RATE = 2, 0.001  # the learning rate is the article's
SMALL_SIDE, SMALL_EPOCHS, SEEDS = 20, 3, 5  # for networks that are trained many times
VARIANTS = ("as it is", "logits", "ReLU", "BatchNorm", "pooling", "BatchNorm + pooling")


def a_window_that_slides() -> tuple[Tensor, Tensor, Tensor]:
    section("A small window that slides")

    # A light bar, and nine weights: what is on the right minus what is on the left. Slide these
    # weights over the image, and write down at each place the sum of the products.
    image = torch.tensor([[0.0, 0, 1, 1, 0, 0, 0]]).repeat(4, 1)  # (H=4, W=7)
    kernel = torch.tensor([[-1.0, 0, 1]]).repeat(3, 1)  # (3, 3)

    def slide(image: Tensor) -> Tensor:
        answers = torch.zeros(image.shape[0] - 2, image.shape[1] - 2)
        for i in range(answers.shape[0]):
            for j in range(answers.shape[1]):
                answers[i, j] = (image[i : i + 3, j : j + 3] * kernel).sum()
        return answers

    # Positive at the left edge of the bar, negative at its right edge, 0 where nothing changes. And
    # if the bar moves, the answers move along: nothing has to be learned again.
    answers, moved = slide(image), slide(image.roll(1, dims=1))
    print(f"the bar at column 2: {answers[0].tolist()}, largest {answers.max():.0f}")
    print(f"the bar at column 3: {moved[0].tolist()}, largest {moved.max():.0f}")
    # PyTorch's own wants a batch and channels in front.
    print(f"{torch.equal(F.conv2d(image[None, None], kernel[None, None])[0, 0], answers) = }")

    # A layer has many kernels, and each of them looks at all channels. A frame of zeros around the
    # image, the padding, keeps the size. And if each output had weights for every pixel instead?
    conv, photo = nn.Conv2d(3, 16, kernel_size=3, padding=1), torch.zeros(3, SIDE, SIDE)
    print(f"{conv.weight.shape = }, {conv(photo).shape = }")
    print(f"{parameters_of(conv)} parameters, or {photo.numel() * conv(photo).numel():,}")
    return image, kernel, answers


def parameters_of(*modules: nn.Module) -> int:
    return sum(each.numel() for module in modules for each in module.parameters())


def clothes_in_the_middle(folder: Path, train: bool) -> tuple[Tensor, Tensor]:
    """Images (N, 1, 26, 26) of the three kinds with a margin, and their labels (N,), 0 to 2."""
    data = datasets.FashionMNIST(root=folder, train=train)
    is_kind = data.targets[:, None] == torch.tensor(KINDS)  # a row per image, a column per kind
    chosen = is_kind.any(dim=1).nonzero().flatten()[:1500]
    images = F.avg_pool2d(data.data[chosen, None] / 255, 2)  # half the size, to save time
    return F.pad(images, [MARGIN] * 4), is_kind[chosen].int().argmax(dim=1)


def batches_of(images: Tensor, labels: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    for chosen in torch.randperm(len(labels)).split(size):  # as lesson 10 shuffles tensors
        yield images[chosen], labels[chosen]


def move_a_sandal(folder: Path) -> None:
    section("Move a sandal, and the network is lost")

    training, testing = (clothes_in_the_middle(folder, train) for train in (True, False))
    torch.manual_seed(SEED)
    results, shifts = {}, range(MARGIN + 1)
    print("moved by pixels", *(f"{shift:>5}" for shift in shifts))
    for name in ("fully connected", "conv, flattened", "conv, pooled"):
        if name == "fully connected":  # lesson 10's network, a bit smaller
            layers = [nn.Flatten(), nn.LazyLinear(64), nn.ReLU()]
        else:  # convolutions with one of two ends
            layers = [nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, 2)]
            layers += [nn.Conv2d(8, 16, 3, padding=1), nn.ReLU()]  # (B, 16, 13, 13)
        # One end lays all answers side by side, so the linear layer has a weight for each place. The
        # other keeps only the largest answer of each kernel, wherever it was: global pooling.
        if name == "conv, pooled":
            layers.append(nn.AdaptiveMaxPool2d(1))  # (B, 16, 1, 1)
        network = nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(len(KINDS)))
        network(testing[0])  # a lazy layer counts its inputs when it gets the first ones
        optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
        for _ in range(4):
            for images, labels in batches_of(*training, size=64):
                optimizer.zero_grad()
                F.cross_entropy(network(images), labels).backward()
                optimizer.step()
        # All of this with everything in the middle. Now move the test images. (roll() brings in on
        # the left what it pushes out on the right: empty pixels of the margin.)
        guesses = [network(testing[0].roll(shift, dims=-1)).argmax(dim=1) for shift in shifts]
        results[name] = [(guess == testing[1]).float().mean().item() for guess in guesses]
        print(f"{name:<15}", *(f"{accuracy:>5.0%}" for accuracy in results[name]))
    draw_shifts(results)


# The end of each pipeline, as in lesson 08: pixels become floats of -1..1.
END = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5], [0.5])]


def open_the_data(folder: Path) -> tuple[datasets.ImageFolder, datasets.ImageFolder]:
    section("Horses and humans, in folders")

    # Augmentation for training only: at least half of the image, mirrored or not.
    augment = [v2.RandomResizedCrop(SIDE, scale=(0.5, 1)), v2.RandomHorizontalFlip()]
    train_transform = v2.Compose([*augment, *END])
    validation_transform = v2.Compose([v2.Resize([SIDE, SIDE]), *END])
    # One folder per class: ImageFolder numbers them in alphabetical order.
    train_data = datasets.ImageFolder(folder / "training", transform=train_transform)
    validation_data = datasets.ImageFolder(folder / "validation", transform=validation_transform)
    print(f"{train_data.class_to_idx = }, {train_data[0][0].shape = }")
    # Does each have the right transform? Read the same image twice and see.
    for name, data in (("training", train_data), ("validation", validation_data)):
        change = (data[0][0] - data[0][0]).abs().mean()
        print(f"{name}: {len(data)} images, one read twice differs by {change:.2f} per value")
    return train_data, validation_data


class HorsesHumansCNN(nn.Module):
    """The article's network: images (B, 3, side, side) to probabilities of a human, (B, 1)."""

    threshold = 0.5  # an output above it means "human"

    def __init__(self, side: int = SIDE) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, padding=1)
        self.conv3 = nn.Conv2d(32, 64, kernel_size=3, padding=1)
        self.pool = nn.MaxPool2d(2, 2)  # three times: a side of 150 becomes 75, 37, 18
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(64 * (side // 8) ** 2, 512)
        self.dropout = nn.Dropout(0.25)
        self.fc2 = nn.Linear(512, 1)
        self.output = nn.Sigmoid()

    def forward(self, images: Tensor) -> Tensor:
        # The article takes the ReLU first. The largest of four values stays the largest, so the
        # result is the same, and pooling first leaves a quarter of the work for the ReLU.
        x = F.relu(self.pool(self.conv1(images)))  # (B, 16, 75, 75)
        x = F.relu(self.pool(self.conv2(x)))  # (B, 32, 37, 37)
        x = F.relu(self.pool(self.conv3(x)))  # (B, 64, 18, 18)
        return self.output(self.fc2(self.dropout(self.fc1(self.flatten(x)))))


def one_epoch(model, batches: Iterable, loss_function, optimizer=None) -> tuple[float, float]:
    """Lesson 10's train(), or its test() if there's no optimizer: mean loss and accuracy."""
    model.train(optimizer is not None)
    device = next(model.parameters()).device
    loss_sum = right = count = 0
    for images, labels in batches:
        # channels_last stores a pixel's channels side by side. The same numbers, in less time.
        images = images.to(device, memory_format=torch.channels_last)
        labels = labels.to(device, torch.float32).unsqueeze(1)  # (B, 1), as the outputs
        with torch.set_grad_enabled(model.training):
            outputs = model(images)
            loss = loss_function(outputs, labels)
        if model.training:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss_sum += loss.detach() * len(labels)
        right += ((outputs > model.threshold) == labels).sum()
        count += len(labels)
    return loss_sum.item() / count, right.item() / count


def the_articles_network(train_data, validation_data, device: torch.device) -> dict[str, int]:
    section("The article's network")

    torch.manual_seed(SEED)
    model = HorsesHumansCNN().to(device, memory_format=torch.channels_last)
    convolutions = parameters_of(model.conv1, model.conv2, model.conv3)
    print(f"{parameters_of(model):,} parameters, {convolutions:,} of them in convolutions")

    # How many pixels can a value depend on? A kernel of 3 adds a neighbor on each side, a pooling adds
    # one. And behind each pooling, neighbors are twice as far apart in the image.
    fields, field, step = {}, 1, 1
    for number in (1, 2, 3):
        field, step = field + 2 * step + step, 2 * step
        fields[f"after pooling {number}"] = field
    print("a value sees", ", ".join(f"{size} pixels {name}" for name, size in fields.items()))

    # Dropout zeroes a quarter of the features in training, at random, and scales the others up.
    print(f"{model.dropout.train()(torch.ones(6)) = }")

    # BCELoss, the binary cross-entropy, is lesson 10's loss for two classes and one probability.
    loss_function = nn.BCELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    train_loader = DataLoader(train_data, batch_size=BATCH_SIZE, shuffle=True)
    # Validation images are the same each time, so read them once.
    batches = list(DataLoader(validation_data, batch_size=64))
    for epoch in range(1, EPOCHS + 1):
        loss, accuracy = one_epoch(model, train_loader, loss_function, optimizer)
        val_loss, val_accuracy = one_epoch(model, batches, loss_function)
        print(f"epoch {epoch}: loss {loss:.3f}, accuracy {accuracy:.1%}", end="")
        print(f"   validation: loss {val_loss:.3f}, accuracy {val_accuracy:.1%}")
    return fields


def a_loss_that_gives_up() -> None:
    section("A loss that gives up")

    # A horse, label 0, is taken for a human, more and more confidently. The logit is what fc2
    # returns; a gradient is all that training ever hears about a mistake.
    for value in (0.0, 5.0, 20.0):
        logits = torch.full((2,), float(value), requires_grad=True)
        apart = nn.BCELoss()(torch.sigmoid(logits[:1]), torch.zeros(1))
        in_one = nn.BCEWithLogitsLoss()(logits[1:], torch.zeros(1))
        (apart + in_one).backward()
        print(f"logit {value:>2.0f}: loss {apart:>7.3f} and {in_one:>6.3f}", end=", ")
        print("gradient {:.3f} and {:.3f}".format(*logits.grad.tolist()))


def start(variant: str, seed: int, side: int = SMALL_SIDE) -> tuple:
    """The article's network with the changes that a variant names, its loss and its optimizer."""
    torch.manual_seed(seed)
    model, loss_function = HorsesHumansCNN(side), nn.BCELoss()
    if "logits" in variant:
        model.output, model.threshold = nn.Identity(), 0.0  # the sigmoid of 0 is 0.5
        loss_function = nn.BCEWithLogitsLoss()
    if "ReLU" in variant:  # without it, fc1 and fc2 are a single linear map
        model.fc1 = nn.Sequential(model.fc1, nn.ReLU())
    if "BatchNorm" in variant:
        for name in ("conv1", "conv2", "conv3"):
            conv = getattr(model, name)
            setattr(model, name, nn.Sequential(conv, nn.BatchNorm2d(conv.out_channels)))
    if "pooling" in variant:
        # Of each kernel's answers only the mean. No places are left for fc1 to have weights for.
        model.flatten = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())  # (B, 64)
        model.fc1, model.dropout, model.fc2 = nn.Identity(), nn.Identity(), nn.Linear(64, 1)
    model = model.to(memory_format=torch.channels_last)
    return model, loss_function, torch.optim.Adam(model.parameters(), lr=RATE, fused=True)


def small_images(folder: Path) -> tuple[Tensor, Tensor]:
    shrink = v2.Compose([v2.Resize([SMALL_SIDE, SMALL_SIDE]), *END])
    data = datasets.ImageFolder(folder, transform=shrink)
    return torch.stack([image for image, _ in data]), torch.tensor(data.targets)


def one_change_at_a_time(training: tuple, validation: tuple) -> None:
    section("One change at a time")

    print(f"parameters at {SIDE} x {SIDE}; validation accuracy at {SMALL_SIDE} x {SMALL_SIDE}")
    for variant in VARIANTS:
        accuracies = []
        for number in range(max(SEEDS, 1)):
            model, loss_function, optimizer = start(variant, SEEDS * SEED + number)
            for _ in range(SMALL_EPOCHS):
                one_epoch(model, batches_of(*training, BATCH_SIZE), loss_function, optimizer)
            accuracies.append(one_epoch(model, [validation], loss_function)[1])
        with torch.device("meta"):  # where tensors have shapes, but no values: enough to count
            parameters = parameters_of(start(variant, SEED, SIDE)[0])
        low, high, mean = min(accuracies), max(accuracies), sum(accuracies) / len(accuracies)
        print(f"{variant:<20} {parameters:>10,}   {mean:.1%} (from {low:.1%} to {high:.1%})")


def what_others_have_learned() -> None:
    section("What others have learned")

    # weights=models.ResNet18_Weights.DEFAULT would bring along all that this network has learned
    # from a million photographs (45 MB). With None it is untrained, and has the same layers.
    backbone = models.resnet18(weights=None)
    print(f"{backbone.avgpool = }, {backbone.fc = }")
    # Keep what it knows, and learn a new last layer. (Train with the backbone in eval mode, or its
    # BatchNorms would forget their running statistics.)
    backbone.requires_grad_(False)
    backbone.fc = nn.Linear(backbone.fc.in_features, 1)  # new, so it requires gradients
    print(f"{parameters_of(backbone.fc):,} of {parameters_of(backbone):,} parameters to learn")


def save_checkpoint(path: Path, model: nn.Module, optimizer, epoch: int) -> None:
    checkpoint = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),  # Adam's two means for each weight
        "epoch": epoch,
        "random": torch.get_rng_state(),  # the order of the images and dropout come from here
    }
    torch.save(checkpoint, path)


def load_checkpoint(path: Path, model: nn.Module, optimizer) -> int:
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    torch.set_rng_state(checkpoint["random"])
    return checkpoint["epoch"]


def save_safely(path: Path, model: nn.Module, optimizer, epoch: int) -> None:
    """Save so that at any moment there is a whole checkpoint at `path`, the old or the new one."""
    part = path.with_name(f"{path.name}.part")
    save_checkpoint(part, model, optimizer, epoch)
    with part.open("rb+") as file:
        os.fsync(file.fileno())  # wait until the bytes are on the disk
    os.replace(part, path)  # in a single step


def stop_and_go_on(training: tuple) -> None:
    section("Stop, and go on as if you hadn't")

    def train(model, loss_function, optimizer, epochs: int) -> Tensor:
        for _ in range(epochs):
            one_epoch(model, batches_of(*training, BATCH_SIZE), loss_function, optimizer)
        return torch.cat([weight.detach().flatten() for weight in model.parameters()])

    uninterrupted = train(*start("as it is", SEED), epochs=2)
    with tempfile.TemporaryDirectory() as folder:
        path, other = Path(folder, "checkpoint.pt"), Path(folder, "other.pt")
        model, loss_function, optimizer = start("as it is", SEED)
        train(model, loss_function, optimizer, epochs=1)
        save_safely(path, model, optimizer, epoch=1)
        # Tomorrow, a new process starts with other weights and other random numbers. Load, and go
        # on. Then try it with one part missing: the new process keeps its own.
        model, loss_function, optimizer = start("as it is", SEED + 1)
        save_checkpoint(other, model, optimizer, epoch=0)
        today, tomorrow = (torch.load(each, weights_only=True) for each in (path, other))
        for part in ("nothing", "model", "optimizer", "random"):
            torch.save(today | {part: tomorrow.get(part)}, other)
            model, loss_function, optimizer = start("as it is", SEED + 1)
            epoch = load_checkpoint(other, model, optimizer)
            weights = train(model, loss_function, optimizer, epochs=2 - epoch)
            print(f"{part:<9} missing: ", end="")
            print(f"weights differ by up to {(weights - uninterrupted).abs().max():.4f}")


def draw_shifts(results: dict[str, list[float]]) -> None:
    from pytorch_refresher._common.figures import curves

    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
    curves(axes, results, xlabel="moved to the right by pixels", ylabel="accuracy", ylim=(0, 1.05))
    save_figure(figure, "shifts")


def draw_windows(image: Tensor, kernel: Tensor, answers: Tensor, fields: dict, photo) -> None:
    from pytorch_refresher._common.figures import BLUE, GREEN, ORANGE, PURPLE, RED, heat_map

    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(2, 2, figsize=(8, 5.5), layout="constrained")
    panels, frame = panels.flatten(), {"fill": False, "linewidth": 3}
    titles = "an image, and the window", "the kernel", "its answers", "what one value sees"
    for axes, title, values in zip(panels, titles, (image, kernel, answers, photo), strict=True):
        axes.set_title(title)
        if axes is not panels[3]:
            heat_map(axes, values, numbers=".0f", aspect="equal", vmin=-5, vmax=5, cmap="PuOr")
    for axes, size in ((panels[0], 3), (panels[2], 1)):  # a place, and the answer that it gives
        axes.add_patch(plt.Rectangle((1.5, -0.5), size, size, color=RED, **frame))
    panels[3].imshow(photo.permute(1, 2, 0).numpy() / 2 + 0.5, interpolation="nearest")
    for (name, field), color in zip(
        fields.items(), (BLUE, GREEN, RED, ORANGE, PURPLE), strict=False
    ):
        corner = (photo.shape[-1] - field) / 2
        square = plt.Rectangle((corner, corner), field, field, color=color, label=name, **frame)
        panels[3].add_patch(square)
    panels[3].legend(loc="upper left", bbox_to_anchor=(1, 1))
    panels[3].set_axis_off()
    save_figure(figure, "windows")


# -----------------------------------------------------------------------------------------
# Practice. Replace each `raise NotImplementedError` with your answer, then run this file with
# --practice: it marks your answers and tells you what to look at next.
# -----------------------------------------------------------------------------------------


def compare_batch_norm(model: nn.Sequential, batches, epochs: int) -> tuple:
    """Problem 1 (medium, 25 minutes). Add batch normalization layers and compare training.

    model: an untrained nn.Sequential, images (B, C, H, W) to logits (B, 1). Build a second one with
    the same layers and starting weights, and an nn.BatchNorm2d directly after each nn.Conv2d. Train
    both for `epochs` with nn.BCEWithLogitsLoss and Adam's defaults, in a loop of your own. batches:
    a list of images with labels (B,), integers 0 or 1; take them in order. `model` itself must stay
    as it is: train a copy. Return three things: the second model, trained; a list of the copy's
    training losses, for each epoch the mean over its batches; and the same for the second model.
    """
    raise NotImplementedError


def train_with_warmup(optimizer, train_one_epoch, epochs: int, warmup: int) -> list[float]:
    """Problem 2 (medium, 15 minutes). Implement learning rate scheduling: warm up, then cool down.

    train_one_epoch() trains with `optimizer`; call it once for each epoch e = 1, 2, ..., epochs. In
    epoch e the learning rate is peak * e / warmup while e <= warmup, and after that it falls to
    peak * (1 + cos(pi * (e - warmup) / (epochs + 1 - warmup))) / 2. Here peak is the rate that the
    optimizer came with, and each of its parameter groups has its own. 0 <= warmup < epochs. Return
    the rates of the first group, one float per epoch. By hand or with torch.optim.lr_scheduler.
    """
    raise NotImplementedError


def train_with_checkpoints(path: Path, model, optimizer, train_one_epoch, epochs: int) -> int:
    """Problem 3 (medium, 20 minutes). Save and load checkpoints, so that training can stop anytime.

    train_one_epoch() trains `model` with `optimizer`, and draws random numbers on the CPU. Call it
    until `epochs` epochs are done, and after each of them write a checkpoint to `path`. If there is
    one at the start, load it with weights_only=True and go on as if training had never stopped. If
    writing fails half-way, the checkpoint before must still be there, whole. Write all of it here,
    with torch.save and torch.load. Return how many epochs this call has trained, 0 if none was left.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__, download=True, device=True)
    # The networks are small. On a busy machine, two threads would mostly wait for one another.
    torch.set_num_threads(1)
    if not arguments.practice:
        clothes, folder = fashion_mnist(), horse_or_human(download=arguments.download)
        toy = a_window_that_slides()
        move_a_sandal(clothes)
        train_data, validation_data = open_the_data(folder)
        device = choose_device(arguments.device)
        fields = the_articles_network(train_data, validation_data, device)
        draw_windows(*toy, fields, validation_data[0][0])
        a_loss_that_gives_up()
        training, validation = (small_images(folder / part) for part in ("training", "validation"))
        one_change_at_a_time(training, validation)
        what_others_have_learned()
        stop_and_go_on(training)
    report_practice(__file__)


if __name__ == "__main__":
    main()
