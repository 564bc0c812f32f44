"""Lesson 11: Embeddings

A network computes with numbers, a sentence is made of words, and no two sentences need be
equally long. This lesson turns words into ids and ids into vectors that training can move,
shows that words used alike end up near each other, and puts sentences of different lengths
into one batch without letting the filler change a result.

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
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

# Shapes are written in comments with these letters throughout the lesson:
#   B batch (sentences)   L positions (words of a sentence)   D features of each word
#   V vocabulary size (different words)   H hidden size (features of an RNN's state)

PAD, UNKNOWN = "<pad>", "<unk>"

# Fifteen nouns of three kinds. Each noun goes through four of its kind's five sentences, another
# four than the next noun: nouns of a kind are used alike, no two of them in the same way.
NOUNS = {
    "animal": ["cat", "dog", "cow", "horse", "rabbit"],
    "food": ["soup", "cheese", "cake", "bread", "rice"],
    "vehicle": ["truck", "car", "bus", "train", "van"],
}
SENTENCES = {
    "animal": "the {} sleeps in the barn, she feeds her hungry {}, a {} runs across the meadow, "
    "the young {} drinks water, my {} follows me everywhere",
    "food": "he cooks {} for dinner, they eat warm {}, a plate of {} please, the {} tastes salty, "
    "mother serves {} at noon",
    "vehicle": "he drives the {} downtown, a {} stops at the corner, the crowded {} leaves late, "
    "her {} needs fuel, they travel by {} tonight",
    # Said of nouns of every kind, so these tell nothing about what a noun means.
    "any": "i see the {}, the {} is new, this {} is mine, she likes the {}",
}


def small_corpus() -> list[str]:
    """The 90 sentences that the embeddings are trained on."""
    sentences = {kind: line.split(", ") for kind, line in SENTENCES.items()}
    corpus = []
    for kind, nouns in NOUNS.items():
        for i, noun in enumerate(nouns):
            corpus += [sentences[kind][(i + offset) % 5].format(noun) for offset in range(4)]
            corpus += [sentences["any"][(i + offset) % 4].format(noun) for offset in range(2)]
    return corpus


def build_vocabulary(sentences: list[str]) -> dict[str, int]:
    """Give each word an id, in the order of first appearance; 0 and 1 are reserved."""
    vocabulary = {PAD: 0, UNKNOWN: 1}
    for sentence in sentences:
        for word in sentence.split():
            vocabulary.setdefault(word, len(vocabulary))
    return vocabulary


def encode(sentence: str, vocabulary: dict[str, int]) -> Tensor:
    """The ids of a sentence's words, (L,) of int64; that of <unk> for a word without one."""
    return torch.tensor([vocabulary.get(word, vocabulary[UNKNOWN]) for word in sentence.split()])


def skip_grams(sentences: list[str], vocabulary: dict[str, int]) -> tuple[Tensor, Tensor]:
    """Each word with each word at most two places away: ids (N,) of the one and of the other.

    Source: Mikolov et al., "Efficient Estimation of Word Representations" (2013).
    """
    words, neighbors = [], []
    for sentence in sentences:
        ids = encode(sentence, vocabulary).tolist()
        for i, word in enumerate(ids):
            around = ids[max(0, i - 2) : i] + ids[i + 1 : i + 3]
            words += [word] * len(around)
            neighbors += around
    return torch.tensor(words), torch.tensor(neighbors)


def cosines(vectors: Tensor) -> Tensor:
    """The cosine of the angle between any two rows of vectors (N, D), as (N, N)."""
    unit = F.normalize(vectors, dim=1)  # each row divided by its length
    return unit @ unit.T


def in_two_dimensions(vectors: Tensor) -> Tensor:
    """Project vectors (N, D) onto the two directions in which they differ most, (N, 2).

    These directions are the first two principal components. They come from the singular value
    decomposition of the centered rows.
    """
    centered = vectors - vectors.mean(dim=0)
    directions = torch.linalg.svd(centered, full_matrices=False).Vh[:2]  # (2, D)
    return centered @ directions.T


def sentences_become_ids() -> None:
    section("Sentences become ids")

    # An image of lesson 10 always had 784 numbers. Sentences have words, and not equally many.
    sentences = ["the cat sleeps", "the dog sees the cat", "a dog barks"]
    for sentence in sentences:
        print(f"{len(sentence.split())} words: {sentence}")

    # First, numbers for words. Which word gets which id means nothing: 6 is not twice 3.
    vocabulary = build_vocabulary(sentences)
    print(f"{vocabulary = }")
    print(f"{encode('the dog sees the cat', vocabulary) = }")

    # A new word has no id of its own and becomes <unk>, unknown.
    print(f"{encode('the zebra sleeps', vocabulary) = }")

    # Second, the lengths. Rows of different lengths make no tensor,
    ids = [encode(sentence, vocabulary).tolist() for sentence in sentences]
    try:
        torch.tensor(ids)
    except ValueError:
        print("3, 5 and 3 ids in one tensor: ValueError")
    else:
        raise AssertionError("a ragged list became a tensor")

    # and a layer made for 5 words, each 4 numbers wide, takes no sentence of 3 words.
    five_words = nn.Linear(5 * 4, 1)
    print(f"{five_words(torch.randn(5, 4).flatten()).shape = }")
    try:
        five_words(torch.randn(3, 4).flatten())
    except RuntimeError:
        print("3 words for a layer of 5: RuntimeError")
    else:
        raise AssertionError("a layer took an input of another size")


def one_hot_times_matrix_is_a_look_up() -> None:
    section("One-hot times a matrix is a look-up")

    # An id must not enter a network as a size. One-hot is the classic way: as many numbers as
    # there are words, a 1 at the word's own place and 0 elsewhere.
    words = ["cat", "dog", "bread"]
    one_hot = F.one_hot(torch.tensor([0, 1, 2]), num_classes=3).float()  # (3, V=3)
    for word, row in zip(words, one_hot.tolist(), strict=True):
        print(f"{word:<6} {row}")

    # So cat is as far from dog as from bread: one-hot vectors hold no meaning.
    to_dog, to_bread = (one_hot[0] - one_hot[1]).norm(), (one_hot[0] - one_hot[2]).norm()
    print(f"{to_dog = :.4f}, {to_bread = :.4f}")
    torch.testing.assert_close(to_dog, to_bread)

    # The first layer of a network multiplies them with a weight matrix. By hand, for dog: the
    # zeros wipe out all rows but one.
    weight = torch.tensor([[0.9, 0.1], [0.8, 0.2], [-0.7, 0.5]])  # (V=3, D=2)
    by_hand = 0 * weight[0] + 1 * weight[1] + 0 * weight[2]
    print(f"{by_hand = }")
    print(f"{one_hot[1] @ weight = }")
    print(f"{weight[1] = }")
    torch.testing.assert_close(one_hot @ weight, weight)

    # nn.Embedding skips the zeros. It holds the matrix and picks rows by id, for any shape of
    # ids. Its rows start at random; training moves them.
    embedding = nn.Embedding(num_embeddings=1000, embedding_dim=16)  # V=1000, D=16
    ids = torch.randint(1000, (4, 7))  # (B=4, L=7)
    print(f"{embedding.weight.shape = }")
    print(f"{ids.shape = }, {embedding(ids).shape = }")
    by_product = F.one_hot(ids, num_classes=1000).float() @ embedding.weight  # (B, L, D)
    torch.testing.assert_close(embedding(ids), by_product, rtol=0, atol=1e-5)
    torch.testing.assert_close(embedding(ids), embedding.weight[ids])
    print("Look-up, one-hot product and indexing agree: yes")

    # An id that has no row is an error, so V counts <pad> and <unk> too.
    try:
        embedding(torch.tensor([1000]))
    except IndexError:
        print("id 1000 in a table of rows 0 to 999: IndexError")
    else:
        raise AssertionError("an id without a row was looked up")

    # What it saves grows with the vocabulary: one word of 50,000 in bytes.
    print(f"{torch.zeros(50_000).nbytes = :,}   one-hot, float32")
    print(f"{torch.tensor([0]).nbytes = }   an id, int64")


def only_used_rows_learn() -> None:
    section("Only the rows that were used get a gradient")

    # Six rows, and a batch that uses row 2 twice, row 4 once, and the others never.
    embedding = nn.Embedding(6, 3)
    ids = torch.tensor([2, 4, 2])
    embedding(ids).sum().backward()

    # The sum has a derivative of 1 by each number, and a row's uses add up.
    for row, gradient in enumerate(embedding.weight.grad.tolist()):
        print(f"row {row}: {gradient}")
    uses = torch.bincount(ids, minlength=6).float()  # how often each row was used
    torch.testing.assert_close(embedding.weight.grad, uses[:, None].expand(6, 3))

    # A step therefore moves these two rows and no other. A word that the data never shows
    # keeps the random vector it started with.
    before = embedding.weight.detach().clone()
    torch.optim.SGD(embedding.parameters(), lr=0.1).step()
    moved = (embedding.weight != before).any(dim=1)
    print(f"{moved.nonzero().flatten() = }")
    assert moved.tolist() == [False, False, True, False, True, False]


def train_embeddings() -> tuple[dict[str, int], Tensor, Tensor]:
    section("Training: predict the words next to a word")

    corpus = small_corpus()
    vocabulary = build_vocabulary(corpus)
    print(f"{len(corpus) = }, {len(vocabulary) = }")
    print(f"{corpus[0] = }")

    # Skip-gram: from one word predict each word at most two places away. Nobody labels
    # anything, the text itself holds the targets.
    words, neighbors = skip_grams(corpus, vocabulary)  # (N,), (N,)
    spelled = list(vocabulary)  # from an id back to its word
    for word, neighbor in zip(words[:5].tolist(), neighbors[:5].tolist(), strict=True):
        print(f"{spelled[word]:<4} -> {spelled[neighbor]}")

    # A look-up and one linear layer: the logits of all V words, as in lesson 10.
    embedding = nn.Embedding(len(vocabulary), 8)
    model = nn.Sequential(embedding, nn.Linear(8, len(vocabulary)))
    # nn.Embedding draws its rows with a standard deviation of 1. From a smaller start, less of
    # what is random is left in the end.
    nn.init.normal_(embedding.weight, std=0.1)
    before = embedding.weight.detach().clone()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for epoch in range(76):
        loss = F.cross_entropy(model(words), neighbors)  # all pairs at once
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if epoch % 25 == 0:
            print(f"epoch {epoch:>2}: loss {loss.item():.3f}")

    # Guessing blindly costs log(V). The loss cannot fall to 0: a word has many neighbors, and
    # nothing says which of them is asked for.
    print(f"{math.log(len(vocabulary)) = :.3f}")
    assert loss < 0.7 * math.log(len(vocabulary))
    return vocabulary, before, embedding.weight.detach()


def neighbors_are_of_a_kind(vocabulary: dict[str, int], before: Tensor, after: Tensor) -> None:
    section("Words used alike end up near each other")

    # How near are two words? Ask for the cosine of the angle between their vectors: 1 where
    # they point the same way, 0 at a right angle, -1 where they point apart.
    cat, dog = after[vocabulary["cat"]], after[vocabulary["dog"]]
    by_hand = (cat @ dog) / (cat.norm() * dog.norm())
    torch.testing.assert_close(by_hand, F.cosine_similarity(cat, dog, dim=0))
    print(f"{F.cosine_similarity(cat, dog, dim=0) = :.3f}")

    # All pairs of nouns at once, before and after. By chance 4 of 14 others are of one's kind.
    nouns = [noun for members in NOUNS.values() for noun in members]
    rows = torch.tensor([vocabulary[noun] for noun in nouns])
    kind = torch.arange(3).repeat_interleave(5)  # (15,): 0 0 0 0 0 1 1 1 1 1 2 2 2 2 2
    is_alike = kind[:, None] == kind  # (15, 15), True where both are of one kind
    is_alike.fill_diagonal_(False)  # a noun is no neighbor of itself
    print("                mean cosine              nearest noun")
    print("                same kind   other kinds  of the same kind")
    for name, weight in {"before training": before, "after training": after}.items():
        cosine = cosines(weight[rows])  # (15, 15)
        same, other = cosine[is_alike].mean(), cosine[kind[:, None] != kind].mean()
        cosine.fill_diagonal_(-1)
        share = (kind[cosine.argmax(dim=1)] == kind).float().mean()
        print(f"{name:<15} {same:9.3f} {other:13.3f} {share:17.1%}")
    print(f"{'by chance':<15} {4 / 14:41.1%}")
    assert share > 0.85 and same > other + 0.3

    # The four nearest of a few nouns, in the order of the alphabet.
    for noun in ("cat", "soup", "van"):
        nearest = cosine[nouns.index(noun)].topk(4).indices  # after training
        four = sorted(nouns[i] for i in nearest.tolist())
        print(f"{noun:<4} {', '.join(four)}")
    draw_maps(before[rows], after[rows], kind)


def draw_maps(before: Tensor, after: Tensor, kind: Tensor) -> None:
    from pytorch_refresher._common.figures import BLUE, GREEN, ORANGE

    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 5.4), layout="constrained")
    for axis, vectors in zip(axes, (before, after), strict=True):
        places = in_two_dimensions(vectors)  # (15, 2)
        style = zip(NOUNS, (BLUE, ORANGE, GREEN), "os^", strict=True)
        for number, (name, color, marker) in enumerate(style):
            own = places[kind == number]  # (5, 2)
            axis.plot(*own.T.numpy(), marker, color=color, label=name)
            # Each name on the side that faces away from the others of its kind.
            away = F.normalize(own - own.mean(dim=0), dim=1) * torch.tensor([20.0, 12.0])
            for noun, place, shift in zip(NOUNS[name], own.tolist(), away.tolist(), strict=True):
                center = {"ha": "center", "va": "center", "textcoords": "offset points"}
                axis.annotate(noun, place, xytext=shift, fontsize=9, **center)
        axis.set(xlabel="first principal component", ylabel="second principal component")
        axis.margins(0.15, 0.12)
    axes[0].set_title("Before training: the kinds are mixed")
    axes[1].set_title("After training: each kind has its own place")
    axes[1].legend()
    save_figure(figure, "neighbors")


def padding() -> tuple[list[str], Tensor, Tensor]:
    section("Padding: one tensor for sentences of different lengths")

    sentences = ["cats sleep", "my old dog sleeps", "dogs run fast"]
    vocabulary = build_vocabulary(sentences)
    ids = [encode(sentence, vocabulary) for sentence in sentences]
    lengths = torch.tensor([len(row) for row in ids])  # (B,)

    # By hand: a tensor full of <pad>, and each sentence written over its row.
    by_hand = torch.full((len(ids), int(lengths.max())), vocabulary[PAD])  # (B, L)
    for b, row in enumerate(ids):
        by_hand[b, : len(row)] = row
    padded = pad_sequence(ids, batch_first=True, padding_value=vocabulary[PAD])
    torch.testing.assert_close(padded, by_hand)
    print(f"padded\n{padded}")
    print(f"{lengths = }")

    # padding_idx names the row of the filler: it starts at zeros and gets no gradient.
    embedding = nn.Embedding(len(vocabulary), 4, padding_idx=vocabulary[PAD])
    vectors = embedding(padded)  # (B, L, D)
    vectors.sum().backward()
    print(f"{embedding.weight[0].tolist() = }")
    print(f"{embedding.weight.grad[:3].tolist() = }")
    assert not embedding.weight[0].any() and not embedding.weight.grad[0].any()

    # Zeros are not nothing: a plain mean divides by L, filler included. A mask says which
    # positions hold a real word.
    vectors = vectors.detach()
    mask = torch.arange(padded.shape[1]) < lengths[:, None]  # (B, L)
    plain = vectors.mean(dim=1)  # (B, D)
    masked = (vectors * mask[..., None]).sum(dim=1) / lengths[:, None]  # (B, D)
    for b, sentence in enumerate(sentences):
        alone = embedding(ids[b]).detach().mean(dim=0)  # the sentence without any filler
        torch.testing.assert_close(masked[b], alone)
        print(f"{sentence:<17} plain mean / its own mean = {plain[b].norm() / alone.norm():.2f}")
    return sentences, lengths, vectors


def packing(sentences: list[str], lengths: Tensor, vectors: Tensor) -> None:
    section("Packing: a network that never sees the filler")

    # nn.RNN reads a sequence position by position and ends with a state, a summary of what it
    # read. Lesson 12 explains it; here it is something that filler disturbs.
    B, L, D = vectors.shape
    rnn = nn.RNN(input_size=D, hidden_size=5, batch_first=True)

    @torch.no_grad()
    def last_state(batch) -> Tensor:
        return rnn(batch)[1][0]  # (B, H)

    alone = torch.cat([last_state(vectors[b : b + 1, : lengths[b]]) for b in range(B)])
    naive = last_state(vectors)  # each sentence is read on, through its filler

    # A packed batch holds the real words only: the first word of each sentence, the longest
    # sentence first, then the second word of each that has one, and so on.
    order = lengths.argsort(descending=True).tolist()
    by_hand = torch.stack([vectors[b, t] for t in range(L) for b in order if t < lengths[b]])
    packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
    torch.testing.assert_close(packed.data, by_hand)
    print(f"{vectors.shape = }   {B * L} positions, filler included")
    print(f"{packed.data.shape = }   {lengths.sum()} real words")
    print(f"{packed.batch_sizes = }   sentences that still have a word")

    # So each sentence stops at its own last word, with the state it has when read alone.
    from_packed = last_state(packed)
    torch.testing.assert_close(from_packed, alone, rtol=0, atol=1e-5)
    print("largest difference from the state of the sentence read alone")
    for b, sentence in enumerate(sentences):
        off, packed_off = (naive[b] - alone[b]).abs().max(), (from_packed[b] - alone[b]).abs().max()
        print(f"  {sentence:<17} padded {off:.4f}, packed {packed_off:.4f}")
        assert off > 0.01 or lengths[b] == L

    # pad_packed_sequence leads back to a padded tensor, with zeros after each end.
    outputs, output_lengths = pad_packed_sequence(rnn(packed)[0], batch_first=True)  # (B, L, H)
    print(f"{outputs.shape = }, {output_lengths = }")
    assert torch.equal(output_lengths, lengths)
    assert not outputs[torch.arange(L) >= lengths[:, None]].any()
    draw_packing(sentences, order)


def draw_packing(sentences: list[str], order: list[int]) -> None:
    from pytorch_refresher._common.figures import GREEN, ORANGE, SKY

    import matplotlib.pyplot as plt

    words = [sentence.split() for sentence in sentences]
    B, L = len(words), max(map(len, words))
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3), layout="constrained")

    def box(axis, row: int, position: int, color: str, label: str) -> None:
        axis.barh(row, 1, 0.9, left=position - 0.5, color=color, edgecolor="black")
        axis.text(position, row, label, ha="center", va="center", fontsize=11)

    row_of_data = 0
    for t in range(L):
        for rank, b in enumerate(order):
            if t < len(words[b]):
                color = (SKY, ORANGE, GREEN)[b]
                box(left, b, t, color, words[b][t])
                box(right, rank, t, color, f"{words[b][t]}\nrow {row_of_data}")
                row_of_data += 1
            else:
                box(left, b, t, "white", PAD)
    left.set(title="Padded: every row is as long as the longest", yticks=range(B))
    right.set(title="Packed: the real words, column by column")
    right.set_yticks(range(B), order)
    for axis in (left, right):
        axis.set(xlabel="position", ylabel="sentence", xticks=range(L), ylim=(B - 0.4, -0.6))
        axis.set_xlim(-0.6, L - 0.4)
    save_figure(figure, "packing")


def order_is_lost() -> None:
    section("An average does not know the order")

    words = ["dog", "bites", "man"]
    vocabulary = build_vocabulary(words)
    embedding = nn.Embedding(len(vocabulary), 8, padding_idx=0)
    sentences = ["dog bites man", "man bites dog"]
    first, second = (embedding(encode(sentence, vocabulary)).detach() for sentence in sentences)

    # A word has the same vector wherever it stands. What follows must keep the order, if
    # anything does, and a sum or a mean does not.
    torch.testing.assert_close(first[0], second[2])  # dog
    difference = (first.mean(dim=0) - second.mean(dim=0)).abs().max().item()
    print(f"the means differ by            {difference:.4f}")
    assert difference < 1e-6

    # Side by side, (L * D) numbers, they do differ, but only one length fits the next layer.
    difference = (first.flatten() - second.flatten()).abs().max().item()
    print(f"side by side they differ by    {difference:.4f}")
    assert difference > 0.01

    # An RNN reads one word after the other: any length, and the order counts. That is the way
    # of lesson 12. The other is to add the position to the vector: lesson 18.
    rnn = nn.RNN(8, 8, batch_first=True)
    _, states = rnn(torch.stack([first, second]))
    difference = (states[0, 0] - states[0, 1]).abs().max().item()
    print(f"the states of an RNN differ by {difference:.4f}")
    assert difference > 0.01


# -----------------------------------------------------------------------------------------
# Practice problems. Replace each `raise NotImplementedError` with your answer and run this
# file again. solutions.py has one answer to each, and the checks that mark yours.
# -----------------------------------------------------------------------------------------


def embedding_map(words: list[str], vectors: Tensor):
    """Problem 1. Create an embedding layer and visualize its vectors.

    words: N different words, vectors: (N, D), one row for each word. Return two things: an
    nn.Embedding whose row i is vectors[i] and which training may change, and a matplotlib
    figure with one axes. The axes shows a point for each word (axis.plot or axis.scatter) at
    the two coordinates that in_two_dimensions() gives, x and y, the word itself beside its
    point (axis.annotate or axis.text), and a label on both axes. You may call
    in_two_dimensions(). Its signs are arbitrary: a mirrored picture is right too.
    """
    raise NotImplementedError


def embed_sentences(
    corpus: list[str], sentences: list[str], embedding_dim: int, min_count: int
) -> tuple[dict[str, int], nn.Embedding, Tensor]:
    """Problem 2. Build the pipeline from text to vectors: vocabulary, ids, padding, look-up.

    Words are separated by spaces; "The" and "the" are one word, written in lower case. The
    vocabulary comes from `corpus` alone: "<pad>" has id 0, "<unk>" has id 1, then follow the
    words that occur at least `min_count` times in it, the most frequent first; of equally
    frequent words that which appears first. Make an nn.Embedding with a row for each entry,
    `embedding_dim` wide, with the filler as its padding_idx. Return three things: the
    vocabulary, {word: id}; the embedding; and its vectors for `sentences`, float32 of shape
    (B, L, embedding_dim), where L is the length of the longest of them. A shorter sentence is
    padded at its end, a word that is not in the vocabulary is "<unk>". Leave gradients on:
    training must reach the embedding through the vectors.
    """
    raise NotImplementedError


def memory_of_both(
    vocabulary_sizes: list[int], batch_size: int, length: int, embedding_dim: int
) -> list[tuple[int, int]]:
    """Problem 3. Compare the memory of one-hot vectors and embeddings for large vocabularies.

    A batch has batch_size * length words. Both ways need a float32 table with a row of
    embedding_dim numbers for each word of the vocabulary. The one-hot way multiplies it with
    the batch as float32 one-hot vectors; the embedding looks the batch up by int64 ids. For
    each of vocabulary_sizes, in their order, give a pair of whole numbers: the bytes of the
    one-hot vectors and the table, then the bytes of the ids and the table. Return the list of
    pairs. Do not build the tensors: the check asks for sizes that no memory holds.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__)
    if not arguments.practice:
        sentences_become_ids()
        one_hot_times_matrix_is_a_look_up()
        only_used_rows_learn()
        vocabulary, before, after = train_embeddings()
        neighbors_are_of_a_kind(vocabulary, before, after)
        sentences, lengths, vectors = padding()
        packing(sentences, lengths, vectors)
        order_is_lost()
    report_practice(__file__)


if __name__ == "__main__":
    main()
