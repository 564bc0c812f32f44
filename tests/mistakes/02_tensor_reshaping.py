"""Answers to the problems of lesson 02: wrong ones with a piece of their hint, and right ones."""

import torch


def view_to_the_shape(images):
    N, H, W, C = images.shape
    return images.view(N, C, H, W)


def channels_and_rows_swapped(images):
    return images.transpose(1, 3)


def channels_before_the_batch(images):
    return images.permute(3, 0, 1, 2)


def by_way_of_float(images):
    return images.float().permute(0, 3, 1, 2).to(images.dtype)


def by_way_of_a_list(images):
    return torch.tensor(images.tolist()).permute(0, 3, 1, 2)


def without_a_batch(model, sample):
    return model(sample)


def everything_squeezed(model, sample):
    return model(sample.unsqueeze(0)).squeeze()


def the_callers_sample_changed(model, sample):
    return model(sample.unsqueeze_(0)).squeeze(0)


def shared_where_possible(tensor):
    flat = tensor.flatten()
    return flat, flat.view(tensor.shape)


def columns_first(tensor):
    flat = tensor.permute(tuple(reversed(range(tensor.ndim)))).flatten().clone()
    return flat, tensor.clone()


def back_copied(tensor):
    flat = tensor.clone().flatten()
    return flat, flat.view(tensor.shape).clone()


def last_dimension_moved(images):
    return images.movedim(-1, 1)


def stacked_by_channel(images):
    return torch.stack([images[..., c] for c in range(images.shape[-1])], dim=1)


def with_none_and_an_index(model, sample):
    return model(sample[None])[0]


def stacked_alone(model, sample):
    (result,) = model(torch.stack([sample])).unbind()
    return result


def with_contiguous(tensor):
    flat = tensor.contiguous().clone().reshape(-1)
    return [flat, flat.reshape(tensor.shape)]


def with_unflatten(tensor):
    flat = tensor.flatten().clone()
    return flat, flat.unflatten(0, tensor.shape)


MISTAKES = {
    "channels_first": [
        (view_to_the_shape, "still in their old order"),
        (channels_and_rows_swapped, "lies on its side"),
        (channels_before_the_batch, "came back as (3, 2, 4, 5)"),
        (by_way_of_float, "has the right shape"),
        (by_way_of_a_list, "expected torch.uint8"),
    ],
    "predict_one": [
        (without_a_batch, "the model got shape (3, 4, 5)"),
        (everything_squeezed, "which one to squeeze"),
        (the_callers_sample_changed, "unsqueeze_ changes it"),
    ],
    "flatten_and_back": [
        (shared_where_possible, "copy only if they have to"),
        (columns_first, "but in another order"),
        (back_copied, "make back from flat"),
    ],
}

ALSO_RIGHT = {
    "channels_first": [last_dimension_moved, stacked_by_channel],
    "predict_one": [with_none_and_an_index, stacked_alone],
    "flatten_and_back": [with_contiguous, with_unflatten],
}
