"""Lesson 12: RNNs and LSTMs

Lesson 11 averaged the words of a review, and "good, not bad" became the same vector as "bad, not
good". People don't average. They read one word after the other and keep in mind what they have
read so far. This lesson builds networks that do the same, finds out how far back they can
remember, and ends with one that writes, letter by letter.

    python lesson.py             run the lesson, then mark your practice answers
    python lesson.py --practice  only mark your practice answers
    python lesson.py --download  the same on Tiny Shakespeare (1.1 MB), fetched first
"""

import copy
import math
import sys
import textwrap
from pathlib import Path
from timeit import repeat

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section
from pytorch_refresher._data import text

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

SEED = 0
ECHO = 0.5  # how much of its last state the smallest RNN takes along
# Letters in shapes:
#   B sequences in a batch   L positions (time steps)   D features of an input   H of a state
#   V characters in the vocabulary


def a_state_by_hand() -> None:
    section("Read one word at a time, and keep a state")

    # The smallest network that remembers. Its memory is one number, the state: the next state
    # comes from the next word and from the state so far.
    meaning = {"good": 1.0, "not": 0.0, "bad": -1.0}
    for review in ("good not bad", "bad not good"):
        words = [meaning[word] for word in review.split()]
        state, states = 0.0, []
        for x in words:
            state = math.tanh(x + ECHO * state)  # tanh keeps it between -1 and 1
            states.append(round(state, 2))
        print(f"{review}: average {sum(words) / len(words):.2f}, {states = }")


def nn_rnn_is_a_loop() -> None:
    section("The same with vectors: nn.RNN is a loop")

    # batch_first=True: inputs are (B, L, D). Without it, nn.RNN expects (L, B, D).
    torch.manual_seed(SEED)
    B, L, D, H = 2, 5, 4, 3
    x = torch.randn(B, L, D)
    rnn = nn.RNN(D, H, batch_first=True)
    outputs, h_n = rnn(x)
    print(f"{outputs.shape = }, {h_n.shape = }   all states, and the last one alone")

    # Inside, it is the loop from above. The same weights serve at every position, so a sequence
    # can have any length.
    W_x, b_x = rnn.weight_ih_l0, rnn.bias_ih_l0  # (H, D) and (H,)
    W_h, b_h = rnn.weight_hh_l0, rnn.bias_hh_l0  # (H, H) and (H,)
    h, states = torch.zeros(B, H), []
    for t in range(L):
        h = torch.tanh(x[:, t] @ W_x.T + b_x + h @ W_h.T + b_h)  # (B, H)
        states.append(h)
    print(f"{torch.allclose(torch.stack(states, dim=1), outputs, atol=1e-6) = }")

    # All that the network knows of the past is its state. Stop anywhere, and go on from there.
    _, so_far = rnn(x[:, :3])
    rest, _ = rnn(x[:, 3:], so_far)
    print(f"{torch.allclose(rest, outputs[:, 3:], atol=1e-6) = }")


WIDTH = 64  # D and H of the networks whose gradients are measured
DISTANCES = (0, 10, 20, 40)  # steps back from the last state
SCALES = (1, 2, 3, 5)  # W_h times this


def gradients_vanish() -> dict[str, Tensor]:
    section("What is far back gets no gradient")

    # Read a 1 and then nothing but zeros. The echo of the 1 dies away in the state. So does the
    # gradient: each step back multiplies it by ECHO and by the slope of tanh.
    for steps in (0, 1, 5, 10):
        first = torch.tensor(1.0, requires_grad=True)
        state = torch.tanh(first)
        for _ in range(steps):
            state = torch.tanh(ECHO * state)
        state.backward()
        print(f"{steps:>2} zeros later: state {state.item():.4f}, gradient {first.grad.item():.1e}")

    # With vectors, the weight is a matrix. Small weights shrink the gradient at every step, large
    # ones make it explode. Staying the same takes a factor of 1, and nothing keeps it there.
    networks = {}
    for scale in SCALES:
        torch.manual_seed(SEED)
        networks[f"RNN, W_h times {scale}"] = rnn = nn.RNN(WIDTH, WIDTH, batch_first=True)
        with torch.no_grad():
            rnn.weight_hh_l0 *= scale
    return print_gradients(networks)


def gradient_by_distance(recurrent: nn.Module) -> Tensor:
    """How much the last state depends on the input so many steps before it, (L,).

    Entry d is the norm of the gradient of the last state's sum with respect to that input.
    """
    torch.manual_seed(SEED)  # the same sequences for all networks
    x = torch.randn(32, max(DISTANCES) + 1, WIDTH, requires_grad=True)  # (B, L, D)
    outputs, _ = recurrent(x)
    outputs[:, -1].sum().backward()
    return x.grad.norm(dim=-1).mean(dim=0).flip(0)


def print_gradients(networks: dict[str, nn.RNNBase]) -> dict[str, Tensor]:
    print(f"{'distance':<22}" + "".join(f"{each:>10}" for each in DISTANCES) + "   per step")
    found = {name: gradient_by_distance(network) for name, network in networks.items()}
    for name, norms in found.items():
        cells = "".join(f"{norms[distance].item():>10.1e}" for distance in DISTANCES)
        # If every step back multiplied by the same factor, what would it be?
        factor = (norms[-1] / norms[0]).item() ** (1 / max(len(norms) - 1, 1))
        print(f"{name:<22}{cells} {factor:>10.2f}")
    return found


def lstm_step(x: Tensor, h: Tensor, c: Tensor, lstm: nn.LSTM) -> tuple[Tensor, Tensor]:
    """One time step of an LSTM: x (B, D) and the states h, c (B, H) give the next h and c.

    Sources: Hochreiter and Schmidhuber (1997); the forget gate f: Gers et al. (2000).
    """
    # One product gives four vectors of H numbers: three gates, and what could be written.
    sums = x @ lstm.weight_ih_l0.T + lstm.bias_ih_l0 + h @ lstm.weight_hh_l0.T + lstm.bias_hh_l0
    i, f, g, o = sums.chunk(4, dim=1)  # each (B, H), in PyTorch's order
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()  # keep some of the old, write some of the new
    h = o.sigmoid() * c.tanh()  # show some of it
    return h, c


def gru_step(x: Tensor, h: Tensor, gru: nn.GRU) -> Tensor:
    """One time step of a GRU: x (B, D) and the state h (B, H) give the next state, (B, H).

    Source: Cho et al. (2014). There, r comes before the product with W_h; in PyTorch, after it.
    """
    r_x, z_x, n_x = (x @ gru.weight_ih_l0.T + gru.bias_ih_l0).chunk(3, dim=1)
    r_h, z_h, n_h = (h @ gru.weight_hh_l0.T + gru.bias_hh_l0).chunk(3, dim=1)
    r, z = (r_x + r_h).sigmoid(), (z_x + z_h).sigmoid()
    n = torch.tanh(n_x + r * n_h)  # r: how much of the old state the new one gets to see
    return (1 - z) * n + z * h  # z: how much of the old state stays


def gates_by_hand() -> None:
    section("LSTM and GRU: gates decide what is kept")

    torch.manual_seed(SEED)
    B, L, D, H = 2, 5, 4, 3
    x = torch.randn(B, L, D)
    lstm, gru = nn.LSTM(D, H, batch_first=True), nn.GRU(D, H, batch_first=True)
    _, (h_n, c_n) = lstm(x)  # mind the parentheses: an LSTM carries two states
    _, gru_h_n = gru(x)
    h, c, gru_h = torch.zeros(3, B, H)
    for t in range(L):
        h, c = lstm_step(x[:, t], h, c, lstm)
        gru_h = gru_step(x[:, t], gru_h, gru)
    print(f"{torch.allclose(h, h_n[0], atol=1e-6) = }, {torch.allclose(c, c_n[0], atol=1e-6) = }")
    print(f"{torch.allclose(gru_h, gru_h_n[0], atol=1e-6) = }")

    # What are gates good for? Open the forget gate, shut the input gate, and the cell keeps what
    # it has, whatever is read. There is no tanh on its way, and no matrix.
    with torch.no_grad():
        lstm.bias_ih_l0[:H], lstm.bias_ih_l0[H : 2 * H] = -100.0, 100.0  # i is 0, f is 1
    kept = torch.linspace(-2, 7, H).expand(1, 1, H)
    _, (_, c_n) = lstm(torch.randn(1, 1000, D), (torch.zeros(1, 1, H), kept))
    print(f"{kept.flatten().tolist() = }")
    print(f"{c_n.flatten().tolist() = }   1,000 steps later")


FORGET_BIASES = (1.0, 3.0)


def networks_of(D: int, H: int) -> dict[str, nn.RNNBase]:
    """An RNN, an LSTM, and the same LSTM with forget gates that start at about sigmoid(bias).

    Sources: Gers et al. (2000) start with a positive bias, Jozefowicz et al. (2015) recommend 1.
    """
    torch.manual_seed(SEED)
    networks = {kind.__name__: kind(D, H, batch_first=True) for kind in (nn.RNN, nn.LSTM)}
    for bias in FORGET_BIASES:
        networks[f"LSTM, forget bias {bias:g}"] = lstm = copy.deepcopy(networks["LSTM"])
        with torch.no_grad():
            lstm.bias_ih_l0[H : 2 * H] = bias  # the second of the blocks i, f, g, o
            lstm.bias_hh_l0[H : 2 * H] = 0.0  # PyTorch adds two biases
    return networks


def gates_carry_the_gradient() -> dict[str, Tensor]:
    section("How far back does an LSTM's gradient reach?")

    # Through the cell, each step back multiplies the gradient by the forget gate. So what matters
    # is where that gate starts. As PyTorch makes it, the bias is about 0 and the gate about 0.5.
    # A second way back leads through h and W_h, and adds a little.
    return print_gradients(networks_of(WIDTH, WIDTH))


class CharacterModel(nn.Module):
    """Embedding, recurrent network, linear layer: at each position logits for what comes next."""

    def __init__(self, vocabulary_size: int, recurrent: nn.RNNBase) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, recurrent.input_size)
        self.recurrent = recurrent
        features = recurrent.hidden_size * (1 + recurrent.bidirectional)
        self.head = nn.Linear(features, vocabulary_size)

    def forward(self, ids: Tensor, state=None):
        outputs, state = self.recurrent(self.embedding(ids), state)  # (B, L, H)
        return self.head(outputs), state  # (B, L, V), and the state to go on from


LETTERS, RECALL_STEPS = 8, 120
UNITS_AND_DISTANCES = ((32, 5), (32, 10), (32, 20), (128, 20))


def what_networks_remember() -> None:
    # What does it mean for learning? Here is a task that takes memory and nothing else: read random
    # letters, then name the first of them.
    shares = {}
    for units, distance in UNITS_AND_DISTANCES:
        for name, network in networks_of(16, units).items():
            shares.setdefault(name, []).append(recall(network, distance))
    print(f"\nright after {RECALL_STEPS} training steps; guessing gets {1 / LETTERS:.1%}")
    print(f"{'units':<22}" + "".join(f"{units:>8}" for units, _ in UNITS_AND_DISTANCES))
    print(f"{'distance':<22}" + "".join(f"{distance:>8}" for _, distance in UNITS_AND_DISTANCES))
    for name, row in shares.items():
        print(f"{name:<22}" + "".join(f"{share:>8.0%}" for share in row))


def recall(network: nn.RNNBase, distance: int) -> float:
    """Train a network to name the letter `distance` steps back; its share of right answers."""
    torch.manual_seed(SEED)
    model = CharacterModel(LETTERS, network)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(RECALL_STEPS):
        letters = torch.randint(LETTERS, (32, distance + 1))  # (B, L)
        logits, _ = model(letters)
        loss = F.cross_entropy(logits[:, -1], letters[:, 0])
        optimizer.zero_grad()
        loss.backward()
        # Against gradients that explode: if this one is longer than 1, shorten it to 1.
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
    letters = torch.randint(LETTERS, (1000, distance + 1))
    with torch.inference_mode():
        answers = model.eval()(letters)[0][:, -1].argmax(dim=1)
    return (answers == letters[:, 0]).float().mean().item()


def layers_and_directions() -> None:
    section("Layers, directions, and padding")

    # Two layers: the second reads the states of the first. Bidirectional: a second network reads
    # from the end, so each position knows what comes before it and what comes after it.
    torch.manual_seed(SEED)
    x = torch.randn(2, 5, 4)  # (B, L, D)
    print("layers  directions  outputs     h_n")
    for layers, both_ways in ((1, False), (2, False), (1, True), (2, True)):
        lstm = nn.LSTM(4, 3, layers, batch_first=True, bidirectional=both_ways)
        outputs, (h_n, c_n) = lstm(x)  # c_n has the shape of h_n
        print(f"{layers:>6} {1 + both_ways:>11}  {tuple(outputs.shape)}   {tuple(h_n.shape)}")

    # Where does the backward network end? At position 0. At the last position, it has read one
    # word. h_n knows: (layers * directions, B, H), also with batch_first=True.
    both = nn.GRU(4, 3, batch_first=True, bidirectional=True)
    outputs, h_n = both(x)
    forwards, backwards = outputs.chunk(2, dim=2)  # each (B, L, H)
    print(f"{torch.equal(h_n[0], forwards[:, -1]) = }")
    print(f"{torch.equal(h_n[1], backwards[:, 0]) = }")

    # Say the second sequence has 2 words, and the rest is padding. The forward network ends with
    # it, the backward network begins with it. Packing (lesson 11) spares them both.
    packed = pack_padded_sequence(x, torch.tensor([5, 2]), batch_first=True, enforce_sorted=False)
    alone = both(x[1:, :2])[1][:, 0]  # (2, H): the two words by themselves
    for name, batch in (("padded", x), ("packed", packed)):
        off = (both(batch)[1][:, 1] - alone).abs().amax(dim=1)
        print(f"{name}: off by {off[0]:.4f} forwards, {off[1]:.4f} backwards")


LENGTH = 64  # characters that the model reads at a time
EMBEDDING, HIDDEN = 32, 128
BATCH_SIZE, STEPS, RATE = 8, 600, 0.02


def text_as_ids(download: bool) -> tuple[list[str], Tensor]:
    section("A model that predicts the next character")

    # Python's help texts repeat whole paragraphs. Keep one of each, or the test would ask for
    # text that the model was trained on. Inside a paragraph, all white space becomes one space.
    paragraphs = dict.fromkeys(" ".join(each.split()) for each in text(download).split("\n\n"))
    content = "\n".join(paragraphs)
    vocabulary = sorted(set(content))
    id_of = {character: i for i, character in enumerate(vocabulary)}
    ids = torch.tensor([id_of[character] for character in content])
    print(f"{len(content):,} characters, {len(vocabulary)} different ones")

    # At every position, the model is to name the next character. So the targets are the inputs,
    # moved by one, and LENGTH + 1 characters give LENGTH questions with their answers.
    print(f"{content[:12] = }, {content[1:13] = }")
    return vocabulary, ids


def loss_per_character(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy. logits: (B, L, V), targets: (B, L)."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def train_the_model(V: int, train_ids: Tensor) -> CharacterModel:
    torch.manual_seed(SEED)
    model = CharacterModel(V, nn.LSTM(EMBEDDING, HIDDEN, batch_first=True))
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    # Large steps at first, fine ones at the end: the rate falls to 0 in a straight line.
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=STEPS)
    losses = []
    for step in range(1, STEPS + 1):
        starts = torch.randint(len(train_ids) - LENGTH, (BATCH_SIZE, 1))
        windows = train_ids[starts + torch.arange(LENGTH + 1)]  # (B, LENGTH + 1)
        logits, _ = model(windows[:, :-1])  # (B, L, V)
        loss = loss_per_character(logits, windows[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
        if step % 100 == 0:
            print(f"step {step}: loss {sum(losses[-100:]) / 100:.2f}")
    return model


def compare_with_counting(model: CharacterModel, V: int, train_ids: Tensor, test_ids: Tensor):
    # Is that loss good? Compare it with counting. By frequency: how often does each character
    # occur? Bigram: how often does it follow the one before? The logarithms of counts are logits.
    # Counts start at 1, because nothing is impossible.
    counts = torch.ones(V, V)
    counts.index_put_((train_ids[:-1], train_ids[1:]), torch.ones(()), accumulate=True)
    windows = test_ids.unfold(0, LENGTH + 1, LENGTH)  # (B, LENGTH + 1)
    inputs, targets = windows[:, :-1], windows[:, 1:]
    model.eval()  # this model works the same without it, but yours may have dropout
    with torch.inference_mode():
        answers = {
            "all characters alike": torch.zeros(*targets.shape, V),
            "by frequency": counts.sum(dim=0).log().expand(*targets.shape, V),
            "bigram": counts.log()[inputs],  # a look-up, as in lesson 11
            "the model": model(inputs)[0],
        }
    print("on unseen text         loss   like guessing among")
    for name, logits in answers.items():
        loss = loss_per_character(logits, targets).item()
        print(f"{name:<22} {loss:.2f} {torch.tensor(loss).exp():>10.1f} characters")


TEMPERATURES = (0.5, 1.0)


@torch.inference_mode()
def write(model: CharacterModel, vocabulary: list[str], length: int, temperature: float) -> str:
    """Draw `length` characters, each fed back as the next input, from the start of a paragraph."""
    torch.manual_seed(SEED)
    next_id, state, written = torch.tensor([[vocabulary.index("\n")]]), None, ""
    for _ in range(length):
        logits, state = model(next_id, state)  # one step: the state is all that it remembers
        probabilities = (logits[0, -1] / temperature).softmax(dim=0)  # (V,)
        next_id = probabilities.multinomial(1)[None]  # (B=1, L=1)
        written += vocabulary[next_id.item()]
    return written


def let_it_write(model: CharacterModel, vocabulary: list[str], ids: Tensor) -> None:
    section("What it writes")

    # Always taking the most likely character soon goes round in circles. So draw. Dividing the
    # logits by a temperature below 1 makes likely characters even more likely.
    known = set("".join(vocabulary[i] for i in ids.tolist()).split())
    for temperature in TEMPERATURES:
        written = write(model, vocabulary, 1000, temperature)
        words = [word for word in written.split() if len(word) > 3]
        real = sum(word in known for word in words) / max(len(words), 1)
        print(f"{temperature = }: {real:.0%} of the words with 4 letters or more occur in the text")
        print(textwrap.fill(written[:300], 90, initial_indent="  ", subsequent_indent="  "))


def one_step_after_the_other() -> None:
    section("Two limits that attention lifts")

    # The first: step t needs the state of step t - 1, so 1,024 positions are 1,024 small products
    # in a row. A linear layer with as many weights does all the positions in a single product,
    # and many cores, or a GPU, can share that one.
    rnn, linear = nn.RNN(64, 64, batch_first=True), nn.Linear(64, 128)
    print("positions      RNN   one product")
    for length in (128, 1024):
        x = torch.randn(4, length, 64)  # (B, L, D)
        slow, fast = milliseconds(rnn, x), milliseconds(linear, x)
        print(f"{length:>9,} {slow:>5.2f} ms {fast:>10.2f} ms   {slow / fast:.1f} times as long")

    # The second: whatever its length, a sequence has to fit into one state.
    for length in (10, 1000):
        _, h_n = rnn(torch.randn(1, length, 64))
        print(f"{length:>5,} positions read, {h_n.numel()} numbers to remember them by")


@torch.inference_mode()
def milliseconds(network: nn.Module, x: Tensor) -> float:
    """The shortest of five: whatever else the computer does only adds to it."""
    return 1000 * min(repeat(lambda: network(x), number=1))


# --- The picture


def draw_gradients(rnns: dict[str, Tensor], gated: dict[str, Tensor]) -> None:
    from pytorch_refresher._common.figures import curves

    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
    look = {"yscale": "log", "xlabel": "steps back from the last state"}
    curves(panels[0], rnns, **look, title="RNN: what W_h does to it")
    curves(panels[1], gated, **look, title="LSTM: what its forget gate does to it")
    panels[0].set_ylabel("norm of the gradient")
    save_figure(figure, "gradients")


# -----------------------------------------------------------------------------------------
# Practice. Replace each `raise NotImplementedError` with your answer, then run this file with
# --practice: it marks your answers and tells you what to look at next.
# -----------------------------------------------------------------------------------------


class CharacterRNN(nn.Module):
    """Problem 1 (medium, 20 minutes). Build a character-level RNN that predicts the next character.

    Write the loop over the positions yourself, without nn.RNN and its relatives. forward() takes
    ids, int64 (B, L), and the state to go on from, (B, hidden_size); None means zeros. An embedding
    of any width turns ids into vectors. The next state is tanh of a linear layer of the vector plus
    a linear layer of the state so far. A last linear layer makes logits of each state.
    Return the logits, (B, L, vocabulary_size), and the last state, (B, hidden_size).
    """

    def __init__(self, vocabulary_size: int, hidden_size: int) -> None:
        super().__init__()
        raise NotImplementedError

    def forward(self, ids: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Read ids, going on from the state: the logits and the last state."""


def compare_training_speed(
    models: dict[str, tuple], sequences: list[Tensor], classes: Tensor, steps: int
) -> dict[str, tuple[float, list[float]]]:
    """Problem 2 (medium, 20 minutes). Compare the training speed of RNN and LSTM on one task.

    The task: classify sequences by the state after their own last position. sequences: B tensors
    (length, D), in any order of lengths. classes: int64 (B,). models: {"RNN": (an nn.RNN, a head),
    "LSTM": (an nn.LSTM, a head)}, made with batch_first=True, one layer, one direction; a head is
    an nn.Linear for the last hidden state. Train each pair for `steps` steps, each on all sequences
    as one packed batch: network and head together by one torch.optim.Adam at a learning rate of
    0.01, with mean cross-entropy and without clipping. Return for each name the seconds that its
    training took, by time.perf_counter(), and the list of its losses, one float per step.
    """
    raise NotImplementedError


def gates_and_states(lstm: nn.LSTM, x: Tensor, text: str) -> tuple:
    """Problem 3 (medium, 20 minutes). Look inside an LSTM, and visualize its hidden states.

    nn.LSTM doesn't show its gates, so compute them. lstm: one layer, one direction, made with
    batch_first=True. x: (L, D), one vector per character of `text`. h and c start as zeros.
    Return three things: the forget gates at every position, (L, H), between 0 and 1; the hidden
    states after every position, (L, H); and a matplotlib figure with a heat map (imshow or
    pcolormesh) of those states, one row per unit, one column per position, with the characters
    of `text` below their columns as labels of the x axis.
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__, download=True)
    # One time step is a small product. On a busy machine, two cores would only wait for each other.
    torch.set_num_threads(1)
    if not arguments.practice:
        a_state_by_hand()
        nn_rnn_is_a_loop()
        rnns = gradients_vanish()
        gates_by_hand()
        gated = gates_carry_the_gradient()
        what_networks_remember()
        layers_and_directions()
        vocabulary, ids = text_as_ids(arguments.download)
        train_ids, test_ids = ids.tensor_split([len(ids) * 9 // 10])  # the last tenth is a test
        model = train_the_model(len(vocabulary), train_ids)
        compare_with_counting(model, len(vocabulary), train_ids, test_ids)
        let_it_write(model, vocabulary, ids)
        one_step_after_the_other()
        draw_gradients(rnns, gated)
    report_practice(__file__)


if __name__ == "__main__":
    main()
