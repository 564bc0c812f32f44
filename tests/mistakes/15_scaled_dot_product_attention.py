"""Wrong answers to the problems of lesson 15, and a piece of the hint that each must get."""

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
