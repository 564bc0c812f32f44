"""What lesson 13 claims, checked on its output under any seed."""

import re

from claims_of import claim, number


def means(output: str, setting: str) -> list[float]:
    """The mean accuracies of a row, in percent: none, BatchNorm, LayerNorm."""
    row = re.search(rf"^{setting}  +(\d.*)$", output, re.MULTILINE)[1]
    return [float(each) for each in re.findall(r"(\d+)% \(", row)]


@claim(at_least=10, at_most=10)
def all_ten_comparisons_agree(output: str) -> float:
    return len(re.findall(r"^torch\.(?:allclose|equal)\(.*\) = True", output, re.MULTILINE))


@claim(at_most=0.002)
def spread_that_eight_plain_layers_leave(output: str) -> float:
    return number(output, r"^ +8 +(\S+) ")


@claim(at_least=0.5)
def spread_that_eight_rescaled_layers_leave(output: str) -> float:
    return number(output, r"^ +8 +\S+ +(\S+)$")


@claim(at_least=0.5)
def the_last_token_moves_token_0_through_batch_norm_by(output: str) -> float:
    return number(output, r"^BatchNorm: .*moves token 0 by up to (\S+)")


@claim(at_most=0)
def the_last_token_moves_token_0_through_layer_norm_by(output: str) -> float:
    return number(output, r"^LayerNorm: .*moves token 0 by up to (\S+)")


@claim(at_most=15)
def accuracy_without_a_norm_from_pytorchs_start_with_sgd(output: str) -> float:
    return means(output, "PyTorch's start, SGD")[0]


@claim(at_most=48)
def accuracy_without_a_norm_from_pytorchs_start_with_adam(output: str) -> float:
    return means(output, "PyTorch's start, Adam")[0]


@claim(at_least=56)
def accuracy_with_either_norm_from_pytorchs_start_with_adam(output: str) -> float:
    return min(means(output, "PyTorch's start, Adam")[1:])


@claim(at_least=5)
def what_batch_norm_gains_from_the_larger_start_with_sgd(output: str) -> float:
    none, batch_norm, _ = means(output, "larger start, SGD")
    return batch_norm - none


@claim(at_most=8)
def what_layer_norm_gains_from_the_larger_start_with_sgd(output: str) -> float:
    none, _, layer_norm = means(output, "larger start, SGD")
    return layer_norm - none


@claim(at_most=9)
def differences_from_the_larger_start_with_adam(output: str) -> float:
    row = means(output, "larger start, Adam")
    return max(row) - min(row)


@claim(at_least=45)
def accuracy_of_batch_norm_at_rate_1(output: str) -> float:
    return means(output, "larger start, SGD, rate 1")[1]


@claim(at_most=25)
def accuracy_of_the_others_at_rate_1(output: str) -> float:
    none, _, layer_norm = means(output, "larger start, SGD, rate 1")
    return max(none, layer_norm)


@claim(at_least=9.5, at_most=10.5)
def ten_times_the_weights_divide_the_gradient_by(output: str) -> float:
    first, second = re.findall(r"norm\(\) = (\S+)$", output, re.MULTILINE)
    return float(first) / float(second)
