"""Lesson 16: one answer to each practice problem, and the checks that mark yours."""

import copy
import math
import re

import torch
from torch import Tensor, nn

from pytorch_refresher._common.practice import expect, expect_close, expect_parts, expect_type


def multi_head_attention(
    Q: Tensor,
    K: Tensor,
    V: Tensor,
    W_q: nn.Linear,
    W_k: nn.Linear,
    W_v: nn.Linear,
    W_o: nn.Linear,
    num_heads: int,
    mask: Tensor | None = None,
):
    def split_heads(x: Tensor) -> Tensor:  # (B, L, d_model) to (B, H, L, d_k)
        return x.view(x.size(0), x.size(1), num_heads, -1).transpose(1, 2)

    q, k, v = split_heads(W_q(Q)), split_heads(W_k(K)), split_heads(W_v(V))
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if mask is not None:
        scores = scores.masked_fill(mask == 0, float("-inf"))
    weights = scores.softmax(dim=-1)
    return W_o((weights @ v).transpose(1, 2).reshape(Q.shape)), weights


def check_multi_head_attention(answer) -> None:
    # No two of the sizes are equal, so that a shape tells where a dimension came from.
    B, L, S, H, d_k = 2, 5, 7, 3, 4
    d_model = H * d_k
    Q, K, V = 2 * torch.randn(B, L, d_model), 2 * torch.randn(B, S, d_model), torch.randn(B, S, d_model)  # fmt: skip
    layers = [nn.Linear(d_model, d_model) for _ in range(4)]
    W_q, W_k, W_v, W_o = layers

    def run(mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        given = None if mask is None else mask.clone()
        parts = answer(Q.clone(), K.clone(), V.clone(), *layers, H, given)
        output, weights = expect_parts(parts, "the output", "the weights")
        expect_type(output, Tensor, "the first part, the output,")
        expect_type(weights, Tensor, "the second part, the weights,")
        expect(
            weights.shape == (B, H, L, S),
            f"the weights have shape {tuple(weights.shape)}, expected {(B, H, L, S)}: for each "
            "head one of query by key",
        )
        expect(
            not weights.isnan().any(),
            "the weights hold NaN, although each query may look at one key at least",
        )
        return output, weights

    def neighbors(x: Tensor) -> Tensor:
        return x.unflatten(-1, (H, d_k)).transpose(1, 2)

    def every_third(x: Tensor) -> Tensor:
        return x.unflatten(-1, (d_k, H)).permute(0, 3, 1, 2)

    def straight(x: Tensor) -> Tensor:
        return x.reshape(B, H, -1, d_k)

    def is_like(weights: Tensor, split=neighbors, q=W_q, k=W_k, scale=d_k**0.5) -> bool:
        scores = split(q(Q)) @ split(k(K)).mT / scale
        return torch.allclose(weights, scores.softmax(dim=-1), atol=1e-5)

    output, weights = run()
    expect(
        torch.allclose(weights.sum(dim=-1), torch.ones(B, H, L), atol=1e-4),
        "each query's weights must sum to 1 in each head: which dimension does your softmax run "
        "over?",
    )
    for wrong, hint in (
        ({"split": straight}, "the heads cut the sequence, not the features: first "
         "view(B, L, num_heads, d_k), then transpose(1, 2)"),
        ({"split": every_third}, "a head gets every third feature, not neighbors: the last "
         "dimension becomes (num_heads, d_k), in this order"),
        ({"scale": 1}, "the weights are those of unscaled scores: divide by sqrt(d_k)"),
        ({"scale": d_k}, "the scores are divided by d_k, not by its square root"),
        ({"scale": math.sqrt(d_model)}, "the scores are divided by sqrt(d_model): a head compares "
         "only d_k features"),
        ({"scale": math.sqrt(H)}, "the scores are divided by the root of the number of heads, not "
         "of d_k"),
        ({"q": nn.Identity()}, "the queries are not projected: W_q comes first"),
        ({"k": nn.Identity()}, "the keys are not projected: W_k comes first"),
        ({"q": nn.Identity(), "k": nn.Identity()}, "queries and keys are not projected: W_q and "
         "W_k come first"),
        ({"q": W_k, "k": W_q}, "W_q and W_k have changed places"),
    ):  # fmt: skip
        expect(not is_like(weights, **wrong), hint)
    expected, expected_weights = multi_head_attention(Q, K, V, *layers, H)
    expect_close(weights, expected_weights, "the tensor of weights")

    expect(
        output.shape == Q.shape,
        f"the output has shape {tuple(output.shape)}, expected {tuple(Q.shape)}: for each query "
        "the heads next to each other, through W_o",
    )
    heads = expected_weights @ neighbors(W_v(V))  # (B, H, L, d_k)
    unprojected = (expected_weights @ neighbors(V)).transpose(1, 2).flatten(-2)
    for wrong, hint in (
        (heads.transpose(1, 2).flatten(-2), "the output is what the heads found, concatenated: "
         "W_o is still to come"),
        (W_o(heads.reshape(Q.shape)), "concatenate the heads of one position: transpose(1, 2) "
         "first, then reshape to (B, L, d_model)"),
        (W_o(heads.permute(0, 2, 3, 1).flatten(-2)), "the features of the heads are interleaved: "
         "head after head"),
        (W_o(unprojected), "the values are not projected: W_v comes first"),
    ):  # fmt: skip
        expect(not torch.allclose(output, wrong, atol=1e-5), hint)
    expect_close(output, expected, "the output")

    mask = torch.rand(B, H, L, S) > 0.4
    mask[..., 0] = True
    for given in (mask, mask[0, 0], mask[:, :1, :1], mask.int()):
        output, weights = run(given)
        forbidden = (given == 0).expand(B, H, L, S)
        expect(
            weights[forbidden].abs().max().item() == 0,
            f"with a mask of shape {tuple(given.shape)}, a position that it forbids still gets "
            "weight" + ("" if given.dtype == torch.bool else ": 0 and 1 count like False and True"),
        )
        expect(
            torch.allclose(weights.sum(dim=-1), torch.ones(B, H, L), atol=1e-4),
            "with a mask, the weights no longer sum to 1: mask the scores, before the softmax",
        )
        expected, expected_weights = multi_head_attention(Q, K, V, *layers, H, given)
        expect_close(weights, expected_weights, "the masked tensor of weights")
        expect_close(output, expected, "the masked output")

    # Another number of heads, and of everything else.
    Q, K = torch.randn(3, 2, 10), torch.randn(3, 4, 10)
    layers = [nn.Linear(10, 10) for _ in range(4)]
    parts = answer(Q, K, K, *layers, 5)
    expected = multi_head_attention(Q, K, K, *layers, 5)
    for found, right, what in zip(
        expect_parts(parts, "the output", "the weights"), expected, ("output", "weights"), strict=True
    ):  # fmt: skip
        expect_close(found, right, f"with 5 heads of 2 features, the tensor of {what}")


def plot_heads(weights: Tensor, query_tokens: list[str], key_tokens: list[str]):
    import matplotlib.pyplot as plt

    # squeeze=False: an array of axes also where there is one head alone.
    figure, axes = plt.subplots(1, len(weights), squeeze=False, layout="constrained")
    for number, (axis, head) in enumerate(zip(axes[0], weights, strict=True), start=1):
        image = axis.imshow(head.numpy(), vmin=0, vmax=1)
        axis.set_xticks(range(len(key_tokens)), key_tokens, rotation=90)
        axis.set_yticks(range(len(query_tokens)), query_tokens)
        axis.set_title(f"head {number}")
    figure.colorbar(image, ax=axes, label="attention weight")
    return figure


def check_plot_heads(answer) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    words = ["the", "cat", "sat", "on", "a", "mat"]
    try:
        for H, queries, keys in ((3, words[1:5], words), (1, words, words[:2])):
            weights = torch.randn(H, len(queries), len(keys)).softmax(dim=-1)
            figure = answer(weights.clone(), list(queries), list(keys))
            expect_type(figure, Figure)
            panels = [axis for axis in figure.axes if axis.images]
            expect(
                len(panels) == H,
                f"{len(panels)} axes show an image, expected one for each of the {H} heads",
            )
            for number, (axis, head) in enumerate(zip(panels, weights, strict=True), start=1):
                _check_panel(axis, number, head, weights, queries, keys)
    finally:
        plt.close("all")


def _check_panel(axis, number: int, head: Tensor, weights: Tensor, queries, keys) -> None:
    """One head's axes: the image, its colors, the ticks and the title."""
    expect(len(axis.images) == 1, f"axes {number} shows {len(axis.images)} images, expected one")
    image = axis.images[0]
    shown = torch.tensor(image.get_array().tolist())

    def is_shown(expected: Tensor) -> bool:
        return shown.shape == expected.shape and torch.allclose(shown, expected, atol=1e-5)

    expect(
        not is_shown(head.T),
        f"the image of head {number} is turned: a row for each query, a column for each key",
    )
    expect(
        is_shown(head) or not any(map(is_shown, weights)),
        f"axes {number} shows another head's weights",
    )
    expect(
        is_shown(head),
        f"the image of head {number} does not show its weights, a row for each query: its shape "
        f"is {tuple(shown.shape)}, and theirs {tuple(head.shape)}",
    )
    limits = tuple(float(limit) for limit in image.get_clim())
    expect(
        limits == (0.0, 1.0),
        f"the colors of head {number} run from {limits[0]:.2f} to {limits[1]:.2f}, expected 0 to "
        "1 in every head: vmin and vmax",
    )
    for name, its_axis, tokens in (("x", axis.xaxis, keys), ("y", axis.yaxis, queries)):
        places = [float(place) for place in its_axis.get_majorticklocs()]
        expect(
            places == list(range(len(tokens))),
            f"the ticks of head {number}'s {name} axis stand at {places}, expected one for each "
            f"of the {len(tokens)} words",
        )
        # The formatter knows the labels also where shared axes hide them.
        labels = list(its_axis.get_major_formatter().format_ticks(places))
        expect(
            labels == tokens, f"head {number}'s {name} axis is labeled {labels}, expected {tokens}"
        )
    title = " ".join(axis.get_title(loc=place) for place in ("left", "center", "right"))
    expect(
        re.search(rf"\bhead {number}\b", title.lower()) is not None,
        f'the title of axes {number} is "{title.strip()}", expected "head {number}"',
    )


class MultiHeadAttention(nn.Module):  # the lesson's class, for the check of problem 3
    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads, self.d_k = num_heads, d_model // num_heads
        self.W_q, self.W_k, self.W_v, self.W_o = (nn.Linear(d_model, d_model) for _ in range(4))

    def split_heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.num_heads, self.d_k)).transpose(1, 2)

    def attention_weights(self, Q: Tensor, K: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k = self.split_heads(self.W_q(Q)), self.split_heads(self.W_k(K))
        scores = q @ k.mT / math.sqrt(self.d_k)
        if mask is None:
            return scores.softmax(dim=-1)
        scores = scores.masked_fill(mask == 0, torch.finfo(scores.dtype).min)
        return scores.softmax(dim=-1).masked_fill(mask == 0, 0.0)

    def forward(self, Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
        heads = self.attention_weights(Q, K, mask) @ self.split_heads(self.W_v(V))
        return self.W_o(heads.transpose(1, 2).flatten(-2))


class _WrongOutput(MultiHeadAttention):
    """One number of the output is 0.5 too small."""

    def forward(self, Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
        output = super().forward(Q, K, V, mask).clone()
        output[-1, -1, -1] -= 0.5
        return output


class _NotScaled(MultiHeadAttention):
    """The division by sqrt(d_k) is missing."""

    def attention_weights(self, Q: Tensor, K: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k = self.split_heads(self.W_q(Q)), self.split_heads(self.W_k(K))
        return (q @ k.mT).masked_fill(mask == 0, float("-inf")).softmax(dim=-1)


def compare_with_pytorch(
    ours: MultiHeadAttention, theirs: nn.MultiheadAttention, x: Tensor, mask: Tensor
) -> tuple[float, float]:
    projections = (ours.W_q, ours.W_k, ours.W_v)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([layer.weight for layer in projections]))
        theirs.in_proj_bias.copy_(torch.cat([layer.bias for layer in projections]))
        theirs.out_proj.load_state_dict(ours.W_o.state_dict())
        output, weights = theirs(x, x, x, attn_mask=~mask, average_attn_weights=False)
        output_difference = ours(x, x, x, mask) - output
        weight_difference = ours.attention_weights(x, x, mask) - weights
    return output_difference.abs().max().item(), weight_difference.abs().max().item()


def check_compare_with_pytorch(answer) -> None:
    B, L, H, d_model = 2, 5, 4, 8
    random_mask = (torch.rand(L, L) > 0.4) | torch.eye(L, dtype=torch.bool)
    for kind, mask in (
        (MultiHeadAttention, random_mask),
        (_NotScaled, random_mask),
        (_WrongOutput, torch.ones(L, L, dtype=torch.bool).tril()),
    ):
        ours, theirs = kind(d_model, H), nn.MultiheadAttention(d_model, H, batch_first=True)
        for parameter in ours.parameters():
            nn.init.normal_(parameter, std=0.5)
        x = torch.randn(B, L, d_model)
        before = copy.deepcopy(ours.state_dict())
        found = answer(ours, theirs, x.clone(), mask.clone())

        found = expect_parts(found, "the difference of the outputs", "that of the weights")
        for value, what in zip(found, ("outputs", "weights"), strict=True):
            expect(
                not isinstance(value, Tensor),
                f"the difference of the {what} is a tensor, expected a float: item() makes one",
            )
            expect_type(value, float, f"the difference of the {what}")
        expect(
            all(torch.equal(ours.state_dict()[name], before[name]) for name in before),
            "`ours` was changed: copy from it into `theirs`",
        )
        _check_copies(ours, theirs)

        output_found, weights_found = found
        expect(
            not math.isnan(output_found) and not math.isnan(weights_found),
            "a difference is NaN: the masks of nn.MultiheadAttention say True where a query may "
            "not look",
        )
        options = {"average_attn_weights": False}
        with torch.no_grad():
            output, weights = ours(x, x, x, mask), ours.attention_weights(x, x, mask)
            upside_down = weights - theirs(x, x, x, attn_mask=mask, **options)[1].nan_to_num()
            unmasked = weights - theirs(x, x, x, **options)[1]
            right_output, right_weights = theirs(x, x, x, attn_mask=~mask, **options)
        for wrong, hint in (
            (upside_down, "the masks of nn.MultiheadAttention say True where a query may not look"),
            (unmasked, "`theirs` attends without the mask"),
        ):
            expect(not math.isclose(weights_found, wrong.abs().max().item(), rel_tol=1e-4), hint)
        differences = {"outputs": output - right_output, "weights": weights - right_weights}
        average = differences["weights"].mean(dim=1).abs().max().item()
        expect(
            kind is not _NotScaled or not math.isclose(weights_found, average, rel_tol=1e-4),
            "those are weights averaged over the heads: compare them head by head, "
            "average_attn_weights=False",
        )
        for value, (what, difference) in zip(found, differences.items(), strict=True):
            right = difference.abs().max().item()
            for wrong, hint in (
                (difference.max(), "a difference can be negative: take absolute values first"),
                (difference.abs().mean(), "the mean hides a difference: take the largest"),
            ):
                # Where all is as it should be, each of these is as good as 0.
                is_wrong = not math.isclose(wrong.item(), right, rel_tol=1e-3, abs_tol=2e-5)
                expect(
                    not (
                        is_wrong and math.isclose(value, wrong.item(), rel_tol=1e-4, abs_tol=2e-6)
                    ),
                    f"the difference of the {what}: {hint}",
                )
            expect(
                math.isclose(value, right, rel_tol=1e-3, abs_tol=2e-5),
                f"the largest difference of the {what} is {value:.6f}, expected {right:.6f}"
                + (" for a layer that makes a mistake" if kind is not MultiHeadAttention else ""),
            )


def _check_copies(ours: MultiHeadAttention, theirs: nn.MultiheadAttention) -> None:
    """Whether `theirs` has the parameters of `ours`, each in its place."""
    projections = (ours.W_q, ours.W_k, ours.W_v)
    for what, found, parts in (
        ("weight", theirs.in_proj_weight, [layer.weight for layer in projections]),
        ("bias", theirs.in_proj_bias, [layer.bias for layer in projections]),
    ):
        expect(
            torch.equal(found, torch.cat(parts)),
            f"theirs.in_proj_{what} is not the {what} of W_q, of W_k and of W_v, one below the "
            "other",
        )
    for what, found, right in (
        ("weight", theirs.out_proj.weight, ours.W_o.weight),
        ("bias", theirs.out_proj.bias, ours.W_o.bias),
    ):
        expect(torch.equal(found, right), f"theirs.out_proj.{what} is not that of W_o")
