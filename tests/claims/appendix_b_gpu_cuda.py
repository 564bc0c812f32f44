"""What appendix B claims, checked on its output under any seed."""

import re

from claims_of import claim, number

ELSEWHERE = {
    "0.00001": "1e-5 in lesson.py",
    "0.00006": "6e-05, the smallest normal number of float16",
}


def rows(output: str, batch: int) -> dict[str, list[float]]:
    """The lines of a batch's table in section 3, by their first words."""
    table = output.partition(f"\nbatch of {batch} ")[2].partition("\nbatch of")[0]
    found = re.findall(r"^(counted|\w+ \d) +([\d. ]+)$", table, re.M)
    return {name: [float(cell) for cell in cells.split()] for name, cells in found}


@claim(at_most=0.01)
def what_is_counted_differs_from_what_is_measured_by(output: str) -> float:
    differences = []
    for batch in (64, 1024):
        table = rows(output, batch)
        first, last = table["forward 2"], table["step 2"]
        found = [first[0], last[1], last[2], first[3]]
        differences += [abs(a - b) for a, b in zip(table["counted"], found, strict=True)]
    return max(differences)


@claim(at_least=0, at_most=0)
def after_backward_no_activations_are_left(output: str) -> float:
    return max(rows(output, batch)["backward 1"][3] for batch in (64, 1024))


@claim(at_least=1.15)
def with_a_large_batch_the_second_forward_pass_is_the_peak(output: str) -> float:
    totals = {name: sum(row) for name, row in rows(output, 1024).items() if name != "counted"}
    return totals.pop("forward 2") / max(totals.values())


@claim(at_least=0.999, at_most=1.001)
def gradients_of_pieces_are_as_long_as_that_of_the_whole(output: str) -> float:
    return number(output, r", ratio = (\S+)")


@claim(at_least=0.7, at_most=0.75)
def under_autocast_this_part_of_the_activations_is_kept(output: str) -> float:
    bfloat16 = number(output, r"^torch\.bfloat16: (\S+) MB kept")
    return bfloat16 / number(output, r"^torch\.float32: (\S+) MB kept")


@claim(at_least=95)
def percent_of_small_gradients_that_float16_loses(output: str) -> float:
    return number(output, r"^float16 +from .*: +(\S+)% lost")


@claim(at_most=1)
def percent_of_them_that_a_scaler_loses(output: str) -> float:
    return number(output, r"^float16, scaled +from .*: +(\S+)% lost")


@claim(at_least=1.3)
def bfloat16_is_this_many_times_less_exact_than_scaled_float16(output: str) -> float:
    scaled = number(output, r"^float16, scaled .* error +(\S+)%")
    return number(output, r"^bfloat16 .* error +(\S+)%") / scaled


@claim(at_most=0.25)
def checkpointing_keeps_this_part_of_the_activations(output: str) -> float:
    plain = number(output, r"^checkpointed = False: (\S+) MB")
    return number(output, r"^checkpointed = True : (\S+) MB") / plain


@claim(at_least=4, at_most=4)
def all_four_comparisons_agree(output: str) -> float:
    return len(re.findall(r"^torch\.(?:allclose|equal)\(.*\) = True", output, re.M))


@claim(at_least=1, at_most=1)
def without_averaging_the_processes_differ(output: str) -> float:
    return output.count("torch.equal(own_0, own_1) = False")
