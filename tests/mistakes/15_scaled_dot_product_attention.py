"""Answers to the problems of lesson 15: wrong ones with a piece of their hint, and right ones."""

import math

import torch
import torch.nn.functional as F


def own_softmax(scores, dim=-1, shift=True):
    if shift:
        scores = scores - scores.amax(dim=dim, keepdim=True)
    return scores.exp() / scores.exp().sum(dim=dim, keepdim=True)


def masked(Q, K, mask, scale):
    scores = Q @ K.mT / scale
    return scores if mask is None else scores.masked_fill(mask == 0, float("-inf"))


def exp_overflows(Q, K, V, mask=None):
    weights = own_softmax(masked(Q, K, mask, Q.size(-1) ** 0.5), shift=False)
    return weights @ V, weights


def one_maximum_for_all_rows(Q, K, V, mask=None):
    scores = masked(Q, K, mask, Q.size(-1) ** 0.5)
    weights = own_softmax(scores - scores.max(), shift=False)
    return weights @ V, weights


def maximum_before_the_mask(Q, K, V, mask=None):
    scores = masked(Q, K, None, Q.size(-1) ** 0.5)
    powers = (scores - scores.amax(dim=-1, keepdim=True)).exp()
    powers = powers if mask is None else powers * (mask != 0)
    weights = powers / powers.sum(dim=-1, keepdim=True)
    return weights @ V, weights


def not_scaled(Q, K, V, mask=None):
    weights = own_softmax(masked(Q, K, mask, 1))
    return weights @ V, weights


def mask_after_the_softmax(Q, K, V, mask=None):
    weights = own_softmax(masked(Q, K, None, Q.size(-1) ** 0.5))
    weights = weights if mask is None else weights * mask
    return weights @ V, weights


def copied_from_the_lesson(Q, K, V, mask=None):
    weights = F.softmax(masked(Q, K, mask, Q.size(-1) ** 0.5), dim=-1)
    return weights @ V, weights


def cut_off_from_the_gradient(Q, K, V, mask=None):
    output, weights = with_einsum(Q, K, V, mask)
    return output.detach(), weights.detach()


def no_mask_at_all(x):
    return F.scaled_dot_product_attention(x, x, x)


def itself_forbidden(x):
    mask = torch.ones(x.size(-2), x.size(-2), dtype=torch.bool).tril(-1)
    scores = (x @ x.mT / x.size(-1) ** 0.5).masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1) @ x


def one_step_too_far(x):
    mask = torch.ones(x.size(-2), x.size(-2), dtype=torch.bool).tril(1)
    return F.scaled_dot_product_attention(x, x, x, attn_mask=mask)


def causal_but_not_scaled(x):
    return F.scaled_dot_product_attention(x, x, x, is_causal=True, scale=1.0)


def causal_but_detached(x):
    return of_pytorch(x.detach())


def both(Q, K, measure):
    scores = Q @ K.mT
    return measure(scores / math.sqrt(Q.size(-1))), measure(scores)


def logarithm_of_zero(Q, K):
    def measure(scores):
        weights = scores.softmax(dim=-1)
        return -(weights * weights.log()).sum(dim=-1).mean()

    return both(Q, K, measure)


def averaged_over_the_keys_too(Q, K):
    return both(Q, K, lambda scores: torch.special.entr(scores.softmax(dim=-1)).mean())


def swapped(Q, K):
    return with_special_entr(Q, K)[::-1]


def with_einsum(Q, K, V, mask=None):
    scores = torch.einsum("...ld,...sd->...ls", Q, K) * Q.size(-1) ** -0.5
    if mask is not None:
        scores = torch.where(mask.bool(), scores, float("-inf"))
    weights = (scores - scores.logsumexp(dim=-1, keepdim=True)).exp()
    return [torch.einsum("...ls,...sd->...ld", weights, V), weights]


def query_by_query(Q, K, V, mask=None):
    rows = []
    for i in range(Q.size(-2)):
        row = masked(Q[..., i : i + 1, :], K, None, math.sqrt(Q.size(-1)))
        if mask is not None:
            row = row.masked_fill(mask[..., i : i + 1, :] == 0, -torch.inf)
        rows.append(own_softmax(row))
    weights = torch.cat(rows, dim=-2)
    return weights @ V, weights


def of_pytorch(x):
    return F.scaled_dot_product_attention(x, x, x, is_causal=True)


def with_comparison_of_places(x):
    places = torch.arange(x.size(-2))
    scores = x @ x.mT / math.sqrt(x.size(-1))
    scores = scores.masked_fill(places[:, None] < places, -torch.inf)
    return scores.softmax(dim=-1) @ x


def with_special_entr(Q, K):
    return both(Q, K, lambda s: torch.special.entr(s.softmax(dim=-1)).sum(dim=-1).mean())


def with_a_distribution(Q, K):
    def measure(scores):
        return torch.distributions.Categorical(logits=scores).entropy().mean()

    return both(Q, K, measure)


MISTAKES = {
    "attention_from_scratch": [
        (exp_overflows, "exp overflows"),
        (one_maximum_for_all_rows, "the largest score of each row"),
        (maximum_before_the_mask, "mask the scores first"),
        (not_scaled, "unscaled scores"),
        (mask_after_the_softmax, "before the softmax"),
        (copied_from_the_lesson, "it calls softmax"),
        (cut_off_from_the_gradient, "no gradient comes through"),
    ],
    "causal_self_attention": [
        (no_mask_at_all, "looks into the future"),
        (itself_forbidden, "its own position too"),
        (one_step_too_far, "looks into the future"),
        (causal_but_not_scaled, "aren't scaled"),
        (causal_but_detached, "no gradient comes through"),
    ],
    "entropy_with_and_without_scaling": [
        (logarithm_of_zero, "log(0)?"),
        (averaged_over_the_keys_too, "sum over the keys"),
        (swapped, "have changed places"),
    ],
}

ALSO_RIGHT = {
    "attention_from_scratch": [with_einsum, query_by_query],
    "causal_self_attention": [of_pytorch, with_comparison_of_places],
    "entropy_with_and_without_scaling": [with_special_entr, with_a_distribution],
}
