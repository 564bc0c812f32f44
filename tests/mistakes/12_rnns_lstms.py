"""Wrong answers to the problems of lesson 12, and a piece of the hint that each must get."""

import time

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import nn


class Model(nn.Module):
    def __init__(self, vocabulary_size, recurrent):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, 16)
        self.recurrent = recurrent
        width = recurrent.hidden_size * (2 if recurrent.bidirectional else 1)
        self.head = nn.Linear(width, vocabulary_size)

    def forward(self, characters):
        return self.head(self.recurrent(self.embedding(characters))[0])


class LastPositionOnly(Model):
    def forward(self, characters):
        return super().forward(characters)[:, -1]


class EachCharacterAlone(Model):
    def forward(self, characters):
        steps = self.embedding(characters).flatten(0, 1)[:, None]  # sequences of length 1
        return self.head(self.recurrent(steps)[0]).view(*characters.shape, -1)


def fit(model, text, shift=1, steps=150, seen=None):
    vocabulary = sorted(set(text))
    characters = torch.tensor([vocabulary.index(character) for character in text])[:seen]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        starts = torch.randint(1, len(characters) - 26, (16, 1))
        windows = starts + torch.arange(25)
        loss = F.cross_entropy(
            model(characters[windows]).flatten(0, 1), characters[windows + shift].flatten()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def model_of(text, kind=nn.RNN, size=32, model=Model, **options):
    options = {"batch_first": True} | options
    return model(len(set(text)), kind(16, size, **options))


def not_trained(text, hidden_size):
    return model_of(text)


def trained_for_three_steps(text, hidden_size):
    return fit(model_of(text), text, steps=3)


def an_lstm(text, hidden_size):
    return fit(model_of(text, nn.LSTM), text, steps=30)


def bidirectional(text, hidden_size):
    return fit(model_of(text, bidirectional=True), text, steps=30)


def targets_not_moved(text, hidden_size):
    return fit(model_of(text), text, shift=0)


def targets_moved_back(text, hidden_size):
    return fit(model_of(text), text, shift=-1)


def batch_not_first(text, hidden_size):
    return fit(model_of(text, batch_first=False), text, steps=30)


def own_hidden_size(text, hidden_size):
    return model_of(text, size=64)


def last_position_only(text, hidden_size):
    return model_of(text, model=LastPositionOnly)


def one_character_at_a_time(text, hidden_size):
    return fit(model_of(text, model=EachCharacterAlone), text, steps=30)


def no_recurrence(text, hidden_size):
    return nn.Sequential(nn.Embedding(len(set(text)), 32), nn.Linear(32, len(set(text))))


def training(models, batches, lr=0.01, zero=True, step=True, clock=time.perf_counter):
    results = {}
    for name, model in models.items():
        optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        losses = []
        start = clock()
        for characters, targets in batches:
            loss = F.cross_entropy(model(characters).flatten(0, 1), targets.flatten())
            if zero:
                optimizer.zero_grad()
            loss.backward()
            if step:
                optimizer.step()
            losses.append(loss.item())
        results[name] = (clock() - start, losses)
    return results


def in_milliseconds(models, batches):
    return training(models, batches, clock=lambda: 1000 * time.perf_counter())


def no_step(models, batches):
    return training(models, batches, step=False)


def no_zero_grad(models, batches):
    return training(models, batches, zero=False)


def rate_left_at_its_default(models, batches):
    return training(models, batches, lr=0.001)


def backwards(models, batches):
    return training(models, batches[::-1])


def clock_started_once(models, batches):
    began = time.perf_counter()
    results = {}
    for name, model in models.items():
        losses = training({name: model}, batches)[name][1]
        results[name] = (time.perf_counter() - began, losses)
    return results


def last_batch_timed(models, batches):
    results = training(models, batches)
    return {name: (seconds / len(batches), losses) for name, (seconds, losses) in results.items()}


def forward_passes_timed(models, batches):
    results = {}
    for name, model in models.items():
        optimizer, seconds, losses = torch.optim.Adam(model.parameters(), lr=0.01), 0.0, []
        for characters, targets in batches:
            start = time.perf_counter()
            loss = F.cross_entropy(model(characters).flatten(0, 1), targets.flatten())
            seconds += time.perf_counter() - start
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        results[name] = (seconds, losses)
    return results


def last_loss_only(models, batches):
    results = training(models, batches)
    return {name: (seconds, losses[-1]) for name, (seconds, losses) in results.items()}


def losses_left_tensors(models, batches):
    results = training(models, batches)
    return {
        name: (seconds, [torch.tensor(loss) for loss in losses])
        for name, (seconds, losses) in results.items()
    }


def draw(values, text, labels=True, ticks=True, color_bar=True, **options):
    figure, axis = plt.subplots()
    image = axis.imshow(values.numpy(), **options)
    if ticks:
        axis.set_xticks(range(len(text)), list(text))
    if labels:
        axis.set(xlabel="character", ylabel="unit")
    if color_bar:
        figure.colorbar(image)
    return figure


def turned(rnn, x, text):
    return draw(rnn(x)[0].detach(), text)


def inputs_shown(rnn, x, text):
    return draw(x.T, text)


def last_state_only(rnn, x, text):
    return draw(rnn(x)[1].detach().T, text)


def shown_through_tanh_again(rnn, x, text):
    return draw(rnn(x)[0].detach().T.tanh(), text)


def gradients_not_detached(rnn, x, text):
    return draw(rnn(x)[0].T, text)


def colors_for_positive_states(rnn, x, text):
    return draw(rnn(x)[0].detach().T, text, vmin=0, vmax=1)


def no_axis_labels(rnn, x, text):
    return draw(rnn(x)[0].detach().T, text, labels=False)


def no_characters(rnn, x, text):
    return draw(rnn(x)[0].detach().T, text, ticks=False)


def no_color_bar(rnn, x, text):
    return draw(rnn(x)[0].detach().T, text, color_bar=False)


def lines_instead(rnn, x, text):
    figure, axis = plt.subplots()
    axis.plot(rnn(x)[0].detach().numpy())
    return figure


def axes_returned(rnn, x, text):
    return draw(rnn(x)[0].detach().T, text).axes[0]


# Right answers, written in other ways than the reference.


class OneHotModel(nn.Module):
    """No embedding, sequences as columns, and the state beside the logits."""

    def __init__(self, size, hidden_size):
        super().__init__()
        self.size = size
        self.net = nn.RNN(size, hidden_size, nonlinearity="relu")
        self.out = nn.Linear(hidden_size, size)

    def forward(self, characters, state=None):
        columns = F.one_hot(characters.T, self.size).float()  # (L, B, V)
        outputs, state = self.net(columns, state)
        return self.out(outputs).transpose(0, 1), state


def one_hot_and_columns(text, hidden_size):
    place = {character: number for number, character in enumerate(sorted(set(text)))}
    windows = torch.tensor([place[character] for character in text]).unfold(0, 31, 1)
    model, loss_function = OneHotModel(len(place), hidden_size), nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(120):
        chosen = windows[torch.randperm(len(windows))[:16]]
        loss = loss_function(model(chosen[:, :-1])[0].transpose(1, 2), chosen[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model


def the_whole_text_in_order(text, hidden_size):
    model = model_of(text, size=hidden_size)
    vocabulary = sorted(set(text))
    numbers = torch.tensor(list(map(vocabulary.index, text)))
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.005)
    pieces = [numbers[start : start + 41] for start in range(0, len(numbers) - 41, 10)]
    batch = torch.stack(pieces)
    for _ in range(100):
        model.zero_grad()
        logits = model(batch[:, :-1])
        F.nll_loss(
            logits.log_softmax(-1).reshape(-1, len(vocabulary)), batch[:, 1:].reshape(-1)
        ).backward()
        optimizer.step()
    return model.eval()


def each_batch_timed(models, batches):
    seconds, losses = dict.fromkeys(models, 0.0), {name: [] for name in models}
    optimizers = {
        name: torch.optim.Adam(model.parameters(), lr=1e-2) for name, model in models.items()
    }
    for name in sorted(models):
        for characters, targets in batches:
            start = time.perf_counter()
            optimizers[name].zero_grad()
            loss = nn.CrossEntropyLoss()(models[name](characters).transpose(1, 2), targets)
            loss.backward()
            optimizers[name].step()
            seconds[name] += time.perf_counter() - start
            losses[name].append(float(loss.detach()))
    return {name: (seconds[name], losses[name]) for name in models}


def batches_outside(models, batches):
    """Both models take turns on each batch."""
    results = {name: [0.0, []] for name in models}
    optimizers = {
        name: torch.optim.Adam(model.parameters(), lr=0.01, foreach=False)
        for name, model in models.items()
    }
    for characters, targets in batches:
        for name, model in models.items():
            start = time.perf_counter()
            logits = model(characters)
            rows = logits.reshape(-1, logits.size(-1))
            loss = -rows.log_softmax(-1)[torch.arange(len(rows)), targets.reshape(-1)].mean()
            model.zero_grad()
            loss.backward()
            optimizers[name].step()
            results[name][0] += time.perf_counter() - start
            results[name][1].append(loss.item())
    return {name: tuple(result) for name, result in results.items()}


def step_by_step_as_a_mesh(rnn, x, text):
    h, columns = None, []
    for vector in x:
        _, h = rnn(vector[None], h)
        columns.append(h[0].detach())
    figure, axis = plt.subplots()
    mesh = axis.pcolormesh(torch.stack(columns, dim=1).numpy(), cmap="viridis")
    axis.set_xticks([position + 0.5 for position in range(len(text))])
    axis.set_xticklabels(list(text))
    axis.set_xlabel("character read")
    axis.set_ylabel("hidden unit")
    figure.colorbar(mesh, ax=axis)
    return figure


def by_hand_without_pyplot(rnn, x, text):
    h, states = torch.zeros(rnn.hidden_size), []
    with torch.no_grad():
        for vector in x:
            h = torch.tanh(
                rnn.weight_ih_l0 @ vector + rnn.bias_ih_l0 + rnn.weight_hh_l0 @ h + rnn.bias_hh_l0
            )
            states.append(h.tolist())
    figure = Figure()
    axis = figure.add_subplot()
    image = axis.imshow(list(zip(*states, strict=True)), origin="lower", aspect="auto")
    axis.xaxis.set_ticks(range(len(text)), labels=list(text))
    axis.set(xlabel="position", ylabel="unit", title="states")
    figure.colorbar(image)
    return figure


def a_batch_of_one(rnn, x, text):
    states = rnn(x.unsqueeze(0))[0].squeeze(0).detach()
    figure = plt.figure()
    plt.imshow(states.mT.numpy())
    plt.xticks(torch.arange(len(text)).tolist(), list(text))
    plt.xlabel("character")
    plt.ylabel("unit")
    plt.colorbar()
    return figure


MISTAKES = {
    "character_rnn": [
        (not_trained, "was it trained"),
        (trained_for_three_steps, "was it trained"),
        (an_lstm, "contains an nn.LSTM"),
        (bidirectional, "a bidirectional network reads"),
        (targets_not_moved, "the character that it has read"),
        (targets_moved_back, "the character before"),
        (batch_not_first, "batch_first=True"),
        (own_hidden_size, "has 64 units, hidden_size is 32"),
        (last_position_only, "logits for every position"),
        (one_character_at_a_time, "run along the sequence"),
        (no_recurrence, "no nn.RNN"),
    ],
    "compare_training_speed": [
        (in_milliseconds, "return seconds"),
        (no_step, "has not learned"),
        (no_zero_grad, "zero_grad() is missing"),
        (rate_left_at_its_default, "set it to 0.01"),
        (backwards, "opposite order"),
        (clock_started_once, "start the clock anew"),
        (last_batch_timed, "add up all batches"),
        (forward_passes_timed, "stop the clock after the step"),
        (last_loss_only, "expected a list"),
        (losses_left_tensors, "expected a float"),
    ],
    "hidden_state_figure": [
        (turned, "a row for each position"),
        (inputs_shown, "shows the inputs x"),
        (last_state_only, "a column for each position"),
        (shown_through_tanh_again, "does not show the values"),
        (gradients_not_detached, "stops with RuntimeError"),
        (colors_for_positive_states, "the colors end at 0"),
        (no_axis_labels, "x axis has no label"),
        (no_characters, "labels of the x ticks"),
        (no_color_bar, "no color bar"),
        (lines_instead, "no heat map"),
        (axes_returned, "expected a Figure"),
    ],
}

ALSO_RIGHT = {
    "character_rnn": [one_hot_and_columns, the_whole_text_in_order],
    "compare_training_speed": [each_batch_timed, batches_outside],
    "hidden_state_figure": [step_by_step_as_a_mesh, by_hand_without_pyplot, a_batch_of_one],
}
