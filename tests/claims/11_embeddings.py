"""What lesson 11 claims, checked on its output under any seed."""

import re

from claims_of import claim, number

ELSEWHERE = {"1.6": "Mikolov et al. (2013), abstract"}


def row(output: str, name: str) -> list[float]:
    """D, both mean cosines and the share of a row of the table of section 5."""
    found = re.search(rf"^{name} +(\S+) +(\S+) +(\S+) +(\S+)%$", output, flags=re.MULTILINE)
    return [float(cell) for cell in found.groups()]


def moving(output: str, name: str) -> list[bool]:
    """Which rows an optimizer moves: used before, used now, never used."""
    found = re.search(rf"^{name} +(moves|-) +(moves|-) +(moves|-)$", output, flags=re.MULTILINE)
    return [cell == "moves" for cell in found.groups()]


@claim(at_least=2, at_most=2)
def a_look_up_equals_the_product_and_packed_outputs_end_in_the_last_state(output: str) -> float:
    return len(re.findall(r"torch\.allclose\(.*\) = True$", output, flags=re.MULTILINE))


@claim(at_least=5, at_most=5)
def optimizers_that_move_the_rows_the_lesson_says(output: str) -> float:
    expected = {
        "SGD": [False, True, False],
        "SGD, momentum": [True, True, False],
        "Adam": [True, True, False],
        "AdamW": [True, True, True],
        "SparseAdam": [False, True, False],
    }
    return sum(moving(output, name) == rows for name, rows in expected.items())


@claim(at_least=4.2, at_most=4.4)
def the_loss_starts_near_a_blind_guess(output: str) -> float:
    return number(output, r"^epoch +0: loss (\S+)")


@claim(at_most=2.6)
def training_brings_the_loss_down(output: str) -> float:
    return number(output, r"^epoch 40: loss (\S+)")


@claim(at_most=60)
def nearest_of_the_same_kind_before_training_in_percent(output: str) -> float:
    return row(output, "untrained")[3]


@claim(at_least=93)
def nearest_of_the_same_kind_after_training_in_percent(output: str) -> float:
    return row(output, "trained")[3]


@claim(at_least=0.8)
def trained_cosine_of_the_same_kind(output: str) -> float:
    return row(output, "trained")[1]


@claim(at_most=0.4)
def trained_cosine_of_other_kinds(output: str) -> float:
    return row(output, "trained")[2]


@claim(at_least=93)
def nearest_of_the_same_kind_by_counting_in_percent(output: str) -> float:
    return row(output, "counts")[3]


@claim(at_most=0.0001)
def averages_of_the_same_words_differ_by(output: str) -> float:
    return number(output, r"as averages they differ by (\S+)")


@claim(at_least=0.05)
def states_of_an_rnn_differ_by(output: str) -> float:
    return number(output, r"as states of an RNN they differ by (\S+)")


@claim(at_least=0.05)
def padding_moves_the_last_state_of_a_short_review_by_at_least(output: str) -> float:
    found = re.findall(r"padded (\S+), packed", output)
    return sorted(map(float, found))[1]  # the longest has no padding


@claim(at_most=0.0001)
def packing_moves_a_last_state_by_at_most(output: str) -> float:
    return max(map(float, re.findall(r"packed (\d\S+)", output)))
