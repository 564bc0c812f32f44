"""What lesson 08 claims, checked on its output under any seed."""

import re

from claims_of import claim, number


def best_loss(output: str, values: str) -> float:
    """The least loss of a range in the table of the tiny model, over all learning rates."""
    row = re.search(rf"^{values} +(.*)$", output, re.M)[1]
    return min(float(loss) for loss in row.split() if loss != "diverged")


@claim(at_least=5, at_most=5)
def all_five_comparisons_agree(output: str) -> float:
    return len(re.findall(r"(?:torch\.allclose|torch\.equal|same)\(.*\) = True", output))


@claim(at_least=10)
def the_least_loss_with_bytes_where_answering_0_gives_1(output: str) -> float:
    return best_loss(output, "0 to 255")


@claim(at_least=1.5)
def how_many_times_larger_the_least_loss_is_from_0_to_1_than_around_0(output: str) -> float:
    return best_loss(output, "0 to 1") / best_loss(output, "around 0")


@claim(at_least=1, at_most=1)
def a_coin_by_hand_flips_as_the_transform_does(output: str) -> float:
    calls = re.findall(r"^([F.]+)   (?:RandomHorizontalFlip|FlipByHand)$", output, re.M)
    return len(set(calls))


@claim(at_least=10, at_most=10)
def training_reads_ten_different_tensors(output: str) -> float:
    return number(output, r"^training .*different in 10 reads: (\d+)")


@claim(at_least=1, at_most=1)
def validation_reads_the_same_tensor(output: str) -> float:
    return number(output, r"^validation .*different in 10 reads: (\d+)")
