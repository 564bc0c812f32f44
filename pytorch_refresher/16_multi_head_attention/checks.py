"""Lesson 16: the checks that mark your practice answers."""

import copy
import math

from pytorch_refresher._common.drawn import cell_centers, heat_maps
from pytorch_refresher._common.marking import (
    expect,
    expect_close,
    expect_parts,
    expect_type,
    refuse_calls,
    reject,
)

import numpy as np
import torch
from torch import Tensor, nn

from .solutions import CrossAttention

READY_MADE = {"HeadsInALoop", "HeadsAtOnce", "MultiHeadAttention", "MultiheadAttention"}


class MultiHeadAttention(nn.Module):
    """The lesson's class in its short form."""

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        if num_heads < 1 or d_model % num_heads:
            raise ValueError(f"{d_model} features cannot be split into {num_heads} equal heads")
        self.num_heads, self.d_k = num_heads, d_model // num_heads
        self.W_q, self.W_k, self.W_v, self.W_o = (nn.Linear(d_model, d_model) for _ in range(4))

    def split_heads(self, x: Tensor) -> Tensor:
        return x.view(len(x), -1, self.num_heads, self.d_k).transpose(1, 2)

    def attention_weights(self, Q: Tensor, K: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k = self.split_heads(self.W_q(Q)), self.split_heads(self.W_k(K))
        allowed = torch.ones((), dtype=torch.bool) if mask is None else mask != 0
        scores = (q @ k.mT / math.sqrt(self.d_k)).masked_fill(~allowed, -1e30)
        return scores.softmax(dim=-1).masked_fill(~allowed, 0.0)

    def forward(self, Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
        heads = self.attention_weights(Q, K, mask) @ self.split_heads(self.W_v(V))
        return self.W_o(heads.transpose(1, 2).flatten(-2))


def check_CrossAttention(answer) -> None:  # noqa: N802
    # No two sizes are equal, so that a shape tells where a dimension came from.
    for B, L, S, d_model, d_memory, H in ((2, 5, 7, 12, 9, 3), (3, 4, 6, 10, 20, 5), (2, 3, 5, 8, 4, 1)):  # fmt: skip
        model = answer(d_model, d_memory, H)
        _expect_four_layers(model, d_model, d_memory)
        right = CrossAttention(d_model, d_memory, H)
        right.W_q, right.W_k, right.W_v, right.W_o = model.W_q, model.W_k, model.W_v, model.W_o
        x, memory = 2 * torch.randn(B, L, d_model), 2 * torch.randn(B, S, d_memory)
        allowed = torch.rand(B, H, L, S) > 0.4
        allowed[..., 0] = True
        for mask in (None, allowed, allowed[0, 0], allowed[:, :1, :1].int(), allowed.float()):
            output, weights = _run(model, x, memory, mask)
            _expect_weights(weights, right, x, memory, mask)
            _expect_output(output, right, x, memory, mask)
        output.pow(2).sum().backward()
        for name in ("W_q", "W_k", "W_v", "W_o"):
            gradient = getattr(model, name).weight.grad
            expect(
                gradient is not None and gradient.abs().max().item() > 0,
                f"the loss sends no gradient back to {name}: is there a detach() or a no_grad()?",
            )


def _expect_four_layers(model: nn.Module, d_model: int, d_memory: int) -> None:
    """W_q, W_k, W_v and W_o, of the right sizes, and nothing else that learns."""
    expect_type(model, nn.Module, "CrossAttention(...)")
    kinds = {kind.__name__ for part in model.modules() for kind in type(part).__mro__}
    expect(not kinds & READY_MADE, "it builds on a ready-made class: write the whole module")
    parameters = set()
    for name in ("W_q", "W_k", "W_v", "W_o"):
        layer, features = getattr(model, name, None), d_model if name in "W_q W_o" else d_memory
        expect(isinstance(layer, nn.Linear), f"it has no nn.Linear named {name}")
        expect(
            (layer.in_features, layer.out_features) == (features, d_model),
            f"with {d_model = }, {d_memory = }, {name} maps {layer.in_features} features to "
            f"{layer.out_features}, expected {features} to {d_model}",
        )
        parameters |= set(layer.parameters())
    expect(
        set(model.parameters()) == parameters,
        "it has parameters that belong to none of W_q, W_k, W_v and W_o",
    )


def _run(model: nn.Module, x: Tensor, memory: Tensor, mask: Tensor | None) -> tuple:
    """Output and weights of an answer, which must not change its inputs or draw random numbers."""
    given = [each.clone() for each in (x, memory, mask) if each is not None]
    with refuse_calls("scaled_dot_product_attention", "multi_head_attention_forward"):
        parts = expect_parts(model(*given), "the output", "the weights")
        again = expect_parts(model(*given), "the output", "the weights")
    originals = (x, memory, mask)[: len(given)]
    unchanged = all(map(torch.equal, given, originals))
    expect(unchanged, "it changes one of its inputs: masked_fill_ and the like write in place")
    for value, second, what in zip(parts, again, ("output", "weights"), strict=True):
        expect_type(value, Tensor, f"the {what}")
        same = torch.equal(value.nan_to_num(), second.nan_to_num())
        expect(same, "two calls with the same inputs differ: leave dropout out")
    expect(parts[1].requires_grad, "the weights have lost their gradient: return them attached")
    return parts


def _expect_weights(weights: Tensor, right: CrossAttention, x, memory, mask) -> None:
    H, d_k = right.num_heads, right.d_k
    projected = (right.W_q(x), right.W_k(memory))
    allowed = torch.ones((), dtype=torch.bool) if mask is None else mask != 0

    def attend(scores: Tensor, allowed: Tensor = allowed, dim: int = -1) -> Tensor:
        return scores.masked_fill(~allowed, -1e30).softmax(dim)

    q, k = map(right.split_heads, projected)
    products, expected = q @ k.mT, right(x, memory, mask)[1]
    scores, root = products / math.sqrt(d_k), math.sqrt(H * d_k)
    the_wrong_way_round = "the mask is the wrong way round: True or 1 means that a query may look"
    turned = scores.masked_fill(allowed, -math.inf).softmax(-1)  # NaN where all is allowed
    straight = [each.reshape(len(x), H, -1, d_k) for each in projected]
    spread = [each.unflatten(-1, (d_k, H)).permute(0, 3, 1, 2) for each in projected]
    mistakes = {
        "the heads cut the sequence, not the features: view(B, L, num_heads, d_k) comes first, "
        "then transpose(1, 2)": attend(straight[0] @ straight[1].mT / math.sqrt(d_k)),
        "head 0 does not get the first d_k features, but every num_heads-th one: "
        "the last dimension becomes (num_heads, d_k)": attend(spread[0] @ spread[1].mT / math.sqrt(d_k)),
        "the scores are not scaled: divide by sqrt(d_k)": attend(products),
        "the scores are divided by sqrt(d_model), but a head compares only d_k features": attend(products / root),
        "the scores are divided by d_k, not by its square root": attend(products / d_k),
        "the weights are averaged over the heads: return those of every head": expected.mean(1),
        "softmax runs over the queries: each query's weights sum to 1 over the keys": attend(scores, dim=-2),
        "softmax runs over the heads: each query's weights sum to 1 over the keys": attend(scores, dim=1),
        "the mask is not used": scores.softmax(-1),
        the_wrong_way_round: attend(scores, ~allowed),
        "mask the scores, not the weights, which no longer sum to 1": scores.softmax(-1) * allowed,
        "a forbidden score of 0 still gets weight: fill with -inf": scores.masked_fill(~allowed, 0).softmax(-1),
        "the mask is added to the scores: 0 and 1 count like False and True": (scores + 1.0 * allowed).softmax(-1),
    }  # fmt: skip
    reject(weights, expected, {the_wrong_way_round: turned})
    reject(weights, expected, mistakes)
    expect_close(weights, expected, f"with num_heads = {H}, the tensor of weights")


def _expect_output(output: Tensor, right: CrossAttention, x, memory, mask) -> None:
    expected, weights = right(x, memory, mask)
    heads = weights @ right.split_heads(right.W_v(memory))  # (B, H, L, d_k)
    joined = heads.transpose(1, 2).flatten(-2)
    of_keys = (weights @ right.split_heads(right.W_k(memory))).transpose(1, 2).flatten(-2)
    mistakes = {
        "the heads are joined, but W_o is still to come": joined,
        "the heads are joined in the wrong order: transpose(1, 2) comes first, then reshape to "
        "(B, L, d_model)": right.W_o(heads.reshape(joined.shape)),
        "the features of the heads are interleaved: head 0's features come first, then head 1's": (
            right.W_o(heads.permute(0, 2, 3, 1).flatten(-2))
        ),
        "the values are projected with W_k: that's what W_v is for": right.W_o(of_keys),
    }
    reject(output, expected, mistakes)
    expect_close(output, expected, "the output")


def check_plot_heads(answer) -> None:
    import matplotlib.pyplot as plt

    words = ["the", "cat", "and", "the", "dog", "sat"]  # one of them twice
    try:
        for H, L in ((3, 4), (1, 6), (6, 5)):
            plt.close("all")  # pyplot would go on drawing into the figure before
            layer, x = MultiHeadAttention(12, H), 3 * torch.randn(1, L, 12)
            weights = layer.attention_weights(x, x)[0].detach()
            maps = heat_maps(answer(layer, x.clone(), words[:L]))
            expect(
                len(maps) == H,
                f"{len(maps)} axes show a heat map, expected one for each of the {H} heads",
            )
            limits = {
                tuple(round(float(each), 4) for each in image.get_clim()) for _, image in maps
            }
            expect(
                limits == {(0.0, 1.0)},
                f"the colors run over {sorted(limits)}, expected 0 to 1 in every head: only with "
                "the same vmin and vmax does a color mean the same everywhere",
            )
            for number, (axes, image) in enumerate(maps):
                _expect_map(number, axes, image, weights, words[:L])
    finally:
        plt.close("all")


def _expect_map(number: int, axes, image, weights: Tensor, words: list[str]) -> None:
    """One head's axes: the image and the words at its ticks."""
    shown, head, what = torch.tensor(image.get_array().tolist()), weights[number], f"head {number}"
    for other in weights:
        reject(shown, head, {f"where {what} belongs, another head is shown": other})
    mistakes = {
        f"the heat map of {what} is turned: a row per query, a column per key": head.T,
        "the heat map shows the average of all heads": weights.mean(0),
    }
    reject(shown, head, mistakes)
    expect_close(shown, head, f"the heat map of {what}")
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        places = [float(place) for place in axis.get_majorticklocs()]
        # The formatter knows the labels also where shared axes hide them.
        labels = list(axis.get_major_formatter().format_ticks(places))
        centers = cell_centers(image, name)
        expect(
            labels == words and np.allclose(places, centers),
            f"the {name} axis of {what} says {labels} at {places}, expected {words} at {centers}",
        )


class _NotScaled(MultiHeadAttention):
    """The division by sqrt(d_k) is missing, which weights and output show."""

    def attention_weights(self, Q: Tensor, K: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k = self.split_heads(self.W_q(Q)), self.split_heads(self.W_k(K))
        allowed = torch.ones((), dtype=torch.bool) if mask is None else mask != 0
        return (q @ k.mT).masked_fill(~allowed, -1e30).softmax(dim=-1)


class _WrongOutput(MultiHeadAttention):
    """One number of the output is 0.5 too small; the weights are right."""

    def forward(self, Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
        output = super().forward(Q, K, V, mask).clone()
        output[0, 0, -1] -= 0.5
        return output


def check_compare_with_pytorch(answer) -> None:
    # Once B equals L: there, a mask (B, L) is taken for one of queries and keys. And every
    # sequence is padded, so that whoever forgets the masks finds another difference.
    for kind, lengths, L, H in (
        (MultiHeadAttention, [5, 2, 3], 5, 4),
        (_NotScaled, [4, 3, 1, 2, 3], 5, 2),
        (_WrongOutput, [2, 6], 6, 8),
    ):
        ours, theirs = kind(8, H), nn.MultiheadAttention(8, H, batch_first=True)
        for parameter in ours.parameters():
            nn.init.normal_(parameter, std=0.5)
        x, lengths = torch.randn(len(lengths), L, 8), torch.tensor(lengths)
        before = copy.deepcopy(ours)
        found = answer(ours, theirs, x.clone(), lengths.clone())
        found = expect_parts(found, "the outputs' difference", "the weights' difference")
        for name, value in ours.state_dict().items():
            same = torch.equal(value, before.state_dict()[name])
            expect(same, f"{name} of ours has changed: copy from ours into theirs")
        _expect_copies(ours, theirs)
        wanted = _differences(ours, theirs, x, lengths)
        for value, (what, right, mistakes) in zip(found, wanted, strict=True):
            expect_type(value, float, f"the difference of the {what}")
            hint = "nn.MultiheadAttention wants True where a query may not look"
            expect(not math.isnan(value), f"the difference of the {what} is NaN: {hint}")
            reject(value, right, mistakes)
            expect_close(float(value), right, f"the largest difference of the {what}", rtol=1e-3)


def _expect_copies(ours: nn.Module, theirs: nn.MultiheadAttention) -> None:
    """Whether `theirs` has the parameters of `ours`, each in its place, and its own memory."""
    layers = (ours.W_q, ours.W_k, ours.W_v)
    for name, found, expected in (
        ("in_proj_weight", theirs.in_proj_weight, torch.cat([each.weight for each in layers])),
        ("in_proj_bias", theirs.in_proj_bias, torch.cat([each.bias for each in layers])),
        ("out_proj.weight", theirs.out_proj.weight, ours.W_o.weight),
        ("out_proj.bias", theirs.out_proj.bias, ours.W_o.bias),
    ):
        source = "W_o" if name.startswith("out") else "W_q, W_k and W_v, one below the other"
        right = found.shape == expected.shape and torch.equal(found, expected)
        expect(right, f"theirs.{name} is not a copy of {source}")
    own = {each.untyped_storage().data_ptr() for each in ours.parameters()}
    for name, parameter in theirs.named_parameters():
        shared = parameter.untyped_storage().data_ptr() in own
        expect(not shared, f"theirs.{name} shares its memory with ours: copy_ copies the values")


@torch.no_grad()
def _differences(ours, theirs, x: Tensor, lengths: Tensor) -> list[tuple]:
    """For the outputs, then the weights: what to report, and what known mistakes would report."""
    real = torch.arange(x.size(1)) < lengths[:, None]  # (B, L)

    def of_ours(mask: Tensor | None) -> tuple[Tensor, Tensor]:
        return ours(x, x, x, mask), ours.attention_weights(x, x, mask)

    def of_theirs(padding: Tensor | None) -> tuple[Tensor, Tensor]:
        return theirs(x, x, x, key_padding_mask=padding, average_attn_weights=False)

    right, wanted, free = of_ours(real[:, None, None]), of_theirs(~real), of_theirs(None)
    flat = of_ours(real) if len(x) == x.size(1) else right
    pairs = {
        "theirs looks at the padding: it needs a mask, too": (right, free),
        "ours looks at the padding: it needs a mask, too": (of_ours(None), wanted),
        "both look at the padding: where are the masks?": (of_ours(None), free),
        "in a mask for ours, True means that a query may look": (of_ours(~real[:, None, None]), wanted),
        "a mask (B, L) is taken for (queries, keys): make it (B, 1, 1, L)": (flat, wanted),
    }  # fmt: skip
    found, largest = [], [(a - b).abs().max().item() for a, b in zip(right, wanted, strict=True)]
    for number, what in enumerate(("outputs", "weights")):
        mistakes = {hint: (a[number] - b[number]).abs().max() for hint, (a, b) in pairs.items()}
        difference = right[number] - wanted[number]
        mistakes |= {
            "differences can be negative: take absolute values first": difference.max(),
            "the mean hides a large difference: take the largest": difference.abs().mean(),
            "compare the weights of every head, not their mean": difference.mean(1).abs().max(),
            "the outputs' difference comes first, then that of the weights": largest[1 - number],
        }
        found.append((what, largest[number], mistakes))
    return found
