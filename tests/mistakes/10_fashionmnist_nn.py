"""Wrong answers to the problems of lesson 10, and a piece of the hint that each must get."""

import copy

import torch
from torch import nn


def network(*widths, activation=nn.ReLU, last=nn.LogSoftmax):
    layers = [nn.Flatten()]
    for before, after in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(before, after), activation()]
    return nn.Sequential(*layers[:-1], last(dim=1))


def fit(model, batches, epochs, loss_function):
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(epochs):
        for images, labels in batches:
            optimizer.zero_grad()
            loss_function(model(images), labels).backward()
            optimizer.step()


def accuracy(model, batches):
    with torch.no_grad():
        right = sum((model(x).argmax(dim=1) == y).sum().item() for x, y in batches)
    return right / sum(len(y) for _, y in batches)


def compare(deep, train_batches, test_batches, epochs, loss_function=None):
    shallow = network(784, 128, 10)
    fit(shallow, train_batches, epochs, nn.NLLLoss())
    fit(deep, train_batches, epochs, loss_function or nn.NLLLoss())
    return deep, accuracy(shallow, test_batches), accuracy(deep, test_batches)


def two_hidden_layers(train_batches, test_batches, epochs):
    return compare(network(784, 128, 128, 10), train_batches, test_batches, epochs)


def narrower_layers(train_batches, test_batches, epochs):
    return compare(network(784, 128, 64, 32, 10), train_batches, test_batches, epochs)


def no_activation(train_batches, test_batches, epochs):
    deep = network(784, 128, 128, 128, 10, activation=nn.Identity)
    return compare(deep, train_batches, test_batches, epochs)


def logits_for_log_probabilities(train_batches, test_batches, epochs):
    deep = nn.Sequential(*network(784, 128, 128, 128, 10)[:-1])
    return compare(deep, train_batches, test_batches, epochs, nn.CrossEntropyLoss())


def deep_model_not_trained(train_batches, test_batches, epochs):
    shallow, deep = network(784, 128, 10), network(784, 128, 128, 128, 10)
    fit(shallow, train_batches, epochs, nn.NLLLoss())
    return deep, accuracy(shallow, test_batches), accuracy(deep, test_batches)


def tested_on_the_training_images(train_batches, test_batches, epochs):
    return compare(network(784, 128, 128, 128, 10), train_batches, train_batches, epochs)


def averaged_over_batches(train_batches, test_batches, epochs):
    deep, _, _ = compare(network(784, 128, 128, 128, 10), train_batches, test_batches, epochs)
    average = sum(accuracy(deep, [batch]) for batch in test_batches) / len(test_batches)
    return deep, average, average


def in_percent(train_batches, test_batches, epochs):
    deep, first, second = compare(
        network(784, 128, 128, 128, 10), train_batches, test_batches, epochs
    )
    return deep, 100 * first, 100 * second


def early_stopping(
    model, train_one_epoch, validate, patience, max_epochs, *, keep, better, first=1, restore=True
):
    best_loss, best_epoch, losses, waited = float("inf"), 0, [], 0
    weights = keep(model)
    for epoch in range(max_epochs):
        train_one_epoch()
        losses.append(validate())
        if better(losses, best_loss):
            best_loss, best_epoch, waited = losses[-1], epoch + first, 0
            weights = keep(model)
        else:
            waited += 1
        if waited >= patience:
            break
    if restore:
        model.load_state_dict(weights)
    return best_epoch, losses


def snapshot(model):
    return copy.deepcopy(model.state_dict())


def lower_than_best(losses, best):
    return losses[-1] < best


def weights_not_copied(*given):
    return early_stopping(*given, keep=lambda model: model.state_dict(), better=lower_than_best)


def dictionary_copied_but_not_its_tensors(*given):
    return early_stopping(
        *given, keep=lambda model: dict(model.state_dict()), better=lower_than_best
    )


def last_weights_kept(*given):
    return early_stopping(*given, keep=snapshot, better=lower_than_best, restore=False)


def compared_with_the_epoch_before(*given):
    def better(losses, best):
        return len(losses) == 1 or losses[-1] < losses[-2]

    return early_stopping(*given, keep=snapshot, better=better)


def an_equal_loss_counts_as_better(*given):
    return early_stopping(*given, keep=snapshot, better=lambda losses, best: losses[-1] <= best)


def counted_from_zero(*given):
    return early_stopping(*given, keep=snapshot, better=lower_than_best, first=0)


def patience_one_too_long(model, train_one_epoch, validate, patience, max_epochs):
    return early_stopping(
        model,
        train_one_epoch,
        validate,
        patience + 1,
        max_epochs,
        keep=snapshot,
        better=lower_than_best,
    )


def never_stops(model, train_one_epoch, validate, patience, max_epochs):
    return patience_one_too_long(model, train_one_epoch, validate, 1000, max_epochs)


def figure_of(model, images, labels, count, title, choose):
    import matplotlib.pyplot as plt

    with torch.no_grad():
        predictions = model(images).argmax(dim=1)
    chosen = choose(predictions, labels)[:count]
    figure, axes = plt.subplots(1, max(len(chosen), 1), squeeze=False)
    for axis, index in zip(axes.flat, chosen.tolist(), strict=False):
        axis.imshow(images[index].squeeze().numpy())
        axis.set_title(title(predictions[index], labels[index]))
    return figure


def errors(predictions, labels):
    return (predictions != labels).nonzero().flatten()


def the_right_ones(model, images, labels, classes, count):
    def right(predictions, labels):
        return (predictions == labels).nonzero().flatten()

    def title(predicted, true):
        return f"{classes[predicted]} {classes[true]}"

    return figure_of(model, images, labels, count, title, right)


def all_of_them(model, images, labels, classes, count):
    def title(predicted, true):
        return f"{classes[predicted]} {classes[true]}"

    return figure_of(model, images, labels, len(images), title, errors)


def numbers_for_names(model, images, labels, classes, count):
    return figure_of(
        model, images, labels, count, lambda predicted, true: f"{predicted} {true}", errors
    )


def true_class_only(model, images, labels, classes, count):
    return figure_of(model, images, labels, count, lambda predicted, true: classes[true], errors)


def from_the_end(model, images, labels, classes, count):
    def title(predicted, true):
        return f"{classes[predicted]} {classes[true]}"

    return figure_of(model, images, labels, count, title, lambda *given: errors(*given).flip(0))


def gradients_in_the_picture(model, images, labels, classes, count):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.imshow(model(images).numpy())
    return figure


def axes_for_the_figure(model, images, labels, classes, count):
    import matplotlib.pyplot as plt

    return plt.subplots()[1]


MISTAKES = {
    "compare_depths": [
        (two_hidden_layers, "your model has 3"),
        (narrower_layers, "expected [128, 128, 128, 10]"),
        (no_activation, "without a ReLU"),
        (logits_for_log_probabilities, "must end in LogSoftmax"),
        (deep_model_not_trained, "was it trained?"),
        (tested_on_the_training_images, "test on test_batches"),
        (averaged_over_batches, "average over batches"),
        (in_percent, "expected between 0 and 1"),
    ],
    "train_with_early_stopping": [
        (weights_not_copied, "state_dict() does not copy"),
        (dictionary_copied_but_not_its_tensors, "state_dict() does not copy"),
        (last_weights_kept, "weights of epoch 5, expected those of epoch 3"),
        (compared_with_the_epoch_before, "training must stop after epoch 5, yours ran"),
        (an_equal_loss_counts_as_better, "training must stop after epoch 3, yours ran 4"),
        (counted_from_zero, "count from 1"),
        (patience_one_too_long, "training must stop after epoch 5, yours ran"),
        (never_stops, "training must stop after epoch 5, yours ran"),
    ],
    "misclassified_figure": [
        (the_right_ones, "is one that the model gets right"),
        (all_of_them, "must show 3, yours shows 5"),
        (numbers_for_names, "lacks the predicted class"),
        (true_class_only, "lacks the predicted class"),
        (from_the_end, "in their order"),
        (gradients_in_the_picture, "requires grad"),
        (axes_for_the_figure, "is a Axes, expected a Figure"),
    ],
}
