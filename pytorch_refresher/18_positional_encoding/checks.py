"""Lesson 18: the checks that mark your practice answers."""

import copy

from pytorch_refresher._common.marking import expect, expect_close, expect_type

import torch
from torch import Tensor, nn

from .solutions import compare_positions, sinusoidal_encoding


def check_sinusoidal_encoding(answer) -> None:
    for max_len, d_model in ((7, 4), (30, 16), (5, 2), (12, 10)):
        encoding = answer(max_len, d_model)
        what = f"the encoding for max_len = {max_len}, d_model = {d_model}"
        expect_type(encoding, Tensor, what)
        pos = torch.arange(max_len).float().unsqueeze(1)
        pair = torch.arange(0, d_model, 2).float()
        angle = pos / 10000 ** (pair / d_model)
        expected = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
        expect(
            encoding.shape == expected.shape,
            f"{what} has shape {tuple(encoding.shape)}, expected {tuple(expected.shape)}",
        )

        def is_like(wrong: Tensor, encoding=encoding, expected=expected) -> bool:
            wrong = wrong.to(encoding.dtype)
            return not torch.allclose(wrong, expected.to(wrong.dtype), atol=1e-4) and (
                torch.allclose(encoding, wrong, atol=1e-4)
            )

        mistakes = {
            "the first half is sines and the second cosines: they alternate": torch.cat(
                [angle.sin(), angle.cos()], dim=1
            ),
            "sine and cosine are exchanged: feature 0 is a sine": torch.stack(
                [angle.cos(), angle.sin()], dim=-1
            ).flatten(1),
            "the positions start at 1, expected 0": torch.stack(
                [
                    ((pos + 1) / 10000 ** (pair / d_model)).sin(),
                    ((pos + 1) / 10000 ** (pair / d_model)).cos(),
                ],
                dim=-1,
            ).flatten(1),
            "each feature has an angle of its own: features 2i and 2i + 1 share one": torch.where(
                torch.arange(d_model) % 2 == 0,
                (pos / 10000 ** (torch.arange(d_model) / d_model)).sin(),
                (pos / 10000 ** (torch.arange(d_model) / d_model)).cos(),
            ),
            "the exponent is i / d_model, expected 2i / d_model": torch.stack(
                [
                    (pos / 10000 ** (pair / 2 / d_model)).sin(),
                    (pos / 10000 ** (pair / 2 / d_model)).cos(),
                ],
                dim=-1,
            ).flatten(1),
        }
        for hint, wrong in mistakes.items():
            expect(not is_like(wrong), f"{what}: {hint}")
        expect_close(encoding, expected, what, rtol=1e-3)
    try:
        answer(4, 5)
    except ValueError:
        return
    expect(False, "an odd d_model, 5, was taken: raise a ValueError")


def check_encoding_figure(answer) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    try:
        for max_len, d_model in ((20, 8), (9, 12)):
            encoding = sinusoidal_encoding(max_len, d_model)
            figure = answer(encoding.clone())
            expect_type(figure, Figure)
            expect_map_of(figure, encoding)
    finally:
        plt.close("all")


def expect_map_of(figure, encoding: Tensor) -> None:
    """Fail unless the figure has a heat map of `encoding`, with labels, title and color bar."""
    from matplotlib.collections import QuadMesh

    maps = [
        (axis, drawn)
        for axis in figure.axes
        if axis.get_label() != "<colorbar>"
        for drawn in (*axis.get_images(), *axis.collections)
        if not hasattr(drawn, "get_paths") or isinstance(drawn, QuadMesh)
    ]
    expect(bool(maps), "the figure has no heat map: draw it with imshow or pcolormesh")
    axis, drawn = maps[0]
    shown = torch.as_tensor(drawn.get_array().tolist()).float()
    if shown.ndim == 1 and shown.numel() == encoding.numel():
        shown = shown.view_as(encoding)
    expect(
        shown.shape != encoding.T.shape or shown.shape == encoding.shape,
        "the heat map has a row for each feature: a row for each position was asked for",
    )
    expect(
        shown.shape == encoding.shape,
        f"the heat map has shape {tuple(shown.shape)}, expected {tuple(encoding.shape)}: "
        "a row for each position, a column for each feature",
    )
    expect(
        torch.allclose(shown, encoding, atol=1e-4),
        "the heat map does not show the values of the encoding",
    )
    low, high = drawn.get_clim()
    expect(
        low <= encoding.min() + 1e-4 and high >= encoding.max() - 1e-4,
        f"the colors end at {low:.3g} and {high:.3g}: values beyond them all look the same",
    )
    expect(bool(axis.get_xlabel().strip()), "the x axis has no label")
    expect(bool(axis.get_ylabel().strip()), "the y axis has no label")
    titles = [axis.get_title(), figure.get_suptitle()]
    expect(any(title.strip() for title in titles), "the figure has no title")
    expect(drawn.colorbar is not None, "there is no color bar for the heat map")


class Tagger(nn.Module):
    """A small stand-in for a transformer: positions are added, and each digit is answered."""

    def __init__(self, learned: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 8)
        table = sinusoidal_encoding(6, 8)
        self.positions = nn.Parameter(torch.randn(6, 8)) if learned else nn.Buffer(table)
        self.head = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 5))

    def forward(self, digits: Tensor) -> Tensor:
        x = self.embedding(digits) + self.positions[: digits.size(1)]
        # A constant in training mode only: it shows in which mode a model was trained and measured.
        return self.head(x) + (self.training * torch.tensor([9.0, 0, 0, 0, 0]))


def check_compare_positions(answer) -> None:
    def pair(count: int) -> tuple[Tensor, Tensor]:
        digits = torch.randint(5, (count, 6))
        return digits, (digits + torch.arange(6)) % 5  # the answer depends on the position

    batches, test = [pair(16) for _ in range(30)], pair(41)
    models = {"sinusoidal": Tagger(learned=False), "learned": Tagger(learned=True)}
    models["learned"].eval()  # as after an earlier measurement
    originals = copy.deepcopy(models)
    expected = compare_positions(copy.deepcopy(originals), batches, test)
    result = answer(models, list(batches), test)
    expect_type(result, dict)
    expect(
        set(result) == set(expected),
        f"the dictionary has the keys {sorted(map(str, result))}, expected {sorted(expected)}",
    )
    for name, share in result.items():
        expect_type(share, float, f"the {name} model's share")
        expect(0 <= share <= 1, f"the {name} model's share is {share:.4g}, expected 0 to 1")
    for name, share in expected.items():
        before, after = originals[name], models[name]
        expect(
            not parameters_agree(before, after),
            f"the {name} model has not been trained: no parameter of it changed",
        )
        reference = copy.deepcopy(before)
        compare_positions({name: reference}, batches, test)
        expect(
            parameters_agree(reference, after),
            f"the {name} model's parameters are not those of one pass over all batches in their "
            "order, in training mode, with Adam at 0.01, gradients zeroed for each batch, and the "
            "cross-entropy averaged over all positions",
        )
        with torch.no_grad():
            in_training_mode = (reference.train()(test[0]).argmax(dim=-1) == test[1]).float().mean()
            at_first = (before.eval()(test[0]).argmax(dim=-1) == test[1]).float().mean()
        hints = {
            in_training_mode.item(): "it was measured in training mode: call model.eval() first",
            at_first.item(): "that is the share of the untrained model: measure after training",
        }
        expect(
            abs(result[name] - share) < 1e-6,
            f"the {name} model gets {share:.4f} of the test positions right; you return "
            f"{result[name]:.4f}: "
            + hints.get(result[name], "count positions, not whole sequences, of the test pair"),
        )


def parameters_agree(one: nn.Module, other: nn.Module) -> bool:
    """Whether two models have the same parameters, up to what rounding does in training."""
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.allclose(a, b, atol=1e-3) for a, b in pairs)
