"""Lesson 10: the checks that mark your practice answers."""

from pytorch_refresher._common.marking import expect, expect_parts, expect_type

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from .solutions import accuracy


class _Depths:
    """A hook on all modules: how many nn.Linear the models have that saw one of `images`."""

    def __init__(self, images: Tensor) -> None:
        self.images, self.seen, self.depth, self.watched = images.flatten(1), set(), 0, False

    def __call__(self, module: nn.Module, given: tuple, made) -> None:
        if not isinstance(module, nn.Linear):
            return
        if module.in_features == 28 * 28:  # a model begins
            first = given[0].detach().cpu().reshape(-1, 28 * 28)[0]
            self.depth, self.watched = 0, bool((self.images == first).all(dim=1).any())
        self.depth += 1
        if module.out_features == 10 and self.watched:
            self.seen.add(self.depth)


def check_compare_depths(answer) -> None:
    # Ten patterns under noise: a trained model tells them apart, an untrained one guesses. The
    # last fifth of the test labels is changed, so that no model gets all of them right and the
    # batches differ in accuracy.
    patterns = torch.randn(10, 1, 28, 28)
    labels = torch.arange(10).repeat(64)
    images = patterns[labels] + 2 * torch.randn(640, 1, 28, 28)
    train_batches = list(zip(images[:500].split(50), labels[:500].split(50), strict=True))
    test_labels = labels[500:].clone()
    test_labels[-28:] = (test_labels[-28:] + 1) % 10
    # The last batch is smaller than the others, as it is in the lesson.
    test_batches = list(zip(images[500:].split(60), test_labels.split(60), strict=True))
    epochs, depths = 4, _Depths(images[500:])

    with register_module_forward_hook(depths):
        result = answer(train_batches, test_batches, epochs)
    model, *accuracies = expect_parts(
        result,
        "your model",
        "the accuracy of FashionMNISTModel",
        "the accuracy of your model",
    )
    expect_type(model, nn.Module, "the model")
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    expect(
        len(linear) == 4,
        f"three hidden layers and the output make four nn.Linear, your model has {len(linear)}",
    )
    expect(
        [layer.out_features for layer in linear] == [128, 128, 128, 10],
        f"the layers have {[layer.out_features for layer in linear]} outputs, "
        "expected [128, 128, 128, 10]",
    )
    for name, value in zip(("FashionMNISTModel", "your model"), accuracies, strict=True):
        expect_type(value, float, f"the accuracy of {name}")
        expect(0 <= value <= 1, f"the accuracy of {name} is {value:.3g}, expected between 0 and 1")

    # What goes into each layer must not be what came out of the one before.
    seen = {}
    for layer in linear:
        layer.register_forward_hook(
            lambda layer, given, made: seen.update({layer: (given[0], made)})
        )
    model.eval()
    with torch.no_grad():
        log_probabilities = model(images[500:])
    expect(
        log_probabilities.shape == (140, 10),
        f"140 images give shape {tuple(log_probabilities.shape)}, expected (140, 10)",
    )
    for before, after in zip(linear, linear[1:], strict=False):
        expect(
            bool((seen[after][0] >= 0).all()),
            "a hidden layer's outputs go on without a ReLU: put one after each",
        )
        expect(seen[before][1].shape == seen[after][0].shape, "a layer's output is left unused")
    total = log_probabilities.exp().sum(dim=1)
    expect(
        torch.allclose(total, torch.ones(140), atol=1e-4),
        "the model must end in LogSoftmax over the classes: exp() of a row must sum to 1",
    )
    expect(accuracy(model, train_batches) > 0.9, "your model has not learned: was it trained?")
    found = accuracy(model, test_batches)
    train_accuracy = accuracy(model, train_batches)
    expect(
        abs(accuracies[1] - train_accuracy) > 1e-6 or abs(accuracies[1] - found) < 1e-6,
        "that is the accuracy on the training images: test on test_batches",
    )
    by_batch = sum(accuracy(model, [batch]) for batch in test_batches) / len(test_batches)
    expect(
        abs(accuracies[1] - by_batch) > 1e-6 or abs(found - by_batch) < 1e-6,
        "that is the average over batches: count over all images, as the last batch is smaller",
    )
    expect(
        abs(accuracies[1] - found) < 1e-6,
        f"your model's accuracy is {found:.3f} on test_batches, you return {accuracies[1]:.3f}",
    )
    expect(
        2 in depths.seen,
        "no model with one hidden layer saw test_batches: the first accuracy is that of "
        "FashionMNISTModel",
    )
    expect(
        0.5 < accuracies[0] <= 0.81,
        f"FashionMNISTModel reaches about 80% here after {epochs} epochs, "
        f"you return {accuracies[0]:.1%}: trained as long, and tested on test_batches?",
    )


def check_train_with_early_stopping(answer) -> None:
    cases = [
        # losses in the order of epochs, patience, epochs to run, best epoch
        ([5.0, 4.0, 3.0, 3.5, 3.2, 1.0, 0.5], 2, 5, 3),
        ([5.0, 6.0, 4.0, 5.0, 3.0, 4.0, 5.0, 2.0], 2, 7, 5),
        ([5.0, 4.5, 4.8, 4.7, 4.9, 0.1], 3, 5, 2),
        ([3.0, 3.0, 3.0, 0.5], 2, 3, 1),
        ([4.0, 3.0, 2.0, 1.0], 3, 4, 4),
        ([2.0, 3.0, 1.0], 1, 2, 1),
    ]
    for script, patience, epochs, best in cases:
        # Each epoch of this training writes its number into the weight.
        model, calls = nn.Linear(1, 1), []

        def train_one_epoch(model=model, calls=calls):
            calls.append("train")
            with torch.no_grad():
                model.weight.fill_(calls.count("train"))

        def validate(calls=calls, script=script):
            expect(bool(calls), "train first, then validate")
            calls.append("validate")
            trained, validated = calls.count("train"), calls.count("validate")
            expect(trained == validated, "call train_one_epoch() and validate() once each an epoch")
            expect(validated <= len(script), "training went on after max_epochs")
            return script[validated - 1]

        best_epoch, losses = expect_parts(
            answer(model, train_one_epoch, validate, patience, len(script)),
            "the best epoch",
            "the losses",
        )
        case = f"with losses {script} and patience {patience}"
        ran = calls.count("train")
        expect(ran == calls.count("validate"), "each epoch's training needs its validation")
        expect(
            ran >= epochs, f"{case}, training must run {epochs} epochs, yours stopped after {ran}"
        )
        expect(ran <= epochs, f"{case}, training must stop after epoch {epochs}, yours ran {ran}")
        expect_type(losses, list, "the losses")
        expect(losses == script[:epochs], f"{case}, the losses of {epochs} epochs must come back")
        expect_type(best_epoch, int, "the best epoch")
        expect(
            best_epoch != best - 1, f"{case}, the best epoch is {best}: count from 1, not from 0"
        )
        expect(best_epoch == best, f"{case}, the best epoch is {best}, you return {best_epoch}")
        expect(
            model.weight.item() == best,
            f"the model came back with the weights of epoch {model.weight.item():.0f}, expected "
            f"those of epoch {best}: state_dict() does not copy, copy.deepcopy() does",
        )


def check_misclassified_figure(answer) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    classes = ["shirt", "sandal", "bag", "coat"]
    images, labels = torch.rand(12, 1, 28, 28), torch.arange(12) % 4
    predictions = labels.clone()
    wrong = [1, 4, 6, 7, 11]
    predictions[wrong] = (labels[wrong] + 1) % 4

    class Model(nn.Module):
        """Gives the predictions above, by finding each image among the twelve."""

        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(5.0))  # asks for gradients, as real ones do

        def forward(self, given: Tensor) -> Tensor:
            place = torch.cdist(given.flatten(1), images.flatten(1)).argmin(dim=1)
            return (nn.functional.one_hot(predictions[place], 4) * self.scale).log_softmax(dim=1)

    try:
        for count in (3, 8, 1):  # with one picture, plt.subplots() returns no array of axes
            figure = answer(Model(), images.clone(), labels.clone(), classes, count)
            expect_type(figure, Figure)
            pictures = [
                (axis, image.get_array()) for axis in figure.axes for image in axis.get_images()
            ]
            expected = wrong[:count]
            expect(
                len(pictures) == len(expected),
                f"the model errs on {len(wrong)} images and count is {count}: the figure must "
                f"show {len(expected)}, yours shows {len(pictures)}",
            )
            for place, ((axis, picture), index) in enumerate(zip(pictures, expected, strict=True)):
                expect(
                    picture.shape[:2] == (28, 28),
                    f"picture {place} has shape {picture.shape}, expected (28, 28)",
                )
                shown = torch.tensor(picture).reshape(28, 28, -1)[..., 0]
                distances = (images.squeeze(1) - shown).abs().amax(dim=(1, 2))
                expect(
                    distances.argmin().item() in wrong,
                    f"picture {place} is one that the model gets right",
                )
                expect(
                    distances[index] < 1e-6,
                    f"picture {place} is not the misclassified image number {place}, in their order",
                )
                for kind, name in (
                    ("predicted", classes[predictions[index]]),
                    ("true", classes[labels[index]]),
                ):
                    expect(
                        name in axis.get_title(),
                        f"the title of picture {place}, {axis.get_title()!r}, lacks the {kind} "
                        f"class, {name!r}",
                    )
    finally:
        plt.close("all")
