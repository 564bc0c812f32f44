"""Lesson 10: FashionMNIST

Do these 784 gray dots show a shirt, a coat or a sneaker? You see it at a glance, but try to write
down the rule: "if dot 391 is dark and dot 17 is not, then ..." Nobody can. So we let a network
find a rule in thousands of examples, and then ask how good it is on images it has never seen.

    python lesson.py             run the lesson, then mark your practice answers
    python lesson.py --practice  only mark your practice answers
    python lesson.py --download  run it on all 70,000 images
"""

import copy
import math
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section
from pytorch_refresher._common.device import choose_device
from pytorch_refresher._data import fashion_mnist

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import datasets, transforms

# Shapes in comments: N images in a dataset, B in a batch, C classes (ten kinds of clothing).

SEED = 0
BATCH_SIZE = 64
HIDDEN = 128  # units between the pixels and the classes
EPOCHS = 5  # as many as the article trains for
LONG = 12  # epochs: enough to see a network learn its images by heart
MEAN, STD = 0.2860, 0.3530  # of all training pixels, once they are scaled to 0..1


def open_the_data(folder: Path) -> tuple[Dataset, Dataset]:
    section("Images of ten kinds of clothing")

    # The transforms of lesson 08, here under the article's names: make a tensor of 0..1, then
    # shift and scale it so that the numbers lie around 0.
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((MEAN,), (STD,))])

    # The same lines open the built-in sample and the real dataset. Only the folder differs.
    train_data = datasets.FashionMNIST(root=folder, train=True, transform=transform)
    test_data = datasets.FashionMNIST(root=folder, train=False, transform=transform)
    print(f"{len(train_data) = }, {len(test_data) = }")

    image, label = train_data[0]
    print(f"{image.shape = }, {label = }: {train_data.classes[label]}")
    print(f"{image.min() = :.2f}, {image.max() = :.2f}")
    # All classes are about equally frequent, so a guess is right one time in ten.
    print(f"{torch.bincount(train_data.targets).tolist() = }")
    return train_data, test_data


class FashionMNISTModel(nn.Module):
    """A multi-layer perceptron: (B, 1, 28, 28) images to (B, C) log-probabilities."""

    def __init__(self) -> None:
        super().__init__()
        # Sequential passes its input through all of its layers, one after the other.
        self.layers = nn.Sequential(
            nn.Flatten(),  # (B, 784): the rows of an image, end to end
            nn.Linear(28 * 28, HIDDEN),  # (B, HIDDEN): each unit is a weighted sum of all pixels
            nn.ReLU(),  # negative sums become 0
            nn.Linear(HIDDEN, 10),  # (B, C): one score per class
            nn.LogSoftmax(dim=1),  # scores become logarithms of probabilities
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


@torch.no_grad()  # the whole function only looks: no backward() will follow
def before_it_has_learned(train_data: Dataset) -> None:
    section("The model and its loss, before it has learned anything")

    torch.manual_seed(SEED)
    model = FashionMNISTModel()
    print(f"parameters: {sum(parameter.numel() for parameter in model.parameters()):,}")

    # exp() turns log-probabilities back into probabilities, which sum to 1 for each image. They
    # are all about 0.1: the model knows nothing yet.
    images, labels = next(iter(DataLoader(train_data, BATCH_SIZE)))  # (B, 1, 28, 28) and (B,)
    log_probabilities = model(images)  # (B, C)
    print("the first image:", *(f"{value:.2f}" for value in log_probabilities[0].exp()))

    # The loss looks only at the probability that the model gave to the right class. Being sure
    # and right is nearly free. Being sure and wrong is expensive.
    for p in (0.99, 0.9, 0.5, 0.1, 0.01):
        print(f"probability {p:<4} for the right class: loss {-math.log(p):.2f}")

    # For a batch: pick each image's log-probability of the right class, negate, and average. An
    # untrained model should start near the cost of a pure guess. If yours doesn't, look for a bug.
    print(f"{-log_probabilities[range(len(labels)), labels].mean() = :.4f}")
    print(f"{nn.NLLLoss()(log_probabilities, labels) = :.4f}")
    print(f"{math.log(log_probabilities.shape[1]) = :.4f}   the cost of a guess")

    # That was the article's way. What you'd write today: leave out the LogSoftmax, return the raw
    # scores, called logits, and let CrossEntropyLoss do both steps. (A Sequential can be sliced
    # like a list. The slice has the same weights.)
    logits = model.layers[:-1](images)  # (B, C)
    print(f"{nn.CrossEntropyLoss()(logits, labels) = :.4f}")

    # Either is fine. But never take the logarithm of a softmax: a small probability is rounded to
    # 0, and the loss becomes infinite. LogSoftmax and CrossEntropyLoss avoid that step.
    scores = torch.tensor([0.0, 200.0])
    print(f"{scores.softmax(dim=0).log() = }, {scores.log_softmax(dim=0) = }")


def get_accuracy(outputs: Tensor, labels: Tensor) -> Tensor:
    """The share of a batch whose label got the highest score. (B, C) and (B,) to ()."""
    return (outputs.argmax(dim=1) == labels).float().mean()


def why_the_relu() -> None:
    section("Why the ReLU? A straight line makes no fence")

    # A toy task: is a point of the square inside the circle? Half of the square is.
    torch.manual_seed(SEED)
    points = torch.rand(400, 2) * 2 - 1  # (N, 2), from -1 to 1
    inside = (torch.linalg.vector_norm(points, dim=1) < math.sqrt(2 / math.pi)).long()  # (N,)

    # Two networks with equally many weights. Only the second has a ReLU; Identity does nothing.
    units, networks = 16, {}
    for name, bend in (("without ReLU", nn.Identity()), ("with ReLU", nn.ReLU())):
        layers = nn.Linear(2, units), bend, nn.Linear(units, 2), nn.LogSoftmax(dim=1)
        network = networks[name] = nn.Sequential(*layers)
        optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
        for _ in range(200):
            optimizer.zero_grad()
            nn.NLLLoss()(network(points), inside).backward()
            optimizer.step()
        print(f"{name:<12}  {get_accuracy(network(points), inside):.1%} of the points right")
    draw_circle(networks, points, inside)


# The heart of the lesson. You'll write such a pair of functions, train and test, for every model.
def train(model, batches: Iterable, loss_function, optimizer, device) -> tuple[float, float]:
    """Train for one epoch. Returns the mean loss and accuracy over its images."""
    model.train()  # some layers behave differently while training; ours don't, but get used to it
    loss_sum = accuracy_sum = count = 0
    for images, labels in batches:
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()  # forget the gradients of the batch before
        outputs = model(images)  # (B, C)
        loss = loss_function(outputs, labels)  # ()
        loss.backward()
        optimizer.step()
        # Both are means over this batch. Times its size, they add up to sums over all images.
        # detach() keeps the number and drops its graph.
        loss_sum += loss.detach() * len(labels)
        accuracy_sum += get_accuracy(outputs, labels) * len(labels)
        count += len(labels)
    # item() waits until a GPU has computed the number. So ask for it once, not in every batch.
    return loss_sum.item() / count, accuracy_sum.item() / count


@torch.no_grad()
def test(model, batches: Iterable, loss_function, device) -> tuple[float, float]:
    """The mean loss and accuracy over all images, without learning from them."""
    model.eval()  # the opposite of train(): behave as in real use
    loss_sum = accuracy_sum = count = 0
    for images, labels in batches:
        outputs, labels = model(images.to(device)), labels.to(device)
        loss_sum += loss_function(outputs, labels) * len(labels)
        accuracy_sum += get_accuracy(outputs, labels) * len(labels)
        count += len(labels)
    return loss_sum.item() / count, accuracy_sum.item() / count


def stopwatch(batches: Iterable, seconds: dict[str, float]) -> Iterator:
    """Hand batches on, and add up how long they took to arrive and how long they were used."""
    start = time.perf_counter()
    for batch in batches:
        arrived = time.perf_counter()
        yield batch  # here the loop that asked for it learns from it, and then asks for more
        seconds["reading"] += arrived - start
        start = time.perf_counter()
        seconds["learning"] += start - arrived


def train_as_in_the_article(train_data: Dataset, test_data: Dataset, device: torch.device) -> dict:
    section("The article's training")

    torch.manual_seed(SEED)
    train_loader = DataLoader(train_data, batch_size=BATCH_SIZE, shuffle=True)
    model = FashionMNISTModel().to(device)
    loss_function, optimizer = nn.NLLLoss(), torch.optim.Adam(model.parameters())

    # An epoch's loss and accuracy are gathered while the model still learns. The test images come
    # in once, at the end. On the right is what the article reports.
    print(f"            ours, {len(train_data):,} images    the article, 60,000 images")
    theirs = {1: "accuracy 82.94%", 2: "accuracy 87.08%"}
    seconds = {"reading": 0.0, "learning": 0.0}
    for epoch in range(1, EPOCHS + 1):
        batches = stopwatch(train_loader, seconds)
        loss, accuracy = train(model, batches, loss_function, optimizer, device)
        print(f"epoch {epoch:>2}    loss {loss:.3f}, {accuracy:.2%}    {theirs.get(epoch, '...')}")
    loss, accuracy = test(model, DataLoader(test_data, BATCH_SIZE), loss_function, device)
    print(f"test        loss {loss:.3f}, {accuracy:.2%}    loss 0.350, accuracy 87.4%")

    # A trap: averaging the accuracies of batches, although the last one is often smaller.
    by_image, by_batch = (64 + 0) / (64 + 1), (64 / 64 + 0 / 1) / 2
    print(f"a batch of 64, all right, and one of 1, wrong: {by_image:.1%}, not {by_batch:.1%}")
    return seconds


def batches_of(images: Tensor, labels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """What a shuffling DataLoader does, for data that is in memory already."""
    for chosen in torch.randperm(len(labels)).split(BATCH_SIZE):
        yield images[chosen], labels[chosen]


def where_the_time_goes(train_data: Dataset, from_loader: dict, device: torch.device):
    section("Where does the time go?")

    # In every epoch, the loader opens, converts and normalizes each image again. But our transform
    # draws nothing at random, so it could run once, on all images. `data` holds them as bytes.
    images = ((train_data.data / 255 - MEAN) / STD).unsqueeze(1)  # (N, 1, 28, 28)
    one_by_one = torch.stack([train_data[i][0] for i in range(100)])
    print(f"{images.shape = }, {images.nbytes / 1e6 = :.1f} MB")
    print(f"{torch.allclose(images[:100], one_by_one) = }")
    # The same training, one epoch of it, fed from this tensor.
    images, labels = images.to(device), train_data.targets.to(device)
    model = FashionMNISTModel().to(device)
    optimizer, from_tensor = torch.optim.Adam(model.parameters()), dict.fromkeys(from_loader, 0.0)
    batches = stopwatch(batches_of(images, labels), from_tensor)
    train(model, batches, nn.NLLLoss(), optimizer, device)
    for name, seconds, epochs in (("loader", from_loader, EPOCHS), ("tensor", from_tensor, 1)):
        spent = sum(seconds.values()) or math.inf  # without an epoch, nothing was spent
        share, speed = seconds["reading"] / spent, epochs * len(labels) / spent
        print(f"from the {name}: {share:>4.0%} reading, {speed:>7,.0f} images per second")
    return images, labels


def train_for_too_long(images: Tensor, labels: Tensor, test_data: Dataset, device: torch.device):
    section("Overfitting, and when to stop")

    # Put a third of the training images aside: the validation set. It is there to choose with, so
    # we may look at it after every epoch. The test images play no part in the choice.
    torch.manual_seed(SEED)
    parts = torch.randperm(len(labels)).split(len(labels) * 2 // 3)
    training, validation = ((images[part], labels[part]) for part in parts[:2])
    model = FashionMNISTModel().layers[:-1].to(device)  # no LogSoftmax, so it returns logits
    loss_function = nn.CrossEntropyLoss()
    # Steps three times as large as Adam's default, to see the end sooner. (fused only saves time.)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003, fused=True)
    history, lowest = [], math.inf
    print("epoch   training images     validation images   when wrong")
    for epoch in range(1, LONG + 1):
        train(model, batches_of(*training), loss_function, optimizer, device)
        # Measured after the epoch and in eval mode, on both sets: now they can be compared.
        loss, accuracy = test(model, [training], loss_function, device)
        val_loss, val_accuracy = test(model, [validation], loss_function, device)
        history.append((loss, accuracy, val_loss, val_accuracy))
        if epoch == 1 or val_loss < lowest:
            # A copy, because state_dict() refers to the weights, which go on changing.
            lowest, best = val_loss, copy.deepcopy(model.state_dict())
        if epoch % 3 == 0 or epoch == 1:
            with torch.no_grad():  # how sure is it of its wrong predictions?
                sure, predictions = model(validation[0]).softmax(dim=1).max(dim=1)  # (N,) both
            both = f"loss {loss:.3f}, {accuracy:.1%}   loss {val_loss:.3f}, {val_accuracy:.1%}"
            print(f"{epoch:>5}   {both}   {sure[predictions != validation[1]].mean():.0%} sure")

    # Go back to the best epoch, and only now look at the test images. How far off could that
    # accuracy be by luck? For a share p of N images, the standard error is sqrt(p (1 - p) / N).
    model.load_state_dict(best)
    _, p = test(model, DataLoader(test_data, BATCH_SIZE), loss_function, device)
    error = math.sqrt(p * (1 - p) / len(test_data))
    print(f"lowest validation loss {lowest:.3f}; test accuracy {p:.1%}, plus or minus {error:.1%}")
    draw_overfitting(history)
    return model, validation


@torch.no_grad()
def what_it_confuses(model: nn.Module, images: Tensor, labels: Tensor, names: list[str]) -> None:
    section("What it confuses")

    # Where are the mistakes? Count them: the row is the true class, the column the prediction. (On
    # validation images. If you study mistakes on test images, they'll soon influence your choices.)
    predictions = model(images).argmax(dim=1)  # (N,)
    classes = len(names)
    pairs = (labels * classes + predictions).cpu()  # a number of its own for each pair
    counts = torch.bincount(pairs, minlength=classes**2).view(classes, classes)
    shares = counts / counts.sum(dim=1, keepdim=True)  # of each true class
    for name, share in zip(names, shares.diagonal(), strict=True):
        print(f"{name:<12} {share:>6.1%} right")
    shown = [(names[a], names[b]) for a, b in zip(predictions[:12], labels[:12], strict=True)]
    draw_mistakes(shares, names, images.cpu(), shown)


def draw_circle(networks: dict[str, nn.Module], points: Tensor, inside: Tensor) -> None:
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(networks), figsize=(8, 4.3), layout="constrained")
    side = torch.linspace(-1, 1, 101)
    for axes, (name, network) in zip(panels, networks.items(), strict=True):
        outputs = network(torch.cartesian_prod(side, side))  # for the whole square
        answers = outputs.argmax(dim=1).view(len(side), len(side)).T
        axes.contourf(side, side, answers, [-1, 0.5, 2], cmap="coolwarm", alpha=0.4)
        axes.scatter(*points.T, c=inside, s=8, cmap="coolwarm")
        axes.set(title=f"{name}: red is taken to be inside", aspect="equal", xticks=[], yticks=[])
    save_figure(figure, "circle")


def draw_overfitting(history: list[tuple[float, ...]]) -> None:
    from pytorch_refresher._common.figures import curves

    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    columns, epochs = list(zip(*history, strict=True)), range(1, len(history) + 1)
    for place, name in enumerate(("loss", "accuracy")):
        lines = {"training images": columns[place], "validation images": columns[place + 2]}
        curves(panels[place], lines, epochs, title=name, xlabel="epoch", xticks=epochs[2::3])
    panels[0].axvline(1 + columns[2].index(min(columns[2])), color="gray", linestyle=":")
    save_figure(figure, "overfitting")


def draw_mistakes(shares: Tensor, names: list[str], images: Tensor, pairs: list) -> None:
    from pytorch_refresher._common.figures import RED, heat_map, image_grid

    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.5, 6))
    heat_map(axes, 100 * shares, names, names, numbers=".0f", vmin=0, vmax=100)
    axes.tick_params(axis="x", labelrotation=45)
    axes.set(title="Percent of each true class", xlabel="predicted", ylabel="true")
    save_figure(figure, "confusion")
    titles = [guess if guess == true else f"{guess}?\n{true}" for guess, true in pairs]
    figure, panels = image_grid(images[: len(pairs), 0], titles, columns=6)
    for axes, title in zip(panels, titles, strict=True):
        axes.title.set_color(RED if "?" in title else "black")
    save_figure(figure, "predictions")


# -----------------------------------------------------------------------------------------
# Practice. Replace each `raise NotImplementedError` with your answer, then run this file with
# --practice: it marks your answers and tells you what to look at next.
# -----------------------------------------------------------------------------------------


def compare_depths(train_batches, validation_batches, width: int, epochs: int) -> tuple:
    """Problem 1 (medium, 25 minutes). Does a third hidden layer help? Train, and compare.

    Build two networks that turn images (B, 1, 28, 28) into logits (B, 10), one with a single
    hidden layer and one with three. Every hidden layer is an nn.Linear of `width` units and a
    ReLU. Train both for `epochs` epochs over train_batches, with CrossEntropyLoss and Adam's
    defaults. Write the loop yourself, without train() and test(), and leave PyTorch's seed alone.
    You can iterate over the batches again and again; the last one may be smaller. Return four
    things: the shallow network, the deep one, and the accuracy of each on all validation images.
    """
    raise NotImplementedError


def train_with_early_stopping(model, train_one_epoch, validate, patience: int, max_epochs: int):
    """Problem 2 (medium, 15 minutes). Stop when the validation loss no longer improves.

    train_one_epoch() trains `model` for one epoch and returns nothing; validate() returns the
    validation loss, a float. Call both once per epoch, in that order. Stop after `patience`
    epochs in a row without a loss lower than the lowest so far, and after max_epochs in any case.
    However it ends, `model` must then have the weights of its best epoch. Return the number of
    that epoch, counted from 1, and the list of all losses.
    """
    raise NotImplementedError


def worst_mistakes(model: nn.Module, images: Tensor, labels: Tensor, names: list, count: int):
    """Problem 3 (medium, 15 minutes). Show the mistakes that the model is surest of.

    images: (N, 1, 28, 28), labels: (N,), names: those of the classes. model(images) gives logits;
    some of its layers behave differently in training, so put it into eval mode. Of the images that
    it gets wrong, take the `count` whose wrong class has the highest probability (if there are
    fewer, all of them), highest first. Return a matplotlib figure that shows each with imshow in
    axes of its own. Their titles name the predicted class first, then the true one. If nothing is
    wrong, the figure has no images.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__, download=True, device=True)
    if not arguments.practice:
        device = choose_device(arguments.device)
        train_data, test_data = open_the_data(fashion_mnist(download=arguments.download))
        before_it_has_learned(train_data)
        why_the_relu()
        seconds = train_as_in_the_article(train_data, test_data, device)
        images, labels = where_the_time_goes(train_data, seconds, device)
        model, validation = train_for_too_long(images, labels, test_data, device)
        what_it_confuses(model, *validation, train_data.classes)
    report_practice(__file__)


if __name__ == "__main__":
    main()
