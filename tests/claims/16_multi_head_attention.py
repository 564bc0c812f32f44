"""What lesson 16 claims, checked on its output under any seed."""

import re

from claims_of import claim


def errors(output: str, num_heads: int) -> list[float]:
    """The errors on the token before and on the first token."""
    line = re.search(rf"^num_heads={num_heads}, .*error (\S+) on .*, (\S+) on", output, re.M)
    return [float(error) for error in line.groups()]


def weights(output: str, num_heads: int) -> list[list[float]]:
    """For each head, its weight on the token before and on the first token."""
    part = output.partition(f"\nnum_heads={num_heads}, ")[2].partition("\nnum_heads")[0]
    found = re.findall(r"head \d+: weight (\S+) on the token before, (\S+) on the first", part)
    return [[float(before), float(first)] for before, first in found]


@claim(at_least=4, at_most=4)
def all_four_comparisons_agree(output: str) -> float:
    return len(re.findall(r"^torch\.allclose\(.*\) = True$", output, re.M))


@claim(at_least=0.45, at_most=0.52)
def one_head_leaves_about_half_of_the_variance(output: str) -> float:
    return sum(errors(output, 1)) / 2


@claim(at_least=0.8)
def one_head_gives_up_one_of_the_two_questions(output: str) -> float:
    return max(errors(output, 1))


@claim(at_most=0.001)
def two_heads_answer_both_questions(output: str) -> float:
    return max(errors(output, 2))


@claim(at_most=0.001)
def four_heads_answer_both_questions(output: str) -> float:
    return max(errors(output, 4))


@claim(at_least=0.9)
def each_of_two_heads_attends_to_one_of_the_two_tokens(output: str) -> float:
    return min(max(head) for head in weights(output, 2))


@claim(at_most=0.1)
def two_heads_divide_the_two_questions_among_them(output: str) -> float:
    return max(min(question) for question in zip(*weights(output, 2), strict=True))


@claim(at_least=1, at_most=1)
def only_the_version_by_hand_gets_nan(output: str) -> float:
    return output.count("NaN in the gradient: True")
