"""Wrong answers to the problems of lesson 06, and a piece of the hint that each must get."""

import copy

import matplotlib.pyplot as plt
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
