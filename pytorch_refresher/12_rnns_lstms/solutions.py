"""Lesson 12: one worked answer to each practice problem."""

import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence


class CharacterRNN(nn.Module):
    def __init__(self, vocabulary_size: int, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.embedding = nn.Embedding(vocabulary_size, 16)
        self.from_input = nn.Linear(16, hidden_size)
        self.from_state = nn.Linear(hidden_size, hidden_size)
        self.head = nn.Linear(hidden_size, vocabulary_size)

    def forward(self, ids: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if state is None:
            state = torch.zeros(len(ids), self.hidden_size)
        # What comes from the inputs doesn't have to wait, so it is one product for all positions.
        inputs = self.from_input(self.embedding(ids))  # (B, L, hidden_size)
        states = []
        for x in inputs.unbind(dim=1):  # x: (B, hidden_size), one position
            # A new tensor at every step: writing into an old one would destroy what backward needs.
            state = torch.tanh(x + self.from_state(state))
            states.append(state)
        return self.head(torch.stack(states, dim=1)), state


def compare_training_speed(
    models: dict[str, tuple], sequences: list[Tensor], classes: Tensor, steps: int
) -> dict[str, tuple[float, list[float]]]:
    # pack_sequence pads and packs in one call. enforce_sorted=False: the lengths come in any
    # order, and the last states come back in the order of `sequences`, as the classes are.
    packed = pack_sequence(sequences, enforce_sorted=False)
    results = {}
    for name, (network, head) in models.items():
        optimizer = torch.optim.Adam([*network.parameters(), *head.parameters()], lr=0.01)
        losses = []
        start = time.perf_counter()  # each network has its own start
        for _ in range(steps):
            _, last = network(packed)
            # An LSTM gives (h_n, c_n), an RNN gives h_n; both h_n are (1, B, H).
            h_n = last[0] if isinstance(last, tuple) else last
            loss = F.cross_entropy(head(h_n.squeeze(0)), classes)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())  # a tensor would keep its whole graph in memory
        results[name] = (time.perf_counter() - start, losses)
    return results


def gates_and_states(lstm: nn.LSTM, x: Tensor, text: str) -> tuple:
    from pytorch_refresher._common.figures import heat_map

    import matplotlib.pyplot as plt

    h = c = torch.zeros(lstm.hidden_size)
    gates, states = [], []
    for t in range(len(x)):
        sums = lstm.weight_ih_l0 @ x[t] + lstm.bias_ih_l0 + lstm.weight_hh_l0 @ h + lstm.bias_hh_l0
        i, f, g, o = sums.chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        gates.append(f.sigmoid())
        states.append(h)
    gates, states = torch.stack(gates), torch.stack(states)  # (L, H) each

    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    # Transposed, so that the text runs from left to right, and detached by heat_map: matplotlib
    # takes no tensors that are attached to a graph.
    heat_map(axes, states.T, (), list(text))
    return gates, states, figure
