"""Answers to the problems of lesson 02: wrong ones with a piece of their hint, and right ones."""

import torch


def view_to_the_shape(images):
    N, H, W, C = images.shape
    return images.view(N, C, H, W)


def channels_and_rows_swapped(images):
    return images.transpose(1, 3)


def channels_between_rows_and_columns(images):
    return images.transpose(2, 3)


def channels_before_the_batch(images):
    return images.permute(3, 0, 1, 2)


def one_image_only(images):
    return images[0].permute(2, 0, 1)


def made_float(images):
    return images.permute(0, 3, 1, 2).to(torch.float32)


def without_a_batch(model, sample):
    return model(sample)


def batch_at_the_end(model, sample):
    return model(sample.unsqueeze(-1))


def batch_still_there(model, sample):
    return model(sample.unsqueeze(0))


def everything_squeezed(model, sample):
    return model(sample.unsqueeze(0)).squeeze()


def last_dimension_squeezed(model, sample):
    return model(sample.unsqueeze(0)).squeeze(-1)


def sample_without_the_model(model, sample):
    return sample.unsqueeze(0)


def view_of_any_memory(tensor):
    flat = tensor.view(-1)
    return flat, flat.view(tensor.shape)


def batch_kept(tensor):
    flat = tensor.flatten(start_dim=1)
    return flat, flat.reshape(tensor.shape)


def original_handed_back(tensor):
    return tensor.flatten(), tensor


def shape_backwards(tensor):
    flat = tensor.flatten()
    return flat, flat.view(tuple(reversed(tensor.shape)))


def columns_first(tensor):
    flat = tensor.permute(tuple(reversed(range(tensor.ndim)))).flatten()
    return flat, tensor.clone()


def flat_alone(tensor):
    return tensor.flatten()


def back_copied(tensor):
    flat = tensor.flatten()
    return flat, flat.view(tensor.shape).clone()


def last_dimension_moved(images):
    return images.movedim(-1, 1)


def two_transpositions(images):
    return images.transpose(2, 3).transpose(1, 2).contiguous()


def stacked_by_channel(images):
    return torch.stack([images[..., c] for c in range(images.shape[-1])], dim=1)


def with_none_and_an_index(model, sample):
    return model(sample[None])[0]


def stacked_alone(model, sample):
    (result,) = model(torch.stack([sample])).unbind()
    return result


def reshaped(model, sample):
    return model(sample.reshape(1, *sample.shape)).flatten()


def with_reshape(tensor):
    flat = tensor.reshape(-1)
    return [flat, flat.reshape(tensor.shape)]


def with_unflatten(tensor):
    flat = tensor.clone().ravel()
    return flat, flat.unflatten(0, tensor.shape)


def filled_in_a_loop(tensor):
    back = torch.empty(tensor.shape, dtype=tensor.dtype)
    for place in torch.cartesian_prod(*map(torch.arange, tensor.shape)).view(-1, tensor.ndim):
        back[tuple(place)] = tensor[tuple(place)]
    return back.view(-1), back


MISTAKES = {
    "channels_first": [
        (view_to_the_shape, "still in their old order"),
        (channels_and_rows_swapped, "lies on its side"),
        (channels_between_rows_and_columns, "came back as (2, 4, 3, 5)"),
        (channels_before_the_batch, "came back as (3, 2, 4, 5)"),
        (one_image_only, "came back as (3, 4, 5)"),
        (made_float, "torch.float32, expected torch.int64"),
    ],
    "predict_one": [
        (without_a_batch, "the model got shape (3, 4, 5)"),
        (batch_at_the_end, "the model got shape (3, 4, 5, 1)"),
        (batch_still_there, "the batch dimension is still there"),
        (everything_squeezed, "which one to squeeze"),
        (last_dimension_squeezed, "the batch dimension is still there"),
        (sample_without_the_model, "never called"),
    ],
    "flatten_and_back": [
        (view_of_any_memory, "stops with RuntimeError: view size is not compatible"),
        (batch_kept, "expected one dimension"),
        (original_handed_back, "make back from flat"),
        (shape_backwards, "back has shape (4, 3, 2)"),
        (columns_first, "but in another order"),
        (flat_alone, "return 2 things"),
        (back_copied, "make back from flat"),
    ],
}

ALSO_RIGHT = {
    "channels_first": [last_dimension_moved, two_transpositions, stacked_by_channel],
    "predict_one": [with_none_and_an_index, stacked_alone, reshaped],
    "flatten_and_back": [with_reshape, with_unflatten, filled_in_a_loop],
}
