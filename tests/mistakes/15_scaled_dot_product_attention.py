"""Answers to the problems of lesson 15: wrong ones with a piece of their hint, and right ones."""

import math

import torch


def attend(q, k, v, mask=None, *, scale=None, dim=-1, fill=float("-inf")):
    scale = math.sqrt(q.size(-1)) if scale is None else scale
    scores = q @ k.transpose(-2, -1) / scale
    if mask is not None:
        scores = scores.masked_fill(mask == 0, fill)
    weights = scores.softmax(dim=dim)
    return weights @ v, weights


def softmax_over_queries(q, k, v, mask=None):
    return attend(q, k, v, mask, dim=-2)


def not_scaled(q, k, v, mask=None):
    return attend(q, k, v, mask, scale=1)


def scaled_without_the_root(q, k, v, mask=None):
    return attend(q, k, v, mask, scale=q.size(-1))


def scaled_by_the_number_of_keys(q, k, v, mask=None):
    return attend(q, k, v, mask, scale=math.sqrt(k.size(-2)))


def all_dimensions_turned(q, k, v, mask=None):
    scores = q @ k.permute(*reversed(range(k.ndim))) / math.sqrt(q.size(-1))
    return scores.softmax(dim=-1) @ v, scores.softmax(dim=-1)


def mask_forgotten(q, k, v, mask=None):
    return attend(q, k, v)


def mask_after_the_softmax(q, k, v, mask=None):
    weights = attend(q, k, v)[1]
    if mask is not None:
        weights = weights * mask
    return weights @ v, weights


def mask_upside_down(q, k, v, mask=None):
    return attend(q, k, v, None if mask is None else mask == 0)


def scores_masked_with_zero(q, k, v, mask=None):
    return attend(q, k, v, mask, fill=0.0)


def output_alone(q, k, v, mask=None):
    return attend(q, k, v, mask)[0]


def the_other_way_round(q, k, v, mask=None):
    return attend(q, k, v, mask)[::-1]


def no_mask_at_all(x):
    return attend(x, x, x)[0]


def upper_triangle(x):
    return attend(x, x, x, torch.ones(x.size(1), x.size(1)).triu())[0]


def itself_forbidden(x):
    return attend(x, x, x, torch.ones(x.size(1), x.size(1)).tril(-1))[0]


def one_step_too_far(x):
    return attend(x, x, x, torch.ones(x.size(1), x.size(1)).tril(1))[0]


def only_itself(x):
    return attend(x, x, x, torch.eye(x.size(1)))[0]


def output_and_weights(x):
    return attend(x, x, x, torch.ones(x.size(1), x.size(1)).tril())


def entropy(weights):
    return -(weights * weights.log()).sum(dim=-1).mean()


def both(q, k, measure):
    scores = q @ k.transpose(-2, -1)
    scaled = scores / math.sqrt(q.size(-1))
    return measure(scaled.softmax(dim=-1)), measure(scores.softmax(dim=-1))


def logarithm_of_zero(q, k):
    return both(q, k, entropy)


def minus_forgotten(q, k):
    return both(q, k, lambda weights: -torch.special.entr(weights).sum(dim=-1).mean())


def swapped(q, k):
    return both(q, k, lambda weights: torch.special.entr(weights).sum(dim=-1).mean())[::-1]


def averaged_over_the_keys_too(q, k):
    return both(q, k, lambda weights: torch.special.entr(weights).mean())


def one_for_each_row(q, k):
    return both(q, k, lambda weights: torch.special.entr(weights).sum(dim=-1))


def plain_numbers(q, k):
    return both(q, k, lambda weights: torch.special.entr(weights).sum(dim=-1).mean().item())


def in_bits(q, k):
    return both(q, k, lambda weights: torch.special.entr(weights).sum(dim=-1).mean() / math.log(2))


def with_einsum(q, k, v, mask=None):
    scores = torch.einsum("...ld,...sd->...ls", q, k) * q.shape[-1] ** -0.5
    if mask is not None:
        scores = torch.where(mask.bool(), scores, -torch.inf)
    exponentials = scores.exp()
    weights = exponentials / exponentials.sum(dim=-1, keepdim=True)
    return [torch.einsum("...ls,...sd->...ld", weights, v), weights]


def queries_scaled_and_mask_added(q, k, v, mask=None):
    scores = torch.matmul(q / math.sqrt(q.shape[-1]), k.swapaxes(-1, -2))
    if mask is not None:
        scores += torch.zeros(mask.shape).masked_fill(~mask.bool(), -math.inf)
    weights = torch.exp(torch.log_softmax(scores, -1))
    return torch.matmul(weights, v), weights


def query_by_query(q, k, v, mask=None):
    rows = []
    for place in range(q.size(-2)):
        scores = (q[..., place, None, :] * k).sum(dim=-1) / q.size(-1) ** 0.5
        if mask is not None:
            scores[~(mask.bool()[..., place, :].expand_as(scores))] = float("-inf")
        rows.append(scores.softmax(dim=-1))
    weights = torch.stack(rows, dim=-2)
    return (weights[..., None] * v[..., None, :, :]).sum(dim=-2), weights


def of_pytorch(x):
    return torch.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)


def with_comparison_of_places(x):
    places = torch.arange(x.size(1))
    return attend(x, x, x, places <= places[:, None])[0]


def position_by_position(x):
    outputs = [attend(x[:, i : i + 1], x[:, : i + 1], x[:, : i + 1])[0] for i in range(x.size(1))]
    return torch.cat(outputs, dim=1)


def with_special_entr(q, k):
    return both(q, k, lambda weights: torch.special.entr(weights).sum(dim=-1).mean())


def with_a_distribution(q, k):
    def entropy_of(logits):
        return torch.distributions.Categorical(logits=logits).entropy().mean()

    scores = torch.einsum("bld,bsd->bls", q, k)
    return [entropy_of(scores / q.size(-1) ** 0.5), entropy_of(scores)]


def row_by_row(q, k):
    means = []
    for scale in (math.sqrt(q.size(-1)), 1):
        entropies = []
        for queries, keys in zip(q, k, strict=True):
            for query in queries:
                weights = (keys @ query / scale).softmax(dim=0)
                weights = weights[weights > 0]
                entropies.append(-(weights * weights.log()).sum())
        means.append(sum(entropies) / len(entropies))
    return tuple(means)


MISTAKES = {
    "scaled_dot_product_attention": [
        (softmax_over_queries, "which dimension does your softmax run over?"),
        (not_scaled, "unscaled scores"),
        (scaled_without_the_root, "not by its square root"),
        (scaled_by_the_number_of_keys, "the tensor of weights has the right shape"),
        (all_dimensions_turned, "stops with RuntimeError"),
        (mask_forgotten, "still gets weight"),
        (mask_after_the_softmax, "before the softmax"),
        (mask_upside_down, "still gets weight"),
        (scores_masked_with_zero, "still gets weight"),
        (output_alone, "return 2 things: (the output, the weights)"),
        (the_other_way_round, "query by key"),
    ],
    "causal_self_attention": [
        (no_mask_at_all, "looks into the future"),
        (upper_triangle, "looks into the future"),
        (itself_forbidden, "its own position too"),
        (one_step_too_far, "looks into the future"),
        (only_itself, "the output has the right shape"),
        (output_and_weights, "the output is a tuple"),
    ],
    "entropy_with_and_without_scaling": [
        (logarithm_of_zero, "log(0)?"),
        (minus_forgotten, "never negative"),
        (swapped, "the larger of the two"),
        (averaged_over_the_keys_too, "sum over the keys"),
        (one_for_each_row, "average over all rows"),
        (plain_numbers, "is a float, expected a Tensor"),
        (in_bits, "the right shape"),
    ],
}

ALSO_RIGHT = {
    "scaled_dot_product_attention": [with_einsum, queries_scaled_and_mask_added, query_by_query],
    "causal_self_attention": [of_pytorch, with_comparison_of_places, position_by_position],
    "entropy_with_and_without_scaling": [with_special_entr, with_a_distribution, row_by_row],
}
