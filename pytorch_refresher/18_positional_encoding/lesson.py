"""Lesson 18: Positional Encoding

    PE(pos, 2i) = sin(pos / 10000^(2i / d_model))    PE(pos, 2i + 1) = cos(the same)

Attention compares vectors and does not know where they stand. This lesson shows that it does
not, gives each position a vector of its own, fixed or learned, turns queries and keys instead
(RoPE), and then puts together what the course has built: a transformer that trains.

    python lesson.py             the whole lesson, then your practice report
    python lesson.py --practice  the practice report alone
"""

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

# Shapes are written in comments with these letters throughout the lesson:
#   B batch   H heads   L positions of a sequence (S where they are keys)
#   d_model features of a position   d_k = d_model / H features of a head   V vocabulary

D_MODEL, NUM_HEADS, DIGITS = 32, 4, 10
STEPS, BATCH_SIZE, SHORTEST, LONGEST = 1000, 32, 4, 16  # of the training in section 7
LENGTHS = (4, 8, 12, 16, 17, 20, 24, 32)  # that are tested: half of them longer than any trained on


class SinusoidalPositionalEncoding(nn.Module):
    """Adds a fixed vector of sines and cosines to each position: (B, L, d_model) in and out.

    Raises ValueError for an odd d_model, and for a sequence longer than max_len.
    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.5.
    """

    def __init__(self, d_model: int, max_len: int = 5000) -> None:
        super().__init__()
        if d_model % 2:
            raise ValueError(
                f"d_model is {d_model}: sines and cosines come in pairs, so make it even"
            )
        pe = torch.zeros(max_len, d_model)
        position = torch.arange(0, max_len).unsqueeze(1).float()
        div_term = torch.exp(torch.arange(0, d_model, 2).float() * -(math.log(10000.0) / d_model))
        pe[:, 0::2] = torch.sin(position * div_term)
        pe[:, 1::2] = torch.cos(position * div_term)
        # A buffer moves with the module to a device, and no optimizer changes it.
        self.register_buffer("pe", pe.unsqueeze(0))  # (1, max_len, d_model)

    def forward(self, x: Tensor) -> Tensor:
        if x.size(1) > self.pe.size(1):
            raise ValueError(f"{x.size(1)} positions, but max_len is {self.pe.size(1)}")
        return x + self.pe[:, : x.size(1)]


class LearnedPositionalEmbedding(nn.Module):
    """Adds a learned vector to each position: (B, L, d_model) in and out.

    Raises ValueError for a sequence longer than max_len.
    Source: Devlin et al., "BERT" (2018), section 3.
    """

    def __init__(self, d_model: int, max_len: int) -> None:
        super().__init__()
        self.positions = nn.Embedding(max_len, d_model)

    def forward(self, x: Tensor) -> Tensor:
        max_len = self.positions.num_embeddings
        if x.size(1) > max_len:
            raise ValueError(f"{x.size(1)} positions, but there are vectors for {max_len}")
        return x + self.positions(torch.arange(x.size(1), device=x.device))


class MultiHeadAttention(nn.Module):
    """Lesson 16's class in its short form: (B, L, d_model) to (B, L, d_model)."""

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        if num_heads < 1 or d_model % num_heads != 0:
            raise ValueError(f"{d_model} features cannot be cut into {num_heads} equal heads")
        self.num_heads, self.d_k = num_heads, d_model // num_heads
        self.W_q, self.W_k = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.W_v, self.W_o = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)

    def split_heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.num_heads, self.d_k)).transpose(1, 2)  # (B, H, L, d_k)

    def queries_and_keys(self, Q: Tensor, K: Tensor) -> tuple[Tensor, Tensor]:
        return self.split_heads(self.W_q(Q)), self.split_heads(self.W_k(K))

    def attention_weights(self, Q: Tensor, K: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k = self.queries_and_keys(Q, K)
        scores = q @ k.transpose(-2, -1) / math.sqrt(self.d_k)  # (B, H, L, S)
        if mask is None:
            return scores.softmax(dim=-1)
        scores = scores.masked_fill(mask == 0, torch.finfo(scores.dtype).min)
        return scores.softmax(dim=-1).masked_fill(mask == 0, 0.0)

    def forward(self, Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
        heads = self.attention_weights(Q, K, mask) @ self.split_heads(self.W_v(V))
        return self.W_o(heads.transpose(1, 2).flatten(-2))  # (B, L, d_model)


def rotate(x: Tensor) -> Tensor:
    """Turn each pair of features of x, (..., L, d_k), by an angle that grows with the position.

    Pair i turns by pos / 10000^(2i / d_k). Source: Su et al., "RoFormer" (2021), section 3.2.
    """
    d_k = x.size(-1)
    position = torch.arange(x.size(-2), device=x.device).unsqueeze(1)  # (L, 1)
    angle = position * 10000.0 ** (-torch.arange(0, d_k, 2, device=x.device) / d_k)  # (L, d_k / 2)
    first, second = x[..., 0::2], x[..., 1::2]
    turned = (
        first * angle.cos() - second * angle.sin(),
        first * angle.sin() + second * angle.cos(),
    )
    return torch.stack(turned, dim=-1).flatten(-2)  # (..., L, d_k), pair beside pair again


class RotaryAttention(MultiHeadAttention):
    """Multi-head attention that turns queries and keys by their positions (RoPE)."""

    def queries_and_keys(self, Q: Tensor, K: Tensor) -> tuple[Tensor, Tensor]:
        q, k = super().queries_and_keys(Q, K)
        return rotate(q), rotate(k)


class TransformerEncoderBlock(nn.Module):
    """Lesson 17's class in its short form: (B, L, d_model) in and out, post-norm."""

    def __init__(self, d_model: int, num_heads: int, d_ff: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(d_model, num_heads)
        self.norm1 = nn.LayerNorm(d_model)
        self.ff = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))
        self.norm2 = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = self.norm1(x + self.dropout(self.attention(x, x, x, mask)))
        return self.norm2(x + self.dropout(self.ff(x)))


class Transformer(nn.Module):
    """Digits (B, L) to logits (B, L, V), one answer for each position.

    positions: a module that adds positions to (B, L, d_model), or nn.Identity() for none;
    attention: the class of the blocks' attention.
    """

    def __init__(self, positions: nn.Module, attention: type = MultiHeadAttention) -> None:
        super().__init__()
        self.embedding = nn.Embedding(DIGITS, D_MODEL)
        self.positions = positions
        # Each example is new, so there is nothing that dropout would have to prevent.
        self.blocks = nn.ModuleList(
            TransformerEncoderBlock(D_MODEL, NUM_HEADS, 4 * D_MODEL, dropout=0.0) for _ in range(2)
        )
        for block in self.blocks:
            block.attention = attention(D_MODEL, NUM_HEADS)
        self.head = nn.Linear(D_MODEL, DIGITS)

    def forward(self, digits: Tensor) -> Tensor:
        x = self.positions(self.embedding(digits))  # (B, L, d_model)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def attention_sees_a_set() -> None:
    section("Attention sees a set, not a sequence")

    words = ["dog", "bites", "man"]
    x = torch.randn(3, 8)  # a vector for each word
    attention = MultiHeadAttention(d_model=8, num_heads=2)
    block = TransformerEncoderBlock(8, 2, 32).eval()

    # The same words in another order. What comes out at each word?
    order = [2, 1, 0]
    print(f"{' '.join(words)}:", *(f"{out[0].item():>8.4f}" for out in block(x[None])[0]))
    turned = block(x[order][None])[0]
    print(f"{' '.join(words[i] for i in order)}:", *(f"{out[0].item():>8.4f}" for out in turned))

    # A permuted input gives the permuted output, in one layer and in any stack of them.
    for layer in (lambda x: attention(x, x, x), block):
        torch.testing.assert_close(layer(x[order][None]), layer(x[None])[:, order])
    # So a sentence's mean is the same in any order: who bites whom is lost.
    torch.testing.assert_close(turned.mean(dim=0), block(x[None])[0].mean(dim=0))
    print("Permuted words give the permuted output: yes. Their mean is the same: yes")


def sinusoids_by_hand() -> None:
    section("A vector for each position: sines and cosines")

    # By hand, for d_model = 4: two pairs of features. The first turns by 1 a position, the
    # second by 1 / 10000^(2/4), which is 0.01.
    print("position   sin(pos)  cos(pos)  sin(pos / 100)  cos(pos / 100)")
    by_hand = torch.zeros(4, 4)
    for pos in range(4):
        for i in range(2):
            angle = pos / 10000 ** (2 * i / 4)
            by_hand[pos, 2 * i], by_hand[pos, 2 * i + 1] = math.sin(angle), math.cos(angle)
        cells = by_hand[pos].tolist()
        print(f"{pos:>8} {cells[0]:>10.3f} {cells[1]:>9.3f} {cells[2]:>15.3f} {cells[3]:>15.3f}")

    # The class computes 10000^(-2i / d_model) as exp(-log(10000) * 2i / d_model).
    encoding = SinusoidalPositionalEncoding(d_model=4, max_len=4)
    torch.testing.assert_close(encoding.pe[0], by_hand, rtol=0, atol=1e-5)
    x = torch.randn(2, 3, 4)  # (B, L, d_model)
    print(f"{encoding(x).shape = }   the encoding is added, so the shape stays")
    torch.testing.assert_close(encoding(x) - x, by_hand[:3].expand(2, 3, 4), rtol=0, atol=1e-5)
    print(f"{list(encoding.parameters()) = }   nothing to learn")

    # Added, not concatenated. Beside x the encoding would make the next layer wider, and that
    # layer would do little else than add: W [x, pe] is W_x x + W_pe pe.
    layer, pe = nn.Linear(8, 5, bias=False), by_hand[:3].expand(2, 3, 4)
    W_x, W_pe = layer.weight.chunk(2, dim=1)  # each (5, 4)
    torch.testing.assert_close(layer(torch.cat([x, pe], dim=-1)), x @ W_x.T + pe @ W_pe.T)
    print("A layer on [x, pe] adds a projection of each: yes")

    for what, attempt in {
        "5 features": lambda: SinusoidalPositionalEncoding(5),
        "9 positions": lambda: encoding(torch.randn(1, 9, 4)),
    }.items():
        try:
            attempt()
        except ValueError as error:
            print(f"{what}: {error}")
        else:
            raise AssertionError(f"{what} should have been refused")

    # With it, order counts: the permuted words no longer give the permuted output.
    words, order = torch.randn(1, 3, 4), [2, 1, 0]
    block = TransformerEncoderBlock(4, 2, 16).eval()
    assert not torch.allclose(block(encoding(words[:, order])), block(encoding(words))[:, order])


def what_the_encoding_knows() -> None:
    section("What the encoding knows about distance")
    from pytorch_refresher._common.figures import BLUE, GREEN, ORANGE

    import matplotlib.pyplot as plt

    pe = SinusoidalPositionalEncoding(64, max_len=128).pe[0]  # (128, 64)

    # Each pair (sin, cos) is the hand of a clock, and k positions later it has turned by k times
    # its own angle, wherever it was. So the encoding at pos + k is one matrix times that at pos.
    k = 5
    turn = torch.zeros(64, 64)
    for i in range(32):
        angle = torch.tensor(k / 10000 ** (2 * i / 64))
        turn[2 * i, 2 * i : 2 * i + 2] = torch.stack([angle.cos(), angle.sin()])
        turn[2 * i + 1, 2 * i : 2 * i + 2] = torch.stack([-angle.sin(), angle.cos()])
    torch.testing.assert_close(pe[:-k] @ turn.T, pe[k:], rtol=0, atol=1e-4)
    print(f"One matrix leads from every position to that {k} later: yes")

    # And the dot product of two encodings depends on their distance alone.
    products = pe @ pe.T  # (128, 128)
    for distance in (0, 1, 5, 20):
        diagonal = products.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=0, atol=1e-3)
        print(f"{distance = :>2}: dot product {diagonal[0].item():6.3f}, at every position")

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    image = left.imshow(
        pe.numpy(), cmap="RdBu", vmin=-1, vmax=1, aspect="auto", interpolation="nearest"
    )
    left.set(title="Fast clocks on the left, slow ones on the right")
    left.set(xlabel="feature", ylabel="position")
    figure.colorbar(image, ax=left, label="value")
    for pos, color, style in ((20, BLUE, "-"), (64, ORANGE, "--"), (100, GREEN, "-.")):
        right.plot(products[pos].numpy(), style, color=color, label=f"position {pos}")
        right.axvline(pos, color=color, linewidth=0.8, linestyle=":")
    right.set(
        title="The same peak wherever you stand", xlabel="other position", ylabel="dot product"
    )
    right.set_ylim(top=40)
    right.legend(loc="upper left", ncols=3, fontsize=8, columnspacing=1, handlelength=1.6)
    save_figure(figure, "sinusoid")


def learned_positions() -> None:
    section("Learned positions")

    # The other way: a table of vectors, learned like the embeddings of lesson 11. BERT has 512.
    learned = LearnedPositionalEmbedding(d_model=8, max_len=6)
    x = torch.randn(2, 4, 8)
    print(f"{learned(x).shape = }, {learned.positions.weight.shape = }")
    torch.testing.assert_close(learned(x) - x, learned.positions.weight[:4].expand(2, 4, 8))

    # As in lesson 11, only the rows that were used learn: here four of six.
    learned(x).sum().backward()
    touched = learned.positions.weight.grad.abs().sum(dim=1) > 0
    print(f"{touched.tolist() = }")
    assert touched.tolist() == [True] * 4 + [False] * 2

    # Beyond the table there is nothing to add.
    try:
        learned(torch.randn(1, 7, 8))
    except ValueError as error:
        print(f"A longer sequence: {error}")
    else:
        raise AssertionError("a seventh position should have been refused")


def relative_positions() -> None:
    section("Relative positions: RoPE and ALiBi")
    from pytorch_refresher._common.figures import BLUE, GREEN, ORANGE, RED

    import matplotlib.pyplot as plt

    # What mostly counts is how far apart two words are, and scores are where words meet. RoPE
    # turns query and key by their positions before the dot product. One query and one key, put
    # at every position of a sequence of 40:
    q, k = torch.randn(2, 1, 16).expand(2, 40, 16)  # (L=40, d_k=16) each
    scores = rotate(q) @ rotate(k).T  # (L, S)
    for i, j in ((3, 1), (12, 10), (39, 37), (12, 1)):
        print(
            f"query at {i:>2}, key at {j:>2}, distance {i - j:>2}: score {scores[i, j].item():.4f}"
        )
    for distance in range(-39, 40):
        diagonal = scores.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=0, atol=1e-3)
    print("The score depends on the distance alone: yes")
    # A rotation leaves lengths as they are, and position 0 untouched.
    torch.testing.assert_close(rotate(q).norm(dim=-1), q.norm(dim=-1))
    torch.testing.assert_close(rotate(q)[0], q[0])

    # ALiBi changes nothing before the dot product, and subtracts from the score in proportion to
    # the distance, in each head with a slope of its own. (For a decoder; keys behind are masked.)
    distance = (torch.arange(12)[:, None] - torch.arange(12)).float()  # (L, S), query minus key
    slopes = 2.0 ** (-8 * torch.arange(1, 5) / 4)  # (H=4,)
    bias = -slopes[:, None, None] * distance.clamp(min=0)  # (H, L, S)
    print(f"{slopes = }\n{bias.shape = }")

    figure = plt.figure(figsize=(11, 3.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 2.2))
    axis = left.subplots()
    alike = rotate(q) @ rotate(q).T  # a key that is what the query looks for
    axis.plot(range(-39, 40), [alike.diagonal(-d)[0].item() for d in range(-39, 40)], color=BLUE)
    axis.set(title="RoPE: a key equal to the query", xlabel="distance", ylabel="score")
    panels = right.subplots(1, 4, sharey=True)
    forbidden = torch.ones(12, 12, dtype=torch.bool).triu(1)
    for h, (axis, color) in enumerate(zip(panels, (RED, ORANGE, GREEN, BLUE), strict=True)):
        shown = bias[h].masked_fill(forbidden, float("nan"))
        image = axis.imshow(shown.numpy(), vmin=-3, vmax=0, cmap="viridis")
        axis.set_title(f"slope {slopes[h].item():.4f}", color=color, fontsize=10)
        axis.set_xlabel("key position")
    panels[0].set_ylabel("query position")
    right.suptitle("ALiBi: what each of four heads subtracts")
    right.colorbar(image, ax=panels, label="added to the score")
    save_figure(figure, "relative")


def the_whole_transformer() -> None:
    section("The whole: a transformer of your own making")

    # Token embedding (lesson 11), positions, two encoder blocks (lesson 17) of multi-head
    # attention (16, 15) and LayerNorm (13), and a linear layer for the logits (10).
    model = Transformer(SinusoidalPositionalEncoding(D_MODEL))
    digits = torch.randint(DIGITS, (2, 6))  # (B=2, L=6)
    x = model.embedding(digits)
    print(f"{digits.shape = }\n{x.shape = }")
    x = model.positions(x)
    for number, block in enumerate(model.blocks, start=1):
        x = block(x)
        print(f"{x.shape = }   after block {number}")
    print(f"{model.head(x).shape = }   ten logits at each position")
    torch.testing.assert_close(model(digits), model.head(x))
    print(f"{sum(parameter.numel() for parameter in model.parameters()) = :,}")

    # The task: to each digit add the one before it, modulo 10. To the first add nothing.
    digits = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])
    print(f"{digits[0].tolist() = }\n{add_the_one_before(digits)[0].tolist() = }")
    assert add_the_one_before(digits)[0, 5] == (5 + 9) % 10


def add_the_one_before(digits: Tensor) -> Tensor:
    """Each digit plus the one before it, modulo 10: (B, L) in and out."""
    before = F.pad(digits[:, :-1], (1, 0))  # 0 before the first
    return (digits + before) % DIGITS


def examples(count: int, length: int) -> tuple[Tensor, Tensor]:
    """Random digits (count, length) and what the model is to answer, (count, length)."""
    digits = torch.randint(DIGITS, (count, length))
    return digits, add_the_one_before(digits)


def train(model: nn.Module, name: str) -> None:
    """Train on sequences of SHORTEST to LONGEST digits, each batch of one length."""
    optimizer = torch.optim.Adam(model.parameters())
    # The learning rate climbs for a fifth of the steps, then falls to nearly 0.
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, STEPS, pct_start=0.2)
    for _ in tqdm(range(STEPS), desc=name, leave=False, disable=None):
        length = int(torch.randint(SHORTEST, LONGEST + 1, ()))
        inputs, targets = examples(BATCH_SIZE, length)
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        scheduler.step()


@torch.no_grad()
def accuracy(model: nn.Module, length: int, start: int = 0) -> float:
    """The share of right digits, from position `start` on, in 300 new sequences of a length."""
    inputs, targets = examples(300, length)
    right = model.eval()(inputs).argmax(dim=-1) == targets  # (300, length)
    return right[:, start:].float().mean().item()


def with_and_without_positions() -> dict[str, list[float]]:
    section("With and without positions, and on longer sequences")

    # Four times the same transformer, steps, batches and seed. Trained on 4 to 16 digits.
    models = {
        "none": lambda: Transformer(nn.Identity()),
        "sinusoidal": lambda: Transformer(SinusoidalPositionalEncoding(D_MODEL)),
        # Rows for 32 positions, of which training reaches 16: the others stay as they started.
        "learned": lambda: Transformer(LearnedPositionalEmbedding(D_MODEL, max(LENGTHS))),
        "RoPE": lambda: Transformer(nn.Identity(), RotaryAttention),
    }
    results, beyond = {}, {}
    print("right digits, length" + "".join(f"{length:>8}" for length in LENGTHS))
    for name, make in models.items():
        torch.manual_seed(0)
        model = make()
        torch.manual_seed(0)  # the same batches for all, whatever their parameters drew
        train(model, name)
        torch.manual_seed(1)
        results[name] = [accuracy(model, length) for length in LENGTHS]
        print(f"{name:<20}" + "".join(f"{share:>8.1%}" for share in results[name]))

        beyond[name] = [accuracy(model, length, start=LONGEST) for length in (17, 20, 32)]

    # Those shares include the first 16 positions. Beyond them alone, where guessing gives 10%:
    print("\nonly from the 17th digit on, length      17      20      32")
    for name, shares in beyond.items():
        print(f"{name:<36}" + "".join(f"{share:>8.1%}" for share in shares))

    at = dict(zip(LENGTHS, range(len(LENGTHS)), strict=True))
    # Without positions the digit before cannot be told from the others.
    assert max(results["none"]) < 0.6
    # Where they were trained, all three ways of telling positions solve the task.
    for name in ("sinusoidal", "learned", "RoPE"):
        assert min(results[name][at[length]] for length in (8, 12, 16)) > 0.9
    # Twice as long, a formula for any position is no help by itself: the blocks have never met
    # these vectors. What they have met is distances, and RoPE gives them nothing else.
    assert results["sinusoidal"][at[32]] < 0.85 and results["learned"][at[32]] < 0.7
    assert results["RoPE"][at[32]] > 0.9
    # A row that was never trained says nothing at all.
    assert max(beyond["learned"]) < 0.3 and beyond["sinusoidal"][-1] < 0.7
    return results


def picture(results: dict[str, list[float]]) -> None:
    from pytorch_refresher._common.figures import BLUE, GREEN, ORANGE, RED

    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
    looks = ((RED, "s:"), (BLUE, "o-"), (ORANGE, "^--"), (GREEN, "d-."))
    for (name, shares), (color, style) in zip(results.items(), looks, strict=True):
        axis.plot(LENGTHS, [100 * share for share in shares], style, color=color, label=name)
    axis.axvspan(SHORTEST, LONGEST, color="0.9", label="lengths trained on")
    axis.set(
        title="Beyond the lengths trained on, only RoPE holds",
        xlabel="length of the sequence",
        ylabel="right digits in %",
        ylim=(0, 105),
    )
    axis.legend(loc="center left", bbox_to_anchor=(0.02, 0.65))
    save_figure(figure, "lengths")


# -----------------------------------------------------------------------------------------
# Practice problems. Replace each `raise NotImplementedError` with your answer and run this
# file again. solutions.py has one answer to each, and the checks that mark yours.
# -----------------------------------------------------------------------------------------


def sinusoidal_encoding(max_len: int, d_model: int) -> Tensor:
    """Problem 1. Implement sinusoidal positional encoding from scratch.

    Return the encodings of positions 0 to max_len - 1, float32 of shape (max_len, d_model):
    feature 2i is sin(pos / 10000^(2i / d_model)), feature 2i + 1 the cosine of the same angle.
    For an odd d_model raise a ValueError. Do not call the class above.
    """
    raise NotImplementedError


def encoding_figure(encoding: Tensor):
    """Problem 2. Visualize the positional encoding patterns.

    encoding: (max_len, d_model). Return a matplotlib figure with a heat map (axis.imshow or
    axis.pcolormesh) of its raw values, a row for each position and a column for each feature;
    a label on both axes of the map; a title; and a color bar.
    """
    raise NotImplementedError


def compare_positions(
    models: dict[str, nn.Module],
    batches: list[tuple[Tensor, Tensor]],
    test: tuple[Tensor, Tensor],
) -> dict[str, float]:
    """Problem 3. Compare model performance with sinusoidal and with learned positions.

    models: {"sinusoidal": one model, "learned": another}; each takes digits (B, L) and returns
    logits (B, L, V). batches: pairs of inputs and targets, both (B, L); test: one such pair.
    Train each model in place, once on all batches in their order, with torch.optim.Adam at a
    learning rate of 0.01 and the cross-entropy averaged over all B * L positions, in training
    mode and without clipping or a schedule. Then return a dictionary from each name to the
    share of positions of the test pair that the model gets right, as a Python float from 0 to
    1, measured in evaluation mode.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__)
    # The tensors here are small: a second core would cost more in waiting than it saves.
    torch.set_num_threads(1)
    if not arguments.practice:
        attention_sees_a_set()
        sinusoids_by_hand()
        what_the_encoding_knows()
        learned_positions()
        relative_positions()
        the_whole_transformer()
        picture(with_and_without_positions())
    report_practice(__file__)


if __name__ == "__main__":
    main()
