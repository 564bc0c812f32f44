"""Answers to the problems of lesson 01: wrong ones with a piece of their hint, and right ones."""

import math

import pandas as pd
import torch


def dimensions_in_another_order(depth, rows, columns):
    cube = torch.zeros(rows, columns, depth)
    cube[-1, -1, -1] = 1
    return cube, cube.ndim, cube.numel(), int(cube[-1, -1, -1])


def element_left_a_tensor(depth, rows, columns):
    cube = torch.zeros(depth, rows, columns)
    cube[-1, -1, -1] = 1
    return cube, cube.ndim, cube.numel(), cube[-1, -1, -1]


def whole_numbers(depth, rows, columns):
    cube = torch.full((depth, rows, columns), 0)
    cube[-1, -1, -1] = 1
    return cube, cube.ndim, cube.numel(), cube[-1, -1, -1].item()


def last_table_all_ones(depth, rows, columns):
    cube = torch.zeros(depth, rows, columns)
    cube[-1] = 1
    return cube, cube.ndim, cube.numel(), 1


def size_for_elements(depth, rows, columns):
    cube = torch.zeros(depth, rows, columns)
    cube[-1, -1, -1] = 1
    return cube, cube.ndim, len(cube), 1


def tensor_as_float64(frame):
    tensor = torch.tensor(frame.values)
    return tensor, pd.DataFrame(tensor.numpy(), columns=frame.columns, index=frame.index)


def names_lost(frame):
    tensor = torch.tensor(frame.values, dtype=torch.float32)
    return tensor, pd.DataFrame(tensor.numpy())


def index_lost(frame):
    tensor = torch.tensor(frame.values, dtype=torch.float32)
    return tensor, pd.DataFrame(tensor.numpy(), columns=frame.columns)


def frame_handed_back(frame):
    return torch.tensor(frame.values, dtype=torch.float32), frame


def memory_shared(frame):
    array = frame.to_numpy(dtype="float32")
    array.flags.writeable = True
    tensor = torch.from_numpy(array)
    return tensor, pd.DataFrame(tensor.numpy(), columns=frame.columns, index=frame.index, copy=True)


def in_bytes(shape, dtypes):
    return {dtype: torch.ones(shape, dtype=dtype).nbytes for dtype in dtypes}


def one_element(shape, dtypes):
    return {dtype: torch.ones(shape, dtype=dtype).element_size() for dtype in dtypes}


def in_mebibytes(shape, dtypes):
    return {dtype: torch.ones(shape, dtype=dtype).nbytes / 1024**2 for dtype in dtypes}


def a_list_of_sizes(shape, dtypes):
    return [torch.ones(shape, dtype=dtype).nbytes / 1e6 for dtype in dtypes]


def dtype_not_passed_on(shape, dtypes):
    return {dtype: torch.ones(shape).nbytes / 1e6 for dtype in dtypes}


def last_of_the_flat_view(depth, rows, columns):
    cube = torch.zeros(depth, rows, columns)
    cube.view(-1)[-1] = 1
    return [cube, cube.dim(), math.prod(cube.shape), int(cube.max())]


def by_comparison(depth, rows, columns):
    elements = depth * rows * columns
    cube = (torch.arange(elements) == elements - 1).float().reshape(depth, rows, columns)
    return cube, len(cube.shape), elements, cube.int()[-1, -1, -1].item()


def nested_lists(depth, rows, columns):
    numbers = [[[0.0] * columns for _ in range(rows)] for _ in range(depth)]
    numbers[depth - 1][rows - 1][columns - 1] = 1.0
    cube = torch.tensor(numbers)
    return cube, cube.ndim, cube.nelement(), round(cube.tolist()[-1][-1][-1])


def through_numpy_copies(frame):
    tensor = torch.from_numpy(frame.to_numpy(dtype="float32", copy=True))
    return [tensor, pd.DataFrame(tensor.numpy().copy(), frame.index, frame.columns)]


def column_by_column(frame):
    columns = [torch.tensor(frame[name].tolist(), dtype=torch.float32) for name in frame]
    tensor = torch.stack(columns, dim=1)
    back = pd.DataFrame(dict(zip(frame.columns, tensor.T.numpy(), strict=True)))
    return tensor, back.set_index(frame.index)


def through_lists(frame):
    tensor = torch.tensor(frame.values.tolist()).float()
    return tensor, pd.DataFrame(tensor.tolist(), columns=frame.columns, index=frame.index)


def with_nbytes(shape, dtypes):
    return {dtype: torch.empty(shape, dtype=dtype).nbytes / 1_000_000 for dtype in dtypes}


def with_the_storage(shape, dtypes):
    sizes = {}
    for dtype in dtypes:
        sizes[dtype] = torch.ones(shape).to(dtype).untyped_storage().nbytes() * 1e-6
    return sizes


def without_tensors(shape, dtypes):
    sizes = [math.prod(shape) * dtype.itemsize / 10**6 for dtype in dtypes]
    return dict(zip(dtypes, sizes, strict=True))


MISTAKES = {
    "marked_cube": [
        (dimensions_in_another_order, "shape"),
        (element_left_a_tensor, "still a tensor"),
        (whole_numbers, "torch.int64, expected torch.float32"),
        (last_table_all_ones, "expected 0"),
        (size_for_elements, "has 24 elements"),
    ],
    "through_a_tensor": [
        (tensor_as_float64, "torch.float64, expected torch.float32"),
        (names_lost, "columns came back as [0, 1]"),
        (index_lost, "index came back as [0, 1, 2]"),
        (frame_handed_back, "not float32 throughout"),
        (memory_shared, "changed the frame"),
    ],
    "megabytes": [
        (in_bytes, "those are bytes"),
        (one_element, "size of one element"),
        (in_mebibytes, "not 2**20"),
        (a_list_of_sizes, "expected a dict"),
        (dtype_not_passed_on, "takes 0.24 MB"),
    ],
}

ALSO_RIGHT = {
    "marked_cube": [last_of_the_flat_view, by_comparison, nested_lists],
    "through_a_tensor": [through_numpy_copies, column_by_column, through_lists],
    "megabytes": [with_nbytes, with_the_storage, without_tensors],
}
