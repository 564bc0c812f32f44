"""Answers to the problems of lesson 10: wrong ones with a piece of their hint, and right ones."""

import copy

import torch
from torch import nn
from torch.nn import functional as F


def network(*widths, activation=nn.ReLU):
    layers = [nn.Flatten()]
    for before, after in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(before, after), activation()]
    return nn.Sequential(*layers[:-1])


def fit(model, batches, epochs, clear=True):
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(epochs):
        for images, labels in batches:
            if clear:
                optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()


def accuracy(model, batches):
    with torch.no_grad():
        right = sum((model(x).argmax(dim=1) == y).sum().item() for x, y in batches)
    return right / sum(len(y) for _, y in batches)


def pair(width, **options):
    return network(784, width, 10, **options), network(784, *3 * [width], 10, **options)


# compare_depths: wrong


def swapped(train_batches, validation_batches, width, epochs):
    models = pair(width)
    for model in models:
        fit(model, train_batches, epochs)
    return *models, *(accuracy(model, validation_batches) for model in models[::-1])


def invented(train_batches, validation_batches, width, epochs):
    models = pair(width)
    for model in models:
        fit(model, train_batches, epochs)
    return *models, 0.8, 0.9


def unfair(train_batches, validation_batches, width, epochs):
    shallow, deep = pair(width)
    fit(shallow, train_batches, 1)
    fit(deep, train_batches, epochs)
    return shallow, deep, *(accuracy(model, validation_batches) for model in (shallow, deep))


def never_cleared(train_batches, validation_batches, width, epochs):
    models = pair(width)
    for model in models:
        fit(model, train_batches, epochs, clear=False)
    return *models, *(accuracy(model, validation_batches) for model in models)


def with_sigmoid(train_batches, validation_batches, width, epochs):
    models = pair(width, activation=nn.Sigmoid)
    for model in models:
        fit(model, train_batches, epochs)
    return *models, *(accuracy(model, validation_batches) for model in models)


def averaged_over_batches(train_batches, validation_batches, width, epochs):
    models = pair(width)
    each = []
    for model in models:
        fit(model, train_batches, epochs)
        shares = [accuracy(model, [batch]) for batch in validation_batches]
        each.append(sum(shares) / len(shares))
    return *models, *each


# compare_depths: right


class Layers(nn.Module):
    """A network that finds out its input's size, and calls its layers in forward()."""

    def __init__(self, hidden, width):
        super().__init__()
        self.last = nn.Linear(width, 10)
        self.hidden = nn.ModuleList(nn.LazyLinear(width) for _ in range(hidden))

    def forward(self, images):
        features = images.view(len(images), -1)
        for layer in self.hidden:
            features = layer(features).clamp(min=0)
        return F.log_softmax(self.last(features), dim=1)


def own_modules_side_by_side(train_batches, validation_batches, width, epochs):
    models = [Layers(hidden, width) for hidden in (1, 3)]
    for model in models:
        model(torch.zeros(1, 1, 28, 28))  # lets the lazy layers see a size
    optimizers = [torch.optim.Adam(model.parameters(), lr=1e-3, fused=True) for model in models]
    for _ in range(epochs):
        for images, labels in train_batches:
            for model, optimizer in zip(models, optimizers, strict=True):
                model.zero_grad()
                nn.NLLLoss()(model(images), labels).backward()
                optimizer.step()
    answers = torch.cat([labels for _, labels in validation_batches])
    shares = []
    for model in models:
        found = torch.cat([model(images).max(dim=1).indices for images, _ in validation_batches])
        shares.append((found == answers).numpy().mean())
    return [*models, *shares]


def layers_inserted(train_batches, validation_batches, width, epochs):
    shallow, deep = pair(width)
    deep = network(784, width, width, 10)
    deep.insert(3, nn.Linear(width, width))
    deep.insert(4, nn.ReLU(inplace=True))
    for model in (deep, shallow):
        fit(model, train_batches, epochs)
    return shallow, deep, *(accuracy(model, validation_batches) for model in (shallow, deep))


# train_with_early_stopping: wrong


def snapshot(model):
    return copy.deepcopy(model.state_dict())


def stopping(
    model, train_one_epoch, validate, patience, max_epochs, keep=snapshot, best=None, delta=0
):
    best = float("inf") if best is None else best
    best_epoch, losses, weights = 0, [], keep(model)
    for epoch in range(1, max_epochs + 1):
        train_one_epoch()
        losses.append(validate())
        if losses[-1] < best - delta:
            best, best_epoch, weights = losses[-1], epoch, keep(model)
        elif epoch - best_epoch >= patience:
            break
    model.load_state_dict(weights)
    return best_epoch, losses


def weights_not_copied(*given):
    return stopping(*given, keep=lambda model: dict(model.state_dict()))


def ten_is_a_high_loss(*given):
    return stopping(*given, best=10.0)


def small_steps_do_not_count(*given):
    return stopping(*given, delta=1e-3)


def restored_only_when_stopped_early(model, train_one_epoch, validate, patience, max_epochs):
    best, best_epoch, losses, weights = float("inf"), 0, [], None
    for epoch in range(1, max_epochs + 1):
        train_one_epoch()
        losses.append(validate())
        if losses[-1] < best:
            best, best_epoch, weights = losses[-1], epoch, snapshot(model)
        elif epoch - best_epoch >= patience:
            model.load_state_dict(weights)
            break
    return best_epoch, losses


def compared_with_the_epoch_before(model, train_one_epoch, validate, patience, max_epochs):
    losses, waited, copies = [], 0, []
    while len(losses) < max_epochs and waited < patience:
        train_one_epoch()
        losses.append(validate())
        copies.append(snapshot(model))
        waited = 0 if len(losses) == 1 or losses[-1] < losses[-2] else waited + 1
    best = losses.index(min(losses))
    model.load_state_dict(copies[best])
    return best + 1, losses


# train_with_early_stopping: right


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


# worst_mistakes: wrong


def drawn(model, images, labels, names, count, key=None, title="{0} for {1}"):
    import matplotlib.pyplot as plt

    with torch.no_grad():
        sure, guesses = model(images).softmax(dim=1).max(dim=1)
    wrong = (guesses != labels).nonzero().flatten().tolist()
    wrong = sorted(wrong, key=key or (lambda row: -sure[row]))[:count]
    figure, axes = plt.subplots(1, max(1, len(wrong)), squeeze=False)
    for each, row in zip(axes.flat, wrong, strict=False):
        each.imshow(images[row].squeeze().numpy())
        each.set_title(title.format(names[guesses[row]], names[labels[row]]))
    return figure


def in_training_mode(model, *given):
    return drawn(model.train(), *given)


def unsorted(model, *given):
    return drawn(model.eval(), *given, key=lambda row: row)


def true_class_called_predicted(model, *given):
    return drawn(model.eval(), *given, title="predicted {1}, true {0}")


def true_class_only(model, *given):
    return drawn(model.eval(), *given, title="{1}")


def by_loss(model, images, labels, names, count):
    losses = F.cross_entropy(model.eval()(images), labels, reduction="none")
    return drawn(model, images, labels, names, count, key=lambda row: -losses[row])


# worst_mistakes: right


def unnormalized_on_a_grid(model, images, labels, names, count):
    import matplotlib.pyplot as plt

    model.eval()
    with torch.inference_mode():
        probabilities = F.softmax(model(images), dim=-1).numpy()
    guesses = probabilities.argmax(axis=1)
    wrong = [row for row in range(len(labels)) if guesses[row] != labels[row]]
    wrong.sort(key=lambda row: probabilities[row].max(), reverse=True)
    figure, axes = plt.subplots(3, 4, subplot_kw={"xticks": [], "yticks": []})
    for each, row in zip(axes.flat, wrong[:count], strict=False):
        each.imshow(
            (images[row].permute(1, 2, 0) * 0.353 + 0.286).clamp(0, 1).numpy(), cmap="gray_r"
        )
        each.set_title(f"predicted: {names[guesses[row]]}\ntrue: {names[labels[row]]}")
    return figure


def topk_in_pyplot(model, images, labels, names, count):
    import matplotlib.pyplot as plt

    was_training = model.training
    sure, guesses = model.eval()(images).detach().softmax(1).max(1)
    model.train(was_training)
    sure[guesses == labels] = -1
    rows = sure.topk(min(count, int((guesses != labels).sum()))).indices
    figure = plt.figure()
    for place, row in enumerate(rows):
        plt.subplot(2, 5, place + 1)
        plt.imshow(images[row].expand(3, -1, -1).permute(1, 2, 0).sigmoid().numpy())
        plt.title(
            f"{names[guesses[row]]} ({sure[row]:.0%}), in truth {names[labels[row]]}", loc="left"
        )
    return figure


MISTAKES = {
    "compare_depths": [
        (swapped, "the accuracy of the shallow network is that of the other network"),
        (invented, "you return 0.8000"),
        (unfair, "the shallow network was trained for 1 epoch only"),
        (never_cleared, "clear them before each backward()"),
        (with_sigmoid, "another activation"),
        (averaged_over_batches, "is the mean over the batches"),
    ],
    "train_with_early_stopping": [
        (weights_not_copied, "state_dict() doesn't copy"),
        (ten_is_a_high_loss, "training must stop after epoch 5, yours ran 2"),
        (small_steps_do_not_count, "training must stop after epoch 5, yours ran 3"),
        (restored_only_when_stopped_early, "load it however the loop ends"),
        (compared_with_the_epoch_before, "training must stop after epoch 5, yours ran"),
    ],
    "worst_mistakes": [
        (in_training_mode, "call model.eval()"),
        (unsorted, "in the order of the data"),
        (by_loss, "order of the loss"),
        (true_class_called_predicted, "names the true class first"),
        (true_class_only, "lacks the predicted class"),
    ],
}

ALSO_RIGHT = {
    "compare_depths": [own_modules_side_by_side, layers_inserted],
    "train_with_early_stopping": [whole_model_copied, tensors_cloned],
    "worst_mistakes": [unnormalized_on_a_grid, topk_in_pyplot],
}
