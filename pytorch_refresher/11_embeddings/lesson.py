"""Lesson 11: Embeddings

An image in lesson 10 was 784 numbers, every time. A movie review is words, and the next one has
more of them, or fewer. "Good, not bad" and "bad, not good" even have the same words, and mean the
opposite. How do you get something like this into a network, which takes numbers and nothing else?

    python lesson.py             run the lesson, then mark your practice answers
    python lesson.py --practice  only mark your practice answers
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

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.optim import SGD, Adam, AdamW, SparseAdam

SEED = 0
PAD, UNKNOWN = "<pad>", "<unk>"  # what fills up short reviews, and a word that has no id
REVIEWS = ["good not bad", "bad not good", "not a good movie at all", "loved it"]
# Letters in shapes: B reviews in a batch, L positions of words, D features of a word, V words in
# the vocabulary, H features of an RNN's state, N pairs, or words to look at.


def build_vocabulary(sentences: list[str]) -> dict[str, int]:
    """Give each word an id, in the order of first appearance; 0 and 1 are taken."""
    vocabulary = {PAD: 0, UNKNOWN: 1}
    for word in " ".join(sentences).split():
        vocabulary.setdefault(word, len(vocabulary))
    return vocabulary


def encode(sentence: str, vocabulary: dict[str, int]) -> Tensor:
    """The ids of a sentence's words, int64 (L,)."""
    ids = [vocabulary.get(word, vocabulary[UNKNOWN]) for word in sentence.split()]
    return torch.tensor(ids, dtype=torch.long)  # an empty list would become a float tensor


def words_become_ids() -> None:
    section("Words become ids, and that isn't enough")

    # A network computes with numbers. So give each word one: its id. All words that aren't in the
    # vocabulary share one.
    vocabulary = build_vocabulary(REVIEWS)
    print(f"{vocabulary = }")
    ids = [encode(review, vocabulary) for review in REVIEWS]
    for review, numbers in zip(REVIEWS, ids, strict=True):
        print(f"{review:<24} {numbers.tolist()}")
    print(f"{encode('loved this movie', vocabulary) = }")

    # First trouble: an id is a name, not an amount. Compute with it and you get nonsense.
    spelled = list(vocabulary)  # from an id back to its word
    print(f"halfway between {spelled[2]!r} and {spelled[4]!r}: {spelled[(2 + 4) // 2]!r}")

    # Second trouble: different lengths make no tensor, and a layer made for one takes no other.
    with show_error("one tensor of all the reviews"):
        torch.tensor([numbers.tolist() for numbers in ids])
    with show_error(f"a layer for {len(ids[0])} words, given {len(ids[-1])}"):
        nn.Linear(len(ids[0]), 1)(ids[-1].float())


def one_hot_times_a_matrix_is_a_look_up() -> None:
    section("One-hot times a matrix is a look-up")

    # How do you feed in a name? One-hot: as many numbers as there are words, all 0 except for a 1
    # at the word's own place. No word is more than another, or between two others.
    one_hot = F.one_hot(torch.arange(3), num_classes=3).float()  # (V, V): good, not, bad

    # The first layer multiplies it with a weight matrix. By hand, for "bad": the zeros wipe out
    # every row of the matrix but one.
    weight = torch.tensor([[0.9, 0.1], [0.0, -0.8], [-0.7, 0.2]])  # (V, D)
    print(f"{0 * weight[0] + 0 * weight[1] + 1 * weight[2] = }")
    print(f"{one_hot[2] @ weight = }")
    print(f"{weight[2] = }   so why multiply at all?")

    # nn.Embedding doesn't, it picks rows. Ids of any shape go in, and one more dimension comes out.
    torch.manual_seed(SEED)
    embedding = nn.Embedding(num_embeddings=1000, embedding_dim=16)  # V, D
    ids = torch.randint(embedding.num_embeddings, (4, 7))  # (B, L)
    print(f"{embedding.weight.shape = }")
    print(f"{ids.shape = }, {embedding(ids).shape = }")
    product = F.one_hot(ids, embedding.num_embeddings).float() @ embedding.weight  # (B, L, D)
    print(f"{torch.allclose(embedding(ids), product, atol=1e-6) = }")


def which_rows_learn() -> None:
    section("Only the rows that were used get a gradient")

    # Six rows. This batch uses row 2 twice, row 4 once, and the others not at all. The gradient is
    # mostly zeros, so sparse=True keeps only the rows that were used.
    embedding = nn.Embedding(6, 3, sparse=True)
    embedding(torch.tensor([2, 4, 2])).sum().backward()
    gradient = embedding.weight.grad.coalesce()  # adds up the uses of the same row
    for row, values in enumerate(gradient.to_dense().tolist()):
        print(f"row {row}: {values}")
    print(f"{gradient.indices() = }, {gradient.values().shape = }")

    # A gradient of 0 doesn't mean that a row stays where it is: some optimizers move it anyway. Use
    # row 0 in one step and row 1 in the next: which of three rows does the second step move?
    print("                    used before  used now  never used")
    ways = [(SGD, {}), (SGD, {"momentum": 0.9}), (Adam, {}), (AdamW, {}), (SparseAdam, {})]
    for kind, options in ways:
        torch.manual_seed(SEED)
        embedding = nn.Embedding(3, 2, sparse=kind is SparseAdam)
        optimizer = kind(embedding.parameters(), lr=0.1, **options)
        for row in (0, 1):
            before = embedding.weight.detach().clone()
            optimizer.zero_grad()
            embedding(torch.tensor([row])).sum().backward()
            optimizer.step()
        moved = ["moves" if any(change) else "-" for change in (embedding.weight - before).tolist()]
        name = ", ".join([kind.__name__, *options])
        print("{:<19} {:<12} {:<9} {}".format(name, *moved))

    # Rows that somebody else has trained are frozen by default. With freeze=False they learn, and
    # here is the surprise: in the very tensor that you passed in. A clone() keeps the original.
    theirs = torch.zeros(3, 2)
    ours = nn.Embedding.from_pretrained(theirs, freeze=False)
    ours(torch.tensor([1])).sum().backward()
    SGD(ours.parameters(), lr=1.0).step()
    print(f"{theirs = }")


# Words of three kinds. Each one goes into all but one of its kind's sentences, so words of a kind
# are used alike, but no two of them in just the same way.
KINDS = {
    "cat dog cow horse rabbit": (
        "the {} sleeps in the barn, she feeds her hungry {}, a {} runs across the meadow, "
        "the young {} drinks water, my {} follows me everywhere"
    ),
    "soup cheese cake bread rice": (
        "he cooks {} for dinner, they eat warm {}, a plate of {} please, the {} tastes salty, "
        "mother serves {} at noon"
    ),
    "truck car bus train van": (
        "he drives the {} downtown, a {} stops at the corner, the crowded {} leaves late, "
        "her {} needs fuel, they travel by {} tonight"
    ),
}
# These are said of all of them, and so give nothing away. A word goes into two of the four.
OF_ANYTHING = "i see the {}, the {} is new, this {} is mine, she likes the {}"
DIMENSIONS, RATE, EPOCHS = 8, 0.05, 40


def small_corpus() -> list[str]:
    corpus, general = [], OF_ANYTHING.split(", ")
    for words, sentences in KINDS.items():
        own = sentences.split(", ")
        for i, word in enumerate(words.split()):
            corpus += [own[(i + k) % len(own)].format(word) for k in range(len(own) - 1)]
            corpus += [general[(i + k) % len(general)].format(word) for k in range(2)]
    return corpus


def pairs_of_neighbors(sentences: list[str], vocabulary: dict[str, int]) -> Tensor:
    """Each word with each word one or two places away, as skip-gram does: int64 ids, (2, N)."""
    pairs = []
    for sentence in sentences:
        ids = encode(sentence, vocabulary)
        for distance in (1, 2):
            pair = torch.stack([ids[:-distance], ids[distance:]])
            pairs += [pair, pair.flip(0)]  # either word is the other one's neighbor
    return torch.cat(pairs, dim=1)


def train_embeddings() -> dict[str, Tensor]:
    section("Training: guess the words next to a word")

    # Nobody labels anything. The text itself says what the right answers are.
    corpus = small_corpus()
    vocabulary = build_vocabulary(corpus)
    words, neighbors = pairs_of_neighbors(corpus, vocabulary)
    print(f"{len(corpus)} sentences, {len(vocabulary)} words, {len(words)} pairs")
    print(f"{corpus[0]!r} begins with the pairs")
    spelled = list(vocabulary)
    for word, neighbor in zip(words[:5], neighbors[:5], strict=True):
        print(f"  {spelled[word]} -> {spelled[neighbor]}")

    # A look-up, and a linear layer that scores every word of the vocabulary as a neighbor. The
    # standard deviation would be 1; a smaller start leaves less of the randomness in the result.
    torch.manual_seed(SEED)
    embedding = nn.Embedding(len(vocabulary), DIMENSIONS)
    nn.init.normal_(embedding.weight, std=0.1)
    model = nn.Sequential(embedding, nn.Linear(DIMENSIONS, len(vocabulary)))
    vectors = {"untrained": embedding.weight.detach().clone()}
    optimizer = Adam(model.parameters(), lr=RATE)
    print(f"a blind guess costs log(V) = {math.log(len(vocabulary)):.3f}")
    for epoch in range(EPOCHS + 1):
        loss = F.cross_entropy(model(words), neighbors)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if epoch % 10 == 0:
            print(f"epoch {epoch:>2}: loss {loss.item():.3f}")
    vectors["trained"] = embedding.weight.detach()

    # To compare with, vectors that nobody trained: how often each word is a neighbor. (V, V)
    counts = torch.zeros(len(vocabulary), len(vocabulary))
    vectors["counts"] = counts.index_put((words, neighbors), torch.ones(()), accumulate=True)
    kept = [vocabulary[word] for word in " ".join(KINDS).split()]
    return {name: table[kept] for name, table in vectors.items()}  # (N, D) each


def who_is_near_whom(vectors: dict[str, Tensor]) -> None:
    section("Words that are used alike end up near each other")

    kind = torch.tensor([k for k, words in enumerate(KINDS) for _ in words.split()])  # (N,)
    same = kind[:, None] == kind  # (N, N), True where both are of the same kind
    other = ~same
    same.fill_diagonal_(False)  # a word is no neighbor of itself

    # "Near" is a small angle between two vectors, that is, a large cosine. Here for all pairs.
    print("                 mean cosine               nearest word")
    print("           D     same kind   other kinds   of the same kind")
    for name, table in vectors.items():
        cosine = F.cosine_similarity(table[:, None], table, dim=-1)  # (N, N)
        inside, across = cosine[same].mean(), cosine[other].mean()
        nearest = cosine.fill_diagonal_(-1).argmax(dim=1)
        share = (kind[nearest] == kind).float().mean()
        print(f"{name:<9} {table.size(1):>3} {inside:>11.3f} {across:>13.3f} {share:>14.0%}")
    print(f"by chance {same.sum() / (same.sum() + other.sum()):>43.0%}")


def padding() -> tuple[Tensor, Tensor]:
    section("Padding, and an average that ignores it")

    vocabulary = build_vocabulary(REVIEWS)
    ids = [encode(review, vocabulary) for review in REVIEWS]
    padded = pad_sequence(ids, batch_first=True, padding_value=vocabulary[PAD])  # (B, L)
    lengths = torch.tensor([len(numbers) for numbers in ids])  # (B,)
    print(f"{padded = }")
    print(f"{lengths = }")

    # padding_idx names the row of padding, which starts as zeros and never gets a gradient.
    torch.manual_seed(SEED)
    embedding = nn.Embedding(len(vocabulary), 4, padding_idx=vocabulary[PAD])
    vectors = embedding(padded)  # (B, L, D)

    # A trap: nn.init overwrites the zeros, and without a gradient nothing ever brings them back.
    other = nn.Embedding(len(vocabulary), 4, padding_idx=vocabulary[PAD])
    nn.init.normal_(other.weight)
    print(f"after nn.init: {bool(other.weight[0].any()) = }")

    # The simplest vector for a whole review is the average over its words. But a plain mean divides
    # by L, padding included. So mask the real positions, sum those, and divide by their number.
    mask = torch.arange(padded.size(1)) < lengths[:, None]  # (B, L), True at real words
    plain = vectors.mean(dim=1)  # (B, D)
    masked = (vectors * mask[..., None]).sum(dim=1) / lengths[:, None]  # (B, D)
    print("length of the vector, compared with that of the review alone")
    for b, review in enumerate(REVIEWS):
        alone = embedding(ids[b]).mean(dim=0).norm()  # nothing to pad
        ratios = plain[b].norm() / alone, masked[b].norm() / alone
        print("{:<24} plain {:.2f}, masked {:.2f}".format(review, *ratios))
    return vectors, lengths


def last_state(rnn: nn.RNN, batch) -> Tensor:
    """The state after the last word, (B, H). batch: (B, L, D), or packed."""
    state = rnn(batch)[1]
    return (state[0] if isinstance(state, tuple) else state)[-1]  # an nn.LSTM has two states


def order_of_the_words(vectors: Tensor, lengths: Tensor) -> None:
    section("What an average loses")

    # The first two reviews say opposite things with the same words. A sum doesn't see the order.
    first, second = (vectors[b, : lengths[b]] for b in (0, 1))  # (L, D) each
    print(f"{REVIEWS[0]!r} and {REVIEWS[1]!r}")
    change = first.mean(dim=0) - second.mean(dim=0)
    print(f"  as averages they differ by {change.abs().max():.4f}")

    # A recurrent neural network (RNN) reads one word at a time: each word and the state so far make
    # the next state. So it takes any length, and the order counts. (Lesson 12 takes it apart.)
    torch.manual_seed(SEED)
    rnn = nn.RNN(input_size=vectors.size(-1), hidden_size=5, batch_first=True)
    change = last_state(rnn, first[None]) - last_state(rnn, second[None])
    print(f"  as states of an RNN they differ by {change.abs().max():.4f}")

    section("Packing: an RNN that never sees the padding")

    # For an RNN a mask comes too late: it has read the padding by then. Packing leaves it out.
    # (With enforce_sorted=True, the default, the longest sequence would have to come first.)
    packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
    print(f"{packed.data.shape = }   {lengths.sum()} real words of {vectors[..., 0].numel()}")

    # All first words, then all second words: a step for all reviews that haven't come to their end.
    for t, size in enumerate(packed.batch_sizes):
        running = packed.sorted_indices[:size]  # the longest review first
        print(f"  position {t}: {' '.join(REVIEWS[b].split()[t] for b in running)}")

    # The states come back in the order of the batch.
    naive, right = last_state(rnn, vectors), last_state(rnn, packed)
    print("how far the last state is from that of the review read alone")
    for b, review in enumerate(REVIEWS):
        alone = last_state(rnn, vectors[b : b + 1, : lengths[b]])[0]
        padded, exact = ((states[b] - alone).abs().max() for states in (naive, right))
        print(f"{review:<24} padded {padded:.4f}, packed {exact:.4f}")

    # pad_packed_sequence makes a padded tensor of the states at all positions.
    outputs, _ = pad_packed_sequence(rnn(packed)[0], batch_first=True)  # (B, L, H)
    last = outputs[torch.arange(len(lengths)), lengths - 1]
    print(f"{outputs.shape = }, {torch.allclose(last, right) = }")


def in_two_dimensions(vectors: Tensor) -> Tensor:
    """Vectors (N, D) on the two axes along which they differ most, the principal components."""
    centered = vectors - vectors.mean(dim=0)
    directions = torch.linalg.svd(centered).Vh[:2]  # (2, D)
    return centered @ directions.T


def draw_neighbors(vectors: dict[str, Tensor]) -> None:
    from pytorch_refresher._common.figures import COLORS

    import matplotlib.pyplot as plt

    colors = [COLORS[k % len(COLORS)] for k, kind in enumerate(KINDS) for _ in kind.split()]
    figure, axes = plt.subplots(1, 2, figsize=(10, 5.2), layout="constrained")
    for panel, when in zip(axes, ("untrained", "trained"), strict=True):
        places = in_two_dimensions(vectors[when])
        panel.scatter(*places.T, color=colors)
        for word, place in zip(" ".join(KINDS).split(), places.tolist(), strict=True):
            panel.annotate(word, place, xytext=(6, 3), textcoords="offset points", fontsize=9)
        panel.set(title=when, xlabel="first component", ylabel="second component")
        panel.margins(0.18)  # room for the words
    save_figure(figure, "neighbors")


# -----------------------------------------------------------------------------------------
# Practice. Replace each `raise NotImplementedError` with your answer, then run this file with
# --practice: it marks your answers and tells you what to look at next.
# -----------------------------------------------------------------------------------------


def embedding_map(words: list[str], vectors: Tensor):
    """Problem 1 (easy, 10 minutes). Create an embedding layer and visualize its vectors.

    words: N different words. vectors: float32 (N, D), one row per word. Return two things. First an
    nn.Embedding whose row i is vectors[i]. Training may change any row, but not the given tensor.
    Second a matplotlib figure with a point for each word (scatter or plot), at the x and y that
    in_two_dimensions() gives for the layer's vectors, and the word next to it (annotate or text).
    """
    raise NotImplementedError


def embed_sentences(corpus: list[str], sentences: list[str], embedding_dim: int, std: float):
    """Problem 2 (medium, 20 minutes). From text to one vector per sentence.

    Words are separated by spaces; "The" and "the" are the same word, in lower case. Return three
    things. First the vocabulary of `corpus` alone, {word: id}: "<pad>" is 0, "<unk>" is 1, then all
    words, the most frequent first; of equally frequent ones, that which appears first. Second an
    nn.Embedding with a row per entry, `embedding_dim` wide: the row of "<pad>" is zeros and never
    gets a gradient, all others, that of "<unk>" too, are drawn from a normal distribution with mean
    0 and standard deviation `std`. Third a float32 tensor (B, embedding_dim): for each of the
    `sentences` the mean of its words' vectors, looked up in that embedding as one padded batch.
    Padding must not count, unknown words do. Training must reach the embedding.
    """
    raise NotImplementedError


def compare_memory(ids: Tensor, num_embeddings: int, embedding_dim: int):
    """Problem 3 (medium, 15 minutes). Compare the memory of one-hot vectors and embeddings.

    ids: int64 (B, L). Look them up in two ways, each with a table of `num_embeddings` rows,
    `embedding_dim` wide: as float32 one-hot vectors times a matrix, and in an nn.Embedding with
    sparse=True. Run backward() from the sum of each result. Then return two pairs of whole numbers
    of bytes, first for one-hot, then for the embedding: what goes in (one-hot vectors; ids), and
    what the gradient of the table takes (a sparse one: indices and values after coalesce()).
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__)
    if not arguments.practice:
        words_become_ids()
        one_hot_times_a_matrix_is_a_look_up()
        which_rows_learn()
        vectors = train_embeddings()
        who_is_near_whom(vectors)
        order_of_the_words(*padding())
        if DIMENSIONS > 1:  # a single one makes no map
            draw_neighbors(vectors)
    report_practice(__file__)


if __name__ == "__main__":
    main()
