"""Lesson 10: FashionMNIST

A network of two layers learns to tell a shirt from a sandal: 28 by 28 pixels in, ten
log-probabilities out. All of lessons 01 to 09 comes together here: data, transform, loader,
model, loss, training loop, and a test on images that the training never saw. Then the same
training runs many times as fast, by feeding it differently.

    python lesson.py             the whole lesson, then your practice report
    python lesson.py --practice  the practice report alone
    python lesson.py --download  the same on all 70,000 images
"""

import math
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section
from pytorch_refresher._common.device import choose_device
from pytorch_refresher._data.datasets import fashion_mnist

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms
from tqdm import tqdm

# Shapes are written in comments with these letters throughout the lesson:
#   B batch   C classes (10)   images are (B, 1, 28, 28): one channel, 28 rows, 28 columns

BATCH_SIZE = 64
EPOCHS = 5
# Mean and standard deviation of all training pixels, once they are scaled to 0..1.
MEAN, STD = 0.2860, 0.3530


class FashionMNISTModel(nn.Module):
    """A multi-layer perceptron: (B, 1, 28, 28) images to (B, 10) log-probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),  # (B, 784)
            nn.Linear(28 * 28, 128),
            nn.ReLU(),  # without it, two linear layers would be one linear map
            nn.Linear(128, 10),
            nn.LogSoftmax(dim=1),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


class TensorBatches:
    """Shuffled batches cut from tensors in memory; iterates like a DataLoader."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels

    def __iter__(self):
        order = torch.randperm(len(self.labels), device=self.labels.device)
        for batch in order.split(BATCH_SIZE):
            yield self.images[batch], self.labels[batch]


def get_accuracy(log_probabilities: Tensor, labels: Tensor) -> float:
    """The share of a batch whose most probable class is its label. (B, C) and (B,)."""
    return (log_probabilities.argmax(dim=1) == labels).float().mean().item()


def train(model: nn.Module, batches, loss_function, optimizer, device) -> tuple[float, float]:
    """Train for one epoch. Returns the mean loss and accuracy over all images."""
    model.train()
    loss_sum = accuracy_sum = count = 0
    for images, labels in tqdm(batches, desc="training", leave=False, disable=None):
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        log_probabilities = model(images)  # (B, C)
        loss = loss_function(log_probabilities, labels)
        loss.backward()
        optimizer.step()
        # Both are means over this batch. Weighed by its size, they add up to sums over images.
        loss_sum += loss.item() * len(labels)
        accuracy_sum += get_accuracy(log_probabilities, labels) * len(labels)
        count += len(labels)
    return loss_sum / count, accuracy_sum / count


@torch.no_grad()
def test(model: nn.Module, batches, loss_function, device) -> tuple[float, float]:
    """Mean loss and accuracy over all images, without learning from them."""
    model.eval()
    loss_sum = accuracy_sum = count = 0
    for images, labels in batches:
        images, labels = images.to(device), labels.to(device)
        log_probabilities = model(images)
        loss_sum += loss_function(log_probabilities, labels).item() * len(labels)
        accuracy_sum += get_accuracy(log_probabilities, labels) * len(labels)
        count += len(labels)
    return loss_sum / count, accuracy_sum / count


def fit(
    model: nn.Module, train_batches, test_batches, device
) -> tuple[list[tuple[float, ...]], float]:
    """Train for EPOCHS epochs, testing after each.

    Returns a row for each epoch (training loss and accuracy, test loss and accuracy), and the
    seconds that the fastest epoch's training took: what else runs on the machine only adds.
    """
    loss_function = nn.NLLLoss()
    # fused: one routine updates all weights. The same formula, a sixth less time for a step.
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    # The steps shrink from epoch to epoch, to a tenth in the last: the weights settle.
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, total_iters=EPOCHS - 1)
    history, seconds = [], math.inf
    for epoch in range(1, EPOCHS + 1):
        start = time.perf_counter()
        training = train(model, train_batches, loss_function, optimizer, device)
        seconds = min(seconds, time.perf_counter() - start)
        scheduler.step()
        testing = test(model, test_batches, loss_function, device)
        history.append((*training, *testing))
        print(
            f"epoch {epoch}: training loss {training[0]:.3f}, accuracy {training[1]:.1%}; "
            f"test loss {testing[0]:.3f}, accuracy {testing[1]:.1%}"
        )
    return history, seconds


def open_the_data(folder) -> tuple[datasets.FashionMNIST, datasets.FashionMNIST]:
    section("Images of ten kinds of clothing")

    transform = transforms.Compose(
        [
            transforms.ToTensor(),  # a picture of 0..255 becomes a tensor of 0..1
            transforms.Normalize((MEAN,), (STD,)),  # then its mean is near 0, its std near 1
        ]
    )
    # The same line opens the built-in sample and the real dataset: only the folder differs.
    train_data = datasets.FashionMNIST(root=folder, train=True, transform=transform)
    test_data = datasets.FashionMNIST(root=folder, train=False, transform=transform)
    print(f"{len(train_data) = }, {len(test_data) = }")

    image, label = train_data[0]
    print(f"{image.shape = }")
    print(f"{label = }, {train_data.classes[label] = }")
    print(f"{image.min().item() = :.2f}, {image.max().item() = :.2f}")

    # The classes are about equally frequent, so guessing is right one time in ten.
    print(f"{torch.bincount(train_data.targets).tolist() = }")
    return train_data, test_data


def build_the_model(train_data: datasets.FashionMNIST, device: torch.device) -> FashionMNISTModel:
    section("The model: 784 numbers in, 10 log-probabilities out")

    model = FashionMNISTModel().to(device)
    for name, parameter in model.named_parameters():
        print(f"{name:<16} {tuple(parameter.shape)}")
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{parameters = :,}")
    assert parameters == (784 * 128 + 128) + (128 * 10 + 10)

    # LogSoftmax gives the logarithms of probabilities: exp() of a row sums to 1.
    images = torch.stack([train_data[i][0] for i in range(3)]).to(device)  # (3, 1, 28, 28)
    with torch.no_grad():
        log_probabilities = model(images)  # (3, C)
    print(f"{log_probabilities.shape = }")
    print(f"{log_probabilities.exp().sum(dim=1) = }")
    torch.testing.assert_close(log_probabilities.exp().sum(dim=1), torch.ones(3, device=device))
    return model


def one_loss_in_two_parts() -> None:
    section("LogSoftmax and NLLLoss are CrossEntropyLoss in two parts")

    # Logits are the raw scores of the last linear layer; any number is allowed.
    logits = torch.randn(5, 10)
    labels = torch.tensor([3, 1, 4, 1, 5])
    log_probabilities = logits.log_softmax(dim=1)

    # NLLLoss picks each row's log-probability of the right class, turns its sign and averages.
    by_hand = -log_probabilities[torch.arange(5), labels].mean()
    two_parts = nn.NLLLoss()(log_probabilities, labels)
    one_part = nn.CrossEntropyLoss()(logits, labels)
    print(f"{by_hand = :.4f}, {two_parts = :.4f}, {one_part = :.4f}")
    torch.testing.assert_close(two_parts, by_hand)
    torch.testing.assert_close(two_parts, one_part)

    # A model that knows nothing gives each class 1/10. Its loss is where training starts.
    print(f"{math.log(10) = :.4f}")


def train_the_model(
    model: nn.Module, train_data, test_loader, device: torch.device
) -> tuple[list[tuple[float, ...]], float]:
    section("Training: predict, loss, backward, step")

    # An image is read, converted and normalized each time that the loader asks for it.
    train_loader = DataLoader(train_data, batch_size=BATCH_SIZE, shuffle=True)
    history, seconds = fit(model, train_loader, test_loader, device)
    accuracy = history[-1][3]
    print(f"{accuracy = :.1%} of {len(test_loader.dataset):,} images never trained on")

    # Guessing is right in 10%. Less than 80% of the sample's test images, or less than the
    # source article's 87.4% with all the data, would mean that something is broken.
    assert accuracy >= (0.874 if len(train_data) == 60_000 else 0.80)
    return history, len(train_data) / seconds


@torch.no_grad()
def accuracy_by_sample_and_by_batch(model: nn.Module, test_loader, device: torch.device) -> None:
    section("Accuracy: over samples, not over batches")

    # An average over batches counts each batch the same, also a last one that is smaller.
    correct, accuracies, sizes = 0, [], []
    for images, labels in test_loader:
        log_probabilities, labels = model(images.to(device)), labels.to(device)
        correct += (log_probabilities.argmax(dim=1) == labels).sum().item()
        accuracies.append(get_accuracy(log_probabilities, labels))
        sizes.append(len(labels))
    print(f"{sizes[0] = }, {sizes[-1] = }")
    print(f"test images, by sample:       {correct / sum(sizes):.4f}")
    print(f"test images, by batch:        {sum(accuracies) / len(accuracies):.4f}")

    # The smaller the last batch, the further they part. 64 right, then one alone and wrong:
    print(f"64 right, 1 wrong, by sample: {64 / 65:.4f}")
    print(f"64 right, 1 wrong, by batch:  {(64 / 64 + 0 / 1) / 2:.4f}")
    loss_and_accuracy = test(model, test_loader, nn.NLLLoss(), device)
    assert math.isclose(loss_and_accuracy[1], correct / sum(sizes), rel_tol=1e-6)


def train_from_one_tensor(
    train_data, test_loader, device: torch.device, loader_speed: float
) -> None:
    section("The same training, fed from one tensor")

    # How much of the time went into learning, and how much into making batches? Make some
    # batches and do nothing with them:
    loader = DataLoader(train_data, batch_size=BATCH_SIZE, shuffle=True)
    start = time.perf_counter()
    for number, _ in enumerate(loader, start=1):
        if number == 32:
            break
    reading = (time.perf_counter() - start) / (32 * BATCH_SIZE)
    print(f"making batches alone takes {reading * loader_speed:.1%} of the time per image")

    # The transform is the same for every image and draws nothing at random. So it can run
    # once, on all images together: (N, 28, 28) bytes become one (N, 1, 28, 28) float tensor.
    images = ((train_data.data / 255 - MEAN) / STD).unsqueeze(1).to(device)
    labels = train_data.targets.to(device)
    one_by_one = torch.stack([train_data[i][0] for i in range(100)]).to(device)
    torch.testing.assert_close(images[:100], one_by_one)
    print(f"{images.shape = }, {images.nbytes / 1e6 = :.1f} MB")

    # Same model, loss, optimizer and train(). A batch is now one indexing operation.
    torch.manual_seed(0)
    model = FashionMNISTModel().to(device)
    _, seconds = fit(model, TensorBatches(images, labels), test_loader, device)
    tensor_speed = len(labels) / seconds
    print(f"from the loader: {loader_speed / 1000:>5.1f} thousand images per second")
    print(f"from one tensor: {tensor_speed / 1000:>5.1f} thousand images per second")
    print(f"one tensor trains at {tensor_speed / loader_speed:.1f} times the speed")


@torch.no_grad()
def look_at_the_result(model: nn.Module, history, test_data, device: torch.device) -> None:
    section("What it learned, and what it confuses")
    from pytorch_refresher._common.figures import BLUE, ORANGE, RED

    import matplotlib.pyplot as plt

    images, labels = next(iter(DataLoader(test_data, batch_size=len(test_data))))
    predictions = model(images.to(device)).argmax(dim=1).cpu()
    classes = test_data.classes

    # Row: the true class. Column: the predicted one. The diagonal holds what is right.
    confusion = torch.bincount(labels * 10 + predictions, minlength=100).reshape(10, 10)
    assert confusion.diagonal().sum() == (predictions == labels).sum()
    shares = confusion / confusion.sum(dim=1, keepdim=True)
    assert classes[shares.diagonal().argmin()] == "Shirt"
    print("class         right   taken most often for")
    for row, name in enumerate(classes):
        wrong = confusion[row].clone()
        wrong[row] = 0
        print(f"{name:<12} {shares[row, row]:>6.1%}   {classes[wrong.argmax()]}")

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    epochs = range(1, EPOCHS + 1)
    for axis, title, train_column in zip(axes, ("loss", "accuracy"), (0, 1), strict=True):
        axis.plot(epochs, [row[train_column] for row in history], "o-", color=BLUE)
        axis.plot(epochs, [row[train_column + 2] for row in history], "s--", color=ORANGE)
        axis.set(title=f"{title} in each epoch", xlabel="epoch", ylabel=title, xticks=epochs)
        axis.legend(["training images", "test images"])
    save_figure(figure, "learning_curves")

    figure, axes = plt.subplots(3, 8, figsize=(11, 5.2), layout="constrained")
    for axis, image, label, prediction in zip(axes.flat, images, labels, predictions, strict=False):
        axis.imshow(image.squeeze().numpy(), cmap="gray_r")
        axis.set(xticks=[], yticks=[])
        if prediction == label:
            axis.set_title(classes[label], fontsize=9)
        else:
            axis.set_title(f"{classes[prediction]}?\n{classes[label]}", fontsize=9, color=RED)
            for spine in axis.spines.values():
                spine.set(color=RED, linewidth=3)
    figure.suptitle("The first 24 test images; framed: prediction? and the true class")
    save_figure(figure, "predictions")

    figure, axis = plt.subplots(figsize=(7, 6), layout="constrained")
    axis.imshow(shares.numpy(), cmap="Blues", vmin=0, vmax=1)
    for row, column in torch.cartesian_prod(torch.arange(10), torch.arange(10)).tolist():
        if confusion[row, column]:
            dark = shares[row, column] > 0.5
            axis.text(
                column,
                row,
                confusion[row, column].item(),
                ha="center",
                va="center",
                color="white" if dark else "black",
            )
    axis.set_xticks(range(10), classes, rotation=45, ha="right")
    axis.set_yticks(range(10), classes)
    axis.set(
        title="Hardest: the shirt, taken for tops, pullovers and coats",
        xlabel="predicted",
        ylabel="true",
    )
    save_figure(figure, "confusion")


# -----------------------------------------------------------------------------------------
# Practice problems. Replace each `raise NotImplementedError` with your answer and run this
# file again. solutions.py has one answer to each, and the checks that mark yours.
# -----------------------------------------------------------------------------------------


def compare_depths(train_batches, test_batches, epochs: int) -> tuple[nn.Module, float, float]:
    """Problem 1. Add hidden layers until there are three, and compare performance.

    FashionMNISTModel has one hidden layer of 128 units. Build a model like it with three of
    them, ReLU after each, and train both on train_batches for `epochs`, with nn.NLLLoss and
    torch.optim.Adam at its defaults. Both kinds of batches yield (images, labels) of shapes
    (B, 1, 28, 28) and (B,) and can be iterated again and again. You may call train() and
    test(). Return three things: your model, trained; the accuracy of FashionMNISTModel over
    all images of test_batches, between 0 and 1; the accuracy of your model over the same.
    """
    raise NotImplementedError


def train_with_early_stopping(
    model: nn.Module, train_one_epoch, validate, patience: int, max_epochs: int
) -> tuple[int, list[float]]:
    """Problem 2. Stop when the validation loss no longer improves, and keep the best weights.

    train_one_epoch() trains `model` for one epoch and returns nothing; validate() returns the
    validation loss as a float. Call both once an epoch, in that order. Stop after `patience`
    epochs in a row without a loss lower than the lowest so far, or after max_epochs. Then
    give `model` the weights back that it had after its best epoch. Return two things: the
    number of the best epoch, the first epoch being 1; and the losses of all epochs, a list.
    """
    raise NotImplementedError


def misclassified_figure(
    model: nn.Module, images: Tensor, labels: Tensor, classes: list[str], count: int
):
    """Problem 3. Visualize misclassified examples.

    images: (N, 1, 28, 28), labels: (N,), classes: the name of each class. Return a matplotlib
    figure that shows the first `count` images on which the model errs, in their order (all
    of them where there are fewer), one to each axes, with imshow. Each axes' title holds the
    predicted class's name and the true one's. model(images) gives log-probabilities.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__, download=True, device=True)
    if not arguments.practice:
        device = choose_device(arguments.device)
        folder = fashion_mnist(download=arguments.download)
        train_data, test_data = open_the_data(folder)
        test_loader = DataLoader(test_data, batch_size=BATCH_SIZE)
        model = build_the_model(train_data, device)
        one_loss_in_two_parts()
        history, loader_speed = train_the_model(model, train_data, test_loader, device)
        accuracy_by_sample_and_by_batch(model, test_loader, device)
        train_from_one_tensor(train_data, test_loader, device, loader_speed)
        look_at_the_result(model, history, test_data, device)
    report_practice(__file__)


if __name__ == "__main__":
    main()
