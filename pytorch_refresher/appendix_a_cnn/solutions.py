"""Appendix A: one worked answer to each practice problem."""

import copy
import math
import os
from pathlib import Path

import torch
from torch import nn


def training_losses(model: nn.Module, batches, epochs: int) -> list[float]:
    optimizer, loss_function = torch.optim.Adam(model.parameters()), nn.BCEWithLogitsLoss()
    means = []
    for _ in range(epochs):
        losses = []
        for images, labels in batches:
            optimizer.zero_grad()
            # The loss wants floats, in the shape of the logits: (B,) becomes (B, 1).
            loss = loss_function(model(images), labels.float().unsqueeze(1))
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        means.append(sum(losses) / len(losses))
    return means


def compare_batch_norm(model: nn.Sequential, batches, epochs: int) -> tuple:
    # Two copies: without them, both networks would train the same convolutions.
    layers = []
    for layer in copy.deepcopy(model):
        layers.append(layer)
        if isinstance(layer, nn.Conv2d):
            layers.append(nn.BatchNorm2d(layer.out_channels))  # one mean and variance per kernel
    normalized = nn.Sequential(*layers)  # in train mode, as all new modules are
    # One function for both makes the comparison fair.
    plain = training_losses(copy.deepcopy(model), batches, epochs)
    return normalized, plain, training_losses(normalized, batches, epochs)


def train_with_warmup(optimizer, train_one_epoch, epochs: int, warmup: int) -> list[float]:
    def share_of_peak(epoch: int) -> float:
        if epoch <= warmup:  # never so if warmup is 0, so there's no division by 0
            return epoch / warmup
        return (1 + math.cos(math.pi * (epoch - warmup) / (epochs + 1 - warmup))) / 2

    # Note the peaks now: from the first epoch on, the groups hold other rates.
    peaks = [group["lr"] for group in optimizer.param_groups]
    rates = []
    for epoch in range(1, epochs + 1):
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * share_of_peak(epoch)
        train_one_epoch()
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def train_with_checkpoints(path: Path, model, optimizer, train_one_epoch, epochs: int) -> int:
    done = 0
    if path.exists():
        checkpoint = torch.load(path, weights_only=True)
        model.load_state_dict(checkpoint["model"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        torch.set_rng_state(checkpoint["random"])
        done = checkpoint["epoch"]
    for epoch in range(done + 1, epochs + 1):
        train_one_epoch()
        checkpoint = {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "random": torch.get_rng_state(),  # after the epoch, which is where the next one starts
            "epoch": epoch,
        }
        # Under another name first. The rename is one step, so a whole file is there at any moment.
        part = path.with_name(f"{path.name}.part")
        torch.save(checkpoint, part)
        os.replace(part, path)
    return max(epochs - done, 0)  # done may be more than was asked for
