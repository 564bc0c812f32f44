"""What lesson 06 claims, checked on its output under any seed."""

from claims_of import claim, number

EXACT_LOSS = r"^exact +\S+ +\S+ +(\S+)"


def best(output: str, optimizer: str) -> float:
    """The smallest of an optimizer's losses, over all rates."""
    return min(number(output, rf"^{optimizer} +(?:\S+ +){{{place}}}(\S+)") for place in range(4))


@claim(at_least=1)
def clearing_the_gradients_last_gives_the_same_weight(output: str) -> float:
    line = "torch.equal(weight_and_bias(other), weight_and_bias(model)) = True"
    return float(line in output)


@claim(at_least=0.21, at_most=0.24)
def five_hundred_more_epochs_leave_this_part_of_the_distance(output: str) -> float:
    before = number(output, r"^after 500 epochs +(?:\S+ +){3}(\S+)")
    return number(output, r"^after 1000 epochs +(?:\S+ +){3}(\S+)") / before


@claim(at_most=1.05)
def after_1000_epochs_the_loss_is_this_many_times_the_least(output: str) -> float:
    return number(output, r"^after 1000 epochs +\S+ +\S+ +(\S+)") / number(output, EXACT_LOSS)


@claim(at_least=1000)
def a_rate_beyond_the_limit_multiplies_the_loss_by(output: str) -> float:
    line = r"^rate 0\.13 +first loss "
    return number(output, rf"{line}\S+ last loss (\S+)") / number(output, rf"{line}([\d.]+)")


@claim(at_most=1.01)
def standardized_30_epochs_reach_this_many_times_the_least(output: str) -> float:
    return number(output, r"^standardized, rate 0.3: last loss (\S+)") / number(output, EXACT_LOSS)


@claim(at_most=1.05)
def sgd_at_its_best_rate_reaches_this_many_times_the_least(output: str) -> float:
    return best(output, "SGD") / number(output, EXACT_LOSS)


@claim(at_most=1.5)
def momentum_at_its_best_rate_reaches_this_many_times_the_least(output: str) -> float:
    return best(output, "momentum") / number(output, EXACT_LOSS)


@claim(at_most=1.5)
def adam_at_its_best_rate_reaches_this_many_times_the_least(output: str) -> float:
    return best(output, "Adam") / number(output, EXACT_LOSS)


@claim(at_most=0.99)
def best_loss_of_sgd_as_a_part_of_the_next_best(output: str) -> float:
    return best(output, "SGD") / min(best(output, "momentum"), best(output, "Adam"))


@claim(at_least=1, at_most=1.3)
def momentum_at_a_tenth_of_the_rate_gets_about_as_far_as_sgd(output: str) -> float:
    return number(output, r"^momentum +(\S+)") / number(output, r"^SGD +\S+ +(\S+)")


@claim(at_least=100)
def at_a_shared_rate_of_one_hundredth_adam_is_this_many_times_worse(output: str) -> float:
    return number(output, r"^Adam +\S+ +(\S+)") / number(output, r"^SGD +\S+ +(\S+)")


@claim(at_least=50)
def one_flat_tire_makes_mse_expect_this_many_minutes(output: str) -> float:
    return number(output, r"^MSELoss.* = (\S+)")


@claim(at_least=36, at_most=39)
def one_flat_tire_makes_l1_expect_this_many_minutes(output: str) -> float:
    return number(output, r"^L1Loss.* = (\S+)")
