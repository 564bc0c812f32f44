"""Wrong answers to the problems of lesson 01, and a piece of the hint that each must get."""

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
