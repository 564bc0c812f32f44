"""Lesson 14: one worked answer to each practice problem."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def additive_attention(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    W: Tensor,
    U: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    pairs = (queries @ W.T)[:, :, None] + (keys @ U.T)[:, None]  # (B, L, S, A)
    scores = torch.tanh(pairs) @ v  # (B, L, S)
    if mask is not None:
        scores = scores.masked_fill(~mask[:, None], float("-inf"))  # (B, 1, S): for each query
    weights = scores.softmax(dim=-1)
    return weights @ values, weights


def alignment_figure(weights: Tensor, source: list[str], written: list[str]):
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(layout="constrained")
    image = axis.imshow(weights.detach().numpy(), vmin=0, vmax=1)
    axis.set_xticks(range(len(source)), source)
    axis.set_yticks(range(len(written)), written)
    axis.set(title="Where each word looks", xlabel="words read", ylabel="words written")
    figure.colorbar(image, label="attention weight")
    return figure


def compare_seq2seq(
    models: dict[str, nn.Module],
    batches: list[tuple[Tensor, Tensor, Tensor]],
    tests: dict[int, tuple[Tensor, Tensor, Tensor]],
) -> dict[str, tuple[list[float], dict[int, float]]]:
    results = {}
    for name, model in models.items():
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        losses = []
        for sources, inputs, targets in batches:
            loss = F.cross_entropy(model(sources, inputs).flatten(0, 1), targets.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        shares = {}
        with torch.no_grad():
            for length, (sources, inputs, targets) in tests.items():
                right = model(sources, inputs).argmax(dim=-1) == targets  # (B, L)
                shares[length] = right.all(dim=1).float().mean().item()
        results[name] = (losses, shares)
    return results
