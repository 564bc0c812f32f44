"""What lesson 15 claims, checked on its output under any seed."""

import re

from claims_of import claim, number


def row(output: str, d_k: int) -> list[float]:
    """The numbers of a row of the table of section 4."""
    found = re.search(rf"^ *{d_k} +([\d.]+(?: +[\d.]+)*)$", output, flags=re.MULTILINE)
    return [float(cell) for cell in found[1].split()]


@claim(at_most=0.1)
def the_spread_of_the_scores_is_the_root_of_d_k_within(output: str) -> float:
    return max(abs(row(output, d_k)[0] / d_k**0.5 - 1) for d_k in (4, 64, 1024))


@claim(at_least=0.9)
def without_scaling_the_largest_weight_at_1024(output: str) -> float:
    return row(output, 1024)[1]


@claim(at_most=0.3)
def with_scaling_the_largest_weight_anywhere(output: str) -> float:
    return max(row(output, d_k)[3] for d_k in (4, 64, 1024))


@claim(at_least=4)
def how_many_times_smaller_the_unscaled_gradient_gets(output: str) -> float:
    return row(output, 4)[2] / row(output, 1024)[2]


@claim(at_least=0.8, at_most=1.3)
def how_many_times_larger_the_scaled_gradient_gets(output: str) -> float:
    return row(output, 1024)[4] / row(output, 4)[4]


@claim(at_most=0.0001)
def difference_from_pytorch_with_a_bool_mask(output: str) -> float:
    return number(output, r"^largest difference from PyTorch's output: (\S+)")
