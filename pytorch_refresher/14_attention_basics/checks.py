"""Lesson 14: the checks that mark your practice answers."""

import copy

from pytorch_refresher._common.marking import expect, expect_close, expect_parts, expect_type

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .solutions import additive_attention


def check_additive_attention(answer) -> None:
    # Every size is another one, so that no dimension can stand in for another.
    queries, keys, values = torch.randn(2, 4, 6), torch.randn(2, 5, 3), torch.randn(2, 5, 7)
    W, U, v = torch.randn(8, 6), torch.randn(8, 3), torch.randn(8)
    given = (queries, keys, values, W, U, v)
    expected = additive_attention(*given)
    output, weights = expect_parts(answer(*given), "the contexts", "the weights")
    expect_type(weights, Tensor, "the second part, the weights,")
    expect(
        weights.shape == (2, 4, 5),
        f"the weights have shape {tuple(weights.shape)}, expected (2, 4, 5): query by key",
    )
    expect(
        torch.allclose(weights.sum(dim=-1), torch.ones(2, 4), atol=1e-5),
        "each query's weights must sum to 1: which dimension does your softmax run over?",
    )
    expect(
        not torch.allclose(weights, weights[:, :1].expand_as(weights), atol=1e-5),
        "all queries have the same weights: is the tanh missing, or the query?",
    )
    expect_close(weights, expected[1], "the tensor of weights")
    expect_close(output, expected[0], "the tensor of contexts")

    # Real positions need not come first: a mask is more than a length.
    mask = torch.tensor([[True, True, True, False, False], [True, False, True, True, True]])
    output, weights = expect_parts(answer(*given, mask), "the contexts", "the weights")
    expect_type(weights, Tensor, "with a mask, the second part, the weights,")
    expect(
        weights.shape == (2, 4, 5),
        f"with a mask the weights have shape {tuple(weights.shape)}, expected (2, 4, 5)",
    )
    forbidden = ~mask[:, None].expand(2, 4, 5)
    expect(
        weights[forbidden].abs().max().item() == 0,
        "filler, where the mask is False, still gets weight",
    )
    expect(
        torch.allclose(weights.sum(dim=-1), torch.ones(2, 4), atol=1e-5),
        "with a mask, the weights no longer sum to 1: mask the scores, before the softmax",
    )
    expected = additive_attention(*given, mask)
    expect_close(weights, expected[1], "the masked tensor of weights")
    expect_close(output, expected[0], "the masked tensor of contexts")


def check_alignment_figure(answer) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    tasks = (
        ("the agreement on the European Economic Area", "accord sur la zone economique europeenne"),
        ("1 2 3 4", "four three two one END"),
    )
    try:
        for task in tasks:
            source, written = (words.split() for words in task)
            scores = torch.randn(len(written), len(source), requires_grad=True)
            weights = scores.softmax(dim=-1)
            figure = answer(weights, list(source), list(written))
            expect_type(figure, Figure)
            expect_heat_map(figure, weights.detach(), source, written)
    finally:
        plt.close("all")


def expect_heat_map(figure, weights: Tensor, source: list[str], written: list[str]) -> None:
    from matplotlib.collections import QuadMesh

    L, S = weights.shape
    maps = [
        (axis, drawn)
        for axis in figure.axes
        if axis.get_label() != "<colorbar>"
        for drawn in (*axis.get_images(), *axis.collections)
        if not hasattr(drawn, "get_paths") or isinstance(drawn, QuadMesh)
    ]
    expect(bool(maps), "the figure has no heat map: draw the weights with imshow or pcolormesh")
    axis, drawn = maps[0]
    shown = torch.as_tensor(drawn.get_array().tolist()).float()
    if shown.ndim == 1 and shown.numel() == L * S:
        shown = shown.view(L, S)
    expect(
        shown.shape != (S, L),
        "the heat map has a row for each word read: rows are the words written",
    )
    expect(
        shown.shape == (L, S),
        f"the heat map has shape {tuple(shown.shape)}, expected ({L}, {S}): "
        "a row for each word written, a column for each word read",
    )
    # Where the first and the last row and column lie, and which way the axes run.
    if isinstance(drawn, QuadMesh):
        corners = torch.as_tensor(drawn.get_coordinates().tolist())  # (L + 1, S + 1, 2)
        (first_x, first_y), (last_x, last_y) = corners[0, 0], corners[-1, -1]
    else:
        first_x, last_x, last_y, first_y = drawn.get_extent()
        if drawn.origin == "lower":
            first_y, last_y = last_y, first_y
    (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
    on_screen = shown if (last_y - first_y) * (bottom - top) > 0 else shown.flip(0)
    on_screen = on_screen if (last_x - first_x) * (right - left) > 0 else on_screen.flip(1)
    if not torch.allclose(on_screen, weights, atol=1e-4):
        expect(
            not torch.allclose(on_screen, weights.flip(0), atol=1e-4),
            "the first word written is at the bottom: it goes on top",
        )
        expect(
            not torch.allclose(on_screen, weights.flip(1), atol=1e-4),
            "the words read run from right to left: the first goes on the left",
        )
        expect(False, "the heat map does not show the weights as they are")
    low, high = drawn.get_clim()
    expect(
        low <= 0 and high >= 1,
        f"the colors span {low:.3g} to {high:.3g}, expected 0 to 1: vmin and vmax",
    )
    for name, side, backwards, words in (
        ("x", axis.xaxis, bool(right < left), source),
        ("y", axis.yaxis, bool(top > bottom), written),
    ):
        # As they stand on the screen, from left to right and from top to bottom.
        texts = [label.get_text() for label in side.get_ticklabels()]
        places = zip(side.get_ticklocs().tolist(), texts, strict=True)
        labels = [text for _, text in sorted(places, reverse=backwards)]
        expect(
            labels == words,
            f"the labels of the {name} ticks are {labels}, expected {words}",
        )
    expect(bool(axis.get_xlabel().strip()), "the x axis has no label")
    expect(bool(axis.get_ylabel().strip()), "the y axis has no label")
    expect(drawn.colorbar is not None, "there is no color bar for the heat map")


class Tiny(nn.Module):
    """A small model of the kind that compare_seq2seq takes, over the digits 0 to 2, START and END."""

    def __init__(self, with_attention: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 8)
        self.encoder, self.decoder = nn.GRU(8, 8, batch_first=True), nn.GRU(8, 8, batch_first=True)
        self.W, self.U, self.v = nn.Linear(8, 8), nn.Linear(8, 8), nn.Parameter(torch.randn(8))
        self.head = nn.Linear(16, 5)
        self.with_attention = with_attention

    def forward(self, sources: Tensor, inputs: Tensor) -> Tensor:
        keys, last = self.encoder(self.embedding(sources))
        queries, _ = self.decoder(self.embedding(inputs), last)
        context = last[0][:, None].expand_as(queries)
        if self.with_attention:
            weights = (self.W(queries)[:, :, None] + self.U(keys)[:, None]).tanh() @ self.v
            context = weights.softmax(dim=-1) @ keys
        return self.head(torch.cat([queries, context], dim=-1))


def tiny_batch(count: int, length: int, ends: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """Sources, inputs and targets; only the share `ends` of the targets does end in END, 4."""
    sources = torch.randint(3, (count, length))
    end = torch.where(torch.rand(count, 1) < ends, 4, 0)
    targets = torch.cat([sources.flip(1), end], dim=1)
    return sources, torch.cat([torch.full((count, 1), 3), targets[:, :-1]], dim=1), targets


def check_compare_seq2seq(answer) -> None:
    models = {"with": Tiny(True), "without": Tiny(False)}
    batches = [tiny_batch(16, length) for _ in range(16) for length in (1, 2, 3)]
    tests = {length: tiny_batch(64, length, ends=0.8) for length in (1, 2, 3)}
    originals = copy.deepcopy(models)
    results = answer(models, list(batches), dict(tests))
    expect_type(results, dict)
    expect(
        set(results) == {"with", "without"},
        f'the dictionary has the keys {list(results)}, expected "with" and "without"',
    )
    for name in models:
        losses, shares = expect_parts(results[name], "the list of losses", "the shares by length")
        model, expected = trained(originals[name], batches)
        expect_losses(losses, expected, originals[name], batches, f'"{name}"')
        expect_shares(shares, model, originals[name], tests, f'"{name}"')


def trained(model, batches, lr=0.01, zero=True) -> tuple[nn.Module, list[float]]:
    """A copy of `model` after one pass over all batches, and its losses."""
    model = copy.deepcopy(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    losses = []
    for sources, inputs, targets in batches:
        loss = F.cross_entropy(model(sources, inputs).flatten(0, 1), targets.flatten())
        if zero:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, losses


def expect_losses(losses, expected, original, batches, name) -> None:
    expect_type(losses, list, f"what comes first for {name}")
    expect(
        len(losses) == len(batches),
        f"there are {len(batches)} batches and {len(losses)} losses of {name}",
    )
    for loss in losses:
        expect_type(loss, float, f"a loss of {name}")

    def is_like(others: list[float]) -> bool:
        return torch.allclose(torch.tensor(losses), torch.tensor(others), rtol=2e-3)

    if not is_like(expected):
        expect(
            not is_like(trained(original, batches, lr=0.0)[1]),
            f"{name} has not learned: its losses are the untrained model's",
        )
        expect(
            not is_like(trained(original, batches, zero=False)[1]),
            f"the gradients of all batches add up in {name}: zero_grad() is missing",
        )
        expect(
            not is_like(trained(original, batches, lr=0.001)[1]),
            f"{name} was trained with Adam's own learning rate: set it to 0.01",
        )
        expect(
            False,
            f"the losses of {name} are not those of one pass over all batches, in their order, "
            "with Adam at 0.01 and cross-entropy averaged over all positions",
        )


def expect_shares(shares, model, original, tests, name) -> None:
    expect_type(shares, dict, f"what comes second for {name}")
    expect(
        set(shares) == set(tests),
        f"the shares of {name} have the keys {list(shares)}, expected the lengths {list(tests)}",
    )
    for length in tests:
        expect_type(shares[length], float, f"a share of {name}")

    @torch.no_grad()
    def is_like(model, measure) -> bool:
        # One of 64 sequences may turn on how a sum was rounded.
        expected = [
            measure(model(sources, inputs).argmax(dim=-1) == targets).item()
            for sources, inputs, targets in tests.values()
        ]
        return all(abs(shares[n] - e) < 0.02 for n, e in zip(tests, expected, strict=True))

    def whole(right: Tensor) -> Tensor:
        return right.all(dim=1).float().mean()

    if not is_like(model, whole):
        expect(
            not is_like(model, lambda right: right.float().mean()),
            f"the shares of {name} count signs: a sequence is right only if all its signs are",
        )
        expect(
            not is_like(model, lambda right: right[:, :-1].all(dim=1).float().mean()),
            f"the shares of {name} leave out the last sign: END must be right too",
        )
        expect(
            not is_like(original, whole),
            f"the shares of {name} are those of the untrained model: train first, then measure",
        )
        expect(
            all(0 <= share <= 1 for share in shares.values()),
            f"a share of {name} lies outside 0 to 1: is it a count, or a percentage?",
        )
        expect(
            False,
            f"the shares of {name} are not those of sequences whose signs are all right, after "
            "the training",
        )
