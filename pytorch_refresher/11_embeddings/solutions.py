"""Lesson 11: one worked answer to each practice problem."""

from collections import Counter

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence


def in_two_dimensions(vectors: Tensor) -> Tensor:  # as in the lesson
    centered = vectors - vectors.mean(dim=0)
    directions = torch.linalg.svd(centered, full_matrices=False).Vh[:2]
    return centered @ directions.T


def embedding_map(words: list[str], vectors: Tensor):
    import matplotlib.pyplot as plt

    # Without freeze=False, from_pretrained makes a table that training leaves as it is.
    embedding = nn.Embedding.from_pretrained(vectors, freeze=False)
    figure, axis = plt.subplots()
    for word, (x, y) in zip(words, in_two_dimensions(vectors).tolist(), strict=True):
        axis.plot(x, y, "o")
        axis.annotate(word, (x, y), xytext=(5, 5), textcoords="offset points")
    axis.set(xlabel="first principal component", ylabel="second principal component")
    return embedding, figure


def embed_sentences(
    corpus: list[str], sentences: list[str], embedding_dim: int, min_count: int
) -> tuple[dict[str, int], nn.Embedding, Tensor]:
    counts = Counter(word for sentence in corpus for word in sentence.lower().split())
    vocabulary = {"<pad>": 0, "<unk>": 1}
    for word, count in counts.most_common():  # equal counts in the order of first appearance
        if count >= min_count:
            vocabulary[word] = len(vocabulary)
    embedding = nn.Embedding(len(vocabulary), embedding_dim, padding_idx=0)
    ids = [
        torch.tensor([vocabulary.get(word, 1) for word in sentence.lower().split()])
        for sentence in sentences
    ]
    return vocabulary, embedding, embedding(pad_sequence(ids, batch_first=True))


def memory_of_both(
    vocabulary_sizes: list[int], batch_size: int, length: int, embedding_dim: int
) -> list[tuple[int, int]]:
    words = batch_size * length
    pairs = []
    for V in vocabulary_sizes:
        table = V * embedding_dim * 4
        pairs.append((words * V * 4 + table, words * 8 + table))
    return pairs
