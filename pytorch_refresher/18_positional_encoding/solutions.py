"""Lesson 18: one worked answer to each practice problem."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def sinusoidal_encoding(positions: Tensor, d_model: int) -> Tensor:
    feature = torch.arange(d_model)
    # Features 2i and 2i + 1 share an angle: rounding down to an even number makes 2i of both.
    speed = 10000.0 ** (-(feature // 2 * 2) / d_model)  # (d_model,)
    angle = positions[..., None] * speed  # (B, L, 1) times (d_model,): (B, L, d_model)
    # This computes twice as many sines and cosines as it needs. In return, an odd d_model is no
    # special case.
    return torch.where(feature % 2 == 0, angle.sin(), angle.cos())


def plot_positions(module: nn.Module, d_model: int, length: int):
    import matplotlib.pyplot as plt

    with torch.no_grad():  # a plot needs no graph
        # What is added to zeros is all that comes out.
        added = module(torch.zeros(1, length, d_model)).squeeze(0)  # (length, d_model)
    # Once all vectors have length 1, dot products are cosines. Learned vectors differ in length, and
    # otherwise the longest would look similar to everything.
    directions = added / added.norm(dim=1, keepdim=True)
    figure, (left, right) = plt.subplots(1, 2)
    left.imshow(added.numpy(), cmap="RdBu", aspect="auto")
    right.imshow((directions @ directions.T).numpy(), cmap="RdBu")
    return figure


def compare_positions(models: dict, batches: list, test: tuple, seen: int) -> dict:
    shares = {}
    for name, model in models.items():
        model.train()  # a model may come in evaluation mode
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)  # of this model alone
        for inputs, targets in batches:
            loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        inputs, targets = test
        with torch.no_grad():
            right = (model(inputs).argmax(dim=-1) == targets).float()  # (B, L)
        # A single mean over all positions would hide how badly the unseen ones do.
        shares[name] = (right[:, :seen].mean().item(), right[:, seen:].mean().item())
    return shares
