"""Lesson 16: Multi-Head Attention

    head_h = Attention(Q W_q_h, K W_k_h, V W_v_h)
    MultiHead(Q, K, V) = concat(head_1, ..., head_H) W_o

Attention answers each query with one weighted average. Multi-head attention cuts the features
into H parts and runs lesson 15's attention on each part, all at once: H averages a query, each
with weights of its own, at the price of one.

    python lesson.py             the whole lesson, then your practice report
    python lesson.py --practice  the practice report alone
"""

import math

try:
    import torch
    import torch.nn.functional as F
    from torch import Tensor, nn
    from tqdm import tqdm

    from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section
except ModuleNotFoundError as missing:
    raise SystemExit(f"{missing}. In the top folder, run: python -m pip install -e .") from None

# Shapes are written in comments with these letters throughout the lesson:
#   B batch   H heads   L query positions   S key positions
#   d_model features of a token   d_k = d_model / H features of a head

# The training experiment: each token is 24 random numbers and a one-hot of its position.
CONTENT, POSITIONS, STEPS = 24, 8, 250
WIDTH = CONTENT + POSITIONS


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each on its own slice of d_model / num_heads features.

    Raises ValueError if num_heads does not divide d_model.
    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.2.2.
    """

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        if num_heads < 1 or d_model % num_heads != 0:
            raise ValueError(f"{d_model} features cannot be cut into {num_heads} equal heads")
        self.num_heads = num_heads
        self.d_k = d_model // num_heads

        self.W_q = nn.Linear(d_model, d_model)
        self.W_k = nn.Linear(d_model, d_model)
        self.W_v = nn.Linear(d_model, d_model)
        self.W_o = nn.Linear(d_model, d_model)

    def split_heads(self, x: Tensor) -> Tensor:
        """Cut the features into heads: (B, L, d_model) to (B, H, L, d_k)."""
        return x.unflatten(-1, (self.num_heads, self.d_k)).transpose(1, 2)

    def attention_weights(self, Q: Tensor, K: Tensor, mask: Tensor | None = None) -> Tensor:
        """Who looks at whom, in each head: Q (B, L, d_model), K (B, S, d_model) to (B, H, L, S).

        mask: broadcastable to (B, H, L, S), True or 1 where a query may look; ValueError if it
        is not. A query that may look at no key gets weights of 0.
        """
        q, k = self.split_heads(self.W_q(Q)), self.split_heads(self.W_k(K))
        scores = q @ k.transpose(-2, -1) / math.sqrt(self.d_k)  # (B, H, L, S)
        if mask is None:
            return scores.softmax(dim=-1)
        try:
            forbidden = (mask == 0).expand(scores.shape)
        except RuntimeError:
            raise ValueError(
                f"a mask of shape {tuple(mask.shape)} does not broadcast to the scores, "
                f"{tuple(scores.shape)}"
            ) from None
        # The most negative number instead of -inf: section 6 shows what it is good for.
        scores = scores.masked_fill(forbidden, torch.finfo(scores.dtype).min)
        return scores.softmax(dim=-1).masked_fill(forbidden, 0.0)

    def forward(self, Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
        """Q (B, L, d_model), K and V (B, S, d_model) to (B, L, d_model); mask as above."""
        weights = self.attention_weights(Q, K, mask)  # (B, H, L, S)
        heads = weights @ self.split_heads(self.W_v(V))  # (B, H, L, d_k)
        # The way back: the heads next to each other again, then W_o mixes what they found.
        return self.W_o(heads.transpose(1, 2).flatten(-2))  # (B, L, d_model)


def two_relations_by_hand() -> None:
    section("Two relations, by hand")

    # Four things. The first two features say which color, the last two which kind.
    things = ["red apple", "green apple", "red car", "green car"]
    x = 2 * torch.tensor(
        [[1.0, 0, 1, 0], [0, 1, 1, 0], [1, 0, 0, 1], [0, 1, 0, 1]]
    )  # (S=4, d_model=4)

    # What does the red apple look at? One head compares all four features at once: one number
    # for the green apple and for the red car, which match in one respect each. Which respect
    # it was, the weights no longer tell.
    query = x[0]
    one_head = (x @ query / math.sqrt(4)).softmax(dim=0)

    # Two heads cut query and keys in two, d_k = 2, and compare slice with slice.
    by_color = (x[:, :2] @ query[:2] / math.sqrt(2)).softmax(dim=0)
    by_kind = (x[:, 2:] @ query[2:] / math.sqrt(2)).softmax(dim=0)

    print("red apple looks at   one head   color head   kind head")
    for thing, *weights in zip(things, one_head, by_color, by_kind, strict=True):
        print(f"{thing:<18} {weights[0]:>10.2f} {weights[1]:>13.2f} {weights[2]:>11.2f}")
    torch.testing.assert_close(one_head[1], one_head[2])
    assert by_color[2] > 10 * by_color[1] and by_kind[1] > 10 * by_kind[2]

    # Here the slices were laid out by hand. In the layer, W_q, W_k and W_v learn what each
    # slice holds: any mixture of the features, not neighbors only.


def splitting_into_heads() -> None:
    section("Cutting the features into heads")

    B, L, d_model, H = 2, 5, 12, 3
    d_k = d_model // H
    x = torch.randn(B, L, d_model)

    # As a loop: head h gets the features from h * d_k up to (h + 1) * d_k, of every token.
    looped = torch.stack([x[:, :, h * d_k : (h + 1) * d_k] for h in range(H)], dim=1)
    print(f"{x.shape = }")
    print(f"{looped.shape = }   (B, H, L, d_k)")

    # Without a loop: name the parts of the last dimension, then move the heads forward, next
    # to the batch, where the matrix products of lesson 15 take them for more batch.
    split = x.view(B, L, H, d_k).transpose(1, 2)
    assert torch.equal(split, looped)
    print(f"{torch.equal(split, looped) = }")

    # A view straight to the wanted shape runs, and is wrong: it cuts along the sequence, and
    # "head 0" gets whole tokens in place of a slice of each.
    wrong = x.view(B, H, L, d_k)
    assert wrong.shape == split.shape and not torch.equal(wrong, split)
    print(f"{torch.equal(wrong, split) = }   although {wrong.shape = }")

    # And back: the heads behind the positions again, then both as one dimension.
    merged = split.transpose(1, 2).reshape(B, L, d_model)
    assert torch.equal(merged, x)
    print(f"{torch.equal(merged, x) = }")

    # Why one nn.Linear serves all heads: its rows h * d_k to (h + 1) * d_k are head h's own
    # projection. H small layers side by side are one large one.
    W_q = nn.Linear(d_model, d_model)
    head_1 = F.linear(x, W_q.weight[d_k : 2 * d_k], W_q.bias[d_k : 2 * d_k])  # (B, L, d_k)
    torch.testing.assert_close(head_1, W_q(x).view(B, L, H, d_k).transpose(1, 2)[:, 1])


def step_by_step() -> None:
    section("The layer, step by step")

    layer = MultiHeadAttention(d_model=12, num_heads=3)
    Q, K, V = torch.randn(2, 5, 12), torch.randn(2, 6, 12), torch.randn(2, 6, 12)
    print(f"{Q.shape = }   B=2, L=5 queries")
    print(f"{K.shape = }   S=6 keys, and as many values")

    # 1. Project: three learned layers make queries, keys and values of what comes in.
    q, k, v = layer.W_q(Q), layer.W_k(K), layer.W_v(V)
    print(f"{q.shape = }   projected")
    # 2. Split.
    q, k, v = layer.split_heads(q), layer.split_heads(k), layer.split_heads(v)
    print(f"{q.shape = }   split into H=3 heads of d_k=4")
    # 3. Lesson 15's attention, for all heads of all sequences in two matrix products.
    weights = (q @ k.transpose(-2, -1) / math.sqrt(layer.d_k)).softmax(dim=-1)
    print(f"{weights.shape = }   each head has weights of its own")
    heads = weights @ v
    print(f"{heads.shape = }   what each head found")
    # 4. Concatenate: the heads of a position next to each other.
    concatenated = heads.transpose(1, 2).reshape(2, 5, 12)
    print(f"{concatenated.shape = }   concatenated")
    # 5. Mix: without W_o, feature 0 of the output would know of head 0 alone.
    output = layer.W_o(concatenated)
    print(f"{output.shape = }   mixed by W_o")

    # One head after the other, each by lesson 15 as it stands, gives the same.
    one_by_one = []
    for h in range(3):
        scores = q[:, h] @ k[:, h].transpose(-2, -1) / math.sqrt(4)  # (B, L, S)
        one_by_one.append(scores.softmax(dim=-1) @ v[:, h])  # (B, L, d_k)
    torch.testing.assert_close(layer.W_o(torch.cat(one_by_one, dim=-1)), output)

    # MultiHeadAttention, near the top of this file, is these steps as a class.
    torch.testing.assert_close(layer(Q, K, V), output)
    torch.testing.assert_close(layer.attention_weights(Q, K), weights)
    print("The same head by head, and in the class: yes")

    # Step 3 alone has a fused call, which takes the heads as more batch dimensions.
    torch.testing.assert_close(F.scaled_dot_product_attention(q, k, v), heads)


def what_the_number_of_heads_changes() -> None:
    section("What the number of heads changes")

    # Not the parameters: the same four layers, however their outputs are cut. Not the work of
    # the matrix products either, L * S * d_k for each of H heads: L * S * d_model together.
    x = torch.randn(1, 10, 64)
    print("heads   d_k   parameters   multiplications   weights")
    for num_heads in (1, 4, 16):
        layer = MultiHeadAttention(64, num_heads)
        parameters = sum(parameter.numel() for parameter in layer.parameters())
        weights = layer.attention_weights(x, x)
        multiplications = 2 * weights.numel() * layer.d_k  # q @ k and weights @ v
        print(
            f"{num_heads:>5} {layer.d_k:>5} {parameters:>12,} {multiplications:>17,}"
            f"   {tuple(weights.shape)}"
        )
        assert parameters == 4 * (64 * 64 + 64) and multiplications == 2 * 10 * 10 * 64

    # More heads are more weights to keep, and thinner heads: d_k falls as H grows.
    for what, attempt in {
        "5 heads": lambda: MultiHeadAttention(64, 5),
        "a mask for 9 keys": lambda: layer(x, x, x, torch.ones(10, 9)),
    }.items():
        try:
            attempt()
        except ValueError as error:
            print(f"{what}: {error}")
        else:
            raise AssertionError(f"{what} should have been refused")


def against_pytorch() -> None:
    section("The same as nn.MultiheadAttention")

    B, L, d_model, H = 2, 5, 12, 3
    theirs = nn.MultiheadAttention(d_model, H, batch_first=True)
    ours = MultiHeadAttention(d_model, H)
    nn.init.normal_(theirs.in_proj_bias)  # they start at 0, which would hide a mistake
    nn.init.normal_(theirs.out_proj.bias)

    # PyTorch keeps W_q, W_k and W_v in one tensor, one below the other.
    print(f"{theirs.in_proj_weight.shape = }")
    with torch.no_grad():
        projections = zip(
            (ours.W_q, ours.W_k, ours.W_v),
            theirs.in_proj_weight.chunk(3),
            theirs.in_proj_bias.chunk(3),
            strict=True,
        )
        for layer, weight, bias in projections:
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
        ours.W_o.load_state_dict(theirs.out_proj.state_dict())

    # Mind the masks: ours say True where a query may look, as F.scaled_dot_product_attention
    # does; those of nn.MultiheadAttention say True where it may not.
    x = torch.randn(B, L, d_model)
    causal = torch.ones(L, L, dtype=torch.bool).tril()  # (L, S)
    lengths = torch.tensor([5, 3])
    padding = torch.arange(L) < lengths[:, None]  # (B, S), True at real tokens
    per_sequence = padding[:, None, None, :]  # (B, 1, 1, S): for every head and every query
    cases = {
        "no mask": (None, {}),
        "causal": (causal, {"attn_mask": ~causal}),
        "padding": (per_sequence, {"key_padding_mask": ~padding}),
        "both": (causal & per_sequence, {"attn_mask": ~causal, "key_padding_mask": ~padding}),
    }
    print("mask       largest difference of the output, of the weights")
    for name, (mask, options) in cases.items():
        expected, expected_weights = theirs(x, x, x, average_attn_weights=False, **options)
        output, weights = ours(x, x, x, mask), ours.attention_weights(x, x, mask)
        torch.testing.assert_close(output, expected, rtol=0, atol=1e-5)
        torch.testing.assert_close(weights, expected_weights, rtol=0, atol=1e-5)
        differences = [output - expected, weights - expected_weights]
        print(f"{name:<8}", *(f"{each.abs().max().item():>20.1e}" for each in differences))

    # Where you read 0, the same operations ran in the same order; 1e-7 is rounding.

    # A mask (B, S) without the two dimensions of 1 would be taken for (L, S) where B equals L:
    # no error, and each sequence's padding applied to one query of all.


def nothing_to_look_at() -> None:
    section("A query that may look at nothing")

    # Sequences are often padded on the left, so that the newest token stands last. Under a
    # causal mask the first position then sees itself alone, and it is padding.
    real = torch.tensor([False, True, True, True])
    mask = torch.ones(4, 4, dtype=torch.bool).tril() & real
    print(f"mask, a row for each query\n{mask.int()}")

    layer = MultiHeadAttention(8, 2)
    x = torch.randn(1, 4, 8)

    # The plain formula: softmax of four times -inf is 0/0.
    q, k, v = (layer.split_heads(project(x)) for project in (layer.W_q, layer.W_k, layer.W_v))
    scores = q @ k.transpose(-2, -1) / math.sqrt(layer.d_k)
    plain = scores.masked_fill(~mask, float("-inf")).softmax(dim=-1)
    print(f"plain: {plain[0, 0, 0].tolist() = }")

    # It spreads. A loss that leaves the first position out still ruins the gradient: on the way
    # back the weights meet a gradient of 0, and NaN times 0 is NaN.
    (plain @ v)[:, :, 1:].pow(2).sum().backward()
    print(f"plain: {layer.W_v.weight.grad.isnan().all().item() = }")
    assert plain[:, :, 0].isnan().all() and layer.W_v.weight.grad.isnan().all()

    # The class fills with the most negative number of the dtype, which softmax survives: four
    # equal scores, four weights of 1/4. Then it sets what is forbidden to 0.
    layer.zero_grad()
    weights = layer.attention_weights(x, x, mask)
    layer(x, x, x, mask).pow(2).sum().backward()
    print(f"class: {weights[0, 0, 0].tolist() = }")
    print(f"class: {layer.W_v.weight.grad.isfinite().all().item() = }")
    assert weights[:, :, 0].eq(0).all()
    assert all(parameter.grad.isfinite().all() for parameter in layer.parameters())
    torch.testing.assert_close(weights[:, :, 1:], plain[:, :, 1:])  # elsewhere nothing changed

    # PyTorch has both behaviors, even within one layer.
    theirs = nn.MultiheadAttention(8, 2, batch_first=True)
    for need_weights in (True, False):
        output, _ = theirs(x, x, x, attn_mask=~mask, need_weights=need_weights)
        print(f"nn.MultiheadAttention, {need_weights = }: NaN {output.isnan().any().item()}")
    fused = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    print(f"F.scaled_dot_product_attention: NaN {fused.isnan().any().item()}")


def draw_batch(size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Tokens (B, S, WIDTH) and targets (B, S - 2, CONTENT) for the positions from 2 on.

    Attention alone knows no order (lesson 18), so each token carries its position as a one-hot.
    The target: the first half of what the token before holds, the second half of what the
    first token holds.
    """
    content = torch.randn(size, POSITIONS, CONTENT, generator=generator)
    one_hot = 3 * torch.eye(POSITIONS).expand(size, -1, -1)
    half = CONTENT // 2
    before = content[:, 1:-1, :half]  # for position 2 that is position 1, and so on
    first = content[:, :1, half:].expand(-1, POSITIONS - 2, -1)
    return torch.cat([content, one_hot], dim=-1), torch.cat([before, first], dim=-1)


def error_of(layer: MultiHeadAttention, tokens: Tensor, targets: Tensor) -> Tensor:
    """The mean squared error. The layer is the whole model: its first outputs are the answer."""
    return F.mse_loss(layer(tokens[:, 2:], tokens, tokens)[..., :CONTENT], targets)


def train(num_heads: int, seed: int) -> tuple[MultiHeadAttention, list[float]]:
    """A trained layer and its loss at each step; the seed fixes first parameters and batches."""
    torch.manual_seed(seed)
    layer = MultiHeadAttention(WIDTH, num_heads)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.02)
    generator = torch.Generator().manual_seed(seed)
    losses = []
    for _ in tqdm(range(STEPS), desc=f"heads: {num_heads}", leave=False, disable=None):
        loss = error_of(layer, *draw_batch(64, generator))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return layer, losses


def one_head_against_several() -> dict[int, MultiHeadAttention]:
    section("One head against several")

    # A task with two relations at once: position i must say what the token before it holds in
    # its first 12 numbers, and what the first token holds in its last 12.
    tokens, targets = draw_batch(500, torch.Generator().manual_seed(100))
    print(f"{tokens.shape = }, {targets.shape = }")

    # One head has one row of weights for all features. Let it give the token before the weight
    # a and the first token 1 - a. The best linear map from that average to the targets:
    before, first = tokens[:, 1:-1], tokens[:, :1].expand(-1, POSITIONS - 2, -1)
    for a in (0.0, 0.3, 0.5, 1.0):
        average = (a * before + (1 - a) * first).flatten(0, 1)  # (B * L, WIDTH)
        answers = average @ torch.linalg.lstsq(average, targets.flatten(0, 1), driver="gelsd")[0]
        error = F.mse_loss(answers, targets.flatten(0, 1)).item()
        print(f"{a = }: mean squared error {error:.3f}")
        assert abs(error - 0.5) < 0.05
    # Half of the variance, which is 1, whatever the compromise: what one relation gains, the
    # other loses. Two heads need no compromise. Each number of heads now starts from the same
    # parameters and sees the same batches, as often.

    layers, curves = {}, {}
    print("heads   parameters   error on new sequences with seed 0, 1, 2")
    for num_heads in (1, 2, 4, WIDTH):
        errors = []
        for seed in range(3):
            layer, losses = train(num_heads, seed)
            with torch.no_grad():
                errors.append(error_of(layer, tokens, targets).item())
            if seed == 0:
                layers[num_heads], curves[num_heads] = layer, losses
        parameters = sum(parameter.numel() for parameter in layer.parameters())
        print(f"{num_heads:>5} {parameters:>12,}  ", *(f"{error:.3f}" for error in errors))
        if num_heads in (2, 4):
            assert max(errors) < 0.05
        else:
            assert min(errors) > (0.4 if num_heads == 1 else 0.1)

    # A blend would be as good, but the one head has chosen: one half right, the other given up.
    with torch.no_grad():
        answers = layers[1](tokens[:, 2:], tokens, tokens)[..., :CONTENT]
    on_before, on_first = (answers - targets).pow(2).mean(dim=(0, 1)).chunk(2)
    print(f"one head, seed 0: error on the token before {on_before.mean().item():.3f}", end=", ")
    print(f"on the first token {on_first.mean().item():.3f}")

    # Why 32 heads fail, too: with d_k = 1 a score is a product of two numbers, so a head has two
    # favorite keys at most, the one with the largest number and the one with the smallest.
    # That is enough to find the first token, and not the one before each query.
    draw_curves(curves)
    return layers


def draw_curves(curves: dict[int, list[float]]) -> None:
    """Save the picture of the losses over the steps, a curve for each number of heads."""
    import matplotlib.pyplot as plt

    from pytorch_refresher._common.figures import BLUE, GREEN, ORANGE, PURPLE

    figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
    styles = {1: (ORANGE, "-"), 2: (BLUE, "-"), 4: (GREEN, "--"), WIDTH: (PURPLE, "-.")}
    for num_heads, losses in curves.items():
        color, line = styles[num_heads]
        heads = "1 head" if num_heads == 1 else f"{num_heads} heads"
        label = f"{heads}, $d_k$ = {WIDTH // num_heads}"
        axis.plot(range(1, STEPS + 1), losses, line, color=color, label=label)
    axis.axhline(0.5, color="grey", linewidth=1, linestyle=":", label="limit of one average")
    axis.set(xlabel="step", ylabel="mean squared error", ylim=(0, 1.2))
    axis.set_title("The same number of parameters, the same data, another number of heads")
    axis.legend()
    save_figure(figure, "training")


def what_each_head_looks_at(layers: dict[int, MultiHeadAttention]) -> None:
    section("What each head looks at")
    import matplotlib.pyplot as plt

    # The weights of each head, averaged over 200 sequences.
    tokens, _ = draw_batch(200, torch.Generator().manual_seed(200))
    panels = []
    for num_heads in (1, 2, 4):
        with torch.no_grad():
            weights = layers[num_heads].attention_weights(tokens[:, 2:], tokens).mean(dim=0)
        for h, head in enumerate(weights, start=1):  # head: (L, S)
            at_first = head[:, 0].mean().item()
            at_before = head[:, 1:-1].diagonal().mean().item()
            print(
                f"head {h} of {num_heads}: weight on the token before {at_before:.2f}, "
                f"on the first {at_first:.2f}"
            )
            panels.append((f"head {h} of {num_heads}", head, at_before, at_first))
    # With several heads, each is for one relation alone, and both relations have a head.
    for _, _, at_before, at_first in panels[1:]:
        assert max(at_before, at_first) > 0.8 and min(at_before, at_first) < 0.2
    assert len({at_before > at_first for *_, at_before, at_first in panels[1:3]}) == 2

    figure, axes = plt.subplots(
        2, 4, figsize=(10, 4.6), layout="constrained", sharex=True, sharey=True
    )
    places = [axes[0, 0], axes[0, 2], axes[0, 3], *axes[1]]
    axes[0, 1].axis("off")
    for axis, (title, head, *_) in zip(places, panels, strict=True):
        image = axis.imshow(head.numpy(), vmin=0, vmax=1, cmap="viridis", aspect="auto")
        axis.set(title=title, xticks=range(POSITIONS), yticks=range(POSITIONS - 2))
        axis.set_yticklabels(range(2, POSITIONS))
        axis.tick_params(labelbottom=True, labelleft=True)
    figure.supxlabel("key position")
    figure.supylabel("query position")
    figure.suptitle("One head serves one relation; several divide the relations among them")
    figure.colorbar(image, ax=axes, label="attention weight")
    save_figure(figure, "heads")


# -----------------------------------------------------------------------------------------
# Practice problems. Replace each `raise NotImplementedError` with your answer and run this
# file again. solutions.py has one answer to each, and the checks that mark yours.
# -----------------------------------------------------------------------------------------


def multi_head_attention(
    Q: Tensor,
    K: Tensor,
    V: Tensor,
    W_q: nn.Linear,
    W_k: nn.Linear,
    W_v: nn.Linear,
    W_o: nn.Linear,
    num_heads: int,
    mask: Tensor | None = None,
):
    """Problem 1. Implement multi-head attention from scratch, without a call of the class above,
    of nn.MultiheadAttention or of F.scaled_dot_product_attention.

    Q: (B, L, d_model), K and V: (B, S, d_model). The four layers map d_model features to
    d_model features, and num_heads divides d_model. mask, where given: broadcastable to
    (B, num_heads, L, S), True or 1 where a query may look, False or 0 where it may not; each
    query may look at one key at least. Return two things: the output, (B, L, d_model), and the
    weights, (B, num_heads, L, S).
    """
    raise NotImplementedError


def plot_heads(weights: Tensor, query_tokens: list[str], key_tokens: list[str]):
    """Problem 2. Visualize what each head looks at.

    weights: (H, L, S), on the CPU; query_tokens: L words; key_tokens: S words. Return a
    matplotlib figure with one axes for each head, in order, that shows its weights with
    axis.imshow: a row for each query, a column for each key. All heads share one color scale,
    from 0 to 1 (vmin and vmax). The ticks of each axes stand at 0, 1, 2, ... and are labeled
    with the words: the queries at the y axis, the keys at the x axis. The title of each axes
    says "head 1", "head 2", ... Color bars are welcome.
    """
    raise NotImplementedError


def compare_with_pytorch(
    ours: MultiHeadAttention, theirs: nn.MultiheadAttention, x: Tensor, mask: Tensor
) -> tuple[float, float]:
    """Problem 3. Compare the class above with nn.MultiheadAttention.

    Copy the parameters of `ours` into `theirs`, which has the same d_model and number of heads
    and was made with batch_first=True; leave `ours` as it is. Then run both with x, (B, L,
    d_model), as query, key and value. mask: (L, L), True where a query may look. Return two
    floats: the largest absolute difference between their outputs, and the largest absolute
    difference between their weights, (B, H, L, L), head by head. The check also brings layers
    that are not as they should be: measure, whatever the difference is.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__doc__)
    if not arguments.practice:
        two_relations_by_hand()
        splitting_into_heads()
        step_by_step()
        what_the_number_of_heads_changes()
        against_pytorch()
        nothing_to_look_at()
        layers = one_head_against_several()
        what_each_head_looks_at(layers)
    report_practice(multi_head_attention, plot_heads, compare_with_pytorch)


if __name__ == "__main__":
    main()
