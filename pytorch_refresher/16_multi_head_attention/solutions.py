"""Lesson 16: one worked answer to each practice problem."""

import math

import torch
from torch import Tensor, nn


class CrossAttention(nn.Module):
    def __init__(self, d_model: int, d_memory: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads, self.d_k = num_heads, d_model // num_heads
        self.W_q = nn.Linear(d_model, d_model)
        # Queries and keys meet in a dot product, so they need the same width. Projecting the
        # memory to d_model gives it to them, however wide the memory is.
        self.W_k = nn.Linear(d_memory, d_model)
        self.W_v = nn.Linear(d_memory, d_model)
        self.W_o = nn.Linear(d_model, d_model)

    def split_heads(self, x: Tensor) -> Tensor:
        # -1 is whatever the length is: L for x, S for the memory.
        return x.view(len(x), -1, self.num_heads, self.d_k).transpose(1, 2)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor | None = None):
        q = self.split_heads(self.W_q(x))  # (B, H, L, d_k)
        k, v = self.split_heads(self.W_k(memory)), self.split_heads(self.W_v(memory))
        scores = q @ k.mT / math.sqrt(self.d_k)  # (B, H, L, S): d_k, as that's what a head compares
        if mask is not None:
            scores = scores.masked_fill(mask == 0, float("-inf"))  # also right for 0 and 1
        weights = scores.softmax(dim=-1)  # over the keys
        # The heads go back behind the positions before their features are joined.
        return self.W_o((weights @ v).transpose(1, 2).flatten(2)), weights


def plot_heads(layer, x: Tensor, words: list[str]):
    import matplotlib.pyplot as plt

    with torch.no_grad():  # a plot needs no gradient
        weights = layer.attention_weights(x, x).squeeze(0)  # (H, L, L)
    # squeeze=False: an array of axes also where there is only one head.
    figure, axes = plt.subplots(ncols=len(weights), squeeze=False, layout="constrained")
    for axis, head in zip(axes.flat, weights, strict=True):
        # Without vmin and vmax, every head would stretch the colors over its own range.
        axis.imshow(head.numpy(), vmin=0, vmax=1)
        axis.set_xticks(range(len(words)), words, rotation=90)
        axis.set_yticks(range(len(words)), words)
    return figure


def compare_with_pytorch(
    ours, theirs: nn.MultiheadAttention, x: Tensor, lengths: Tensor
) -> tuple[float, float]:
    real = torch.arange(x.size(1)) < lengths[:, None]  # (B, L)
    projections = (ours.W_q, ours.W_k, ours.W_v)
    with torch.no_grad():
        # copy_ writes the values. An assignment would make both layers share one tensor, and
        # training one would change the other.
        theirs.in_proj_weight.copy_(torch.cat([layer.weight for layer in projections]))
        theirs.in_proj_bias.copy_(torch.cat([layer.bias for layer in projections]))
        theirs.out_proj.load_state_dict(ours.W_o.state_dict())
        # True means "look" in our mask, and "don't look" in theirs.
        mask = real[:, None, None, :]  # (B, 1, 1, L): for every head and every query
        output, weights = theirs(x, x, x, key_padding_mask=~real, average_attn_weights=False)
        on_output = ours(x, x, x, mask) - output
        on_weights = ours.attention_weights(x, x, mask) - weights
    return on_output.abs().max().item(), on_weights.abs().max().item()
