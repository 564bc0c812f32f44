"""Lesson 12: the checks that mark your practice answers."""

import copy
import random
import time

from pytorch_refresher._common.marking import expect, expect_parts, expect_type

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def check_character_rnn(answer) -> None:
    # A sentence said again and again. What follows an "a" or a blank depends on what stood
    # before it, so a model that looks at one character alone gets about half of them.
    words = ["the", "cat", "that", "ate", "a", "hat", "at", "tea"]
    random.Random(torch.initial_seed()).shuffle(words)
    text = (" ".join(words) + ". ") * 20
    vocabulary = sorted(set(text))
    characters = torch.tensor([vocabulary.index(character) for character in text])
    model = answer(text, 32)
    expect_type(model, nn.Module, "the model")
    recurrent = [layer for layer in model.modules() if isinstance(layer, nn.RNNBase)]
    expect(bool(recurrent), "the model contains no nn.RNN")
    for layer in recurrent:
        expect(
            isinstance(layer, nn.RNN),
            f"the model contains an nn.{type(layer).__name__}: this problem asks for an nn.RNN",
        )
        expect(
            not layer.bidirectional,
            "a bidirectional network reads the characters that it should predict",
        )
        expect(
            layer.hidden_size == 32,
            f"the nn.RNN has {layer.hidden_size} units, hidden_size is 32",
        )
    expect(len(recurrent) == 1 and recurrent[0].num_layers == 1, "the nn.RNN must be of one layer")

    model.eval()

    @torch.no_grad()
    def logits_of(given: Tensor) -> Tensor:
        logits = model(given)
        logits = logits[0] if isinstance(logits, tuple) else logits
        expect_type(logits, Tensor, "what the model returns")
        expected = (*given.shape, len(vocabulary))
        expect(
            logits.shape == expected,
            f"for {tuple(given.shape)} characters the model returns shape {tuple(logits.shape)}, "
            f"expected {expected}: logits for every position",
        )
        return logits

    given = characters[:120].view(3, 40)
    logits = logits_of(given)
    other = given.clone()
    other[:-1] = given[:-1].flip(1)
    expect(
        torch.allclose(logits_of(other)[-1], logits[-1], atol=1e-4),
        "one sequence changes with the others of its batch: is batch_first=True missing?",
    )
    other = given.clone()
    other[:, 0] = (other[:, 0] + 1) % len(vocabulary)
    expect(
        not torch.allclose(logits_of(other)[:, 1], logits[:, 1], atol=1e-6),
        "the second position does not depend on the first: the RNN must run along the sequence",
    )

    def share_right(shift: int) -> float:
        ends = torch.arange(60, 100)[:, None] + torch.arange(40)
        predicted = logits_of(characters[ends]).argmax(dim=2)
        return (predicted == characters[ends + shift])[:, 15:].float().mean().item()

    right = share_right(shift=1)
    expect(
        right >= 0.9 or share_right(shift=0) < 0.9,
        "the model predicts the character that it has read: move the targets by one",
    )
    expect(
        right >= 0.9 or share_right(shift=-1) < 0.9,
        "the model predicts the character before: move the targets the other way",
    )
    expect(
        right >= 0.9,
        f"the model predicts {right:.0%} of the characters right, expected at least 90%: "
        "was it trained, and on enough windows?",
    )


class Timed(nn.Module):
    """A model that notes its own seconds: so many are slept in each pass, both ways."""

    def __init__(self, kind: type, pause: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 8)
        self.recurrent = kind(8, 16, batch_first=True)
        self.head = nn.Linear(16, 7)
        self.pause, self.forward_seconds, self.backward_seconds = pause, 0.0, 0.0

    def forward(self, characters: Tensor) -> Tensor:
        start = time.perf_counter()
        time.sleep(self.pause)
        logits = self.head(self.recurrent(self.embedding(characters))[0])
        if logits.requires_grad:
            logits.register_hook(self.pause_backwards)
        self.forward_seconds += time.perf_counter() - start
        return logits

    def pause_backwards(self, gradient: Tensor) -> None:
        start = time.perf_counter()
        time.sleep(self.pause)
        self.backward_seconds += time.perf_counter() - start


def check_compare_training_speed(answer) -> None:
    models = {"RNN": Timed(nn.RNN, 0.001), "LSTM": Timed(nn.LSTM, 0.004)}
    # The next number is the last one plus one or two: learnable, and never the same batch.
    batches = []
    for _ in range(8):
        characters = (torch.randint(7, (3, 1)) + torch.randint(1, 3, (3, 10)).cumsum(dim=1)) % 7
        batches.append((characters[:, :-1], characters[:, 1:]))
    originals = copy.deepcopy(models)

    start = time.perf_counter()
    results = answer(models, list(batches))
    elapsed = time.perf_counter() - start

    expect_type(results, dict)
    expect(
        set(results) == {"RNN", "LSTM"},
        f'the dictionary has the keys {list(results)}, expected "RNN" and "LSTM"',
    )
    seconds = {}
    for name, original in originals.items():
        seconds[name], losses = expect_parts(results[name], "the seconds", "the list of losses")
        expect_type(seconds[name], float, f"the {name}'s time")
        expect_type(losses, list, f"what comes second for the {name}")
        expect(
            len(losses) == len(batches),
            f"there are {len(batches)} batches and {len(losses)} losses of the {name}",
        )
        for loss in losses:
            expect_type(loss, float, f"a loss of the {name}")

        def is_like(
            optimizer_options=None, zero=True, model=original, losses=losses, given=batches
        ):
            expected = expected_losses(model, given, optimizer_options, zero)
            return torch.allclose(torch.tensor(losses), torch.tensor(expected), rtol=2e-3)

        expect(
            not is_like({"lr": 0.0}),
            f"the {name} has not learned: its losses are those of the untrained model",
        )
        expect(
            not is_like(zero=False),
            f"the {name}'s gradients of all batches add up: zero_grad() is missing",
        )
        expect(
            not is_like({"lr": 0.001}),
            f"the {name} was trained with Adam's own learning rate: set it to 0.01",
        )
        expect(
            not is_like(given=batches[::-1]),
            f"the {name} was trained on the batches in the opposite order",
        )
        expect(
            is_like(),
            f"the losses of the {name} are not those of one pass over all batches, in their order, "
            "with Adam at 0.01 and cross-entropy averaged over all positions",
        )

    for name, other in (("RNN", "LSTM"), ("LSTM", "RNN")):
        passes = models[name].forward_seconds + models[name].backward_seconds
        others = models[other].forward_seconds + models[other].backward_seconds
        expect(
            seconds[name] <= elapsed,
            f"the {name}'s time is {seconds[name]:.3g}, but both trainings together took "
            f"{elapsed:.3g} seconds: return seconds, by time.perf_counter()",
        )
        expect(
            seconds[name] >= models[name].forward_seconds * 0.9,
            f"the {name}'s time is {seconds[name]:.3g} seconds, but the forward passes alone "
            f"took {models[name].forward_seconds:.3g}: add up all batches, by time.perf_counter()",
        )
        expect(
            seconds[name] >= passes * 0.95,
            f"the {name}'s time is {seconds[name]:.3g} seconds, but forward and backward passes "
            f"took {passes:.3g}: stop the clock after the step",
        )
        expect(
            seconds[name] <= elapsed - 0.9 * others,
            f"the {name}'s time is {seconds[name]:.3g} seconds, which includes training the "
            f"{other}: start the clock anew for each model",
        )


def expected_losses(model, batches, optimizer_options=None, zero=True) -> list[float]:
    """The losses of a copy of `model`, without its pauses."""
    model = copy.deepcopy(model)
    model.pause = 0.0
    optimizer = torch.optim.Adam(model.parameters(), **(optimizer_options or {"lr": 0.01}))
    losses = []
    for characters, targets in batches:
        loss = F.cross_entropy(model(characters).flatten(0, 1), targets.flatten())
        if zero:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def check_hidden_state_figure(answer) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    try:
        for text, units in (("to be or not", 7), ("hello", 9)):
            rnn, x = nn.RNN(6, units, batch_first=True), torch.randn(len(text), 6)
            with torch.no_grad():
                states = rnn(x)[0]
            figure = answer(rnn, x.clone(), text)
            expect_type(figure, Figure)
            expect_heat_map(figure, states, x, text)
    finally:
        plt.close("all")


def expect_heat_map(figure, states: Tensor, x: Tensor, text: str) -> None:
    from matplotlib.collections import QuadMesh

    length, units = states.shape
    maps = [
        (axis, drawn)
        for axis in figure.axes
        if axis.get_label() != "<colorbar>"
        for drawn in (*axis.get_images(), *axis.collections)
        if not hasattr(drawn, "get_paths") or isinstance(drawn, QuadMesh)
    ]
    expect(bool(maps), "the figure has no heat map: draw the states with imshow or pcolormesh")
    axis, drawn = maps[0]
    shown = torch.as_tensor(drawn.get_array().tolist()).float()
    if shown.ndim == 1 and shown.numel() == length * units:
        shown = shown.view(units, length)
    expect(
        shown.shape != (length, units),
        "the heat map has a row for each position: turn it, .T, so that time runs to the right",
    )
    expect(
        shown.shape != (x.size(1), length),
        "the heat map shows the inputs x, not the states that the rnn makes of them",
    )
    expect(
        shown.shape == (units, length),
        f"the heat map has shape {tuple(shown.shape)}, expected ({units}, {length}): "
        "a row for each unit, a column for each position",
    )
    difference = (shown - states.T).abs().max().item()
    if difference > 1e-4:
        expect(
            not torch.allclose(shown, states.T.flip(1), atol=1e-4),
            "the positions run backwards",
        )
        expect(
            not torch.allclose(shown, states.T.flip(0), atol=1e-4),
            "the units are upside down: show them in order, or use origin='lower'",
        )
        expect(False, "the heat map does not show the values of the states")
    low, high = drawn.get_clim()
    expect(
        low <= states.min() + 1e-4 and high >= states.max() - 1e-4,
        f"the colors end at {low:.3g} and {high:.3g}: states beyond them all look the same",
    )
    labels = [tick.get_text() for tick in axis.get_xticklabels()]
    expect(
        labels == list(text),
        f"the labels of the x ticks are {labels}, expected the characters {list(text)}",
    )
    expect(bool(axis.get_xlabel().strip()), "the x axis has no label")
    expect(bool(axis.get_ylabel().strip()), "the y axis has no label")
    expect(drawn.colorbar is not None, "there is no color bar for the heat map")
