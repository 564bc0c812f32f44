"""What lesson 17 claims, checked on its output under any seed."""

import re

from claims_of import claim


def untrained(output: str, name: str) -> tuple[float, ...]:
    """Of a stack of 64: the size at the end, two cosines, and the ratio of the gradients."""
    row = rf"^{name} +([\d.]+) +([\d.]+) +([\d.]+) +(\S+e[-+]\d+|nan|inf)$"
    return tuple(map(float, re.search(row, output, re.MULTILINE).groups()))


def final_accuracy(output: str, name: str) -> float:
    """In percent, on unseen reviews."""
    return float(re.search(rf"^{name} .*?([\d.]+)%$", output, re.MULTILINE)[1])


@claim(at_least=4, at_most=4)
def our_block_and_pytorchs_agree_wherever_the_lesson_says_so(output: str) -> float:
    return len(re.findall(r"(?:torch\.allclose|same_output)\(.*\) = True$", output, re.MULTILINE))


@claim(at_least=0.98)
def without_residuals_all_tokens_agree_after_two_blocks(output: str) -> float:
    return min(untrained(output, name)[1] for name in ("no residual", "neither"))


@claim(at_most=0.3)
def with_residuals_they_differ_after_two_blocks(output: str) -> float:
    return max(untrained(output, name)[1] for name in ("post-norm", "pre-norm", "no norm"))


@claim(at_most=1e-20)
def with_neither_the_gradient_vanishes(output: str) -> float:
    return untrained(output, "neither")[3]


@claim(at_least=1e4)
def without_norms_the_gradient_explodes(output: str) -> float:
    return untrained(output, "no norm")[3]


@claim(at_least=100)
def without_norms_the_features_grow_to(output: str) -> float:
    return untrained(output, "no norm")[0]


@claim(at_most=8)
def with_pre_norm_they_grow_to(output: str) -> float:
    return untrained(output, "pre-norm")[0]


@claim(at_least=0.1, at_most=10)
def the_gradient_ratio_of_post_norm(output: str) -> float:
    return untrained(output, "post-norm")[3]


@claim(at_least=0.1, at_most=10)
def the_gradient_ratio_of_pre_norm(output: str) -> float:
    return untrained(output, "pre-norm")[3]


@claim(at_least=0.6, at_most=0.95)
def after_all_blocks_the_cosine_of_pre_norm(output: str) -> float:
    return untrained(output, "pre-norm")[2]


@claim(at_least=0.97)
def after_all_blocks_the_cosine_of_post_norm(output: str) -> float:
    return untrained(output, "post-norm")[2]


@claim(at_least=95)
def stacks_with_residuals_and_attention_learn_the_reviews(output: str) -> float:
    return min(final_accuracy(output, name) for name in ("post-norm", "pre-norm", "no norm"))


@claim(at_most=65)
def six_blocks_without_residuals_do_not(output: str) -> float:
    return final_accuracy(output, "no residual")


@claim(at_most=65)
def six_blocks_with_neither_do_not_by_half_time(output: str) -> float:
    return float(re.search(r"^neither +(?:[\d.]+% +){3}([\d.]+)%", output, re.MULTILINE)[1])


@claim(at_least=50, at_most=50)
def without_attention_half_are_right(output: str) -> float:
    return final_accuracy(output, "no attention")
