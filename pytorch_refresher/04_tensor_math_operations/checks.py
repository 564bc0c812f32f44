"""Lesson 04: the checks that mark your practice answers."""

from pytorch_refresher._common.marking import expect, expect_close, expect_type

import torch
from torch import Tensor

from .solutions import cosine_similarity, normalize


def check_normalize(answer) -> None:
    # On a square table a forgotten keepdim makes no error and a wrong answer.
    cases = [((50,), None), ((4, 6), None), ((8, 3), 0), ((6, 6), 1), ((3, 8), 1), ((2, 5, 7), 1)]
    for shape, dim in cases:
        what = f"the result for shape {shape} and dim={dim}"
        # No mean is near 0 and no standard deviation near 1; they differ from row to row.
        x = 40 + 10 * torch.rand(shape).cumsum(dim=-1).cumsum(dim=0)
        given = x.clone()
        result = answer(x, dim)
        expect(
            torch.equal(x, given), "x itself changed: make a new tensor, x - ... and not x -= ..."
        )
        expect_type(result, Tensor, what)
        expect(
            result.shape == shape,
            f"{what} has shape {tuple(result.shape)}: the shape must stay. Is a keepdim missing?",
        )
        expected = normalize(given, dim)
        deviation, centered = given.std(dim, keepdim=True), given - given.mean(dim, keepdim=True)
        mistakes = [
            (centered, "has mean 0, but its standard deviation is not 1: divide by it"),
            (given / deviation, "has standard deviation 1, but its mean is not 0: subtract it"),
            (given - given.mean(dim, keepdim=True) / deviation, "lacks brackets around x - mean"),
            (centered / deviation**2, "is divided by the variance: take the standard deviation"),
            (
                centered / given.std(dim, correction=0, keepdim=True),
                "is divided by the population's standard deviation (n): take the sample's (n - 1)",
            ),
        ]
        if dim is not None:
            mistakes += [
                (
                    normalize(given),
                    "is normalized over all elements: use dim (in `if dim:` a 0 counts as False)",
                ),
                (
                    centered / given.std(),
                    "has the mean taken along dim, and the standard deviation not",
                ),
            ]
        _name_the_mistake(result, expected, mistakes, what)
        if result.is_floating_point() and dim is not None:
            expect(
                bool((result.mean(dim).abs() < 1e-3).all()),
                f"the means of {what} are not 0: do they stand in the right rows? Try keepdim=True",
            )
        expect_close(result, expected, what)


def check_cosine_similarity(answer) -> None:
    for shape in ((7,), (5, 3), (4, 4), (2, 3, 6)):
        what = f"the result for two tensors of shape {shape}"
        # Lengths far from 1, and different for a and b and for each vector.
        a = torch.randn(shape) * (2 + 5 * torch.rand(*shape[:-1], 1))
        b = (torch.randn(shape) + a) * (1 + torch.rand(*shape[:-1], 1))
        given_a, given_b = a.clone(), b.clone()
        result = answer(a, b)
        expect(
            torch.equal(a, given_a) and torch.equal(b, given_b),
            "a or b itself changed: make new tensors",
        )
        expect_type(result, Tensor, what)
        a, b = given_a, given_b
        dots, squares = (a * b).sum(dim=-1), (a**2).sum(dim=-1) * (b**2).sum(dim=-1)
        expect(
            result.shape == shape[:-1],
            f"{what} has shape {tuple(result.shape)}, expected {shape[:-1]}: one number for each "
            "vector, so sum along the last dimension only",
        )
        mistakes = [
            (dots, "is the dot product: divide it by both lengths"),
            (dots / squares, "is divided by the squared lengths: a square root is missing"),
            (dots / (a.norm(dim=-1) + b.norm(dim=-1)), "is divided by the lengths' sum: multiply"),
            (dots / a.norm(dim=-1), "is divided by one length only"),
            (dots / b.norm(dim=-1), "is divided by one length only"),
            (
                dots / a.norm(dim=-1) * b.norm(dim=-1),
                "lacks brackets around the product of lengths",
            ),
            (
                dots / (a.abs().sum(dim=-1) * b.abs().sum(dim=-1)),
                "is divided by sums of absolute values: a length is the root of summed squares",
            ),
            (1 - dots / squares.sqrt(), "is the distance, 1 minus the similarity"),
            (
                dots / (a.norm() * b.norm()),
                "uses the length of all vectors together: each has its own",
            ),
        ]
        if shape == (4, 4):
            down = cosine_similarity(a.T, b.T)
            mistakes.append((down, "goes down the columns: the last dimension holds the vectors"))
        _name_the_mistake(result, dots / squares.sqrt(), mistakes, what)
        expect_close(result, dots / squares.sqrt(), what)


def check_product_shapes(answer) -> None:
    # Each set has pairs that fit one way only, both ways and not at all, a square matrix, and
    # pairs that * would accept and @ does not.
    for sizes in (
        {"a": (2, 3), "b": (3, 4), "c": (4, 2), "d": (3, 3)},
        {"batch": (8, 5), "weights": (2, 5), "column": (5, 1), "row": (1, 5)},
    ):
        tensors = {name: torch.rand(size) for name, size in sizes.items()}
        shapes = answer(dict(tensors))
        expect_type(shapes, dict)
        expected = {(left, right) for left in sizes for right in sizes}
        expect(
            all(isinstance(key, tuple) for key in shapes),
            "each key must be a tuple of two names: (left, right)",
        )
        missing, surplus = expected - set(shapes), set(shapes) - expected
        expect(not surplus, f"there is no pair {next(iter(surplus), None)}")
        if missing:
            left, right = min(missing)
            hint = ": a matrix also meets itself" if left == right else ""
            if (right, left) in shapes and left != right:
                hint = f": it is another product than {(right, left)}"
            expect(False, f"the pair {(left, right)} is missing{hint}")
        for left, right in sorted(expected):
            (n, k), (rows, m) = sizes[left], sizes[right]
            found = shapes[left, right]
            what = f"{left} @ {right}, shapes {(n, k)} and {(rows, m)}"
            if k != rows:
                expect(
                    found is None,
                    f"{what}: PyTorch refuses, as {k} is not {rows}, so the value must be None",
                )
                continue
            expect(
                found is not None,
                f"{what}: the inner sizes are both {k}, so this product works",
            )
            expect(
                isinstance(found, (tuple, list)),
                f"{what}: the value is a {type(found).__name__}, expected a tuple of two ints",
            )
            expect(
                tuple(found) == (n, m),
                f"{what}: you have {tuple(found)}; the outer sizes remain, in their order",
            )


def _name_the_mistake(
    actual: Tensor, expected: Tensor, mistakes: list[tuple[Tensor, str]], what: str
) -> None:
    """Turn away a result that holds the numbers of a known mistake and not the expected ones."""

    def same(other: Tensor) -> bool:
        return actual.shape == other.shape and torch.allclose(
            actual.float(), other, rtol=1e-4, atol=1e-5
        )

    for mistake, hint in mistakes:
        expect(same(expected) or not same(mistake), f"{what} {hint}")
