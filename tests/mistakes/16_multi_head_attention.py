"""Answers to the problems of lesson 16: wrong ones with a piece of their hint, and right ones."""

import math

import matplotlib.pyplot as plt
import torch
from torch import nn

# CrossAttention: wrong. Each differs from Right in one place.


class Right(nn.Module):
    def __init__(self, d_model, d_memory, num_heads):
        super().__init__()
        self.H, self.d_k = num_heads, d_model // num_heads
        self.W_q, self.W_o = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.W_k, self.W_v = nn.Linear(d_memory, d_model), nn.Linear(d_memory, d_model)

    def split(self, x):
        return x.reshape(x.size(0), x.size(1), self.H, self.d_k).transpose(1, 2)

    def weights(self, q, k, mask):
        scores = q @ k.transpose(-2, -1) / self.d_k**0.5
        if mask is not None:
            scores = scores.masked_fill(mask == 0, -math.inf)
        return scores.softmax(-1)

    def forward(self, x, memory, mask=None):
        q, k, v = map(self.split, (self.W_q(x), self.W_k(memory), self.W_v(memory)))
        weights = self.weights(q, k, mask)
        return self.W_o((weights @ v).transpose(1, 2).reshape(x.shape)), weights


class CutsTheSequence(Right):
    def split(self, x):
        return x.reshape(x.size(0), self.H, x.size(1), self.d_k)


class TrueForbids(Right):
    def weights(self, q, k, mask):
        return super().weights(q, k, None if mask is None else mask == 0)


class NoGradientToTheWeights(Right):
    def weights(self, q, k, mask):
        return super().weights(q, k, mask).detach()


class Fused(Right):
    def forward(self, x, memory, mask=None):
        q, k, v = map(self.split, (self.W_q(x), self.W_k(memory), self.W_v(memory)))
        mask = None if mask is None else mask != 0
        heads = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.W_o(heads.transpose(1, 2).flatten(2)), self.weights(q, k, mask)


# CrossAttention: right


class HeadByHead(nn.Module):
    def __init__(self, d_model, d_memory, num_heads):
        super().__init__()
        self.heads = num_heads
        for name, width in dict(W_q=d_model, W_k=d_memory, W_v=d_memory, W_o=d_model).items():
            setattr(self, name, nn.Linear(width, d_model, bias=False))

    def forward(self, x, memory, mask=None):
        parts = (self.W_q(x), self.W_k(memory), self.W_v(memory))
        outputs, weights = [], []
        if mask is not None:
            mask = mask.bool().expand(len(x), self.heads, x.size(1), memory.size(1))
        for h in range(self.heads):
            q, k, v = (each.chunk(self.heads, -1)[h] for each in parts)
            scores = torch.bmm(q, k.mT) * q.size(-1) ** -0.5
            if mask is not None:
                scores[~mask[:, h]] = -1e30
            weights.append(torch.softmax(scores, 2))
            outputs.append(weights[-1] @ v)
        return [self.W_o(torch.cat(outputs, -1)), torch.stack(weights, 1)]


class WithEinsum(Right):
    def forward(self, x, memory, mask=None):
        q, k, v = (
            each.unflatten(2, (self.H, -1))
            for each in (self.W_q(x), self.W_k(memory), self.W_v(memory))
        )
        scores = torch.einsum("blhd,bshd->bhls", q, k) / math.sqrt(self.d_k)
        if mask is not None:
            scores = torch.where(mask.bool(), scores, -torch.inf)
        exponentials = (scores - scores.amax(-1, keepdim=True)).exp()
        weights = exponentials / exponentials.sum(-1, keepdim=True)
        return self.W_o(torch.einsum("bhls,bshd->blhd", weights, v).flatten(2)), weights


# plot_heads: wrong


def draw(weights, words, limits=(0, 1)):
    figure, axes = plt.subplots(1, len(weights), squeeze=False)
    for axis, head in zip(axes[0], weights, strict=True):
        axis.imshow(head.detach().numpy(), vmin=limits[0], vmax=limits[1])
        axis.set_xticks(range(len(words)), words)
        axis.set_yticks(range(len(words)), words)
    return figure


def average_of_the_heads(layer, x, words):
    return draw(layer.attention_weights(x, x).mean(1), words)


def keys_by_queries(layer, x, words):
    return draw(layer.attention_weights(x, x)[0].mT, words)


def each_its_own_colors(layer, x, words):
    return draw(layer.attention_weights(x, x)[0], words, (None, None))


# plot_heads: right


def with_pyplot(layer, x, words):
    weights = layer.attention_weights(x, x).squeeze(0)
    for h, head in enumerate(weights.tolist()):
        plt.subplot(len(weights), 1, h + 1)
        plt.imshow(head, norm=plt.Normalize(0, 1), aspect="auto")
        plt.title(f"head {h + 1}")
        plt.xticks(range(len(words)), labels=words, rotation=45)
        plt.yticks(range(len(words)), labels=words)
        plt.colorbar()
    return plt.gcf()


def with_meshes(layer, x, words):
    weights = layer.attention_weights(x, x)[0].detach().numpy()
    _, axes = plt.subplots(len(weights), sharex=True, squeeze=False)
    for axis, head in zip(axes.flat, weights, strict=True):
        axis.pcolormesh(head, vmin=0.0, vmax=1.0, cmap="Greens")
        axis.set_xticks([place + 0.5 for place in range(len(words))], words)
        axis.set_yticks([place + 0.5 for place in range(len(words))], words)
        axis.invert_yaxis()
    return axes


# compare_with_pytorch: wrong


def copied(ours, theirs):
    layers = (ours.W_q, ours.W_k, ours.W_v)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([layer.weight for layer in layers]))
        theirs.out_proj.weight.copy_(ours.W_o.weight)
        theirs.in_proj_bias.copy_(torch.cat([layer.bias for layer in layers]))
        theirs.out_proj.bias.copy_(ours.W_o.bias)


def measured(ours, theirs, x, mask, padding):
    output, weights = theirs(x, x, x, key_padding_mask=padding, average_attn_weights=False)
    differences = (ours(x, x, x, mask) - output, ours.attention_weights(x, x, mask) - weights)
    return tuple(difference.abs().max().item() for difference in differences)


def real_tokens(x, lengths):
    return torch.arange(x.size(1)) < lengths[:, None]


def an_alias(ours, theirs, x, lengths):
    copied(ours, theirs)
    theirs.out_proj = ours.W_o
    real = real_tokens(x, lengths)
    return measured(ours, theirs, x, real[:, None, None], ~real)


def one_mask_for_both(ours, theirs, x, lengths):
    copied(ours, theirs)
    real = real_tokens(x, lengths)
    return measured(ours, theirs, x, real[:, None, None], real)


def no_masks_at_all(ours, theirs, x, lengths):
    copied(ours, theirs)
    return measured(ours, theirs, x, None, None)


# compare_with_pytorch: right


def with_state_dict(ours, theirs, x, lengths):
    state = ours.state_dict()
    theirs.load_state_dict(
        {
            f"in_proj_{kind}": torch.cat([state[f"W_{part}.{kind}"] for part in "qkv"])
            for kind in ("weight", "bias")
        }
        | {f"out_proj.{kind}": state[f"W_o.{kind}"] for kind in ("weight", "bias")}
    )
    real = real_tokens(x, lengths)
    theirs.eval()
    return list(measured(ours, theirs, x, real[:, None, None].int(), ~real))


def one_attn_mask_for_all(ours, theirs, x, lengths):
    for number, layer in enumerate((ours.W_q, ours.W_k, ours.W_v)):
        rows = slice(number * x.size(2), (number + 1) * x.size(2))
        theirs.in_proj_weight.data[rows] = layer.weight.data
        theirs.in_proj_bias.data[rows] = layer.bias.data
    theirs.out_proj.weight = nn.Parameter(ours.W_o.weight.detach().clone())
    theirs.out_proj.bias = nn.Parameter(ours.W_o.bias.detach().clone())
    mask = real_tokens(x, lengths)[:, None, None].expand(-1, theirs.num_heads, x.size(1), -1)
    with torch.inference_mode():
        output, weights = theirs(
            x, x, x, attn_mask=mask.logical_not().flatten(0, 1), average_attn_weights=False
        )
        differences = (ours(x, x, x, mask) - output, ours.attention_weights(x, x, mask) - weights)
    return tuple(each.numpy().__abs__().max() for each in differences)


MISTAKES = {
    "CrossAttention": [
        (CutsTheSequence, "the heads cut the sequence, not the features"),
        (TrueForbids, "the mask is the wrong way round"),
        (NoGradientToTheWeights, "the weights have lost their gradient"),
        (Fused, "which is off limits"),
    ],
    "plot_heads": [
        (average_of_the_heads, "1 axes show a heat map"),
        (keys_by_queries, "is turned"),
        (each_its_own_colors, "expected 0 to 1 in every head"),
    ],
    "compare_with_pytorch": [
        (an_alias, "shares its memory"),
        (one_mask_for_both, "wants True where a query may not look"),
        (no_masks_at_all, "both look at the padding"),
    ],
}

ALSO_RIGHT = {
    "CrossAttention": [HeadByHead, WithEinsum],
    "plot_heads": [with_pyplot, with_meshes],
    "compare_with_pytorch": [with_state_dict, one_attn_mask_for_all],
}
