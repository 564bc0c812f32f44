"""The datasets of the lessons: real if they were fetched, otherwise built in."""

from pytorch_refresher._data.datasets import fashion_mnist, horse_or_human, oxford_flowers, text

__all__ = ["fashion_mnist", "horse_or_human", "oxford_flowers", "text"]
