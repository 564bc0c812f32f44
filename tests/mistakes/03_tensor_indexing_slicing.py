"""Answers to the problems of lesson 03: wrong ones with a piece of their hint, and right ones."""

import torch


def every_other_column(matrix, first):
    return matrix[:, first::2]


def from_row_zero(matrix, first):
    return matrix[::2]


def without_a_step(matrix, first):
    return matrix[first:]


def last_row_missing(matrix, first):
    return matrix[first:-1:2]


def start_and_step_swapped(matrix, first):
    return matrix[2 :: first or 1]


def rows_by_a_list(matrix, first):
    return matrix[list(range(first, len(matrix), 2))]


def rows_stacked(matrix, first):
    return torch.stack([row for i, row in enumerate(matrix) if i >= first and (i - first) % 2 == 0])


def first_diagonal_only(matrix):
    return matrix.diagonal()


def rows_alone(matrix):
    rows = torch.arange(len(matrix))
    return matrix[rows], matrix[rows.flip(0)]


def second_from_the_bottom(matrix):
    down = torch.arange(len(matrix))
    return matrix[down, down], matrix[down.flip(0), down]


def off_by_one(matrix):
    down = torch.arange(len(matrix))
    return matrix[down, down], matrix[down, -down]


def first_one_twice(matrix):
    return matrix.diagonal(), matrix.diagonal().flip(0)


def lists_of_numbers(matrix):
    numbers = matrix.tolist()
    return [row[i] for i, row in enumerate(numbers)], [row[-1 - i] for i, row in enumerate(numbers)]


def last_window_missing(series, size, step):
    return torch.stack([series[i : i + size] for i in range(0, len(series) - size, step)])


def step_ignored(series, size, step):
    return torch.stack([series[i : i + size] for i in range(len(series) - size + 1)])


def side_by_side(series, size, step):
    return torch.stack([series[i : i + size] for i in range(0, len(series) - size + 1, size)])


def incomplete_windows_too(series, size, step):
    return torch.stack([series[i : i + size] for i in range(0, len(series), step)])


def unfold_as_it_comes(series, size, step):
    return series.unfold(0, size, step)


def windows_joined(series, size, step):
    return torch.cat([series[i : i + size] for i in range(0, len(series) - size + 1, step)])


def narrowed_first(matrix, first):
    return matrix.narrow(0, first, len(matrix) - first)[::2, :]


def windows_of_one_row(matrix, first):
    return matrix[first:].unfold(0, 1, 2).squeeze(-1)


def with_strides(matrix, first):
    rows = (len(matrix) - first + 1) // 2
    down, across = matrix.stride()
    return matrix.as_strided((rows, matrix.shape[1]), (2 * down, across), first * down)


def with_diagonal(matrix):
    return [matrix.diagonal(), matrix.flip(1).diag()]


def with_masks(matrix):
    mask = torch.eye(len(matrix), dtype=torch.bool)
    return matrix[mask], matrix[mask.fliplr()]


def element_by_element(matrix):
    n = len(matrix)
    return (
        torch.stack([matrix[i, i] for i in range(n)]),
        torch.stack([matrix[i, -1 - i] for i in range(n)]),
    )


def with_unfold(series, size, step):
    return series.unfold(0, size, step).mT


def with_a_table_of_indices(series, size, step):
    starts = torch.arange(0, len(series) - size + 1, step)
    return series[starts[:, None] + torch.arange(size)]


def with_a_while_loop(series, size, step):
    windows, start = [], 0
    while start + size <= len(series):
        windows.append(series[None, start : start + size])
        start += step
    return torch.cat(windows)


MISTAKES = {
    "every_other_row": [
        (every_other_column, "all its 4 columns"),
        (from_row_zero, "begins with row 0"),
        (without_a_step, "you return 6 rows"),
        (last_row_missing, "you return"),
        (start_and_step_swapped, "you return 4 rows"),
        (rows_by_a_list, "did not change the matrix"),
        (rows_stacked, "did not change the matrix"),
    ],
    "diagonals": [
        (first_diagonal_only, "return 2 things"),
        (rows_alone, "whole matrix"),
        (second_from_the_bottom, "second diagonal is right but runs from bottom to top"),
        (off_by_one, "the second diagonal has the right shape, but at [0]"),
        (first_one_twice, "the second diagonal has the right shape, but"),
        (lists_of_numbers, "is a list, expected a Tensor"),
    ],
    "sliding_windows": [
        (last_window_missing, "you return 5"),
        (step_ignored, "that is 3 of them; you return 7"),
        (side_by_side, "you return 2"),
        (incomplete_windows_too, "stack expects each tensor to be equal size"),
        (unfold_as_it_comes, "changed places"),
        (windows_joined, "windows, moments, measurements"),
    ],
}

ALSO_RIGHT = {
    "every_other_row": [narrowed_first, windows_of_one_row, with_strides],
    "diagonals": [with_diagonal, with_masks, element_by_element],
    "sliding_windows": [with_unfold, with_a_table_of_indices, with_a_while_loop],
}
