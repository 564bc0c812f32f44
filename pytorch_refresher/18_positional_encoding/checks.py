"""Lesson 18: the checks that mark your practice answers."""

import copy

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

from .solutions import sinusoidal_encoding


def check_sinusoidal_encoding(answer) -> None:
    # No two sizes are equal. Sequences start at different places, one of them in its padding.
    for d_model, starts, L in (
        (6, (2, 40, -3), 5),
        (16, (7, 300), 4),
        (7, (0, 11), 3),
        (1, (2,), 5),
    ):
        counted = torch.tensor(starts)[:, None] + torch.arange(L)  # (B, L)
        for positions in (counted, counted.flip(1), counted * 0.5):
            given = positions.clone()
            encoding = answer(given, d_model)
            what = f"the encoding for d_model = {d_model}"
            expect_type(encoding, Tensor, what)
            expect(torch.equal(given, positions), "it changes `positions` in place")
            expected = sinusoidal_encoding(positions, d_model)
            from_zero = torch.arange(L).expand_as(positions)
            feature, pos = torch.arange(d_model), positions[..., None]
            even, pair = feature % 2 == 0, feature // 2
            angle = pos * 10000.0 ** (-2 * pair / d_model)
            own, half = (pos * 10000.0 ** (-each / d_model) for each in (feature, pair))
            pairs = pos * 10000.0 ** (-torch.arange(0, d_model, 2) / d_model)
            mistakes = {
                "the sines come first and then the cosines: they take turns, feature by feature": (
                    torch.cat([pairs.sin(), pairs.cos()], dim=-1)[..., :d_model]
                ),
                "sine and cosine are exchanged: feature 0 is a sine": torch.where(even, angle.cos(), angle.sin()),
                "each feature has an angle of its own: 2i and 2i + 1 share one": torch.where(even, own.sin(), own.cos()),
                "the exponent is i / d_model, expected 2i / d_model": torch.where(even, half.sin(), half.cos()),
                "it counts from 0: use `positions`, which say where each token is": sinusoidal_encoding(from_zero, d_model),
                "it counts from 1 on: use `positions` as they are": sinusoidal_encoding(positions + 1, d_model),
                "negative positions are treated as if they were 0 or positive": sinusoidal_encoding(positions.abs(), d_model),
            }  # fmt: skip
            reject(encoding, expected, mistakes)
            expect_close(encoding, expected, what, rtol=1e-3)


class _Noted(nn.Module):
    """Adds what it was given, whatever it is called inside: an answer has to call it."""

    def __init__(self, added: Tensor) -> None:
        super().__init__()
        self.table = nn.Parameter(added)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table[: x.size(1)]


def check_plot_positions(answer) -> None:
    import matplotlib.pyplot as plt

    try:
        for d_model, length, rows in ((6, 9, 9), (12, 8, 20), (10, 10, 15)):
            plt.close("all")  # pyplot would go on drawing into the figure before
            added = torch.randn(rows, d_model) * torch.linspace(0.5, 3, rows)[:, None]
            drawn = heat_maps(answer(_Noted(added.clone()), d_model, length))
            maps = [_from_top(axes, image) for axes, image in drawn]
            count = f"{len(maps)} axes show a heat map, expected two: the vectors, the similarities"
            expect(len(maps) == 2, count)
            vectors = added[:length]
            products, units = vectors @ vectors.T, F.normalize(vectors, dim=1)
            shown = "the first heat map"
            mistakes = {
                f"{shown} has one row per feature, expected one per position": vectors.T,
                f"{shown} shows the similarities, which belong in the second": units @ units.T,
                f"{shown} has its first position at the bottom: turn the y axis": vectors.flip(0),
            }
            reject(maps[0], vectors, mistakes)
            expect_close(maps[0], vectors, shown)
            mistakes = {
                "the second heat map shows dot products: divide by the lengths of both": products,
                "the second heat map compares features: compare positions": (
                    F.normalize(vectors, dim=0).T @ F.normalize(vectors, dim=0)
                ),
                "the second heat map has its first position at the bottom": (units @ units.T).flip(0),
                "the second heat map shows distances, not cosines": torch.cdist(vectors, vectors),
            }  # fmt: skip
            reject(maps[1], units @ units.T, mistakes)
            expect_close(maps[1], units @ units.T, "the second heat map")
    finally:
        plt.close("all")


def _from_top(axes, image) -> Tensor:
    """What a heat map shows, from the top row to the bottom row."""
    values, places = torch.tensor(image.get_array().tolist()), cell_centers(image, "y")
    on_top = (places[0] > places[-1]) != axes.yaxis_inverted()
    return values if on_top else values.flip(0)


class _Tagger(nn.Module):
    """A small stand-in for a transformer: adds positions, then answers token by token."""

    def __init__(self, learned: bool, length: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 16)
        table = sinusoidal_encoding(torch.arange(length)[None], 16)[0]
        self.positions = nn.Parameter(torch.randn(length, 16)) if learned else nn.Buffer(table)
        self.head = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 5))

    def forward(self, ids: Tensor) -> Tensor:
        logits = self.head(self.embedding(ids) + self.positions[: ids.size(1)])
        # Only in training mode: it shows in which mode a model was trained and measured.
        return logits + self.training * torch.tensor([3.0, 0, 0, 0, 0])


def check_compare_positions(answer) -> None:
    for length, seen, in_training_mode in ((12, 8, False), (9, 5, True)):
        batches = [_examples(32, seen - number % 3) for number in range(80)]
        test = _examples(301, length)
        models = {"sinusoidal": _Tagger(False, length), "learned": _Tagger(True, length)}
        for model in models.values():
            model.train(in_training_mode)  # as it may come from somewhere else
        originals, given = copy.deepcopy(models), copy.deepcopy((batches, test))
        result = answer(models, batches, test, seen)
        expect_type(result, dict)
        names = sorted(map(str, result))
        expect(names == sorted(models), f"the keys are {names}, expected {sorted(models)}")
        same = all(map(torch.equal, _tensors(batches, test), _tensors(*given)))
        expect(same, "it changes batches or test in place")
        for name, model in models.items():
            _expect_trained(name, originals[name], model, batches, test)
            _expect_shares(name, result[name], originals[name], model, test, seen)


def _examples(count: int, length: int) -> tuple[Tensor, Tensor]:
    """At even positions repeat the digit, at odd ones name the next: positions are needed."""
    ids = torch.randint(5, (count, length))
    return ids, (ids + torch.arange(length) % 2) % 5


def _tensors(batches: list, test: tuple) -> list[Tensor]:
    return [each for pair in (*batches, test) for each in pair]


def _trained(model, batches, lr=0.01, mode=True, clear=True, kind="AdamW", softmax=False):
    """A copy of the model, trained as asked for, or with a known mistake."""
    model = copy.deepcopy(model).train(mode)
    optimizer = getattr(torch.optim, kind)(model.parameters(), lr=lr)
    for inputs, targets in batches:
        logits = model(inputs).flatten(0, 1)
        loss = F.cross_entropy(logits.softmax(-1) if softmax else logits, targets.flatten())
        if clear:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def _expect_trained(name: str, before, after, batches: list, test: tuple) -> None:
    def is_like(other: nn.Module) -> bool:
        pairs = zip(other.parameters(), after.parameters(), strict=True)
        return all(torch.allclose(a, b, atol=2e-3) for a, b in pairs)

    if is_like(_trained(before, batches)):
        return
    expect(not is_like(before), f"the {name} model has not been trained: no parameter changed")
    mistakes = {
        "the gradients of earlier batches are still there: clear them at every step": dict(clear=False),
        "it is trained in evaluation mode: call train() first": dict(mode=False),
        "cross_entropy takes logits: leave softmax out": dict(softmax=True),
        "AdamW's own learning rate is 0.001, but 0.01 was asked for": dict(lr=0.001),
        "it is trained with Adam, but AdamW was asked for": dict(kind="Adam"),
        "it is trained with SGD, but AdamW was asked for": dict(kind="SGD"),
    }  # fmt: skip
    for hint, slip in mistakes.items():
        expect(not is_like(_trained(before, batches, **slip)), f"the {name} model: {hint}")
    others = {
        "only the first batch is used": batches[:1],
        "it is trained on all batches twice": [*batches, *batches],
        "the batches come in another order": batches[::-1],
        "it is trained on the test as well": [*batches, test],
    }
    for hint, other in others.items():
        expect(not is_like(_trained(before, other)), f"the {name} model: {hint}")
    expect(False, f"the {name} model's parameters are not those of one step per batch in order")


@torch.no_grad()
def _expect_shares(name: str, found, before, model, test: tuple, seen: int) -> None:
    what = ("positions seen in training", "other positions")
    found = expect_parts(found, *what)
    inputs, targets = test

    def shares(model: nn.Module, mode: bool = False, seen: int = seen) -> list[float]:
        right = (copy.deepcopy(model).train(mode)(inputs).argmax(dim=-1) == targets).float()
        return [right[:, :seen].mean().item(), right[:, seen:].mean().item()]

    known, unseen = shares(model)
    whole = (model.eval()(inputs).argmax(dim=-1) == targets).float()
    for number, share in enumerate(found):
        expect_type(share, float, f"the {name} model's share at {what[number]}")
        mistakes = {
            "it was measured in training mode: call eval() first": shares(model, mode=True)[number],
            "that is the share of the untrained model": shares(before)[number],
            "the share at seen positions comes first, then the other": (unseen, known)[number],
            "seen and unseen positions are mixed: give a share of each": whole.mean(),
            "position `seen` is the first that training never reached": shares(model, seen=seen + 1)[number],
            "a sequence counts only if all of it is right: count positions": (
                (whole[:, :seen] if number == 0 else whole[:, seen:]).amin(dim=1).mean()
            ),
            "that is in percent, expected 0 to 1": 100 * (known, unseen)[number],
        }  # fmt: skip
        expected = (known, unseen)[number]
        reject(
            share,
            expected,
            {f"{what[number]}, {name}: {hint}": wrong for hint, wrong in mistakes.items()},
        )
        expect_close(float(share), expected, f"the {name} model's share at {what[number]}")
