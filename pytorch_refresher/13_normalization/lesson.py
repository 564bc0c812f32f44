"""Lesson 13: Normalization

    y = gamma * (x - mean) / sqrt(variance + eps) + beta

BatchNorm and LayerNorm are this one formula. They differ in the numbers that share a mean and
a variance: one feature over the whole batch, or one token over its features. The rest follows:
what needs running statistics, what breaks with a batch of one, and what transformers use.

    python lesson.py             the whole lesson, then your practice report
    python lesson.py --practice  the practice report alone
"""

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section
from pytorch_refresher._common.paths import SHIPPED_SAMPLES

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

# Shapes are written in comments with these letters throughout the lesson:
#   B batch   L positions of a sequence   D features of each position
# PyTorch's documentation of BatchNorm writes N for B, and C (channels) for D.

BATCH_SIZE, STEPS, WIDTH = 64, 150, 64
LEARNING_RATES = (0.01, 0.03, 0.1, 0.3, 1.0)


def normalize(x: Tensor, dim: int | tuple[int, ...], eps: float = 1e-5) -> Tensor:
    """Bring x to mean 0 and variance 1 over the dimensions `dim`; the same shape comes back.

    eps keeps the root away from 0 where all numbers are equal.
    Source: Ioffe and Szegedy, "Batch Normalization" (2015), algorithm 1.
    """
    mean = x.mean(dim=dim, keepdim=True)
    variance = x.var(dim=dim, correction=0, keepdim=True)  # biased: divided by n, not n - 1
    return (x - mean) / (variance + eps).sqrt()


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Divide x by its root mean square over the last dimension. x: (..., D), weight: (D,).

    Source: Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019).
    """
    mean_square = x.square().mean(dim=-1, keepdim=True)
    return weight * x / (mean_square + eps).sqrt()


def columns_or_rows() -> None:
    section("Columns or rows?")

    # Three people rate three dishes. Ann is strict, Cleo generous.
    names, dishes = ["Ann", "Ben", "Cleo"], ["soup", "curry", "cake"]
    ratings = torch.tensor([[1.0, 2.0, 3.0], [4.0, 6.0, 8.0], [7.0, 8.0, 9.0]])  # (B=3, D=3)

    # Down a column, as BatchNorm does: how does a rating compare with the others of that dish?
    by_column = torch.zeros(3, 3)
    for dish in range(3):
        column = ratings[:, dish]
        mean = column.sum() / 3
        variance = ((column - mean) ** 2).sum() / 3
        by_column[:, dish] = (column - mean) / variance.sqrt()

    # Along a row, as LayerNorm does: what does this person like more, what less?
    by_row = torch.zeros(3, 3)
    for person in range(3):
        row = ratings[person]
        mean = row.sum() / 3
        variance = ((row - mean) ** 2).sum() / 3
        by_row[person] = (row - mean) / variance.sqrt()

    heads = "".join(f"{dish:>7}" for dish in dishes)
    print(f"{'':<5}{heads}   {heads}   {heads}")
    for person, name in enumerate(names):
        tables = (ratings[person], by_column[person], by_row[person])
        print(f"{name:<5}" + "   ".join("".join(f"{x:>7.2f}" for x in row) for row in tables))
    print("      the ratings             each column normalized    each row normalized")

    # Both in one expression: only the dimension differs.
    torch.testing.assert_close(normalize(ratings, dim=0), by_column, rtol=0, atol=1e-4)
    torch.testing.assert_close(normalize(ratings, dim=1), by_row, rtol=0, atol=1e-4)

    # Each row stands for itself. A column's numbers hang on who else is in the batch: when Ben
    # goes home, Ann's change though she rated as before.
    without_ben = ratings[[0, 2]]
    print(f"Ann without Ben, by column: {normalize(without_ben, dim=0)[0]}")
    print(f"Ann without Ben, by row:    {normalize(without_ben, dim=1)[0]}")
    assert not torch.allclose(normalize(without_ben, dim=0)[0], by_column[0], atol=1e-2)
    torch.testing.assert_close(normalize(without_ben, dim=1)[0], normalize(ratings, dim=1)[0])


def batch_norm() -> None:
    section("BatchNorm: one feature over the batch")

    # BatchNorm: normalize across batch (N), per feature
    # Input shape: (N, C) or (N, C, H, W)
    # Computes mean/var over N for each C
    bn = nn.BatchNorm1d(num_features=512)
    # Features of very different scales, as a layer may give them: from 0.1 to 10.
    x = torch.randn(32, 512) * torch.logspace(-1, 1, 512) + 1  # (N=32, C=512)
    y = bn(x)
    print(f"{x.shape = }, {y.shape = }")
    print(f"std of the first and the last feature: {x[:, 0].std():.2f} and {x[:, -1].std():.2f}")
    print(f"after BatchNorm:                       {y[:, 0].std():.2f} and {y[:, -1].std():.2f}")
    torch.testing.assert_close(y, normalize(x, dim=0), rtol=0, atol=1e-5)

    # gamma and beta, called weight and bias, are learned, one of each a feature. They start at
    # 1 and 0, and can give a feature any scale and mean that the next layer would rather have.
    print(f"{bn.weight.shape = }, {bn.bias.shape = }")
    with torch.no_grad():
        bn.weight.fill_(2.0)
        bn.bias.fill_(3.0)
    torch.testing.assert_close(bn(x), 2 * normalize(x, dim=0) + 3, rtol=0, atol=2e-5)
    print("nn.BatchNorm1d is gamma * normalize(x, dim=0) + beta: yes")

    # Images: a channel is a feature, and all of its pixels count as samples.
    images = torch.randn(8, 3, 5, 5) * 4 + 2  # (N, C, H, W)
    bn2d = nn.BatchNorm2d(num_features=3)
    torch.testing.assert_close(bn2d(images), normalize(images, dim=(0, 2, 3)), rtol=0, atol=1e-5)
    # Sequences: BatchNorm1d wants the features in the middle, (N, C, L).
    sequences = torch.randn(8, 512, 10)
    fresh = nn.BatchNorm1d(num_features=512)
    expected = normalize(sequences, dim=(0, 2))
    torch.testing.assert_close(fresh(sequences), expected, rtol=0, atol=1e-5)
    print("Over (N, H, W) for images, over (N, L) for sequences, for each C: yes")


def training_and_evaluation() -> None:
    section("Training mode, evaluation mode")

    # At inference there may be no batch. So BatchNorm keeps a running mean and variance while
    # it trains: each batch moves them a tenth of the way (momentum=0.1).
    bn = nn.BatchNorm1d(num_features=2)
    mean, variance = bn.running_mean.clone(), bn.running_var.clone()
    print(f"at first:          {mean = }, {variance = }")
    for _ in range(3):
        x = torch.randn(4, 2) * 5 + 10  # (B=4, D=2): true mean 10, true variance 25
        bn(x)
        mean = 0.9 * mean + 0.1 * x.mean(dim=0)
        # Here the variance is the unbiased one, divided by n - 1: an estimate for all data, not
        # a fact about this batch. For a batch of 4 the two differ by a third.
        variance = 0.9 * variance + 0.1 * x.var(dim=0, correction=1)
    torch.testing.assert_close(bn.running_mean, mean, rtol=0, atol=1e-5)
    torch.testing.assert_close(bn.running_var, variance, rtol=0, atol=1e-5)
    print(f"after 3 batches:   {bn.running_mean = }, {bn.running_var = }")

    # In evaluation mode these stand in for the batch's own. Nothing moves any more.
    bn.eval()
    by_hand = (x - mean) / (variance + bn.eps).sqrt()
    torch.testing.assert_close(bn(x), by_hand, rtol=0, atol=1e-5)
    early = (bn(x) - normalize(x, dim=0)).abs().max().item()
    bn.train()
    for _ in range(200):
        bn(torch.randn(64, 2) * 5 + 10)
    bn.eval()
    x = torch.randn(64, 2) * 5 + 10
    late = (bn(x) - normalize(x, dim=0)).abs().max().item()
    print(f"after 203 batches: {bn.running_mean = }, {bn.running_var = }")
    print(f"largest difference between the modes: early {early:.2f}, late {late:.2f}")
    assert early > 1 > late

    # Forget model.eval(), and a prediction depends on who else is in the batch.
    one = x[:1]
    bn.eval()
    torch.testing.assert_close(bn(one), bn(x)[:1])
    bn.train()
    change = (bn(x[:2])[0] - bn(x)[0]).abs().max().item()
    print(f"the same sample in a batch of 2 and in one of 64 differs by up to {change:.2f}")
    assert change > 0.01


def layer_norm() -> None:
    section("LayerNorm: one token over its features")

    # LayerNorm: normalize across features, per sample
    # Input shape: (N, seq_len, d_model)
    # Computes mean/var over d_model for each (N, seq_len) position
    ln = nn.LayerNorm(normalized_shape=512)
    x = torch.randn(8, 10, 512) * 5 + 3  # (N=8, seq_len=10, d_model=512)
    y = ln(x)
    print(f"{x.shape = }, {y.shape = }")
    print(f"{ln.weight.shape = }, {ln.bias.shape = }, {list(ln.buffers()) = }")
    torch.testing.assert_close(y, normalize(x, dim=-1), rtol=0, atol=1e-5)

    # No running statistics, no second mode: training and evaluation give the same.
    assert torch.equal(ln.eval()(x), ln.train()(x))
    # And no company needed: one token by itself gets what it got among 80.
    torch.testing.assert_close(ln(x[3, 7]), y[3, 7])
    print("nn.LayerNorm is normalize(x, dim=-1), in both modes, for any batch: yes")

    # RMSNorm leaves the mean where it is and has no beta. Many newer language models use it.
    rms = nn.RMSNorm(normalized_shape=512, eps=1e-6)
    torch.testing.assert_close(rms(x), rms_norm(x, rms.weight, eps=1e-6), rtol=0, atol=1e-5)
    # Where the mean is 0 already, it is LayerNorm.
    centered = x - x.mean(dim=-1, keepdim=True)
    torch.testing.assert_close(rms(centered), ln(centered), rtol=0, atol=1e-5)
    print("nn.RMSNorm is rms_norm: yes")
    draw_the_axes()


def draw_the_axes() -> None:
    """Two cubes of (B, L, D) with the numbers marked that share a mean and a variance."""
    from pytorch_refresher._common.figures import BLUE, ORANGE

    import matplotlib.pyplot as plt

    D, L, B = 6, 4, 4
    one_feature, one_token = torch.zeros(2, D, L, B, dtype=torch.bool)
    one_feature[D - 1] = True
    one_token[:, 0, B - 1] = True
    panels = {
        "BatchNorm: one feature,\nall samples, all positions": (one_feature, BLUE),
        "LayerNorm: one token,\nall of its features": (one_token, ORANGE),
    }
    figure = plt.figure(figsize=(9, 4.6))
    for number, (title, (marked, color)) in enumerate(panels.items(), start=1):
        axis = figure.add_subplot(1, 2, number, projection="3d")
        axis.voxels((~marked).numpy(), facecolors="#EDEDED", edgecolors="#999999", shade=False)
        axis.voxels(marked.numpy(), facecolors=color, edgecolors="white", shade=False)
        axis.set(xlabel="features D", ylabel="positions L", zlabel="batch B")
        axis.set(xticks=[], yticks=[], zticks=[])
        axis.set_title(title, y=0.98)
        axis.set_box_aspect((D, L, B), zoom=0.92)
    figure.suptitle("The colored cells share one mean and one variance")
    save_figure(figure, "axes")


def where_the_batch_gets_in_the_way() -> None:
    section("Where the batch gets in the way")

    # A batch of one has no spread: each feature's variance would be 0. BatchNorm refuses.
    bn, ln = nn.BatchNorm1d(16), nn.LayerNorm(16)
    x = torch.randn(2, 16)
    try:
        bn(x[:1])
    except ValueError as error:
        print(f"A batch of one: ValueError: {str(error).partition(',')[0]}")
    else:
        raise AssertionError("BatchNorm1d took a batch of one")
    print(f"{ln(x[:1]).shape = }")

    # A batch of two it takes, and keeps of each feature only which sample had more of it.
    print(f"{bn(x)[:, :4].detach() = }")
    torch.testing.assert_close(bn(x).abs(), torch.ones(2, 16), rtol=0, atol=0.1)

    # Sequences of different lengths are padded with zeros. BatchNorm counts the zeros in, so
    # three real tokens come out differently with more padding behind them.
    tokens = torch.randn(1, 3, 16) + 1
    short, long = F.pad(tokens, (0, 0, 0, 1)), F.pad(tokens, (0, 0, 0, 9))  # L = 4 and L = 12
    print("largest change of the three tokens when padded to 12 instead of 4:")
    for name, layer in {
        "BatchNorm": lambda x: bn(x.mT).mT,  # (B, L, D) to (B, D, L) and back
        "LayerNorm": ln,
    }.items():
        change = (layer(long)[:, :3] - layer(short)[:, :3]).abs().max().item()
        print(f"  {name} {change:.4f}")
        assert change > 0.1 if name == "BatchNorm" else change < 1e-5

    # Each position has statistics of its own. In a sum that grows along the sequence, like the
    # state of a recurrent network, early positions are small and late ones large.
    states = torch.randn(256, 8, 16).cumsum(dim=1)  # (B=256, L=8, D=16)
    print("std at position     " + "".join(f"{position:>6}" for position in range(8)))
    for name, y in {
        "input": states,
        "BatchNorm": bn(states.mT).mT,
        "LayerNorm": ln(states),
    }.items():
        print(f"  {name:<18}" + "".join(f"{std:>6.2f}" for std in y.std(dim=(0, 2)).tolist()))
    # BatchNorm pools the positions and leaves the slope. Statistics for each position would
    # need enough sequences that reach it, and would have none beyond the longest one seen.


def images_and_labels(kind: str) -> tuple[Tensor, Tensor]:
    """The built-in FashionMNIST sample as two tensors: (N, 784) floats and (N,) labels."""
    raw = SHIPPED_SAMPLES / "fashion_mnist" / "FashionMNIST" / "raw"
    images, labels = (
        # The format IDX: a header of so many bytes, then one byte a pixel or a label.
        torch.frombuffer(bytearray((raw / name).read_bytes()), dtype=torch.uint8, offset=header)
        for name, header in ((f"{kind}-images-idx3-ubyte", 16), (f"{kind}-labels-idx1-ubyte", 8))
    )
    # Standardized as in lesson 10: the inputs are normalized in every comparison.
    return (images.view(-1, 784) / 255 - 0.2860) / 0.3530, labels.long()


class NoisyBatchNorm(nn.BatchNorm1d):
    """BatchNorm whose output gets noise in training, of a new mean and spread at every step.

    Source: Santurkar et al., "How Does Batch Normalization Help Optimization?" (2018),
    section 2.2, in small.
    """

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)  # (B, D)
        if not self.training:
            return y
        mean = torch.rand(self.num_features) - 0.5  # each feature is pushed away from 0
        return y + mean + 0.5 * torch.rand(self.num_features) * torch.randn_like(y)


KINDS = {  # name: the layer after each linear one, and what the first weights are multiplied by
    "none": (None, 1.0),
    "none, He": (None, math.sqrt(6)),
    "BatchNorm": (nn.BatchNorm1d, 1.0),
    "LayerNorm": (nn.LayerNorm, 1.0),
    "BatchNorm + noise": (NoisyBatchNorm, 1.0),
}


def network(kind: str, hidden_layers: int) -> nn.Sequential:
    """784 pixels to 10 logits. The same seed gives all kinds the same random weights."""
    norm, scale = KINDS[kind]
    torch.manual_seed(0)
    layers, width = [], 28 * 28
    for _ in range(hidden_layers):
        linear = nn.Linear(width, WIDTH)
        with torch.no_grad():
            linear.weight *= scale
        layers += [linear, norm(WIDTH), nn.ReLU()] if norm else [linear, nn.ReLU()]
        width = WIDTH
    return nn.Sequential(*layers, nn.Linear(width, 10))


def train(model: nn.Module, data: tuple[Tensor, Tensor], lr: float) -> list[float]:
    """Train for STEPS steps on the same batches for every model; the loss of each step."""
    images, labels = data
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    model.train()
    losses = []
    for _ in range(STEPS):
        batch = torch.randint(len(labels), (BATCH_SIZE,), generator=generator)
        loss = F.cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@torch.no_grad()
def accuracy(model: nn.Module, data: tuple[Tensor, Tensor]) -> float:
    """The share of right answers, in evaluation mode."""
    images, labels = data
    return (model.eval()(images).argmax(dim=1) == labels).float().mean().item()


def a_deep_network_before_training(train_data: tuple[Tensor, Tensor]) -> None:
    section("A deep network before training")
    print("Data: 6,000 + 1,000 images of FashionMNIST, built in")

    # How different do 1,000 images still look after 1, 4 and 8 hidden layers? The spread of a
    # unit over the images, averaged over the units.
    images = train_data[0][:1000]
    print("spread after hidden layer    1       4       8")
    for kind in ("none", "none, He", "BatchNorm", "LayerNorm"):
        x, spreads = images, []
        with torch.no_grad():
            for layer in network(kind, hidden_layers=8):
                x = layer(x)
                if isinstance(layer, nn.ReLU):
                    spreads.append(x.std(dim=0).mean().item())
        print(f"{kind:<22}" + "".join(f"{spreads[i]:>8.4f}" for i in (0, 3, 7)))
        # PyTorch's default weights shrink the signal at each layer: after eight, all images
        # look alike. Weights sqrt(6) times as large, after He et al. (2015), keep most of it;
        # so does a normalization after each layer, with the default weights.
        assert spreads[7] < 0.01 if kind == "none" else spreads[7] > 0.1


def train_them(train_data: tuple[Tensor, Tensor], test_data: tuple[Tensor, Tensor]) -> float:
    section("The same training with none, BatchNorm and LayerNorm")

    # Fair: the same images in the same batches, the same first weights, the same steps. One
    # learning rate could favor one of them, so each gets all five.
    table, curves = {}, {}
    runs = [(1, kind) for kind in KINDS if kind in ("none", "BatchNorm", "LayerNorm")]
    runs += [(8, kind) for kind in KINDS if kind != "BatchNorm + noise"]
    for hidden_layers, kind in tqdm(runs, desc="training", leave=False, disable=None):
        accuracies = []
        for lr in LEARNING_RATES:
            model = network(kind, hidden_layers)
            curves[hidden_layers, kind, lr] = train(model, train_data, lr)
            accuracies.append(accuracy(model, test_data))
        table[hidden_layers, kind] = accuracies
    print("test accuracy with learning rate " + "".join(f"{lr:>8}" for lr in LEARNING_RATES))
    for (hidden_layers, kind), accuracies in table.items():
        row = f"{hidden_layers} hidden, {kind}"
        print(f"{row:<33}" + "".join(f"{accuracy:>8.1%}" for accuracy in accuracies))
    draw_the_training(table, curves)

    # What it does: eight layers with the default weights learn next to nothing at any of
    # these rates, and learn with either normalization.
    best = {key: max(accuracies) for key, accuracies in table.items()}
    assert best[8, "none"] < 0.4
    assert best[8, "BatchNorm"] > 0.7 and best[8, "LayerNorm"] > 0.65
    # Where it helps little: one hidden layer at a good rate, or weights that fit the depth.
    assert abs(best[1, "BatchNorm"] - best[1, "none"]) < 0.07
    assert abs(best[8, "BatchNorm"] - best[8, "none, He"]) < 0.12
    # What it still does there: BatchNorm also learns at a rate at which well-chosen weights fail.
    assert min(table[8, "BatchNorm"][2:]) > 0.6 > table[8, "none, He"][-1]
    return table[8, "BatchNorm"][2]


def draw_the_training(table: dict, curves: dict) -> None:
    """Loss curves at one learning rate, and test accuracy over all of them."""
    from pytorch_refresher._common.figures import BLUE, GREEN, ORANGE, RED

    import matplotlib.pyplot as plt

    looks = {
        "none": (RED, "s:"),
        "none, He": (GREEN, "d-."),
        "BatchNorm": (BLUE, "o-"),
        "LayerNorm": (ORANGE, "^--"),
    }
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.8), layout="constrained")
    for kind, (color, style) in looks.items():
        # The mean of ten steps in turn: single batches jump.
        losses = torch.tensor(curves[8, kind, 0.03]).view(-1, 10).mean(dim=1)
        steps = range(10, STEPS + 1, 10)
        axes[0].plot(steps, losses.numpy(), style, color=color, label=kind, markersize=4)
    axes[0].set(title="8 hidden layers, rate 0.03", xlabel="step", ylabel="training loss")
    axes[0].legend()
    for axis, hidden_layers in zip(axes[1:], (8, 1), strict=True):
        for kind, (color, style) in looks.items():
            if (hidden_layers, kind) in table:
                shares = table[hidden_layers, kind]
                axis.semilogx(LEARNING_RATES, shares, style, color=color, label=kind)
        axis.set(xlabel="learning rate", ylabel="test accuracy", ylim=(0, 0.9))
        axis.set_xticks(LEARNING_RATES, [str(lr) for lr in LEARNING_RATES])
        axis.minorticks_off()
    axes[1].set_title("8 hidden: BatchNorm bears any rate")
    axes[2].set_title("1 hidden: little gain up to 0.1")
    for axis in axes:
        axis.grid(alpha=0.3)
    save_figure(figure, "training")


def why_does_it_help(
    train_data: tuple[Tensor, Tensor], test_data: tuple[Tensor, Tensor], batch_norm: float
) -> None:
    section("Why does it help? Internal covariate shift, put to the test")

    # The paper of 2015 named the cause: each layer's inputs change their distribution while the
    # layers before it learn, and BatchNorm holds them still. So spoil that: noise after every
    # BatchNorm pushes each unit elsewhere at every step. If holding still were what
    # helps, the help would be gone.
    noisy = network("BatchNorm + noise", hidden_layers=8)
    train(noisy, train_data, lr=0.1)
    with_noise = accuracy(noisy, test_data)
    print(f"8 hidden layers, lr 0.1: BatchNorm {batch_norm:.1%}, with noise {with_noise:.1%}")
    assert with_noise > 0.6 and batch_norm - with_noise < 0.12

    # A property that needs no theory: the scale of the weights before it does not count. Weights
    # ten times as large give the same output, and a gradient of a tenth.
    torch.manual_seed(0)
    linear, bn = nn.Linear(784, WIDTH, bias=False), nn.BatchNorm1d(WIDTH)
    images, direction = train_data[0][:64], torch.randn(64, WIDTH)
    outputs, gradients = [], []
    for factor in (1, 10):
        weight = (linear.weight.detach() * factor).requires_grad_()
        outputs.append(bn(images @ weight.T))
        (outputs[-1] * direction).sum().backward()
        gradients.append(weight.grad)
        print(f"weights times {factor:>2}: norm of the gradient {weight.grad.norm():.2f}")
    torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(gradients[1] * 10, gradients[0], rtol=1e-2, atol=1e-2)
    # A step that was too large thus makes the next ones smaller: one reason why a learning
    # rate can be high.


# -----------------------------------------------------------------------------------------
# Practice problems. Replace each `raise NotImplementedError` with your answer and run this
# file again. solutions.py has one answer to each, and the checks that mark yours.
# -----------------------------------------------------------------------------------------


def normalization_axes(batch_size: int, features: int, sample: int, feature: int):
    """Problem 1. Visualize what dimensions BatchNorm and LayerNorm normalize over.

    Both normalize a tensor of shape (batch_size, features). Return a matplotlib figure with
    two axes, titled "BatchNorm" and "LayerNorm" in this order. Each shows, by axis.imshow, a
    table of that shape: 1 where an entry shares its mean and variance with the entry
    [sample, feature], and 0 elsewhere; the entry itself is a 1. The x label of both is
    "feature", the y label "sample".
    """
    raise NotImplementedError


def train_eval_difference(layer: nn.Module, x: Tensor) -> float:
    """Problem 2. Show that BatchNorm differs between its modes, and that LayerNorm does not.

    layer: nn.BatchNorm1d(D), nn.LayerNorm(D) or a model with such layers; x: (B, D). Return the
    largest absolute difference between the layer's outputs for x in training mode and in
    evaluation mode, as a float or a tensor with that one number. The evaluation is that of the
    layer as you were given it: a pass in training mode moves running statistics. `layer` itself
    must come back with the mode and the statistics that it had; copy.deepcopy(layer), from
    Python's module copy, makes a copy to work on.
    """
    raise NotImplementedError


def error_by_batch_size(x: Tensor, batch_sizes: list[int]) -> dict[int, float | None]:
    """Problem 3. Demonstrate BatchNorm's instability with small batches, and with one sample.

    x: (N, D); each batch size divides N. For each: cut x into batches of that size, in order,
    put each through nn.BatchNorm1d(D) in training mode, and join the outputs to (N, D) again.
    The error is the square root of the mean squared difference, over all N * D entries,
    from what one batch of all N samples gives. Return a dictionary: for each batch size its error
    as a float (or a tensor with that one number), and None where nn.BatchNorm1d refuses the
    batch with a ValueError.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__)
    torch.set_num_threads(1)  # the tensors are small: a second thread costs more than it brings
    if not arguments.practice:
        columns_or_rows()
        batch_norm()
        training_and_evaluation()
        layer_norm()
        where_the_batch_gets_in_the_way()
        train_data, test_data = images_and_labels("train"), images_and_labels("t10k")
        a_deep_network_before_training(train_data)
        with_batch_norm = train_them(train_data, test_data)
        why_does_it_help(train_data, test_data, with_batch_norm)
    report_practice(__file__)


if __name__ == "__main__":
    main()
