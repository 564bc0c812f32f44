"""Lesson 16: Multi-Head Attention

Ask a friend two questions, "how old are you?" and "how tall are you?", and allow a single number
as the answer. The best you can get is a blend of both, which answers neither. Attention has the
same problem: it gives each token one weighted average, whatever that token needs to know. So ask
several questions side by side, one per head.

    python lesson.py             run the lesson, then mark your practice answers
    python lesson.py --practice  only mark your practice answers
"""

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SEED = 0  # of everything random below; try others
D_MODEL, NUM_HEADS = 12, 3  # of the small examples; heads divide features evenly

# Letters in the shapes: B batch, H heads, L query positions, S key positions,
# d_model features per token, d_k = d_model // H features per head.


def one_answer_for_two_questions() -> None:
    section("One answer for two questions")

    # Four tokens. Their features: is it red? green? an apple? a car?
    things = ("red apple", "green apple", "red car", "green car")
    x = torch.tensor([[1.0, 0, 1, 0], [0, 1, 1, 0], [1, 0, 0, 1], [0, 1, 0, 1]])  # (S=4, d_model=4)

    # A projection is a matrix that picks the features to compare. It also sets how much a match
    # counts: twice as loud makes the weights sharper. Try loud = 1.0.
    loud = 2.0
    everything = loud * torch.eye(4)  # (4, 4)
    color, kind = everything[:, :2], everything[:, 2:]  # each (4, 2)

    def weights_of_the_red_apple(W_q: Tensor, W_k: Tensor) -> list[float]:
        query, keys = x[0] @ W_q, x @ W_k  # (d_k,) and (S, d_k)
        return (keys @ query / math.sqrt(len(query))).softmax(dim=0).tolist()

    # What queries look for need not be what keys show: swap two columns, and red looks for green.
    columns = {
        "one head": weights_of_the_red_apple(everything, everything),
        "color": weights_of_the_red_apple(color, color),
        "kind": weights_of_the_red_apple(kind, kind),
        "other color": weights_of_the_red_apple(color.flip(1), color),
    }
    print("the red apple looks at", *(f"{name:>12}" for name in columns))
    for thing, *row in zip(things, *columns.values(), strict=True):
        print(f"{thing:<22}", *(f"{weight:>12.2f}" for weight in row))

    # The one head gives the green apple and the red car the same weight. Each matches in one
    # respect, but in which? The heads for color and kind keep the two questions apart.


class Head(nn.Module):
    """One head: lesson 15's attention, between projections that are learned."""

    def __init__(self, d_model: int, d_k: int) -> None:
        super().__init__()
        self.W_q = nn.Linear(d_model, d_k)  # what does a token look for?
        self.W_k = nn.Linear(d_model, d_k)  # what does it show to those who look?
        self.W_v = nn.Linear(d_model, d_k)  # what does it hand over when found?

    def forward(self, Q: Tensor, K: Tensor, V: Tensor) -> Tensor:
        q, k, v = self.W_q(Q), self.W_k(K), self.W_v(V)  # q: (B, L, d_k); k, v: (B, S, d_k)
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))  # (B, L, S)
        return scores.softmax(dim=-1) @ v  # (B, L, d_k)


class HeadsInALoop(nn.Module):
    """Several heads, one after the other, and a layer that mixes what they found."""

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        # Thin heads: together they are as wide, and cost as much, as a single wide one.
        d_k = d_model // num_heads
        self.heads = nn.ModuleList(Head(d_model, d_k) for _ in range(num_heads))
        self.W_o = nn.Linear(d_model, d_model)

    def forward(self, Q: Tensor, K: Tensor, V: Tensor) -> Tensor:
        found = [head(Q, K, V) for head in self.heads]  # H tensors (B, L, d_k)
        # Side by side, each head fills its own features. W_o lets every feature use every head.
        return self.W_o(torch.cat(found, dim=-1))  # (B, L, d_model)


def several_heads_in_a_loop() -> None:
    section("One head, then several in a loop")

    # In self-attention, one sequence is all three: it asks, it is looked at, it answers.
    x, head = torch.randn(2, 5, D_MODEL), Head(D_MODEL, D_MODEL // NUM_HEADS)
    loop = HeadsInALoop(D_MODEL, NUM_HEADS)
    print(f"{x.shape = }   (B, L, d_model)")
    print(f"{head(x, x, x).shape = }   (B, L, d_k)")
    print(f"{loop(x, x, x).shape = }   (B, L, d_model) again")


class HeadsAtOnce(nn.Module):
    """The same heads without the loop: all of them in the same few matrix products."""

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads, self.d_k = num_heads, d_model // num_heads
        # One layer projects for all heads: features 0 to d_k - 1 of its output belong to head 0,
        # the next d_k features to head 1, and so on.
        self.W_q = nn.Linear(d_model, d_model)
        self.W_k = nn.Linear(d_model, d_model)
        self.W_v = nn.Linear(d_model, d_model)
        self.W_o = nn.Linear(d_model, d_model)

    def split_heads(self, x: Tensor) -> Tensor:
        B, L, _ = x.shape
        # Cut each token's features into heads, then move the heads in front of the positions.
        return x.view(B, L, self.num_heads, self.d_k).transpose(1, 2)  # (B, H, L, d_k)

    def join_heads(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2).flatten(-2)  # and back: (B, L, H, d_k), then (B, L, d_model)

    def attention_weights(self, Q: Tensor, K: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k = self.split_heads(self.W_q(Q)), self.split_heads(self.W_k(K))
        # A matrix product looks at the last two dimensions only. B and H both count as batch.
        scores = q @ k.transpose(-2, -1) / math.sqrt(self.d_k)  # (B, H, L, S)
        if mask is not None:  # True where a query may look, as in lesson 15
            scores = scores.masked_fill(mask == 0, float("-inf"))
        return scores.softmax(dim=-1)

    def forward(self, Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
        weights = self.attention_weights(Q, K, mask)  # (B, H, L, S)
        return self.W_o(self.join_heads(weights @ self.split_heads(self.W_v(V))))


def all_heads_at_once() -> None:
    section("All heads at once: a reshape instead of the loop")

    # Three tokens with four features each, for two heads. The tens digit is the token's number.
    x = torch.tensor([[[0, 1, 2, 3], [10, 11, 12, 13], [20, 21, 22, 23]]])  # (B=1, L=3, d_model=4)
    head_0, head_1 = HeadsAtOnce(4, 2).split_heads(x)[0].tolist()
    print(f"{head_0 = }")
    print(f"{head_1 = }")

    # Is it the same computation? Stack the small layers of the loop into the large ones and see.
    loop, at_once = HeadsInALoop(D_MODEL, NUM_HEADS), HeadsAtOnce(D_MODEL, NUM_HEADS)
    with torch.no_grad():
        for name in ("W_q", "W_k", "W_v"):
            small, large = [getattr(head, name) for head in loop.heads], getattr(at_once, name)
            large.weight.copy_(torch.cat([layer.weight for layer in small]))
            large.bias.copy_(torch.cat([layer.bias for layer in small]))
        at_once.W_o.load_state_dict(loop.W_o.state_dict())
    Q, K = torch.randn(2, 5, D_MODEL), torch.randn(2, 7, D_MODEL)  # two sequences work as well
    print(f"{torch.allclose(at_once(Q, K, K), loop(Q, K, K), atol=1e-5) = }")
    print(f"{at_once.attention_weights(Q, K).shape = }   (B, H, L, S)")


def a_mask_for_every_head() -> None:
    section("A mask for every head")

    # Four sequences, padded to four tokens each. True where there is a real token.
    padding = torch.arange(4) < torch.tensor([4, 3, 2, 1])[:, None]  # (B, S)
    x, layer = torch.randn(4, 4, D_MODEL), HeadsAtOnce(D_MODEL, NUM_HEADS)

    # A mask broadcasts against the scores, (B, H, L, S). One that is the same for all heads and
    # all queries of a sequence needs two dimensions of size 1.
    mask = padding[:, None, None, :]  # (B, 1, 1, S)
    weights = layer.attention_weights(x, x, mask).detach()
    print(f"sequence 2 has two real tokens, and head 0 looks at them:\n{weights[2, 0]}")


# An experiment. A token holds random numbers and, because attention alone knows no order (lesson
# 18), its position as a one-hot. Each position must report the first half of what the token before
# it holds, and the second half of what the very first token holds. Two questions, in other words.
CONTENT, POSITIONS = 24, 8
LOUD = 3.0  # the size of the one-hot: the position must be heard above the random numbers
HEADS = (1, 2, 4)  # each has to divide the width of a token, CONTENT + POSITIONS
STEPS, RATE, BATCH = 250, 0.01, 64


def draw_batch(size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Tokens (B, POSITIONS, width), and the targets of all but the first two: (B, L, CONTENT)."""
    content = torch.randn(size, POSITIONS, CONTENT, generator=generator)
    position = LOUD * torch.eye(POSITIONS).expand(size, -1, -1)
    before = content[:, 1:-1, : CONTENT // 2]
    first = content[:, :1, CONTENT // 2 :].expand(-1, POSITIONS - 2, -1)
    return torch.cat([content, position], dim=-1), torch.cat([before, first], dim=-1)


def errors_of(layer: nn.Module, tokens: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Mean squared errors on both questions. The layer is the whole model: it reports directly."""
    squared = (layer(tokens[:, 2:], tokens, tokens)[..., :CONTENT] - targets) ** 2
    return squared[..., : CONTENT // 2].mean(), squared[..., CONTENT // 2 :].mean()


def train(num_heads: int) -> HeadsAtOnce:
    torch.manual_seed(SEED)  # the same starting weights, whatever the number of heads
    layer = HeadsAtOnce(CONTENT + POSITIONS, num_heads)
    optimizer = torch.optim.Adam(layer.parameters(), lr=RATE)
    generator = torch.Generator().manual_seed(SEED)  # and the same sequences
    for _ in range(STEPS):
        loss = sum(errors_of(layer, *draw_batch(BATCH, generator))) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return layer


def one_head_against_several() -> None:
    section("One head against several")

    # The same number of parameters and the same data, divided among more and more heads.
    heads = {}
    tokens, targets = draw_batch(1000, torch.Generator().manual_seed(SEED + 100))  # unseen ones
    for num_heads in HEADS:
        layer = train(num_heads)
        parameters = sum(each.numel() for each in layer.parameters())
        with torch.no_grad():
            before, first = errors_of(layer, tokens, targets)
            weights = layer.attention_weights(tokens[:, 2:], tokens).mean(dim=0)  # (H, L, S)
        print(f"num_heads={num_heads}, {parameters:,} parameters: ", end="")
        print(f"error {before:.3f} on the token before, {first:.3f} on the first")

        # What does each head look at, on average over the sequences? Row 0 is position 2.
        for h, head in enumerate(weights):
            before, first = head[:, 1:-1].diagonal().mean(), head[:, 0].mean()
            print(f"  head {h}: weight {before:.2f} on the token before, {first:.2f} on the first")
            heads[f"head {h} of {num_heads}"] = head
    if heads:
        draw_heads(heads)


class MultiHeadAttention(HeadsAtOnce):
    """The version to keep: PyTorch's fused attention inside, the weights on demand.

    Q: (B, L, d_model), K and V: (B, S, d_model). mask: broadcasts to (B, H, L, S), True or 1
    where a query may look. Raises ValueError if num_heads does not divide d_model.
    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.2.2.
    """

    def __init__(self, d_model: int, num_heads: int) -> None:
        if num_heads < 1 or d_model % num_heads:
            raise ValueError(f"{d_model} features cannot be split into {num_heads} equal heads")
        super().__init__(d_model, num_heads)

    def forward(self, Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k = self.split_heads(self.W_q(Q)), self.split_heads(self.W_k(K))
        v = self.split_heads(self.W_v(V))
        # PyTorch would add a mask of 0.0 and 1.0 to the scores. Make it False and True.
        allowed = None if mask is None else mask != 0
        heads = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)  # (B, H, L, d_k)
        return self.W_o(self.join_heads(heads))

    def attention_weights(self, Q: Tensor, K: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None:
            return super().attention_weights(Q, K)
        # A query that may look at nothing: let it look everywhere, then throw the result away.
        nowhere = (mask == 0).all(dim=-1, keepdim=True)
        weights = super().attention_weights(Q, K, (mask != 0) | nowhere)
        return weights.masked_fill(nowhere, 0.0)


def what_pytorch_adds() -> None:
    section("What PyTorch adds")
    x, causal = torch.randn(2, 5, D_MODEL), torch.ones(5, 5, dtype=torch.bool).tril()

    # The fused function of lesson 15 takes the heads as more batch. It doesn't have to keep the
    # weights, so the class computes them only when somebody asks.
    ours = MultiHeadAttention(D_MODEL, NUM_HEADS)
    fused, by_hand = ours(x, x, x, causal), HeadsAtOnce.forward(ours, x, x, x, causal)
    print(f"{torch.allclose(fused, by_hand, atol=1e-5) = }")

    # A ready-made layer. It keeps W_q, W_k and W_v in one tensor, one below the other.
    theirs = nn.MultiheadAttention(D_MODEL, NUM_HEADS, batch_first=True)
    print(f"{theirs.in_proj_weight.shape = }")
    nn.init.normal_(theirs.in_proj_bias)  # it starts at 0, where a mix-up would go unnoticed
    with torch.no_grad():
        for number, layer in enumerate((ours.W_q, ours.W_k, ours.W_v)):
            layer.weight.copy_(theirs.in_proj_weight.chunk(3)[number])
            layer.bias.copy_(theirs.in_proj_bias.chunk(3)[number])
        ours.W_o.load_state_dict(theirs.out_proj.state_dict())

    # Careful: True in this layer's mask means "may NOT look", the opposite of everything above.
    output, weights = theirs(x, x, x, attn_mask=~causal, average_attn_weights=False)
    print(f"{torch.allclose(ours(x, x, x, causal), output, atol=1e-5) = }")
    print(f"{torch.allclose(ours.attention_weights(x, x, causal), weights, atol=1e-5) = }")


def nothing_to_look_at() -> None:
    section("A query that may look at nothing")

    # Pad on the left, add a causal mask: position 0 may look at itself alone, and it is padding.
    real = torch.tensor([False, True, True, True])
    mask = torch.ones(len(real), len(real), dtype=torch.bool).tril() & real
    print(f"mask\n{mask.int()}")

    # Softmax over nothing but -inf is 0 / 0. Does it help to leave position 0 out of the loss?
    x = torch.randn(1, len(real), D_MODEL)
    for kind in (HeadsAtOnce, MultiHeadAttention):
        layer = kind(D_MODEL, NUM_HEADS)
        layer(x, x, x, mask)[:, 1:].pow(2).sum().backward()
        weights = layer.attention_weights(x, x, mask)[0, 0, 0].tolist()
        nan = layer.W_v.weight.grad.isnan().any().item()
        print(f"{kind.__name__:<18}  {weights = }  NaN in the gradient: {nan}")

    # It doesn't: on the way back, a gradient of 0 meets a weight of NaN, and 0 * NaN is NaN. The
    # fused function returns 0 for such a query, and the gradients stay whole.


def draw_heads(heads: dict[str, Tensor]) -> None:
    from pytorch_refresher._common.figures import heat_map

    import matplotlib.pyplot as plt

    shown = list(heads.items())[:8]  # of many heads, the first eight
    rows = math.ceil(len(shown) / 4)
    size = (10, 0.6 + 2 * rows)
    figure, grid = plt.subplots(rows, 4, figsize=size, layout="constrained", squeeze=False)
    for axes in grid.flat[len(shown) :]:
        axes.set_axis_off()
    for axes, (name, head) in zip(grid.flat, shown, strict=False):
        image = heat_map(axes, head.numpy(), range(2, POSITIONS), range(POSITIONS), vmin=0, vmax=1)
        axes.set_title(name)
    figure.supxlabel("position of the key")
    figure.supylabel("position of the query")
    figure.colorbar(image, ax=grid, label="attention weight")
    save_figure(figure, "heads")


# -----------------------------------------------------------------------------------------
# Practice. Replace each `raise NotImplementedError` with your answer, then run this file with
# --practice: it marks your answers and tells you what to look at next.
# -----------------------------------------------------------------------------------------


class CrossAttention(nn.Module):
    """Problem 1 (medium, 25 minutes). Implement multi-head attention that reads another sequence.

    A translator looks up each word it writes in the source text: queries come from x, keys and
    values from memory, whose tokens may have another width, d_memory. Write the whole module from
    four nn.Linear layers, named W_q, W_k, W_v and W_o, and tensor operations. Off limits are
    F.scaled_dot_product_attention, nn.MultiheadAttention and the classes above.

    x: (B, L, d_model), memory: (B, S, d_memory). num_heads divides d_model; head 0 gets the first
    d_model // num_heads features of each projection, and so on. mask, if given, broadcasts to
    (B, num_heads, L, S), is True or 1 where a query may look, and lets each look somewhere. Return
    two things: the output, (B, L, d_model), and the weights, (B, num_heads, L, S).
    """

    def __init__(self, d_model: int, d_memory: int, num_heads: int) -> None:
        super().__init__()
        raise NotImplementedError

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor | None = None):
        """The output and the weights."""


def plot_heads(layer: MultiHeadAttention, x: Tensor, words: list[str]):
    """Problem 2 (easy, 10 minutes). Visualize the attention patterns of different heads.

    x: (1, L, d_model), one sentence, in which each token may look at all; words: its L words.
    Return a matplotlib figure with one heat map per head, in order: a row per query, a column per
    key, the words as tick labels on both axes, and one color scale from 0 to 1 for all heads.
    """
    raise NotImplementedError


def compare_with_pytorch(
    ours: MultiHeadAttention, theirs: nn.MultiheadAttention, x: Tensor, lengths: Tensor
) -> tuple[float, float]:
    """Problem 3 (medium, 15 minutes). Compare the class above with nn.MultiheadAttention.

    Both have the same sizes, theirs with batch_first=True. Copy the parameters of ours into
    theirs: ours stays as it is, and the two share no memory. Then run both with x, (B, L, d_model),
    as query, key and value. lengths: (B,), the number of real tokens in each sequence; no query
    may look at the padding behind them. Return two floats: the largest absolute difference of the
    outputs, and that of the weights, (B, num_heads, L, L). The check also brings layers with a
    mistake inside: report the difference, whatever it is.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__)
    if not arguments.practice:
        torch.manual_seed(SEED)
        one_answer_for_two_questions()
        several_heads_in_a_loop()
        all_heads_at_once()
        a_mask_for_every_head()
        one_head_against_several()
        what_pytorch_adds()
        nothing_to_look_at()
    report_practice(__file__)


if __name__ == "__main__":
    main()
