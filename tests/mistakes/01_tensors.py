"""Answers to the problems of lesson 01: wrong ones with a piece of their hint, and right ones."""

import numpy as np
import pandas as pd
import torch


def element_left_a_tensor(depth, rows, columns):
    cube = torch.zeros(depth, rows, columns)
    cube[-1, -1, -1] = 1
    return cube, cube.ndim, cube.numel(), cube[-1, -1, -1]


def whole_numbers(depth, rows, columns):
    cube = torch.full((depth, rows, columns), 0)
    cube[-1, -1, -1] = 1
    return cube, cube.ndim, cube.numel(), cube[-1, -1, -1].item()


def length_for_elements(depth, rows, columns):
    cube = torch.zeros(depth, rows, columns)
    cube[-1, -1, -1] = 1
    return cube, cube.ndim, len(cube), cube[-1, -1, -1].item()


def with_numpy(depth, rows, columns):
    array = np.zeros((depth, rows, columns), dtype="float32")
    array[-1, -1, -1] = 1
    cube = torch.from_numpy(array)
    return [cube, np.ndim(array), np.prod(cube.shape), int(cube.numpy()[-1, -1, -1])]


def by_comparison(depth, rows, columns):
    elements = depth * rows * columns
    cube = (torch.arange(elements) == elements - 1).float().reshape(depth, rows, columns)
    return cube, len(cube.shape), elements, cube.tolist()[-1][-1][-1]


def names_lost(frame):
    tensor = torch.tensor(frame.values, dtype=torch.float32)
    return tensor, pd.DataFrame(tensor.numpy())


def frame_handed_back(frame):
    return torch.tensor(frame.values, dtype=torch.float32), frame.copy()


def memory_shared(frame):
    array = frame.to_numpy(dtype="float32")
    array.flags.writeable = True
    tensor = torch.from_numpy(array)
    return tensor, pd.DataFrame(tensor.numpy(), columns=frame.columns, index=frame.index, copy=True)


def with_the_types_back(frame):
    tensor = torch.from_numpy(frame.to_numpy(dtype="float32", copy=True))
    back = pd.DataFrame(tensor.numpy(), frame.index, frame.columns)
    return [tensor, back.astype(frame.dtypes.to_dict())]


def column_by_column(frame):
    columns = [torch.tensor(frame[name].tolist(), dtype=torch.float32) for name in frame]
    tensor = torch.stack(columns, dim=1)
    back = pd.DataFrame({name: tensor[:, place] for place, name in enumerate(frame.columns)})
    return tensor, back.set_index(frame.index)


def hard_coded_shape(shape, dtypes):
    return {dtype: torch.ones(20, 50, 30, dtype=dtype).nbytes / 1e6 for dtype in dtypes}


def rounded(shape, dtypes):
    return {dtype: round(torch.ones(shape, dtype=dtype).nbytes / 1e6, 2) for dtype in dtypes}


def in_mebibytes(shape, dtypes):
    return {dtype: torch.ones(shape, dtype=dtype).nbytes / 1024**2 for dtype in dtypes}


def with_the_storage(shape, dtypes):
    sizes = {}
    for dtype in dtypes:
        sizes[dtype] = np.float64(torch.ones(shape).to(dtype).untyped_storage().nbytes() * 1e-6)
    return sizes


def by_multiplication(shape, dtypes):
    sizes = {}
    for dtype in dtypes:
        elements = 1
        for size in torch.empty(shape, dtype=dtype).size():
            elements *= size
        sizes[dtype] = elements * dtype.itemsize / 10**6
    return sizes


MISTAKES = {
    "marked_cube": [
        (element_left_a_tensor, "still a tensor"),
        (whole_numbers, "torch.int64, expected torch.float32"),
        (length_for_elements, "len() counts along the first dimension only"),
    ],
    "through_a_tensor": [
        (names_lost, "columns came back as [0, 1]"),
        (frame_handed_back, "the frame's own numbers"),
        (memory_shared, "changed the frame"),
    ],
    "megabytes": [
        (hard_coded_shape, "of shape (1234,)"),
        (rounded, "it is rounded"),
        (in_mebibytes, "not 2**20"),
    ],
}

ALSO_RIGHT = {
    "marked_cube": [with_numpy, by_comparison],
    "through_a_tensor": [with_the_types_back, column_by_column],
    "megabytes": [with_the_storage, by_multiplication],
}
