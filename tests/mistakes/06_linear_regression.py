"""Answers to the problems of lesson 06: wrong ones with a piece of their hint, and right ones."""

import copy

import matplotlib.figure
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

SGD, ADAM = torch.optim.SGD, torch.optim.Adam


def line(inputs, targets, lr=0.1, epochs=300):
    model = nn.Linear(1, 1)
    optimizer = SGD(model.parameters(), lr=lr)
    for _ in range(epochs):
        optimizer.zero_grad()
        ((model(inputs) - targets) ** 2).mean().backward()
        optimizer.step()
    return model


def centimeters_as_they_are(heights, weights, new_heights):
    return line(heights, weights, lr=0.01)(new_heights).detach()


def own_mean_for_new_heights(heights, weights, new_heights):
    model = line((heights - heights.mean()) / heights.std(), weights)
    return model((new_heights - new_heights.mean()) / new_heights.std()).detach()


def tiny_learning_rate(heights, weights, new_heights):
    return line(heights, weights, lr=1e-5)(new_heights).detach()


def standardized(heights, weights, new_heights, **options):
    mean, std = heights.mean(), heights.std()
    return line((heights - mean) / std, weights, **options)((new_heights - mean) / std)


def too_few_epochs(heights, weights, new_heights):
    return standardized(heights, weights, new_heights, epochs=10).detach()


def with_its_graph(heights, weights, new_heights):
    return standardized(heights, weights, new_heights)


def flat_targets(heights, weights, new_heights):
    return standardized(heights, weights.squeeze(1), new_heights).detach()


def for_the_old_heights(heights, weights, new_heights):
    return standardized(heights, weights, heights).detach()


def as_a_vector(heights, weights, new_heights):
    return standardized(heights, weights, new_heights).detach().squeeze(1)


def curve(model, optimizer, inputs, targets, epochs, zero=True, number=True, after=False):
    losses = []
    for _ in range(epochs):
        if zero:
            optimizer.zero_grad()
        loss = nn.MSELoss()(model(inputs), targets)
        loss.backward()
        optimizer.step()
        if after:
            loss = nn.MSELoss()(model(inputs), targets)
        losses.append(loss.item() if number else loss)
    return losses


def both(model, inputs, targets, lr, epochs, names=("SGD", "Adam"), **options):
    losses = {}
    for name, kind in zip(names, (SGD, ADAM), strict=True):
        trained = copy.deepcopy(model)
        optimizer = kind(trained.parameters(), lr=lr)
        losses[name] = curve(trained, optimizer, inputs, targets, epochs, **options)
    return losses


def one_model_for_both(model, inputs, targets, lr, epochs):
    losses = {}
    for name, kind in (("SGD", SGD), ("Adam", ADAM)):
        optimizer = kind(model.parameters(), lr=lr)
        losses[name] = curve(model, optimizer, inputs, targets, epochs)
    return losses


def one_copy_for_both(model, inputs, targets, lr, epochs):
    return one_model_for_both(copy.deepcopy(model), inputs, targets, lr, epochs)


def models_of_their_own(model, inputs, targets, lr, epochs):
    losses = {}
    for name, kind in (("SGD", SGD), ("Adam", ADAM)):
        fresh = nn.Linear(inputs.shape[1], 1)
        losses[name] = curve(fresh, kind(fresh.parameters(), lr=lr), inputs, targets, epochs)
    return losses


def optimizer_of_the_original(model, inputs, targets, lr, epochs):
    losses = {}
    for name, kind in (("SGD", SGD), ("Adam", ADAM)):
        trained = copy.deepcopy(model)
        optimizer = kind(copy.deepcopy(model).parameters(), lr=lr)
        losses[name] = curve(trained, optimizer, inputs, targets, epochs)
    return losses


def gradients_never_zeroed(model, inputs, targets, lr, epochs):
    return both(model, inputs, targets, lr, epochs, zero=False)


def losses_as_tensors(model, inputs, targets, lr, epochs):
    return both(model, inputs, targets, lr, epochs, number=False)


def losses_after_the_step(model, inputs, targets, lr, epochs):
    return both(model, inputs, targets, lr, epochs, after=True)


def wrong_way_round(model, inputs, targets, lr, epochs):
    return both(model, inputs, targets, lr, epochs, names=("Adam", "SGD"))


def keys_in_lower_case(model, inputs, targets, lr, epochs):
    return both(model, inputs, targets, lr, epochs, names=("sgd", "adam"))


def default_learning_rates(model, inputs, targets, lr, epochs):
    return both(model, inputs, targets, 0.001, epochs)


def last_loss_only(model, inputs, targets, lr, epochs):
    return {name: [c[-1]] for name, c in both(model, inputs, targets, lr, epochs).items()}


def optimizer_anew_each_epoch(model, inputs, targets, lr, epochs):
    losses = {}
    for name, kind in (("SGD", SGD), ("Adam", ADAM)):
        trained, losses[name] = copy.deepcopy(model), []
        for _ in range(epochs):
            optimizer = kind(trained.parameters(), lr=lr)
            losses[name] += curve(trained, optimizer, inputs, targets, 1)
    return losses


def plot(losses, first=1, legend=True, **settings):
    figure, axis = plt.subplots()
    for name, values in losses.items():
        axis.plot(range(first, len(values) + first), values, label=name)
    axis.set(**{"xlabel": "epoch", "ylabel": "loss", "yscale": "log", **settings})
    if legend:
        axis.legend()
    return figure


def epochs_from_zero(losses):
    return plot(losses, first=0)


def no_legend(losses):
    return plot(losses, legend=False)


def linear_axis(losses):
    return plot(losses, yscale="linear")


def no_labels(losses):
    return plot(losses, xlabel="", ylabel="")


def labels_swapped(losses):
    return plot(losses, xlabel="loss", ylabel="epoch")


def logarithms_plotted(losses):
    return plot({name: torch.tensor(values).log().tolist() for name, values in losses.items()})


def a_panel_for_each(losses):
    figure, axes = plt.subplots(1, 2)
    for axis, (name, values) in zip(axes, losses.items(), strict=False):
        axis.semilogy(range(1, len(values) + 1), values, label=name)
        axis.legend()
    return figure


def cut_to_the_shortest(losses):
    shortest = min(map(len, losses.values()))
    return plot({name: values[: shortest - 1] for name, values in losses.items()})


def first_curve_only(losses):
    return plot(dict(list(losses.items())[:1]))


def legend_in_another_order(losses):
    figure = plot(losses)
    figure.axes[0].legend(list(losses)[::-1])
    return figure


def the_axes(losses):
    return plot(losses).axes[0]


def by_hand(heights, weights, new_heights):
    mean, std = heights.mean(), heights.std()
    x = (heights - mean) / std
    slope, intercept = torch.zeros(()), torch.zeros(())
    for _ in range(300):
        errors = slope * x + intercept - weights
        slope = slope - 0.1 * 2 * (errors * x).mean()
        intercept = intercept - 0.1 * 2 * errors.mean()
    return slope * (new_heights - mean) / std + intercept


def targets_standardized_too(heights, weights, new_heights):
    (mean, std), (mean_y, std_y) = [(t.mean(), t.std()) for t in (heights, weights)]
    model = line((heights - mean) / std, (weights - mean_y) / std_y, lr=0.2)
    model.requires_grad_(False)
    return model((new_heights - mean) / std) * std_y + mean_y


def with_lbfgs_in_meters(heights, weights, new_heights):
    model = nn.Linear(1, 1)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model((heights - 170) / 100), weights)
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)
    with torch.inference_mode():
        return model((new_heights - 170) / 100)


def with_closures(model, inputs, targets, lr, epochs):
    losses = {}
    for kind in (ADAM, SGD):
        trained = copy.deepcopy(model)
        optimizer = kind(trained.parameters(), lr)

        def closure(trained=trained, optimizer=optimizer):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(trained(inputs), targets)
            loss.backward()
            return loss

        losses[kind.__name__] = [optimizer.step(closure).item() for _ in range(epochs)]
    return losses


def side_by_side(model, inputs, targets, lr, epochs):
    models = [copy.deepcopy(model), copy.deepcopy(model)]
    optimizers = [SGD(models[0].parameters(), lr=lr), ADAM(models[1].parameters(), lr=lr)]
    curves = torch.zeros(2, epochs)
    for epoch in range(epochs):
        for number, (trained, optimizer) in enumerate(zip(models, optimizers, strict=True)):
            loss = (trained(inputs) - targets).square().mean()
            curves[number, epoch] = loss.detach()
            trained.zero_grad()
            loss.backward()
            optimizer.step()
    return dict(zip(("SGD", "Adam"), curves.tolist(), strict=True))


def without_pyplot(losses):
    figure = matplotlib.figure.Figure(figsize=(6, 4))
    axis = figure.add_subplot()
    for values in losses.values():
        axis.semilogy(np.arange(len(values)) + 1.0, np.array(values), marker="o")
    axis.set_xlabel("Epoch")
    axis.set_ylabel("Loss")
    axis.grid(True)
    figure.legend(axis.get_lines(), list(losses))
    return figure


def tensors_plotted(losses):
    figure = plt.figure()
    plt.yscale("log")
    for values in losses.values():
        plt.plot(torch.arange(1, len(values) + 1).numpy(), torch.tensor(values).numpy(), "--")
    plt.legend(list(losses), title="optimizer")
    plt.xlabel("epoch")
    plt.ylabel("loss (MSE)")
    return figure


MISTAKES = {
    "predicted_weights": [
        (centimeters_as_they_are, "NaN or infinite"),
        (own_mean_for_new_heights, "mean and std of heights"),
        (tiny_learning_rate, "from that of the best line"),
        (too_few_epochs, "from that of the best line"),
        (with_its_graph, "torch.no_grad()"),
        (flat_targets, "every height gets about the same weight"),
        (for_the_old_heights, "shape (60, 1), expected (5, 1)"),
        (as_a_vector, "shape (5,), expected (5, 1)"),
    ],
    "compare_optimizers": [
        (one_model_for_both, "`model` itself was trained"),
        (one_copy_for_both, "losses['Adam'] starts at"),
        (models_of_their_own, "start from its parameters"),
        (optimizer_of_the_original, "do not fall"),
        (gradients_never_zeroed, "are the gradients zeroed"),
        (losses_as_tensors, "holds tensors"),
        (losses_after_the_step, "measure before it"),
        (wrong_way_round, "the wrong way round"),
        (keys_in_lower_case, "yours are ['sgd', 'adam']"),
        (default_learning_rates, "is the learning rate passed on"),
        (last_loss_only, "has 1 losses"),
        (optimizer_anew_each_epoch, "before the loop"),
    ],
    "loss_curves": [
        (epochs_from_zero, "starts at 0"),
        (no_legend, "there is no legend"),
        (linear_axis, "logarithmic"),
        (no_labels, "the x label is ''"),
        (labels_swapped, "the x label is 'loss'"),
        (logarithms_plotted, "as they are"),
        (a_panel_for_each, "2 axes"),
        (cut_to_the_shortest, "as they are"),
        (first_curve_only, "expected one for each of"),
        (legend_in_another_order, "to another curve"),
        (the_axes, "expected a Figure"),
    ],
}

ALSO_RIGHT = {
    "predicted_weights": [by_hand, targets_standardized_too, with_lbfgs_in_meters],
    "compare_optimizers": [with_closures, side_by_side],
    "loss_curves": [without_pyplot, tensors_plotted],
}
