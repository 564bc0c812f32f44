"""What lesson 12 claims, checked on its output under any seed."""

import re

from claims_of import claim, number

ELSEWHERE = {"0.73": "sigmoid(1)", "0.95": "sigmoid(3)", "0.5": "sigmoid(0)"}


def gradients(output: str, name: str) -> list[float]:
    """The norms at all distances and the factor per step of a network, from its last table."""
    found = re.findall(rf"^{name} +(\d\.\de.*)$", output, flags=re.MULTILINE)
    return [float(cell) for cell in found[-1].split()]


def recalled(output: str, name: str) -> list[float]:
    """The shares of right answers of a network in percent."""
    found = re.search(rf"^{name} +(\d+%.*)$", output, flags=re.MULTILINE)
    return [float(cell) for cell in found[1].replace("%", "").split()]


@claim(at_least=7, at_most=7)
def loops_by_hand_and_parts_read_one_after_the_other_agree_with_pytorch(output: str) -> float:
    return len(re.findall(r"\) = True\b", output))


@claim(at_most=0.5)
def an_rnns_gradient_per_step(output: str) -> float:
    return gradients(output, "RNN")[-1]


@claim(at_least=1.2)
def an_rnns_gradient_per_step_with_weights_times_5(output: str) -> float:
    return gradients(output, "RNN, W_h times 5")[-1]


@claim(at_least=0.55, at_most=0.65)
def an_lstms_gradient_per_step(output: str) -> float:
    return gradients(output, "LSTM")[-1]


@claim(at_least=0.75, at_most=0.85)
def an_lstms_gradient_per_step_with_forget_bias_1(output: str) -> float:
    return gradients(output, "LSTM, forget bias 1")[-1]


@claim(at_least=0.95, at_most=1.02)
def an_lstms_gradient_per_step_with_forget_bias_3(output: str) -> float:
    return gradients(output, "LSTM, forget bias 3")[-1]


@claim(at_least=90)
def every_network_recalls_5_letters_back_in_percent(output: str) -> float:
    names = "RNN", "LSTM", "LSTM, forget bias 1", "LSTM, forget bias 3"
    return min(recalled(output, name)[0] for name in names)


@claim(at_most=50)
def a_default_lstm_recalls_10_letters_back_in_percent(output: str) -> float:
    return recalled(output, "LSTM")[1]


@claim(at_least=50)
def forget_bias_1_recalls_10_letters_back_in_percent(output: str) -> float:
    return recalled(output, "LSTM, forget bias 1")[1]


@claim(at_most=50)
def all_but_forget_bias_3_recall_20_letters_back_with_32_units_in_percent(output: str) -> float:
    names = "RNN", "LSTM", "LSTM, forget bias 1"
    return max(recalled(output, name)[2] for name in names)


@claim(at_least=90)
def forget_bias_3_recalls_20_letters_back_in_percent(output: str) -> float:
    return min(recalled(output, "LSTM, forget bias 3")[2:])


@claim(at_least=10, at_most=100)
def an_rnn_of_128_units_recalls_20_letters_back_in_percent(output: str) -> float:
    return recalled(output, "RNN")[3]


@claim(at_least=0.02)
def padding_moves_the_last_states_by_at_least(output: str) -> float:
    found = re.search(r"^padded: off by (\S+) forwards, (\S+) backwards", output, re.MULTILINE)
    return min(map(float, found.groups()))


@claim(at_most=0.0001)
def packing_moves_the_last_states_by_at_most(output: str) -> float:
    found = re.search(r"^packed: off by (\S+) forwards, (\S+) backwards", output, re.MULTILINE)
    return max(map(float, found.groups()))


@claim(at_least=0.6)
def how_much_less_the_model_loses_than_a_bigram(output: str) -> float:
    return number(output, r"^bigram +(\S+)") - number(output, r"^the model +(\S+)")


@claim(at_most=1.75)
def loss_of_the_model_on_unseen_text(output: str) -> float:
    return number(output, r"^the model +(\S+)")


@claim(at_least=70)
def real_words_at_temperature_one_half_in_percent(output: str) -> float:
    return number(output, r"^temperature = 0\.5: (\d+)%")


@claim(at_most=65)
def real_words_at_temperature_1_in_percent(output: str) -> float:
    return number(output, r"^temperature = 1\.0: (\d+)%")
