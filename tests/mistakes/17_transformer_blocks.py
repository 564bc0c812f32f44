"""Answers to the problems of lesson 17: wrong ones with a piece of their hint, and right ones."""

import collections
import copy

import torch
import torch.nn.functional as F
from course import PACKAGE, lesson_module
from torch import nn

LESSON = lesson_module(PACKAGE / "17_transformer_blocks")

# EncoderBlock: wrong. Each differs from Right in one place.


class Right(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__()
        self.attention = LESSON.MultiHeadAttention(d_model, num_heads)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.ff = nn.Sequential(
            nn.Linear(d_model, d_ff), nn.GELU(), nn.Dropout(dropout), nn.Linear(d_ff, d_model)
        )
        self.dropout, self.norm_first = nn.Dropout(dropout), norm_first

    def attend(self, x, mask):
        return self.dropout(self.attention(x, x, x, mask))

    def feed(self, x):
        return self.dropout(self.ff(x))

    def forward(self, x, mask=None):
        if self.norm_first:
            x = x + self.attend(self.norm1(x), mask)
            return x + self.feed(self.norm2(x))
        x = self.norm1(x + self.attend(x, mask))
        return self.norm2(x + self.feed(x))


class AlwaysPostNorm(Right):
    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.norm_first = False


class NoResidualAroundFF(Right):
    def forward(self, x, mask=None):
        if self.norm_first:
            return self.feed(self.norm2(x + self.attend(self.norm1(x), mask)))
        return self.norm2(self.feed(self.norm1(x + self.attend(x, mask))))


class DropsTheSum(Right):
    def forward(self, x, mask=None):
        if self.norm_first:
            n = self.norm1(x)
            x = self.dropout(x + self.attention(n, n, n, mask))
            return self.dropout(x + self.ff(self.norm2(x)))
        x = self.norm1(self.dropout(x + self.attention(x, x, x, mask)))
        return self.norm2(self.dropout(x + self.ff(x)))


# EncoderBlock: right


class NamedLayers(Right):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False):
        super().__init__(d_model, num_heads, d_ff, dropout, norm_first)
        expand, contract = nn.Linear(d_model, d_ff, bias=True), nn.Linear(d_ff, d_model)
        drop = nn.Dropout(p=dropout)
        layers = {"expand": expand, "activate": nn.GELU(), "drop": drop, "contract": contract}
        self.ff = nn.Sequential(collections.OrderedDict(layers))


class InALoop(Right):
    def forward(self, x, mask=None):
        sublayers = (
            (self.norm1, lambda x: self.attention(Q=x, K=x, V=x, mask=mask)),
            (self.norm2, self.ff),
        )
        for norm, sublayer in sublayers:
            new = self.dropout(sublayer(norm(x) if self.norm_first else x))
            x = torch.add(x, new) if self.norm_first else norm(new + x)
        return x


# compare_norm_placement: wrong


def post(block, x):
    x = block.norm1(x + block.attention(x, x, x))
    return block.norm2(x + block.ff(x))


def pre(block, x):
    n = block.norm1(x)
    x = x + block.attention(n, n, n)
    return x + block.ff(block.norm2(x))


def backward(step, blocks, x, direction):
    for block in blocks:
        x = step(block, x)
    (x * direction).sum().backward()


def length(block):
    return torch.cat([each.grad.flatten() for each in block.parameters()]).norm().item()


def clear(blocks):
    for block in blocks:
        block.zero_grad()


def gradients_add_up(blocks, x, direction):
    lists = []
    for step in (post, pre):
        backward(step, blocks, x, direction)
        lists.append([length(block) for block in blocks])
    clear(blocks)
    return lists


def sums_of_norms(blocks, x, direction):
    lists = []
    for step in (post, pre):
        backward(step, blocks, x, direction)
        lists.append([sum(p.grad.norm().item() for p in block.parameters()) for block in blocks])
        clear(blocks)
    return lists


def gradients_left_behind(blocks, x, direction):
    lists = []
    for step in (post, pre):
        clear(blocks)
        backward(step, blocks, x, direction)
        lists.append([length(block) for block in blocks])
    return lists


# compare_norm_placement: right


def with_backward(blocks, x, direction):
    lists = [], []
    for norms, step in zip(lists, (post, pre), strict=True):
        backward(step, blocks, x, direction)
        for block in blocks:
            squares = [parameter.grad.pow(2).sum() for parameter in block.parameters()]
            norms.append(float(sum(squares)) ** 0.5)
            block.zero_grad(set_to_none=True)
    return lists


def on_copies(blocks, x, direction):
    lists = []
    for step in (post, pre):
        copies = copy.deepcopy(blocks)
        backward(step, copies, x, direction)
        gradients = [[p.grad for p in each.parameters()] for each in copies]
        norms = [nn.utils.parameters_to_vector(each).norm() for each in gradients]
        lists.append(tuple(norm.numpy()[()] for norm in norms))
    return tuple(lists)


# train_a_stack: wrong


class Stack(nn.Module):
    def __init__(self, blocks, d_model):
        super().__init__()
        self.blocks, self.head = nn.Sequential(*blocks), nn.Linear(d_model, 2)

    def forward(self, x):
        return self.head(self.blocks(x)[:, 0])


def fit(model, batches, clear=True, last=lambda logits: logits):
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003)
    for x, labels in batches:
        if clear:
            optimizer.zero_grad()
        F.cross_entropy(last(model(x)), labels).backward()
        optimizer.step()
    return model


def new_stack(new_block, num_blocks, batches):
    return Stack([new_block() for _ in range(num_blocks)], batches[0][0].size(-1))


def one_block_again_and_again(new_block, num_blocks, batches):
    return fit(Stack([new_block()] * num_blocks, batches[0][0].size(-1)), batches)


def never_cleared(new_block, num_blocks, batches):
    return fit(new_stack(new_block, num_blocks, batches), batches, clear=False)


def softmax_twice(new_block, num_blocks, batches):
    model = new_stack(new_block, num_blocks, batches)
    return fit(model, batches, last=lambda logits: logits.softmax(dim=-1))


# train_a_stack: right


def all_in_one_sequential(new_block, num_blocks, batches):
    class Question(nn.Module):
        def forward(self, x):
            return x.select(1, 0)

    blocks = [new_block() for _ in range(num_blocks)]
    return fit(
        nn.Sequential(*blocks, Question(), nn.Linear(blocks[0].norm1.bias.numel(), 2)), batches
    )


def with_names(new_block, num_blocks, batches):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(batches[-1][0].shape[2], 2)
            for number in range(num_blocks):
                self.add_module(f"block_{number}", new_block())

        def forward(self, x):
            for number in range(num_blocks):
                x = getattr(self, f"block_{number}")(x, None)
            return self.out(x)[:, 0, :]

    model = Model().train()
    optimizer, loss = torch.optim.AdamW(model.parameters(), 0.003), nn.CrossEntropyLoss()
    for batch in batches:
        loss(model(batch[0]), batch[1]).backward()
        optimizer.step()
        model.zero_grad()
    return model.eval()


MISTAKES = {
    "EncoderBlock": [
        (AlwaysPostNorm, "each norm comes before its sublayer"),
        (NoResidualAroundFF, "the residual connection around ff is missing"),
        (DropsTheSum, "dropout acts in the wrong place"),
    ],
    "compare_norm_placement": [
        (gradients_add_up, "the gradients of both orders add up"),
        (sums_of_norms, "the norms of the single parameters are added"),
        (gradients_left_behind, "it leaves gradients in the blocks"),
    ],
    "train_a_stack": [
        (one_block_again_and_again, "it calls new_block() 1 times"),
        (never_cleared, "clear them before each backward()"),
        (softmax_twice, "cross_entropy takes logits"),
    ],
}

ALSO_RIGHT = {
    "EncoderBlock": [NamedLayers, InALoop],
    "compare_norm_placement": [with_backward, on_copies],
    "train_a_stack": [all_in_one_sequential, with_names],
}
