"""Lesson 04: one worked answer to each practice problem."""

from torch import Tensor


def normalize(x: Tensor, dim: int | None = None) -> Tensor:
    # keepdim leaves a dimension of size 1 where mean and std went along, so that both line up with
    # x when they are subtracted and divided. Without it, a square table would broadcast the wrong
    # way around and not complain. dim=None means all dimensions, for mean and std as well.
    return (x - x.mean(dim, keepdim=True)) / x.std(dim, keepdim=True)


def cosine_similarity(a: Tensor, b: Tensor) -> Tensor:
    # The last dimension holds the vectors, so every sum goes along dim=-1, whatever is before it.
    dots = (a * b).sum(dim=-1)
    lengths = (a**2).sum(dim=-1).sqrt() * (b**2).sum(dim=-1).sqrt()
    return dots / lengths


def product_shapes(tensors: dict[str, Tensor]) -> dict[tuple[str, str], tuple[int, int] | None]:
    # Ask PyTorch: it knows its own rule. You could as well compare the inner sizes yourself.
    shapes = {}
    for left, a in tensors.items():
        for right, b in tensors.items():
            try:
                shapes[left, right] = tuple((a @ b).shape)
            except RuntimeError:
                shapes[left, right] = None
    return shapes
