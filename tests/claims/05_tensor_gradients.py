"""What lesson 05 claims, checked on its output. It draws no random numbers: any seed will do."""

import re

from claims_of import claim, number


@claim(at_least=3.999, at_most=4.001)
def a_small_nudge_finds_the_slope_of_x_squared(output: str) -> float:
    return number(output, r"nudge 0\.0001 +y changes (\S+)")


@claim(at_most=0.0001)
def calculus_nudging_and_autograd_agree(output: str) -> float:
    table = output.partition("nudging   autograd\n")[2].partition("\n\n")[0]
    rows = [[float(cell) for cell in line.split()[1:]] for line in table.splitlines()]
    return max(max(row) - min(row) for row in rows)


@claim(at_most=0.0001)
def gradients_of_pieces_add_up_to_that_of_the_whole(output: str) -> float:
    whole = number(output, r"weight\.grad = tensor\((\S+)\) +all the numbers at once")
    return abs(number(output, r"weight\.grad = tensor\((\S+)\) +piece by piece") - whole)


@claim(at_least=0.005)
def no_direction_of_the_compass_is_steeper_than_the_gradient(output: str) -> float:
    compass = re.findall(r"a step [NESW]+ +changes the loss by (\S+)", output)
    along = number(output, r"a step along the gradient +changes the loss by (\S+)")
    return along - max(map(float, compass))


@claim(at_most=0.001)
def forty_steps_end_at_the_lowest_point(output: str) -> float:
    return number(output, r"step 40: .* loss (\S+)")
