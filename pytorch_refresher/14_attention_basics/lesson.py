"""Lesson 14: Attention

Somebody reads you sixteen digits, once, and you have to say them backward. With the digits in
your head that is hard, and each further digit makes it harder. With the digits on a sheet of paper
it's easy: you look at one, say it, look at the next. A network that reads one sequence and writes
another has the same choice: a summary in its head, or attention, which looks back at the paper.

    python lesson.py             run the lesson, then mark your practice answers
    python lesson.py --practice  only mark your practice answers
"""

import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SEED = 0  # of everything random below; try others
# Letters in shapes:
#   B sequences in a batch   L tokens written, one query each   S tokens read, one key each
#   D features of a token   H hidden size   A judges (section 1)   V tokens in the vocabulary


def one_query_by_hand() -> Tensor:
    section("One query, four keys, by hand")
    # You have read "4 9 3 0" and are writing it backward. You've written the 0, so now you need the
    # third digit. "Place 3" is your query. Each token you read has a key, which is its place, and
    # a value: what you get if you look there, here a vector that stands for the digit.
    query = 3.0
    keys = [1.0, 2.0, 3.0, 4.0]
    values = torch.tensor([[1.0, 0.0], [0.0, 1.0], [4.0, 2.0], [-3.0, 1.0]])  # (S, 2)

    # Two judges compare the query with a key. tanh makes a clear yes of everything well above 0,
    # nearly +1, and a clear no, nearly -1, of everything well below. The first judge says yes
    # unless the key comes too late, the second one unless it comes too early.
    W, U, b = torch.tensor([[2.0, -2.0], [-2.0, 2.0], [1.0, 1.0]])
    v = torch.tensor([3.0, 3.0])  # how much each judge counts
    scores, without_tanh = torch.zeros(2, len(keys))
    print(f"query: place {query:g}")
    print("            not too late   not too early   score")
    for j, key in enumerate(keys):
        judges = torch.tanh(W * query + U * key + b)  # (2,)
        scores[j] = v @ judges
        without_tanh[j] = v @ (W * query + U * key + b)
        print(f"key: place {key:g} {judges[0]:>11.2f} {judges[1]:>15.2f} {scores[j]:>7.2f}")

    # Both say yes only where the key fits. Softmax turns scores into weights that are positive and
    # sum to 1, and the answer is the average of all values, weighted by fit: the context vector.
    weights = scores.softmax(dim=0)
    print(f"{weights = }")
    print(f"{weights @ values = }   mostly the third value, [4., 2.]")

    # The tanh matters. Without it, what one judge adds the other takes away, at every key.
    print(f"{without_tanh = }")
    between = torch.linspace(0, 6, 200)[:, None]  # for the figure: keys between the places, too
    return torch.cat([between, torch.tanh(W * query + U * between + b)], dim=1)  # (200, 3)


class AdditiveAttention(nn.Module):
    """The judges as a network that learns: score(q, k) = v . tanh(W q + U k + b).

    Source: Bahdanau, Cho and Bengio, "Neural Machine Translation by Jointly Learning to Align
    and Translate" (2014), appendix A.1.2.
    """

    def __init__(self, query_size: int, key_size: int, attention_size: int) -> None:
        super().__init__()
        self.W = nn.Linear(query_size, attention_size)  # b comes with it; one is enough
        self.U = nn.Linear(key_size, attention_size, bias=False)
        self.v = nn.Linear(attention_size, 1, bias=False)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        # A new dimension of size 1 in each, and broadcasting adds every query to every key.
        pairs = self.W(queries)[:, :, None] + self.U(keys)[:, None]  # (B, L, S, A)
        return self.v(torch.tanh(pairs)).squeeze(-1)  # (B, L, S)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        weights = F.softmax(self.scores(queries, keys), dim=-1)  # over the keys
        return weights @ values, weights  # contexts (B, L, size of a value), and (B, L, S)


def additive_attention_as_a_network() -> None:
    section("The judges become a network: additive attention")
    # Queries and keys are vectors now, and may differ in size: W and U bring them to the same one.
    B, L, S, query_size, key_size, judges = 2, 4, 5, 6, 3, 8
    queries, keys = torch.randn(B, L, query_size), torch.randn(B, S, key_size)
    attention = AdditiveAttention(query_size, key_size, judges)
    context, weights = attention(queries, keys, keys)  # the keys serve as values, too
    print(f"{queries.shape = }, {keys.shape = }")
    print(f"{weights.shape = }   one row per query, one weight per key")
    print(f"{context.shape = }   one context vector per query")

    # As a loop it is section 1 again, for each query and each key of each sequence.
    looped = torch.zeros(B, L, S)
    for b in range(B):
        for i in range(L):
            for j in range(S):
                judged = torch.tanh(attention.W(queries[b, i]) + attention.U(keys[b, j]))
                looped[b, i, j] = attention.v(judged)
    print(f"{torch.allclose(weights, looped.softmax(dim=-1), atol=1e-6) = }")
    print(f"{weights[0].sum(dim=-1).detach() = }   each row")


def padding_mask() -> None:
    section("Don't look at padding")
    # Two sequences, of five and of three tokens. The last two keys of the second are padding.
    lengths = torch.tensor([5, 3])
    queries, keys = torch.randn(2, 1, 6), torch.randn(2, 5, 3)
    mask = torch.arange(keys.size(1)) < lengths[:, None]  # (B, S), True at real tokens
    print(f"{mask = }")

    # exp(-inf) is 0, so after the softmax a padded key has a weight of exactly 0. The mask has no
    # queries; a dimension of size 1 makes it the same for all of them.
    attention = AdditiveAttention(query_size=6, key_size=3, attention_size=8)
    scores = attention.scores(queries, keys).masked_fill(~mask[:, None], float("-inf"))  # (B, L, S)
    weights = F.softmax(scores, dim=-1)
    print(f"weights[:, 0] =\n{weights[:, 0].detach()}")

    # The test of any mask: does the second sequence get what it would get alone, unpadded?
    alone, _ = attention(queries[1:], keys[1:, : lengths[1]], keys[1:, : lengths[1]])
    print(f"{torch.allclose((weights @ keys)[1:], alone, atol=1e-6) = }")


# An experiment: read digits, write them backward, then END.
START, END, V = 10, 11, 12  # the digits 0 to 9 stand for themselves
SHORTEST, LONGEST = 4, 16  # digits in a sequence
D, H, A = 8, 64, 16  # H is even: each direction of the encoder gets half
STEPS, RATE, BATCH, TESTED = 500, 0.02, 64, 200  # TESTED: sequences of each length


def rearranged(digits: Tensor) -> Tensor:
    """What to write, as many digits as were read. Try `digits` or `digits.roll(2, dims=1)`."""
    return digits.flip(1)


def draw_batch(
    size: int, length: int, generator: torch.Generator, held_out: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Sources (B, S), and the decoder's inputs and targets (B, S + 1).

    Digits that sum to a multiple of 5 are held out: training never sees such a sequence.
    """
    candidates = torch.randint(10, (10 * size + 100, length), generator=generator)
    sources = candidates[(candidates.sum(dim=1) % 5 == 0) == held_out][:size]
    answer = rearranged(sources)
    inputs = F.pad(answer, (1, 0), value=START)  # one more token in front
    targets = F.pad(answer, (0, 1), value=END)  # one more token at the end
    return sources, inputs, targets


class Seq2Seq(nn.Module):
    """A GRU reads, a second GRU writes, and all that passes between them is one vector."""

    def __init__(self, hidden: int = H) -> None:
        super().__init__()
        self.embedding = nn.Embedding(V, D)
        # Reads in both directions, so each state knows what comes before and what comes after.
        self.encoder = nn.GRU(D, hidden // 2, batch_first=True, bidirectional=True)
        self.decoder = nn.GRU(D, hidden, batch_first=True)
        self.head = nn.Linear(hidden + hidden, V)  # from a state and a context

    def encode(self, sources: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        embedded = self.embedding(sources)  # (B, S, D)
        states, last = self.encoder(embedded)  # (B, S, H), and the last of each direction
        summary = torch.cat([last[0], last[1]], dim=-1)  # (B, H), however long the sequence is
        return summary, states, embedded

    def context(self, states: Tensor, summary: Tensor, keys: Tensor, values: Tensor):
        return summary[:, None].expand_as(states), None  # the same at every step; no weights

    def decode(self, inputs: Tensor, state: Tensor, encoded: tuple[Tensor, Tensor, Tensor]):
        states, state = self.decoder(self.embedding(inputs), state)  # (B, L, H)
        context, weights = self.context(states, *encoded)
        return self.head(torch.cat([states, context], dim=-1)), state, weights  # logits (B, L, V)

    def forward(self, sources: Tensor, inputs: Tensor) -> Tensor:
        encoded = self.encode(sources)
        return self.decode(inputs, encoded[0][None], encoded)[0]  # it starts from the summary


class AttentionSeq2Seq(Seq2Seq):
    """The same with attention: at every step the decoder asks, with its state as the query.

    Source: the order of steps is that of Luong, Pham and Manning, "Effective Approaches to
    Attention-based Neural Machine Translation" (2015).
    """

    def __init__(self, hidden: int = H) -> None:
        super().__init__(hidden)
        self.attention = AdditiveAttention(hidden, hidden, A)
        self.head = nn.Linear(hidden + D, V)

    def context(self, states: Tensor, summary: Tensor, keys: Tensor, values: Tensor):
        # A key says what is around a token, so it can tell the place. The value is the token.
        return self.attention(states, keys, values)


def one_task_two_models() -> dict[str, Seq2Seq]:
    section("One task, two models")
    # In training the decoder's input is the right token before, whatever it would have written
    # itself: "teacher forcing". So all inputs are known, and one call computes all steps.
    sources, inputs, targets = draw_batch(1, 6, torch.Generator().manual_seed(SEED))
    print(f"{START = }, {END = }\n{sources = }\n{inputs = }\n{targets = }")

    models = {}
    for name, kind in (("without attention", Seq2Seq), ("with attention", AttentionSeq2Seq)):
        torch.manual_seed(SEED)  # what both have in common starts with the same weights
        models[name] = kind()

    # What can the decoder look at? Without attention, at the summary. It never grows.
    for length in (SHORTEST, LONGEST):
        zeros = torch.zeros(1, length, dtype=torch.long)
        summary, keys, values = models[name].encode(zeros)
        print(f"{length:>2} digits: {summary.shape = }, {keys.shape = }, {values.shape = }")
    return models


def train(models: dict[str, Seq2Seq]) -> None:
    section("Training both on the same batches")
    for name, model in models.items():
        print(f"{name}: {sum(each.numel() for each in model.parameters()):,} parameters")
        generator = torch.Generator().manual_seed(SEED)  # the same batches for every model
        optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
        losses = []
        for step in range(STEPS):
            # Large steps first, small ones at the end: the rate falls in a straight line toward 0.
            optimizer.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
            # All sequences of a batch have the same length, so there's no padding to mask.
            length = int(torch.randint(SHORTEST, LONGEST + 1, (), generator=generator))
            sources, inputs, targets = draw_batch(BATCH, length, generator)
            logits = model(sources, inputs)  # (B, L, V)
            loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)  # as in lesson 12
            optimizer.step()
            losses.append(loss.item())
            if len(losses) % 100 == 0:
                print(f"  step {len(losses)}: mean loss {statistics.mean(losses[-100:]):.3f}")


@torch.inference_mode()
def write(model: Seq2Seq, sources: Tensor, steps: int) -> tuple[Tensor, list]:
    """Let a model write: tokens (B, steps), and the weights (B, 1, S) of each step, if any."""
    model.eval()
    encoded = model.encode(sources)
    state, token = encoded[0][None], torch.full((len(sources), 1), START)
    tokens, weights = [], []
    for _ in range(steps):
        logits, state, looks = model.decode(token, state, encoded)
        token = logits.argmax(dim=-1)  # (B, 1): the most likely one, and the next input
        tokens.append(token)
        weights.append(looks)
    return torch.cat(tokens, dim=1), weights


def accuracy_against_length(models: dict[str, Seq2Seq]) -> dict[str, list[float]]:
    section("The bottleneck: accuracy against length")
    # A sequence counts only if every digit is right, and END after them.
    lengths = range(SHORTEST, LONGEST + 1)
    shares = {name: [] for name in models}
    for length in lengths:
        generator = torch.Generator().manual_seed(SEED + 1000 + length)
        sources, _, targets = draw_batch(TESTED, length, generator, held_out=True)
        for name, model in models.items():
            tokens, _ = write(model, sources, length + 1)
            shares[name].append((tokens == targets).all(dim=1).float().mean().item())
    print("whole sequences right, of" + "".join(f"{n:>7}" for n in lengths[::4]) + " digits    all")
    for name, right in shares.items():
        cells = "".join(f"{share:>7.1%}" for share in right[::4])
        print(f"{name:<25}{cells} {statistics.mean(right):>13.1%}")
    return shares


def alignment(model: Seq2Seq) -> tuple[Tensor, Tensor, Tensor]:
    section("Where it looks: the alignment")
    # Nobody told the model where to look, but here we know the right place. The digits of e repeat
    # 1828, so a model that looked for a certain digit would be lost. It has to know the place.
    source = torch.tensor([[2, 7, 1, 8, 2, 8, 1, 8, 2, 8, 4, 5, 9]])  # (1, S), and held out
    tokens, looks = write(model, source, source.size(1) + 1)
    weights = torch.cat(looks, dim=1)[0]  # (L, S)
    print("writes   looks most at   weight")
    for token, row in zip(tokens[0, :-1].tolist(), weights, strict=False):
        place = row.argmax().item()
        print(f"{token:>6}   {f'{source[0, place]} in place {place + 1}':<13} {row[place]:>8.2f}")

    # How often is it the right place, in the longest sequences? END needs none, so leave it out.
    generator = torch.Generator().manual_seed(SEED + 2000)
    sources, _, _ = draw_batch(TESTED, LONGEST, generator, held_out=True)
    places = torch.cat(write(model, sources, LONGEST)[1], dim=1).argmax(dim=-1)  # (B, L)
    right = rearranged(torch.arange(LONGEST)[None])  # (1, L)
    share = (places == right).float().mean()
    print(f"the largest weight is at the right place in {share:.1%} of the steps")
    return source[0], tokens[0], weights


def draw_figures(judged: Tensor, shares: dict[str, list[float]], aligned: tuple) -> None:
    from pytorch_refresher._common.figures import curves, heat_map

    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    keys, late, early = judged.T
    lines = {"not too late": late, "not too early": early, "both together": late + early}
    look = {"title": "What two judges say to each key", "xlabel": "key", "ylim": (-1.2, 2.6)}
    curves(axes, lines, keys, **look)
    save_figure(figure, "judges")

    figure, axes = plt.subplots(figsize=(8, 3.8), layout="constrained")
    curves(axes, shares, range(SHORTEST, LONGEST + 1), xlabel="digits to read and write")
    axes.set(title=f"The same {STEPS} steps for both", ylabel="whole sequences right")
    axes.yaxis.set_major_formatter("{x:.0%}")
    save_figure(figure, "bottleneck")

    source, tokens, weights = aligned
    figure, axes = plt.subplots(figsize=(6.4, 5.2), layout="constrained")
    written = [{START: "START", END: "END"}.get(token, token) for token in tokens.tolist()]
    image = heat_map(axes, weights, written, source.tolist(), vmin=0, vmax=1)
    axes.set(xlabel="digits read, from left to right", ylabel="tokens written, from top to bottom")
    figure.colorbar(image, label="attention weight")
    save_figure(figure, "alignment")


# -----------------------------------------------------------------------------------------
# Practice. Replace each `raise NotImplementedError` with your answer, then run this file with
# --practice: it marks your answers and tells you what to look at next.
# -----------------------------------------------------------------------------------------


def additive_attention(
    query: Tensor, keys: Tensor, values: Tensor, W: Tensor, U: Tensor, v: Tensor, lengths: Tensor
) -> tuple[Tensor, Tensor]:
    """Problem 1 (medium, 15 minutes). Implement additive attention from scratch, for one step.

    A decoder that writes one token at a time has one query per sequence. query: (B, Dq), keys:
    (B, S, Dk), values: (B, S, Dv). The score of a key k is v . tanh(W q + U k), where W is (A, Dq),
    U is (A, Dk) and v is (A,). lengths: (B,), at least 1: how many keys of each sequence are real.
    The others are padding and get a weight of 0. Return the context, (B, Dv), and the weights,
    (B, S). Use tensor operations, not the classes above, and let gradients reach W, U and v.
    """
    raise NotImplementedError


def plot_alignment(weights: Tensor, source: list[str], written: list[str]):
    """Problem 2 (easy, 10 minutes). Visualize attention weights on a simple sequence task.

    weights: (L, S), a row per token written; they require gradients. source: the S tokens read; the last
    ones may be "<pad>". written: the L tokens written. In a batch, a model goes on writing after
    its own "END" until every sequence has one. Return a matplotlib figure with a heat map of what
    is real: the rows up to the first "END", itself included (all, if there is none), and the
    columns without padding. Keep the weights as they are, with colors from 0 to 1, the first row
    on top, and the tokens as tick labels on both axes.
    """
    raise NotImplementedError


def compare_seq2seq(
    models: dict[str, nn.Module], sources: Tensor, targets: Tensor, start: int
) -> dict[str, tuple[float, float, float]]:
    """Problem 3 (medium, 25 minutes). Compare seq2seq performance with and without attention.

    models: trained models by name, "with" and "without" for example. Each is called as
    model(sources, inputs), with sources (B, S) and inputs (B, L), and returns logits (B, L, V), in
    which step t depends on the inputs up to t. They contain dropout. targets: (B, L), END included.
    start: the token that is always the first input. Return, by name, three shares from 0 to 1 as
    floats: how many tokens are right with teacher forcing; how many are right if the model writes
    by itself, each time the most likely token; and how many sequences it writes by itself without
    a single wrong token.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__)
    if not arguments.practice:
        # The steps of a GRU are small products: a second core would hardly speed them up.
        torch.set_num_threads(1)
        torch.manual_seed(SEED)
        judged = one_query_by_hand()
        additive_attention_as_a_network()
        padding_mask()
        models = one_task_two_models()
        train(models)
        shares = accuracy_against_length(models)
        draw_figures(judged, shares, alignment(models["with attention"]))
    report_practice(__file__)


if __name__ == "__main__":
    main()
