"""Lesson 12: the checks that mark your practice answers."""

import copy
import time

from pytorch_refresher._common.drawn import cell_centers, heat_maps
from pytorch_refresher._common.marking import (
    expect,
    expect_close,
    expect_parts,
    expect_type,
    reject,
)

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from .solutions import gates_and_states

READY_MADE = nn.RNNBase | nn.RNNCellBase
LEARNED = "the cat that ate a hat at tea. "


@torch.random.fork_rng(devices=[])
def check_CharacterRNN(answer) -> None:  # noqa: N802
    for V, H, B, L in ((7, 5, 3, 6), (4, 9, 1, 3), (30, 2, 4, 8)):
        model = answer(V, H)
        expect_type(model, nn.Module, "CharacterRNN(...)")
        ready_made = [each for each in model.modules() if isinstance(each, READY_MADE)]
        expect(
            not ready_made, "it contains a ready-made recurrent network: write the loop yourself"
        )
        ids = torch.randint(V, (B, L))
        logits, state = _run(model, ids, V, H)
        expect(
            logits.requires_grad and state.requires_grad,
            "no gradient comes through: is something detached, or under no_grad()?",
        )
        (logits.pow(2).sum() + state.pow(2).sum()).backward()
        idle = [name for name, each in model.named_parameters() if each.grad is None]
        expect(not idle, f"the parameter {idle[:1]} gets no gradient: is it used at all?")
        for parameter in model.parameters():
            parameter.data.mul_(3)  # so that a tanh has something to do
        _check_the_way_of_the_state(model, ids, V, H)
    _check_that_it_learns(answer)


def _run(model: nn.Module, ids: Tensor, V: int, H: int, state: Tensor | None = None):
    """The logits and the last state, of the right shapes, without a change to the inputs."""
    given, before = ids.clone(), None if state is None else state.clone()
    result = model(given) if before is None else model(given, before)
    logits, last = expect_parts(result, "the logits", "the last state")
    for what, actual, shape in (
        ("the logits", logits, (*ids.shape, V)),
        ("the last state", last, (len(ids), H)),
    ):
        expect_type(actual, Tensor, what)
        found = tuple(actual.shape)
        expect(found == shape, f"{what}: shape {found}, expected {shape}")
    same = torch.equal(given, ids) and (state is None or torch.equal(state, before))
    expect(same, "the ids or the state that were passed in have changed: make new tensors")
    return logits, last


def _check_the_way_of_the_state(model: nn.Module, ids: Tensor, V: int, H: int) -> None:
    L = ids.size(1)
    logits, last = _run(model, ids, V, H)
    many = _run(model, torch.randint(V, (50, L)), V, H)[1]
    expect(many.abs().max().item() <= 1, "the states don't lie between -1 and 1: tanh is missing")
    expect(many.min().item() < 0, "no state is negative: tanh, not a sigmoid or a ReLU")
    sums = logits.sum(dim=-1)
    likely = torch.allclose(sums, torch.ones_like(sums), atol=1e-4)
    expect(not likely, "these are probabilities: return the logits, without softmax")
    zeros = _run(model, ids, V, H, torch.zeros(len(ids), H))[0]
    expect(torch.allclose(zeros, logits, atol=1e-5), "without a state, it must start from zeros")
    some = _run(model, ids[:, :1], V, H, torch.ones(len(ids), H))[1]
    other = _run(model, ids[:, :1], V, H)[1]
    expect(not torch.allclose(some, other), "it ignores the state that is passed in")
    start = torch.zeros(len(ids), H, requires_grad=True)
    end_logits = _run(model, ids, V, H, start)[0][:, -1]
    (gradient,) = torch.autograd.grad(end_logits.sum(), start, allow_unused=True)
    expect(
        gradient is not None and bool(gradient.any()),
        "no gradient goes from the last logits back to the first state: is a state detached?",
    )
    changed = ids.clone()
    changed[:, -1] = (ids[:, -1] + 1) % V
    early, late = _run(model, changed, V, H)[0].split([L - 1, 1], dim=1)
    expect(
        torch.allclose(early, logits[:, :-1], atol=1e-5),
        "the logits change when only a later character does: it looks into the future",
    )
    expect(
        not torch.allclose(late, logits[:, -1:], atol=1e-5),
        "the last logits don't depend on the last character: make them from the state after it",
    )
    single = _run(model, ids[:1], V, H)[0]
    expect(
        torch.allclose(single, logits[:1], atol=1e-4),
        "a sequence gets other logits with others in its batch: the loop runs over the batch",
    )
    half, state = _run(model, ids[:, : L // 2], V, H)
    rest, end = _run(model, ids[:, L // 2 :], V, H, state)
    expect(
        torch.allclose(torch.cat([half, rest], dim=1), logits, atol=1e-4)
        and torch.allclose(end, last, atol=1e-4),
        "reading in two parts, with the state handed over, doesn't give what reading at once does",
    )


def _check_that_it_learns(answer) -> None:
    """Train on one sentence. What follows an "a" or a "t" depends on what came before it."""
    vocabulary = sorted(set(LEARNED))
    ids = torch.tensor([vocabulary.index(character) for character in LEARNED * 3])
    windows = ids.unfold(0, 33, 8)  # (B, 33)
    torch.manual_seed(0)
    model = answer(len(vocabulary), 32)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(120):
        logits, _ = model(windows[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    right = (model(windows[:, :-1])[0].argmax(-1) == windows[:, 1:])[:, 8:].float().mean().item()
    expect(
        right > 0.9,
        f"trained on one sentence, it predicts {right:.0%} of its characters; more than 90% should "
        "be easy: does each logit see the state at its own position, before any softmax?",
    )


class Slow(nn.Linear):
    """A head that takes its time, on the way there and back."""

    pause = 0.0

    def forward(self, x: Tensor) -> Tensor:
        time.sleep(self.pause)
        logits = super().forward(x)
        if logits.requires_grad:
            logits.register_hook(lambda gradient: time.sleep(self.pause))
        return logits


@torch.random.fork_rng(devices=[])
def check_compare_training_speed(answer) -> None:
    for lengths, D, H, C, steps in (((2, 6, 4), 3, 5, 4, 3), ((9, 1, 5, 9, 3), 6, 4, 3, 8)):
        sequences = [torch.randn(length, D) for length in lengths]
        classes = torch.randint(C, (len(lengths),))
        models, pauses = {}, {"RNN": 0.002, "LSTM": 0.006}
        for name, kind in (("RNN", nn.RNN), ("LSTM", nn.LSTM)):
            models[name] = (kind(D, H, batch_first=True), Slow(H, C))
            models[name][1].pause = pauses[name]
            models[name][1].weight.data *= 8  # gradients that clipping would shorten
        originals = copy.deepcopy(models)
        given = [each.clone() for each in sequences], classes.clone()
        start = time.perf_counter()
        results = answer(models, *given, steps)
        elapsed = time.perf_counter() - start
        expect_type(results, dict)
        expect(set(results) == set(models), f'the keys are {list(results)}, expected "RNN", "LSTM"')
        parts = {}
        for name, pair in results.items():
            parts[name] = expect_parts(pair, "the seconds", "the list of losses")
            _check_losses(name, parts[name][1], originals[name], sequences, classes, steps)
            trained, untrained = models[name][0], originals[name][0]
            same = torch.equal(trained.weight_hh_l0, untrained.weight_hh_l0)
            expect(not same, f"the {name} that was passed in is still untrained: train no copy")
        same = all(map(torch.equal, (*given[0], given[1]), (*sequences, classes)))
        expect(same, "the sequences or the classes have changed")
        for name, (seconds, _) in parts.items():
            expect_type(seconds, float, f"the time of the {name}")
            slept = steps * pauses[name]
            expect(seconds < 10 * elapsed, f"the {name}: {seconds:.3g} seconds: milliseconds?")
            expect(
                seconds >= 2 * slept,
                f"the {name}: {seconds:.4f} s is too short: time all steps, forward and backward",
            )
        total = sum(seconds for seconds, _ in parts.values())
        expect(total <= elapsed, "the times overlap: start the clock again for each network")


def _check_losses(name: str, losses: object, original: tuple, sequences, classes, steps) -> None:
    expect_type(losses, list, f"the second part for the {name}, the losses,")
    expect(len(losses) == steps, f"the {name} has {len(losses)} losses for {steps} steps")
    for loss in losses:
        expect_type(loss, float, f"a loss of the {name}")
    mistakes = {
        "reads padding: pack the sequences": {"read": "padded"},
        "is classified by the last position of the batch, not of each sequence": {"read": "end"},
        "is classified by the states in another order than the classes": {"read": "sorted"},
        "doesn't learn: is a step missing?": {"step": False},
        "learns from old gradients as well: clear them at every step": {"zero": False},
        "has a learning rate of 0.001: set it to 0.01": {"rate": 0.001},
        "is trained without its head: the optimizer needs both their parameters": {"head": False},
        "is classified by its cell c: take h": {"cell": True},
        "was trained by another optimizer: take Adam": {"kind": torch.optim.SGD},
        "was trained by AdamW: take Adam": {"kind": torch.optim.AdamW},
        "was trained with clipping: leave it out": {"clip": True},
    }
    wrong = {
        f"the {name} {hint}": torch.tensor(_losses(original, sequences, classes, steps, **how))
        for hint, how in mistakes.items()
    }
    expected = torch.tensor(_losses(original, sequences, classes, steps))
    actual = torch.tensor(losses, dtype=torch.float32)
    reject(actual, expected, wrong)
    expect_close(actual, expected, f"the tensor of losses of the {name}", rtol=1e-4)


def _losses(
    original: tuple, sequences, classes, steps, *, read="own", step=True, zero=True, rate=0.01,
    head=True, cell=False, kind=torch.optim.Adam, clip=False,
) -> list[float]:  # fmt: skip
    """The losses of a training; its options are known mistakes."""
    network, layer = copy.deepcopy(original)
    layer.pause = 0
    parameters = [*network.parameters()] + ([*layer.parameters()] if head else [])
    optimizer, losses = kind(parameters, lr=rate), []
    padded = pad_sequence(sequences, batch_first=True)
    order = sorted(range(len(sequences)), key=lambda i: -len(sequences[i]))
    for _ in range(steps):
        alone = [network(each[None]) for each in sequences]  # no padding, no packing
        lasts = [state[cell] if isinstance(state, tuple) else state for _, state in alone]
        states = torch.cat([each[0] for each in lasts])  # (B, H)
        if read == "padded":
            states = network(padded)[0][:, -1]
        elif read == "end":  # unpacked outputs are zeros after a sequence's end
            longest = torch.tensor([len(each) == padded.size(1) for each in sequences])
            states = states * longest[:, None]
        elif read == "sorted":
            states = states[order]
        loss = F.cross_entropy(layer(states), classes)
        if zero:
            network.zero_grad(), layer.zero_grad()
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_([*network.parameters(), *layer.parameters()], 1.0)
        if step:
            optimizer.step()
        losses.append(loss.item())
    return losses


@torch.random.fork_rng(devices=[])
def check_gates_and_states(answer) -> None:
    import matplotlib.pyplot as plt

    for text, D, H in (("banana", 4, 3), ("to be, or not", 6, 7), ("ab", 2, 5)):
        lstm, x = nn.LSTM(D, H, batch_first=True), 2 * torch.randn(len(text), D)
        opened, given = plt.get_fignums(), x.clone()
        try:
            names = "the forget gates", "the hidden states", "the figure"
            gates, states, figure = expect_parts(answer(lstm, given, text), *names)
            expect(torch.equal(given, x), "x has changed: make new tensors")
            right_gates, right_states, drawn = gates_and_states(lstm, x, text)
            plt.close(drawn)
            _check_parts(lstm, x, gates, states, right_gates, right_states)
            _check_figure(figure, right_states.detach(), text)
        finally:
            for number in set(plt.get_fignums()) - set(opened):
                plt.close(number)


def _check_parts(lstm, x, gates, states, right_gates, right_states) -> None:
    before = torch.cat([torch.zeros(1, lstm.hidden_size), right_states[:-1]])
    sums = F.linear(x, lstm.weight_ih_l0, lstm.bias_ih_l0)
    sums = sums + F.linear(before, lstm.weight_hh_l0, lstm.bias_hh_l0)
    i, f, g, o = sums.chunk(4, dim=1)
    without = (F.linear(x, lstm.weight_ih_l0) + before @ lstm.weight_hh_l0.T).chunk(4, dim=1)[1]
    alone = F.linear(x, lstm.weight_ih_l0, lstm.bias_ih_l0 + lstm.bias_hh_l0).chunk(4, dim=1)[1]
    late = F.linear(right_states, lstm.weight_hh_l0, lstm.bias_hh_l0)
    late = (F.linear(x, lstm.weight_ih_l0, lstm.bias_ih_l0) + late).chunk(4, dim=1)[1]
    mistakes = {
        "these are the input gates: PyTorch's order is i, f, g, o": i.sigmoid(),
        "these are the output gates: PyTorch's order is i, f, g, o": o.sigmoid(),
        "this is g, what could be written: PyTorch's order is i, f, g, o": g.sigmoid(),
        "these are the sums before the sigmoid: gates lie between 0 and 1": f,
        "a gate is a sigmoid, not a tanh": f.tanh(),
        "the gates are computed without the biases": without.sigmoid(),
        "the gates look at the inputs only: add the part of the state before": alone.sigmoid(),
        "the gates at a position need the state before it, not after it": late.sigmoid(),
    }
    expect_type(gates, Tensor, "the first part, the forget gates,")
    reject(gates, right_gates, mistakes)
    expect_close(gates, right_gates, "the tensor of forget gates")
    expect_type(states, Tensor, "the second part, the hidden states,")
    reject(states, right_states, {"the second part has the states before each position": before})
    expect_close(states, right_states, "the tensor of hidden states")


def _check_figure(figure: object, states: Tensor, text: str) -> None:
    maps = heat_maps(figure)
    expect(len(maps) == 1, f"the figure has {len(maps)} heat maps, expected one")
    axes, image = maps[0]
    shown = torch.tensor(image.get_array().tolist())
    hints = {"one row per unit, one column per position: this one is turned": states}
    reject(shown, states.T, hints)
    expect_close(shown, states.T, "what the heat map shows, the hidden states,")
    axes.figure.canvas.draw()
    labels = [each.get_text() for each in axes.get_xticklabels() if each.get_visible()]
    expect(labels == list(text), f"the x axis says {labels}, expected the characters of the text")
    columns = torch.tensor(cell_centers(image, "x"))
    off = (torch.tensor(axes.get_xticks()) - columns).abs()
    below = off.max().item() < (columns[1] - columns[0]).abs().item() / 2
    expect(below, "the characters aren't below their own columns")
