"""Lesson 15: the checks that mark your practice answers."""

from pytorch_refresher._common.marking import expect, expect_close, expect_parts, expect_type

import torch
import torch.nn.functional as F
from torch import Tensor

from .solutions import entropy_with_and_without_scaling, scaled_dot_product_attention


def check_scaled_dot_product_attention(answer) -> None:
    # Different L and S tell queries from keys; more dimensions in front tell last from first.
    q, k, v = torch.randn(2, 3, 4, 8), torch.randn(2, 3, 6, 8), torch.randn(2, 3, 6, 5)
    output, weights = expect_parts(answer(q, k, v), "the output", "the weights")
    expect_type(weights, Tensor, "the second part, the weights,")
    expect(
        weights.shape == (2, 3, 4, 6),
        f"the weights have shape {tuple(weights.shape)}, expected (2, 3, 4, 6): query by key",
    )
    expect(
        torch.allclose(weights.sum(dim=-1), torch.ones(2, 3, 4), atol=1e-5),
        "each query's weights must sum to 1: which dimension does your softmax run over?",
    )
    expect(
        not torch.allclose(weights, (q @ k.mT).softmax(dim=-1), atol=1e-5),
        "the weights are those of unscaled scores: divide by sqrt(d_k) first",
    )
    expect(
        not torch.allclose(weights, (q @ k.mT / 8).softmax(dim=-1), atol=1e-5),
        "the scores are divided by d_k, not by its square root",
    )
    expected = scaled_dot_product_attention(q, k, v)
    expect_close(weights, expected[1], "the tensor of weights")
    expect_close(output, expected[0], "the output")

    mask = torch.rand(2, 3, 4, 6) > 0.4
    mask[..., 0] = True
    for given in (mask, mask.int(), mask[0, 0]):
        output, weights = expect_parts(answer(q, k, v, given), "the output", "the weights")
        expected = scaled_dot_product_attention(q, k, v, given)
        expect(
            torch.is_tensor(weights) and weights.shape == (2, 3, 4, 6),
            "with a mask the weights must be a tensor of the same shape as without one",
        )
        expect(
            weights[(given == 0).expand(2, 3, 4, 6)].abs().max().item() == 0,
            "a position that the mask forbids still gets weight"
            + (
                ""
                if given.dtype == torch.bool
                else ": a mask of 0 and 1 counts like False and True"
            ),
        )
        expect(
            torch.allclose(weights.sum(dim=-1), torch.ones(2, 3, 4), atol=1e-5),
            "with a mask, the weights no longer sum to 1: mask the scores, before the softmax",
        )
        expect_close(weights, expected[1], "the masked tensor of weights")
        expect_close(output, expected[0], "the masked output")


def check_causal_self_attention(answer) -> None:
    x = torch.randn(2, 5, 8)
    output = answer(x)
    expect_type(output, Tensor, "the output")
    expect(
        output.shape == x.shape,
        f"the output has shape {tuple(output.shape)}, expected {tuple(x.shape)}",
    )
    expect(
        not output.isnan().any(),
        "the output holds NaN: a row of the mask forbids every key, its own position too",
    )
    later = x.clone()
    later[:, 3:] += 1
    expect(
        torch.allclose(answer(later)[:, :3], output[:, :3], atol=1e-5),
        "position 2 changed when only positions 3 and 4 did: it looks into the future",
    )
    expect(
        torch.allclose(output[:, 0], x[:, 0], atol=1e-5),
        "position 0 can look at nothing but itself, so its output must be x[:, 0]",
    )
    expect_close(output, F.scaled_dot_product_attention(x, x, x, is_causal=True), "the output")


def check_entropy_with_and_without_scaling(answer) -> None:
    # The second pair is so wide that unscaled weights underflow to exactly 0.
    for width in (64, 2048):
        q, k = torch.randn(4, 6, width), torch.randn(4, 9, width)
        scaled, unscaled = expect_parts(
            answer(q, k), "the entropy with scaling", "the entropy without scaling"
        )
        for what, value in (("with", scaled), ("without", unscaled)):
            expect_type(value, Tensor, f"the entropy {what} scaling")
            expect(
                value.shape == (),
                f"the entropy {what} scaling has shape {tuple(value.shape)}, expected (): "
                "average over all rows",
            )
            expect(
                bool(value.isfinite()),
                f"the entropy {what} scaling is not finite: log(0)? try log_softmax",
            )
            expect(value >= 0, "an entropy is never negative: mind the minus before the sum")
        expect(
            bool(scaled > unscaled),
            "scaling spreads the weights, so its entropy is the larger of the two",
        )
        expected = entropy_with_and_without_scaling(q, k)
        expect(
            not torch.isclose(scaled, expected[0] / 9, rtol=1e-3),
            "sum over the keys before you average over the rows",
        )
        expect_close(scaled, expected[0], "the entropy with scaling")
        expect_close(unscaled, expected[1], "the entropy without scaling")
