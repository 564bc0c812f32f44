"""Wrong answers to the problems of lesson 14, the hints they must get, and other right answers."""

import torch
import torch.nn.functional as F
from torch import nn


def attend(
    queries, keys, values, W, U, v, mask=None, *, dim=-1, fill=float("-inf"), act=torch.tanh
):
    pairs = (queries @ W.T)[:, :, None] + (keys @ U.T)[:, None]
    scores = act(pairs) @ v
    if mask is not None:
        scores = scores.masked_fill(~mask[:, None], fill)
    weights = scores.softmax(dim=dim)
    return weights @ values, weights


def softmax_over_queries(queries, keys, values, W, U, v, mask=None):
    return attend(queries, keys, values, W, U, v, mask, dim=1)


def tanh_forgotten(queries, keys, values, W, U, v, mask=None):
    return attend(queries, keys, values, W, U, v, mask, act=lambda pairs: pairs)


def relu_for_tanh(queries, keys, values, W, U, v, mask=None):
    return attend(queries, keys, values, W, U, v, mask, act=torch.relu)


def query_forgotten(queries, keys, values, W, U, v, mask=None):
    return attend(torch.zeros_like(queries), keys, values, W, U, v, mask)


def mask_forgotten(queries, keys, values, W, U, v, mask=None):
    return attend(queries, keys, values, W, U, v)


def mask_upside_down(queries, keys, values, W, U, v, mask=None):
    return attend(queries, keys, values, W, U, v, None if mask is None else ~mask)


def scores_masked_with_zero(queries, keys, values, W, U, v, mask=None):
    return attend(queries, keys, values, W, U, v, mask, fill=0.0)


def mask_after_the_softmax(queries, keys, values, W, U, v, mask=None):
    weights = attend(queries, keys, values, W, U, v)[1]
    if mask is not None:
        weights = weights * mask[:, None]
    return weights @ values, weights


def context_alone(queries, keys, values, W, U, v, mask=None):
    return attend(queries, keys, values, W, U, v, mask)[0]


def the_other_way_round(queries, keys, values, W, U, v, mask=None):
    return attend(queries, keys, values, W, U, v, mask)[::-1]


def keys_for_values(queries, keys, values, W, U, v, mask=None):
    return attend(queries, keys, keys, W, U, v, mask)


def scores_without_softmax(queries, keys, values, W, U, v, mask=None):
    scores = torch.tanh((queries @ W.T)[:, :, None] + (keys @ U.T)[:, None]) @ v
    return scores @ values, scores


def mask_not_broadcast(queries, keys, values, W, U, v, mask=None):
    scores = torch.tanh((queries @ W.T)[:, :, None] + (keys @ U.T)[:, None]) @ v
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1) @ values, scores.softmax(dim=-1)


def each_pair_in_a_loop(queries, keys, values, W, U, v, mask=None):
    (B, L, _), S = queries.shape, keys.size(1)
    weights = torch.zeros(B, L, S)
    for b in range(B):
        for i in range(L):
            for j in range(S):
                if mask is None or mask[b, j]:
                    score = torch.dot(v, torch.tanh(W.mv(queries[b, i]) + U.mv(keys[b, j])))
                    weights[b, i, j] = score.exp()
            weights[b, i] /= weights[b, i].sum()
    return [torch.bmm(weights, values), weights]


def einsum_and_an_added_mask(queries, keys, values, W, U, v, mask=None):
    q = F.linear(queries, W).unsqueeze(2)
    k = F.linear(keys, U).unsqueeze(1)
    scores = torch.einsum("blsa,a->bls", (q + k).tanh(), v)
    if mask is not None:
        scores = scores + mask.float().log().unsqueeze(1)  # log(0) is -inf
    weights = F.softmax(scores, dim=2)
    return torch.einsum("bls,bsd->bld", weights, values), weights


def heat_map(weights, source, written, *, turned=False, colorbar=True, labels=True, **options):
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots()
    shown = weights.detach().numpy()
    image = axis.imshow(shown.T if turned else shown, **({"vmin": 0, "vmax": 1} | options))
    axis.set_xticks(range(len(source)), source)
    axis.set_yticks(range(len(written)), written)
    if labels:
        axis.set(xlabel="read", ylabel="written")
    if colorbar:
        figure.colorbar(image)
    return figure


def turned(weights, source, written):
    return heat_map(weights, source, written, turned=True)


def upside_down(weights, source, written):
    return heat_map(weights, source, written, origin="lower")


def mirrored(weights, source, written):
    figure = heat_map(weights, source, written)
    figure.axes[0].invert_xaxis()
    return figure


def colors_of_each_figure(weights, source, written):
    return heat_map(weights, source, written, vmin=None, vmax=None)


def no_color_bar(weights, source, written):
    return heat_map(weights, source, written, colorbar=False)


def no_axis_labels(weights, source, written):
    return heat_map(weights, source, written, labels=False)


def no_words(weights, source, written):
    figure = heat_map(weights, source, written)
    figure.axes[0].set_xticks(range(len(source)), range(len(source)))
    return figure


def labels_backwards(weights, source, written):
    figure = heat_map(weights, source, written)
    figure.axes[0].set_yticks(range(len(written)), written[::-1])
    return figure


def softmax_again(weights, source, written):
    return heat_map(weights.softmax(dim=-1), source, written)


def not_detached(weights, source, written):
    import matplotlib.pyplot as plt

    plt.imshow(weights.numpy())
    return plt.gcf()


def lines_instead(weights, source, written):
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots()
    axis.plot(weights.detach().numpy())
    return figure


def axes_returned(weights, source, written):
    return heat_map(weights, source, written).axes[0]


def a_mesh_with_its_axis_turned(weights, source, written):
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots()
    mesh = axis.pcolormesh(weights.tolist(), vmin=0, vmax=1, cmap="magma")
    axis.invert_yaxis()
    axis.set_xticks([i + 0.5 for i in range(len(source))])
    axis.set_xticklabels(source, rotation=45)
    axis.set_yticks([i + 0.5 for i in range(len(written))])
    axis.set_yticklabels(written)
    axis.set_xlabel("source")
    axis.set_ylabel("target")
    plt.colorbar(mesh)
    return figure


def rows_flipped_from_below(weights, source, written):
    from matplotlib.figure import Figure

    figure = Figure()
    axis = figure.add_subplot()
    image = axis.imshow(
        weights.detach().flip(0).numpy(), origin="lower", vmin=0.0, vmax=1.0, aspect="auto"
    )
    axis.set_xticks(range(len(source)), labels=source)
    axis.set_yticks(range(len(written)), labels=reversed(written))
    axis.set(xlabel="source", ylabel="target")
    figure.colorbar(image, ax=axis)
    return figure


def losses_of(model, batches, lr=0.01, zero=True, **options):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    losses = []
    for sources, inputs, targets in batches:
        loss = F.cross_entropy(model(sources, inputs).flatten(0, 1), targets.flatten(), **options)
        if zero:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def whole_sequences(right):
    return right.all(dim=1).float().mean().item()


def shares_of(model, tests, measure=whole_sequences):
    return {
        length: measure(model(sources, inputs).argmax(dim=-1) == targets)
        for length, (sources, inputs, targets) in tests.items()
    }


def compare(models, batches, tests, *, measure=whole_sequences, **options):
    return {
        name: (losses_of(model, batches, **options), shares_of(model, tests, measure))
        for name, model in models.items()
    }


def signs_counted(models, batches, tests):
    return compare(models, batches, tests, measure=lambda right: right.float().mean().item())


def end_left_out(models, batches, tests):
    return compare(models, batches, tests, measure=lambda right: whole_sequences(right[:, :-1]))


def sequences_counted(models, batches, tests):
    return compare(models, batches, tests, measure=lambda right: float(right.all(dim=1).sum()))


def tensors_for_shares(models, batches, tests):
    return compare(models, batches, tests, measure=lambda right: right.all(dim=1).float().mean())


def measured_before_training(models, batches, tests):
    shares = {name: shares_of(model, tests) for name, model in models.items()}
    return {name: (losses_of(models[name], batches), shares[name]) for name in models}


def gradients_kept(models, batches, tests):
    return compare(models, batches, tests, zero=False)


def own_learning_rate(models, batches, tests):
    return compare(models, batches, tests, lr=0.001)


def losses_summed(models, batches, tests):
    return compare(models, batches, tests, reduction="sum")


def not_trained(models, batches, tests):
    return compare(models, batches, tests, lr=0.0)


def one_share_for_all(models, batches, tests):
    return {
        name: (losses_of(model, batches), sum(shares_of(model, tests).values()) / len(tests))
        for name, model in models.items()
    }


def only_one_model(models, batches, tests):
    return compare({"with": models["with"]}, batches, tests)


def same_model_twice(models, batches, tests):
    results = compare({"with": models["with"]}, batches, tests)
    return results | {"without": results["with"]}


def decoded_greedily(models, batches, tests):
    results = {}
    for name in models:
        model, losses, shares = models[name], [], {}
        optimizer, loss_function = torch.optim.Adam(model.parameters(), 1e-2), nn.CrossEntropyLoss()
        for sources, inputs, targets in batches:
            model.zero_grad()
            loss = loss_function(model(sources, inputs).transpose(1, 2), targets)
            losses.append(float(loss.detach()))
            loss.backward()
            optimizer.step()
        model.eval()
        for length, (sources, inputs, targets) in tests.items():
            written = inputs[:, :1]
            with torch.no_grad():
                for _ in range(targets.size(1)):
                    best = model(sources, written)[:, -1].argmax(dim=-1, keepdim=True)
                    written = torch.cat([written, best], dim=1)
            shares[length] = (written[:, 1:] == targets).all(dim=1).double().mean().item()
        results[name] = (losses, shares)
    return results


def sequence_by_sequence(models, batches, tests):
    results = {name: [[], {}] for name in models}
    optimizers = {
        name: torch.optim.Adam([{"params": list(model.parameters()), "lr": 0.01}])
        for name, model in models.items()
    }
    for sources, inputs, targets in batches:  # both models on each batch, as the lesson does
        for name, model in models.items():
            logarithms = model(sources, inputs).log_softmax(dim=-1)
            loss = -logarithms.gather(2, targets[..., None]).mean()
            loss.backward()
            optimizers[name].step()
            optimizers[name].zero_grad()
            results[name][0].append(loss.item())
    for name, model in models.items():
        for length, test in tests.items():
            right = 0
            for source, given, target in zip(*test, strict=True):
                right += model(source[None], given[None])[0].argmax(dim=-1).equal(target)
            results[name][1][length] = right / len(test[0])
    return results


MISTAKES = {
    "additive_attention": [
        (softmax_over_queries, "which dimension does your softmax run over?"),
        (tanh_forgotten, "is the tanh missing"),
        (query_forgotten, "all queries have the same weights"),
        (relu_for_tanh, "the tensor of weights has the right shape"),
        (mask_forgotten, "still gets weight"),
        (mask_upside_down, "still gets weight"),
        (scores_masked_with_zero, "still gets weight"),
        (mask_after_the_softmax, "before the softmax"),
        (context_alone, "return 2 things: (the contexts, the weights)"),
        (the_other_way_round, "query by key"),
        (keys_for_values, "the tensor of contexts has shape"),
        (scores_without_softmax, "must sum to 1"),
        (mask_not_broadcast, "stops with RuntimeError"),
    ],
    "alignment_figure": [
        (turned, "a row for each word read"),
        (upside_down, "the first word written is at the bottom"),
        (mirrored, "run from right to left"),
        (colors_of_each_figure, "expected 0 to 1"),
        (no_color_bar, "no color bar"),
        (no_axis_labels, "x axis has no label"),
        (no_words, "labels of the x ticks"),
        (labels_backwards, "labels of the y ticks"),
        (softmax_again, "does not show the weights as they are"),
        (not_detached, "stops with RuntimeError"),
        (lines_instead, "no heat map"),
        (axes_returned, "expected a Figure"),
    ],
    "compare_seq2seq": [
        (signs_counted, "count signs"),
        (end_left_out, "END must be right too"),
        (sequences_counted, "is it a count"),
        (tensors_for_shares, "is a Tensor, expected a float"),
        (measured_before_training, "train first, then measure"),
        (gradients_kept, "zero_grad() is missing"),
        (own_learning_rate, "Adam's own learning rate"),
        (losses_summed, "averaged over all positions"),
        (not_trained, "has not learned"),
        (one_share_for_all, "is a float, expected a dict"),
        (only_one_model, "has the keys ['with']"),
        (same_model_twice, 'the losses of "without"'),
    ],
}

ALSO_RIGHT = {
    "additive_attention": [each_pair_in_a_loop, einsum_and_an_added_mask],
    "alignment_figure": [a_mesh_with_its_axis_turned, rows_flipped_from_below],
    "compare_seq2seq": [decoded_greedily, sequence_by_sequence],
}
