"""Lesson 01: the checks that mark your practice answers."""

from pytorch_refresher._common.marking import expect, expect_close, expect_parts, expect_type

import pandas as pd
import torch
from torch import Tensor


def check_marked_cube(answer) -> None:
    for shape in ((2, 3, 4), (5, 1, 2)):
        cube, dimensions, elements, last = expect_parts(
            answer(*shape), "the tensor", "its dimensions", "its elements", "the last element"
        )
        expected = torch.zeros(shape)
        expected[-1, -1, -1] = 1
        expect_close(cube, expected, "the tensor")
        expect_type(dimensions, int, "the number of dimensions")
        expect(
            dimensions == 3, f"a tensor of shape {shape} has 3 dimensions, you have {dimensions}"
        )
        expect_type(elements, int, "the number of elements")
        expect(
            elements == expected.numel(),
            f"a tensor of shape {shape} has {expected.numel()} elements, you have {elements}",
        )
        expect(
            not isinstance(last, Tensor),
            "the last element is still a tensor: which method makes it a Python number?",
        )
        expect_type(last, int, "the last element")
        expect(last == 1, f"the last element is 1, you have {last}")


def check_through_a_tensor(answer) -> None:
    labels = ["ann", "bob", "eve"]
    # A table of float32 alone is one block of memory, which a tensor can share by mistake.
    tables = [
        pd.DataFrame({"age": [31, 54, 17], "height": [1.68, 1.82, 1.59]}, index=labels),
        pd.DataFrame({"x": [0.5, 1.5, 2.5], "y": [3.0, 4.0, 5.0]}, index=labels, dtype="float32"),
    ]
    for frame in tables:
        original = frame.copy(deep=True)
        expected = torch.tensor(original.values, dtype=torch.float32)
        tensor, back = expect_parts(answer(frame), "the tensor", "the DataFrame")
        expect_close(tensor, expected, "the tensor")
        expect_type(back, pd.DataFrame, "the second part")
        expect(
            list(back.columns) == list(original.columns),
            f"the columns came back as {list(back.columns)}, expected {list(original.columns)}",
        )
        expect(
            list(back.index) == labels,
            f"the index came back as {list(back.index)}, expected {labels}",
        )
        # torch.tensor would refuse a column that holds tensors or text, so look at the type first.
        # From tensor.tolist() it is float64 and holds float32's numbers: 1.68 became 1.6799999...
        types = set(back.dtypes.astype(str))
        expect(
            types == {"float32"}
            or (types == {"float64"} and (back.to_numpy() == expected.double().numpy()).all()),
            "the DataFrame is not float32 throughout: make it from the tensor's numbers",
        )
        expect_close(torch.tensor(back.values).float(), expected, "the DataFrame")
        tensor += 1
        expect(frame.equals(original), "writing to the tensor changed the frame: copy the numbers")


def check_megabytes(answer) -> None:
    shape, elements = (20, 50, 30), 30_000
    each = {torch.float64: 8, torch.float32: 4, torch.float16: 2, torch.int64: 8, torch.bool: 1}
    sizes = answer(shape, list(each))
    expect_type(sizes, dict)
    expect(set(sizes) == set(each), "the keys must be the dtypes that came in, each of them once")
    for dtype, bytes_each in each.items():
        found, expected = sizes[dtype], bytes_each * elements / 1e6
        expect(isinstance(found, (int, float)), f"the size of {dtype} is a {type(found).__name__}")
        expect(found != bytes_each * elements, "those are bytes: divide by 1,000,000")
        expect(found != bytes_each, "that is the size of one element: how many are there?")
        expect(found != elements, "that is how many elements there are: each takes some bytes")
        expect(
            abs(found - bytes_each * elements / 2**20) > 1e-9,
            "a megabyte here is 1,000,000 bytes, not 2**20",
        )
        expect(
            abs(found - expected) < 1e-9,
            f"a {dtype} tensor of shape {shape} takes {expected} MB, you have {found}",
        )
