"""Lesson 04: the checks that mark your practice answers."""

from pytorch_refresher._common.marking import expect, expect_close, expect_type, reject

import torch
from torch.linalg import vector_norm

from .solutions import cosine_similarity, normalize


def check_normalize(answer) -> None:
    # On a square table a forgotten keepdim makes no error and a wrong answer.
    cases = [((50,), None), ((4, 6), None), ((8, 3), 0), ((6, 6), 1), ((3, 8), -1)]
    for shape, dim in [*cases, ((2, 5, 7), 1), ((3, 4, 5), 2), ((4, 3, 5), 0)]:
        # No mean is near 0 and no standard deviation near 1; they differ from row to row.
        x = 10 * torch.randn(shape).cumsum(dim=-1).cumsum(dim=0) - 40
        x = x * 1e-3 if shape == (4, 6) else x  # a small number added to std would show here
        given, what = x.clone(), f"the result for shape {shape} and dim={dim}"
        result = answer(x) if dim is None else answer(x, dim)
        expect(
            torch.equal(x, given), "x itself changed: make a new tensor with x - ..., not x -= ..."
        )
        expect_type(result, torch.Tensor, what)
        expect(
            result.shape == shape,
            f"{what} has shape {tuple(result.shape)}: the shape must stay. Is a keepdim missing?",
        )
        mean, std = given.mean(dim, keepdim=True), given.std(dim, keepdim=True)
        mistakes = {
            "has mean 0, but its standard deviation is not 1: divide by it": given - mean,
            "has standard deviation 1, but its mean is not 0: subtract it": given / std,
            "lacks parentheses around x - mean": given - mean / std,
            "is divided by the variance: take the standard deviation": (given - mean) / std**2,
            "is divided by the population's standard deviation (n): take the sample's (n - 1)": (
                (given - mean) / given.std(dim, correction=0, keepdim=True)
            ),
        }
        if dim is not None:
            hint = "is normalized over all elements: use dim (in `if dim:` a 0 counts as False)"
            mistakes[hint] = normalize(given)
            hint = "has the mean taken along dim, and the standard deviation not"
            mistakes[hint] = (given - mean) / given.std()
            expect(
                len(set(shape)) == len(shape) or bool((result.mean(dim).abs() < 1e-3).all()),
                f"the means of {what} are not 0: are they in the right rows? Try keepdim=True",
            )
        named = {f"{what} {hint}": wrong for hint, wrong in mistakes.items()}
        reject(result, normalize(given, dim), named)
        expect_close(result, normalize(given, dim), what)


def check_cosine_similarity(answer) -> None:
    for shape in ((7,), (5, 3), (4, 4), (2, 3, 6), (2, 1, 3, 4)):
        # Lengths far from 1, different for each vector, and short for the first shape. Every other b points away from a.
        a = torch.randn(shape) * (2 + 5 * torch.rand(*shape[:-1], 1))
        flips = 1 - 2.0 * (torch.arange(a[..., 0].numel()) % 2).view(*shape[:-1], 1)
        b = (torch.randn(shape) + a) * flips * (1 + torch.rand(*shape[:-1], 1))
        a, b = (a / 500, b / 500) if shape == (7,) else (a, b)
        given_a, given_b = a.clone(), b.clone()
        for first, second in ((a, b), (a, -b)):
            what = f"the result for two tensors of shape {shape}"
            result = answer(first.clone(), second.clone())
            expect_type(result, torch.Tensor, what)
            expect(
                result.shape == shape[:-1],
                f"{what} has shape {tuple(result.shape)}, expected {shape[:-1]}: one number per "
                "vector, so sum along the last dimension only",
            )
            dots = (first * second).sum(dim=-1)
            long, wide = vector_norm(first, dim=-1), vector_norm(second, dim=-1)
            expected = dots / (long * wide)
            mistakes = {
                "is the dot product: divide it by both lengths": dots,
                "is divided by the squared lengths: a square root is missing": dots
                / (long * wide) ** 2,
                "is divided by the sum of the lengths: multiply them": dots / (long + wide),
                "is divided by only one of the two lengths": dots / long,
                "lacks parentheses around the product of the lengths": dots / long * wide,
                "has lost its sign: opposite directions give -1": expected.abs(),
                "is the distance, 1 minus the similarity": 1 - expected,
                "uses the length of all vectors together: each has its own": (
                    dots / (vector_norm(first) * vector_norm(second))
                ),
            }
            if shape == (4, 4):
                hint = "goes down the columns: the last dimension holds the vectors"
                mistakes[hint] = cosine_similarity(first.T, second.T)
            reject(result, expected, {f"{what} {hint}": wrong for hint, wrong in mistakes.items()})
            expect_close(result, expected, what)
        answer(a, b)
        expect(torch.equal(a, given_a) and torch.equal(b, given_b), "a or b itself changed")


def check_product_shapes(answer) -> None:
    # Each set has pairs that fit one way only, both ways and not at all, a square matrix, and
    # pairs that * would accept and @ does not.
    for sizes in (
        {"a": (2, 3), "b": (3, 4), "c": (4, 2), "d": (3, 3)},
        {"batch": (8, 5), "weights": (2, 5), "column": (5, 1), "row": (1, 5)},
        {"alone": (3, 2)},
    ):
        shapes = answer({name: torch.rand(size) for name, size in sizes.items()})
        expect_type(shapes, dict)
        pairs = {(left, right) for left in sizes for right in sizes}
        expect(
            all(isinstance(key, tuple) for key in shapes),
            "each key must be a tuple of two names: (left, right)",
        )
        expect(set(shapes) <= pairs, f"there is no pair {min(set(shapes) - pairs, default=None)}")
        for left, right in sorted(pairs - set(shapes)):
            hint = "a matrix also meets itself" if left == right else "both ways around count"
            if sizes[left][1] != sizes[right][0]:
                hint = "it can't be multiplied, so its value is None"
            expect(False, f"the pair {(left, right)} is missing: {hint}")
        for left, right in sorted(pairs):
            (n, k), (rows, m) = sizes[left], sizes[right]
            found, what = shapes[left, right], f"{left} @ {right}, shapes {(n, k)} and {(rows, m)}"
            if k != rows:
                expect(
                    found is None,
                    f"{what}: @ refuses, as {k} is not {rows}, so the value must be None",
                )
                continue
            expect(
                isinstance(found, (tuple, list)),
                f"{what}: this product works, so the value is its shape, two ints (the left one comes first in the key)",
            )
            expect(
                tuple(found) == (n, m),
                f"{what}: you have {tuple(found)}; the outer sizes remain, in their order",
            )
