"""Answers to the problems of lesson 11: wrong ones with a piece of their hint, and right ones."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def project(vectors):
    centered = vectors - vectors.mean(dim=0)
    return centered @ torch.linalg.svd(centered, full_matrices=False).Vh[:2].T


def draw(words, places):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.scatter(places[:, 0].tolist(), places[:, 1].tolist())
    for word, place in zip(words, places.tolist(), strict=True):
        axes.text(*place, word)
    return figure


def frozen_layer(words, vectors):
    return nn.Embedding.from_pretrained(vectors.clone()), draw(words, project(vectors))


def shares_the_callers_tensor(words, vectors):
    layer = nn.Embedding.from_pretrained(vectors, freeze=False)
    return layer, draw(words, project(vectors))


def first_two_features(words, vectors):
    return nn.Embedding.from_pretrained(vectors.clone(), freeze=False), draw(words, vectors[:, :2])


def first_row_as_padding(words, vectors):
    layer = nn.Embedding.from_pretrained(vectors.clone(), freeze=False, padding_idx=0)
    return layer, draw(words, project(vectors))


def words_in_another_order(words, vectors):
    layer = nn.Embedding.from_pretrained(vectors.clone(), freeze=False)
    return layer, draw(words[::-1], project(vectors))


def pipeline(
    corpus, sentences, D, std, *, clean=str.lower, zero=1, padding_idx=0, mean=None, rank=True
):
    words = [word for sentence in corpus for word in clean(sentence).split()]
    ordered = list(dict.fromkeys(words))
    if rank:
        ordered.sort(key=words.count, reverse=True)
    vocabulary = {word: i for i, word in enumerate(["<pad>", "<unk>", *ordered])}
    embedding = nn.Embedding(len(vocabulary), D, padding_idx=padding_idx)
    nn.init.normal_(embedding.weight, std=std)
    embedding.weight.data[:zero] = 0
    ids = [torch.tensor([vocabulary.get(w, 1) for w in clean(s).split()]) for s in sentences]
    padded = nn.utils.rnn.pad_sequence(ids, batch_first=True)
    lengths = torch.tensor([len(each) for each in ids])[:, None]
    mean = mean or (lambda vectors, _: vectors.sum(dim=1) / lengths)
    return vocabulary, embedding, mean(embedding(padded), padded)


def init_after_padding_idx(*inputs):
    return pipeline(*inputs, zero=0)


def unknown_as_zeros(*inputs):
    return pipeline(*inputs, zero=2)


def uniform_of_the_same_spread(corpus, sentences, D, std):
    vocabulary, embedding, _ = pipeline(corpus, sentences, D, std)
    nn.init.uniform_(embedding.weight, -std * 3**0.5, std * 3**0.5)
    embedding.weight.data[0] = 0
    ids = [[vocabulary.get(w, 1) for w in each.lower().split()] for each in sentences]
    return vocabulary, embedding, torch.stack([embedding.weight[row].mean(dim=0) for row in ids])


def no_padding_idx(*inputs):
    return pipeline(*inputs, padding_idx=None)


def padding_counts(*inputs):
    return pipeline(*inputs, mean=lambda vectors, _: vectors.mean(dim=1))


def unknown_left_out(*inputs):
    def mean(vectors, padded):
        mask = (padded > 1)[..., None]
        return (vectors * mask).sum(dim=1) / mask.sum(dim=1)

    return pipeline(*inputs, mean=mean)


def order_of_appearance(*inputs):
    return pipeline(*inputs, rank=False)


def case_kept(*inputs):
    return pipeline(*inputs, clean=str)


def detached(*inputs):
    vocabulary, embedding, means = pipeline(*inputs)
    return vocabulary, embedding, means.detach()


def measured(ids, V, D, *, dtype=torch.float32, sparse=True, coalesce=True):
    one_hot = F.one_hot(ids, V).to(dtype)
    layer = nn.Embedding(V, D, sparse=sparse)
    layer(ids).sum().backward()
    gradient = layer.weight.grad
    size = gradient.nbytes if not sparse else 0
    if sparse:
        gradient = gradient.coalesce() if coalesce else gradient
        size = gradient._indices().nbytes + gradient._values().nbytes
    return (one_hot.nbytes, layer.weight.nbytes), (ids.nbytes, size)


def int64_one_hot(ids, V, D):
    return measured(ids, V, D, dtype=torch.int64)


def dense_gradient(ids, V, D):
    return measured(ids, V, D, sparse=False)


def a_row_for_every_use(ids, V, D):
    return measured(ids, V, D, coalesce=False)


def with_plot_and_parameters(words, vectors):
    import matplotlib.pyplot as plt

    layer = nn.Embedding(*vectors.shape)
    with torch.no_grad():
        layer.weight.copy_(vectors)
    for word, (x, y) in zip(words, -project(vectors).numpy(), strict=True):
        plt.plot(x, y, "x")
        plt.annotate(word, (x, y), (4, 4), textcoords="offset points")
    return [layer, plt.gcf()]


def returning_the_axes(words, vectors):
    layer = nn.Embedding(len(words), vectors.size(1), _weight=vectors.clone())
    return layer, draw(words, project(layer.weight.detach())).axes[0]


def with_a_color_bar(words, vectors):
    layer = nn.Embedding.from_pretrained(vectors.clone(), freeze=False)
    figure = draw(words, project(vectors))
    figure.colorbar(figure.axes[0].collections[0])
    return layer, figure


def with_a_mask(*inputs):
    def mean(vectors, padded):
        mask = (padded != 0).unsqueeze(-1)
        return (vectors * mask).sum(dim=1) / mask.sum(dim=1)

    return pipeline(*inputs, mean=mean)


def with_loops_and_one_hot(corpus, sentences, D, std):
    counts = {}
    for word in " ".join(corpus).lower().split():
        counts[word] = counts.get(word, 0) + 1
    kept = sorted(counts, key=lambda word: -counts[word])
    vocabulary = {"<pad>": 0, "<unk>": 1} | {word: i for i, word in enumerate(kept, start=2)}
    weight = torch.cat([torch.zeros(1, D), std * torch.randn(len(kept) + 1, D)])
    embedding = nn.Embedding.from_pretrained(weight, freeze=False, padding_idx=0)
    means = []
    for sentence in sentences:
        ids = torch.tensor([vocabulary.get(word, 1) for word in sentence.lower().split()])
        means.append((F.one_hot(ids, len(vocabulary)).float() @ embedding.weight).mean(dim=0))
    return [vocabulary, embedding, torch.stack(means)]


def computed(ids, V, D):
    used = len(set(ids.flatten().tolist()))
    return [[4 * V * ids.numel(), 4 * V * D], [8 * ids.numel(), used * (8 + 4 * D)]]


def with_numpy(ids, V, D):
    one_hot = np.zeros((*ids.shape, V), dtype=np.float32)
    layer = nn.Embedding(V, D, sparse=True)
    layer(ids).sum().backward()
    gradient = layer.weight.grad.coalesce()
    parts = np.int64(gradient.indices().nbytes), np.int64(gradient.values().nbytes)
    return (one_hot.nbytes, layer.weight.detach().numpy().nbytes), (ids.nbytes, sum(parts))


MISTAKES = {
    "embedding_map": [
        (frozen_layer, "can't change the layer"),
        (shares_the_callers_tensor, "give the layer a copy"),
        (first_two_features, "first two features"),
        (first_row_as_padding, "leave padding_idx out"),
        (words_in_another_order, "the words are mixed up"),
    ],
    "embed_sentences": [
        (init_after_padding_idx, "nn.init overwrites"),
        (unknown_as_zeros, "<unk> is drawn"),
        (uniform_of_the_same_spread, "from a normal distribution"),
        (no_padding_idx, "gets a gradient"),
        (padding_counts, "not by the padded length"),
        (unknown_left_out, "unknown words are left out"),
        (order_of_appearance, "the most frequent first"),
        (case_kept, "use lower case"),
        (detached, "no gradient flows back"),
    ],
    "compare_memory": [
        (int64_one_hot, "a product needs float32"),
        (dense_gradient, "sparse=True"),
        (a_row_for_every_use, "coalesce()"),
    ],
}

ALSO_RIGHT = {
    "embedding_map": [with_plot_and_parameters, returning_the_axes, with_a_color_bar],
    "embed_sentences": [with_a_mask, with_loops_and_one_hot],
    "compare_memory": [computed, with_numpy],
}
