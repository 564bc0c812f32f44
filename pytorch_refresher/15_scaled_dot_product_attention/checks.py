"""Lesson 15: the checks that mark your practice answers."""

import math

from pytorch_refresher._common.marking import (
    expect,
    expect_close,
    expect_parts,
    expect_type,
    refuse_calls,
    reject,
)

import torch
import torch.nn.functional as F
from torch import Tensor

from .solutions import entropy_with_and_without_scaling

READY_MADE = ("softmax", "log_softmax", "softmin", "scaled_dot_product_attention")
CUT_OFF = "no gradient comes through: a detach(), an item() or NumPy cuts"


def check_attention_from_scratch(answer) -> None:
    # Different L and S tell queries from keys; more dimensions in front tell last from first.
    for front, L, S, D, Dv in (((2, 3), 4, 6, 8, 5), ((3,), 2, 5, 2, 2), ((), 3, 4, 16, 1)):
        Q, K = torch.randn(*front, L, D), torch.randn(*front, S, D)
        V = torch.randn(*front, S, Dv)
        mask = torch.rand(*front, L, S) > 0.4
        mask[..., 0] = True
        for given in (None, mask, mask.int(), mask[(0,) * len(front)], mask.float()):
            _check_attention(answer, (Q, K, V), given)
    Q, K, V = large = [30 * torch.randn(2, 4, 64) for _ in range(3)]  # scores of a few thousands
    expect(
        bool(answer(*large)[0].isfinite().all()),
        "with large scores the output is not finite: exp overflows, or a row is 0/0. Subtract the "
        "largest score of each row first",
    )
    _check_attention(answer, large, None)
    scores = Q @ K.mT
    mask = scores < scores.amax(dim=-1, keepdim=True)  # forbids the largest of each row
    expect(
        bool(answer(*large, mask)[0].isfinite().all()),
        "with large scores and a mask the output is not finite: mask the scores first, then "
        "subtract the largest that is left of each row",
    )
    _check_attention(answer, large, mask)


def _check_attention(answer, inputs: list[Tensor], mask: Tensor | None) -> None:
    Q, K, V = (each.clone().requires_grad_() for each in inputs)
    given = None if mask is None else mask.clone()
    with refuse_calls(*READY_MADE):
        output, weights = expect_parts(answer(Q, K, V, given), "the output", "the weights")
    kind = "without a mask" if mask is None else f"with a mask of {mask.dtype}"
    expect_type(weights, Tensor, f"{kind}, the second part, the weights,")
    scores = Q @ K.mT / math.sqrt(Q.size(-1))
    shape = tuple(scores.shape)
    expect(
        weights.shape == shape,
        f"{kind}, the weights have shape {tuple(weights.shape)}, expected {shape}: query by key",
    )
    allowed = torch.tensor(True) if mask is None else mask != 0
    expected = F.softmax(scores.masked_fill(~allowed, -math.inf), dim=-1)
    forbidden = weights[(~allowed).expand(shape)]
    expect(not forbidden.any(), f"{kind}, a position that it forbids still gets weight")
    over_queries = F.softmax(scores.masked_fill(~allowed, -math.inf), dim=-2)
    unscaled = F.softmax((Q @ K.mT).masked_fill(~allowed, -math.inf), dim=-1)
    by_d_k = F.softmax((Q @ K.mT / Q.size(-1)).masked_fill(~allowed, -math.inf), dim=-1)
    mistakes = {
        "the softmax goes over the queries: each query's weights must sum to 1": over_queries,
        "the weights are those of unscaled scores: divide by sqrt(d_k) first": unscaled,
        "the scores are divided by d_k, not by its square root": by_d_k,
        f"{kind}, the weights no longer sum to 1: mask the scores, before the softmax": (
            F.softmax(scores, dim=-1) * allowed
        ),
    }
    reject(weights, expected, mistakes)
    expect_close(weights, expected, f"{kind}, the tensor of weights")
    expect_close(output, expected @ V, f"{kind}, the output")
    expect(
        output.requires_grad and weights.requires_grad,
        f"{CUT_OFF} a result off from Q, K and V",
    )
    expect(mask is None or torch.equal(given, mask), "the caller's mask changed")
    expect(all(map(torch.equal, (Q, K, V), inputs)), "Q, K or V changed: make new tensors")


def check_causal_self_attention(answer) -> None:
    for shape in ((2, 5, 8), (1, 1, 4), (2, 3, 7, 2), (3, 6, 6)):
        x = torch.randn(shape)
        output = answer(x.clone().requires_grad_())
        expect_type(output, Tensor, "the output")
        expect(
            output.shape == shape,
            f"the output has shape {tuple(output.shape)}, expected {shape}",
        )
        expect(
            not output.isnan().any(),
            "the output contains NaN: a row of the mask forbids every key, its own position too",
        )
        if shape[-2] > 3:
            later = x.clone()
            later[..., 3:, :] += 1
            expect(
                torch.allclose(answer(later)[..., :3, :], output[..., :3, :], atol=1e-5),
                "position 2 changed when only positions from 3 on did: it looks into the future",
            )
        expect(
            torch.allclose(output[..., 0, :], x[..., 0, :], atol=1e-5),
            "position 0 can look at nothing but itself, so its output must be the first row of x",
        )
        expected, unscaled, by_d_k = (
            F.scaled_dot_product_attention(x, x, x, is_causal=True, scale=scale)
            for scale in (None, 1.0, 1 / shape[-1])
        )
        mistakes = {
            "the scores aren't scaled: divide them by sqrt(d_k)": unscaled,
            "the scores are divided by d_k, not by its square root": by_d_k,
        }
        reject(output, expected, mistakes)
        expect_close(output, expected, "the output")
        expect(output.requires_grad, f"{CUT_OFF} the output off from x")


def check_entropy_with_and_without_scaling(answer) -> None:
    # The last pair is so wide that unscaled weights are rounded to exactly 0.
    for B, L, S, D in ((4, 6, 9, 64), (1, 3, 2, 16), (2, 2, 5, 2048)):
        Q, K = torch.randn(B, L, D), torch.randn(B, S, D)
        names = ("the entropy with scaling", "the entropy without scaling")
        results = expect_parts(answer(Q.clone(), K.clone()), *names)
        right = entropy_with_and_without_scaling(Q, K)
        for what, value, expected, other in zip(
            names, results, right, reversed(right), strict=True
        ):
            expect_type(value, Tensor, what)
            expect(
                value.shape == (),
                f"{what} has shape {tuple(value.shape)}, expected (): average over all rows",
            )
            expect(bool(value.isfinite()), f"{what} is not finite: log(0)? Try log_softmax")
            mistakes = {
                f"{what} is negative: mind the minus before the sum": -expected,
                f"{what} and the other one have changed places": other,
                f"for {what}, sum over the keys before you average over the rows": expected / S,
                f"{what} is the sum over all rows: average them": expected * B * L,
                f"{what} is in bits: take the natural logarithm": expected / math.log(2),
            }
            reject(value, expected, mistakes)
            expect_close(value, expected, what)
