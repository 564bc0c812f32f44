"""Lesson 10: one worked answer to each practice problem."""

import copy

import torch
from torch import Tensor, nn


def network(hidden_layers: int, width: int) -> nn.Sequential:
    layers, size = [nn.Flatten()], 28 * 28
    for _ in range(hidden_layers):
        layers += [nn.Linear(size, width), nn.ReLU()]
        size = width  # what the next layer gets
    return nn.Sequential(*layers, nn.Linear(size, 10))


def learn(model: nn.Module, batches, epochs: int) -> None:
    loss_function = nn.CrossEntropyLoss()
    # An optimizer keeps a memory of past gradients, so each network needs one of its own.
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(epochs):  # a new network is in training mode already
        for images, labels in batches:
            optimizer.zero_grad()
            loss_function(model(images), labels).backward()
            optimizer.step()


@torch.no_grad()
def accuracy(model: nn.Module, batches) -> float:
    model.eval()
    right = total = 0
    for images, labels in batches:
        # Count images. The mean of the batches' accuracies would favor the images of a small batch.
        right += (model(images).argmax(dim=1) == labels).sum().item()
        total += len(labels)
    return right / total


def compare_depths(train_batches, validation_batches, width: int, epochs: int) -> tuple:
    shallow, deep = network(1, width), network(3, width)
    # The same data, the same number of steps, the same optimizer. Only the depth differs, so only
    # the depth can be what makes the difference. (And luck: for a verdict, repeat it under other
    # seeds. On FashionMNIST you'll find that the two are about as good as each other.)
    for model in (shallow, deep):
        learn(model, train_batches, epochs)
    return shallow, deep, accuracy(shallow, validation_batches), accuracy(deep, validation_batches)


def train_with_early_stopping(model, train_one_epoch, validate, patience: int, max_epochs: int):
    lowest, losses = float("inf"), []  # any loss is lower than that, so epoch 1 always counts
    for epoch in range(1, max_epochs + 1):
        train_one_epoch()
        loss = validate()
        losses.append(loss)
        if loss < lowest:
            # state_dict() refers to the weights themselves, which training goes on to change. So
            # make a copy. deepcopy also copies what is inside the dictionary; dict() wouldn't.
            lowest, best_epoch, best_weights = loss, epoch, copy.deepcopy(model.state_dict())
        elif epoch - best_epoch == patience:
            break
    # After the loop, not before the `break`: the last epoch need not be the best in either case.
    model.load_state_dict(best_weights)
    return best_epoch, losses


def worst_mistakes(model: nn.Module, images: Tensor, labels: Tensor, names: list, count: int):
    import matplotlib.pyplot as plt

    model.eval()  # no_grad() doesn't do this: it stops the recording, not the dropout
    with torch.no_grad():
        probabilities = model(images).softmax(dim=1)  # (N, C)
    sure, predictions = probabilities.max(dim=1)  # (N,) both

    # Sort all images by how sure the model is, then keep the wrong ones. Their order remains.
    order = sure.argsort(descending=True)
    wrong = order[predictions[order] != labels[order]]
    shown = wrong[:count].tolist()  # a slice takes what there is, also if that is less, or nothing

    # Axes one by one: plt.subplots would return a single Axes for one image, and fail for none.
    figure = plt.figure(figsize=(2 + 2 * len(shown), 2.5), layout="constrained")
    for place, index in enumerate(shown, start=1):
        axes = figure.add_subplot(1, len(shown), place)
        axes.imshow(images[index].squeeze().numpy(), cmap="gray")
        axes.set_title(f"{names[predictions[index]]}?\n{names[labels[index]]}")
    return figure
