"""Lesson 14: one worked answer to each practice problem."""

import torch
from torch import Tensor, nn


def additive_attention(
    query: Tensor, keys: Tensor, values: Tensor, W: Tensor, U: Tensor, v: Tensor, lengths: Tensor
) -> tuple[Tensor, Tensor]:
    # One query per sequence, so it only needs a dimension of size 1 to be added to every key.
    hidden = torch.tanh((query @ W.T)[:, None] + keys @ U.T)  # (B, S, A)
    scores = hidden @ v  # (B, S)
    # True at padding. -inf before the softmax, so that the real keys still share a weight of 1.
    padding = torch.arange(keys.size(1)) >= lengths[:, None]  # (B, S)
    weights = scores.masked_fill(padding, float("-inf")).softmax(dim=1)
    # (B, 1, S) @ (B, S, Dv) is a weighted sum per sequence. Then the extra dimension has to go.
    return (weights[:, None] @ values).squeeze(1), weights


def plot_alignment(weights: Tensor, source: list[str], written: list[str]):
    import matplotlib.pyplot as plt

    # What's after END, and the columns of padding, say nothing about how the model reads.
    rows = written.index("END") + 1 if "END" in written else len(written)
    columns = len(source) - source.count("<pad>")
    real = weights[:rows, :columns].detach()  # a plot needs no graph
    figure, axis = plt.subplots(layout="constrained")
    # Without vmin and vmax, the same color would mean something else in every figure.
    axis.imshow(real.numpy(), vmin=0, vmax=1, cmap="Blues")
    axis.set_xticks(range(columns), source[:columns])
    axis.set_yticks(range(rows), written[:rows])
    return figure


@torch.no_grad()
def compare_seq2seq(
    models: dict[str, nn.Module], sources: Tensor, targets: Tensor, start: int
) -> dict[str, tuple[float, float, float]]:
    first = torch.full_like(targets[:, :1], start)  # (B, 1)
    results = {}
    for name, model in models.items():
        model.eval()  # or dropout would make every answer a bit random
        # With teacher forcing, all inputs are known: the targets, one step later.
        forced = model(sources, torch.cat([first, targets[:, :-1]], dim=1)).argmax(dim=-1)
        # By itself, it gets what it has written so far. Only the newest step is new.
        written = first
        for _ in range(targets.size(1)):
            token = model(sources, written)[:, -1:].argmax(dim=-1)  # (B, 1)
            written = torch.cat([written, token], dim=1)
        right = written[:, 1:] == targets  # (B, L); START was never an answer
        results[name] = (
            (forced == targets).float().mean().item(),
            right.float().mean().item(),
            right.all(dim=1).float().mean().item(),
        )
    return results
