"""Appendix A: CNN

A convolutional network looks at a picture through small windows, the same ones everywhere, and
tells horses from humans. First the source article's network to the letter; then what to mend
in it, with the difference measured; then checkpoints, from which training goes on to the bit
as if it had never stopped.

    python lesson.py             the whole lesson, then your practice report
    python lesson.py --practice  the practice report alone
    python lesson.py --download  the same on the 1,283 real images
"""

import os
import sys
import tempfile
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section
from pytorch_refresher._common.console import LessonError
from pytorch_refresher._common.device import choose_device
from pytorch_refresher._data.datasets import horse_or_human

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision import datasets, transforms
from tqdm import tqdm

# Shapes are written in comments with these letters throughout the lesson:
#   B batch   C channels   H, W rows and columns of an image
# Labels are 0 for a horse and 1 for a human, the alphabetical order of the folders.

SIDE = 150  # images are read as SIDE x SIDE pixels
BATCH_SIZE = 32
EPOCHS = 8
SMALL_SIDE, SMALL_EPOCHS = 48, 4  # where a comparison need not be as large


class HorsesHumansCNN(nn.Module):
    """The article's network: images (B, 3, side, side) to probabilities of a human, (B, 1)."""

    threshold = 0.5  # an output above it means a human

    def __init__(self, side: int = SIDE) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, padding=1)
        self.conv3 = nn.Conv2d(32, 64, kernel_size=3, padding=1)
        self.pool = nn.MaxPool2d(2, 2)
        # Three poolings halve the side three times, rounding down: 150, 75, 37, 18.
        self.fc1 = nn.Linear(64 * (side // 8) ** 2, 512)
        self.dropout = nn.Dropout(0.25)
        self.fc2 = nn.Linear(512, 1)

    def features(self, images: Tensor) -> Tensor:
        """What the convolutions make of the images: (B, 64 * 18 * 18)."""
        x = self.pool(F.relu(self.conv1(images)))  # (B, 16, 75, 75)
        x = self.pool(F.relu(self.conv2(x)))  # (B, 32, 37, 37)
        x = self.pool(F.relu(self.conv3(x)))  # (B, 64, 18, 18)
        return x.flatten(1)

    def forward(self, images: Tensor) -> Tensor:
        return torch.sigmoid(self.fc2(self.dropout(self.fc1(self.features(images)))))


class MendedCNN(HorsesHumansCNN):
    """The same layers, with an activation after fc1, and logits (B, 1) for probabilities."""

    threshold = 0.0  # the sigmoid of 0 is 0.5

    def forward(self, images: Tensor) -> Tensor:
        return self.fc2(self.dropout(F.relu(self.fc1(self.features(images)))))


def one_epoch(model: nn.Module, batches, loss_function, optimizer=None) -> tuple[float, float]:
    """Go once over all batches: to train with an optimizer, to measure without one.

    Returns the mean loss and the accuracy over all images.
    """
    training = optimizer is not None
    model.train(training)  # dropout drops in training alone
    device = next(model.parameters()).device
    loss_sum = correct = count = 0
    for images, labels in tqdm(batches, leave=False, disable=None if training else True):
        # channels_last puts a pixel's channels side by side in memory. The same numbers, and
        # convolutions on a CPU take a third less time.
        images = images.to(device, memory_format=torch.channels_last)
        labels = labels.to(device, torch.float32).unsqueeze(1)  # (B, 1), as the outputs
        with torch.set_grad_enabled(training):
            outputs = model(images)
            loss = loss_function(outputs, labels)
        if training:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss_sum += loss.item() * len(labels)
        correct += ((outputs > model.threshold) == labels).sum().item()
        count += len(labels)
    return loss_sum / count, correct / count


def generators(model: nn.Module) -> dict:
    """Where random numbers come from: torch for the CPU, torch.cuda, say, for a device."""
    kind = next(model.parameters()).device.type
    return {"cpu": torch} | ({} if kind == "cpu" else {kind: torch.get_device_module(kind)})


def kinds(*parts: object) -> list[str]:
    return [type(part).__name__ for part in parts]


def sizes(weights: dict, optimizer_state: dict) -> tuple[dict, list[int]]:
    """The shapes of the weights, and how many of them each group of the optimizer has."""
    groups = optimizer_state["param_groups"]
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    return shapes, [len(group["params"]) for group in groups]


def save_checkpoint(path: Path, model: nn.Module, optimizer, scheduler, epoch: int) -> None:
    """Write all that training needs to go on after `epoch`, in one step.

    Interrupted at any moment, it leaves the file that was there before, whole.
    """
    state = {
        "kinds": kinds(model, optimizer, scheduler),
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),  # Adam's means of the gradients, and the rate
        "scheduler": scheduler.state_dict(),
        "epoch": epoch,
        # Shuffling, augmentation and dropout all draw from here.
        "random": {name: each.get_rng_state() for name, each in generators(model).items()},
    }
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())  # on the disk, before the name leads to it
        os.replace(part, path)  # the old file until here, the new one from here on
    finally:
        part.unlink(missing_ok=True)


def load_checkpoint(path: Path, model: nn.Module, optimizer, scheduler) -> int:
    """Put everything back to where save_checkpoint() found it, and return the epoch.

    Raises LessonError, and changes nothing, if the file is damaged or of another training.
    """
    try:
        # torch.load does not compare the checksums that torch.save has written. zipfile does.
        with zipfile.ZipFile(path) as archive:
            is_whole = archive.testzip() is None
        # weights_only: tensors, numbers, strings and lists, and no code to run on loading.
        state = torch.load(path, map_location="cpu", weights_only=True) if is_whole else None
    except OSError as error:
        raise LessonError(f"{path} cannot be read: {error.strerror}.") from error
    except Exception:  # what a broken file raises depends on where it is broken
        state = None
    names = {"kinds", "model", "optimizer", "scheduler", "epoch", "random"}
    if not isinstance(state, dict) or state.keys() != names:
        raise LessonError(f"{path} is damaged or no checkpoint: move it away to start anew.")
    here = kinds(model, optimizer, scheduler), sizes(model.state_dict(), optimizer.state_dict())
    if here != (state["kinds"], sizes(state["model"], state["optimizer"])):
        raise LessonError(
            f"{path} belongs to another training ({', '.join(state['kinds'])}) or to other sizes: "
            "move it away to start anew."
        )
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    scheduler.load_state_dict(state["scheduler"])
    for name, each in generators(model).items():
        if name in state["random"]:  # a checkpoint from another device lacks this one's
            each.set_rng_state(state["random"][name])
    return state["epoch"]


def fit(
    model: nn.Module,
    train_batches,
    validation_batches,
    loss_function,
    optimizer,
    epochs: int,
    scheduler=None,
    checkpoint: Path | None = None,
    show: bool = True,
) -> list[tuple[float, ...]]:
    """Train until `epochs` epochs are done, going on from `checkpoint` where there is one.

    Returns a row for each epoch that ran: training loss and accuracy, validation loss and
    accuracy. With a checkpoint, it is written anew after each epoch.
    """
    done, history = 0, []
    if checkpoint and checkpoint.exists():
        done = load_checkpoint(checkpoint, model, optimizer, scheduler)
    for epoch in range(done + 1, epochs + 1):
        training = one_epoch(model, train_batches, loss_function, optimizer)
        validation = one_epoch(model, validation_batches, loss_function)
        if scheduler:
            scheduler.step()
        if checkpoint:
            save_checkpoint(checkpoint, model, optimizer, scheduler, epoch)
        history.append((*training, *validation))
        if show:
            print(
                f"epoch {epoch}: training loss {training[0]:.3f}, accuracy {training[1]:.1%}; "
                f"validation loss {validation[0]:.3f}, accuracy {validation[1]:.1%}"
            )
    return history


def show_image(axis, image: Tensor) -> None:
    """Draw an image (3, H, W) of -1..1 at half its size, without ticks."""
    image = F.avg_pool2d(image.cpu(), 2) / 2 + 0.5
    axis.imshow(image.permute(1, 2, 0).numpy(), interpolation="nearest")
    axis.set(xticks=[], yticks=[])


def open_the_data(folder: Path) -> tuple[datasets.ImageFolder, datasets.ImageFolder]:
    section("Images in folders")
    import matplotlib.pyplot as plt

    train_transform = transforms.Compose(
        [
            transforms.Resize([SIDE, SIDE]),
            transforms.RandomHorizontalFlip(),
            transforms.RandomRotation(20),
            transforms.RandomResizedCrop(SIDE),
            transforms.RandomAffine(0, translate=(0.2, 0.2), scale=(0.8, 1.2), shear=20),
            transforms.ToTensor(),
            transforms.Normalize(0.5, 0.5),  # 0..1 becomes -1..1
        ]
    )
    validation_transform = transforms.Compose(
        [
            transforms.Resize([SIDE, SIDE]),
            transforms.ToTensor(),
            transforms.Normalize(0.5, 0.5),
        ]
    )
    # A folder for each class: ImageFolder makes the labels of the folders' names.
    train_data = datasets.ImageFolder(folder / "training", transform=train_transform)
    validation_data = datasets.ImageFolder(folder / "validation", transform=validation_transform)
    print(f"{len(train_data) = }, {len(validation_data) = }")
    print(f"{train_data.class_to_idx = }")
    images, labels = next(iter(DataLoader(train_data, batch_size=BATCH_SIZE, shuffle=True)))
    print(f"{images.shape = }, {labels.shape = }")

    # The article defines `train_transform` and passes `transform`. At best that name is
    # unknown. At worst it is left from an earlier example, lesson 08's here, and nothing
    # complains until the network does: images of another size, and never augmented.
    transform = transforms.Compose(
        [transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor()]
    )
    mixed_up = datasets.ImageFolder(folder / "training", transform=transform)
    print(f"with the wrong transform: {mixed_up[0][0].shape = }")
    try:
        HorsesHumansCNN()(mixed_up[0][0].unsqueeze(0))
    except RuntimeError:
        print(f"fc1 wants {64 * 18 * 18:,} features and gets {64 * 28 * 28:,}: RuntimeError")
    else:
        raise AssertionError("images of another size must not pass")

    # Read the same image twice: what changes is augmented. Training must, validation must not.
    changes = [(data[0][0] - data[0][0]).abs().mean() for data in (train_data, validation_data)]
    print(f"read twice, an image differs by {changes[0]:.3f} a pixel in training,")
    print(f"and by {changes[1]:.3f} in validation")
    assert changes[0] > 0.01 and changes[1] == 0

    figure, axes = plt.subplots(2, 5, figsize=(7.5, 3.5), layout="constrained")
    for row, name in zip(axes, train_data.classes, strict=True):
        index = train_data.targets.index(train_data.class_to_idx[name])
        image = train_data.loader(train_data.samples[index][0])
        show_image(row[0], validation_transform(image))
        row[0].set_ylabel(name)
        for axis in row[1:]:
            show_image(axis, train_transform(image))
    axes[0, 0].set_title("the file")
    for number, axis in enumerate(axes[0, 1:], start=1):
        axis.set_title(f"epoch {number}")
    figure.suptitle("Augmentation draws a new variation each time an image is read")
    save_figure(figure, "augmentation")
    return train_data, validation_data


def convolution_by_hand() -> None:
    section("A convolution and a pooling, by hand")

    # A picture with one edge: three dark columns, then three light ones. The kernel is light
    # minus dark, from left to right.
    image = torch.tensor([[0.0, 0.0, 0.0, 1.0, 1.0, 1.0]]).repeat(4, 1)  # (H=4, W=6)
    kernel = torch.tensor([[-1.0, 0.0, 1.0]]).repeat(3, 1)  # (3, 3)
    looped = torch.zeros(2, 4)
    for row in range(2):
        for column in range(4):
            window = image[row : row + 3, column : column + 3]
            looped[row, column] = (window * kernel).sum()
    print(f"{looped = }")

    # Zero where all is even, 3 where the window holds the edge: a detector, the same at every
    # place. PyTorch's own has dimensions for the batch and the channels in front.
    torch.testing.assert_close(F.conv2d(image[None, None], kernel[None, None])[0, 0], looped)

    # A layer has many kernels, and each looks at all channels. unfold() lays the windows out
    # as columns; then a convolution is one matrix product. The padding keeps the size.
    conv = nn.Conv2d(3, 16, kernel_size=3, padding=1)
    images = torch.randn(2, 3, 10, 10)  # (B, C, H, W)
    windows = F.unfold(images, kernel_size=3, padding=1)  # (B, 3 * 3 * 3, 10 * 10)
    product = conv.weight.flatten(1) @ windows + conv.bias[:, None]  # (B, 16, 10 * 10)
    print(f"{conv.weight.shape = }, {windows.shape = }, {conv(images).shape = }")
    torch.testing.assert_close(product.view(2, 16, 10, 10), conv(images))

    # Max pooling keeps the largest of each 2 x 2: half the side, and where exactly it lay
    # matters less.
    pooled = images.view(2, 3, 5, 2, 5, 2).amax(dim=(3, 5))
    print(f"{pooled.shape = }")
    torch.testing.assert_close(pooled, nn.MaxPool2d(2, 2)(images))
    print("The loop, the matrix product and PyTorch's own agree: yes")


def build_the_network(device: torch.device) -> HorsesHumansCNN:
    section("The article's network")

    model = HorsesHumansCNN().to(device, memory_format=torch.channels_last)
    images = torch.zeros(1, 3, SIDE, SIDE, device=device)
    for number, conv in enumerate((model.conv1, model.conv2, model.conv3), start=1):
        images = model.pool(F.relu(conv(images)))
        print(f"after conv{number}, ReLU and pooling: {tuple(images.shape)}")
    for name, parameter in model.named_parameters():
        print(f"{name:<12} {tuple(parameter.shape)!s:<16} {parameter.numel():>10,}")
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{parameters = :,}")
    assert parameters == 10_641_441

    # The convolutions do the looking with 23,584 weights. fc1 has nearly all of the rest.
    print(f"{model.fc1.weight.numel() / parameters = :.1%}")

    # Dropout zeroes a quarter of its inputs at random in training and multiplies the others
    # by 4/3, so that the mean stays. In evaluation it does nothing.
    ones = torch.ones(10_000)
    dropped = model.dropout.train()(ones)
    print(f"{(dropped == 0).float().mean() = :.3f}, {dropped.max() = :.3f}")
    torch.testing.assert_close(model.dropout.eval()(ones), ones)
    return model


def train_the_network(
    model: HorsesHumansCNN, train_data, validation_data
) -> list[tuple[float, ...]]:
    section("Training: probabilities, BCELoss, Adam")

    train_loader = DataLoader(train_data, batch_size=BATCH_SIZE, shuffle=True)
    validation_loader = DataLoader(validation_data, batch_size=BATCH_SIZE)
    # fused: one routine updates all 10 million weights. The same formula, in less time.
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, fused=True)
    history = fit(model, train_loader, validation_loader, nn.BCELoss(), optimizer, EPOCHS)

    # The last epoch's figure goes up and down with each batch. The best one is an optimist,
    # chosen by the images it is measured on; lesson 09 keeps a test set for that.
    last, best = history[-1][3], max(row[3] for row in history)
    print(f"{last = :.1%}, {best = :.1%} of the {len(validation_data)} validation images")
    if len(train_data) == 256:  # the drawn sample; the real images are harder
        assert last >= 0.9
    return history


@torch.no_grad()
def look_at_the_result(model: HorsesHumansCNN, history, validation_data) -> None:
    section("What it looks at, and what it makes of it")
    from pytorch_refresher._common.figures import BLUE, ORANGE, RED

    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    epochs = range(1, len(history) + 1)
    for axis, title, column in zip(axes, ("loss", "accuracy"), (0, 1), strict=True):
        axis.plot(epochs, [row[column] for row in history], "o-", color=BLUE)
        axis.plot(epochs, [row[column + 2] for row in history], "s--", color=ORANGE)
        axis.set(title=f"{title} in each epoch", xlabel="epoch", ylabel=title, xticks=epochs)
        axis.legend(["training, augmented", "validation"])
    save_figure(figure, "learning_curves")

    # The first layer's kernels are 3 x 3 pixels in three colors, so they can be looked at.
    model.eval()
    device = next(model.parameters()).device
    images = torch.stack([image for image, _ in validation_data]).to(device)  # (64, 3, 150, 150)
    labels = torch.tensor(validation_data.targets)
    maps = F.relu(model.conv1(images[:1]))[0].cpu().numpy()  # (16, 150, 150)
    kernels = model.conv1.weight.cpu()  # (16, 3, 3, 3)
    kernels = (kernels / kernels.abs().amax(dim=(1, 2, 3), keepdim=True) + 1) / 2
    figure = plt.figure(figsize=(10, 4.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 3))
    axis = left.subplots()
    show_image(axis, images[0])
    axis.set_title("the image")
    axes = right.subplots(4, 8)
    for number in range(16):
        row, column = 2 * (number // 8), number % 8
        axes[row, column].imshow(kernels[number].permute(1, 2, 0).numpy())
        axes[row, column].set_title(f"kernel {number + 1}", fontsize=9)
        axes[row + 1, column].imshow(maps[number, ::2, ::2], cmap="gray", interpolation="nearest")
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    figure.suptitle("The 16 kernels of conv1, and where in the image each responds")
    save_figure(figure, "kernels")

    probabilities = model(images).squeeze(1).cpu()  # (64,)
    predictions = (probabilities > model.threshold).long()
    accuracy = (predictions == labels).float().mean().item()
    print(f"{accuracy = :.1%}")
    assert abs(accuracy - history[-1][3]) < 0.02
    unsure = (probabilities - 0.5).abs().argsort()[:12]
    figure, axes = plt.subplots(2, 6, figsize=(7.5, 3.1), layout="constrained")
    for axis, index in zip(axes.flat, unsure.tolist(), strict=True):
        show_image(axis, images[index])
        wrong = predictions[index] != labels[index]
        axis.set_title(
            f"{probabilities[index]:.1%} human", fontsize=9, color=RED if wrong else "black"
        )
        for spine in axis.spines.values():
            spine.set(color=RED if wrong else "black", linewidth=4 if wrong else 1)
    framed = "; framed: wrong" if accuracy < 1 else ", all right"
    figure.suptitle(f"The 12 validation images it is least sure of{framed}")
    save_figure(figure, "predictions")


@torch.no_grad()
def two_linear_layers_are_one(model: HorsesHumansCNN, validation_data) -> None:
    section("To mend: two linear layers in a row are one")

    # fc2(fc1(x)) = W2 (W1 x + b1) + b2 = (W2 W1) x + (W2 b1 + b2): one layer's weight and bias.
    one_layer = nn.Linear(64 * 18 * 18, 1)
    one_layer.weight.copy_(model.fc2.weight @ model.fc1.weight)  # (1, 512) @ (512, 20736)
    one_layer.bias.copy_(model.fc2.weight @ model.fc1.bias + model.fc2.bias)
    one_layer.to(model.fc1.weight.device)

    # The trained network, without its fc1 and fc2, says the same about every image.
    model.eval()
    images = torch.stack([image for image, _ in validation_data]).to(model.fc1.weight.device)
    features = model.features(images)
    two, one = model.fc2(model.fc1(features)), one_layer(features)
    print(f"largest difference of two logits: {(two - one).abs().max():.1e}")
    torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-3)

    # 10.6 million weights that can say no more than 20,737.
    for name, layers in {"fc1 and fc2": (model.fc1, model.fc2), "one layer": (one_layer,)}.items():
        count = sum(parameter.numel() for layer in layers for parameter in layer.parameters())
        print(f"{name:<11} {count:>10,} parameters")


def sigmoid_and_loss_in_one() -> None:
    section("To mend: sigmoid and loss in one")

    # A horse, label 0, that the network takes for a human, ever more surely.
    print("          BCELoss of the sigmoid    BCEWithLogitsLoss")
    print("logit        loss   gradient         loss   gradient")
    for value in (0.0, 5.0, 15.0, 20.0, 100.0):
        logit, label = torch.tensor([value], requires_grad=True), torch.zeros(1)
        cells = []
        for loss in (
            nn.BCELoss()(torch.sigmoid(logit), label),
            nn.BCEWithLogitsLoss()(logit, label),
        ):
            cells += [loss.item(), torch.autograd.grad(loss, logit)[0].item()]
        print("{:>5.1f} {:>11.3f} {:>10.4f} {:>12.3f} {:>10.4f}".format(value, *cells))
        if value <= 5:
            assert abs(cells[0] - cells[2]) < 1e-3
        assert abs(cells[3] - torch.sigmoid(logit).item()) < 1e-5

    # At 20 the sigmoid rounds to 1. BCELoss takes log(0), calls it -100, and passes back a
    # gradient of 0: the worst mistake is the one that is never corrected.
    assert cells[:2] == [100, 0] and cells[2:] == [100, 1]

    # From the logit z itself the loss of label y is max(z, 0) - z y + log(1 + exp(-|z|)).
    z, y = torch.randn(8) * 30, torch.tensor([0.0, 1.0]).repeat(4)
    by_hand = (z.clamp(min=0) - z * y + torch.log1p(torch.exp(-z.abs()))).mean()
    torch.testing.assert_close(nn.BCEWithLogitsLoss()(z, y), by_hand)


def small_batches(folder: Path, side: int) -> list[DataLoader]:
    """The images of both parts, read once, as small tensors in memory."""
    shrink = transforms.Compose(
        [transforms.Resize([side, side]), transforms.ToTensor(), transforms.Normalize(0.5, 0.5)]
    )
    loaders = []
    for part in ("training", "validation"):
        data = datasets.ImageFolder(folder / part, transform=shrink)
        images = torch.stack([image for image, _ in data])
        data = TensorDataset(images, torch.tensor(data.targets))
        loaders.append(DataLoader(data, batch_size=BATCH_SIZE, shuffle=part == "training"))
    return loaders


def start(kind: type[HorsesHumansCNN], seed: int, device: torch.device) -> tuple:
    """A model for small images, its optimizer and its scheduler, as training finds them."""
    torch.manual_seed(seed)
    model = kind(SMALL_SIDE).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, fused=True)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, total_iters=SMALL_EPOCHS)
    return model, optimizer, scheduler


def mended_and_measured(folder: Path, device: torch.device) -> tuple[list[DataLoader], nn.Module]:
    section("Mended, and measured")

    # Both from the same weights, over the same batches, on small images so that it takes
    # seconds. The README has the figures for the full size and several seeds.
    batches = small_batches(folder, SMALL_SIDE)
    print("           training loss   validation loss   accuracy")
    for name, kind, loss_function in (
        ("article's", HorsesHumansCNN, nn.BCELoss()),
        ("mended", MendedCNN, nn.BCEWithLogitsLoss()),
    ):
        model, optimizer, scheduler = start(kind, seed=0, device=device)
        history = fit(
            model, *batches, loss_function, optimizer, SMALL_EPOCHS, scheduler, show=False
        )
        print("{:<10} {:>13.3f} {:>17.3f} {:>10.1%}".format(name, history[-1][0], *history[-1][2:]))
        assert history[-1][2] < 0.65  # 0.693, log 2, is the loss of one that knows nothing
    return batches, model


def stop_and_go_on(batches: list[DataLoader], uninterrupted: nn.Module) -> None:
    section("Checkpoints: stop, and go on as if nothing had been")

    device, loss_function = next(uninterrupted.parameters()).device, nn.BCEWithLogitsLoss()

    def train_until(epochs: int, seed: int, path: Path, show: bool = True) -> nn.Module:
        model, optimizer, scheduler = start(MendedCNN, seed, device)
        fit(model, *batches, loss_function, optimizer, epochs, scheduler, path, show)
        return model

    def difference(model: nn.Module) -> float:
        pairs = zip(model.parameters(), uninterrupted.parameters(), strict=True)
        return max((ours - theirs).abs().max().item() for ours, theirs in pairs)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.pt"
        train_until(SMALL_EPOCHS // 2, seed=0, path=path)
        print(f"Switched off. The checkpoint: {path.stat().st_size / 1e6:.1f} MB, three times")
        print("the weights, for Adam keeps two more numbers about each.")

        # Later, in a new process: other weights, other random numbers, the same call.
        whole = path.read_bytes()
        model = train_until(SMALL_EPOCHS, seed=1, path=path)
        print(f"{difference(model) = }, from training without a stop")
        for name, value in uninterrupted.state_dict().items():
            assert torch.equal(model.state_dict()[name], value)

        # Which parts does it take? Leave each out: what a fresh start has stands in for it.
        model, optimizer, scheduler = start(MendedCNN, seed=1, device=device)
        other = Path(folder) / "fresh.pt"
        save_checkpoint(other, model, optimizer, scheduler, epoch=0)
        fresh = torch.load(other, weights_only=True)
        for part in ("random", "optimizer", "scheduler"):
            path.write_bytes(whole)
            torch.save(torch.load(path, weights_only=True) | {part: fresh[part]}, path)
            apart = difference(train_until(SMALL_EPOCHS, seed=1, path=path, show=False))
            print(f"without {part:<10} the weights come out up to {apart:.4f} apart")
            assert apart > 1e-4

        # What cannot be trusted is refused, in one sentence: a bit that the disk got wrong, a
        # file without its end, the checkpoint of another network.
        save_checkpoint(other, *start(HorsesHumansCNN, 1, device), epoch=0)
        changed = bytearray(whole)
        changed[len(whole) // 2] ^= 1
        for content in (bytes(changed), whole[:-1000], other.read_bytes()):
            path.write_bytes(content)
            try:
                load_checkpoint(path, model, optimizer, scheduler)
            except LessonError as error:
                print(str(error).replace(str(path), path.name))
            else:
                raise AssertionError("it must be refused")


# -----------------------------------------------------------------------------------------
# Practice problems. Replace each `raise NotImplementedError` with your answer and run this
# file again. solutions.py has one answer to each, and the checks that mark yours.
# -----------------------------------------------------------------------------------------


def compare_batch_norm(
    model: nn.Sequential, batches, epochs: int
) -> tuple[nn.Sequential, list[float], list[float]]:
    """Problem 1. Add batch normalization layers and compare training.

    model: an untrained nn.Sequential of layers without dropout, images (B, C, H, W) to logits
    (B, 1). Build a second nn.Sequential with the same layers and the same starting weights,
    and an nn.BatchNorm2d directly after each nn.Conv2d. Train both, for `epochs`, on batches,
    with nn.BCEWithLogitsLoss and torch.optim.Adam at its defaults. batches: a list of images
    (B, C, H, W) with labels (B,), whole numbers 0 or 1, all batches of the same size; take
    them in order. `model` itself must stay as it is: train a copy.

    Return three things: the second model, trained; for each epoch the mean of the batches'
    training losses of the copy, a list of floats; the same list for the second model.
    """
    raise NotImplementedError


def train_with_warmup(
    optimizer: torch.optim.Optimizer, train_one_epoch, epochs: int, warmup: int
) -> list[float]:
    """Problem 2. Implement learning rate scheduling: rise linearly, then fall along a cosine.

    Call train_one_epoch(), which takes nothing and uses `optimizer`, once for each epoch 1 to
    `epochs`. In epoch e the rate is

        peak * e / warmup                                                  while e <= warmup
        peak * (1 + cos(pi * (e - warmup) / (epochs + 1 - warmup))) / 2    afterwards

    where peak is the rate that the optimizer came with. Each of its parameter groups has its
    own peak. 0 <= warmup < epochs. Return the rates of the first group, a list of floats,
    one for each epoch. By hand or with torch.optim.lr_scheduler, as you like.
    """
    raise NotImplementedError


def train_with_checkpoints(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, train_one_epoch, epochs: int
) -> int:
    """Problem 3. Save and load model checkpoints, so that training can stop at any moment.

    train_one_epoch(), which takes nothing, trains `model` with `optimizer` and draws random
    numbers on the CPU. Call it until `epochs` epochs are done, and after each write a
    checkpoint to `path` with torch.save. Where `path` exists at the start, load it, with
    weights_only=True, and go on from there: to the bit as if training had not stopped. If
    writing fails half-way, the checkpoint before must still be there, whole.

    Return how many epochs this call has trained: 0 if all were done before.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__, download=True, device=True)
    if not arguments.practice:
        device = choose_device(arguments.device)
        folder = horse_or_human(download=arguments.download)
        train_data, validation_data = open_the_data(folder)
        convolution_by_hand()
        model = build_the_network(device)
        history = train_the_network(model, train_data, validation_data)
        look_at_the_result(model, history, validation_data)
        two_linear_layers_are_one(model, validation_data)
        sigmoid_and_loss_in_one()
        batches, mended = mended_and_measured(folder, device)
        stop_and_go_on(batches, mended)
    report_practice(__file__)


if __name__ == "__main__":
    main()
