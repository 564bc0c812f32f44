"""What lesson 18 claims, checked on its output under any seed."""

import re

from claims_of import claim, number

# Longer training than fits into the lesson: on a laptop's core, in one run with seed 0.
TWELVE_TIMES = "BUDGET of 12,000 and 6,000 steps at rates 0.01 and 0.004, about 45 s each"
ELSEWHERE = dict.fromkeys(["1.42", "1.44"], TWELVE_TIMES)


def right(output: str, name: str) -> list[float]:
    """In percent: right answers at seen positions and at others, then the lowest and highest run."""
    row = re.search(rf"^{name} +(\S+)% +(\S+)% +(\S+)% and (\S+)%$", output, flags=re.MULTILINE)
    return [float(cell) for cell in row.groups()]


@claim(at_least=4, at_most=4)
def all_four_comparisons_agree(output: str) -> float:
    return len(re.findall(r"^torch\.allclose\(.*\) = True$", output, re.M))


@claim(at_most=0.05)
def one_fast_clock_confuses_two_positions_that_are_so_far_apart(output: str) -> float:
    return number(output, r"^one fast clock .* (\S+) \(\d+ and \d+\)$")


@claim(at_least=1)
def eight_clocks_keep_all_positions_apart_by(output: str) -> float:
    return number(output, r"^8 clocks .* (\S+) \(\d+ and \d+\)$")


@claim(at_most=27)
def without_positions_right_answers_at_seen_positions_in_percent(output: str) -> float:
    return right(output, "no positions")[0]


@claim(at_least=15, at_most=22)
def without_positions_right_answers_at_unseen_positions_in_percent(output: str) -> float:
    return right(output, "no positions")[1]


@claim(at_least=60)
def with_a_causal_mask_and_no_positions_at_seen_positions_in_percent(output: str) -> float:
    return right(output, "none, causal mask")[0]


@claim(at_least=25, at_most=40)
def with_a_causal_mask_and_no_positions_at_unseen_positions_in_percent(output: str) -> float:
    return right(output, "none, causal mask")[1]


@claim(at_least=90)
def each_kind_of_position_at_seen_positions_in_percent(output: str) -> float:
    return min(right(output, name)[0] for name in ("sinusoidal", "learned", "RoPE"))


@claim(at_most=16)
def learned_at_unseen_positions_at_most_in_percent(output: str) -> float:
    return right(output, "learned")[3]


@claim(at_least=5)
def sinusoidal_at_unseen_positions_in_the_lowest_run_in_percent(output: str) -> float:
    return right(output, "sinusoidal")[2]


@claim(at_most=60)
def sinusoidal_at_unseen_positions_in_the_highest_run_in_percent(output: str) -> float:
    return right(output, "sinusoidal")[3]


@claim(at_least=97)
def rope_at_unseen_positions_in_the_lowest_run_in_percent(output: str) -> float:
    return right(output, "RoPE")[2]


@claim(at_least=1.4, at_most=1.65)
def loss_of_the_lstm_on_unseen_text(output: str) -> float:
    return number(output, r"^LSTM: loss (\S+)")


@claim(at_least=1.65, at_most=1.95)
def loss_of_the_transformer_on_unseen_text(output: str) -> float:
    return number(output, r"^transformer: loss (\S+)")


@claim(at_least=25)
def words_of_the_transformer_that_occur_in_the_text_in_percent(output: str) -> float:
    return number(output, r"^It writes, and (\S+)% of its words")
