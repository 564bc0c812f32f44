"""Lesson 10: the checks that mark your practice answers."""

import math

from pytorch_refresher._common.marking import expect, expect_parts, expect_type, reject

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from .solutions import accuracy


class _Batches:
    """A fixed list of batches, to be iterated over again and again like a loader."""

    def __init__(self, images: Tensor, labels: Tensor, size: int) -> None:
        self.batches = list(zip(images.split(size), labels.split(size), strict=True))

    def __iter__(self):
        return ((images.clone(), labels.clone()) for images, labels in self.batches)

    def __len__(self) -> int:
        return len(self.batches)


def _board(count: int) -> tuple[Tensor, Tensor]:
    """Images that mix two patterns: light or dark field of a chessboard that the amounts fall on.

    No straight line parts the fields, and three hidden layers do better here than one.
    """
    amounts = torch.rand(count, 2) * 3  # three by three fields
    patterns = torch.randn(2, 28 * 28, generator=torch.Generator().manual_seed(0))
    labels = amounts.long().sum(dim=1) % 2
    return (2 * (amounts - 1.5) @ patterns).view(-1, 1, 28, 28), labels


class _FirstWeights:
    """A hook on all modules: the weights that each nn.Linear had when it was first used."""

    def __init__(self) -> None:
        self.of = {}

    def __call__(self, module: nn.Module, given: tuple, made: object) -> None:
        if isinstance(module, nn.Linear) and module not in self.of:
            self.of[module] = [parameter.detach().clone() for parameter in module.parameters()]


def _trained(weights: list, batches: _Batches, epochs: int, images: Tensor, **change) -> Tensor:
    """The log-probabilities of `images` after the training that is asked for, or after another one."""
    linear = []
    for weight, bias in weights:
        linear += [nn.Linear(*weight.T.shape), change.get("between", nn.ReLU)()]
        with torch.no_grad():
            linear[-2].weight.copy_(weight)
            linear[-2].bias.copy_(bias)
    model = nn.Sequential(nn.Flatten(), *linear[:-1])
    optimizer = change.get("optimizer", torch.optim.Adam)(model.parameters())
    for _ in range(epochs):
        for inputs, labels in batches:
            if change.get("clear", True):
                optimizer.zero_grad()
            nn.CrossEntropyLoss()(model(inputs), labels).backward()
            optimizer.step()
    return model(images).detach().log_softmax(dim=1)


def _expect_trained(model, what: str, hidden: int, first: _FirstWeights, given: tuple) -> None:
    batches, images, width, epochs = given
    expect_type(model, nn.Module, what)
    used = [module for module in first.of if any(module is each for each in model.modules())]
    sizes = [layer.out_features for layer in used]
    right = [width] * hidden + [10]
    expect(sizes == right, f"{what} uses nn.Linear with {sizes} outputs, expected {right}")
    with torch.no_grad():
        logits = model.eval()(images)  # log-probabilities will do, too
    expect_type(logits, Tensor, f"what {what} returns")
    weights = [first.of[layer] for layer in used]
    expect(all(len(each) == 2 for each in weights), f"{what} has a layer without a bias")
    expected = _trained(weights, batches, epochs, images)
    shape = f"{what} returns shape {tuple(logits.shape)}, expected {tuple(expected.shape)}"
    expect(logits.shape == expected.shape, shape)
    logits = logits.log_softmax(dim=1)
    agrees = torch.allclose(logits, expected, rtol=0.02, atol=0.02)
    known = {
        "hasn't been trained": {"epochs": 0},
        f"was trained for 1 epoch only, expected {epochs}": {"epochs": 1},
        f"was trained for {epochs - 1} epochs, expected {epochs}": {"epochs": epochs - 1},
        f"was trained for {epochs + 1} epochs, expected {epochs}": {"epochs": epochs + 1},
        "learned from gradients that add up: clear them before each backward()": {"clear": False},
        "needs a ReLU after every hidden layer": {"between": nn.Identity},
        "has another activation, expected ReLU": {"between": nn.Sigmoid},
        "was trained with SGD, expected Adam": {"optimizer": torch.optim.SGD},
    }
    for hint, change in known.items() if not agrees else ():
        other = _trained(weights, batches, images=images, **{"epochs": epochs} | change)
        reject(logits, expected, {f"{what} {hint}": other})
    expect(
        agrees,
        f"{what} is not what this training makes of it: a ReLU after every hidden layer, "
        f"CrossEntropyLoss, Adam with its defaults, {epochs} epochs over train_batches in order",
    )


def check_compare_depths(answer) -> None:
    for width, epochs, size in ((16, 12, 15), (12, 9, 20)):
        images, labels = _board(450)
        batches = _Batches(images[:300], labels[:300], size)
        validation = _Batches(images[300:], labels[300:], 40)  # the last one is smaller
        first = _FirstWeights()
        with register_module_forward_hook(first):
            result = answer(batches, validation, width, epochs)
        names = "the shallow network", "the deep network"
        parts = expect_parts(result, *names, "the accuracy of the one", "the accuracy of the other")
        models, accuracies = parts[:2], parts[2:]
        for model, name, hidden in zip(models, names, (1, 3), strict=True):
            given = batches, images[300:], width, epochs
            _expect_trained(model, name, hidden, first, given)

        found = [accuracy(model, validation) for model in models]
        for number, (model, name, ours) in enumerate(zip(models, names, accuracies, strict=True)):
            what = f"the accuracy of {name}"
            expect_type(ours, float, what)
            each = [accuracy(model, [batch]) for batch in validation]
            mean = sum(each) / len(each)
            known = {
                "is that of the other network": found[1 - number],
                "is the mean over the batches: count all images, the last batch is smaller": mean,
                "is measured on the training images": accuracy(model, batches),
                "is in percent, expected a number between 0 and 1": 100 * found[number],
                "is the number of images, expected their share": 150 * found[number],
            }
            reject(ours, found[number], {f"{what} {hint}": wrong for hint, wrong in known.items()})
            values = f"{found[number]:.4f} on validation_batches, you return {ours:.4f}"
            expect(math.isclose(ours, found[number], abs_tol=1e-6), f"{what} is {values}")


STOPPING = [
    # losses in the order of the epochs, patience, epochs to run, the best one
    ([5e5, 4e5, 3e5, 3.5e5, 3.2e5, 1.0, 0.5], 2, 5, 3),
    ([1.0, 0.99999, 0.99998, 0.99999, 0.1], 2, 5, 5),  # an improvement may be a small one
    ([50.0, 60.0, 40.0, 50.0, 30.0, 40.0, 50.0, 20.0], 2, 7, 5),
    ([5.0, 4.5, 4.8, 4.7, 4.9, 0.1], 3, 5, 2),
    ([3.0, 3.0, 3.0, 0.5], 2, 3, 1),
    ([4.0, 3.0, 2.0, 1.0], 3, 4, 4),
    ([2.0, 1.0, 3.0], 2, 3, 2),  # it ends before patience does, with the best epoch behind it
    ([-1.0, -3.0, -2.0, -2.5, -4.0], 4, 5, 5),
    ([2.0, 3.0, 1.0], 1, 2, 1),
]


def check_train_with_early_stopping(answer) -> None:
    for script, patience, epochs, best in STOPPING:
        # Each epoch of this training writes its number into the weight.
        model, calls = nn.Linear(1, 1), []

        def train_one_epoch(model=model, calls=calls):
            calls.append("train")
            with torch.no_grad():
                model.weight.fill_(calls.count("train"))

        def validate(calls=calls, script=script):
            expect(bool(calls), "train first, then validate")
            calls.append("validate")
            alternate = calls == ["train", "validate"] * (len(calls) // 2)
            expect(alternate, "call train_one_epoch() and validate() once each per epoch")
            expect(len(calls) <= 2 * len(script), "training went on after max_epochs")
            return script[len(calls) // 2 - 1]

        result = answer(model, train_one_epoch, validate, patience, len(script))
        best_epoch, losses = expect_parts(result, "the best epoch", "the losses")
        case = f"with losses {script} and patience {patience}"
        ran, rest = divmod(len(calls), 2)
        expect(rest == 0, "each epoch's training needs its validation")
        stop = f"{case}, training must stop after epoch {epochs}, yours ran {ran}"
        expect(ran == epochs, stop)
        expect_type(losses, list, "the second part, the losses,")
        expect(losses == script[:epochs], f"{case}, the losses of {epochs} epochs must come back")
        expect_type(best_epoch, int, "the best epoch")
        expect(best_epoch != best - 1, f"{case}, the best epoch is {best}: count from 1")
        expect(best_epoch == best, f"{case}, the best epoch is {best}, you return {best_epoch}")
        expect(
            model.weight.item() == best,
            f"{case}, the model came back with the weights of epoch {model.weight.item():.0f}, "
            f"expected those of epoch {best}: keep a copy of them (state_dict() doesn't copy), and "
            "load it however the loop ends",
        )


class _Known(nn.Module):
    """A model whose logits for certain images are given; in training mode they are others."""

    def __init__(self, images: Tensor, logits: Tensor) -> None:
        super().__init__()
        self.images, self.logits = images.flatten(1), logits
        self.scale = nn.Parameter(torch.tensor(1.0))  # needs a gradient, as real weights do

    def forward(self, given: Tensor) -> Tensor:
        place = torch.cdist(given.flatten(1), self.images).argmin(dim=1)
        logits = self.logits[place] * self.scale
        return _in_training(logits) if self.training else logits


def _in_training(logits: Tensor) -> Tensor:
    return logits.roll(1, dims=1)


def _mistaken(count: int, wrong: int, classes: int) -> tuple[Tensor, Tensor]:
    """Logits (count, classes) and labels (count,), of which as many as `wrong` don't agree."""
    predictions = torch.randint(classes, (count,))
    labels, rows, errors = predictions.clone(), torch.arange(count), torch.randperm(count)[:wrong]
    labels[errors] = (predictions[errors] + torch.randint(1, classes, (wrong,))) % classes
    # How sure a mistake is says nothing here about its loss, nor about its largest logit: softmax
    # doesn't change if all logits of an image grow by the same number.
    margins = torch.linspace(1, 4, count)[torch.randperm(count)]
    logits = torch.zeros(count, classes)
    logits[rows[errors], labels[errors]] -= 9 * torch.rand(wrong)
    logits[rows, predictions] += margins
    return logits + 9 * torch.rand(count, 1), labels


def _orders(logits: Tensor, labels: Tensor, count: int) -> tuple[list[int], dict[str, list[int]]]:
    """The images that must be shown, and what known mistakes would show, by their hints."""
    rows, predictions = torch.arange(len(labels)), logits.argmax(dim=1)
    sure = logits.softmax(dim=1).amax(dim=1)
    loss, largest = -logits.log_softmax(dim=1)[rows, labels], logits.amax(dim=1)
    wrong, right = predictions != labels, predictions == labels
    training = _in_training(logits).argmax(dim=1) != labels

    def ordered(by: Tensor, which: Tensor = wrong, last: bool = False) -> list[int]:
        order = by.argsort(descending=not last)
        return order[which[order]].tolist()

    among_first = sorted(ordered(rows, last=True)[:count], key=lambda row: -sure[row])
    mistakes = {
        "the model is still in training mode: call model.eval()": ordered(sure, training),
        "the mistakes are in the order of the data: sort them": ordered(rows, last=True),
        "the surest mistake comes last: turn the order around": ordered(sure)[:count][::-1],
        "these are the mistakes that it is least sure of": ordered(sure, last=True),
        "take the surest of all mistakes, not of the first ones": among_first,
        "sort by probability: the largest logit says nothing by itself": ordered(largest),
        "that is the order of the loss: how probable is the wrong class?": ordered(loss),
        "these are images that the model gets right": ordered(sure, right),
        "images that the model gets right are among them": ordered(sure, wrong | right),
    }
    return ordered(sure)[:count], {hint: order[:count] for hint, order in mistakes.items()}


def _shown(figure, images: Tensor) -> tuple[list[int], list[str]]:
    """Which of the images a figure shows, however they are scaled and colored, and the titles."""
    found, titles = [], []
    for axes in figure.axes:
        for picture in axes.get_images():
            pixels = torch.tensor(picture.get_array().tolist(), dtype=torch.float32)
            shape = f"an image in the figure has shape {tuple(pixels.shape)}, expected (28, 28)"
            expect(pixels.shape[:2] == (28, 28), shape)
            pixels = pixels.reshape(28 * 28, -1)[:, 0]
            alike = torch.corrcoef(torch.stack([pixels, *images.flatten(1)]))[0, 1:].abs()
            expect(bool((alike > 0.98).any()), "the figure shows something that isn't in images")
            found.append(alike.argmax().item())
            titles.append(" ".join(axes.get_title(loc) for loc in ("left", "center", "right")))
        expect(len(axes.get_images()) < 2, "two images are in the same axes: one per axes")
    return found, titles


def check_worst_mistakes(answer) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    names = ["coat", "sandal", "bag", "shirt", "dress"]
    try:
        for size, wrong, count in ((14, 6, 3), (9, 4, 8), (12, 5, 1), (6, 0, 4), (8, 8, 5)):
            images = (torch.rand(size, 1, 28, 28) - 0.286) / 0.353
            logits, labels = _mistaken(size, wrong, len(names))
            given = images.clone(), labels.clone()
            figure = answer(_Known(images, logits), *given, names, count)
            case = f"with {wrong} mistakes and count {count}"
            unchanged = torch.equal(given[0], images) and torch.equal(given[1], labels)
            expect(unchanged, "images or labels changed: only read them")
            expect_type(figure, Figure)
            shown, titles = _shown(figure, images)
            expected, mistakes = _orders(logits, labels, count)
            reject(shown, expected, {f"{case}: {hint}": order for hint, order in mistakes.items()})
            number = f"the figure must show {len(expected)} images, yours shows {len(shown)}"
            expect(len(shown) == len(expected), f"{case}, {number}")
            expect(shown == expected, f"{case}: images {shown} are shown, expected {expected}")
            for index, title in zip(shown, titles, strict=True):
                guess, true = names[logits[index].argmax()], names[labels[index]]
                for kind, name in (("predicted", guess), ("true", true)):
                    expect(name in title, f"the title {title!r} lacks the {kind} class, {name!r}")
                order = f"the title {title!r} names the true class first, expected {guess!r} first"
                expect(title.index(guess) < title.index(true), order)
    finally:
        plt.close("all")
