"""Lesson 11: the checks that mark your practice answers."""

from pytorch_refresher._common.marking import (
    expect,
    expect_close,
    expect_parts,
    expect_type,
    reject,
)

import torch
from torch import Tensor, nn

from .solutions import compare_memory, embed_sentences, in_two_dimensions


def check_embedding_map(answer) -> None:
    import matplotlib.pyplot as plt

    layout = torch.tensor([[-4, -1], [-2, 2], [0, -2.5], [1.5, 1.5], [3.5, -1], [6, 2]])
    for words, D in ((["tea", "milk", "oak", "elm", "red", "blue"], 5), (["six", "ten", "one"], 3)):
        # Points in a plane, turned into D dimensions and moved.
        plane = torch.linalg.qr(torch.randn(D, D)).Q[:2]
        vectors = layout[: len(words)] @ plane + 3 * torch.randn(D)
        given = vectors.clone()
        opened = plt.get_fignums()
        try:
            names = "the embedding layer", "the figure"
            layer, figure = expect_parts(answer(list(words), given), *names)
            figure = getattr(figure, "figure", figure)  # an Axes will do, too
            expect(
                hasattr(figure, "axes"),
                f"the second part is of type {type(figure).__name__}, expected a matplotlib figure",
            )
            _check_map(figure.axes, words, vectors)
        finally:
            for number in set(plt.get_fignums()) - set(opened):
                plt.close(number)
        expect_type(layer, nn.Embedding, "the first part, the layer,")
        expect_close(layer.weight, vectors, "the weight of the layer")
        expect(
            layer.weight.requires_grad,
            "training can't change the layer: from_pretrained freezes it unless told otherwise",
        )
        layer(torch.arange(len(words))).sum().backward()
        torch.optim.SGD(layer.parameters(), lr=1.0).step()
        still = (layer.weight == vectors).all(dim=1).nonzero().flatten().tolist()
        expect(
            not still,
            f"a step of SGD that uses all rows doesn't change {still}: leave padding_idx out",
        )
        expect(
            torch.equal(given, vectors),
            "training the layer changes the caller's tensor as well: give the layer a copy",
        )


def _check_map(panels: list, words: list[str], vectors: Tensor) -> None:
    """Whether the axes show each word at its place; either axis may be mirrored."""
    panels = [axes for axes in panels if axes.get_label() != "<colorbar>"]  # marks, but no words
    groups = [group.get_offsets().tolist() for panel in panels for group in panel.collections]
    lines = [line for panel in panels for line in panel.get_lines()]
    marked = [line for line in lines if line.get_marker() not in (None, "None", "none", "", " ")]
    groups += [line.get_xydata().tolist() for line in marked]
    points = torch.tensor([point for group in groups for point in group], dtype=torch.float)
    expect(
        len(points) == len(words), f"the figure shows {len(points)} points for {len(words)} words"
    )
    texts = {text.get_text().strip(): text for panel in panels for text in panel.texts}
    missing = [word for word in words if word not in texts]
    expect(not missing, f"the word {missing[:1]} isn't in the figure: annotate its point")
    # What an annotation belongs to is its xy; a plain text has only its own position.
    found = [texts[word] for word in words]
    anchors = torch.tensor([[*map(float, getattr(t, "xy", t.get_position()))] for t in found])
    nearest = torch.cdist(anchors, points).argmin(dim=1)
    expect(len(set(nearest.tolist())) == len(words), "two words are next to the same point")
    shown, places = _unsigned(points[nearest]), _unsigned(in_two_dimensions(vectors))
    reject(
        shown,
        places,
        {
            "the points show the first two features, not what in_two_dimensions() gives": (
                _unsigned(vectors[:, :2])
            ),
            "x and y are swapped: the first coordinate belongs on the x axis": places.flip(1),
        },
    )
    everywhere = torch.cdist(places, _unsigned(points)).amin(dim=1)
    if not torch.allclose(shown, places, atol=0.05):
        expect(bool((everywhere > 0.05).any()), "the points are right, but the words are mixed up")
    expect(
        torch.allclose(shown, places, atol=0.05),
        "the points aren't where in_two_dimensions() of the layer's vectors puts them",
    )


def _unsigned(places: Tensor) -> Tensor:
    """The same places, each axis mirrored if that makes the entry farthest from 0 positive."""
    farthest = places.gather(0, places.abs().argmax(dim=0, keepdim=True))
    return places * farthest.sign()


def check_embed_sentences(answer) -> None:
    cases = [
        (["The cat sees the dog", "a dog SEES a Cat"], ["a dog", "The bird sees the Cat"], 64, 0.1),
        (["one Fish two fish", "red fish blue Fish red"], ["Green red FISH swim", "two"], 3, 0.5),
        (["no yes no yes maybe maybe no"], ["yes or no", "no", "maybe"], 128, 2.0),
    ]
    for corpus, sentences, D, std in cases:
        given = list(corpus), list(sentences)
        names = "the vocabulary", "the embedding", "the means"
        vocabulary, embedding, means = expect_parts(answer(*given, D, std), *names)
        expect(given == (corpus, sentences), "the caller's lists changed: make new ones")
        _check_vocabulary(vocabulary, embed_sentences(corpus, sentences, D, std)[0])
        _check_table(embedding, len(vocabulary), D, std)
        _check_means(means, embedding, vocabulary, sentences)


def _check_vocabulary(vocabulary: object, expected: dict[str, int]) -> None:
    expect_type(vocabulary, dict, "the first part, the vocabulary,")
    expect(
        vocabulary.get("<pad>") == 0 and vocabulary.get("<unk>") == 1,
        'the vocabulary must give "<pad>" the id 0 and "<unk>" the id 1',
    )
    upper = [word for word in vocabulary if word != word.lower()]
    expect(not upper, f"{upper[:1]} is in the vocabulary: use lower case")
    extra = [word for word in vocabulary if word not in expected]
    expect(not extra, f"{extra[:1]} is in the vocabulary, but not in the corpus")
    missing = [word for word in expected if word not in vocabulary]
    expect(not missing, f"{missing[:1]} is in the corpus, but not in the vocabulary")
    order = sorted(vocabulary, key=vocabulary.get)
    expect(
        vocabulary == expected,
        f"the ids go to {order[2:]}, expected {list(expected)[2:]}: the most frequent first, and "
        "of equally frequent words that which appears first",
    )


def _check_table(embedding: object, V: int, D: int, std: float) -> None:
    expect_type(embedding, nn.Embedding, "the second part, the embedding,")
    shape = tuple(embedding.weight.shape)
    expect(shape == (V, D), f"the table has shape {shape}, expected {(V, D)}: a row per entry")
    padding, others = embedding.weight.detach().split([1, V - 1])
    expect(
        not padding.any(),
        "the row of <pad> isn't zeros: nn.init overwrites what padding_idx has set to 0",
    )
    expect(bool(others.any(dim=1).all()), "a row is zeros that isn't that of <pad>: <unk> is drawn")
    expect(embedding.weight.requires_grad, "training can't change the embedding")
    if D > 9:
        found, mean = others.std().item(), others.mean().item()
        expect(
            abs(found / std - 1) < 0.2,
            f"the rows of the words have a standard deviation of {found:.2f}, expected {std}",
        )
        expect(
            abs(mean / std) < 0.3, f"the rows of the words have a mean of {mean:.2f}, expected 0"
        )
        expect(
            bool((others.abs() > 1.8 * std).any()),
            "the rows of the words are spread evenly: draw them from a normal distribution",
        )
    embedding(torch.arange(V)).sum().backward()
    gradient = embedding.weight.grad.to_dense()
    expect(not gradient[0].any(), "the row of <pad> gets a gradient: name it with padding_idx")
    expect(bool(gradient[1:].all()), "some words' rows get no gradient")
    embedding.weight.grad = None


def _check_means(
    means: object, embedding: nn.Embedding, vocabulary: dict[str, int], sentences: list[str]
) -> None:
    table, longest = embedding.weight.detach(), max(len(each.split()) for each in sentences)
    rows = [[vocabulary.get(word, 1) for word in each.lower().split()] for each in sentences]
    right = torch.stack([table[row].mean(dim=0) for row in rows])
    lengths = torch.tensor([len(row) for row in rows])[:, None]
    known = [[i for i in row if i != 1] for row in rows]
    cased = [[vocabulary.get(word, 1) for word in each.split()] for each in sentences]
    mistakes = {
        "padding counts in the means: divide by the number of words, not by the padded length": (
            right * lengths / longest
        ),
        "these are sums: divide by the number of words": right * lengths,
        "unknown words are left out: they are <unk>, and count": (
            torch.stack([table[row].mean(dim=0) for row in known])
        ),
        "the sentences are looked up without lower case": (
            torch.stack([table[row].mean(dim=0) for row in cased])
        ),
    }
    expect_type(means, Tensor, "the third part, the means,")
    reject(means, right, mistakes)
    expect_close(means, right, "the tensor of means")
    expect(means.requires_grad, "no gradient flows back from the means: was something detached?")
    means.sum().backward()
    gradient = embedding.weight.grad
    expect(gradient is not None, "backward() from the means doesn't reach your embedding")
    expect(not gradient.to_dense()[0].any(), "through the means, the row of <pad> gets a gradient")


def check_compare_memory(answer) -> None:
    for B, L, V, D in ((2, 7, 11, 3), (4, 32, 5000, 16), (1, 3, 2000, 64)):
        ids = torch.randint(V, (B, L))
        ids[0, 1] = ids[0, 0]  # at least one word twice
        given = ids.clone()
        pairs = expect_parts(answer(given, V, D), "the pair of one-hot", "that of the embedding")
        expect(torch.equal(given, ids), "the caller's ids changed")
        names = ("what goes in", "the gradient")
        found = [each for pair in pairs for each in expect_parts(pair, *names)]
        expected = one_hot, dense, small, sparse = sum(compare_memory(ids, V, D), ())
        used, words, row = len(ids.unique()), ids.numel(), 4 * D
        wrong = [
            {
                "are int64, as F.one_hot gives them: a product needs float32": 2 * one_hot,
                "are counted as numbers, not as bytes: use nbytes": words * V,
                "are those of a single word": 4 * V,
            },
            {"is counted as numbers, not as bytes: use nbytes": V * D},
            {
                "are counted as numbers, not as bytes: use nbytes": words,
                "are vectors: what goes into an embedding are the ids": words * row,
            },
            {
                "is dense: make the layer with sparse=True": dense,
                "has a row for every use: coalesce() adds up the uses of a word": words * (8 + row),
                "consists of indices, too": used * row,
                "consists of values, too": used * 8,
            },
        ]
        what = (
            "the one-hot vectors",
            "the matrix's gradient",
            "the ids",
            "the embedding's gradient",
        )
        at = f"with {words} ids, {V:,} rows, D = {D}: "
        for name, actual, right, mistakes in zip(what, found, expected, wrong, strict=True):
            expect_type(actual, int, f"{at}the number of bytes of {name}")
            reject(actual, right, {f"{at}{name} {hint}": value for hint, value in mistakes.items()})
            expect(actual == right, f"{at}{name}: {actual:,} bytes, expected {right:,}")
