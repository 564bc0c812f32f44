"""Lesson 11: one worked answer to each practice problem."""

from collections import Counter

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence


def in_two_dimensions(vectors: Tensor) -> Tensor:  # as in the lesson
    centered = vectors - vectors.mean(dim=0)
    directions = torch.linalg.svd(centered).Vh[:2]
    return centered @ directions.T


def embedding_map(words: list[str], vectors: Tensor):
    import matplotlib.pyplot as plt

    # freeze=False because training may change the layer, and clone() because it would otherwise
    # train in the caller's own tensor.
    embedding = nn.Embedding.from_pretrained(vectors.clone(), freeze=False)
    figure, axes = plt.subplots()
    # detach(), because the layer's weight requires gradients and matplotlib wants plain numbers.
    places = in_two_dimensions(embedding.weight.detach()).tolist()
    for word, (x, y) in zip(words, places, strict=True):
        axes.scatter(x, y)
        axes.annotate(word, (x, y), xytext=(5, 3), textcoords="offset points")
    return embedding, figure


def embed_sentences(corpus: list[str], sentences: list[str], embedding_dim: int, std: float):
    # A Counter keeps the order of first appearance, and most_common() keeps it among equals.
    counts = Counter(word for sentence in corpus for word in sentence.lower().split())
    vocabulary = {"<pad>": 0, "<unk>": 1}
    for word, _ in counts.most_common():
        vocabulary[word] = len(vocabulary)

    embedding = nn.Embedding(len(vocabulary), embedding_dim, padding_idx=0)
    nn.init.normal_(embedding.weight, std=std)
    with torch.no_grad():
        embedding.weight[0] = 0  # nn.init has overwritten the zeros of padding_idx

    ids = [
        torch.tensor([vocabulary.get(word, 1) for word in sentence.lower().split()])
        for sentence in sentences
    ]
    # The row of <pad> is zeros, so padding adds nothing to the sum. What is left to do is to
    # divide by the number of real words, and not by the length of the padded batch.
    lengths = torch.tensor([len(each) for each in ids])
    vectors = embedding(pad_sequence(ids, batch_first=True))  # (B, L, embedding_dim)
    return vocabulary, embedding, vectors.sum(dim=1) / lengths[:, None]


def compare_memory(ids: Tensor, num_embeddings: int, embedding_dim: int):
    # F.one_hot gives int64. A product needs float32, which is also only half as large.
    one_hot = F.one_hot(ids, num_embeddings).float()  # (B, L, num_embeddings)
    table = torch.randn(num_embeddings, embedding_dim, requires_grad=True)
    (one_hot @ table).sum().backward()

    # What goes in no longer depends on the size of the vocabulary. And since the gradient keeps
    # only the rows that were used, it doesn't either: it has one index and one row per word.
    embedding = nn.Embedding(num_embeddings, embedding_dim, sparse=True)
    embedding(ids).sum().backward()
    gradient = embedding.weight.grad.coalesce()
    sparse = gradient.indices().nbytes + gradient.values().nbytes
    return (one_hot.nbytes, table.grad.nbytes), (ids.nbytes, sparse)
