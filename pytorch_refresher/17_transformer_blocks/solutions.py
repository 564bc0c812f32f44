"""Lesson 17: one worked answer to each practice problem."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MultiHeadAttention(nn.Module):
    """The lesson's, with PyTorch's own attention inside: the checks need one of their own."""

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.W_q, self.W_k = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.W_v, self.W_o = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)

    def forward(self, Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k, v = (
            projected.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for projected in (self.W_q(Q), self.W_k(K), self.W_v(V))
        )
        heads = F.scaled_dot_product_attention(q, k, v, None if mask is None else mask != 0)
        return self.W_o(heads.transpose(1, 2).flatten(-2))


class EncoderBlock(nn.Module):
    def __init__(self, d_model: int, num_heads: int, d_ff: int, dropout: float) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(d_model, num_heads)
        self.norm1 = nn.LayerNorm(d_model)
        self.ff = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))
        self.norm2 = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = self.norm1(x + self.dropout(self.attention(x, x, x, mask)))
        return self.norm2(x + self.dropout(self.ff(x)))


def build_encoder_block(d_model: int, num_heads: int, d_ff: int, dropout: float) -> nn.Module:
    return EncoderBlock(d_model, num_heads, d_ff, dropout)


def compare_norm_placement(
    blocks: list[nn.Module], x: Tensor, direction: Tensor
) -> tuple[list[float], list[float]]:
    def post_norm(block: nn.Module, x: Tensor) -> Tensor:
        x = block.norm1(x + block.attention(x, x, x))
        return block.norm2(x + block.ff(x))

    def pre_norm(block: nn.Module, x: Tensor) -> Tensor:
        normed = block.norm1(x)
        x = x + block.attention(normed, normed, normed)
        return x + block.ff(block.norm2(x))

    def gradient_norms(step) -> list[float]:
        inputs = [x.detach().clone().requires_grad_()]
        for block in blocks:
            inputs.append(step(block, inputs[-1]))
        output = inputs.pop()
        gradients = torch.autograd.grad((output * direction).sum(), inputs)
        return [gradient.norm().item() for gradient in gradients]

    return gradient_norms(post_norm), gradient_norms(pre_norm)


class StackClassifier(nn.Module):
    def __init__(self, d_model: int, num_blocks: int) -> None:
        super().__init__()
        blocks = [EncoderBlock(d_model, 4, 4 * d_model, dropout=0.0) for _ in range(num_blocks)]
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Linear(d_model, 2)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(dim=1))


def train_a_stack(x: Tensor, labels: Tensor, num_blocks: int) -> nn.Module:
    model = StackClassifier(x.size(-1), num_blocks)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        batch = torch.randint(len(labels), (64,))
        loss = F.cross_entropy(model(x[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model
