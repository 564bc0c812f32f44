"""Lesson 17: one worked answer to each practice problem."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MultiHeadAttention(nn.Module):
    """The lesson's class again, so that this file can be read by itself."""

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.W_q, self.W_k, self.W_v, self.W_o = (nn.Linear(d_model, d_model) for _ in range(4))

    def forward(self, Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
        projected = (self.W_q(Q), self.W_k(K), self.W_v(V))
        q, k, v = (x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for x in projected)
        allowed = None if mask is None else mask != 0
        heads = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        return self.W_o(heads.transpose(1, 2).reshape(Q.shape))


class EncoderBlock(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False) -> None:
        super().__init__()
        self.norm_first = norm_first
        self.attention = MultiHeadAttention(d_model, num_heads)
        self.ff = nn.Sequential(
            nn.Linear(d_model, d_ff), nn.GELU(), nn.Dropout(dropout), nn.Linear(d_ff, d_model)
        )
        # Two norms, because each learns a scale and a shift of its own. Dropout learns nothing, so
        # one module serves both sublayers.
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if self.norm_first:
            normed = self.norm1(x)  # queries, keys and values are all normalized
            x = x + self.dropout(self.attention(normed, normed, normed, mask))
            return x + self.dropout(self.ff(self.norm2(x)))
        x = self.norm1(x + self.dropout(self.attention(x, x, x, mask)))
        # From here on, x is what the first half has made of it. It goes into ff and around it.
        return self.norm2(x + self.dropout(self.ff(x)))


def compare_norm_placement(blocks, x: Tensor, direction: Tensor) -> tuple[list, list]:
    def post_norm(block: nn.Module, x: Tensor) -> Tensor:
        x = block.norm1(x + block.attention(x, x, x))
        return block.norm2(x + block.ff(x))

    def pre_norm(block: nn.Module, x: Tensor) -> Tensor:
        normed = block.norm1(x)
        x = x + block.attention(normed, normed, normed)
        return x + block.ff(block.norm2(x))

    def gradient_norms(step) -> list[float]:
        output = x
        for block in blocks:
            output = step(block, output)
        loss = (output * direction).sum()
        norms = []
        for block in blocks:
            # grad() returns the gradients and leaves every .grad alone. backward() would add those
            # of post-norm to those of pre-norm. The graph is needed once per block, so keep it.
            gradients = torch.autograd.grad(loss, list(block.parameters()), retain_graph=True)
            # One long vector: the root of the sum of all squares, not the sum of the norms.
            norms.append(torch.cat([gradient.flatten() for gradient in gradients]).norm().item())
        return norms

    return gradient_norms(post_norm), gradient_norms(pre_norm)


class StackClassifier(nn.Module):
    def __init__(self, blocks: list[nn.Module], d_model: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)  # in a plain list, the optimizer wouldn't find them
        self.head = nn.Linear(d_model, 2)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return self.head(x[:, 0])  # what the question has found out


def train_a_stack(new_block, num_blocks: int, batches: list[tuple[Tensor, Tensor]]) -> nn.Module:
    d_model = batches[0][0].size(-1)
    # new_block() once per block: [new_block()] * num_blocks would be one block, used again and again.
    model = StackClassifier([new_block() for _ in range(num_blocks)], d_model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003)
    for x, labels in batches:
        loss = F.cross_entropy(model(x), labels)  # of logits: the softmax is inside
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model
