"""Lesson 03: the checks that mark your practice answers."""

from pytorch_refresher._common.marking import (
    expect,
    expect_close,
    expect_parts,
    expect_type,
    reject,
)

import torch
from torch import Tensor


def check_every_other_row(answer) -> None:
    # Odd and even numbers of rows, and more than one row to begin with.
    for rows, columns, first in ((6, 4, 0), (6, 4, 1), (7, 3, 0), (7, 10, 3), (5, 2, 4)):
        matrix = torch.randperm((rows + 1) * columns).view(columns, rows + 1)
        matrix = matrix.T[1:]  # neither contiguous nor without an offset
        numbers = list(range(first, rows, 2))
        expected = torch.stack([matrix[number] for number in numbers])  # a copy
        result = answer(matrix, first)
        expect_type(result, Tensor)
        reject(
            result,
            expected,
            {f"it begins with row 0 although first is {first}": matrix[::2].clone()},
        )
        expect(
            result.ndim == 2 and result.shape[1] == columns,
            f"the result has shape {tuple(result.shape)}, but each row keeps all its {columns} "
            "columns: slice the rows, before the comma",
        )
        expect(
            len(result) == len(numbers),
            f"of {rows} rows, beginning with row {first}, every other row means rows {numbers}; "
            f"you return {len(result)} rows",
        )
        expect_close(result, expected)
        result.fill_(-1)
        expect(
            bool((matrix[numbers] == -1).all()),
            "a write to the result did not change the matrix: lists and stacks copy, slices don't",
        )


def check_diagonals(answer) -> None:
    part, large = torch.randperm(20).view(4, 5)[:, 1:], 2**40 + torch.randperm(9).view(3, 3)
    for matrix in (part, torch.randn(5, 5).double(), torch.rand(1, 1), large):
        n, given = len(matrix), matrix.clone()
        main = torch.stack([matrix[i, i] for i in range(n)])
        other = torch.stack([matrix[i, n - 1 - i] for i in range(n)])
        results = expect_parts(
            answer(matrix), "from the top left corner", "from the top right corner"
        )
        expect(torch.equal(given, matrix), "the caller's matrix changed")
        for result, expected, name in zip(
            results, (main, other), ("the first diagonal", "the second diagonal"), strict=True
        ):
            expect_type(result, Tensor, name)
            expect(
                result.shape != (n, n) or n == 1,
                f"{name} is a whole matrix: with slices, or rows alone, nothing is read in pairs",
            )
            reject(
                result,
                expected,
                {f"{name} is right, but runs from bottom to top": expected.flip(0)},
            )
            expect_close(result, expected, name)


def check_sliding_windows(answer) -> None:
    # T, D, size, step: windows that overlap, touch and leave gaps; series that end with a
    # window, or with time steps left over; one window alone; windows of one time step.
    cases = [(8, 2, 3, 1), (9, 2, 3, 3), (10, 3, 4, 3), (12, 2, 2, 5), (5, 4, 5, 2), (4, 3, 1, 1)]
    cases.append((8, 2, 3, 2))
    for T, D, size, step in cases:
        series = torch.randn(T, D) if size > 2 else torch.randint(-9, 9, (T, D))
        result = answer(series.clone(), size, step)
        expect_type(result, Tensor)
        starts = range(0, T - size + 1, step)
        expected = torch.stack([series[start : start + size] for start in starts])
        given = f"with {T} time steps, size {size} and step {step}"
        expect(
            result.ndim == 3,
            f"{given} the result has shape {tuple(result.shape)}, expected "
            f"{tuple(expected.shape)}: windows, time steps, measurements",
        )
        expect(
            result.shape[0] == len(starts),
            f"{given} the windows start at {list(starts)}, that is {len(starts)} of them; "
            f"you return {result.shape[0]}",
        )
        hint = "in each window, time steps and measurements have changed places: unfold puts the "
        hint += "window's dimension last"
        reject(result, expected, {hint: expected.transpose(1, 2)})
        expect_close(result, expected)
