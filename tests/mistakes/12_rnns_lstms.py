"""Answers to the problems of lesson 12: wrong ones with a piece of their hint, and right ones."""

import copy
import math
import time

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

# CharacterRNN


class WithCell(nn.Module):
    def __init__(self, vocabulary_size, hidden_size):
        super().__init__()
        self.cell = nn.RNNCell(8, hidden_size)
        self.embedding = nn.Embedding(vocabulary_size, 8)
        self.head = nn.Linear(hidden_size, vocabulary_size)

    def forward(self, ids, state=None):
        logits = []
        for x in self.embedding(ids).unbind(1):
            state = self.cell(x, state)
            logits.append(self.head(state))
        return torch.stack(logits, 1), state


class OneProduct(nn.Module):
    """Input and state side by side, one linear layer for both."""

    def __init__(self, vocabulary_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.table = nn.Embedding(vocabulary_size, 24)
        self.both = nn.Linear(24 + hidden_size, hidden_size)
        self.out = nn.Linear(hidden_size, vocabulary_size)

    def start(self, ids):
        return torch.zeros(ids.shape[0], self.hidden_size)

    def step(self, x, state):
        return self.both(torch.cat((x, state), dim=-1)).tanh()

    def forward(self, ids, state=None):
        state = self.start(ids) if state is None else state
        logits = []
        for t in range(ids.shape[1]):
            state = self.step(self.table(ids[:, t]), state)
            logits.append(self.out(state))
        return torch.stack(logits, dim=1), state


class OwnParameters(nn.Module):
    """No embedding and no linear layer of PyTorch's, a list returned."""

    def __init__(self, vocabulary_size, hidden_size):
        super().__init__()
        self.H = hidden_size
        shapes = (vocabulary_size, hidden_size), (hidden_size,) * 2, (hidden_size, vocabulary_size)
        self.E, self.W, self.U = (nn.Parameter(0.2 * torch.randn(shape)) for shape in shapes)

    def forward(self, ids, state=None):
        h = self.E.new_zeros(len(ids), self.H) if state is None else state
        outputs = torch.empty(len(ids), 0, self.U.size(1))
        for column in ids.T:
            h = (self.E[column] + h @ self.W).tanh()
            outputs = torch.cat([outputs, (h @ self.U)[:, None]], dim=1)
        return [outputs, h]


class NoTanh(OneProduct):
    def step(self, x, state):
        return self.both(torch.cat((x, state), dim=-1))


class IgnoresTheState(OneProduct):
    def forward(self, ids, state=None):
        return super().forward(ids)


class ForgetsAtEveryStep(OneProduct):
    def step(self, x, state):
        return super().step(x, torch.zeros_like(state))


class LastLogitsOnly(OneProduct):
    def forward(self, ids, state=None):
        logits, state = super().forward(ids, state)
        return logits[:, -1], state


class Detached(OneProduct):
    def forward(self, ids, state=None):
        logits, state = super().forward(ids, state)
        return logits, state.detach()


class Shifted(OneProduct):
    """The logits at a position come from the state before it."""

    def forward(self, ids, state=None):
        state = self.start(ids) if state is None else state
        logits = []
        for t in range(ids.shape[1]):
            logits.append(self.out(state))
            state = self.step(self.table(ids[:, t]), state)
        return torch.stack(logits, dim=1), state


class Probabilities(OneProduct):
    def forward(self, ids, state=None):
        logits, state = super().forward(ids, state)
        return logits.softmax(-1), state


class DetachedInTheLoop(OneProduct):
    def step(self, x, state):
        return super().step(x, state.detach())


class Sigmoid(OneProduct):
    def step(self, x, state):
        return self.both(torch.cat((x, state), dim=-1)).sigmoid()


# compare_training_speed


def training(
    models, batch, classes, steps, last=None, lr=0.01, zero=True, head_too=True, clip=math.inf,
    kind=torch.optim.Adam,
):  # fmt: skip
    results = {}
    for name, (network, head) in models.items():
        parameters = list(network.parameters()) + (list(head.parameters()) if head_too else [])
        optimizer, losses = kind(parameters, lr=lr), []
        start = time.perf_counter()
        for _ in range(steps):
            outputs, state = network(batch)
            h = state[0] if isinstance(state, tuple) else state
            loss = F.cross_entropy(head(h[-1] if last is None else last(outputs)), classes)
            if zero:
                optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, clip)
            optimizer.step()
            losses.append(loss.item())
        results[name] = (time.perf_counter() - start, losses)
    return results


def packed(sequences):
    lengths = torch.tensor([len(each) for each in sequences])
    padded = pad_sequence(sequences, batch_first=True)
    return pack_padded_sequence(padded, lengths, batch_first=True, enforce_sorted=False)


def reads_padding(models, sequences, classes, steps):
    return training(models, pad_sequence(sequences, batch_first=True), classes, steps)


def last_position_of_the_batch(models, sequences, classes, steps):
    def last(outputs):
        return pad_packed_sequence(outputs, batch_first=True)[0][:, -1]

    return training(models, packed(sequences), classes, steps, last)


def sorted_and_never_put_back(models, sequences, classes, steps):
    ordered = sorted(sequences, key=len, reverse=True)
    return training(models, packed(ordered), classes, steps)


def no_zero_grad(models, sequences, classes, steps):
    return training(models, packed(sequences), classes, steps, zero=False)


def head_forgotten(models, sequences, classes, steps):
    return training(models, packed(sequences), classes, steps, head_too=False)


def clipped(models, sequences, classes, steps):
    return training(models, packed(sequences), classes, steps, clip=1.0)


def with_weight_decay(models, sequences, classes, steps):
    return training(models, packed(sequences), classes, steps, kind=torch.optim.AdamW)


def copies(models, sequences, classes, steps):
    return training(copy.deepcopy(models), packed(sequences), classes, steps)


def one_clock_for_both(models, sequences, classes, steps):
    began, results = time.perf_counter(), {}
    for name, model in models.items():
        losses = training({name: model}, packed(sequences), classes, steps)[name][1]
        results[name] = (time.perf_counter() - began, losses)
    return results


def unpacked_and_indexed(models, sequences, classes, steps):
    lengths = torch.tensor([len(each) for each in sequences])

    def last(outputs):
        padded, _ = pad_packed_sequence(outputs, batch_first=True)
        return padded[torch.arange(len(lengths)), lengths - 1]

    found = training(models, packed(sequences), classes, steps, last)
    return {name: [seconds, losses] for name, (seconds, losses) in found.items()}


def sorted_with_the_classes(models, sequences, classes, steps):
    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]), reverse=True)
    ordered = packed([sequences[i] for i in order])
    return training(models, ordered, classes[order], steps)


# gates_and_states


def inside(lstm, x):
    """All gates, and the states, (L, H) each."""
    h = c = torch.zeros(lstm.hidden_size)
    rows = []
    for vector in x:
        sums = F.linear(vector, lstm.weight_ih_l0, lstm.bias_ih_l0)
        i, f, g, o = (sums + F.linear(h, lstm.weight_hh_l0, lstm.bias_hh_l0)).chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        rows.append(torch.stack([i, f, o, h]))
    i, f, o, h = torch.stack(rows, dim=1)
    return i, f, o, h


def draw(values, text, shift=0.0):
    figure, axes = plt.subplots()
    axes.imshow(values.detach().numpy(), aspect="auto")
    axes.set_xticks([at + shift for at in range(len(text))], list(text))
    return figure


def input_gates(lstm, x, text):
    i, _, _, h = inside(lstm, x)
    return i.sigmoid(), h, draw(h.T, text)


def before_the_sigmoid(lstm, x, text):
    _, f, _, h = inside(lstm, x)
    return f, h, draw(h.T, text)


def gates_of_the_state_after(lstm, x, text):
    _, _, _, h = inside(lstm, x)
    sums = F.linear(x, lstm.weight_ih_l0, lstm.bias_ih_l0)
    sums = sums + F.linear(h, lstm.weight_hh_l0, lstm.bias_hh_l0)
    return sums.chunk(4, dim=1)[1].sigmoid(), h, draw(h.T, text)


def turned(lstm, x, text):
    _, f, _, h = inside(lstm, x)
    return f.sigmoid(), h, draw(h, text)


def gates_in_the_picture(lstm, x, text):
    _, f, _, h = inside(lstm, x)
    return f.sigmoid(), h, draw(f.sigmoid().T, text)


def ticks_beside_the_columns(lstm, x, text):
    _, f, _, h = inside(lstm, x)
    return f.sigmoid(), h, draw(h.T, text, shift=1.0)


def without_a_loop(lstm, x, text):
    """The states come from nn.LSTM, and the gates from the states before."""
    with torch.no_grad():
        states, _ = lstm(x)
        before = F.pad(states, (0, 0, 1, 0))[:-1]
        sums = x @ lstm.weight_ih_l0.T + before @ lstm.weight_hh_l0.T
        sums += lstm.bias_ih_l0 + lstm.bias_hh_l0
    figure = plt.figure()
    plt.pcolormesh(states.T.numpy())
    plt.xticks([at + 0.5 for at in range(len(text))], list(text))
    plt.colorbar()
    H = lstm.hidden_size
    return torch.sigmoid(sums[:, H : 2 * H]), states, figure


def without_pyplot(lstm, x, text):
    _, f, _, h = inside(lstm, x)
    figure = Figure()
    axes = figure.add_subplot()
    image = axes.imshow(h.T.tolist(), origin="lower")
    axes.xaxis.set_ticks(range(len(text)), labels=list(text))
    figure.colorbar(image)
    return [f.sigmoid().detach(), h.detach(), axes]


MISTAKES = {
    "CharacterRNN": [
        (WithCell, "ready-made recurrent network"),
        (NoTanh, "tanh is missing"),
        (IgnoresTheState, "ignores the state"),
        (ForgetsAtEveryStep, "ignores the state"),
        (LastLogitsOnly, "the logits: shape"),
        (Detached, "no gradient comes through"),
        (Shifted, "make them from the state after it"),
        (Probabilities, "these are probabilities"),
        (DetachedInTheLoop, "is a state detached"),
        (Sigmoid, "not a sigmoid"),
    ],
    "compare_training_speed": [
        (reads_padding, "reads padding"),
        (last_position_of_the_batch, "not of each sequence"),
        (sorted_and_never_put_back, "in another order than the classes"),
        (no_zero_grad, "old gradients"),
        (head_forgotten, "without its head"),
        (one_clock_for_both, "start the clock again"),
        (clipped, "with clipping"),
        (with_weight_decay, "by AdamW"),
        (copies, "train no copy"),
    ],
    "gates_and_states": [
        (input_gates, "these are the input gates"),
        (before_the_sigmoid, "before the sigmoid"),
        (gates_of_the_state_after, "need the state before it"),
        (turned, "this one is turned"),
        (gates_in_the_picture, "what the heat map shows"),
        (ticks_beside_the_columns, "below their own columns"),
    ],
}

ALSO_RIGHT = {
    "CharacterRNN": [OneProduct, OwnParameters],
    "compare_training_speed": [unpacked_and_indexed, sorted_with_the_classes],
    "gates_and_states": [without_a_loop, without_pyplot],
}
