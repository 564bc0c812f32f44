"""Lesson 03: one worked answer to each practice problem."""

import torch
from torch import Tensor


def every_other_row(matrix: Tensor, first: int) -> Tensor:
    # start:stop:step, with nothing for stop: to the end. A slice is a view, because rows at a
    # regular distance are something that an offset and a stride can describe.
    return matrix[first::2]


def diagonals(matrix: Tensor) -> tuple[Tensor, Tensor]:
    # Two index tensors are read in pairs: (0, 0), (1, 1), ... for the first diagonal. In the
    # second one, the column runs backward while the row runs forward.
    down = torch.arange(len(matrix))
    return matrix[down, down], matrix[down, len(matrix) - 1 - down]


def sliding_windows(series: Tensor, size: int, step: int) -> Tensor:
    # The last window may start at T - size, and range stops one before its end: hence the + 1.
    starts = range(0, len(series) - size + 1, step)
    # Each slice cuts time steps and keeps all D measurements. stack adds the first dimension.
    return torch.stack([series[start : start + size] for start in starts])
