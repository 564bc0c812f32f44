"""Lesson 01: one worked answer to each practice problem."""

import pandas as pd
import torch
from torch import Tensor


def marked_cube(depth: int, rows: int, columns: int) -> tuple[Tensor, int, int, float]:
    # zeros() makes float32 unless you ask for something else.
    cube = torch.zeros(depth, rows, columns)
    cube[-1, -1, -1] = 1
    # cube[-1, -1, -1] alone would still be a tensor, with no dimension left.
    return cube, cube.ndim, cube.numel(), cube[-1, -1, -1].item()


def through_a_tensor(frame: pd.DataFrame) -> tuple[Tensor, pd.DataFrame]:
    # torch.tensor always copies. torch.from_numpy would not: if all the columns were float32, the
    # tensor would share the frame's memory.
    tensor = torch.tensor(frame.values, dtype=torch.float32)
    # A tensor has numbers and nothing else, so the names have to come from the old frame.
    return tensor, pd.DataFrame(tensor.numpy(), columns=frame.columns, index=frame.index)


def megabytes(shape: tuple[int, ...], dtypes: list[torch.dtype]) -> dict[torch.dtype, float]:
    sizes = {}
    for dtype in dtypes:
        tensor = torch.empty(shape, dtype=dtype)  # with whatever numbers: we only need their size
        # How many numbers, times the bytes of one. tensor.nbytes is the same product.
        sizes[dtype] = tensor.numel() * tensor.element_size() / 1_000_000
    return sizes
