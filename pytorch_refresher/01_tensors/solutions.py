"""Lesson 01: one worked answer to each practice problem."""

import pandas as pd
import torch
from torch import Tensor


def marked_cube(depth: int, rows: int, columns: int) -> tuple[Tensor, int, int, int]:
    cube = torch.zeros(depth, rows, columns)
    cube[-1, -1, -1] = 1
    return cube, cube.ndim, cube.numel(), int(cube[-1, -1, -1].item())


def through_a_tensor(frame: pd.DataFrame) -> tuple[Tensor, pd.DataFrame]:
    tensor = torch.tensor(frame.values, dtype=torch.float32)
    return tensor, pd.DataFrame(tensor.numpy(), columns=frame.columns, index=frame.index)


def megabytes(shape: tuple[int, ...], dtypes: list[torch.dtype]) -> dict[torch.dtype, float]:
    tensors = [torch.zeros(shape, dtype=dtype) for dtype in dtypes]
    return {tensor.dtype: tensor.numel() * tensor.element_size() / 1e6 for tensor in tensors}
