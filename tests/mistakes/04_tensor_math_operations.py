"""Answers to the problems of lesson 04: wrong ones with a piece of their hint, and right ones."""

import itertools

import torch


def dim_zero_taken_for_none(x, dim=None):
    if dim:
        return (x - x.mean(dim, keepdim=True)) / x.std(dim, keepdim=True)
    return (x - x.mean()) / x.std()


def keepdim_forgotten(x, dim=None):
    return (x - x.mean(dim)) / x.std(dim)


def written_into_x(x, dim=None):
    x -= x.mean(dim, keepdim=True)
    x /= x.std(dim, keepdim=True)
    return x


def root_forgotten(a, b):
    return (a * b).sum(-1) / ((a * a).sum(-1) * (b * b).sum(-1))


def sign_lost(a, b):
    return torch.cosine_similarity(a, b, dim=-1).abs()


def down_the_columns_of_a_table(a, b):
    dim = 0 if a.ndim == 2 and a.shape[0] == a.shape[1] else -1
    return torch.cosine_similarity(a, b, dim=dim)


def never_with_itself(tensors):
    return {pair: shape for pair, shape in by_the_rule(tensors).items() if pair[0] != pair[1]}


def element_by_element(tensors):
    shapes = {}
    for left, a in tensors.items():
        for right, b in tensors.items():
            try:
                shapes[left, right] = tuple((a * b).shape)
            except RuntimeError:
                shapes[left, right] = None
    return shapes


def error_not_caught(tensors):
    return {
        (left, right): tuple((a @ b).shape)
        for left, a in tensors.items()
        for right, b in tensors.items()
    }


def with_std_mean(x, dim=None):
    std, mean = torch.std_mean(x, dim, keepdim=True)
    return x.sub(mean).div(std)


def slice_by_slice(x, dim=None):
    if dim is None:
        return (x - x.mean()) / x.var().sqrt()
    slices = x.movedim(dim, -1).reshape(-1, x.shape[dim])
    rows = torch.stack([(row - row.mean()) / row.std() for row in slices])
    return rows.view(x.movedim(dim, -1).shape).movedim(-1, dim)


def unit_vectors_first(a, b):
    a = a / torch.linalg.vector_norm(a, dim=-1, keepdim=True)
    b = b / torch.linalg.vector_norm(b, dim=-1, keepdim=True)
    return torch.einsum("...d,...d->...", a, b)


def products_of_matrices(a, b):
    def dot(left, right):
        return (left.unsqueeze(-2) @ right.unsqueeze(-1)).squeeze(-1).squeeze(-1)

    return dot(a, b) * (dot(a, a) * dot(b, b)).rsqrt()


def by_the_rule(tensors):
    return {
        (left, right): (len(a), b.shape[1]) if a.shape[1] == len(b) else None
        for left, a in tensors.items()
        for right, b in tensors.items()
    }


def sizes_of_the_products(tensors):
    shapes = dict.fromkeys(itertools.product(tensors, repeat=2))
    for left, right in shapes:
        try:
            shapes[left, right] = torch.matmul(tensors[left], tensors[right]).size()
        except RuntimeError:
            continue
    return shapes


MISTAKES = {
    "normalize": [
        (dim_zero_taken_for_none, "a 0 counts as False"),
        (keepdim_forgotten, "keepdim"),
        (written_into_x, "x itself changed"),
    ],
    "cosine_similarity": [
        (root_forgotten, "a square root is missing"),
        (sign_lost, "has lost its sign"),
        (down_the_columns_of_a_table, "goes down the columns"),
    ],
    "product_shapes": [
        (never_with_itself, "the pair ('a', 'a') is missing"),
        (element_by_element, "@ refuses"),
        (error_not_caught, "mat1 and mat2 shapes cannot be multiplied"),
    ],
}

ALSO_RIGHT = {
    "normalize": [with_std_mean, slice_by_slice],
    "cosine_similarity": [unit_vectors_first, products_of_matrices],
    "product_shapes": [by_the_rule, sizes_of_the_products],
}
