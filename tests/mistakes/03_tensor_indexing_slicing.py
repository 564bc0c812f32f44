"""Answers to the problems of lesson 03: wrong ones with a piece of their hint, and right ones."""

import torch


def every_other_column(matrix, first):
    return matrix[:, first::2]


def from_row_zero(matrix, first):
    return matrix[::2]


def rows_by_a_list(matrix, first):
    return matrix[list(range(first, len(matrix), 2))]


def strided_from_the_first_number(matrix, first):
    down, right = matrix.stride()
    rows = (len(matrix) - first + 1) // 2
    return matrix.as_strided((rows, matrix.shape[1]), (2 * down, right), first * down)


def off_by_one(matrix):
    down = torch.arange(len(matrix))
    return matrix[down, down], matrix[down, -down]


def summed_through_float(matrix):
    ones = torch.eye(len(matrix))
    return tuple((matrix * each).sum(1).to(matrix.dtype) for each in (ones, ones.flip(1)))


def rows_alone(matrix):
    rows = torch.arange(len(matrix))
    return matrix[rows], matrix[rows.flip(0)]


def second_from_the_bottom(matrix):
    down = torch.arange(len(matrix))
    return matrix[down, down], matrix[down.flip(0), down]


def last_window_missing(series, size, step):
    return torch.stack([series[i : i + size] for i in range(0, len(series) - size, step)])


def step_ignored(series, size, step):
    return torch.stack([series[i : i + size] for i in range(len(series) - size + 1)])


def unfold_as_it_comes(series, size, step):
    return series.unfold(0, size, step)


def narrowed_first(matrix, first):
    return matrix.narrow(0, first, len(matrix) - first)[::2, :]


def with_strides(matrix, first):
    rows = (len(matrix) - first + 1) // 2
    down, across = matrix.stride()
    start = matrix.storage_offset() + first * down
    return matrix.as_strided((rows, matrix.shape[1]), (2 * down, across), start)


def with_diagonal(matrix):
    return [matrix.diagonal(), matrix.flip(1).diag()]


def with_masks(matrix):
    mask = torch.eye(len(matrix), dtype=torch.bool)
    return matrix[mask], matrix[mask.fliplr()]


def with_unfold(series, size, step):
    return series.unfold(0, size, step).mT


def with_a_table_of_indices(series, size, step):
    starts = torch.arange(0, len(series) - size + 1, step)
    return series[starts[:, None] + torch.arange(size)]


MISTAKES = {
    "every_other_row": [
        (every_other_column, "all its 4 columns"),
        (from_row_zero, "begins with row 0"),
        (rows_by_a_list, "did not change the matrix"),
        (strided_from_the_first_number, "has the right shape"),
    ],
    "diagonals": [
        (off_by_one, "the second diagonal has the right shape, but at [0]"),
        (rows_alone, "whole matrix"),
        (summed_through_float, "first diagonal has the right shape"),
        (second_from_the_bottom, "second diagonal is right, but runs from bottom to top"),
    ],
    "sliding_windows": [
        (last_window_missing, "you return 5"),
        (step_ignored, "that is 3 of them; you return 7"),
        (unfold_as_it_comes, "changed places"),
    ],
}

ALSO_RIGHT = {
    "every_other_row": [narrowed_first, with_strides],
    "diagonals": [with_diagonal, with_masks],
    "sliding_windows": [with_unfold, with_a_table_of_indices],
}
