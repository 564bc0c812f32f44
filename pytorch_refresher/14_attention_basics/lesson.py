"""Lesson 14: Attention

    score(q, k) = v^T tanh(W q + U k)

A network that reads a sequence and writes another must hand over what it has read. As one
vector of fixed size, that is a bottleneck. With attention the writer looks back at every
position it read, and at each step takes a weighted sum of those that matter now. This lesson
builds additive attention, then trains one model with it and one without on the same task.

    python lesson.py             the whole lesson, then your practice report
    python lesson.py --practice  the practice report alone
"""

import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

# Shapes are written in comments with these letters throughout the lesson:
#   B batch   L positions written (one query each)   S positions read (one key each)
#   D features of a digit   H hidden size   A features in which queries and keys are compared
#   V vocabulary: ten digits and two signs

START, END, VOCABULARY = 10, 11, 12  # the digits 0 to 9 stand for themselves
SHORTEST, LONGEST = 4, 20  # digits in a sequence
D, H, A = 32, 64, 32
SEED, STEPS, BATCH_SIZE, LEARNING_RATE = 0, 800, 64, 0.01


class AdditiveAttention(nn.Module):
    """Additive attention: a small network scores how well each key serves each query.

    Source: Bahdanau, Cho and Bengio, "Neural Machine Translation by Jointly Learning to Align
    and Translate" (2014), appendix A.1.2.
    """

    def __init__(self, query_size: int, key_size: int, attention_size: int) -> None:
        super().__init__()
        self.W = nn.Linear(query_size, attention_size, bias=False)
        self.U = nn.Linear(key_size, attention_size, bias=False)
        self.v = nn.Linear(attention_size, 1, bias=False)

    def forward(
        self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """queries (B, L, query_size), keys (B, S, key_size), values (B, S, Dv).

        mask: broadcastable to (B, L, S), True or 1 where a query may look. Returns the contexts
        (B, L, Dv) and the weights (B, L, S).
        """
        # One more dimension each, and broadcasting adds every query to every key.
        pairs = self.W(queries)[:, :, None] + self.U(keys)[:, None]  # (B, L, S, A)
        scores = self.v(torch.tanh(pairs)).squeeze(-1)  # (B, L, S)
        if mask is not None:
            scores = scores.masked_fill(mask == 0, float("-inf"))
        weights = scores.softmax(dim=-1)  # over the keys: each query's weights sum to 1
        return weights @ values, weights


class Seq2Seq(nn.Module):
    """A GRU reads, a second GRU writes: with attention, or with a summary of fixed size alone.

    The score is Bahdanau's, the order that of Luong, Pham and Manning, "Effective Approaches to
    Attention-based Neural Machine Translation" (2015): the decoder's new state is the query, and
    the context goes to the output. Bahdanau et al. ask with the state before, and the context
    is part of the next input, so that their decoder cannot run over all steps in one call.
    """

    def __init__(self, with_attention: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, D)
        # Two directions of H / 2 each: the summary of a sequence is H numbers.
        self.encoder = nn.GRU(D, H // 2, batch_first=True, bidirectional=True)
        self.decoder = nn.GRU(D, H, batch_first=True)
        memory_size = H + D
        self.head = nn.Linear(H + (memory_size if with_attention else H), VOCABULARY)
        self.attention = AdditiveAttention(H, memory_size, A) if with_attention else None

    def encode(self, sources: Tensor) -> tuple[Tensor, Tensor]:
        """sources (B, S) to a memory of every position (B, S, H + D) and a summary (B, H)."""
        embedded = self.embedding(sources)  # (B, S, D)
        states, last = self.encoder(embedded)  # (B, S, H), (2, B, H / 2)
        # What is kept of a position: its surroundings, in the states, and the digit itself.
        memory = torch.cat([states, embedded], dim=-1)
        return memory, torch.cat([last[0], last[1]], dim=-1)

    def decode(self, inputs: Tensor, state: Tensor, memory: Tensor, summary: Tensor):
        """Write L steps: inputs (B, L), the decoder's state (1, B, H), what encode returned.

        Returns logits (B, L, V), the next state, and the weights (B, L, S) or None.
        """
        states, state = self.decoder(self.embedding(inputs), state)  # (B, L, H)
        if self.attention is None:
            context, weights = summary[:, None].expand_as(states), None  # the same at each step
        else:
            context, weights = self.attention(states, memory, memory)  # each step its own
        return self.head(torch.cat([states, context], dim=-1)), state, weights

    def forward(self, sources: Tensor, inputs: Tensor) -> Tensor:
        """sources (B, S) and what was written so far, inputs (B, L), to logits (B, L, V)."""
        memory, summary = self.encode(sources)
        return self.decode(inputs, summary[None], memory, summary)[0]


@torch.no_grad()
def write_greedily(model: Seq2Seq, sources: Tensor, steps: int) -> tuple[Tensor, Tensor | None]:
    """Write `steps` signs for each of sources (B, S), always the likeliest, fed back as input.

    Returns the signs (B, steps) and the weights (B, steps, S), or None without attention.
    """
    memory, summary = model.encode(sources)
    state, sign = summary[None], torch.full((len(sources), 1), START)
    signs, looks = [], []
    for _ in range(steps):
        logits, state, weights = model.decode(sign, state, memory, summary)
        sign = logits.argmax(dim=-1)  # (B, 1)
        signs.append(sign)
        looks.append(weights)
    return torch.cat(signs, dim=1), None if model.attention is None else torch.cat(looks, dim=1)


def draw_batch(
    count: int, length: int, held_out: bool, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Random digits (count, length), and the decoder's inputs and targets (count, length + 1).

    Sequences whose digits sum to a multiple of 5 are held out: training never sees one.
    """
    candidates = torch.randint(10, (10 * count, length), generator=generator)
    sources = candidates[(candidates.sum(dim=1) % 5 == 0) == held_out][:count]
    answer = sources.flip(1)
    inputs = torch.cat([torch.full((count, 1), START), answer], dim=1)
    targets = torch.cat([answer, torch.full((count, 1), END)], dim=1)
    return sources, inputs, targets


def a_weighted_sum_by_hand() -> None:
    section("A weighted sum, by hand")

    # "the red house" is to become "la maison rouge", and "la" is written. What the writer wants
    # now is its query. Each word that was read offers a key to compare it with, and a value to
    # take. How well each key serves is a score; here the scores are made up.
    words = ["the", "red", "house"]
    values = torch.tensor([[1.0, 0.0], [0.0, 1.0], [4.0, 2.0]])  # (S=3, Dv=2)
    scores = torch.tensor([0.0, 1.0, 3.0])  # (S,)

    # Softmax makes the scores positive and lets them sum to 1: these are the attention weights.
    weights = scores.softmax(dim=0)
    context = torch.zeros(2)
    for word, weight, value in zip(words, weights, values, strict=True):
        print(f"{word:<6} {weight:.3f} of {value.tolist()}")
        context += weight * value
    torch.testing.assert_close(weights.sum(), torch.tensor(1.0))

    # The context vector is the sum: near the value of "house", with a little of the others. A
    # choice of one word would have no gradient; a sum has, so the scores can be learned.
    print(f"{context = }")
    torch.testing.assert_close(weights @ values, context)  # as one product


def additive_scores() -> None:
    section("Additive attention: a small network gives the scores")

    queries, keys = torch.randn(2, 4, 6), torch.randn(2, 5, 3)
    print(f"{queries.shape = }   B=2 sequences, L=4 queries")
    print(f"{keys.shape = }   S=5 keys, of another size")
    attention = AdditiveAttention(query_size=6, key_size=3, attention_size=8)
    W, U, v = attention.W.weight, attention.U.weight, attention.v.weight[0]  # (8, 6), (8, 3), (8,)

    # As a loop: each query with each key. W and U bring both to the same size; v^T tanh(...)
    # makes a number of the two.
    looped = torch.zeros(2, 4, 5)
    for b in range(2):
        for i in range(4):
            for j in range(5):
                looped[b, i, j] = v @ torch.tanh(W @ queries[b, i] + U @ keys[b, j])

    # All at once: broadcasting forms every pair. The keys serve as the values too.
    context, weights = attention(queries, keys, keys)
    print(f"{weights.shape = }   one row of weights a query")
    print(f"{context.shape = }   one context vector a query")
    torch.testing.assert_close(weights, looped.softmax(dim=-1), rtol=0, atol=1e-5)
    torch.testing.assert_close(context, looped.softmax(dim=-1) @ keys, rtol=0, atol=1e-5)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 4))
    print("The loop and the module agree, and each row sums to 1: yes")

    # Why tanh? Without it a score is v^T W q + v^T U k. The first part is the same for every
    # key, and softmax ignores what is the same for all: each query would get the same weights.
    without_tanh = (queries @ W.T)[:, :, None] + (keys @ U.T)[:, None]  # (B, L, S, A)
    rows = (without_tanh @ v).softmax(dim=-1)
    torch.testing.assert_close(rows, rows[:, :1].expand_as(rows))
    print(f"weight of the first key, with tanh:    {weights[0, :, 0].detach()}")
    print(f"weight of the first key, without tanh: {rows[0, :, 0].detach()}")


def padding_mask() -> None:
    section("With a padding mask")

    # Two sequences of 5 and 3 positions in one batch: the last two of the second are filler.
    lengths = torch.tensor([5, 3])
    queries, keys = torch.randn(2, 1, 6), torch.randn(2, 5, 3)
    mask = torch.arange(5) < lengths[:, None]  # (B, S), True at real positions
    attention = AdditiveAttention(query_size=6, key_size=3, attention_size=8)
    context, weights = attention(queries, keys, keys, mask[:, None])  # (B, 1, S): for each query
    print(f"{mask = }")
    print(f"weights =\n{weights.squeeze(1).detach()}")

    # A score of -inf is a weight of exactly 0, and the rest still sums to 1. The second sequence
    # gets what it would get alone, without filler.
    assert torch.equal(weights[1, 0, 3:], torch.zeros(2))
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 1))
    alone, _ = attention(queries[1:], keys[1:, :3], keys[1:, :3])
    torch.testing.assert_close(context[1:], alone)
    print("The padded sequence gets the same context as alone: yes")


def one_task_two_models() -> dict[str, Seq2Seq]:
    section("One task, two models")

    # The task: read digits, write them in reverse, then END. To write a digit the decoder gets
    # the one before it, beginning with START. In training that is the right one ("teacher
    # forcing"), whatever the model would have written.
    sources, inputs, targets = draw_batch(1, 6, False, torch.Generator().manual_seed(SEED))
    print(f"{START = }, {END = }\n{sources = }\n{inputs = }\n{targets = }")

    # The same seed: what both models have, they have alike at the start.
    models = {}
    for name in ("without attention", "with attention"):
        torch.manual_seed(SEED)
        models[name] = Seq2Seq(with_attention=name == "with attention")
        print(f"{name:<18} {sum(p.numel() for p in models[name].parameters()):,} parameters")
    with_it, without = models["with attention"], models["without attention"]
    for part in ("embedding", "encoder", "decoder"):
        for ours, theirs in zip(
            getattr(with_it, part).parameters(), getattr(without, part).parameters(), strict=True
        ):
            assert torch.equal(ours, theirs)

    # What each has of a sequence once it is read. The summary is the bottleneck: its size does
    # not depend on the length. The memory grows with the sequence.
    for length in (4, 20):
        memory, summary = with_it.encode(torch.zeros(1, length, dtype=torch.long))
        print(f"{length:>2} digits: {tuple(summary.shape) = }, {tuple(memory.shape) = }")

    # The inputs of all steps are known in training, so the decoder runs over them in one call.
    # It must give the logits that it gives step by step.
    memory, summary = with_it.encode(sources)
    state, steps = summary[None], []
    for t in range(inputs.size(1)):
        logits, state, _ = with_it.decode(inputs[:, t : t + 1], state, memory, summary)
        steps.append(logits)
    torch.testing.assert_close(torch.cat(steps, dim=1), with_it(sources, inputs), rtol=0, atol=1e-5)
    print("One call and step by step agree: yes")
    return models


def train(models: dict[str, Seq2Seq]) -> None:
    section("Training both on the same batches")

    generator = torch.Generator().manual_seed(SEED)
    optimizers, schedulers, losses = {}, {}, {name: [] for name in models}
    for name, model in models.items():
        optimizers[name] = torch.optim.Adam(model.parameters(), fused=True)
        # The learning rate climbs in the first fifth of the steps, then falls to nearly 0.
        schedulers[name] = torch.optim.lr_scheduler.OneCycleLR(
            optimizers[name], LEARNING_RATE, STEPS, pct_start=0.2
        )
    print("mean loss    " + "   ".join(models))
    for step in tqdm(range(1, STEPS + 1), desc="training", leave=False, disable=None):
        # All sequences of a batch are equally long, so nothing is padded.
        length = int(torch.randint(SHORTEST, LONGEST + 1, (), generator=generator))
        sources, inputs, targets = draw_batch(BATCH_SIZE, length, False, generator)
        for name, model in models.items():
            logits = model(sources, inputs)  # (B, L, V)
            loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
            optimizers[name].zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            optimizers[name].step()
            schedulers[name].step()
            losses[name].append(loss.item())
        if step % 100 == 0:
            means = [statistics.mean(losses[name][-100:]) for name in models]
            tqdm.write(f"step {step:>3} {means[0]:>20.3f} {means[1]:>16.3f}")


def accuracy_against_length(models: dict[str, Seq2Seq]) -> None:
    section("The bottleneck: accuracy against length")
    from pytorch_refresher._common.figures import BLUE, RED

    import matplotlib.pyplot as plt

    # Held-out sequences, written greedily: each sign that the model writes is its next input. A
    # sequence counts only if every digit is right, and END after them.
    lengths = range(SHORTEST, LONGEST + 1)
    whole = {name: [] for name in models}
    by_place = {}
    for length in lengths:
        generator = torch.Generator().manual_seed(SEED + 1000 + length)
        sources, _, targets = draw_batch(200, length, True, generator)
        for name, model in models.items():
            right = write_greedily(model, sources, length + 1)[0] == targets  # (200, length + 1)
            whole[name].append(right.all(dim=1).float().mean().item())
            by_place[name] = right.float().mean(dim=0)  # the longest stay

    print("whole sequences right, of" + "".join(f"{n:>7}" for n in lengths[::4]) + " digits   all")
    for name, shares in whole.items():
        cells = "".join(f"{share:>7.1%}" for share in shares[::4])
        print(f"{name:<25}{cells} {statistics.mean(shares):>12.1%}")
    # Sign by sign, in the longest sequences: without attention the later ones get lost.
    print(f"right among the digits written, of {LONGEST} the 1st, 6th, 11th, 16th")
    for name, place in by_place.items():
        print(f"{name:<25}" + "".join(f"{share:>7.1%}" for share in place[:20:5].tolist()))
    assert statistics.mean(whole["with attention"]) > 0.9
    assert statistics.mean(whole["without attention"]) < 0.5
    assert whole["with attention"][-1] > 0.8 and whole["without attention"][-1] < 0.1

    figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
    for (name, shares), color, style in zip(whole.items(), (RED, BLUE), ("s--", "o-"), strict=True):
        axis.plot(lengths, shares, style, color=color, label=name, linewidth=2)
    axis.set(
        title=f"After the same {STEPS} steps: a summary of {H} numbers, and attention",
        xlabel="digits to reverse",
        ylabel="whole sequences right",
        xticks=lengths[::2],
        ylim=(-0.03, 1.03),
    )
    axis.yaxis.set_major_formatter("{x:.0%}")
    axis.legend()
    axis.grid(alpha=0.3)
    save_figure(figure, "bottleneck")


def alignment(model: Seq2Seq) -> None:
    section("What it looks at: the alignment")
    import matplotlib.pyplot as plt

    # Nobody told the model where to look. In this task the right place is known: the first digit
    # written is the last one read, and so on. The digits of e repeat 1828: a model that looked
    # for digits and not for places would look at the wrong one.
    source = torch.tensor([[2, 7, 1, 8, 2, 8, 1, 8, 2, 8, 4, 5, 9]])
    assert source.sum() % 5 == 0  # held out
    length = source.size(1)
    signs, weights = write_greedily(model, source, length + 1)
    print("writes   looks most at   weight")
    for i in range(length):
        place = weights[0, i].argmax().item()
        print(
            f"{signs[0, i]:>6} {f'place {place + 1}':>12} ({source[0, place]}) {weights[0, i, place]:>8.3f}"
        )

    # The same counted over 200 held-out sequences of 16 digits.
    sources, _, _ = draw_batch(200, 16, True, torch.Generator().manual_seed(SEED + 2000))
    _, all_weights = write_greedily(model, sources, 16)
    true_places = torch.arange(15, -1, -1)  # (L=16,): the last, the one before it ...
    hits = (all_weights.argmax(dim=-1) == true_places).float().mean().item()
    print(f"the largest weight lies at the true place in {hits:.1%} of 16-digit steps")
    assert hits > 0.9

    figure, axis = plt.subplots(figsize=(7.2, 5.6), layout="constrained")
    image = axis.imshow(weights[0].numpy(), vmin=0, vmax=1, cmap="viridis")
    written = ["END" if sign == END else str(sign) for sign in signs[0].tolist()]
    axis.set_xticks(range(length), [str(digit) for digit in source[0].tolist()])
    axis.set_yticks(range(length + 1), written)
    axis.set(
        title="Each digit written looks back at its place among those read",
        xlabel="digits read, from left to right",
        ylabel="signs written, from top to bottom",
    )
    figure.colorbar(image, label="attention weight")
    save_figure(figure, "alignment")


# -----------------------------------------------------------------------------------------
# Practice problems. Replace each `raise NotImplementedError` with your answer and run this
# file again. solutions.py has one answer to each, and the checks that mark yours.
# -----------------------------------------------------------------------------------------


def additive_attention(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    W: Tensor,
    U: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Problem 1. Implement additive attention from scratch, without AdditiveAttention.

    queries: (B, L, Dq), keys: (B, S, Dk), values: (B, S, Dv). W: (A, Dq), U: (A, Dk) and v: (A,)
    give a query q and a key k the score v^T tanh(W q + U k). mask, where given: (B, S), True at
    real positions and False at filler, which no query may look at; each sequence has at least
    one real position. Return two things: the contexts, (B, L, Dv), and the weights, (B, L, S).
    """
    raise NotImplementedError


def alignment_figure(weights: Tensor, source: list[str], written: list[str]):
    """Problem 2. Visualize attention weights on a simple sequence task.

    weights: (L, S), from a model that read the S words of `source` and wrote the L words of
    `written`; they may require gradients. Return a matplotlib figure with a heat map (imshow or
    pcolormesh) of the raw weights: a row for each word written, the first on top, and a column
    for each word read, the first on the left. The colors span at least 0 to 1, so that figures
    can be compared. The x ticks are labeled with `source`, the y ticks with `written`. Both
    axes have a label, and there is a color bar.
    """
    raise NotImplementedError


def compare_seq2seq(
    models: dict[str, nn.Module],
    batches: list[tuple[Tensor, Tensor, Tensor]],
    tests: dict[int, tuple[Tensor, Tensor, Tensor]],
) -> dict[str, tuple[list[float], dict[int, float]]]:
    """Problem 3. Compare seq2seq performance with and without attention.

    models: {"with": one model, "without": another}; each takes sources (B, S) and inputs (B, L)
    and returns logits (B, L, V). batches: triples of sources, inputs and targets, as draw_batch()
    makes them. tests: such a triple for each length. Train each model once on all batches, in
    their order, with torch.optim.Adam at a learning rate of 0.01 and the cross-entropy averaged
    over all B * L positions, without clipping. Then measure on each test the share of sequences
    whose signs are all right, END included. Greedy decoding and one call with the test's own
    inputs find the same share: as long as all is right, both feed the same signs. Return a
    dictionary from each name to a tuple of two things: the list of losses as Python floats, one
    for each batch, and a dictionary from each length to its share, a Python float from 0 to 1.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__)
    # The steps of a GRU are small products: a second core would hardly speed them up.
    torch.set_num_threads(1)
    if not arguments.practice:
        a_weighted_sum_by_hand()
        additive_scores()
        padding_mask()
        models = one_task_two_models()
        train(models)
        accuracy_against_length(models)
        alignment(models["with attention"])
    report_practice(__file__)


if __name__ == "__main__":
    main()
