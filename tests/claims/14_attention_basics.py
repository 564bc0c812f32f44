"""What lesson 14 claims, checked on its output under any seed."""

from claims_of import claim, number


def share(output: str, model: str, column: int) -> float:
    """A percentage of whole sequences. Columns: 1 to 4 are lengths, 5 is the mean of all."""
    before = r" +\S+%" * (column - 1)
    return number(output, rf"^{model} attention{before} +(\S+)%")


@claim(at_least=90)
def with_attention_percent_of_whole_sequences_right(output: str) -> float:
    return share(output, "with", 5)


@claim(at_most=50)
def without_attention_percent_of_whole_sequences_right(output: str) -> float:
    return share(output, "without", 5)


@claim(at_least=75)
def with_attention_percent_right_at_16_digits(output: str) -> float:
    return share(output, "with", 4)


@claim(at_most=2)
def without_attention_percent_right_at_16_digits(output: str) -> float:
    return share(output, "without", 4)


@claim(at_least=95)
def both_are_right_in_short_sequences_percent(output: str) -> float:
    return min(share(output, "with", 1), share(output, "without", 1))


@claim(at_least=95)
def percent_of_steps_that_look_at_the_right_place(output: str) -> float:
    return number(output, r"^the largest weight is at the right place in (\S+)%")


@claim(at_most=0.001)
def without_tanh_the_four_scores_by_hand_differ_by(output: str) -> float:
    scores = [
        number(output, rf"^without_tanh = tensor\(\[{'[^,]+, ' * place}([^],]+)")
        for place in range(4)
    ]
    return max(scores) - min(scores)
