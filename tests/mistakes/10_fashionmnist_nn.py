"""Answers to the problems of lesson 10: wrong ones with a piece of their hint, and right ones."""

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


def one_accuracy_for_both(train_batches, test_batches, epochs):
    deep = network(784, 128, 128, 128, 10)
    fit(network(784, 128, 10), train_batches, epochs, nn.NLLLoss())
    fit(deep, train_batches, epochs, nn.NLLLoss())
    return deep, accuracy(deep, test_batches), accuracy(deep, test_batches)


def compared_with_two_hidden_layers(train_batches, test_batches, epochs):
    other, deep = network(784, 128, 128, 10), network(784, 128, 128, 128, 10)
    fit(other, train_batches, epochs, nn.NLLLoss())
    fit(deep, train_batches, epochs, nn.NLLLoss())
    return deep, accuracy(other, test_batches), accuracy(deep, test_batches)


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


def one_picture_not_expected(model, images, labels, classes, count):
    import matplotlib.pyplot as plt

    guesses = model(images).argmax(dim=1)
    wrong = errors(guesses, labels)[:count]
    figure, axes = plt.subplots(1, len(wrong))
    for axis, index in zip(axes, wrong, strict=True):
        axis.imshow(images[index, 0].numpy())
        axis.set_title(f"{classes[guesses[index]]}, not {classes[labels[index]]}")
    return figure


def axes_for_the_figure(model, images, labels, classes, count):
    import matplotlib.pyplot as plt

    return plt.subplots()[1]


class Layers(nn.Module):
    """A network that calls its layers in forward()."""

    def __init__(self, hidden):
        super().__init__()
        self.first = nn.Linear(28 * 28, 128)
        self.hidden = nn.ModuleList(nn.Linear(128, 128) for _ in range(hidden - 1))
        self.last = nn.Linear(128, 10)

    def forward(self, images):
        features = nn.functional.relu(self.first(images.view(len(images), -1)))
        for layer in self.hidden:
            features = layer(features).clamp(min=0)
        return nn.functional.log_softmax(self.last(features), dim=-1)


def own_module(train_batches, test_batches, epochs):
    models = [Layers(hidden) for hidden in (1, 3)]
    optimizers = [torch.optim.Adam(model.parameters()) for model in models]
    for _ in range(epochs):
        for images, labels in train_batches:
            for model, optimizer in zip(models, optimizers, strict=True):
                model.zero_grad()
                nn.functional.nll_loss(model(images), labels).backward()
                optimizer.step()
    answers = torch.cat([labels for _, labels in test_batches])
    accuracies = []
    for model in models:
        found = torch.cat([model(images).max(dim=1).indices for images, _ in test_batches])
        accuracies.append((found == answers).float().mean().item())
    return [models[1], *accuracies]


def hidden_layers_inserted(train_batches, test_batches, epochs):
    shallow, deep = network(784, 128, 10), network(784, 128, 128, 10)
    deep.insert(3, nn.Linear(128, 128))
    deep.insert(4, nn.ReLU(inplace=True))
    for model in (deep, shallow):
        fit(model, train_batches, epochs, nn.NLLLoss(reduction="mean"))
    return deep, accuracy(shallow, test_batches), accuracy(deep, test_batches)


def waiting_counted(*given):
    return early_stopping(*given, keep=snapshot, better=lower_than_best)


def whole_model_copied(model, train_one_epoch, validate, patience, max_epochs):
    losses, copies = [], []
    while len(losses) < max_epochs:
        train_one_epoch()
        losses.append(validate())
        copies.append(copy.deepcopy(model))
        if len(losses) - losses.index(min(losses)) > patience:
            break
    best = losses.index(min(losses))
    model.load_state_dict(copies[best].state_dict())
    return [best + 1, losses]


def tensors_cloned(model, train_one_epoch, validate, patience, max_epochs):
    best, losses, left = (float("inf"), 0, {}), [], patience
    for epoch in range(max_epochs):
        train_one_epoch()
        loss = validate()
        losses += [loss]
        left -= 1
        if loss < best[0]:
            best = loss, epoch + 1, {n: p.detach().clone() for n, p in model.named_parameters()}
            left = patience
        if not left:
            break
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(best[2][name])
    return best[1], losses


def one_image_after_the_other(model, images, labels, classes, count):
    from matplotlib.figure import Figure

    figure, shown = Figure(), 0
    for image, label in zip(images, labels, strict=True):
        guess = int(model(image.unsqueeze(0)).argmax())
        if guess != label and shown < count:
            shown += 1
            axis = figure.add_subplot(3, 3, shown)
            axis.imshow(image[0].numpy(), cmap="gray")
            axis.set_title(f"predicted: {classes[guess]}\ntrue: {classes[label]}")
    return figure


def a_grid_with_empty_axes(model, images, labels, classes, count):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(3, 4)
    guesses = model(images).detach().exp().topk(1).indices.squeeze(1)
    wrong = [i for i, (a, b) in enumerate(zip(guesses, labels, strict=True)) if a != b]
    for axis, index in zip(axes.flat, wrong[:count], strict=False):
        axis.imshow(images[index].permute(1, 2, 0).expand(-1, -1, 3).numpy())
        axis.set_title(f"{classes[labels[index]]} taken for {classes[guesses[index]]}")
    return figure


MISTAKES = {
    "compare_depths": [
        (two_hidden_layers, "your model has 3"),
        (narrower_layers, "expected [128, 128, 128, 10]"),
        (no_activation, "without a ReLU"),
        (logits_for_log_probabilities, "must end in LogSoftmax"),
        (deep_model_not_trained, "was it trained?"),
        (tested_on_the_training_images, "test on test_batches"),
        (averaged_over_batches, "average over batches"),
        (one_accuracy_for_both, "no model with one hidden layer saw test_batches"),
        (compared_with_two_hidden_layers, "no model with one hidden layer saw test_batches"),
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
        (one_picture_not_expected, "stops with TypeError"),
        (axes_for_the_figure, "is a Axes, expected a Figure"),
    ],
}

ALSO_RIGHT = {
    "compare_depths": [own_module, hidden_layers_inserted],
    "train_with_early_stopping": [waiting_counted, whole_model_copied, tensors_cloned],
    "misclassified_figure": [one_image_after_the_other, a_grid_with_empty_axes],
}
