"""Appendix A: one worked answer to each practice problem."""

import copy
import math
import os
from pathlib import Path

import torch
from torch import nn


def training_losses(model: nn.Module, batches, epochs: int) -> list[float]:
    optimizer, loss_function = torch.optim.Adam(model.parameters()), nn.BCEWithLogitsLoss()
    model.train()
    means = []
    for _ in range(epochs):
        losses = []
        for images, labels in batches:
            optimizer.zero_grad()
            loss = loss_function(model(images), labels.float().unsqueeze(1))
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        means.append(sum(losses) / len(losses))
    return means


def compare_batch_norm(
    model: nn.Sequential, batches, epochs: int
) -> tuple[nn.Sequential, list[float], list[float]]:
    layers = []
    for layer in copy.deepcopy(model):
        layers.append(layer)
        if isinstance(layer, nn.Conv2d):
            layers.append(nn.BatchNorm2d(layer.out_channels))
    normalized = nn.Sequential(*layers)
    plain = training_losses(copy.deepcopy(model), batches, epochs)
    return normalized, plain, training_losses(normalized, batches, epochs)


def train_with_warmup(
    optimizer: torch.optim.Optimizer, train_one_epoch, epochs: int, warmup: int
) -> list[float]:
    def share_of_peak(epoch: int) -> float:
        if epoch <= warmup:
            return epoch / warmup
        return (1 + math.cos(math.pi * (epoch - warmup) / (epochs + 1 - warmup))) / 2

    peaks = [group["lr"] for group in optimizer.param_groups]
    rates = []
    for epoch in range(1, epochs + 1):
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * share_of_peak(epoch)
        train_one_epoch()
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def train_with_checkpoints(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, train_one_epoch, epochs: int
) -> int:
    done = 0
    if path.exists():
        state = torch.load(path, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        done = state["epoch"]
    for epoch in range(done + 1, epochs + 1):
        train_one_epoch()
        state = {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "epoch": epoch,
        }
        torch.save(state, path.with_suffix(".part"))
        os.replace(path.with_suffix(".part"), path)
    return max(epochs - done, 0)
