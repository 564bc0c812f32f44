"""What lesson 01 claims, checked on its output under any seed."""

import re

from claims_of import claim, number


@claim(at_least=1, at_most=1)
def the_same_seed_gives_the_same_numbers(output: str) -> float:
    return float("torch.equal(second, first) = False, torch.equal(again, first) = True" in output)


@claim(at_most=0.01)
def bfloat16_is_off_by_less_than_a_hundredth(output: str) -> float:
    third = number(output, r"^torch\.bfloat16 +\d+ +\d+ +(\S+)")
    large = number(output, r"^torch\.bfloat16 .* (\S+)$")
    return max(abs(third * 3 - 1), abs(large / 70_000 - 1))


@claim(at_most=0.001)
def the_model_predicts_what_comes_out_by_hand(output: str) -> float:
    by_hand = [float(each) for each in re.findall(r"^by hand: (\S+)$", output, re.MULTILINE)]
    printed = re.search(r"^features @ weights = tensor\(\[(.*)\]\)$", output, re.MULTILINE)[1]
    at_once = [float(each) for each in printed.split(",")]
    return max(abs(a - b) for a, b in zip(by_hand, at_once, strict=True))
