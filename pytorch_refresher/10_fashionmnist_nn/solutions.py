"""Lesson 10: one worked answer to each practice problem."""

import copy

import torch
from torch import Tensor, nn


def fully_connected(hidden_layers: int) -> nn.Sequential:
    """FashionMNISTModel of the lesson, with as many hidden layers of 128 units as asked for."""
    layers, width = [nn.Flatten()], 28 * 28
    for _ in range(hidden_layers):
        layers += [nn.Linear(width, 128), nn.ReLU()]
        width = 128
    return nn.Sequential(*layers, nn.Linear(width, 10), nn.LogSoftmax(dim=1))


def fit(model: nn.Module, batches, epochs: int) -> None:
    loss_function, optimizer = nn.NLLLoss(), torch.optim.Adam(model.parameters())
    for _ in range(epochs):
        for images, labels in batches:
            optimizer.zero_grad()
            loss_function(model(images), labels).backward()
            optimizer.step()


@torch.no_grad()
def accuracy(model: nn.Module, batches) -> float:
    model.eval()
    correct = sum(
        (model(images).argmax(dim=1) == labels).sum().item() for images, labels in batches
    )
    return correct / sum(len(labels) for _, labels in batches)


def compare_depths(train_batches, test_batches, epochs: int) -> tuple[nn.Module, float, float]:
    shallow, deep = fully_connected(hidden_layers=1), fully_connected(hidden_layers=3)
    fit(shallow, train_batches, epochs)
    fit(deep, train_batches, epochs)
    return deep, accuracy(shallow, test_batches), accuracy(deep, test_batches)


def train_with_early_stopping(
    model: nn.Module, train_one_epoch, validate, patience: int, max_epochs: int
) -> tuple[int, list[float]]:
    best_epoch, best_weights, losses = 0, None, []
    for epoch in range(1, max_epochs + 1):
        train_one_epoch()
        losses.append(validate())
        if best_epoch == 0 or losses[-1] < losses[best_epoch - 1]:
            # state_dict() refers to the weights themselves, which training goes on to change.
            best_epoch, best_weights = epoch, copy.deepcopy(model.state_dict())
        elif epoch - best_epoch >= patience:
            break
    model.load_state_dict(best_weights)
    return best_epoch, losses


def misclassified_figure(
    model: nn.Module, images: Tensor, labels: Tensor, classes: list[str], count: int
):
    import matplotlib.pyplot as plt

    with torch.no_grad():
        predictions = model(images).argmax(dim=1)
    wrong = (predictions != labels).nonzero().flatten()[:count]
    figure, axes = plt.subplots(1, len(wrong), squeeze=False)
    for axis, index in zip(axes.flat, wrong.tolist(), strict=True):
        axis.imshow(images[index].squeeze().numpy(), cmap="gray_r")
        axis.set_title(f"{classes[predictions[index]]}, in truth {classes[labels[index]]}")
        axis.axis("off")
    return figure
