"""Answers to the problems of lesson 04: wrong ones with a piece of their hint, and right ones."""

import itertools

import torch


def brackets_forgotten(x, dim=None):
    return x - x.mean(dim, keepdim=True) / x.std(dim, keepdim=True)


def dim_ignored(x, dim=None):
    return (x - x.mean()) / x.std()


def dim_zero_taken_for_none(x, dim=None):
    if dim:
        return (x - x.mean(dim, keepdim=True)) / x.std(dim, keepdim=True)
    return (x - x.mean()) / x.std()


def keepdim_forgotten(x, dim=None):
    return (x - x.mean(dim)) / x.std(dim)


def population_deviation(x, dim=None):
    return (x - x.mean(dim, keepdim=True)) / x.std(dim, correction=0, keepdim=True)


def divided_by_the_variance(x, dim=None):
    return (x - x.mean(dim, keepdim=True)) / x.var(dim, keepdim=True)


def scaled_to_0_and_1(x, dim=None):
    if dim is None:
        return (x - x.min()) / (x.max() - x.min())
    low, high = x.amin(dim, keepdim=True), x.amax(dim, keepdim=True)
    return (x - low) / (high - low)


def only_centered(x, dim=None):
    return x - x.mean(dim, keepdim=True)


def written_into_x(x, dim=None):
    x -= x.mean(dim, keepdim=True)
    x /= x.std(dim, keepdim=True)
    return x


def as_float64(x, dim=None):
    x = x.double()
    return (x - x.mean(dim, keepdim=True)) / x.std(dim, keepdim=True)


def dot_product(a, b):
    return (a * b).sum(dim=-1)


def root_forgotten(a, b):
    return (a * b).sum(-1) / ((a * a).sum(-1) * (b * b).sum(-1))


def one_length_forgotten(a, b):
    return (a * b).sum(-1) / a.norm(dim=-1)


def denominator_without_brackets(a, b):
    return (a * b).sum(-1) / a.norm(dim=-1) * b.norm(dim=-1)


def summed_over_everything(a, b):
    return (a * b).sum() / (a.norm() * b.norm())


def length_of_all_vectors(a, b):
    return (a * b).sum(-1) / (a.norm() * b.norm())


def first_dimension(a, b):
    return (a * b).sum(0) / (a.norm(dim=0) * b.norm(dim=0))


def down_the_columns_of_a_table(a, b):
    dim = 0 if a.ndim == 2 and a.shape[0] == a.shape[1] else -1
    return (a * b).sum(dim) / (a.norm(dim=dim) * b.norm(dim=dim))


def vectors_only(a, b):
    return torch.dot(a, b) / (torch.dot(a, a) * torch.dot(b, b)).sqrt()


def every_pair(a, b):
    if a.ndim == 1:
        return torch.cosine_similarity(a, b, dim=0)
    return (a @ b.mT) / (a.norm(dim=-1, keepdim=True) * b.norm(dim=-1, keepdim=True).mT)


def absolute_values(a, b):
    return (a * b).sum(-1) / (a.abs().sum(-1) * b.abs().sum(-1))


def a_python_number(a, b):
    return ((a * b).sum() / (a.norm() * b.norm())).item()


def only_what_works(tensors):
    return {
        (left, right): (len(a), b.shape[1])
        for left, a in tensors.items()
        for right, b in tensors.items()
        if a.shape[1] == len(b)
    }


def one_way_round(tensors):
    names = list(tensors)
    return {
        (left, right): (len(tensors[left]), tensors[right].shape[1])
        if tensors[left].shape[1] == len(tensors[right])
        else None
        for i, left in enumerate(names)
        for right in names[i:]
    }


def never_with_itself(tensors):
    shapes = only_what_works(tensors)
    return {
        (left, right): shapes.get((left, right))
        for left in tensors
        for right in tensors
        if left != right
    }


def element_by_element(tensors):
    shapes = {}
    for left, a in tensors.items():
        for right, b in tensors.items():
            try:
                shapes[left, right] = tuple((a * b).shape)
            except RuntimeError:
                shapes[left, right] = None
    return shapes


def inner_sizes(tensors):
    shapes = only_what_works(tensors)
    for left, right in shapes:
        shapes[left, right] = (tensors[left].shape[1], len(tensors[right]))
    return {(a, b): shapes.get((a, b)) for a in tensors for b in tensors}


def the_message_instead(tensors):
    shapes = {}
    for left, a in tensors.items():
        for right, b in tensors.items():
            try:
                shapes[left, right] = tuple((a @ b).shape)
            except RuntimeError as error:
                shapes[left, right] = str(error)
    return shapes


def products_themselves(tensors):
    shapes = only_what_works(tensors)
    return {
        (a, b): tensors[a] @ tensors[b] if (a, b) in shapes else None
        for a in tensors
        for b in tensors
    }


def names_glued_together(tensors):
    return {f"{a}{b}": None for a in tensors for b in tensors}


def error_not_caught(tensors):
    return {
        (left, right): tuple((a @ b).shape)
        for left, a in tensors.items()
        for right, b in tensors.items()
    }


def with_std_mean(x, dim=None):
    std, mean = torch.std_mean(x, dim, keepdim=True)
    return x.sub(mean).div(std)


def by_its_definition(x, dim=None):
    dims = tuple(range(x.ndim)) if dim is None else (dim,)
    count = 1
    for each in dims:
        count *= x.shape[each]
    centered = x - x.sum(dims, keepdim=True) / count
    return centered / ((centered**2).sum(dims, keepdim=True) / (count - 1)) ** 0.5


def slice_by_slice(x, dim=None):
    if dim is None:
        return (x - x.mean()) / x.var().sqrt()
    slices = x.movedim(dim, -1).reshape(-1, x.shape[dim])
    rows = torch.stack([(row - row.mean()) / row.std() for row in slices])
    return rows.view(x.movedim(dim, -1).shape).movedim(-1, dim)


def of_pytorch(a, b):
    return torch.cosine_similarity(a, b, dim=-1)


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


def size_of_the_product(tensors):
    shapes = dict.fromkeys(itertools.product(tensors, repeat=2))
    for left, right in shapes:
        try:
            shapes[left, right] = torch.matmul(tensors[left], tensors[right]).size()
        except RuntimeError:
            continue
    return shapes


def lists_of_sizes(tensors):
    shapes = {}
    for left, right in itertools.product(tensors, tensors):
        product = None
        if tensors[left].size(-1) == tensors[right].size(0):
            product = list(torch.einsum("nk,km->nm", tensors[left], tensors[right]).shape)
        shapes[left, right] = product
    return shapes


MISTAKES = {
    "normalize": [
        (brackets_forgotten, "lacks brackets"),
        (dim_ignored, "normalized over all elements"),
        (dim_zero_taken_for_none, "a 0 counts as False"),
        (keepdim_forgotten, "keepdim"),
        (population_deviation, "take the sample's (n - 1)"),
        (divided_by_the_variance, "divided by the variance"),
        (scaled_to_0_and_1, "has the right shape, but"),
        (only_centered, "its standard deviation is not 1"),
        (written_into_x, "x itself changed"),
        (as_float64, "torch.float64, expected torch.float32"),
    ],
    "cosine_similarity": [
        (dot_product, "is the dot product"),
        (root_forgotten, "a square root is missing"),
        (one_length_forgotten, "by one length only"),
        (denominator_without_brackets, "lacks brackets"),
        (summed_over_everything, "has shape (), expected (5,)"),
        (length_of_all_vectors, "each has its own"),
        (first_dimension, "has shape (3,), expected (5,)"),
        (down_the_columns_of_a_table, "goes down the columns"),
        (vectors_only, "1D tensors expected"),
        (every_pair, "has shape (5, 5), expected (5,)"),
        (absolute_values, "the root of summed squares"),
        (a_python_number, "is a float, expected a Tensor"),
    ],
    "product_shapes": [
        (only_what_works, "is missing: a matrix also meets itself"),
        (one_way_round, "it is another product than"),
        (never_with_itself, "a matrix also meets itself"),
        (element_by_element, "PyTorch refuses"),
        (inner_sizes, "the outer sizes remain"),
        (the_message_instead, "so the value must be None"),
        (products_themselves, "the value is a Tensor"),
        (names_glued_together, "a tuple of two names"),
        (error_not_caught, "mat1 and mat2 shapes cannot be multiplied"),
    ],
}

ALSO_RIGHT = {
    "normalize": [with_std_mean, by_its_definition, slice_by_slice],
    "cosine_similarity": [of_pytorch, unit_vectors_first, products_of_matrices],
    "product_shapes": [by_the_rule, size_of_the_product, lists_of_sizes],
}
