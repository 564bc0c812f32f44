"""Answers to the problems of appendix A: wrong ones with a piece of their hint, and right ones."""

import copy
import io
import math
import os
import shutil
import tempfile

import torch
import torch.nn.functional as F
from torch import nn


def losses_of(model, batches, epochs, *, zero=True, mode=True, by_image=False):
    optimizer = torch.optim.Adam(model.parameters())
    model.train(mode)
    means = []
    for _ in range(epochs):
        total = count = 0
        for images, labels in batches:
            if zero:
                optimizer.zero_grad()
            loss = F.binary_cross_entropy_with_logits(model(images).squeeze(1), labels.float())
            loss.backward()
            optimizer.step()
            weight = len(labels) if by_image else 1
            total, count = total + weight * loss.item(), count + weight
        means.append(total / count)
    return means


def with_norms(layers):
    made = []
    for layer in layers:
        made.append(layer)
        if isinstance(layer, nn.Conv2d):
            made.append(nn.BatchNorm2d(layer.out_channels))
    return nn.Sequential(*made)


def compared(model, batches, epochs, **options):
    plain, second = copy.deepcopy(model), with_norms(copy.deepcopy(model))
    return (
        second,
        losses_of(plain, batches, epochs, **options),
        losses_of(second, batches, epochs, **options),
    )


def model_itself_trained(model, batches, epochs):
    second = with_norms(copy.deepcopy(model))
    return second, losses_of(model, batches, epochs), losses_of(second, batches, epochs)


def norm_after_the_activation(model, batches, epochs):
    layers = []
    for layer in copy.deepcopy(model):
        layers.append(layer)
        if isinstance(layer, nn.Conv2d):
            width = layer.out_channels
        if isinstance(layer, nn.ReLU):
            layers.append(nn.BatchNorm2d(width))
    second = nn.Sequential(*layers)
    plain = losses_of(copy.deepcopy(model), batches, epochs)
    return second, plain, losses_of(second, batches, epochs)


def in_evaluation_mode(model, batches, epochs):
    return compared(model, batches, epochs, mode=False)


def gradients_pile_up(model, batches, epochs):
    return compared(model, batches, epochs, zero=False)


def means_over_images(model, batches, epochs):
    return compared(model, batches, epochs, by_image=True)


def second_model_not_trained(model, batches, epochs):
    second, plain, losses = compared(model, batches, epochs)
    untrained = with_norms(copy.deepcopy(model))
    for layer in untrained:
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean += 0.01
    return untrained, plain, losses


def built_with_insert(model, batches, epochs):
    second = copy.deepcopy(model).train()
    for place in reversed(range(len(second))):
        if isinstance(second[place], nn.Conv2d):
            second.insert(place + 1, nn.BatchNorm2d(second[place].out_channels))
    plain = copy.deepcopy(model).train()
    optimizers = [torch.optim.Adam(each.parameters(), lr=1e-3) for each in (plain, second)]
    losses = [[], []]
    for _ in range(epochs):
        sums = [0.0, 0.0]
        for x, y in batches:
            for number, each in enumerate((plain, second)):
                z = each(x)[:, 0]
                loss = (z.clamp(min=0) - z * y + torch.log1p(torch.exp(-z.abs()))).mean()
                optimizers[number].zero_grad()
                loss.backward()
                optimizers[number].step()
                sums[number] += loss.item()
        for number in range(2):
            losses[number].append(sums[number] / len(batches))
    return second, losses[0], losses[1]


def weights_copied_by_state_dict(model, batches, epochs):
    layers = []
    for layer in model:
        if isinstance(layer, nn.Conv2d):
            sizes = layer.in_channels, layer.out_channels, layer.kernel_size
            fresh = nn.Conv2d(*sizes, padding=layer.padding, bias=layer.bias is not None)
            fresh.load_state_dict(layer.state_dict())
            layers.append(nn.Sequential(fresh, nn.BatchNorm2d(layer.out_channels)))
        else:
            layers.append(copy.deepcopy(layer))
    second = nn.Sequential(*layers)
    trained = losses_of(second, batches, epochs)
    return [second.eval(), losses_of(copy.deepcopy(model), batches, epochs), trained]


# Problem 2.


def scheduled(optimizer, train_one_epoch, epochs, share, *, own_peaks=True, late=False):
    peaks = [group["lr"] for group in optimizer.param_groups]
    rates = []
    for epoch in range(1, epochs + 1):
        if late:
            train_one_epoch()
        for number, group in enumerate(optimizer.param_groups):
            group["lr"] = peaks[number if own_peaks else 0] * share(epoch)
        if not late:
            train_one_epoch()
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def shares(epochs, warmup, *, first=0, end=1, half=2.0):
    def share(epoch):
        if epoch <= warmup:
            return (epoch - first) / max(warmup, 1)
        return (1 + math.cos(math.pi * (epoch - warmup) / (epochs + end - warmup))) / half

    return share


def counted_from_zero(optimizer, train_one_epoch, epochs, warmup):
    return scheduled(optimizer, train_one_epoch, epochs, shares(epochs, warmup, first=1))


def one_peak_for_all(optimizer, train_one_epoch, epochs, warmup):
    return scheduled(optimizer, train_one_epoch, epochs, shares(epochs, warmup), own_peaks=False)


def an_epoch_late(optimizer, train_one_epoch, epochs, warmup):
    return scheduled(optimizer, train_one_epoch, epochs, shares(epochs, warmup), late=True)


def by_lambda_lr(optimizer, train_one_epoch, epochs, warmup):
    share = shares(epochs, warmup)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: share(done + 1))
    rates = []
    for _ in range(epochs):
        rates += scheduler.get_last_lr()[:1]
        train_one_epoch()
        scheduler.step()
    return rates


def rates_in_advance(optimizer, train_one_epoch, epochs, warmup):
    rising = [number / warmup for number in range(1, warmup + 1)]
    angles = torch.linspace(0, math.pi, epochs - warmup + 2, dtype=torch.float64)[1:-1]
    plan = rising + ((1 + angles.cos()) / 2).tolist()
    bases = [float(group["lr"]) for group in optimizer.param_groups]
    for factor in plan:
        for group, base in zip(optimizer.param_groups, bases, strict=True):
            group.update(lr=factor * base)
        train_one_epoch()
    return [bases[0] * factor for factor in plan]


# Problem 3.


def checkpointed(
    path,
    model,
    optimizer,
    train_one_epoch,
    epochs,
    *,
    keep=("model", "optimizer", "random"),
    save=None,
    start=1,
    weights_only=True,
    result=lambda done, epochs: max(epochs - done, 0),
):
    done = 0
    if path.exists():
        state = torch.load(path, weights_only=weights_only)
        done = state["epoch"]
        if "model" in keep:
            model.load_state_dict(state["model"])
        if "optimizer" in keep:
            optimizer.load_state_dict(state["optimizer"])
        if "random" in keep:
            torch.set_rng_state(state["random"])
    for epoch in range(done + start, epochs + 1):
        train_one_epoch()
        state = {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "epoch": epoch,
        }
        (save or save_in_one_step)(state, path)
    return result(done, epochs)


def save_in_one_step(state, path):
    part = path.with_name("checkpoint.part")
    torch.save(state, part)
    os.replace(part, path)


def optimizer_forgotten(*given):
    return checkpointed(*given, keep=("model", "random"))


def random_state_forgotten(*given):
    return checkpointed(*given, keep=("model", "optimizer"))


def written_over_the_old_one(*given):
    return checkpointed(*given, save=lambda state, path: torch.save(state, path))


def copied_over_the_old_one(*given):
    def save(state, path):
        torch.save(state, path.with_name("part"))
        shutil.copyfile(path.with_name("part"), path)

    return checkpointed(*given, save=save)


def old_one_removed_first(*given):
    def save(state, path):
        path.unlink(missing_ok=True)
        save_in_one_step(state, path)

    return checkpointed(*given, save=save)


def number_of_the_last_epoch(*given):
    return checkpointed(*given, result=lambda done, epochs: epochs)


def loads_whatever_it_finds(*given):
    return checkpointed(*given, weights_only=False)


def through_memory(path, model, optimizer, train_one_epoch, epochs):
    first = 0
    if path.is_file():
        first, random, weights, rest = torch.load(path, weights_only=True)
        model.load_state_dict(weights)
        optimizer.load_state_dict(rest)
        torch.random.set_rng_state(random)
    trained = 0
    while first + trained < epochs:
        train_one_epoch()
        trained += 1
        memory = io.BytesIO()
        parts = [first + trained, torch.random.get_rng_state()]
        torch.save([*parts, model.state_dict(), optimizer.state_dict()], memory)
        other = path.parent / "being_written"
        other.write_bytes(memory.getvalue())
        other.replace(path)
    return trained


def through_another_folder(path, model, optimizer, train_one_epoch, epochs):
    state = {"epoch": torch.tensor(0)}
    if os.path.exists(path):
        state = torch.load(str(path), map_location="cpu", weights_only=True)
        model.load_state_dict(state["net"])
        optimizer.load_state_dict(state["adam"])
        torch.set_rng_state(state["rng"])
    left = range(int(state["epoch"]), epochs)
    for done in left:
        train_one_epoch()
        state = {"epoch": torch.tensor(done + 1), "rng": torch.get_rng_state()}
        state |= {"net": model.state_dict(), "adam": optimizer.state_dict()}
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            torch.save(state, os.path.join(folder, "new"))
            shutil.move(os.path.join(folder, "new"), path)
    return len(left)


MISTAKES = {
    "compare_batch_norm": [
        (model_itself_trained, "model has changed"),
        (norm_after_the_activation, "the second model's layers are Conv2d, ReLU, BatchNorm2d"),
        (in_evaluation_mode, "was trained in eval mode"),
        (gradients_pile_up, "gradients that add up"),
        (second_model_not_trained, "return it trained"),
        (means_over_images, "same starting weights?"),
    ],
    "train_with_warmup": [
        (counted_from_zero, "epoch 1 must train at 0.266667, yours does at 0"),
        (one_peak_for_all, "its own peak"),
        (an_epoch_late, "comes an epoch late"),
    ],
    "train_with_checkpoints": [
        (random_state_forgotten, "model, optimizer and random state?"),
        (optimizer_forgotten, "model, optimizer and random state?"),
        (written_over_the_old_one, "os.replace()"),
        (copied_over_the_old_one, "os.replace()"),
        (old_one_removed_first, "os.replace()"),
        (number_of_the_last_epoch, "return 0, you return 2"),
        (loads_whatever_it_finds, "with weights_only=True"),
    ],
}

ALSO_RIGHT = {
    "compare_batch_norm": [built_with_insert, weights_copied_by_state_dict],
    "train_with_warmup": [by_lambda_lr, rates_in_advance],
    "train_with_checkpoints": [through_memory, through_another_folder],
}
