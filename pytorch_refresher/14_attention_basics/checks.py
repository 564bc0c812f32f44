"""Lesson 14: the checks that mark your practice answers."""

from pytorch_refresher._common.drawn import cell_centers, heat_maps
from pytorch_refresher._common.marking import (
    expect,
    expect_close,
    expect_parts,
    expect_type,
    reject,
)

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .solutions import compare_seq2seq


def check_additive_attention(answer) -> None:
    # Every size is another one, so that no dimension can pass for another. Real keys come first.
    for B, S, Dq, Dk, Dv, A, lengths in (
        (3, 5, 6, 4, 7, 8, [5, 2, 1]),
        (2, 6, 2, 3, 1, 4, [4, 3]),  # nobody has six keys, and six weights are wanted
        (1, 1, 3, 5, 2, 1, [1]),
    ):
        query, keys, values = torch.randn(B, Dq), torch.randn(B, S, Dk), torch.randn(B, S, Dv)
        W, U, v = torch.randn(A, Dq), torch.randn(A, Dk), torch.randn(A)
        originals = (query, keys, values, W, U, v, torch.tensor(lengths))
        given = [each.clone() for each in originals]
        for parameter in given[3:6]:
            parameter.requires_grad_()
        context, weights = expect_parts(answer(*given), "the context", "the weights")
        unchanged = all(map(torch.equal, given, originals))
        expect(unchanged, "it changes one of its inputs: make new tensors")
        _expect_weights(weights, originals)
        _expect_context(context, weights, originals)
        for what, value in (("context", context), ("weights", weights)):
            for name, parameter in zip("WUv", given[3:6], strict=True):
                gradients = (
                    torch.autograd.grad(
                        value.sum(), parameter, retain_graph=True, allow_unused=True
                    )
                    if value.requires_grad
                    else [None]
                )
                expect(
                    gradients[0] is not None,
                    f"no gradient of the {what} reaches {name}: is there a detach(), or a loop "
                    "that copies numbers?",
                )


def _expect_weights(weights: object, inputs: tuple[Tensor, ...]) -> None:
    query, keys, _, W, U, v, lengths = inputs
    B, S, _ = keys.shape
    expect_type(weights, Tensor, "the second part, the weights,")
    expect(
        weights.shape == (B, S),
        f"the weights have shape {tuple(weights.shape)}, expected {(B, S)}: one per key",
    )
    pairs = (query @ W.T)[:, None] + keys @ U.T  # (B, S, A)
    places, last = torch.arange(S), lengths[:, None]
    real = places < last

    def attend(scores: Tensor, real: Tensor = real) -> Tensor:
        return scores.masked_fill(~real, -torch.inf).softmax(dim=-1)

    scores = torch.tanh(pairs) @ v
    expected = attend(scores)
    mistakes = {
        "padding still gets weight: lengths says how many keys are real": scores.softmax(dim=-1),
        "mask the scores, before the softmax: these weights no longer sum to 1": (
            scores.softmax(dim=-1) * real
        ),
        "a score of 0 still gets weight: padding needs -inf": scores.masked_fill(~real, 0).softmax(
            dim=-1
        ),
        "one key of padding still gets weight: the last real one is at lengths - 1": attend(
            scores, places <= last
        ),
        "the last real key gets no weight: it's at lengths - 1": attend(
            scores, (places < last - 1) | (places == 0)
        ),
        "the weights are those without the tanh, which ignore the query": attend(pairs @ v),
        "these are the scores: softmax is missing": scores,
    }
    reject(weights, expected, mistakes)
    hint = "the weights contain NaN: is the mask turned around, so that no key is left to look at?"
    expect(not weights.isnan().any(), hint)
    sums = weights.sum(dim=-1)
    expect(
        torch.allclose(sums, torch.ones(B), atol=1e-4),
        "the weights of each sequence must sum to 1 over its keys: which dimension does your "
        "softmax run over?",
    )
    expect(not weights[~real].any(), "padding still gets weight")
    expect_close(weights, expected, "the tensor of weights")


def _expect_context(context: object, weights: Tensor, inputs: tuple[Tensor, ...]) -> None:
    _, keys, values, *_ = inputs
    weights = weights.detach()
    expected = (weights[..., None] * values).sum(dim=1)
    mistakes = {
        "the context is a sum of keys: take the values": (weights[..., None] * keys).sum(dim=1),
        "the context has an extra dimension: squeeze it away": expected[:, None],
        "the values are weighted, but the sum over them is still to come": weights[..., None]
        * values,
        "the context is a mean over the keys: the weights sum to 1 already": expected
        / values.size(1),
    }
    reject(context, expected, mistakes)
    expect_close(context, expected, "the context")


def check_plot_alignment(answer) -> None:
    import matplotlib.pyplot as plt

    tasks = (
        ("4 9 3 <pad> <pad>", "3 9 4 END 4 4", 4, 3),
        ("the red house", "la maison rouge END", 4, 3),
        ("7 7 2 5 1 1", "1 1 5", 3, 6),  # as yet without an END
        ("0 <pad> <pad> <pad>", "0 END END END", 2, 1),
    )
    try:
        for read, wrote, rows, columns in tasks:
            plt.close("all")  # pyplot would go on drawing into the figure before
            source, written = read.split(), wrote.split()
            weights = torch.randn(len(written), len(source), requires_grad=True).softmax(dim=-1)
            given = list(source), list(written)
            figure = answer(weights, *given)
            expect(given == (source, written), "source or written changed: only read them")
            expect(weights.requires_grad, "the weights have lost their graph: detach() a copy")
            _expect_map(figure, weights.detach(), source[:columns], written[:rows])
    finally:
        plt.close("all")


def _expect_map(figure, weights: Tensor, source: list[str], written: list[str]) -> None:
    """Whether a figure shows what belongs to the real tokens, and says so at its ticks."""
    maps = heat_maps(figure)
    expect(maps, "the figure has no heat map: draw the weights with imshow or pcolormesh")
    axes, image = maps[0]
    rows, columns = len(written), len(source)
    shown, places = torch.tensor(image.get_array().tolist()), {"x": 1, "y": 0}
    for name, dim in places.items():
        # Where the cells are, in the order in which one reads the figure.
        first, last = getattr(axes, f"get_{name}lim")()
        cells = cell_centers(image, name)
        turned = (cells[-1] - cells[0]) * (last - first) * (1 if name == "x" else -1) < 0
        shown = shown.flip(dim) if turned else shown
        places[name] = cells[::-1] if turned else cells
    real = weights[:rows, :columns]
    mistakes = {
        "the heat map shows everything: leave out <pad>, and what comes after END": weights,
        "the heat map shows padding: leave out the columns of <pad>": weights[:rows],
        "the heat map goes on after END: leave out the rows after it": weights[:, :columns],
        "the row of END is missing": real[:-1],
        "the heat map is turned: a row per token written, a column per token read": real.T,
        "the first row is at the bottom: it belongs on top": real.flip(0),
        "the tokens read run from right to left": real.flip(1),
        "keep the weights as they are": real / real.sum(dim=-1, keepdim=True),
    }
    reject(shown, real, mistakes)
    expect_close(shown, real, "the heat map")
    limits = tuple(round(float(each), 4) for each in image.get_clim())
    expect(limits == (0, 1), f"the colors run over {limits}, expected 0 to 1: vmin and vmax")
    for name, axis, tokens in (("x", axes.xaxis, source), ("y", axes.yaxis, written)):
        ticks = axis.get_majorticklocs().tolist()
        labels = axis.get_major_formatter().format_ticks(ticks)
        found = sorted((round(float(at), 3), text) for at, text in zip(ticks, labels, strict=True))
        expected = [(round(at, 3), text) for at, text in zip(places[name], tokens, strict=True)]
        expect(
            found == sorted(expected),
            f"the ticks of the {name} axis are {found}, expected a token at each cell: {expected}",
        )


class _Writer(nn.Module):
    """Writes what it reads backward, then 0. Slips at one digit, and then cannot find its way back."""

    def __init__(self, slip: int, start: int) -> None:
        super().__init__()
        self.slip, self.start, self.dropout = slip, start, nn.Dropout(0.5)

    def forward(self, sources: Tensor, inputs: Tensor) -> Tensor:
        expect(not self.training, "call eval() on each model first: its dropout is still active")
        answer = F.pad(sources.flip(1), (0, 1))  # (B, S + 1)
        expected = F.pad(answer, (1, 0), value=self.start)
        steps = inputs.size(1)
        lost = (inputs != expected[:, :steps]) | (answer[:, :steps] == self.slip)
        written = torch.where(lost, (answer[:, :steps] + 1) % self.start, answer[:, :steps])
        return F.one_hot(written, self.start + 1).float()


@torch.random.fork_rng(devices=[])
def check_compare_seq2seq(answer) -> None:
    torch.manual_seed(0)
    for B, S, start, names in ((40, 6, 9, ("with", "without")), (25, 3, 12, ("a", "b", "c"))):
        models = {name: _Writer(5 + 9 * number, start) for number, name in enumerate(names)}
        sources = torch.randint(1, start, (B, S))
        targets = F.pad(sources.flip(1), (0, 1))
        targets[::4, 1] = 1  # even a model without slips is wrong here
        given = [sources.clone(), targets.clone()]
        results = answer(models, *given, start)
        unchanged = all(map(torch.equal, given, (sources, targets)))
        expect(unchanged, "sources or targets changed: make new tensors")
        expect_type(results, dict)
        expect(set(results) == set(names), f"its keys are {[*results]}, expected {[*names]}")
        right = compare_seq2seq(models, sources, targets, start)
        for name, model in models.items():
            _expect_shares(results[name], right[name], name, model, sources, targets)


def _expect_shares(found, right: tuple, name: str, model, sources: Tensor, targets: Tensor) -> None:
    kinds = ("tokens, with teacher forcing", "tokens, by itself", "whole sequences")
    found = expect_parts(found, *kinds)
    no_start = (model(sources, targets).argmax(dim=-1) == targets).float()
    forced, free, whole = right
    mistakes = (
        {
            "these inputs hold the answers: they are START and the targets, one step later": (
                no_start.mean()
            ),
            "this is the share that it gets by itself: with teacher forcing, the inputs come from "
            "the targets": free,
        },
        {"feed back what the model wrote, not the targets": forced},
        {
            "this is a share of tokens: a sequence is right only if all its tokens are": free,
            "this is a count: divide by the number of sequences": whole * len(sources),
        },
    )
    for kind, value, expected, wrong in zip(kinds, found, right, mistakes, strict=True):
        expect_type(value, float, f'"{name}", {kind}:')
        reject(value, expected, wrong | {"this is in percent: return shares": expected * 100})
        expect_close(float(value), expected, f'"{name}", {kind}:')
