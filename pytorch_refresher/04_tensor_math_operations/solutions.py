"""Lesson 04: one worked answer to each practice problem."""

from torch import Tensor


def normalize(x: Tensor, dim: int | None = None) -> Tensor:
    return (x - x.mean(dim, keepdim=True)) / x.std(dim, keepdim=True)


def cosine_similarity(a: Tensor, b: Tensor) -> Tensor:
    lengths = (a**2).sum(dim=-1).sqrt() * (b**2).sum(dim=-1).sqrt()
    return (a * b).sum(dim=-1) / lengths


def product_shapes(tensors: dict[str, Tensor]) -> dict[tuple[str, str], tuple[int, int] | None]:
    shapes = {}
    for left, a in tensors.items():
        for right, b in tensors.items():
            try:
                shapes[left, right] = tuple((a @ b).shape)
            except RuntimeError:
                shapes[left, right] = None
    return shapes
