"""Lesson 12: RNNs and LSTMs

    h_t = tanh(W_x x_t + b_x + W_h h_(t-1) + b_h)

A recurrent network reads a sequence one position after the other and carries what it has seen
in a hidden state. This lesson writes the steps of an RNN, an LSTM and a GRU out, measures how
far back their gradients reach, trains a model that writes text letter by letter, and shows
the two limits that led to attention.

    python lesson.py             the whole lesson, then your practice report
    python lesson.py --practice  the practice report alone
    python lesson.py --download  the same on Tiny Shakespeare (1.1 MB), fetched first
"""

import math
import re
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section
from pytorch_refresher._data.datasets import text

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

# Shapes are written in comments with these letters throughout the lesson:
#   B batch   L positions (time steps)   D features of each input   H hidden size
#   V vocabulary: how many different characters there are


def rnn_step(x: Tensor, h: Tensor, rnn: nn.RNN) -> Tensor:
    """One time step of nn.RNN: x (B, D) and the state h (B, H) give the next state, (B, H).

    weight_ih_l0 is W_x, (H, D); weight_hh_l0 is W_h, (H, H); each has a bias, (H,).
    Source: Elman, "Finding Structure in Time" (1990), as PyTorch documents nn.RNN.
    """
    from_input = x @ rnn.weight_ih_l0.T + rnn.bias_ih_l0
    from_state = h @ rnn.weight_hh_l0.T + rnn.bias_hh_l0
    return torch.tanh(from_input + from_state)


def lstm_step(x: Tensor, h: Tensor, c: Tensor, lstm: nn.LSTM) -> tuple[Tensor, Tensor]:
    """One time step of nn.LSTM: x (B, D) and the states h, c (B, H) give the next h and c.

    Sources: Hochreiter and Schmidhuber, "Long Short-Term Memory" (1997); the forget gate is
    from Gers, Schmidhuber and Cummins, "Learning to Forget" (2000).
    """
    # One product makes four vectors of H numbers: three gates and what could be written.
    sums = x @ lstm.weight_ih_l0.T + lstm.bias_ih_l0 + h @ lstm.weight_hh_l0.T + lstm.bias_hh_l0
    i, f, g, o = sums.chunk(4, dim=1)  # each (B, H)
    i, f, o = i.sigmoid(), f.sigmoid(), o.sigmoid()  # gates: 0 is shut, 1 is open
    c = f * c + i * g.tanh()  # forget a part of the cell, write a part of the new
    h = o * c.tanh()  # show a part of the cell
    return h, c


def gru_step(x: Tensor, h: Tensor, gru: nn.GRU) -> Tensor:
    """One time step of nn.GRU: x (B, D) and the state h (B, H) give the next state, (B, H).

    Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder" (2014),
    with r applied after the product with W_h, as PyTorch does, not before it.
    """
    r_x, z_x, n_x = (x @ gru.weight_ih_l0.T + gru.bias_ih_l0).chunk(3, dim=1)
    r_h, z_h, n_h = (h @ gru.weight_hh_l0.T + gru.bias_hh_l0).chunk(3, dim=1)
    r, z = (r_x + r_h).sigmoid(), (z_x + z_h).sigmoid()
    n = torch.tanh(n_x + r * n_h)  # r: how much of the old state the new one may look at
    return (1 - z) * n + z * h  # z: how much of the old state stays


def open_forget_gates(lstm: nn.LSTM, bias: float = 3.0) -> nn.LSTM:
    """Let an LSTM of one layer start with its forget gates at about sigmoid(bias); return it.

    Source: Jozefowicz et al., "An Empirical Exploration of Recurrent Network Architectures" (2015).
    """
    H = lstm.hidden_size
    with torch.no_grad():
        lstm.bias_ih_l0[H : 2 * H] = bias  # the second of the four blocks i, f, g, o
        lstm.bias_hh_l0[H : 2 * H] = 0  # PyTorch adds two biases: set the other to 0
    return lstm


class CharacterModel(nn.Module):
    """Embedding, recurrent network, linear layer: at each position logits for what comes next."""

    def __init__(self, vocabulary_size: int, recurrent: nn.RNN | nn.LSTM | nn.GRU) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, recurrent.input_size)
        self.recurrent = recurrent
        self.head = nn.Linear(recurrent.hidden_size, vocabulary_size)

    def forward(self, characters: Tensor, state=None):
        outputs, state = self.recurrent(self.embedding(characters), state)  # (B, L, H)
        return self.head(outputs), state  # (B, L, V), and the state to go on from


def hidden_state_by_hand() -> None:
    section("A hidden state, carried from step to step")

    # The smallest RNN: one input, one unit. 0.5 is the weight of its own last state. The 1 is
    # gone after the step that reads it, its echo is not. And order counts: an average of the
    # inputs could not tell these two sequences apart.
    for sequence in ([1, 0, 0, 0], [0, 0, 0, 1]):
        h, states = 0.0, []
        for x in sequence:
            h = math.tanh(x + 0.5 * h)
            states.append(round(h, 2))
        print(f"{sequence = }, {states = }")

    # nn.RNN does this with vectors: D numbers in at each step, a state of H numbers.
    # batch_first=True: the batch comes first, (B, L, D). Without it, nn.RNN expects (L, B, D).
    rnn = nn.RNN(input_size=4, hidden_size=3, batch_first=True)
    x = torch.randn(2, 5, 4)  # (B=2, L=5, D=4)

    # outputs holds the state after every step, h_n the last one alone.
    outputs, h_n = rnn(x)
    print(f"{outputs.shape = }, {h_n.shape = }")
    h = torch.zeros(2, 3)  # nothing read yet
    for t in range(5):
        h = rnn_step(x[:, t], h, rnn)  # the same weights at every step
        torch.testing.assert_close(h, outputs[:, t], rtol=0, atol=1e-5)
    torch.testing.assert_close(h, h_n[0], rtol=0, atol=1e-5)
    print("The loop by hand and nn.RNN agree: yes")

    # The state is all that is handed on: read three steps, then the rest from that state.
    _, half_way = rnn(x[:, :3])
    torch.testing.assert_close(rnn(x[:, 3:], half_way)[0], outputs[:, 3:])


def gates_by_hand() -> None:
    section("LSTM and GRU: gates decide what is kept")

    x = torch.randn(2, 5, 4)
    lstm = nn.LSTM(input_size=4, hidden_size=3, batch_first=True)
    gru = nn.GRU(input_size=4, hidden_size=3, batch_first=True)
    lstm_outputs, (h_n, c_n) = lstm(x)  # an LSTM carries two states
    gru_outputs, _ = gru(x)
    h, c, h_gru = torch.zeros(3, 2, 3)
    for t in range(5):
        h, c = lstm_step(x[:, t], h, c, lstm)
        h_gru = gru_step(x[:, t], h_gru, gru)
        torch.testing.assert_close(h, lstm_outputs[:, t], rtol=0, atol=1e-5)
        torch.testing.assert_close(h_gru, gru_outputs[:, t], rtol=0, atol=1e-5)
    torch.testing.assert_close(torch.stack([h, c]), torch.cat([h_n, c_n]), rtol=0, atol=1e-5)
    print("The steps by hand agree with nn.LSTM and nn.GRU: yes")

    # What the cell c is for: with the forget gate open and the input gate shut, it is handed
    # on unchanged, whatever is read. An RNN's state goes through tanh at every step.
    with torch.no_grad():
        lstm.bias_ih_l0[:3], lstm.bias_ih_l0[3:6] = -100.0, 100.0  # i is 0, f is 1
    kept = torch.tensor([[0.5, -2.0, 7.0]])
    _, (_, c_n) = lstm(torch.randn(1, 1000, 4), (torch.zeros(1, 1, 3), kept[None]))
    print(f"{kept = }")
    print(f"{c_n[0].detach() = }   1,000 steps later")
    torch.testing.assert_close(c_n[0], kept)

    # The price is parameters: 1 block of weights in an RNN, 3 in a GRU, 4 in an LSTM.
    for kind in (nn.RNN, nn.GRU, nn.LSTM):
        count = sum(parameter.numel() for parameter in kind(64, 64).parameters())
        print(f"{kind.__name__:<4} {count:>6,} parameters at D=64, H=64")


def shapes_of_every_output() -> None:
    section("What comes out: layers and directions")

    # Two layers: the second reads the states of the first. The state has a row for each layer,
    # in front also with batch_first=True: (layers, B, H).
    x = torch.randn(2, 5, 4)  # (B=2, L=5, D=4)
    print("outputs     h_n         c_n")
    for layers, bidirectional in ((1, False), (2, False), (1, True), (2, True)):
        lstm = nn.LSTM(4, 3, layers, batch_first=True, bidirectional=bidirectional)
        outputs, (h_n, c_n) = lstm(x)
        shapes = f"{tuple(outputs.shape)}   {tuple(h_n.shape)}   {tuple(c_n.shape)}"
        print(f"{shapes}   {layers = }, {bidirectional = }")

    # Bidirectional: a second network reads from the end. Its states stand beside the first's,
    # so each position knows what comes before it and what comes after it.
    both = nn.LSTM(4, 3, batch_first=True, bidirectional=True)
    outputs, (h_n, _) = both(x)
    forwards, backwards = outputs.chunk(2, dim=2)  # each (B, L, H)

    # The trap: at the last position, the backward network has read one input. It has read the
    # whole sequence at position 0, and that is what h_n holds.
    torch.testing.assert_close(h_n[0], forwards[:, -1])
    torch.testing.assert_close(h_n[1], backwards[:, 0])
    print("h_n[1] is the backward state at position 0, not at the last: yes")

    # A model that predicts the next character must not be bidirectional: change the last
    # input, and the backward half changes at every position before it.
    changed = torch.cat([x[:, :-1], x[:, -1:] + 1], dim=1)
    forwards_again, backwards_again = both(changed)[0].chunk(2, dim=2)
    torch.testing.assert_close(forwards_again[:, :-1], forwards[:, :-1])
    assert not torch.allclose(backwards_again[:, 0], backwards[:, 0])
    print("The backward half has seen the future: yes")


def gradient_by_distance(recurrent: nn.RNN | nn.LSTM, x: Tensor) -> Tensor:
    """How strongly the last state depends on the input so many steps before it, (L,).

    x: (B, L, D). Returns the norm of the gradient of the last state's sum with respect to each
    input, averaged over the batch: entry 0 is for the last input, entry d for d steps before it.
    """
    x = x.clone().requires_grad_()
    # Sequences of a batch do not touch: the gradient of their sum is each sequence's own.
    recurrent(x)[0][:, -1].sum().backward()
    return x.grad.norm(dim=-1).mean(dim=0).flip(0)


def gradients_vanish() -> None:
    section("How far back does the gradient reach?")
    from pytorch_refresher._common.figures import BLUE, GREEN, ORANGE, RED

    import matplotlib.pyplot as plt

    # Going back one step multiplies the gradient by W_h and by the slope of tanh, forty steps
    # do so forty times: it dies out, or grows beyond measure if the weights are large. An LSTM's
    # cell multiplies it by the forget gate: about 0.5 as PyTorch starts it, 0.95 when opened.
    large = nn.RNN(64, 64, batch_first=True)
    with torch.no_grad():
        large.weight_hh_l0 *= 5
    opened = open_forget_gates(nn.LSTM(64, 64, batch_first=True))
    networks = {
        "RNN": (nn.RNN(64, 64, batch_first=True), RED, "-"),
        "RNN, W_h times 5": (large, ORANGE, "--"),
        "LSTM": (nn.LSTM(64, 64, batch_first=True), BLUE, "-"),
        "LSTM, forget gates open": (opened, GREEN, "--"),
    }
    x = torch.randn(32, 51, 64)  # the same input for all four
    figure, axis = plt.subplots(figsize=(8, 4.2), layout="constrained")
    reach = {}  # what is left after 40 steps
    print("distance                     0         10        20        40   factor a step")
    for name, (network, color, style) in networks.items():
        norm = gradient_by_distance(network, x)
        cells = "  ".join(f"{norm[distance].item():.1e}" for distance in (0, 10, 20, 40))
        factor = (norm[40] / norm[10]).item() ** (1 / 30)
        print(f"{name:<24} {cells}   {factor:>10.2f}")
        reach[name] = (norm[40] / norm[0]).item()
        axis.semilogy(norm.numpy(), style, color=color, label=name, linewidth=2)
    assert reach["RNN"] < reach["LSTM"] < 1e-6
    assert reach["LSTM, forget gates open"] > 1e-2 and reach["RNN, W_h times 5"] > 100
    axis.set(
        title="Over 50 steps an RNN loses the gradient, an LSTM with open forget gates keeps it",
        xlabel="distance: steps between an input and the last state",
        ylabel="norm of the gradient",
    )
    axis.legend()
    save_figure(figure, "gradients")


def accuracy_of_recall(recurrent: nn.Module, distance: int, steps: int = 250) -> float:
    """Train a model to name the first of distance + 1 letters at the end; accuracy on new ones."""
    model = CharacterModel(8, recurrent)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for _ in range(steps):
        letters = torch.randint(8, (32, distance + 1))
        logits, _ = model(letters)
        loss = F.cross_entropy(logits[:, -1], letters[:, 0])
        optimizer.zero_grad()
        loss.backward()
        # Against gradients that explode: shorten them to a norm of 1 if they are longer.
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
    letters = torch.randint(8, (1000, distance + 1))
    right = model(letters)[0][:, -1].argmax(dim=1) == letters[:, 0]
    return right.float().mean().item()


def what_vanishing_means() -> None:
    section("What that means: remember the first letter")

    print("Read 'ceagbchcbhh', then name its first letter: 'c'. Guessing: 12.5% right.")

    # The gradient must carry "the first letter was wrong" back over the distance. Where it
    # arrives as 0, the weights that read that letter never learn what to keep.
    networks = {
        "RNN": lambda: nn.RNN(32, 32, batch_first=True),
        "LSTM": lambda: nn.LSTM(32, 32, batch_first=True),
        "LSTM, forget gates open": lambda: open_forget_gates(nn.LSTM(32, 32, batch_first=True)),
    }
    distances = (2, 5, 10, 20)
    print("right after 250 steps, at distance" + "".join(f"{d:>8}" for d in distances))
    for name, make in networks.items():
        accuracies = [accuracy_of_recall(make(), distance) for distance in distances]
        print(f"{name:<34}" + "".join(f"{accuracy:>8.1%}" for accuracy in accuracies))
        assert accuracies[0] > 0.9  # two steps back is in reach for all, twenty for one
        assert (accuracies[-1] > 0.9) if name == "LSTM, forget gates open" else accuracies[-1] < 0.5


def text_as_numbers(download: bool) -> tuple[str, Tensor, list[str]]:
    section("Text as numbers")

    # Indentation, rulers and the frames of tables teach no words: shorten every run of one
    # sign. \1 is the sign that the bracket found.
    clean = re.sub(r"([^\w\n])\1+", r"\1", text(download))
    vocabulary = sorted(set(clean))
    number_of = {character: number for number, character in enumerate(vocabulary)}
    characters = torch.tensor([number_of[character] for character in clean])
    print(f"{len(clean):,} characters, {len(vocabulary)} different ones")

    # The task: at every position, name the character that comes next. The targets are the
    # inputs moved by one, so L + 1 characters give L questions with their answers.
    print(f"{characters[:8].tolist() = }")
    print(f"{clean[:8] = }")
    print(f"{clean[1:9] = }   what to predict at each position")
    return clean, characters, vocabulary


def train_the_character_model(characters: Tensor, vocabulary: list[str]) -> CharacterModel:
    section("Training it to predict the next character")

    # The last tenth is never trained on.
    train_part, test_part = characters.tensor_split([len(characters) * 9 // 10])
    V, steps = len(vocabulary), 1200
    model = CharacterModel(V, nn.LSTM(32, 128, batch_first=True))
    optimizer = torch.optim.Adam(model.parameters())
    # The learning rate climbs to 0.015 in the first tenth of the steps, then falls to nearly 0.
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.015, steps, pct_start=0.1)
    losses = []
    for step in tqdm(range(1, steps + 1), desc="training", leave=False, disable=None):
        starts = torch.randint(len(train_part) - 48, (16, 1))
        windows = train_part[starts + torch.arange(49)]  # (B=16, L + 1=49)
        logits, _ = model(windows[:, :-1])  # (B, L, V)
        # Every position is a question of its own: (B * L, V) logits, (B * L,) answers.
        loss = F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
        if step % 200 == 0:
            tqdm.write(f"step {step:>4}: loss {statistics.mean(losses[-200:]):.2f}")

    # Two yardsticks on the unseen text: every character equally likely, and each as likely as
    # it is frequent (logarithms of counts are logits). Only reading what came before beats them.
    counts = torch.bincount(train_part, minlength=V).clamp(min=1)  # 0 has no logarithm
    by_frequency = F.cross_entropy(counts.log().expand(len(test_part), V), test_part).item()
    windows = test_part.unfold(0, 201, 200)[:100]  # (B=100, L + 1=201)
    with torch.no_grad():
        logits, _ = model(windows[:, :-1])
    test_loss = F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten()).item()
    print(f"loss on unseen text, all characters alike: {math.log(V):.2f}")
    print(f"loss on unseen text, by frequency:         {by_frequency:.2f}")
    print(f"loss on unseen text, the model:            {test_loss:.2f}")
    assert test_loss < 0.7 * by_frequency
    return model


@torch.no_grad()
def write(model: CharacterModel, vocabulary: list[str], length: int, temperature: float) -> str:
    """Draw `length` characters from the model, each fed back as the next input."""
    character, state, written = torch.tensor([[vocabulary.index("\n")]]), None, ""
    for _ in range(length):
        logits, state = model(character, state)  # one step: the state is all it remembers
        probabilities = (logits[0, -1] / temperature).softmax(dim=0)
        character = probabilities.multinomial(1)[None]  # (B=1, L=1)
        written += vocabulary[character.item()]
    return written


def let_it_write(model: CharacterModel, clean: str, vocabulary: list[str]) -> None:
    section("What it writes")

    # Always taking the most likely character ends in a loop. So draw, with logits divided by a
    # temperature: below 1 the likely becomes likelier, above 1 the choice gets wilder. A word
    # counts as real if it stands in the text; shorter ones come about by chance.
    known = set(re.findall(r"[a-z]{4,}", clean.lower()))
    for temperature in (0.3, 0.5, 1.0):
        written = write(model, vocabulary, 1500, temperature)
        words = re.findall(r"[a-z]{4,}", written.lower())
        real = sum(word in known for word in words) / len(words)
        print(f"at temperature {temperature} real words of four letters and more: {real:.1%}")
        print(f"{written[:300].strip()}\n")
        assert temperature > 0.5 or real > 0.6


@torch.no_grad()
def one_step_after_the_other(cores: int) -> None:
    section("Two limits that attention lifts")

    # The first: step t needs the state of step t - 1, so 2,048 positions are 2,048 small
    # products in a row. A linear layer with as many multiplications does all positions in one.
    # And one product can be shared among cores, each taking some of the positions. The steps
    # cannot: no core may begin before the last step is done.
    rnn, linear = nn.RNN(64, 64, batch_first=True), nn.Linear(64, 128, bias=False)
    assert linear.weight.numel() == rnn.weight_ih_l0.numel() + rnn.weight_hh_l0.numel()

    def milliseconds(network: nn.Module, x: Tensor) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            network(x)
            times.append((time.perf_counter() - start) * 1000)
        return min(times)  # whatever else the computer did only added to the others

    print("length              RNN, ms   one product, ms   ratio")
    for length, where in ((128, "one core"), (2048, "one core"), (2048, "all cores")):
        torch.set_num_threads(1 if where == "one core" else cores)
        x = torch.randn(4, length, 64)
        slow, fast = milliseconds(rnn, x), milliseconds(linear, x)
        print(f"{length:>6,} {where:<10} {slow:>8.2f} {fast:>17.2f} {slow / fast:>7.1f}")
    torch.set_num_threads(1)

    # The second: whatever its length, a sequence is handed on as one state of H numbers.
    for length in (10, 1000):
        _, h_n = rnn(torch.randn(1, length, 64))
        print(f"{length:>5,} positions read, handed on: {h_n.numel()} numbers")


# -----------------------------------------------------------------------------------------
# Practice problems. Replace each `raise NotImplementedError` with your answer and run this
# file again. solutions.py has one answer to each, and the checks that mark yours.
# -----------------------------------------------------------------------------------------


def character_rnn(text: str, hidden_size: int) -> nn.Module:
    """Problem 1. Build a character-level RNN that predicts the next character, and train it.

    text: several hundred characters. Number them by their place in sorted(set(text)); V is how
    many different ones there are. Return a trained model that contains an nn.RNN of
    hidden_size units, one layer, one direction. Given (B, L) character numbers it returns
    logits (B, L, V): at each position, for the character that comes after it. (CharacterModel
    returns a state too, which is allowed.) Train on windows of `text` until the model is right
    for at least 90% of its characters, the first few of a window aside: torch.optim.Adam at a
    learning rate of 0.01 and 150 steps on 16 random windows of 25 characters are enough.
    """
    raise NotImplementedError


def compare_training_speed(
    models: dict[str, nn.Module], batches: list[tuple[Tensor, Tensor]]
) -> dict[str, tuple[float, list[float]]]:
    """Problem 2. Compare the training speed of an RNN and an LSTM on the same task.

    models: {"RNN": one model, "LSTM": another}; each takes characters (B, L) and returns
    logits (B, L, V). batches: pairs of characters and targets, both (B, L). Train each model
    once on all batches, in their order, with torch.optim.Adam at a learning rate of 0.01 and
    the cross-entropy averaged over all B * L positions, without clipping. Return a dictionary
    from each name to a tuple of two things: the seconds that this model's training took in
    all, by time.perf_counter(), and the list of its losses as Python floats, one for each batch.
    """
    raise NotImplementedError


def hidden_state_figure(rnn: nn.RNN, x: Tensor, text: str):
    """Problem 3. Visualize hidden states across a sequence.

    rnn: one layer, one direction, made with batch_first=True. x: (L, D), the vectors of the L
    characters of `text`; nn.RNN also takes a sequence without a batch dimension. Return a
    matplotlib figure with a heat map (imshow or pcolormesh) of the states: a row for each of
    the H units, a column for each position, raw values in colors that span them all. The x
    axis has L ticks, labeled with the characters of `text` in order. Both axes have a label,
    and there is a color bar.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__, download=True)
    # One time step is a small product. A second core would hardly speed it up, and on a busy
    # machine slows it down: the cores wait for each other at every step.
    cores = torch.get_num_threads()
    torch.set_num_threads(1)
    if not arguments.practice:
        hidden_state_by_hand()
        gates_by_hand()
        shapes_of_every_output()
        gradients_vanish()
        what_vanishing_means()
        clean, characters, vocabulary = text_as_numbers(arguments.download)
        model = train_the_character_model(characters, vocabulary)
        let_it_write(model, clean, vocabulary)
        one_step_after_the_other(cores)
    report_practice(__file__)


if __name__ == "__main__":
    main()
