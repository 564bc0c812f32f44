"""Lesson 03: the checks that mark your practice answers."""

from pytorch_refresher._common.marking import expect, expect_close, expect_parts, expect_type

import torch
from torch import Tensor


def check_every_other_row(answer) -> None:
    # Odd and even numbers of rows, and more than one row to begin with.
    for rows, columns, first in ((6, 4, 0), (6, 4, 1), (7, 3, 0), (7, 10, 3), (5, 2, 4)):
        matrix = torch.randperm(rows * columns).view(rows, columns)
        numbers = list(range(first, rows, 2))
        expected = torch.stack([matrix[number] for number in numbers])  # a copy
        result = answer(matrix, first)
        expect_type(result, Tensor)
        given = f"of {rows} rows, beginning with row {first},"
        expect(
            result.ndim == 2 and result.shape[1] == columns,
            f"the result has shape {tuple(result.shape)}, but each row has all its {columns} "
            "columns: slice the rows, before the comma",
        )
        expect(
            first == 0 or not torch.equal(result, matrix[::2]),
            f"it begins with row 0 although first is {first}",
        )
        expect(
            len(result) == len(numbers),
            f"{given} every other row means rows {numbers}; you return {len(result)} rows",
        )
        expect_close(result, expected)
        result.fill_(-1)
        expect(
            bool((matrix[numbers] == -1).all()),
            "a write to the result did not change the matrix: lists and stacks copy, slices do not",
        )


def check_diagonals(answer) -> None:
    for matrix in (torch.randperm(16).view(4, 4), torch.rand(5, 5), torch.rand(1, 1)):
        n = len(matrix)
        main = torch.stack([matrix[i, i] for i in range(n)])
        other = torch.stack([matrix[i, n - 1 - i] for i in range(n)])
        results = expect_parts(
            answer(matrix.clone()), "from the top left corner", "from the top right corner"
        )
        for result, expected, name in zip(
            results, (main, other), ("the first diagonal", "the second diagonal"), strict=True
        ):
            expect_type(result, Tensor, name)
            expect(
                result.shape != (n, n) or n == 1,
                f"{name} is a whole matrix: with slices, or rows alone, nothing is read in pairs",
            )
            expect(
                n == 1 or not torch.equal(result, expected.flip(0)),
                f"{name} is right but runs from bottom to top",
            )
            expect_close(result, expected, name)


def check_sliding_windows(answer) -> None:
    # T, D, size, step: windows that overlap, touch and leave gaps; series that end with a
    # window, or with moments left over; one window alone; windows of one moment.
    cases = [(8, 2, 3, 1), (9, 2, 3, 3), (10, 3, 4, 3), (12, 2, 2, 5), (5, 4, 5, 2), (4, 3, 1, 1)]
    for T, D, size, step in cases:
        series = torch.rand(T, D)
        result = answer(series.clone(), size, step)
        expect_type(result, Tensor)
        starts = range(0, T - size + 1, step)
        expected = torch.stack([series[start : start + size] for start in starts])
        given = f"with {T} moments, size {size} and step {step}"
        expect(
            result.ndim == 3,
            f"{given} the result has shape {tuple(result.shape)}, expected "
            f"{tuple(expected.shape)}: windows, moments, measurements",
        )
        expect(
            result.shape[0] == len(starts),
            f"{given} the windows start at {list(starts)}, that is {len(starts)} of them; "
            f"you return {result.shape[0]}",
        )
        turned = expected.transpose(1, 2)
        expect(
            size == 1 or result.shape != turned.shape or not torch.equal(result, turned),
            "in each window, moments and measurements have changed places: unfold puts the "
            "window's dimension last",
        )
        expect_close(result, expected)
