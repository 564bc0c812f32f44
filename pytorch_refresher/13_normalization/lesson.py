"""Lesson 13: Normalization

Give lesson 10's network eight hidden layers instead of one, and train it with SGD. It doesn't get
better. For a long time it learns nothing: nine answers in ten are wrong, as with blind guessing.
There is no bug. The image is lost on its way through the layers, and this lesson brings it back.

    python lesson.py             run the lesson, then mark your practice answers
    python lesson.py --practice  only mark your practice answers
    python lesson.py --download  run it on all 70,000 images
"""

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import (
    lesson_arguments,
    report_practice,
    save_figure,
    section,
    show_error,
)
from pytorch_refresher._data import fashion_mnist

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SEED = 0
HIDDEN, WIDTH = 8, 64  # hidden layers, and the units of each
# Letters in shapes: B samples in a batch, L positions of a sequence, D features of each.
# Where we say B and D, the documentation of BatchNorm says N and C.


def images_that_fade(images: Tensor) -> None:
    section("Layer after layer, images get more alike")

    # Send 1,000 images through the layers. How different are they after each? Take the standard
    # deviation of a unit over the images, and average over the units.
    torch.manual_seed(SEED)
    plain = rescaled = images[:1000]
    print("hidden layer   plain   rescaled")
    with torch.no_grad():
        for number in range(1, HIDDEN + 1):
            linear = nn.Linear(plain.size(1), WIDTH)
            plain = linear(plain).relu()
            # The cure: bring each unit back to mean 0 and standard deviation 1, at every layer.
            rescaled = linear(rescaled)
            rescaled = ((rescaled - rescaled.mean(dim=0)) / rescaled.std(dim=0)).relu()
            print(f"{number:>12}{plain.std(dim=0).mean():>8.4f}{rescaled.std(dim=0).mean():>11.4f}")

    # PyTorch's starting weights are small: a layer leaves a third of the mean square, and ReLU half
    # of that. After eight layers, all images look alike, and so would the scores.


def normalize(x: Tensor, dim: int | tuple[int, ...], eps: float = 1e-5) -> Tensor:
    """Bring x to mean 0 and variance 1 over the dimensions `dim`. The shape stays.

    Source: Ioffe and Szegedy, "Batch Normalization" (2015), algorithm 1.
    """
    mean = x.mean(dim=dim, keepdim=True)
    variance = x.var(dim=dim, correction=0, keepdim=True)  # divided by n, not by n - 1
    return (x - mean) / (variance + eps).sqrt()  # eps: where all are equal, don't divide by 0


def columns_or_rows() -> None:
    section("Columns or rows?")

    # Three people rate three dishes. Ann is strict, Cleo is generous.
    dishes = ("soup", "curry", "cake")
    people = {"Ann": [1.0, 2.0, 3.0], "Ben": [4.0, 6.0, 8.0], "Cleo": [7.0, 8.0, 9.0]}
    ratings = torch.tensor(list(people.values()))  # (B, D)

    # BatchNorm goes down a column: how does this rating compare with the others of that dish?
    # LayerNorm goes along a row: what does this person like more than the rest, and what less?
    by_column, by_row = normalize(ratings, dim=0), normalize(ratings, dim=1)
    head = "".join(f"{dish:>7}" for dish in dishes)
    print(f"{'':<6}{head}  {head}  {head}")
    for name, *rows in zip(people, ratings, by_column, by_row, strict=True):
        print(f"{name:<6}" + "  ".join("".join(f"{x:>7.2f}" for x in row) for row in rows))
    print("       the ratings            each column normalized  each row normalized")

    # Ben goes home. Ann's ratings are what they were, but look what happens to her numbers.
    print(f"Ann without Ben, by column: {normalize(ratings[::2], dim=0)[0]}")
    print(f"Ann without Ben, by row:    {normalize(ratings[::2], dim=1)[0]}")


def batch_norm() -> None:
    section("BatchNorm: one feature over the batch")
    torch.manual_seed(SEED)

    # BatchNorm: normalize across batch (N), per feature
    # Input shape: (N, C), or (N, C, H, W) with nn.BatchNorm2d
    # Computes mean/var over N for each C
    bn = nn.BatchNorm1d(num_features=512)
    x = torch.randn(32, 512) * torch.logspace(-1, 1, 512) + 1  # (N, C), from narrow to wide
    y = bn(x)
    print(f"std of the last feature: {x[:, -1].std():.2f} before, {y[:, -1].std():.2f} after")
    print(f"{torch.allclose(y, normalize(x, dim=0), atol=1e-5) = }")

    # What if the next layer would like another scale better? Then that can be learned: each feature
    # is multiplied by a gamma, called weight, and a beta, called bias, is added.
    nn.init.constant_(bn.weight, 2.0)
    nn.init.constant_(bn.bias, 3.0)
    print(f"{torch.allclose(bn(x), 2 * normalize(x, dim=0) + 3, atol=1e-4) = }")

    # Of an image, each channel is a feature, and each pixel counts as one more sample of it.
    images, bn2d = torch.randn(8, 3, 5, 5), nn.BatchNorm2d(num_features=3)  # (N, C, H, W)
    print(f"{torch.allclose(bn2d(images), normalize(images, dim=(0, 2, 3)), atol=1e-5) = }")
    # In a sequence, each position does. Mind the order: the features come second, (N, C, L).
    sequences, bn1d = torch.randn(8, 16, 5), nn.BatchNorm1d(num_features=16)
    print(f"{torch.allclose(bn1d(sequences), normalize(sequences, dim=(0, 2)), atol=1e-5) = }")


def training_and_evaluation() -> None:
    section("Training mode and evaluation mode")

    # A single image has no batch to compare with. So while it trains, BatchNorm remembers: after
    # each batch, its running mean goes a part of the way, the momentum, to that batch's mean.
    torch.manual_seed(SEED)
    bn = nn.BatchNorm1d(num_features=2)
    mean, variance = torch.zeros(2), torch.ones(2)  # what it starts with
    for _ in range(3):
        x = torch.randn(4, 2) * 5 + 10  # (B, D), drawn with mean 10 and variance 25
        bn(x)
        part = 1 / bn.num_batches_tracked if bn.momentum is None else bn.momentum
        mean = (1 - part) * mean + part * x.mean(dim=0)
        # Here the variance is divided by n - 1: it's an estimate for images yet to come.
        variance = (1 - part) * variance + part * x.var(dim=0, correction=1)
    print(f"{torch.allclose(bn.running_mean, mean, atol=1e-5) = }, with {bn.momentum = }")
    print(f"{torch.allclose(bn.running_var, variance, atol=1e-4) = }")
    print(f"  3 batches: {bn.running_mean = }, {bn.running_var = }")
    for _ in range(200):  # three batches aren't enough to get from 0 to 10
        bn(torch.randn(64, 2) * 5 + 10)
    print(f"203 batches: {bn.running_mean = }, {bn.running_var = }")

    # eval() uses them instead of the batch's own. Forget it, and the answer for a sample depends
    # on which others happen to come with it.
    x = torch.randn(64, 2) * 5 + 10
    for mode in (bn.train, bn.eval):
        mode()
        change = (bn(x[:2])[0] - bn(x)[0]).abs().max()
        print(f"{mode.__name__}(): among 2 samples instead of 64, the first moves by {change:.2f}")


def layer_norm() -> None:
    section("LayerNorm: one token over its features")
    torch.manual_seed(SEED)

    # LayerNorm: normalize across features, per sample
    # Input shape: (N, seq_len, d_model)
    # Computes mean/var over d_model for each (N, seq_len) position
    ln = nn.LayerNorm(normalized_shape=512)
    x = torch.randn(8, 10, 512) * 5 + 3  # (N, seq_len, d_model)
    y = ln(x)
    print(f"{y.shape = }, {ln.weight.shape = }, {ln.bias.shape = }")
    print(f"{torch.allclose(y, normalize(x, dim=-1), atol=1e-5) = }")

    # It needs no batch, remembers nothing, and has nothing to switch.
    print(f"{torch.allclose(ln(x[3, 7]), y[3, 7], atol=1e-5) = }   one token, all by itself")
    print(f"{torch.equal(ln.eval()(x), ln.train()(x)) = }")
    print(f"{list(ln.state_dict()) = }   and no running statistics")

    # RMSNorm, in many newer language models, doesn't even subtract the mean. It only divides by
    # the root of the mean square, and learns no beta.
    rms = nn.RMSNorm(normalized_shape=512, eps=1e-6)
    by_hand = x / (x.square().mean(dim=-1, keepdim=True) + 1e-6).sqrt()
    print(f"{torch.allclose(rms(x), by_hand, atol=1e-5) = }")


def where_the_batch_gets_in_the_way() -> None:
    section("Where the batch gets in the way")
    torch.manual_seed(SEED)
    D = 16
    bn, ln = nn.BatchNorm1d(D), nn.LayerNorm(D)
    x = torch.randn(2, D)

    # A single sample is its own mean, so nothing would be left of it. BatchNorm refuses. (A single
    # sequence, (1, D, L), is accepted. Its positions count as samples.)
    with show_error("BatchNorm with a batch of one"):
        bn(x[:1])
    print(f"{ln(x[:1]).shape = }, {bn(torch.randn(1, D, 5)).shape = }")
    # Of two samples, it keeps which one has more of a feature. How much more is gone.
    print(f"{bn(x)[:, :5].detach() = }")

    # Now sequences, (B, L, D). BatchNorm wants the features second, so swap twice.
    norms = {"BatchNorm": lambda x: bn(x.transpose(1, 2)).transpose(1, 2), "LayerNorm": ln}
    tokens = torch.randn(4, 3, D) + 1
    short, long = F.pad(tokens, (0, 0, 0, 1)), F.pad(tokens, (0, 0, 0, 9))  # L = 4 and L = 12
    other = tokens.clone()
    other[:, -1] += 3
    for name, norm in norms.items():
        padding = (norm(long)[:, :3] - norm(short)[:, :3]).abs().max()
        future = (norm(other)[:, 0] - norm(tokens)[:, 0]).abs().max()
        print(f"{name}: more padding moves tokens by up to {padding:.2f}, ", end="")
        print(f"another last token moves token 0 by up to {future:.2f}")

    # The second number is a leak: a model that predicts the last token could read it off token 0.
    # Positions differ, too. In a sum that grows along the sequence, late ones are large. With one
    # mean and variance for all positions, they stay large. LayerNorm has one of each per token.
    states = torch.randn(256, 8, D).cumsum(dim=1)  # (B, L, D)
    print(f"{'std at position':<18}" + "".join(f"{position:>6}" for position in range(8)))
    for name, norm in {"input": nn.Identity(), **norms}.items():
        stds = norm(states).std(dim=(0, 2)).tolist()
        print(f"{name:<18}" + "".join(f"{std:>6.2f}" for std in stds))


# A single run may be luck, so five networks train side by side, each with weights and batches of
# its own. A row of a batch holds the features of network 0, then those of network 1, and so on.
NETWORKS, STEPS, BATCH = 5, 40, 32


class Linears(nn.Module):
    """An nn.Linear for each network: (B, NETWORKS * inputs) to (B, NETWORKS * outputs)."""

    def __init__(self, inputs: int, outputs: int, gain: float = 1.0) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)  # nn.Linear, too, draws its numbers from -bound to bound
        weight, bias = torch.empty(NETWORKS, inputs, outputs), torch.empty(NETWORKS * outputs)
        self.weight = nn.Parameter(gain * weight.uniform_(-bound, bound))
        self.bias = nn.Parameter(bias.uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        x = x.unflatten(1, (NETWORKS, -1)).transpose(0, 1)  # (NETWORKS, B, inputs)
        return (x @ self.weight).transpose(0, 1).flatten(1) + self.bias


# What follows each Linears. BatchNorm treats each feature alone, whichever network it belongs to. A
# LayerNorm for each network's share of a row is what PyTorch calls a GroupNorm. (A kind that you
# add has to split the row like this, too: nn.RMSNorm would mix the networks. Its rate is 0.01.)
NORMS = {
    "none": nn.Identity,
    "BatchNorm": nn.BatchNorm1d,
    "LayerNorm": lambda features: nn.GroupNorm(NETWORKS, features),
}
SGD, ADAM = torch.optim.SGD, torch.optim.Adam
LARGER = math.sqrt(6)  # times PyTorch's weights, and ReLU layers keep the mean square
SETTINGS = {  # what weights are multiplied by, the optimizer, and a learning rate for each kind
    "PyTorch's start, SGD": (1, SGD, {"none": 0.01, "BatchNorm": 0.1, "LayerNorm": 0.03}),
    "PyTorch's start, Adam": (1, ADAM, {"none": 0.003, "BatchNorm": 0.003, "LayerNorm": 0.001}),
    "larger start, SGD": (LARGER, SGD, {"none": 0.1, "BatchNorm": 0.3, "LayerNorm": 0.1}),
    "larger start, Adam": (LARGER, ADAM, {"none": 0.003, "BatchNorm": 0.003, "LayerNorm": 0.003}),
    "larger start, SGD, rate 1": (LARGER, SGD, dict.fromkeys(NORMS, 1.0)),  # too large for most
}
# In the first four, each rate is the best of RATES on VALIDATION images that were set aside.
RATES, VALIDATION = {SGD: (0.01, 0.03, 0.1, 0.3, 1.0), ADAM: (0.0003, 0.001, 0.003, 0.01)}, 1000
SEARCH = False  # True shows what all of them give


def images_and_labels(folder: Path, part: str) -> tuple[Tensor, Tensor]:
    """Lesson 10's images, shifted and scaled as there, and their labels: (N, 196) and (N,)."""
    files = folder / "FashionMNIST" / "raw"
    # A header of 16 or 8 bytes, then a byte per pixel or label.
    pixels = bytearray((files / f"{part}-images-idx3-ubyte").read_bytes()[16:])
    labels = bytearray((files / f"{part}-labels-idx1-ubyte").read_bytes()[8:])
    images = torch.frombuffer(pixels, dtype=torch.uint8).view(-1, 28, 28) / 255
    images = images[:, ::2, ::2].flatten(1)  # every other pixel will do, and is faster
    return (images - 0.2860) / 0.3530, torch.frombuffer(labels, dtype=torch.uint8).long()


def train(norm, gain, optimizer, rate: float, train_data, other_data) -> Tensor:
    """Train all networks, and return the accuracy of each on other data: (NETWORKS,)."""
    (images, labels), (other_images, other_labels) = train_data, other_data
    torch.manual_seed(SEED)  # the same weights and the same batches, whatever the norm
    layers, width = [], images.size(1)
    for _ in range(HIDDEN):
        # The norm comes before the ReLU, as in the paper of 2015.
        layers += [Linears(width, WIDTH, gain), norm(NETWORKS * WIDTH), nn.ReLU()]
        width = WIDTH
    model = nn.Sequential(*layers, Linears(width, 10), nn.Unflatten(1, (NETWORKS, 10)))
    updates = optimizer(model.parameters(), lr=rate)
    for _ in range(STEPS):
        batch = torch.randint(len(labels), (BATCH, NETWORKS))
        scores = model(images[batch].flatten(1))  # (B, NETWORKS, 10)
        # A sum over the networks and a mean over the batch: each network has its own loss.
        loss = F.cross_entropy(scores.transpose(1, 2), labels[batch]) * NETWORKS
        updates.zero_grad()
        loss.backward()
        updates.step()
    model.eval()  # or BatchNorm would compare the other images with each other
    with torch.no_grad():
        answers = model(other_images.repeat(1, NETWORKS)).argmax(dim=2)  # (N, NETWORKS)
    return (answers == other_labels[:, None]).float().mean(dim=0)


def does_it_help(train_data, other_data, settings=SETTINGS) -> None:
    section("Does it help?")
    if SEARCH:
        other_data = [each[-VALIDATION:] for each in train_data]
        train_data = [each[:-VALIDATION] for each in train_data]
        settings = {
            f"{name}, {rate}": (gain, optimizer, dict.fromkeys(NORMS, rate))
            for name, (gain, optimizer, _) in list(settings.items())[:-1]
            for rate in RATES[optimizer]
        }
    print("accuracy".ljust(31) + "".join(kind.ljust(19) for kind in NORMS).rstrip())
    for name, (gain, optimizer, rates) in settings.items():
        row = name.ljust(31)
        for kind, norm in NORMS.items():
            found = train(norm, gain, optimizer, rates.get(kind, 0.01), train_data, other_data)
            row += f"{found.mean():.0%} ({found.min():.0%} to {found.max():.0%})".ljust(19)
        print(row.rstrip())


def why_does_it_help() -> None:
    section("Why does it help?")

    # One reason: BatchNorm divides the size of the weights before it out again. With weights ten
    # times as large, the output is the same, and the gradient is a tenth. So a step that was too
    # large makes the next ones smaller, and a large learning rate does no lasting harm.
    torch.manual_seed(SEED)
    x, weights, wanted = torch.randn(BATCH, WIDTH), torch.randn(WIDTH), torch.randn(BATCH)
    for factor in (1, 10):
        scaled = (factor * weights).requires_grad_()
        y = normalize(x @ scaled, dim=0)  # one unit, (B,)
        nn.MSELoss()(y, wanted).backward()
        print(f"weights times {factor:>2}: {y[0] = :.4f}, {scaled.grad.norm() = :.4f}")


# --- Pictures


def draw_axes() -> None:
    """A batch as a table, a row per token and a column per feature: who shares a mean?"""
    from pytorch_refresher._common.figures import heat_map

    import matplotlib.pyplot as plt

    B, L, D = 3, 3, 8
    batch_norm, layer_norm = torch.zeros(2, B * L, D)
    batch_norm[:, 2] = layer_norm[4] = 1
    tokens = [f"sample {b}, token {i}" for b in range(B) for i in range(L)]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharey=True)
    heat_map(left, batch_norm, tokens, range(D), cmap="Blues", vmax=1.5)
    heat_map(right, layer_norm, tokens, range(D), cmap="Oranges", vmax=1.5)
    left.set(title="BatchNorm: a mean of each column", xlabel="feature")
    right.set(title="LayerNorm: a mean of each row", xlabel="feature")
    save_figure(figure, "axes")


# -----------------------------------------------------------------------------------------
# Practice. Replace each `raise NotImplementedError` with your answer, then run this file with
# --practice: it marks your answers and tells you what to look at next.
# -----------------------------------------------------------------------------------------


def normalization_axes(layers: dict[str, nn.Module], x: Tensor, sample: int, feature: int):
    """Problem 1 (medium, 20 minutes). Visualize what normalization layers normalize over.

    layers: by name, say {"BatchNorm": nn.BatchNorm1d(6), "LayerNorm": nn.LayerNorm(6)}, and maybe
    others. x: (B, D). Don't look up what a layer does, find out: on which inputs does its output at
    [sample, feature] depend, in the mode that it is in? Autograd knows. Work on copies, so that x
    and the layers stay as they are. Return a matplotlib figure with a panel per layer, titled with
    its name: a table of the shape of x, drawn with imshow, 1 where it depends on the input, else 0.
    """
    raise NotImplementedError


def train_eval_difference(layer: nn.Module, x: Tensor) -> float:
    """Problem 2 (medium, 10 minutes). Show that BatchNorm has two modes and LayerNorm one.

    layer: nn.BatchNorm1d(D), nn.LayerNorm(D), or a model with some inside; x: (B, D). Return the
    largest absolute difference, a float, between its outputs in training and in evaluation mode,
    the latter with the statistics that it came with. Leave the layer as it is: copy.deepcopy.
    """
    raise NotImplementedError


def error_by_batch_size(x: Tensor, batch_sizes: list[int]) -> dict[int, float | None]:
    """Problem 3 (medium, 15 minutes). Demonstrate how unstable BatchNorm is with small batches.

    x: (N, D); each batch size divides N. For each, cut x into batches of that size, put them
    through nn.BatchNorm1d(D) in training mode, and join the outputs. The error is the root of the
    mean squared difference, over all N * D numbers, from what one batch of all N samples gives.
    Return a dictionary: the error of each batch size, a float, or None where the layer refuses.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__, download=True)
    if not arguments.practice:
        torch.set_num_threads(1)  # these tensors are small: a second thread would slow them down
        folder = fashion_mnist(arguments.download)
        train_data, test_data = (images_and_labels(folder, part) for part in ("train", "t10k"))
        images_that_fade(train_data[0])
        columns_or_rows()
        batch_norm()
        training_and_evaluation()
        layer_norm()
        where_the_batch_gets_in_the_way()
        does_it_help(train_data, test_data)
        why_does_it_help()
        draw_axes()
    report_practice(__file__)


if __name__ == "__main__":
    main()
