"""Lesson 11: the checks that mark your practice answers."""

from pytorch_refresher._common.marking import expect, expect_close, expect_parts, expect_type

import torch
from torch import Tensor, nn

from .solutions import embed_sentences, in_two_dimensions


def points_by_word(axis, words: list[str]) -> Tensor:
    """The point that each word of `words` stands at, (N, 2)."""
    points = [point for group in axis.collections for point in group.get_offsets().tolist()]
    for line in axis.get_lines():
        if line.get_marker() not in (None, "None", "none", "", " "):  # else a grid, or nothing
            points += [[float(x), float(y)] for x, y in zip(*line.get_data(), strict=True)]
    expect(
        len(points) == len(words),
        f"the axes shows {len(points)} points, expected one for each of the {len(words)} words",
    )
    points = torch.tensor(points)
    anchors = []
    for word in words:
        texts = [text for text in axis.texts if text.get_text().strip() == word]
        expect(len(texts) == 1, f"{word!r} stands {len(texts)} times in the picture, expected once")
        # An annotation may stand off its point, by an offset or at the end of an arrow.
        stands_off = getattr(texts[0], "anncoords", "data") != "data" or (
            getattr(texts[0], "arrow_patch", None) is not None
        )
        anchor = texts[0].xy if stands_off else texts[0].get_position()
        anchors.append([float(x) for x in anchor])
    at = torch.cdist(torch.tensor(anchors), points).argmin(dim=1)
    expect(len(set(at.tolist())) == len(words), "two words stand at the same point")
    return points[at]


def check_embedding_map(answer) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    layout = torch.tensor([[-4, -1], [-2, 2], [0, -2.5], [1.5, 1.5], [3.5, -1], [6, 2]])
    cases = [["tea", "milk", "oak", "elm", "red", "blue"], ["one", "two", "six", "ten"]]
    try:
        for words, D in zip(cases, (5, 3), strict=True):
            # Points in a plane, turned into D dimensions, shifted and shaken a little.
            plane = torch.linalg.qr(torch.randn(D, D)).Q[:2]
            vectors = layout[: len(words)] @ plane + 3 * torch.randn(D)
            vectors += 0.1 * torch.randn_like(vectors)
            layer, figure = expect_parts(
                answer(list(words), vectors.clone()), "the embedding layer", "the figure"
            )
            expect_type(layer, nn.Embedding, "the first part, the layer,")
            expect_close(layer.weight, vectors, "the weight of the layer")
            expect(
                layer.weight.requires_grad,
                "training cannot change the layer: from_pretrained freezes it unless you say "
                "freeze=False",
            )
            expect_type(figure, Figure, "the second part, the figure,")
            expect(len(figure.axes) == 1, f"the figure has {len(figure.axes)} axes, expected one")
            axis = figure.axes[0]
            points, places = points_by_word(axis, words), in_two_dimensions(vectors)

            # Distances do not change when a picture is mirrored or moved.
            found, expected = torch.pdist(points), torch.pdist(places)
            margin = 0.01 * expected.max()
            columns = torch.pdist(vectors[:, :2])
            expect(
                not torch.allclose(found, columns, rtol=0, atol=margin),
                f"the points show the first two of the {D} features: in_two_dimensions() looks "
                "from where all of them differ most",
            )
            same_points = (found.sort().values - expected.sort().values).abs().max() < margin
            expect(
                torch.allclose(found, expected, rtol=0, atol=margin) or not same_points,
                "the points are right, but the words stand at the wrong ones",
            )
            expect(
                torch.allclose(found, expected, rtol=0, atol=margin),
                "the points do not lie as in_two_dimensions(vectors) puts them",
            )
            across, expected = torch.pdist(points[:, :1]), torch.pdist(places[:, :1])
            expect(
                torch.allclose(across, expected, rtol=0, atol=margin),
                "the picture is turned: the first coordinate belongs on the x axis",
            )
            expect(bool(axis.get_xlabel() and axis.get_ylabel()), "label both axes")
    finally:
        plt.close("all")


def expect_vocabulary(vocabulary: object, expected: dict[str, int], words: set[str]) -> None:
    """words: all of the corpus, in lower case."""
    expect_type(vocabulary, dict, "the first part, the vocabulary,")
    expect(
        vocabulary.get("<pad>") == 0 and vocabulary.get("<unk>") == 1,
        'the vocabulary must give "<pad>" the id 0 and "<unk>" the id 1',
    )
    for word in vocabulary:
        expect_type(word, str, f"the key {word!r} of the vocabulary")
        expect(word == word.lower(), f"{word!r} is in the vocabulary: use lower case")
        expect(
            word in expected or word in words,
            f"{word!r} is in the vocabulary, but not in the corpus: it comes from nothing else",
        )
    for word in vocabulary:
        expect(
            word in expected,
            f"{word!r} is in the vocabulary, but occurs fewer than min_count times",
        )
    for word in expected:
        expect(
            word in vocabulary,
            f"{word!r} is missing in the vocabulary: it occurs at least min_count times, if The "
            "and the count as one word",
        )
    expect(
        sorted(vocabulary.values()) == list(range(len(expected))),
        f"the ids must be 0 to {len(expected) - 1}, each once; yours are "
        f"{sorted(vocabulary.values())}",
    )
    order = sorted(vocabulary, key=vocabulary.get)
    expect(
        vocabulary == expected,
        f"the ids go to {order[2:]}, expected {list(expected)[2:]}: by falling count, and of "
        "equal counts the first to appear",
    )


def check_embed_sentences(answer) -> None:
    cases = [
        (
            ["The cat sees the dog", "a dog sees a Cat", "the bird sings"],
            ["a dog", "The bird sees the Cat", "mice", "the cat sings"],
            4,
            2,
        ),
        (
            ["one Fish two fish", "red fish blue fish"],
            ["Green fish", "two red FISH swim"],
            3,
            1,
        ),
        (["no no no yes yes maybe", "Maybe maybe yes"], ["yes or no", "no"], 6, 3),
    ]
    for corpus, sentences, D, min_count in cases:
        vocabulary, embedding, vectors = expect_parts(
            answer(list(corpus), list(sentences), D, min_count),
            "the vocabulary",
            "the embedding",
            "the vectors",
        )
        expected = embed_sentences(corpus, sentences, D, min_count)[0]
        expect_vocabulary(vocabulary, expected, set(" ".join(corpus).lower().split()))

        expect_type(embedding, nn.Embedding, "the second part, the embedding,")
        expect(
            embedding.weight.shape == (len(expected), D),
            f"the table has shape {tuple(embedding.weight.shape)}, expected "
            f"{(len(expected), D)}: a row for each entry, <pad> and <unk> included",
        )
        expect(
            embedding.padding_idx == 0,
            f"the padding_idx of the embedding is {embedding.padding_idx}, expected 0",
        )
        expect_type(vectors, Tensor, "the third part, the vectors,")
        rows = [[expected.get(word, 1) for word in line.lower().split()] for line in sentences]
        L = max(map(len, rows))
        expect(
            vectors.shape == (len(rows), L, D),
            f"the vectors have shape {tuple(vectors.shape)}, expected {(len(rows), L, D)}",
        )
        expect(
            vectors.requires_grad,
            "no gradient flows back from the vectors: was the look-up in no_grad(), or detached?",
        )
        for b, row in enumerate(rows):
            fill = [0] * (L - len(row))
            if fill:
                expect(
                    not torch.allclose(vectors[b], embedding.weight[fill + row]),
                    "the filler stands before the shorter sentences, expected after them",
                )
                expect(
                    not vectors[b, len(row) :].any(),
                    f"{sentences[b]!r} must end in the vector of <pad>, zeros",
                )
            for position, (word, i) in enumerate(zip(sentences[b].split(), row, strict=True)):
                expect(
                    torch.allclose(vectors[b, position], embedding.weight[i]),
                    f"{word!r} in {sentences[b]!r} does not get the vector of "
                    f"{list(expected)[i]!r}",
                )
        expect_close(vectors, vectors.float(), "the tensor of vectors")
        vectors.sum().backward()
        expect(
            embedding.weight.grad is not None,
            "backward() from the vectors does not reach the embedding that you return",
        )


def check_memory_of_both(answer) -> None:
    # Small enough to build, then one-hot vectors so large that every system refuses them, with
    # ids and table that still fit.
    cases = [([11, 5, 300], 2, 7, 3), ([2_000_000, 50_000], 32_768, 1024, 16)]
    for sizes, B, L, D in cases:
        pairs = answer(list(sizes), B, L, D)
        expect(
            isinstance(pairs, (list, tuple)) and len(pairs) == len(sizes),
            f"return a list of {len(sizes)} pairs, one for each vocabulary size",
        )
        for V, pair in zip(sizes, pairs, strict=True):
            one_hot, embedding = expect_parts(pair, "bytes of one-hot", "bytes of the embedding")
            words, table = B * L, V * D * 4
            expected = (words * V * 4 + table, words * 8 + table)
            at = f"V = {V:,}, {words:,} words, D = {D}: "
            for bytes_taken in (one_hot, embedding):
                expect_type(bytes_taken, int, at + "a number of bytes")
            hints = {
                (expected[1], expected[0]): "the pair is the wrong way round",
                (words * V + V * D, words + V * D): "these are numbers, expected bytes",
                (words * V * 4, words * 8): "the table is missing, on both sides",
            }
            expect((one_hot, embedding) not in hints, at + hints.get((one_hot, embedding), ""))
            hints = {
                expected[0] - table: "the one-hot vectors alone do nothing: add the table",
                words * V * 8 + table: "float32 one-hot vectors have 4 bytes a number, not 8 as "
                "the int64 that F.one_hot gives",
                words * V + table: "each number of a one-hot vector takes 4 bytes",
                V * 4 + table: "that is one word's one-hot vector, the batch has many words",
            }
            expect(one_hot not in hints, at + hints.get(one_hot, ""))
            hints = {
                expected[1] - table: "the ids alone do nothing: add the table",
                table: "the ids take memory too",
                words * 4 + table: "an id is int64, 8 bytes",
                words * D * 4 + table: "count the ids, not the vectors that come out",
                expected[1] + words * D * 4: "leave out the vectors that come out",
            }
            expect(embedding not in hints, at + hints.get(embedding, ""))
            expect(
                one_hot == expected[0], f"{at}one-hot {one_hot:,} bytes, expected {expected[0]:,}"
            )
            expect(
                embedding == expected[1],
                f"{at}the embedding {embedding:,} bytes, expected {expected[1]:,}",
            )
