"""Lesson 01: the checks that mark your practice answers."""

import math

from pytorch_refresher._common.marking import (
    expect,
    expect_close,
    expect_parts,
    expect_type,
    reject,
)

import pandas as pd
import torch
from torch import Tensor

from .solutions import marked_cube, megabytes, through_a_tensor


def check_marked_cube(answer) -> None:
    for shape in ((2, 3, 4), (5, 1, 2), (1, 4, 1)):
        expected, dimensions, elements, last = marked_cube(*shape)
        names = ("the tensor", "number of dimensions", "number of elements", "last element")
        cube, *found = expect_parts(answer(*shape), *names)
        for value, name in zip(found, names[1:], strict=True):
            expect(
                not isinstance(value, Tensor),
                f"{name}: that is still a tensor. Which method makes it a Python number?",
            )

        expect_type(cube, Tensor, "the tensor")
        first = torch.zeros(shape)
        first[0, 0, 0] = 1
        whole_table = torch.zeros(shape)
        whole_table[-1] = 1
        known = {
            "the 1 is in the first place of all. It belongs in the last": first,
            "the whole last table is 1. Only its last number should be": whole_table,
            "every number is 0: set the last one to 1": torch.zeros(shape),
            "every number is 1: start from zeros": torch.ones(shape),
        }
        reject(cube, expected, known)
        expect_close(cube, expected, "the tensor")

        what = f"of a tensor of shape {shape}"
        expect_type(found[0], int, f"the number of dimensions {what}")
        expect_close(int(found[0]), dimensions, f"the number of dimensions {what}")
        expect_type(found[1], int, f"the number of elements {what}")
        hint = "len() counts along the first dimension only. Count the numbers in all of them"
        reject(found[1], elements, {hint: shape[0]})
        expect_close(int(found[1]), elements, f"the number of elements {what}")
        expect_type(found[2], float, "the last element")
        expect_close(float(found[2]), last, "the last element")


# Columns of two types, of float32 alone (one block of memory, which a tensor can share by
# mistake), of whole numbers alone, and a frame of one column.
_FRAMES = (
    ({"age": [31, 54, 17], "height": [1.68, 1.82, -1.59]}, ["ann", "bob", "eve"], None),
    ({"x": [0.1, 1.5], "y": [-3.0, 4.0], "z": [5.0, 6.3]}, [7, 3], "float32"),
    ({"rooms": [3, 4, 2, 9], "floors": [1, 2, 1, 3]}, [10, 20, 30, 40], None),
    ({"price": [0.1, -0.7]}, ["old", "new"], "float64"),
)


def check_through_a_tensor(answer) -> None:
    for columns, index, dtype in _FRAMES:
        frame = pd.DataFrame(columns, index=index, dtype=dtype)
        original = frame.copy(deep=True)
        expected, _ = through_a_tensor(original)
        tensor, back = expect_parts(answer(frame), "the tensor", "the DataFrame")
        expect(frame.equals(original), "the frame that you were given changed: only read it")

        what = f"for a frame with the columns {list(columns)}, the tensor"
        reject(tensor, expected, {f"{what} has rows and columns exchanged": expected.T})
        expect_close(tensor, expected, what)

        expect_type(back, pd.DataFrame, "the second part")
        for name in ("columns", "index"):
            found, wanted = list(getattr(back, name)), list(getattr(original, name))
            expect(found == wanted, f"the {name} came back as {found}, expected {wanted}")
        types = list(back.dtypes)
        hint = f"its columns are {types}, expected numbers"
        expect(all(map(pd.api.types.is_numeric_dtype, types)), hint)
        hint = (
            "the DataFrame has lost its numbers: pandas looks up new labels in old ones, so give "
        )
        expect(not back.isna().any(axis=None), f"{hint}the labels together with the bare numbers")
        numbers = torch.tensor(back.to_numpy(dtype="float64"))
        expect_close(numbers.float(), expected, "the DataFrame")
        # float32 has no 1.68: it keeps 1.67999995. The frame that came in has the 1.68.
        expect(
            back is not frame and torch.equal(numbers, expected.double()),
            "the DataFrame still holds the frame's own numbers: make it from those of the tensor",
        )

        tensor.detach().add_(1)
        hint = "a write into the tensor changed the frame: they share memory. Copy the numbers"
        expect(frame.equals(original), hint)


_FLOATS = [torch.float64, torch.float32, torch.bfloat16]
_OTHERS = [torch.int64, torch.uint8, torch.bool, torch.complex64]
_TENSORS = (
    ((20, 50, 30), _FLOATS + _OTHERS),
    ((1234,), _OTHERS),
    ((), _FLOATS),
    ((3, 1, 5, 7), [torch.float16]),
    ((12, 0), _FLOATS),
)


def check_megabytes(answer) -> None:
    for shape, dtypes in _TENSORS:
        sizes = answer(shape, list(dtypes))
        expect_type(sizes, dict)
        hint = "the keys must be the dtypes that came in, each of them once"
        expect(set(sizes) == set(dtypes), hint)
        for dtype, expected in megabytes(shape, dtypes).items():
            what = f"the size of a {dtype} tensor of shape {shape}"
            expect_type(sizes[dtype], float, what)
            found, elements = float(sizes[dtype]), math.prod(shape)
            known = {
                "those are bytes: divide by 1,000,000": expected * 1e6,
                "that is the size of one element: how many are there?": dtype.itemsize / 1e6,
                "that is the number of elements: each takes some bytes": elements / 1e6,
                "a megabyte here is 1,000,000 bytes, not 2**20": expected * 1e6 / 2**20,
                "the tensor isn't of the dtype that was asked for": elements * 4 / 1e6,
                "it is rounded: return the number as it is": round(expected, 2),
            }
            # Compared in bytes, because `reject` takes millionths of anything for equal.
            in_bytes = {hint: wrong * 1e6 for hint, wrong in known.items()}
            reject(found * 1e6, expected * 1e6, in_bytes)
            right = math.isclose(found, expected, rel_tol=1e-9)
            expect(right, f"{what} is {expected:.6g} MB, you have {found:.6g}")
