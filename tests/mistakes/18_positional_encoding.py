"""Answers to the problems of lesson 18: wrong ones with a piece of their hint, and right ones."""

import math

import torch
import torch.nn.functional as F


def angles(max_len, d_model, start=0, base=10000.0, factor=1.0):
    pos = torch.arange(start, start + max_len).float()[:, None]
    return pos / base ** (factor * torch.arange(0, d_model, 2).float() / d_model)


def even_only(d_model):
    if d_model % 2:
        raise ValueError("odd")


def interleave(angle):
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


def halves(max_len, d_model):
    even_only(d_model)
    angle = angles(max_len, d_model)
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def cosine_first(max_len, d_model):
    even_only(d_model)
    angle = angles(max_len, d_model)
    return torch.stack([angle.cos(), angle.sin()], dim=-1).flatten(1)


def from_one(max_len, d_model):
    even_only(d_model)
    return interleave(angles(max_len, d_model, start=1))


def own_angle_for_each(max_len, d_model):
    even_only(d_model)
    angle = torch.arange(max_len)[:, None] / 10000 ** (torch.arange(d_model) / d_model)
    return torch.where(torch.arange(d_model) % 2 == 0, angle.sin(), angle.cos())


def half_the_exponent(max_len, d_model):
    even_only(d_model)
    return interleave(angles(max_len, d_model, factor=0.5))


def other_base(max_len, d_model):
    even_only(d_model)
    return interleave(angles(max_len, d_model, base=1000.0))


def odd_taken(max_len, d_model):
    return interleave(angles(max_len, d_model + d_model % 2))[:, :d_model]


def double_precision(max_len, d_model):
    even_only(d_model)
    return interleave(angles(max_len, d_model).double())


def turned(max_len, d_model):
    even_only(d_model)
    return interleave(angles(max_len, d_model)).T


def by_loops(max_len, d_model):
    even_only(d_model)
    return torch.tensor(
        [
            [
                (math.sin if f % 2 == 0 else math.cos)(pos / 10000 ** ((f - f % 2) / d_model))
                for f in range(d_model)
            ]
            for pos in range(max_len)
        ]
    )


def by_complex_numbers(max_len, d_model):
    even_only(d_model)
    turn = torch.polar(torch.ones(max_len, d_model // 2), angles(max_len, d_model))
    return torch.view_as_real(turn).flip(-1).flatten(1)


def as_in_the_class(max_len, d_model):
    even_only(d_model)
    pe = torch.zeros(max_len, d_model)
    div_term = torch.exp(torch.arange(0, d_model, 2).float() * -(math.log(10000.0) / d_model))
    pe[:, 0::2] = torch.sin(torch.arange(max_len).unsqueeze(1) * div_term)
    pe[:, 1::2] = torch.cos(torch.arange(max_len).unsqueeze(1) * div_term)
    return pe


def heat_map(
    values, *, mesh=False, labels=("feature", "position"), title="patterns", bar=True, **options
):
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots()
    image = axis.pcolormesh(values) if mesh else axis.imshow(values, **options)
    axis.set(xlabel=labels[0], ylabel=labels[1], title=title)
    if bar:
        figure.colorbar(image)
    return figure


def features_as_rows(encoding):
    return heat_map(encoding.T.numpy())


def absolute_values(encoding):
    return heat_map(encoding.abs().numpy())


def colors_cut_off(encoding):
    return heat_map(encoding.numpy(), vmin=0, vmax=1)


def no_labels(encoding):
    return heat_map(encoding.numpy(), labels=("", "position"))


def no_title(encoding):
    return heat_map(encoding.numpy(), title="")


def no_color_bar(encoding):
    return heat_map(encoding.numpy(), bar=False)


def curves(encoding):
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots()
    axis.plot(encoding.numpy())
    return figure


def the_axes(encoding):
    return heat_map(encoding.numpy()).axes[0]


def with_a_mesh(encoding):
    return heat_map(encoding.numpy(), mesh=True)


def with_a_heading_for_the_figure(encoding):
    figure = heat_map(encoding.tolist(), title="", cmap="viridis", aspect="auto")
    figure.suptitle("sines and cosines")
    return figure


def compare(
    models,
    batches,
    test,
    *,
    lr=0.01,
    zero=True,
    step=True,
    train=True,
    evaluate=True,
    whole=False,
    passes=1,
):
    shares = {}
    for name, model in models.items():
        if train:
            model.train()
        optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        for inputs, targets in batches * passes:
            loss = F.cross_entropy(model(inputs).transpose(1, 2), targets)
            if zero:
                optimizer.zero_grad()
            loss.backward()
            if step:
                optimizer.step()
        model.train(not evaluate)
        with torch.no_grad():
            right = model(test[0]).argmax(dim=-1) == test[1]
        shares[name] = (right.all(dim=1) if whole else right).float().mean().item()
    return shares


def never_steps(models, batches, test):
    return compare(models, batches, test, step=False)


def never_zeroed(models, batches, test):
    return compare(models, batches, test, zero=False)


def trained_in_the_mode_it_came_in(models, batches, test):
    return compare(models, batches, test, train=False)


def measured_in_training_mode(models, batches, test):
    return compare(models, batches, test, evaluate=False)


def default_learning_rate(models, batches, test):
    return compare(models, batches, test, lr=0.001)


def two_passes(models, batches, test):
    return compare(models, batches, test, passes=2)


def whole_sequences(models, batches, test):
    return compare(models, batches, test, whole=True)


def in_percent(models, batches, test):
    return {name: 100 * share for name, share in compare(models, batches, test).items()}


def tensors(models, batches, test):
    return {n: torch.tensor(share) for n, share in compare(models, batches, test).items()}


def one_optimizer_for_the_last(models, batches, test):
    return {"learned": compare(models, batches, test)["learned"]}


def trained_on_the_test(models, batches, test):
    return compare(models, [*batches, test], test)


def with_another_form_of_the_loss(models, batches, test):
    return compare(models, batches, test)


def model_after_model_in_functions(models, batches, test):
    def one(model):
        model.train()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for inputs, targets in batches:
            model.zero_grad()
            logits = model(inputs)
            log_probabilities = logits.log_softmax(dim=-1)
            loss = -log_probabilities.gather(-1, targets.unsqueeze(-1)).mean()
            loss.backward()
            optimizer.step()
        model.eval()
        hits = model(test[0]).argmax(dim=-1).flatten().tolist()
        return sum(map(int.__eq__, hits, test[1].flatten().tolist())) / len(hits)

    return {name: one(model) for name, model in models.items()}


MISTAKES = {
    "sinusoidal_encoding": [
        (halves, "they alternate"),
        (cosine_first, "feature 0 is a sine"),
        (from_one, "expected 0"),
        (own_angle_for_each, "share one"),
        (half_the_exponent, "expected 2i / d_model"),
        (other_base, "has the right shape"),
        (odd_taken, "raise a ValueError"),
        (double_precision, "torch.float64"),
        (turned, "has shape"),
    ],
    "encoding_figure": [
        (features_as_rows, "a row for each position"),
        (absolute_values, "does not show the values"),
        (colors_cut_off, "look the same"),
        (no_labels, "the x axis has no label"),
        (no_title, "no title"),
        (no_color_bar, "no color bar"),
        (curves, "no heat map"),
        (the_axes, "expected a Figure"),
    ],
    "compare_positions": [
        (never_steps, "has not been trained"),
        (never_zeroed, "gradients zeroed for each batch"),
        (trained_in_the_mode_it_came_in, "learned model's parameters are not those of one pass"),
        (measured_in_training_mode, "call model.eval() first"),
        (default_learning_rate, "with Adam at 0.01"),
        (two_passes, "one pass over all batches"),
        (whole_sequences, "not whole sequences"),
        (in_percent, "expected 0 to 1"),
        (tensors, "expected a float"),
        (one_optimizer_for_the_last, "the dictionary has the keys"),
        (trained_on_the_test, "one pass over all batches"),
    ],
}

ALSO_RIGHT = {
    "sinusoidal_encoding": [by_loops, by_complex_numbers, as_in_the_class],
    "encoding_figure": [with_a_mesh, with_a_heading_for_the_figure],
    "compare_positions": [with_another_form_of_the_loss, model_after_model_in_functions],
}
