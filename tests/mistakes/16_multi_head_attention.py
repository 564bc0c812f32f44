"""Wrong answers to the problems of lesson 16, and a piece of the hint that each must get."""

import copy
import math

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import nn


def split(x, heads):
    return x.view(x.size(0), x.size(1), heads, -1).transpose(1, 2)


def attend(
    Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None, *,
    split=split, scale=None, dim=-1, merge=lambda x: x.transpose(1, 2).flatten(-2),
):  # fmt: skip
    q, k, v = split(W_q(Q), num_heads), split(W_k(K), num_heads), split(W_v(V), num_heads)
    scores = q @ k.transpose(-2, -1) / (scale or math.sqrt(q.size(-1)))
    if mask is not None:
        scores = scores.masked_fill(mask == 0, float("-inf"))
    weights = scores.softmax(dim=dim)
    return W_o(merge(weights @ v)), weights


def view_straight_to_heads(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    def straight(x, heads):
        return x.view(x.size(0), heads, x.size(1), -1)

    return attend(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask, split=straight)


def heads_take_every_third_feature(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    def interleaved(x, heads):
        return x.view(x.size(0), x.size(1), -1, heads).permute(0, 3, 1, 2)

    return attend(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask, split=interleaved)


def heads_never_moved_forward(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    def positions_first(x, heads):
        return x.view(x.size(0), x.size(1), heads, -1)

    return attend(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask, split=positions_first)


def one_head_for_all(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    return attend(Q, K, V, W_q, W_k, W_v, W_o, 1, mask)


def scaled_by_d_model(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    scale = math.sqrt(Q.size(-1))
    return attend(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask, scale=scale)


def not_scaled(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    return attend(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask, scale=1)


def softmax_over_queries(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    return attend(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask, dim=-2)


def softmax_over_heads(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    return attend(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask, dim=1)


def no_projections(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    same = nn.Identity()
    return attend(Q, K, V, same, same, same, W_o, num_heads, mask)


def values_not_projected(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    return attend(Q, K, V, W_q, W_k, nn.Identity(), W_o, num_heads, mask)


def no_output_projection(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    return attend(Q, K, V, W_q, W_k, W_v, nn.Identity(), num_heads, mask)


def heads_not_moved_back(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    return attend(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask, merge=lambda x: x.reshape(Q.shape))


def features_interleaved_at_the_end(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    def merge(x):
        return x.permute(0, 2, 3, 1).flatten(-2)

    return attend(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask, merge=merge)


def mask_forgotten(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    return attend(Q, K, V, W_q, W_k, W_v, W_o, num_heads)


def mask_upside_down(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    mask = None if mask is None else mask == 0
    if mask is not None:
        mask[..., 1] = True  # or some rows would be NaN
    return attend(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask)


def mask_after_the_softmax(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    weights = attend(Q, K, V, W_q, W_k, W_v, W_o, num_heads)[1]
    if mask is not None:
        weights = weights * mask
    return W_o((weights @ split(W_v(V), num_heads)).transpose(1, 2).flatten(-2)), weights


def weights_averaged_over_the_heads(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    output, weights = attend(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask)
    return output, weights.mean(dim=1)


def output_alone(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    return attend(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask)[0]


def the_other_way_round(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    return attend(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask)[::-1]


def always_three_heads(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    if Q.size(-1) % 3:
        num_heads = 2
    return attend(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask)


def right_head_by_head(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    size = Q.size(-1) // num_heads
    q, k, v = W_q(Q).split(size, -1), W_k(K).split(size, -1), W_v(V).split(size, -1)
    if mask is not None:
        mask = torch.broadcast_to(mask.bool(), (len(Q), num_heads, Q.size(1), K.size(1)))
    outputs, weights = [], []
    for h in range(num_heads):
        scores = torch.bmm(q[h], k[h].mT) * size**-0.5
        if mask is not None:
            scores[~mask[:, h]] = -1e30
        weights.append(torch.softmax(scores, -1))
        outputs.append(weights[-1] @ v[h])
    return [W_o(torch.cat(outputs, -1)), torch.stack(weights, 1)]


def right_with_einsum(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    q, k, v = (
        layer(x).unflatten(2, (num_heads, -1)) for layer, x in ((W_q, Q), (W_k, K), (W_v, V))
    )
    scores = torch.einsum("blhd,bshd->bhls", q, k) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = torch.where(mask.bool(), scores, -torch.inf)
    exponentials = (scores - scores.amax(-1, keepdim=True)).exp()
    weights = exponentials / exponentials.sum(-1, keepdim=True)
    return W_o(torch.einsum("bhls,bshd->blhd", weights, v).flatten(2)), weights


def right_with_heads_as_batch(Q, K, V, W_q, W_k, W_v, W_o, num_heads, mask=None):
    q, k, v = (
        torch.cat(layer(x).chunk(num_heads, dim=-1))  # (H * B, L, d_k)
        for layer, x in ((W_q, Q), (W_k, K), (W_v, V))
    )
    scores = (q @ k.mT / math.sqrt(q.size(-1))).view(num_heads, len(Q), Q.size(1), K.size(1))
    scores = scores.transpose(0, 1)
    if mask is not None:
        scores = scores + (1 - mask.float()) * -1e30
    weights = scores.softmax(-1)
    heads = weights.transpose(0, 1).flatten(0, 1) @ v
    return W_o(torch.cat(heads.chunk(num_heads), dim=-1)), weights


def draw(weights, query_tokens, key_tokens, *, first=1, limits=(0, 1), ticks=True, titles=True):
    figure, axes = plt.subplots(1, len(weights), squeeze=False)
    for number, (axis, head) in enumerate(zip(axes[0], weights, strict=True), start=first):
        axis.imshow(head.numpy(), vmin=limits[0], vmax=limits[1])
        if ticks:
            axis.set_xticks(range(len(key_tokens)), key_tokens)
            axis.set_yticks(range(len(query_tokens)), query_tokens)
        if titles:
            axis.set_title(f"head {number}")
    return figure


def first_head_alone(weights, query_tokens, key_tokens):
    return draw(weights[:1], query_tokens, key_tokens)


def average_of_the_heads(weights, query_tokens, key_tokens):
    return draw(weights.mean(0, keepdim=True).expand_as(weights), query_tokens, key_tokens)


def turned(weights, query_tokens, key_tokens):
    return draw(weights.mT, key_tokens, query_tokens)


def last_head_first(weights, query_tokens, key_tokens):
    return draw(weights.flip(0), query_tokens, key_tokens)


def each_its_own_colors(weights, query_tokens, key_tokens):
    return draw(weights, query_tokens, key_tokens, limits=(None, None))


def no_words(weights, query_tokens, key_tokens):
    return draw(weights, query_tokens, key_tokens, ticks=False)


def words_at_the_wrong_axes(weights, query_tokens, key_tokens):
    return draw(weights, key_tokens, query_tokens)


def no_titles(weights, query_tokens, key_tokens):
    return draw(weights, query_tokens, key_tokens, titles=False)


def counted_from_0(weights, query_tokens, key_tokens):
    return draw(weights, query_tokens, key_tokens, first=0)


def stops_at_one_head(weights, query_tokens, key_tokens):
    figure, axes = plt.subplots(1, len(weights))
    for number, (axis, head) in enumerate(zip(axes, weights, strict=True), start=1):
        axis.imshow(head.numpy(), vmin=0, vmax=1)
        axis.set_xticks(range(len(key_tokens)), key_tokens)
        axis.set_yticks(range(len(query_tokens)), query_tokens)
        axis.set_title(f"head {number}")
    return figure


def axes_in_place_of_the_figure(weights, query_tokens, key_tokens):
    return draw(weights, query_tokens, key_tokens).axes


def right_without_pyplot(weights, query_tokens, key_tokens):
    figure = Figure(figsize=(8, 3))
    for number in range(weights.shape[0]):
        axis = figure.add_subplot(len(weights), 1, number + 1, title=f"Head {number + 1}: weights")
        axis.matshow(weights[number].tolist(), vmin=0.0, vmax=1.0, cmap="Blues")
        axis.set(xticks=range(len(key_tokens)), xticklabels=key_tokens)
        axis.set(yticks=range(len(query_tokens)), yticklabels=query_tokens)
    return figure


def right_with_shared_axes(weights, query_tokens, key_tokens):
    figure, axes = plt.subplots(
        1, len(weights), sharex=True, sharey=True, squeeze=False, layout="constrained"
    )
    for h, axis in enumerate(axes.flat):
        image = axis.imshow(
            weights[h].numpy(), norm=plt.Normalize(0, 1), origin="lower", aspect="auto"
        )
        plt.sca(axis)
        plt.title(f"head {h + 1}", loc="left")
        plt.xticks(list(range(len(key_tokens))), labels=key_tokens, rotation=45)
        plt.yticks(torch.arange(len(query_tokens)).numpy(), labels=query_tokens)
        figure.colorbar(image)
    return figure


def copied(ours, theirs, order=("W_q", "W_k", "W_v"), biases=True):
    layers = [getattr(ours, name) for name in order]
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([layer.weight for layer in layers]))
        theirs.out_proj.weight.copy_(ours.W_o.weight)
        if biases:
            theirs.in_proj_bias.copy_(torch.cat([layer.bias for layer in layers]))
            theirs.out_proj.bias.copy_(ours.W_o.bias)


def measure(ours, theirs, x, mask, *, attn_mask="inverted", size=None, per_head=True):
    size = size or (lambda difference: difference.abs().max().item())
    attn_mask = ~mask if attn_mask == "inverted" else attn_mask
    output, weights = theirs(x, x, x, attn_mask=attn_mask, average_attn_weights=False)
    difference = ours.attention_weights(x, x, mask) - weights
    return size(ours(x, x, x, mask) - output), size(difference if per_head else difference.mean(1))


def not_copied(ours, theirs, x, mask):
    return measure(ours, theirs, x, mask)


def biases_forgotten(ours, theirs, x, mask):
    copied(ours, theirs, biases=False)
    return measure(ours, theirs, x, mask)


def keys_before_queries(ours, theirs, x, mask):
    copied(ours, theirs, order=("W_k", "W_q", "W_v"))
    return measure(ours, theirs, x, mask)


def copied_the_other_way(ours, theirs, x, mask):
    with torch.no_grad():
        for layer, weight, bias in zip(
            (ours.W_q, ours.W_k, ours.W_v),
            theirs.in_proj_weight.chunk(3),
            theirs.in_proj_bias.chunk(3),
            strict=True,
        ):
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
        ours.W_o.load_state_dict(theirs.out_proj.state_dict())
    return measure(ours, theirs, x, mask)


def mask_not_inverted(ours, theirs, x, mask):
    copied(ours, theirs)
    return measure(ours, theirs, x, mask, attn_mask=mask)


def theirs_without_a_mask(ours, theirs, x, mask):
    copied(ours, theirs)
    return measure(ours, theirs, x, mask, attn_mask=None)


def averaged_over_the_heads(ours, theirs, x, mask):
    copied(ours, theirs)
    return measure(ours, theirs, x, mask, per_head=False)


def averaged_by_default(ours, theirs, x, mask):
    copied(ours, theirs)
    output, weights = theirs(x, x, x, attn_mask=~mask)
    difference = ours.attention_weights(x, x, mask) - weights
    return (ours(x, x, x, mask) - output).abs().max().item(), difference.abs().max().item()


def signs_kept(ours, theirs, x, mask):
    copied(ours, theirs)
    return measure(ours, theirs, x, mask, size=lambda difference: difference.max().item())


def mean_difference(ours, theirs, x, mask):
    copied(ours, theirs)
    return measure(ours, theirs, x, mask, size=lambda difference: difference.abs().mean().item())


def tensors(ours, theirs, x, mask):
    copied(ours, theirs)
    return measure(ours, theirs, x, mask, size=lambda difference: difference.abs().max())


def zeros_without_measuring(ours, theirs, x, mask):
    copied(ours, theirs)
    return 0.0, 0.0


def measured_on_a_copy(ours, theirs, x, mask):
    theirs = copy.deepcopy(theirs)
    copied(ours, theirs)
    return measure(ours, theirs, x, mask)


def swapped(ours, theirs, x, mask):
    copied(ours, theirs)
    return measure(ours, theirs, x, mask)[::-1]


def right_with_state_dict(ours, theirs, x, mask):
    state = ours.state_dict()
    theirs.load_state_dict(
        {
            f"in_proj_{kind}": torch.cat([state[f"W_{part}.{kind}"] for part in "qkv"])
            for kind in ("weight", "bias")
        }
        | {f"out_proj.{kind}": state[f"W_o.{kind}"] for kind in ("weight", "bias")}
    )
    blocked = torch.zeros(mask.shape).masked_fill(~mask, float("-inf"))
    theirs.eval()
    output, weights = theirs(x, x, x, attn_mask=blocked, average_attn_weights=False)
    return [
        torch.max(torch.abs(output - ours(x, x, x, mask))).item(),
        float(torch.dist(weights, ours.attention_weights(x, x, mask), p=torch.inf).detach()),
    ]


def right_piece_by_piece(ours, theirs, x, mask):
    d_model = x.size(-1)
    for number, layer in enumerate((ours.W_q, ours.W_k, ours.W_v)):
        rows = slice(number * d_model, (number + 1) * d_model)
        theirs.in_proj_weight.data[rows] = layer.weight.data
        theirs.in_proj_bias.data[rows] = layer.bias.data
    theirs.out_proj.weight = nn.Parameter(ours.W_o.weight.detach().clone())
    theirs.out_proj.bias = nn.Parameter(ours.W_o.bias.detach().clone())
    output, weights = theirs(x, x, x, attn_mask=mask.logical_not(), average_attn_weights=False)
    found = (ours(x, x, x, mask) - output).flatten().tolist()
    found_weights = (ours.attention_weights(x, x, mask) - weights).flatten().tolist()
    return max(map(abs, found)), max(map(abs, found_weights))


MISTAKES = {
    "multi_head_attention": [
        (view_straight_to_heads, "the heads cut the sequence, not the features"),
        (heads_take_every_third_feature, "every third feature"),
        (heads_never_moved_forward, "stops with RuntimeError"),
        (one_head_for_all, "for each head one of query by key"),
        (scaled_by_d_model, "divided by sqrt(d_model)"),
        (not_scaled, "unscaled scores"),
        (softmax_over_queries, "which dimension does your softmax run over?"),
        (softmax_over_heads, "which dimension does your softmax run over?"),
        (no_projections, "queries and keys are not projected"),
        (values_not_projected, "the values are not projected"),
        (no_output_projection, "W_o is still to come"),
        (heads_not_moved_back, "concatenate the heads of one position"),
        (features_interleaved_at_the_end, "head after head"),
        (mask_forgotten, "still gets weight"),
        (mask_upside_down, "still gets weight"),
        (mask_after_the_softmax, "before the softmax"),
        (weights_averaged_over_the_heads, "for each head one of query by key"),
        (output_alone, "return 2 things: (the output, the weights)"),
        (the_other_way_round, "for each head one of query by key"),
        (always_three_heads, "with 5 heads of 2 features"),
    ],
    "plot_heads": [
        (first_head_alone, "expected one for each of the 3 heads"),
        (average_of_the_heads, "does not show its weights"),
        (turned, "is turned"),
        (last_head_first, "another head's weights"),
        (each_its_own_colors, "expected 0 to 1 in every head"),
        (no_words, "expected one for each of the 6 words"),
        (words_at_the_wrong_axes, "expected one for each of the 6 words"),
        (no_titles, 'expected "head 1"'),
        (counted_from_0, 'expected "head 1"'),
        (stops_at_one_head, "stops with TypeError"),
        (axes_in_place_of_the_figure, "is a list, expected a Figure"),
    ],
    "compare_with_pytorch": [
        (not_copied, "in_proj_weight is not the weight of W_q"),
        (biases_forgotten, "in_proj_bias is not the bias of W_q"),
        (keys_before_queries, "one below the other"),
        (copied_the_other_way, "`ours` was changed"),
        (mask_not_inverted, "say True where a query may not look"),
        (theirs_without_a_mask, "attends without the mask"),
        (averaged_over_the_heads, "head by head"),
        (averaged_by_default, "stops with RuntimeError"),
        (signs_kept, "take absolute values first"),
        (mean_difference, "take the largest"),
        (tensors, "item() makes one"),
        (zeros_without_measuring, "for a layer that makes a mistake"),
        (measured_on_a_copy, "in_proj_weight is not the weight of W_q"),
        (swapped, "the largest difference of the outputs"),
    ],
}

ALSO_RIGHT = {
    "multi_head_attention": [
        right_head_by_head,
        right_with_einsum,
        right_with_heads_as_batch,
    ],
    "plot_heads": [right_without_pyplot, right_with_shared_axes],
    "compare_with_pytorch": [right_with_state_dict, right_piece_by_piece],
}
