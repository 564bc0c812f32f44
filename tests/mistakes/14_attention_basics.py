"""Answers to the problems of lesson 14: wrong ones with a piece of their hint, and right ones."""

import math

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F

# additive_attention


def attend(query, keys, values, W, U, v, lengths, *, late=0, act=torch.tanh, mask=True):
    scores = act((query @ W.T).unsqueeze(1) + keys @ U.T) @ v
    if mask:
        padding = torch.arange(keys.shape[1]) >= lengths.unsqueeze(1) + late
        scores = scores.masked_fill(padding, -math.inf)
    weights = torch.softmax(scores, dim=1)
    return torch.bmm(weights.unsqueeze(1), values).squeeze(1), weights


def padding_gets_weight(*inputs):
    return attend(*inputs, mask=False)


def mask_after_the_softmax(query, keys, values, W, U, v, lengths):
    weights = attend(query, keys, values, W, U, v, lengths, mask=False)[1]
    weights = weights * (torch.arange(keys.size(1)) < lengths[:, None])
    return (weights[..., None] * values).sum(1), weights


def one_key_too_many(*inputs):
    return attend(*inputs, late=1)


def no_tanh(*inputs):
    return attend(*inputs, act=lambda pairs: pairs)


def softmax_over_the_batch(query, keys, values, W, U, v, lengths):
    weights = (torch.tanh((query @ W.T)[:, None] + keys @ U.T) @ v).softmax(dim=0)
    return (weights[..., None] * values).sum(1), weights


def keys_for_values(query, keys, values, *rest):
    return attend(query, keys, keys, *rest)


def numbers_copied(query, keys, values, W, U, v, lengths):
    weights = torch.zeros(keys.shape[:2])
    for b in range(len(keys)):
        for j in range(int(lengths[b])):
            weights[b, j] = torch.dot(v, torch.tanh(W @ query[b] + U @ keys[b, j])).exp().item()
    weights = weights / weights.sum(dim=1, keepdim=True)
    return torch.einsum("bs,bsd->bd", weights, values), weights


def sequence_by_sequence(query, keys, values, W, U, v, lengths):
    contexts, weights = [], []
    for q, k, value, length in zip(query, keys, values, lengths.tolist(), strict=True):
        real = torch.tanh(W @ q + k[:length] @ U.T).mv(v).softmax(0)
        contexts.append(real @ value[:length])
        weights.append(F.pad(real, (0, len(k) - length)))
    return [torch.stack(contexts), torch.stack(weights)]


def with_einsum_and_an_added_mask(query, keys, values, W, U, v, lengths):
    hidden = F.linear(query, W).unsqueeze(1).add(F.linear(keys, U)).tanh()
    scores = torch.einsum("bsa,a->bs", hidden, v)
    real = torch.stack([torch.arange(keys.size(1)) < length for length in lengths])
    weights = F.softmax(scores + real.float().log(), dim=-1)  # log(0) is -inf
    return torch.einsum("bs,bsd->bd", weights, values), weights


# plot_alignment


def heat_map(weights, source, written, **look):
    figure, axes = plt.subplots()
    axes.imshow(weights.detach().numpy(), **{"vmin": 0, "vmax": 1} | look)
    axes.set_xticks(range(len(source)), source)
    axes.set_yticks(range(len(written)), written)
    return figure


def cut(weights, source, written):
    rows = next((i + 1 for i, token in enumerate(written) if token == "END"), len(written))
    source = [token for token in source if token != "<pad>"]
    return weights[:rows, : len(source)], source, written[:rows]


def everything(weights, source, written):
    return heat_map(weights, source, written)


def colors_of_its_own(weights, source, written):
    return heat_map(*cut(weights, source, written), vmin=None, vmax=None)


def upside_down(weights, source, written):
    return heat_map(*cut(weights, source, written), origin="lower")


def without_the_row_of_end(weights, source, written):
    weights, source, written = cut(weights, source, written)
    rows = len(written) - ("END" in written)
    return heat_map(weights[:rows], source, written[:rows])


def a_mesh_with_its_axis_turned(weights, source, written):
    weights, source, written = cut(weights, source, written)
    figure, axes = plt.subplots()
    mesh = axes.pcolormesh(weights.tolist(), vmin=0, vmax=1)
    axes.invert_yaxis()
    axes.set_xticks([i + 0.5 for i in range(len(source))], labels=source)
    axes.set_yticks([i + 0.5 for i in range(len(written))], labels=written)
    figure.colorbar(mesh)
    return axes


def pyplot_from_below(weights, source, written):
    weights, source, written = cut(weights, source, written)
    plt.imshow(weights.detach().flip(0).numpy(), origin="lower", vmin=0, vmax=1, aspect="auto")
    plt.xticks(range(len(source)), source)
    plt.yticks(range(len(written)), written[::-1])
    return plt


# compare_seq2seq


def compare(models, sources, targets, start, feed=None, inputs=None, train=False):
    results = {}
    if inputs is None:
        inputs = F.pad(targets[:, :-1], (1, 0), value=start)
    for name, model in models.items():
        model.train(train)
        forced = (model(sources, inputs).argmax(2) == targets).double()
        written = [torch.full((len(sources),), start)]
        for t in range(targets.shape[1]):
            logits = model(sources, torch.stack(written, dim=1))
            written.append(feed[:, t] if feed is not None else logits[:, t].argmax(-1))
        right = torch.stack(written[1:], dim=1).eq(targets).double()
        results[name] = [forced.mean().item(), right.mean().item(), right.prod(1).mean().item()]
    return results


def dropout_active(models, sources, targets, start):
    return compare(models, sources, targets, start, train=True)


def targets_as_inputs(models, sources, targets, start):
    return compare(models, sources, targets, start, inputs=targets)


def the_targets_fed_back(models, sources, targets, start):
    results = compare(models, sources, targets, start)
    return {name: (forced, forced, whole) for name, (forced, _, whole) in results.items()}


def tokens_for_sequences(models, sources, targets, start):
    results = compare(models, sources, targets, start)
    return {name: (forced, free, free) for name, (forced, free, _) in results.items()}


def sequence_after_sequence(models, sources, targets, start):
    results = {}
    with torch.inference_mode():
        for name in models:
            model, counts = models[name].eval(), [0, 0, 0]
            for source, target in zip(sources, targets, strict=True):
                inputs = torch.tensor([start, *target[:-1].tolist()])
                counts[0] += (model(source[None], inputs[None])[0].argmax(-1) == target).sum()
                written = [start]
                while len(written) <= len(target):
                    logits = model(source[None], torch.tensor([written]))
                    written.append(logits[0, -1].argmax().item())
                hits = [a == b for a, b in zip(written[1:], target.tolist(), strict=True)]
                counts[1] += sum(hits)
                counts[2] += all(hits)
            sizes = (targets.numel(), targets.numel(), len(targets))
            results[name] = tuple(float(n) / size for n, size in zip(counts, sizes, strict=True))
    return results


MISTAKES = {
    "additive_attention": [
        (padding_gets_weight, "padding still gets weight"),
        (mask_after_the_softmax, "before the softmax"),
        (one_key_too_many, "the last real one is at lengths - 1"),
        (no_tanh, "without the tanh"),
        (softmax_over_the_batch, "which dimension does your softmax run over?"),
        (keys_for_values, "take the values"),
        (numbers_copied, "no gradient of the"),
    ],
    "plot_alignment": [
        (everything, "the heat map shows everything"),
        (colors_of_its_own, "expected 0 to 1"),
        (upside_down, "the first row is at the bottom"),
        (without_the_row_of_end, "the row of END is missing"),
    ],
    "compare_seq2seq": [
        (dropout_active, "dropout is still active"),
        (targets_as_inputs, "one step later"),
        (the_targets_fed_back, "feed back what the model wrote"),
        (tokens_for_sequences, "this is a share of tokens"),
    ],
}

ALSO_RIGHT = {
    "additive_attention": [sequence_by_sequence, with_einsum_and_an_added_mask],
    "plot_alignment": [a_mesh_with_its_axis_turned, pyplot_from_below],
    "compare_seq2seq": [compare, sequence_after_sequence],
}
