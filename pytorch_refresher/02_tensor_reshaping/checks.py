"""Lesson 02: the checks that mark your practice answers."""

from pytorch_refresher._common.marking import (
    expect,
    expect_close,
    expect_parts,
    expect_type,
    reject,
)

import torch
from torch import Tensor


def check_channels_first(answer) -> None:
    # Different sizes tell a wrong order by its shape, square images only by their values.
    batches = [
        torch.rand(2, 4, 5, 3),
        torch.randn(3, 6, 6, 2),
        torch.randint(0, 256, (2, 5, 7, 4), dtype=torch.uint8),
        torch.rand(2, 4, 4, 4) > 0.5,
        torch.rand(1, 4, 5, 3),
        torch.rand(2, 4, 5, 1).double(),
        2**40 + torch.randint(256, (2, 5, 4, 3)),  # float32 can't tell these numbers apart
    ]
    for images in batches:
        given = images.clone()
        result = answer(given)
        expect_type(result, Tensor)
        expect(torch.equal(given, images), "the caller's images changed: return a new tensor")
        N, H, W, C = images.shape
        expected = torch.stack([images[..., channel] for channel in range(C)], dim=1)
        reject(
            result,
            expected,
            {
                "rows and columns have changed places: each image lies on its side": (
                    expected.transpose(2, 3)
                ),
                "the right shape, but the numbers are still in their old order, so the colors are "
                "mixed up: which operation reorders dimensions?": images.reshape(N, C, H, W),
            },
        )
        expect(
            result.shape == (N, C, H, W),
            f"images of shape {tuple(images.shape)} came back as {tuple(result.shape)}, "
            f"expected {(N, C, H, W)}",
        )
        expect_close(result, expected)


def check_predict_one(answer) -> None:
    # One channel, and K = 1: dimensions of size 1 that must not be squeezed away.
    for C, H, W, K in ((3, 4, 5, 6), (1, 4, 5, 2), (2, 3, 3, 1)):
        sample, weights = torch.randn(C, H, W), torch.randn(C * H * W, K)
        calls = []

        def model(batch, shape=(1, C, H, W), weights=weights, calls=calls):
            expect_type(batch, Tensor, "what the model got")
            expect(
                batch.shape == shape,
                f"the model got shape {tuple(batch.shape)}, expected {shape}: a batch of one, "
                "with the batch dimension at the front",
            )
            calls.append(batch)
            return batch.flatten(start_dim=1) @ weights

        given = sample.clone()
        result = answer(model, given)
        expect(len(calls) > 0, "the model was never called")
        expect_type(result, Tensor)
        expect(
            given.shape == sample.shape,
            f"the caller's sample now has shape {tuple(given.shape)}: unsqueeze_ changes it, "
            "unsqueeze doesn't",
        )
        expect(
            result.shape != (1, K) or K == 1 and result.shape == (1,),
            f"the result has shape {tuple(result.shape)}: the batch dimension is still there",
        )
        expect(
            K != 1 or result.shape != (),
            "for K = 1 the result has no dimension left: say which one to squeeze",
        )
        expect_close(result, (sample.flatten().unsqueeze(0) @ weights)[0])


def check_flatten_and_back(answer) -> None:
    tensors = [
        torch.rand(2, 3, 4),
        torch.arange(30, dtype=torch.uint8).view(5, 1, 6),
        torch.rand(4, 2, 3).permute(2, 0, 1),  # not contiguous
        torch.rand(3, 5).transpose(0, 1),
        torch.arange(24).view(12, 2)[:, :1],  # flatten can make a view of this one, too
        torch.rand(7).double(),
    ]
    for tensor in tensors:
        original, what = tensor.clone(), f"of a tensor of shape {tuple(tensor.shape)}, "
        flat, back = expect_parts(answer(tensor), "flat", "back")
        expect_type(flat, Tensor, "flat")
        expected = torch.stack([original[tuple(i)] for i in torch.ones(tensor.shape).nonzero()])
        expect(
            flat.ndim == 1,
            f"{what}flat has shape {tuple(flat.shape)}, expected one dimension with all "
            f"{tensor.numel()} elements",
        )
        in_order = torch.equal(flat, expected)
        expect(
            in_order or not torch.equal(flat.sort().values, expected.sort().values),
            f"{what}flat has all the numbers, but in another order",
        )
        expect_close(flat, expected, f"{what}flat")
        expect_close(back, original, f"{what}back")
        flat[0] = 99
        expect(
            torch.equal(tensor, original),
            f"{what}flat[0] = 99 also changed the caller's: flatten and reshape copy only if "
            "they have to",
        )
        expect(
            back[(0,) * back.ndim].item() == 99,
            "flat[0] = 99 did not appear in back: make back from flat, without a copy",
        )
