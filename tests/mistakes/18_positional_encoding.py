"""Answers to the problems of lesson 18: wrong ones with a piece of their hint, and right ones."""

import math

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F

# sinusoidal_encoding: wrong


def angles(positions, d_model):
    return positions.unsqueeze(-1) / 10000 ** (torch.arange(0, d_model, 2) / d_model)


def halves(positions, d_model):
    angle = angles(positions, d_model)
    return torch.cat([angle.sin(), angle.cos()], dim=-1)[..., :d_model]


def own_angle_for_each(positions, d_model):
    feature = torch.arange(d_model)
    angle = positions.unsqueeze(-1) / 10000 ** (feature / d_model)
    return torch.where(feature % 2 == 0, angle.sin(), angle.cos())


def copied_from_the_class(positions, d_model):
    return paired(torch.arange(positions.size(1)).expand_as(positions), d_model)


# sinusoidal_encoding: right


def paired(positions, d_model):
    angle = angles(positions, d_model)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(-2)[..., :d_model]


def by_loops(positions, d_model):
    rows = [
        [
            [
                (math.cos if f % 2 else math.sin)(pos / 10000 ** ((f - f % 2) / d_model))
                for f in range(d_model)
            ]
            for pos in row
        ]
        for row in positions.tolist()
    ]
    return torch.tensor(rows)


def filled_in(positions, d_model):
    pe = torch.zeros(*positions.shape, d_model)
    div_term = torch.exp(torch.arange(0, d_model, 2) * -(math.log(10000.0) / d_model))
    pe[..., 0::2] = torch.sin(positions[:, :, None] * div_term)
    pe[..., 1::2] = torch.cos(positions[:, :, None] * div_term[: d_model // 2])
    return pe


# plot_positions: wrong


def what_it_adds(module, d_model, length):
    return module(torch.zeros(1, length, d_model)).detach()[0]


def two_maps(first, second, **look):
    figure, axes = plt.subplots(1, 2)
    for axis, values in zip(axes, (first, second), strict=True):
        axis.imshow(values.numpy(), **look)
    return figure


def dot_products(module, d_model, length):
    added = what_it_adds(module, d_model, length)
    return two_maps(added, added @ added.T)


def one_row_per_feature(module, d_model, length):
    added = what_it_adds(module, d_model, length)
    unit = F.normalize(added, dim=1)
    return two_maps(added.T, unit @ unit.T)


def first_position_at_the_bottom(module, d_model, length):
    added = what_it_adds(module, d_model, length)
    unit = F.normalize(added, dim=1)
    return two_maps(added, unit @ unit.T, origin="lower")


# plot_positions: right


def with_meshes(module, d_model, length):
    x = torch.ones(1, length, d_model)
    added = (module(x) - x)[0].detach()
    figure, axes = plt.subplots(2)
    cosines = F.cosine_similarity(added[:, None], added[None], dim=-1)
    for axis, values in zip(axes, (added, cosines), strict=True):
        figure.colorbar(axis.pcolor(values.numpy()), ax=axis)
        axis.invert_yaxis()
    return axes


def with_pyplot(module, d_model, length):
    with torch.inference_mode():
        added = module(torch.zeros(1, length, d_model)).squeeze(0)
    plt.subplot(121)
    plt.imshow(added.tolist(), aspect="auto", extent=(0, d_model, 0, length))
    plt.colorbar()
    plt.subplot(122)
    lengths = added.norm(dim=1)
    plt.imshow((added @ added.T / lengths / lengths[:, None]).tolist(), vmin=-1, vmax=1)
    return plt.gcf()


# compare_positions: wrong


def train_and_measure(models, batches, test, seen, *, clear=True, train=True, evaluate=True):
    shares = {}
    for name, model in models.items():
        if train:
            model.train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
        for inputs, targets in batches:
            if clear:
                optimizer.zero_grad()
            F.cross_entropy(model(inputs).transpose(1, 2), targets).backward()
            optimizer.step()
        model.train(not evaluate)
        with torch.no_grad():
            right = (model(test[0]).argmax(dim=2) == test[1]).double()
        shares[name] = [right[:, :seen].mean().item(), right[:, seen:].mean().item()]
    return shares


def never_cleared(models, batches, test, seen):
    return train_and_measure(models, batches, test, seen, clear=False)


def measured_in_training_mode(models, batches, test, seen):
    return train_and_measure(models, batches, test, seen, evaluate=False)


def all_positions_together(models, batches, test, seen):
    shares = train_and_measure(models, batches, test, 0)
    return {name: (share, share) for name, (_, share) in shares.items()}


# compare_positions: right


def with_another_form_of_the_loss(models, batches, test, seen):
    return train_and_measure(models, batches, test, seen)


def model_after_model(models, batches, test, seen):
    def one(model):
        optimizer = torch.optim.AdamW(model.train().parameters(), 0.01)
        for inputs, targets in batches:
            model.zero_grad()
            log_probabilities = model(inputs).log_softmax(dim=-1)
            (-log_probabilities.gather(-1, targets.unsqueeze(-1)).mean()).backward()
            optimizer.step()
        hits = (model.eval()(test[0]).argmax(-1) == test[1]).numpy()
        return hits[:, :seen].mean(), hits[:, seen:].mean()

    return {name: one(models[name]) for name in ("learned", "sinusoidal")}


MISTAKES = {
    "sinusoidal_encoding": [
        (halves, "they take turns"),
        (own_angle_for_each, "2i and 2i + 1 share one"),
        (copied_from_the_class, "it counts from 0"),
    ],
    "plot_positions": [
        (dot_products, "shows dot products"),
        (one_row_per_feature, "one row per feature"),
        (first_position_at_the_bottom, "at the bottom"),
    ],
    "compare_positions": [
        (never_cleared, "clear them at every step"),
        (measured_in_training_mode, "measured in training mode"),
        (all_positions_together, "seen and unseen positions are mixed"),
    ],
}

ALSO_RIGHT = {
    "sinusoidal_encoding": [by_loops, filled_in, paired],
    "plot_positions": [with_meshes, with_pyplot],
    "compare_positions": [with_another_form_of_the_loss, model_after_model],
}
