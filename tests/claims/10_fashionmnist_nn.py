"""What lesson 10 claims, checked on its output under any seed."""

import re

from claims_of import claim, number

# Numbers of the README that the lesson prints only on the real data.
REAL = "lesson.py --download with SEED = 0, 1 and 2: the article's training on all 60,000 images"
LINEAR = "the same without ReLU, fed from one tensor"
ELSEWHERE = dict.fromkeys(["83.1", "83.2", "87.0", "87.1", "87.3", "87.6", "0.344", "0.365"], REAL)
ELSEWHERE |= dict.fromkeys(["82.9", "83.6"], LINEAR)


@claim(at_least=2.2, at_most=2.45)
def an_untrained_model_has_about_the_loss_of_a_guess(output: str) -> float:
    return number(output, r"^nn\.NLLLoss\(\)\(log_probabilities, labels\) = (\S+)")


@claim(at_most=0.0001)
def nll_loss_by_hand_and_cross_entropy_are_one_number(output: str) -> float:
    by_hand = number(output, r"^-log_probabilities\[.* = (\S+)")
    two_parts = number(output, r"^nn\.NLLLoss\(\)\(log_probabilities, labels\) = (\S+)")
    one_part = number(output, r"^nn\.CrossEntropyLoss\(\)\(logits, labels\) = (\S+)")
    return max(by_hand, two_parts, one_part) - min(by_hand, two_parts, one_part)


@claim(at_most=70)
def no_straight_line_fences_in_a_circle(output: str) -> float:
    return number(output, r"^without ReLU +(\S+)% of the points")


@claim(at_least=95)
def a_network_with_relu_fences_in_a_circle(output: str) -> float:
    return number(output, r"^with ReLU +(\S+)% of the points")


@claim(at_least=80)
def the_articles_settings_reach_this_test_accuracy_on_the_sample(output: str) -> float:
    return number(output, r"^test +loss \S+, (\S+)%")


def rows(output: str) -> list[list[float]]:
    """Epoch, training loss and accuracy, validation loss and accuracy, how sure when wrong."""
    table = output.partition("when wrong\n")[2].partition("lowest")[0]
    return [[float(each) for each in re.findall(r"\d+\.?\d*", row)] for row in table.splitlines()]


@claim(at_most=0.4)
def in_the_end_the_training_loss_is_this_part_of_that_after_epoch_1(output: str) -> float:
    return rows(output)[-1][1] / rows(output)[0][1]


@claim(at_least=1.05)
def in_the_end_the_validation_loss_is_so_many_times_its_lowest(output: str) -> float:
    return rows(output)[-1][3] / number(output, r"^lowest validation loss (\S+);")


@claim(at_least=-2)
def from_epoch_6_to_12_validation_accuracy_gains_so_many_points(output: str) -> float:
    return rows(output)[-1][4] - rows(output)[2][4]


@claim(at_least=5)
def from_epoch_3_to_12_it_grows_surer_when_wrong_by_so_many_points(output: str) -> float:
    return rows(output)[-1][5] - rows(output)[1][5]


@claim(at_least=80)
def the_best_epoch_reaches_this_test_accuracy(output: str) -> float:
    return number(output, r"test accuracy (\S+)%")


@claim(at_least=10)
def shirts_are_so_many_points_below_the_average_class(output: str) -> float:
    found = re.findall(r"^(\S.*?) +(\S+)% right$", output, flags=re.MULTILINE)
    shares = {name: float(share) for name, share in found}
    return sum(shares.values()) / len(shares) - shares["Shirt"]
