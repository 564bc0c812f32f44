"""Wrong answers to the problems of lesson 11, and a piece of the hint that each must get."""

from collections import Counter

import torch
import torch.nn.functional as F
from torch import nn


def project(vectors):
    centered = vectors - vectors.mean(dim=0)
    return centered @ torch.linalg.svd(centered, full_matrices=False).Vh[:2].T


def draw(words, places, labels=("first", "second")):
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots()
    axis.scatter(places[:, 0].tolist(), places[:, 1].tolist())
    for word, place in zip(words, places.tolist(), strict=False):
        axis.text(*place, word)
    axis.set(xlabel=labels[0], ylabel=labels[1])
    return figure


def layer_of(vectors):
    return nn.Embedding.from_pretrained(vectors, freeze=False)


def frozen_layer(words, vectors):
    return nn.Embedding.from_pretrained(vectors), draw(words, project(vectors))


def random_rows(words, vectors):
    return nn.Embedding(*vectors.shape), draw(words, project(vectors))


def turned_table(words, vectors):
    return layer_of(vectors.T), draw(words, project(vectors))


def a_tensor_for_the_layer(words, vectors):
    return vectors, draw(words, project(vectors))


def first_two_features(words, vectors):
    return layer_of(vectors), draw(words, vectors[:, :2])


def not_centered(words, vectors):
    directions = torch.linalg.svd(vectors, full_matrices=False).Vh[:2]
    return layer_of(vectors), draw(words, vectors @ directions.T)


def least_important_directions(words, vectors):
    centered = vectors - vectors.mean(dim=0)
    directions = torch.linalg.svd(centered, full_matrices=False).Vh[-2:]
    return layer_of(vectors), draw(words, centered @ directions.T)


def x_and_y_exchanged(words, vectors):
    return layer_of(vectors), draw(words, project(vectors).flip(1))


def words_in_another_order(words, vectors):
    return layer_of(vectors), draw(sorted(words), project(vectors))


def points_without_words(words, vectors):
    return layer_of(vectors), draw([], project(vectors))


def one_word_forgotten(words, vectors):
    return layer_of(vectors), draw(words[:-1], project(vectors)[:-1])


def axes_without_labels(words, vectors):
    return layer_of(vectors), draw(words, project(vectors), labels=("", ""))


def figure_alone(words, vectors):
    return draw(words, project(vectors))


def axes_for_the_figure(words, vectors):
    return layer_of(vectors), draw(words, project(vectors)).axes[0]


def gradient_in_the_picture(words, vectors):
    import matplotlib.pyplot as plt

    embedding = layer_of(vectors)
    figure, axis = plt.subplots()
    axis.scatter(*project(embedding.weight).T.numpy())
    return embedding, figure


def scatter_and_text_beside(words, vectors):
    embedding = nn.Embedding(*vectors.shape)
    with torch.no_grad():
        embedding.weight.copy_(vectors)
    figure = draw([], project(vectors))
    for word, (x, y) in zip(words, project(vectors).tolist(), strict=True):
        figure.axes[0].text(x + 0.1, y + 0.1, word)
    return [embedding, figure]


def mirrored_and_one_plot_each(words, vectors):
    import matplotlib.pyplot as plt

    embedding = nn.Embedding(len(words), vectors.size(1), _weight=vectors.clone())
    _, _, directions = torch.pca_lowrank(vectors, q=min(vectors.shape))
    places = -(vectors - vectors.mean(dim=0)) @ directions[:, :2]
    figure = plt.figure()
    axis = figure.add_subplot()
    axis.axhline(0)
    for i, word in enumerate(words):
        axis.plot([places[i, 0].item()], [places[i, 1].item()], "x")
        axis.annotate(word, xy=(places[i, 0].item(), places[i, 1].item()))
    axis.set_xlabel("x")
    axis.set_ylabel("y")
    return embedding, figure


def pipeline(
    corpus,
    sentences,
    embedding_dim,
    min_count,
    *,
    clean=str.lower,
    special=("<pad>", "<unk>"),
    ordered=lambda counts: [word for word, _ in counts.most_common()],
    fewest=0,
    padding_idx=0,
    rows=0,
    fill_first=False,
    drop_unknown=False,
):
    counts = Counter(word for sentence in corpus for word in clean(sentence).split())
    kept = [word for word in ordered(counts) if counts[word] >= min_count + fewest]
    vocabulary = {word: i for i, word in enumerate([*special, *kept])}
    embedding = nn.Embedding(len(vocabulary) + rows, embedding_dim, padding_idx=padding_idx)
    ids = [[vocabulary.get(word, 1) for word in clean(sentence).split()] for sentence in sentences]
    if drop_unknown:
        ids = [[i for i in row if i != 1] for row in ids]
    longest = max(map(len, ids))
    fill = [[0] * (longest - len(row)) for row in ids]
    pairs = zip(fill, ids, strict=True) if fill_first else zip(ids, fill, strict=True)
    return vocabulary, embedding, embedding(torch.tensor([a + b for a, b in pairs]))


def case_kept(corpus, sentences, embedding_dim, min_count):
    return pipeline(corpus, sentences, embedding_dim, min_count, clean=str)


def case_kept_in_the_sentences(corpus, sentences, embedding_dim, min_count):
    vocabulary, embedding, _ = pipeline(corpus, sentences, embedding_dim, min_count)
    ids = [torch.tensor([vocabulary.get(w, 1) for w in s.split()]) for s in sentences]
    return vocabulary, embedding, embedding(nn.utils.rnn.pad_sequence(ids, batch_first=True))


def in_order_of_appearance(corpus, sentences, embedding_dim, min_count):
    return pipeline(corpus, sentences, embedding_dim, min_count, ordered=list)


def ties_by_the_alphabet(corpus, sentences, embedding_dim, min_count):
    def ordered(counts):
        return sorted(counts, key=lambda word: (-counts[word], word))

    return pipeline(corpus, sentences, embedding_dim, min_count, ordered=ordered)


def rarest_first(corpus, sentences, embedding_dim, min_count):
    def ordered(counts):
        return sorted(counts, key=counts.get)

    return pipeline(corpus, sentences, embedding_dim, min_count, ordered=ordered)


def more_than_min_count(corpus, sentences, embedding_dim, min_count):
    return pipeline(corpus, sentences, embedding_dim, min_count, fewest=1)


def min_count_ignored(corpus, sentences, embedding_dim, min_count):
    return pipeline(corpus, sentences, embedding_dim, 1)


def sentences_in_the_vocabulary(corpus, sentences, embedding_dim, min_count):
    return pipeline(corpus + sentences + sentences, sentences, embedding_dim, min_count)


def unknown_first(corpus, sentences, embedding_dim, min_count):
    return pipeline(corpus, sentences, embedding_dim, min_count, special=("<unk>", "<pad>"))


def no_padding_idx(corpus, sentences, embedding_dim, min_count):
    return pipeline(corpus, sentences, embedding_dim, min_count, padding_idx=None)


def rows_for_the_special_entries_forgotten(corpus, sentences, embedding_dim, min_count):
    # Sentences whose ids have rows, or the look-up would stop the answer itself.
    return pipeline(corpus, ["<unk>"], embedding_dim, min_count, rows=-2)


def filler_first(corpus, sentences, embedding_dim, min_count):
    return pipeline(corpus, sentences, embedding_dim, min_count, fill_first=True)


def unknown_words_dropped(corpus, sentences, embedding_dim, min_count):
    return pipeline(corpus, sentences, embedding_dim, min_count, drop_unknown=True)


def position_first(corpus, sentences, embedding_dim, min_count):
    *parts, vectors = pipeline(corpus, sentences, embedding_dim, min_count)
    return *parts, vectors.transpose(0, 1)


def detached(corpus, sentences, embedding_dim, min_count):
    *parts, vectors = pipeline(corpus, sentences, embedding_dim, min_count)
    return *parts, vectors.detach()


def ids_for_the_vectors(corpus, sentences, embedding_dim, min_count):
    *parts, vectors = pipeline(corpus, sentences, embedding_dim, min_count)
    return *parts, vectors[..., 0]


def another_embedding(corpus, sentences, embedding_dim, min_count):
    vocabulary, _, vectors = pipeline(corpus, sentences, embedding_dim, min_count)
    return vocabulary, nn.Embedding(len(vocabulary), embedding_dim, padding_idx=0), vectors


def a_copy_of_the_embedding(corpus, sentences, embedding_dim, min_count):
    vocabulary, embedding, vectors = pipeline(corpus, sentences, embedding_dim, min_count)
    return (
        vocabulary,
        nn.Embedding.from_pretrained(embedding.weight.detach(), freeze=False, padding_idx=0),
        vectors,
    )


def with_loops_and_one_hot(corpus, sentences, embedding_dim, min_count):
    counts = {}
    for sentence in corpus:
        for word in sentence.split(" "):
            counts[word.lower()] = counts.get(word.lower(), 0) + 1
    kept = sorted((w for w in counts if counts[w] >= min_count), key=lambda w: -counts[w])
    vocabulary = dict(zip(["<pad>", "<unk>", *kept], range(len(kept) + 2), strict=True))
    embedding = nn.Embedding(len(vocabulary), embedding_dim, padding_idx=0)
    longest = max(len(sentence.split()) for sentence in sentences)
    ids = torch.zeros(len(sentences), longest, dtype=torch.long)
    for b, sentence in enumerate(sentences):
        for t, word in enumerate(sentence.lower().split()):
            ids[b, t] = vocabulary[word] if word in vocabulary else vocabulary["<unk>"]
    return vocabulary, embedding, F.one_hot(ids, len(vocabulary)).float() @ embedding.weight


def sentence_by_sentence(corpus, sentences, embedding_dim, min_count):
    words = " ".join(corpus).lower().split()
    kept = [word for word in dict.fromkeys(words) if words.count(word) >= min_count]
    kept.sort(key=words.count, reverse=True)
    vocabulary = {"<pad>": 0, "<unk>": 1} | {word: i for i, word in enumerate(kept, start=2)}
    embedding = nn.Embedding(len(vocabulary), embedding_dim, padding_idx=0)
    looked_up = [
        embedding(torch.tensor([vocabulary.get(word, 1) for word in sentence.lower().split()]))
        for sentence in sentences
    ]
    return [vocabulary, embedding, nn.utils.rnn.pad_sequence(looked_up, batch_first=True)]


def sizes(vocabulary_sizes, one_hot, embedding):
    return [(one_hot(V), embedding(V)) for V in vocabulary_sizes]


def tables_forgotten(vocabulary_sizes, batch_size, length, embedding_dim):
    words = batch_size * length
    return sizes(vocabulary_sizes, lambda V: words * V * 4, lambda V: words * 8)


def table_only_for_the_embedding(vocabulary_sizes, batch_size, length, embedding_dim):
    words, row = batch_size * length, embedding_dim * 4
    return sizes(vocabulary_sizes, lambda V: words * V * 4, lambda V: words * 8 + V * row)


def int64_one_hot(vocabulary_sizes, batch_size, length, embedding_dim):
    words, row = batch_size * length, embedding_dim * 4
    return sizes(vocabulary_sizes, lambda V: words * V * 8 + V * row, lambda V: words * 8 + V * row)


def ids_of_four_bytes(vocabulary_sizes, batch_size, length, embedding_dim):
    words, row = batch_size * length, embedding_dim * 4
    return sizes(vocabulary_sizes, lambda V: words * V * 4 + V * row, lambda V: words * 4 + V * row)


def result_counted(vocabulary_sizes, batch_size, length, embedding_dim):
    words, row = batch_size * length, embedding_dim * 4
    return sizes(
        vocabulary_sizes,
        lambda V: words * V * 4 + V * row,
        lambda V: words * 8 + V * row + words * row,
    )


def length_forgotten(vocabulary_sizes, batch_size, length, embedding_dim):
    words, row = batch_size, embedding_dim * 4
    return sizes(vocabulary_sizes, lambda V: words * V * 4 + V * row, lambda V: words * 8 + V * row)


def numbers_for_bytes(vocabulary_sizes, batch_size, length, embedding_dim):
    words, row = batch_size * length, embedding_dim
    return sizes(vocabulary_sizes, lambda V: words * V + V * row, lambda V: words + V * row)


def in_megabytes(vocabulary_sizes, batch_size, length, embedding_dim):
    pairs = computed(vocabulary_sizes, batch_size, length, embedding_dim)
    return [(a / 1e6, b / 1e6) for a, b in pairs]


def the_other_way_round(vocabulary_sizes, batch_size, length, embedding_dim):
    pairs = computed(vocabulary_sizes, batch_size, length, embedding_dim)
    return [pair[::-1] for pair in pairs]


def built(vocabulary_sizes, batch_size, length, embedding_dim, device="cpu"):
    pairs = []
    for V in vocabulary_sizes:
        one_hot = torch.zeros(batch_size, length, V, device=device)
        ids = torch.zeros(batch_size, length, dtype=torch.int64, device=device)
        table = torch.zeros(V, embedding_dim, device=device)
        pairs.append((one_hot.nbytes + table.nbytes, ids.nbytes + table.nbytes))
    return pairs


def two_lists(vocabulary_sizes, batch_size, length, embedding_dim):
    pairs = computed(vocabulary_sizes, batch_size, length, embedding_dim)
    return [a for a, _ in pairs], [b for _, b in pairs]


def computed(vocabulary_sizes, batch_size, length, embedding_dim):
    words, row = batch_size * length, embedding_dim * 4
    return sizes(vocabulary_sizes, lambda V: V * (4 * words + row), lambda V: 8 * words + V * row)


def on_the_meta_device(vocabulary_sizes, batch_size, length, embedding_dim):
    return tuple(
        list(pair) for pair in built(vocabulary_sizes, batch_size, length, embedding_dim, "meta")
    )


MISTAKES = {
    "embedding_map": [
        (frozen_layer, "freeze=False"),
        (random_rows, "the weight of the layer has the right shape"),
        (turned_table, "the weight of the layer has shape"),
        (a_tensor_for_the_layer, "expected a Embedding"),
        (first_two_features, "first two of the 5 features"),
        (not_centered, "do not lie as in_two_dimensions"),
        (least_important_directions, "do not lie as in_two_dimensions"),
        (x_and_y_exchanged, "belongs on the x axis"),
        (words_in_another_order, "stand at the wrong ones"),
        (points_without_words, "stands 0 times"),
        (one_word_forgotten, "shows 5 points, expected one for each of the 6 words"),
        (axes_without_labels, "label both axes"),
        (figure_alone, "return 2 things"),
        (axes_for_the_figure, "expected a Figure"),
        (gradient_in_the_picture, "stops with RuntimeError"),
    ],
    "embed_sentences": [
        (case_kept, "The and the count as one word"),
        (case_kept_in_the_sentences, "does not get the vector of 'the'"),
        (in_order_of_appearance, "by falling count"),
        (ties_by_the_alphabet, "the first to appear"),
        (rarest_first, "by falling count"),
        (more_than_min_count, "is missing in the vocabulary"),
        (min_count_ignored, "fewer than min_count times"),
        (sentences_in_the_vocabulary, "not in the corpus"),
        (unknown_first, 'give "<pad>" the id 0'),
        (no_padding_idx, "padding_idx of the embedding is None"),
        (rows_for_the_special_entries_forgotten, "<pad> and <unk> included"),
        (filler_first, "before the shorter sentences"),
        (unknown_words_dropped, "the vectors have shape"),
        (position_first, "the vectors have shape (5, 4, 4)"),
        (detached, "no gradient flows back"),
        (ids_for_the_vectors, "the vectors have shape (4, 5)"),
        (another_embedding, "does not get the vector of"),
        (a_copy_of_the_embedding, "does not reach the embedding"),
    ],
    "memory_of_both": [
        (tables_forgotten, "the table is missing, on both sides"),
        (table_only_for_the_embedding, "alone do nothing: add the table"),
        (int64_one_hot, "4 bytes a number, not 8"),
        (ids_of_four_bytes, "an id is int64"),
        (result_counted, "leave out the vectors that come out"),
        (length_forgotten, "bytes, expected"),
        (numbers_for_bytes, "expected bytes"),
        (in_megabytes, "is a float, expected an int"),
        (the_other_way_round, "the wrong way round"),
        (built, "stops with RuntimeError"),
        (two_lists, "return a list of 3 pairs"),
    ],
}

ALSO_RIGHT = {
    "embedding_map": [scatter_and_text_beside, mirrored_and_one_plot_each],
    "embed_sentences": [with_loops_and_one_hot, sentence_by_sentence],
    "memory_of_both": [computed, on_the_meta_device],
}
