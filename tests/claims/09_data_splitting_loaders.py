"""What lesson 09 claims, checked on its output under any seed."""

import re

from claims_of import claim, number


@claim(at_least=100, at_most=100)
def a_model_that_learns_by_heart_knows_all_that_it_has_seen(output: str) -> float:
    return number(output, r"images that it knows: +(\S+)%")


@claim(at_least=45)
def it_is_far_worse_on_new_images(output: str) -> float:
    return 100 - number(output, r"images that are new: +(\S+)%")


@claim(at_most=0)
def no_image_is_in_two_sets(output: str) -> float:
    pairs = ("train & val", "train & test", "val & test")
    return sum(number(output, rf"len\({pair}\) = (\d+)") for pair in pairs)


def test_images_that_stay(output: str, name: str) -> float:
    """The share of the test set that is the same in a second split."""
    same, size = re.search(rf"^{name}: +(\d+) of (\d+) test images", output, re.MULTILINE).groups()
    return int(same) / int(size)


@claim(at_least=1, at_most=1)
def the_same_seed_gives_the_same_test_set(output: str) -> float:
    return test_images_that_stay(output, "the same seed")


@claim(at_most=0.5)
def without_a_generator_most_test_images_are_others(output: str) -> float:
    return test_images_that_stay(output, "no generator")


@claim(at_least=20)
def the_winners_look_good_on_the_images_that_chose_them(output: str) -> float:
    return number(output, r"the best 1%: +validation +(\S+)%")


@claim(at_least=6, at_most=14)
def on_other_images_the_winners_only_guess(output: str) -> float:
    return number(output, r"the best 1%: .* test +(\S+)%")


def range_of(output: str, name: str) -> float:
    least, largest = re.search(rf"{name} +split: (\S+)% to (\S+)% of a class", output).groups()
    return float(largest) - float(least)


@claim(at_least=1.5)
def a_random_split_varies_more_from_class_to_class_than_a_stratified_one(output: str) -> float:
    return range_of(output, "random") / range_of(output, "stratified")


@claim(at_least=20)
def duplicates_add_to_the_share_of_right_answers(output: str) -> float:
    by_photograph = number(output, r"duplicates, split by photograph: (\S+)%")
    return number(output, r"duplicates, split by file: +(\S+)%") - by_photograph


@claim(at_least=70)
def columns_chosen_with_the_exam_in_view_predict_what_cannot_be_predicted(output: str) -> float:
    return number(output, r"columns chosen on all samples: (\S+)%")


@claim(at_least=38, at_most=62)
def columns_chosen_on_training_samples_only_predict_nothing(output: str) -> float:
    return number(output, r"columns chosen on training only: (\S+)%")


@claim(at_least=30)
def without_shuffling_the_last_classes_are_named_more_often(output: str) -> float:
    shuffled = number(output, r"shuffle = True: .* (\S+)% of the answers")
    return number(output, r"shuffle = False: .* (\S+)% of the answers") - shuffled


def draws(output: str, source: str) -> list[str]:
    """The first draws of the first batches of two workers, or twice those of the only worker."""
    found = re.findall(rf"^batch \d+, worker \d+: .*{source} ([\d.]+)", output, re.MULTILINE)
    return [found[0], found[1 if "worker 1:" in output else 0]]


@claim(at_most=0)
def two_workers_draw_the_same_from_a_generator_of_your_own(output: str) -> float:
    first, second = map(float, draws(output, "OWN"))
    return abs(first - second)
