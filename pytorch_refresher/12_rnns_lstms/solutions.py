"""Lesson 12: one worked answer to each practice problem."""

import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class NextCharacter(nn.Module):
    def __init__(self, vocabulary_size: int, hidden_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, 16)
        self.rnn = nn.RNN(16, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, vocabulary_size)

    def forward(self, characters: Tensor) -> Tensor:
        states, _ = self.rnn(self.embedding(characters))
        return self.head(states)


def character_rnn(text: str, hidden_size: int) -> nn.Module:
    vocabulary = sorted(set(text))
    characters = torch.tensor([vocabulary.index(character) for character in text])
    model = NextCharacter(len(vocabulary), hidden_size)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(150):
        starts = torch.randint(len(characters) - 25, (16, 1))
        windows = characters[starts + torch.arange(26)]
        logits = model(windows[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def compare_training_speed(
    models: dict[str, nn.Module], batches: list[tuple[Tensor, Tensor]]
) -> dict[str, tuple[float, list[float]]]:
    results = {}
    for name, model in models.items():
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        losses = []
        start = time.perf_counter()
        for characters, targets in batches:
            loss = F.cross_entropy(model(characters).flatten(0, 1), targets.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        results[name] = (time.perf_counter() - start, losses)
    return results


def hidden_state_figure(rnn: nn.RNN, x: Tensor, text: str):
    import matplotlib.pyplot as plt

    with torch.no_grad():
        states, _ = rnn(x)  # (L, H)
    figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
    image = axis.imshow(states.T.numpy(), cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
    axis.set_xticks(range(len(text)), list(text))
    axis.set(title="Hidden states, character by character", xlabel="character", ylabel="unit")
    figure.colorbar(image, label="state")
    return figure
