"""Lesson 02: the checks that mark your practice answers."""

from pytorch_refresher._common.marking import expect, expect_close, expect_parts, expect_type

import torch
from torch import Tensor


def check_channels_first(answer) -> None:
    # Rows and columns of different number tell a wrong order by its shape, a square picture
    # tells it by its values alone. More than one picture tells a lost batch.
    batches = [torch.rand(2, 4, 5, 3), torch.rand(3, 6, 6, 2), torch.randint(0, 256, (2, 5, 7, 3))]
    for images in batches:
        result = answer(images.clone())
        expect_type(result, Tensor)
        N, H, W, C = images.shape
        expected = torch.stack([images[..., channel] for channel in range(C)], dim=1)
        turned = expected.transpose(2, 3)
        expect(
            result.shape != turned.shape or not torch.equal(result, turned) or H == W == 1,
            "rows and columns have changed places: each picture lies on its side",
        )
        expect(
            result.shape == (N, C, H, W),
            f"images of shape {tuple(images.shape)} came back as {tuple(result.shape)}, "
            f"expected {(N, C, H, W)}",
        )
        expect(
            not torch.equal(result, images.reshape(N, C, H, W)),
            "the right shape, but the numbers are still in their old order, so the channels are "
            "mixed: which operation reorders dimensions?",
        )
        expect_close(result, expected)


def check_predict_one(answer) -> None:
    # One channel, and K = 1: dimensions of size 1 that must not be squeezed away.
    for C, H, W, K in ((3, 4, 5, 6), (1, 4, 5, 2), (2, 3, 3, 1)):
        sample, weights = torch.randn(C, H, W), torch.randn(C * H * W, K)
        batches = []

        def model(batch, shape=(1, C, H, W), weights=weights, batches=batches):
            expect_type(batch, Tensor, "what the model got")
            expect(
                batch.shape == shape,
                f"the model got shape {tuple(batch.shape)}, expected {shape}: a batch of one, "
                "the batch dimension in front",
            )
            batches.append(batch)
            return batch.flatten(start_dim=1) @ weights

        result = answer(model, sample.clone())
        expect(len(batches) > 0, "the model was never called")
        expect_type(result, Tensor)
        expect(
            result.shape != (1, K),
            f"the result has shape {tuple(result.shape)}: the batch dimension is still there",
        )
        expect(
            K != 1 or result.shape != (),
            "for K = 1 the result has no dimension left: say which one to squeeze",
        )
        expected = (sample.flatten().unsqueeze(0) @ weights)[0]
        expect_close(result, expected)


def check_flatten_and_back(answer) -> None:
    tensors = [
        torch.rand(2, 3, 4),
        torch.arange(30).view(5, 1, 6),
        torch.rand(4, 2, 3).permute(2, 0, 1),  # not contiguous
        torch.rand(3, 5).transpose(0, 1),
        torch.rand(7),
    ]
    for tensor in tensors:
        original = tensor.clone()
        shape = tuple(tensor.shape)
        flat, back = expect_parts(answer(tensor), "flat", "back")
        expect_type(flat, Tensor, "flat")
        expect(
            flat.ndim == 1,
            f"a tensor of shape {shape} has {original.numel()} elements; flat has shape "
            f"{tuple(flat.shape)}, expected one dimension with all of them",
        )
        expected = torch.tensor(
            [original[tuple(place)].item() for place in torch.ones(shape).nonzero().tolist()],
            dtype=original.dtype,
        )
        expect(
            flat.shape != expected.shape
            or torch.equal(flat, expected)
            or not torch.equal(flat.sort().values, expected.sort().values),
            f"flat has all the numbers of a tensor of shape {shape}, but in another order",
        )
        expect_close(flat, expected, "flat")
        expect_close(back, original, "back")
        flat[0] = 99
        expect(
            back[(0,) * back.ndim].item() == 99,
            "flat[0] = 99 did not show in back: make back from flat, without a copy",
        )
