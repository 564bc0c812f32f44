"""Lesson 18: Positional Encoding

"Dog bites man" is no news, "man bites dog" is. Both have the same words, only in another order,
and attention doesn't see the order. This lesson tells it where each word is, in several ways. Then
it puts together what you have built in this course: a transformer that reads a text, and writes.

    python lesson.py             run the lesson, then mark your practice answers
    python lesson.py --practice  only mark your practice answers
    python lesson.py --download  the same on Tiny Shakespeare (1.1 MB), fetched first
"""

import math
import sys
import textwrap
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section
from pytorch_refresher._common.figures import COLORS, curves
from pytorch_refresher._data import text

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SEED = 0  # of everything random below; try others
BASE = 10000.0  # the slowest clock is nearly this many times slower than the fastest

# Letters in the shapes: B batch, L positions, H heads, d_model features per token, d_k per head


def who_bites_whom() -> None:
    section("Who bites whom?")
    # Attention in its barest form: each word's vector is query, key and value at once.
    vectors = {"dog": [2.0, 0.0], "bites": [1.0, 1.0], "man": [0.0, 2.0]}
    for name, is_causal in {"no mask": False, "causal mask": True}.items():
        for sentence in ("dog bites man", "man bites dog"):
            words = sentence.split()
            x = torch.tensor([vectors[word] for word in words])  # (L, 2)
            found = F.scaled_dot_product_attention(x, x, x, is_causal=is_causal)  # (L, 2)
            row = (f"{word} ({a:.2f}, {b:.2f})" for word, (a, b) in zip(words, found, strict=True))
            print(f"{name:<12}", *row, sep="  ")

    # A stack of blocks does no better, because norms and feed-forward networks see one token at a
    # time. Shuffle what goes in, and the same comes out, shuffled.
    layers = (nn.TransformerEncoderLayer(32, 4, 128, batch_first=True) for _ in range(3))
    stack, x, order = nn.Sequential(*layers).eval(), torch.randn(1, 9, 32), torch.randperm(9)
    print(f"{torch.allclose(stack(x[:, order]), stack(x)[:, order], atol=1e-5) = }")


def why_not_just_the_number() -> None:
    section("Why not just add the number?")
    # Position 7 could simply be a 7. But what do we want? Values no larger than those of the words,
    # or they'd drown them. Neighbors that differ clearly. And no two positions that look alike.
    length = 100
    positions = torch.arange(float(length))[:, None]  # (L, 1)

    def clocks(*speeds: float) -> Tensor:  # where each hand points: the coordinates of its tip
        angles = positions * torch.tensor(speeds)  # (L, clocks), in radians
        return torch.cat([angles.sin(), angles.cos()], dim=1)

    codes = {
        "the number": positions,
        "number / length": positions / length,
        "one fast clock": clocks(1.0),
        "one slow clock": clocks(0.001),
        "8 clocks": clocks(*(BASE ** (-i / 8) for i in range(8))),
    }
    print("code              largest value   neighbors apart   the two most alike")
    for name, code in codes.items():
        apart = (code[:, None] - code).norm(dim=-1)  # (L, L): each position's distance from each
        neighbors = apart.diagonal(1).min()
        apart.fill_diagonal_(math.inf)  # of two different positions, that is
        one, other = divmod(apart.argmin().item(), length)
        cells = (name, code.max(), neighbors, apart.min(), one, other)
        print("{:<16}{:>15.2f}{:>18.3f}{:>11.3f} ({} and {})".format(*cells))


class SinusoidalPositionalEncoding(nn.Module):
    """Adds sines and cosines to each position: (B, L, d_model), in and out. d_model is even."""

    def __init__(self, d_model: int, max_len: int = 5000) -> None:
        super().__init__()
        pe = torch.zeros(max_len, d_model)
        position = torch.arange(0, max_len).unsqueeze(1).float()  # (max_len, 1)
        # One speed per pair of features. exp of a logarithm is a power: BASE ** (-2i / d_model).
        div_term = torch.exp(torch.arange(0, d_model, 2).float() * -(math.log(BASE) / d_model))
        pe[:, 0::2] = torch.sin(position * div_term)
        pe[:, 1::2] = torch.cos(position * div_term)
        # A buffer goes to a device with the module, but no optimizer changes it. Nor does it have
        # to be saved with the weights (persistent), because it can be computed again.
        self.register_buffer("pe", pe.unsqueeze(0), persistent=False)  # (1, max_len, d_model)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.pe[:, : x.size(1)]


def sines_and_cosines() -> None:
    section("Sines and cosines")
    # By hand, for four features. That makes two clocks, and the second is 100 times slower.
    speeds = [BASE ** (-2 * i / 4) for i in range(2)]
    by_hand = [[f(pos * w) for w in speeds for f in (math.sin, math.cos)] for pos in range(4)]
    print("position   0: sin   1: cos   2: sin   3: cos")
    for pos, row in enumerate(by_hand):
        print("{:>8}{:>9.3f}{:>9.3f}{:>9.3f}{:>9.3f}".format(pos, *row))

    # The class does all positions at once. It has nothing to learn, and nothing to save.
    encoding, x = SinusoidalPositionalEncoding(4), torch.randn(2, len(by_hand), 4)
    pe = torch.tensor(by_hand).expand_as(x)  # (B, L, d_model)
    print(f"{torch.allclose(encoding(x), x + pe, atol=1e-6) = }")
    print(f"{list(encoding.parameters()) = }, {list(encoding.state_dict()) = }")

    # Why add? Word and position could be kept side by side. But the next layer would be wider, and
    # all that it does with them is add: W [x, pe] is W_x x + W_pe pe.
    side_by_side, W = torch.cat([x, pe], dim=-1), torch.randn(5, 8)
    added = x @ W[:, :4].T + pe @ W[:, 4:].T
    print(f"{torch.allclose(side_by_side @ W.T, added, atol=1e-5) = }")


def what_it_knows_about_distance() -> None:
    section("What it knows about distance")
    # Three positions later, every hand has turned by three times its own angle, wherever it was. A
    # turn is a matrix. So there should be one matrix that leads from any position to the one three
    # later, and a layer could learn it. Let least squares look for it.
    # (The slow hands make columns that are nearly alike. That takes float64, and the driver gelsd.)
    pe = SinusoidalPositionalEncoding(64, max_len=128).pe[0].double()  # (128, 64)
    turn = torch.linalg.lstsq(pe[:-3], pe[3:], driver="gelsd").solution  # (64, 64), for 125 pairs
    print(f"{torch.allclose(pe[:-3] @ turn, pe[3:], atol=1e-4) = }")

    # What two positions have in common, their dot product, depends on their distance alone.
    for distance in (0, 1, 3, 10, 30):
        pairs = (pe @ pe.T).diagonal(distance)  # all pairs of positions that are so far apart
        if len(pairs):
            least, most = pairs.min(), pairs.max()
            print(f"distance {distance:>2}: dot products from {least:.2f} to {most:.2f}")
    draw_encoding(pe)


def rotate(x: Tensor) -> Tensor:
    """Turn pairs of features of x, (..., L, d_k), by angles that grow with the position. Even d_k."""
    L, d_k = x.shape[-2:]
    position = torch.arange(L, device=x.device).unsqueeze(1)  # (L, 1)
    angle = position * BASE ** (-torch.arange(0, d_k, 2, device=x.device) / d_k)  # (L, d_k / 2)
    sin, cos = angle.sin(), angle.cos()
    # Feature i is paired with feature i + d_k / 2. Any pairs will do, if queries and keys agree.
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


def change_the_scores() -> None:
    section("Or change the scores: RoPE and ALiBi")
    # Often it matters how far apart two words are, not where they are. Words meet in the scores, so
    # the distance can go in there. RoPE turns queries and keys by their positions. Put the same
    # query and the same key at every position, and compare some of their scores.
    q, k = torch.randn(2, 1, 16).expand(2, 40, 16)  # each (L, d_k)
    scores = rotate(q) @ rotate(k).T  # (L, L)
    for i, j in ((3, 1), (12, 10), (39, 37), (12, 1)):
        print(f"query at {i:>2}, key at {j:>2}, distance {i - j:>2}: score {scores[i, j]:.3f}")

    # ALiBi lowers each score in proportion to the distance, and each head has a slope of its own.
    # If all scores were equal otherwise, where would four heads look from position 39?
    for slope in (2.0 ** (-8 * h / 4) for h in range(1, 5)):
        weights = (-slope * torch.arange(40)).softmax(dim=0)  # by distance, 0 to 39
        print(f"slope {slope:.4f}: {weights[:4].sum():.0%} of the weight on the nearest 4 of 40")


NUM_HEADS, NUM_BLOCKS = 4, 2  # of both transformers below


class MultiHeadAttention(nn.Module):
    """Lesson 16's class in its short form, and with rope=True one that knows positions."""

    def __init__(self, d_model: int, num_heads: int, rope: bool = False) -> None:
        super().__init__()
        if num_heads < 1 or d_model % num_heads:
            raise ValueError(f"{d_model} features cannot be split into {num_heads} equal heads")
        self.num_heads, self.rope = num_heads, rope
        self.W_q, self.W_k, self.W_v, self.W_o = (nn.Linear(d_model, d_model) for _ in range(4))

    def forward(self, Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
        projected = (self.W_q(Q), self.W_k(K), self.W_v(V))
        q, k, v = (x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for x in projected)
        if self.rope:
            q, k = rotate(q), rotate(k)  # values stay as they are
        allowed = None if mask is None else mask != 0  # True or 1 where a query may look
        heads = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)  # (B, H, L, d_k)
        return self.W_o(heads.transpose(1, 2).flatten(-2))  # (B, L, d_model)


class TransformerEncoderBlock(nn.Module):
    """Lesson 17's class in its short form: (B, L, d_model), in and out, post-norm."""

    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, rope=False) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(d_model, num_heads, rope)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.ff = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = self.norm1(x + self.dropout(self.attention(x, x, x, mask)))
        return self.norm2(x + self.dropout(self.ff(x)))


class LearnedPositionalEmbedding(nn.Module):
    """Adds a learned vector to each position: (B, L, d_model), in and out. L is at most max_len."""

    def __init__(self, d_model: int, max_len: int) -> None:
        super().__init__()
        self.positions = nn.Embedding(max_len, d_model)  # a table, like that of the words

    def forward(self, x: Tensor) -> Tensor:
        return x + self.positions(torch.arange(x.size(1), device=x.device))


class Transformer(nn.Module):
    """Ids (B, L) to logits (B, L, vocabulary). positions: what adds them to (B, L, d_model)."""

    def __init__(self, vocabulary, d_model, positions: nn.Module, rope=False, causal=False) -> None:
        super().__init__()
        self.embedding, self.positions = nn.Embedding(vocabulary, d_model), positions
        # Without dropout: these models train so briefly that they have no time to overfit.
        sizes = (d_model, NUM_HEADS, 4 * d_model, 0.0, rope)
        self.blocks = nn.ModuleList(TransformerEncoderBlock(*sizes) for _ in range(NUM_BLOCKS))
        self.head, self.causal = nn.Linear(d_model, vocabulary), causal

    def forward(self, ids: Tensor) -> Tensor:
        L = ids.size(1)
        mask = torch.ones(L, L, dtype=torch.bool).tril() if self.causal else None
        x = self.positions(self.embedding(ids))  # (B, L, d_model)
        for block in self.blocks:
            x = block(x, mask)
        return self.head(x)


def train(model: nn.Module, draw_batch, steps: int, rate: float) -> None:
    """One step on each of `steps` batches: inputs and targets, both (B, L)."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, fused=True)
    # As in lesson 12: large steps at first, fine ones at the end.
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=steps)
    for _ in range(steps):
        inputs, targets = draw_batch()
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()


# An experiment: at each position, name the digit that came BACK positions before. Only its position
# says which one that is. The models train on 4 to SEEN digits, and are tested on TESTED.
BACK, SEEN, TESTED = 1, 16, 32
D_MODEL, STEPS, RATE, BATCH, RUNS = 32, 180, 0.01, 16, 5
MODELS = {
    "no positions": lambda: Transformer(10, D_MODEL, nn.Identity()),
    "sinusoidal": lambda: Transformer(10, D_MODEL, SinusoidalPositionalEncoding(D_MODEL)),
    "learned": lambda: Transformer(10, D_MODEL, LearnedPositionalEmbedding(D_MODEL, TESTED)),
    "RoPE": lambda: Transformer(10, D_MODEL, nn.Identity(), rope=True),
    "none, causal mask": lambda: Transformer(10, D_MODEL, nn.Identity(), causal=True),
}


def draw_digits(count: int = BATCH, length: int | None = None) -> tuple[Tensor, Tensor]:
    """Random digits, and the digit before each of them; both (count, length), of any length."""
    length = length or int(torch.randint(min(4, SEEN), SEEN + 1, ()))
    digits = torch.randint(10, (count, length))
    return digits, F.pad(digits, (BACK, 0))[:, :length]  # where nothing came before: 0


def where_no_training_reached() -> None:
    section("Positions that training never reached")
    print(f"right answers       at 0 to {SEEN - 1}   from {SEEN} on   in {RUNS} runs between")
    unseen = {}
    for name, new_model in MODELS.items():
        shares = {SEEN: [], TESTED: []}  # by length
        for run in range(RUNS):
            torch.manual_seed(SEED * RUNS + run)  # the same for all kinds
            model = new_model()
            train(model, draw_digits, STEPS, RATE)
            for length in shares:
                inputs, targets = draw_digits(200, length)
                with torch.inference_mode():
                    right = model.eval()(inputs).argmax(dim=-1) == targets
                shares[length].append(right.float().mean(dim=0))  # by position, (length,)
        unseen[name] = torch.stack(shares[TESTED])[:, SEEN:]  # (RUNS, TESTED - SEEN)
        runs = unseen[name].mean(dim=1)
        cells = (name, torch.stack(shares[SEEN]).mean(), runs.mean(), runs.min(), runs.max())
        print("{:<18}{:>12.1%}{:>13.1%}{:>11.1%} and {:.1%}".format(*cells))
    draw_unseen(unseen)


# The finale: lesson 12's text, split and LSTM, and a transformer that gets as much time.
LENGTH, WINDOWS = 64, 8  # characters that a model reads at a time; such windows per step
BUDGET = {"LSTM": (1000, 0.02), "transformer": (500, 0.01)}  # steps for about equal time; rate
PROMPT, TEMPERATURE, WRITTEN = "The ", 0.5, 500  # what it goes on from; characters


class OutputsOnly(nn.LSTM):  # without the states, so that it fits into nn.Sequential
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[0]  # (B, L, H)


def a_transformer_that_writes(download: bool) -> None:
    section("A transformer that writes")
    # As in lesson 12: one of each paragraph, characters as ids, the last tenth as a test.
    paragraphs = dict.fromkeys(" ".join(each.split()) for each in text(download).split("\n\n"))
    content = "\n".join(paragraphs)
    vocabulary = sorted(set(content))
    id_of = {character: i for i, character in enumerate(vocabulary)}
    ids = torch.tensor([id_of[character] for character in content])
    train_ids, test_ids = ids.tensor_split([len(ids) * 9 // 10])
    test = test_ids.unfold(0, LENGTH + 1, LENGTH)  # (B, LENGTH + 1)

    def draw_windows() -> tuple[Tensor, Tensor]:
        starts = torch.randint(len(train_ids) - LENGTH, (WINDOWS, 1))
        windows = train_ids[starts + torch.arange(LENGTH + 1)]
        return windows[:, :-1], windows[:, 1:]  # the targets: at each position, what comes next

    torch.manual_seed(SEED)
    V = len(vocabulary)
    lstm = nn.Sequential(nn.Embedding(V, 32), OutputsOnly(32, 128, batch_first=True))
    transformer = Transformer(V, 64, nn.Identity(), rope=True, causal=True)
    models = {"LSTM": lstm.append(nn.Linear(128, V)), "transformer": transformer}
    for name, (steps, rate) in BUDGET.items():
        model, start = models[name], time.process_time()
        train(model, draw_windows, steps, rate)
        print(f"{name}: {steps:,} steps in {time.process_time() - start:.1f} s")
        with torch.inference_mode():
            logits = model.eval()(test[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), test[:, 1:].flatten())
        print(f"{name}: loss {loss:.2f} per character on unseen text")
    let_it_write(transformer, vocabulary, set(content.split()))


@torch.inference_mode()
def let_it_write(model: nn.Module, vocabulary: list[str], known: set[str]) -> None:
    # A paragraph begins. A character that the text never has means nothing to the model.
    ids = [vocabulary.index(each) for each in "\n" + PROMPT if each in vocabulary]
    for _ in range(WRITTEN):
        # There is no state. For each character, the model reads the last LENGTH ones again.
        logits = model(torch.tensor([ids[-LENGTH:]]))[0, -1]  # (V,)
        ids.append((logits / TEMPERATURE).softmax(dim=0).multinomial(1).item())
    written = "".join(vocabulary[i] for i in ids[1:])
    words = [word for word in written.split() if len(word) > 3]
    real = sum(word in known for word in words) / max(len(words), 1)
    print(f"It writes, and {real:.0%} of its words with 4 letters or more occur in the text:")
    print(textwrap.fill(written, 90, initial_indent="  ", subsequent_indent="  "))


def draw_encoding(pe: Tensor) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    image = axes.pcolormesh(pe.numpy(), cmap="RdBu", vmin=-1, vmax=1)
    axes.invert_yaxis()  # position 0 on top
    axes.set(xlabel="feature", ylabel="position", title="Fast clocks left, slow clocks right")
    figure.colorbar(image, label="value")
    save_figure(figure, "sinusoid")


def draw_unseen(unseen: dict[str, Tensor]) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    places = range(SEEN, TESTED)
    for number, runs in enumerate(unseen.values()):
        axes.plot(places, runs.T.numpy(), color=COLORS[number % len(COLORS)], linewidth=0.5)
    means = {name: runs.mean(dim=0) for name, runs in unseen.items()}
    curves(axes, means, places, xlabel="position", ylabel="right answers")
    axes.legend(title="mean of the runs", loc="center left", bbox_to_anchor=(1, 0.5))
    save_figure(figure, "unseen")


# -----------------------------------------------------------------------------------------
# Practice. Replace each `raise NotImplementedError` with your answer, then run this file with
# --practice: it marks your answers and tells you what to look at next.
# -----------------------------------------------------------------------------------------


def sinusoidal_encoding(positions: Tensor, d_model: int) -> Tensor:
    """Problem 1 (medium, 15 minutes). Implement sinusoidal positional encoding from scratch.

    It must work for any positions: where batches are padded on the left, each sequence starts to
    count somewhere else. positions: (B, L), int64 or float32, also negative. Return float32,
    (B, L, d_model): feature 2i is sin(pos / 10000^(2i / d_model)), feature 2i + 1 the cosine of the
    same angle. If d_model is odd, the last sine has no cosine.
    """
    raise NotImplementedError


def plot_positions(module: nn.Module, d_model: int, length: int):
    """Problem 2 (medium, 15 minutes). Visualize the patterns of any positional encoding.

    module adds a vector to each position of x, (1, L, d_model), as both classes above do. Find out
    what it adds at positions 0 to length - 1. Return a matplotlib figure with two heat maps: first
    these vectors, (length, d_model), one row per position; then the cosine similarity of each
    position with each, (length, length). Both have position 0 on top.
    """
    raise NotImplementedError


def compare_positions(models: dict, batches: list, test: tuple, seen: int) -> dict:
    """Problem 3 (medium, 20 minutes). Compare the performance of sinusoidal and learned positions.

    models: {"sinusoidal": one model, "learned": another}, which map ids (B, L) to logits (B, L, V).
    batches: pairs (inputs, targets), int64 (B, L), L at most `seen`. test: one such pair, but longer.
    Train each model in training mode, one step per batch in order, with torch.optim.AdamW(lr=0.01)
    and the mean cross-entropy over all positions. Return for each name two floats from 0 to 1,
    measured on test in evaluation mode: the share of right answers at positions below `seen`, and
    that at the others.
    """
    raise NotImplementedError


def main() -> None:
    torch.set_num_threads(1)  # small tensors: a second core costs more in waiting than it saves
    arguments = lesson_arguments(__file__, download=True)
    if not arguments.practice:
        torch.manual_seed(SEED)
        who_bites_whom()
        why_not_just_the_number()
        sines_and_cosines()
        what_it_knows_about_distance()
        change_the_scores()
        where_no_training_reached()
        a_transformer_that_writes(arguments.download)
    report_practice(__file__)


if __name__ == "__main__":
    main()
