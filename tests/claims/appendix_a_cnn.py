"""What appendix A claims, checked on its output under any seed."""

import re

from claims_of import claim, number

ARTICLE = "TK's article: validation accuracy after its first three epochs"
ELSEWHERE = dict.fromkeys(["84.0", "81.6", "85.5"], ARTICLE)


def by_shift(output: str, name: str) -> list[float]:
    """Accuracies in percent, from images in the middle to images moved farthest."""
    row = re.search(rf"^{name} +(.*)$", output, re.M)[1]
    return [float(each.rstrip("%")) for each in row.split()]


def mean_of(output: str, variant: str) -> float:
    """The mean validation accuracy of a variant over its seeds, in percent."""
    return number(output, rf"^{re.escape(variant)} +[\d,]+ +(\S+)%")


@claim(at_least=1, at_most=1)
def the_loops_and_conv2d_agree(output: str) -> float:
    return len(re.findall(r"^torch\.equal\(.*\) = True$", output, re.M))


@claim(at_least=95)
def in_the_middle_the_fully_connected_network_gets_this_percentage_right(output: str) -> float:
    return by_shift(output, "fully connected")[0]


@claim(at_most=40)
def moved_by_six_pixels_it_is_down_to_this_percentage(output: str) -> float:
    return by_shift(output, "fully connected")[6]


@claim(at_most=40)
def convolutions_alone_are_down_to_this_percentage(output: str) -> float:
    return by_shift(output, "conv, flattened")[6]


@claim(at_least=90)
def with_global_pooling_the_worst_shift_still_gives_this_percentage(output: str) -> float:
    return min(by_shift(output, "conv, pooled"))


@claim(at_least=0.05)
def a_training_image_changes_from_reading_to_reading(output: str) -> float:
    return number(output, r"^training: .* by (\S+) per value")


@claim(at_most=0)
def a_validation_image_does_not(output: str) -> float:
    return number(output, r"^validation: .* by (\S+) per value")


@claim(at_least=90)
def the_articles_network_reaches_this_validation_accuracy(output: str) -> float:
    return number(output, r"^epoch 2: .* validation: .* accuracy (\S+)%")


@claim(at_most=0)
def at_a_logit_of_20_the_sigmoid_passes_this_gradient(output: str) -> float:
    return number(output, r"^logit 20: .* gradient (\S+) and")


@claim(at_least=-2, at_most=2)
def logits_change_the_mean_by_so_many_points(output: str) -> float:
    return mean_of(output, "logits") - mean_of(output, "as it is")


@claim(at_most=5)
def the_relu_gains_no_more_than_so_many_points(output: str) -> float:
    return mean_of(output, "ReLU") - mean_of(output, "as it is")


@claim(at_least=5)
def batch_norm_gains_so_many_points(output: str) -> float:
    return mean_of(output, "BatchNorm") - mean_of(output, "as it is")


@claim(at_most=-4)
def global_pooling_alone_gains_so_many_points(output: str) -> float:
    return mean_of(output, "pooling") - mean_of(output, "as it is")


@claim(at_least=5)
def batch_norm_and_global_pooling_gain_so_many_points(output: str) -> float:
    return mean_of(output, "BatchNorm + pooling") - mean_of(output, "as it is")


@claim(at_most=0)
def training_goes_on_from_a_checkpoint_as_if_it_had_not_stopped(output: str) -> float:
    return number(output, r"^nothing +missing: .* (\S+)$")


@claim(at_least=0.005)
def without_any_of_its_parts_the_weights_differ_by_this_much(output: str) -> float:
    parts = ("model", "optimizer", "random")
    return min(number(output, rf"^{part} +missing: .* (\S+)$") for part in parts)
