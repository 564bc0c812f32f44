"""Wrong and right answers to the problems of lesson 17, and a piece of the hint for each mistake."""

import copy
import functools

import torch
import torch.nn.functional as F
from course import PACKAGE, lesson_module
from torch import nn

LESSON = lesson_module(PACKAGE / "17_transformer_blocks")


class Block(nn.Module):
    """The right block, in parts that the mistakes below replace."""

    def __init__(self, d_model, num_heads, d_ff, dropout):
        super().__init__()
        self.attention = LESSON.MultiHeadAttention(d_model, num_heads)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.ff = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))
        self.dropout = nn.Dropout(dropout)

    def attend(self, x, mask):
        return self.dropout(self.attention(x, x, x, mask))

    def feed(self, x):
        return self.dropout(self.ff(x))

    def forward(self, x, mask=None):
        x = self.norm1(x + self.attend(x, mask))
        return self.norm2(x + self.feed(x))


def with_forward(forward):
    """An answer to problem 1 that differs from the right one in its forward."""

    def answer(d_model, num_heads, d_ff, dropout):
        kind = type("Block", (Block,), {"forward": forward})
        return kind(d_model, num_heads, d_ff, dropout)

    answer.__name__ = forward.__name__
    return answer


@with_forward
def no_residual_at_the_attention(self, x, mask=None):
    x = self.norm1(self.attend(x, mask))
    return self.norm2(x + self.feed(x))


@with_forward
def no_residual_at_the_network(self, x, mask=None):
    return self.norm2(self.feed(self.norm1(x + self.attend(x, mask))))


@with_forward
def pre_norm(self, x, mask=None):
    x = x + self.attend(self.norm1(x), mask)
    return x + self.feed(self.norm2(x))


@with_forward
def first_norm_twice(self, x, mask=None):
    x = self.norm1(x + self.attend(x, mask))
    return self.norm1(x + self.feed(x))


@with_forward
def second_norm_forgotten(self, x, mask=None):
    x = self.norm1(x + self.attend(x, mask))
    return x + self.feed(x)


@with_forward
def the_block_s_input_added_twice(self, x, mask=None):
    return self.norm2(x + self.feed(self.norm1(x + self.attend(x, mask))))


@with_forward
def mask_forgotten(self, x, mask=None):
    return Block.forward(self, x)


@with_forward
def dropout_after_the_sum(self, x, mask=None):
    x = self.norm1(self.dropout(x + self.attention(x, x, x, mask)))
    return self.norm2(self.dropout(x + self.ff(x)))


@with_forward
def dropout_on_the_attention_only(self, x, mask=None):
    x = self.norm1(x + self.attend(x, mask))
    return self.norm2(x + self.ff(x))


@with_forward
def no_dropout(self, x, mask=None):
    x = self.norm1(x + self.attention(x, x, x, mask))
    return self.norm2(x + self.ff(x))


@with_forward
def weights_too(self, x, mask=None):
    return Block.forward(self, x, mask), self.attention.attention_weights(x, x, mask)


def rate_fixed(d_model, num_heads, d_ff, dropout):
    return Block(d_model, num_heads, d_ff, 0.1)


def always_four_times_as_wide(d_model, num_heads, d_ff, dropout):
    return Block(d_model, num_heads, 4 * d_model, dropout)


def no_relu(d_model, num_heads, d_ff, dropout):
    block = Block(d_model, num_heads, d_ff, dropout)
    block.ff[1] = nn.Identity()
    return block


def one_head(d_model, num_heads, d_ff, dropout):
    return Block(d_model, 1, d_ff, dropout)


def other_names(d_model, num_heads, d_ff, dropout):
    block = Block(d_model, num_heads, d_ff, dropout)
    block.feed_forward = block.ff
    del block.ff
    return block


def a_class_not_a_block(d_model, num_heads, d_ff, dropout):
    return Block


# Problem 1, right: PyTorch's parts called as functions; or the lesson's layout with a loop.


@with_forward
def functions_of_f(self, x, mask=None):
    def norm(x, layer):
        return F.layer_norm(x, x.shape[-1:], layer.weight, layer.bias, layer.eps)

    rate = {"p": self.dropout.p, "training": self.training}
    h = norm(x + F.dropout(self.attention(x, x, x, mask=mask), **rate), self.norm1)
    inner = F.relu(F.linear(h, self.ff[0].weight, self.ff[0].bias))
    return norm(h + F.dropout(self.ff[2](inner), **rate), self.norm2)


@with_forward
def a_loop_over_the_branches(self, x, mask=None):
    branches = ((lambda x: self.attention(x, x, x, mask), self.norm1), (self.ff, self.norm2))
    for branch, norm in branches:
        x = norm(self.dropout(branch(x)).add(x))
    return x


# Problem 2.


def post(block, x):
    x = block.norm1(x + block.attention(x, x, x))
    return block.norm2(x + block.ff(x))


def pre(block, x):
    n = block.norm1(x)
    x = x + block.attention(n, n, n)
    return x + block.ff(block.norm2(x))


def norms(step, blocks, x, direction, first=0, measure=lambda g: g.norm().item(), end=None):
    states = [x.detach().clone().requires_grad_()]
    for block in blocks:
        states.append(step(block, states[-1]))
    loss = ((states[-1] if end is None else end(states[-1])) * direction).sum()
    gradients = torch.autograd.grad(loss, states)
    return [measure(gradient) for gradient in gradients[first : first + len(blocks)]]


def swapped(blocks, x, direction):
    return norms(pre, blocks, x, direction), norms(post, blocks, x, direction)


def at_the_outputs(blocks, x, direction):
    return norms(post, blocks, x, direction, 1), norms(pre, blocks, x, direction, 1)


def turned_around(blocks, x, direction):
    return norms(post, blocks, x, direction)[::-1], norms(pre, blocks, x, direction)[::-1]


def squares(blocks, x, direction):
    def measure(gradient):
        return gradient.square().sum().item()

    return tuple(norms(step, blocks, x, direction, measure=measure) for step in (post, pre))


def means(blocks, x, direction):
    def measure(gradient):
        return gradient.abs().mean().item()

    return tuple(norms(step, blocks, x, direction, measure=measure) for step in (post, pre))


def tensors(blocks, x, direction):
    def measure(gradient):
        return gradient.norm()

    return tuple(norms(step, blocks, x, direction, measure=measure) for step in (post, pre))


def values_not_normed(block, x):
    x = x + block.attention(block.norm1(x), block.norm1(x), x)
    return x + block.ff(block.norm2(x))


def pre_norm_of_queries_and_keys_only(blocks, x, direction):
    return norms(post, blocks, x, direction), norms(values_not_normed, blocks, x, direction)


def a_norm_at_the_end(blocks, x, direction):
    end = nn.LayerNorm(x.size(-1))
    return norms(post, blocks, x, direction), norms(pre, blocks, x, direction, end=end)


def post_norm_twice(blocks, x, direction):
    return norms(post, blocks, x, direction), norms(post, blocks, x, direction)


def gradients_added_up(blocks, x, direction):
    first, second = norms(post, blocks, x, direction), norms(pre, blocks, x, direction)
    return first, [a + b for a, b in zip(first, second, strict=True)]


def numbers_at_the_first_block_only(blocks, x, direction):
    return norms(post, blocks, x, direction)[0], norms(pre, blocks, x, direction)[0]


def retained(blocks, x, direction):
    """Right: retain_grad and backward, on a copy of the blocks."""
    lists = []
    for kind in (LESSON.TransformerEncoderBlock, LESSON.PreNormBlock):
        h, inputs = x.clone().requires_grad_(), []
        for block in copy.deepcopy(blocks):
            h.retain_grad()
            inputs.append(h)
            h = kind.forward(block, h)
        h.mul(direction).sum().backward()
        lists.append([torch.linalg.vector_norm(h.grad).item() for h in inputs])
    return lists


def backwards_by_hand(blocks, x, direction):
    """Right: forward first, then one vector-Jacobian product a block, from the last."""
    lists = []
    for step in (post, pre):
        inputs, result, gradient = [x.detach()], [], direction
        for block in blocks:
            inputs.append(step(block, inputs[-1]).detach())
        for block, h in zip(reversed(blocks), reversed(inputs[:-1]), strict=True):
            here = functools.partial(step, block)
            gradient = torch.autograd.functional.vjp(here, h, gradient)[1]
            result.insert(0, float(gradient.pow(2).sum().sqrt()))
        lists.append(result)
    return tuple(lists)


# Problem 3.


class Stack(nn.Module):
    def __init__(self, blocks, width, average_first=False, pool=True):
        super().__init__()
        self.blocks, self.head = nn.Sequential(*blocks), nn.Linear(width, 2)
        self.average_first, self.pool = average_first, pool

    def forward(self, x):
        x = self.blocks(x.mean(dim=1, keepdim=True) if self.average_first else x)
        return self.head(x.mean(dim=1) if self.pool else x)


def new_blocks(x, count, kind=LESSON.TransformerEncoderBlock):
    return [kind(x.size(-1), 4, 2 * x.size(-1), dropout=0.0) for _ in range(count)]


def fit(model, x, labels, steps=60, optimizer=torch.optim.Adam, lr=0.01):
    optimizer = optimizer(model.parameters(), lr=lr)
    for _ in range(steps):
        batch = torch.randint(len(x), (64,))
        optimizer.zero_grad()
        F.cross_entropy(model(x[batch]), labels[batch]).backward()
        optimizer.step()
    return model


def not_trained(x, labels, num_blocks):
    return Stack(new_blocks(x, num_blocks), x.size(-1))


def averaged_first(x, labels, num_blocks):
    return fit(Stack(new_blocks(x, num_blocks), x.size(-1), average_first=True), x, labels)


def one_block_repeated(x, labels, num_blocks):
    return fit(Stack(new_blocks(x, 1) * num_blocks, x.size(-1)), x, labels)


def one_block(x, labels, num_blocks):
    return fit(Stack(new_blocks(x, 1), x.size(-1)), x, labels)


def three_whatever_was_asked(x, labels, num_blocks):
    return Stack(new_blocks(x, 3), x.size(-1))


def not_pooled(x, labels, num_blocks):
    return Stack(new_blocks(x, num_blocks), x.size(-1), pool=False)


def summed_over_the_things(x, labels, num_blocks):
    class Mistaken(Stack):
        def forward(self, x):
            return self.head(self.blocks(x).sum(dim=1))

    model = Mistaken(new_blocks(x, num_blocks), x.size(-1))
    return fit(model, x, labels, steps=100, lr=0.005)


def without_attention(x, labels, num_blocks):
    class Block(LESSON.TransformerEncoderBlock):
        def forward(self, x, mask=None):
            return self.norm2(x + self.dropout(self.ff(x)))

    return fit(Stack(new_blocks(x, num_blocks, Block), x.size(-1)), x, labels)


def no_blocks(x, labels, num_blocks):
    return fit(Stack([], x.size(-1)), x, labels)


def labels_turned_around(x, labels, num_blocks):
    return fit(Stack(new_blocks(x, num_blocks), x.size(-1)), x, 1 - labels)


def its_accuracy(x, labels, num_blocks):
    model = fit(Stack(new_blocks(x, num_blocks), x.size(-1)), x, labels)
    return (model(x).argmax(dim=1) == labels).float().mean()


def a_list_hides_the_blocks(x, labels, num_blocks):
    model = Stack([], x.size(-1))
    hidden = new_blocks(x, num_blocks)

    def forward(x):
        for block in hidden:
            x = block(x)
        return model.head(x.mean(dim=1))

    model.forward = forward
    return model


def last_block_not_called(x, labels, num_blocks):
    model = Stack(new_blocks(x, num_blocks - 1), x.size(-1))
    model.more = new_blocks(x, 1)[0]
    return fit(model, x, labels)


def pytorch_s_own(x, labels, num_blocks):
    """Right: PyTorch's layers, pre-norm, and SGD's relative AdamW."""
    layer = nn.TransformerEncoderLayer(
        x.size(-1), 4, 32, dropout=0.0, batch_first=True, norm_first=True
    )
    encoder = nn.TransformerEncoder(layer, num_blocks, enable_nested_tensor=False)
    return fit(Stack([encoder], x.size(-1)), x, labels, optimizer=torch.optim.AdamW, lr=0.005)


def pre_norm_on_all_samples_at_once(x, labels, num_blocks):
    """Right: whole epochs, pre-norm blocks, a norm at the end, the first position as summary."""

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.steps = nn.ModuleList(new_blocks(x, num_blocks, LESSON.PreNormBlock))
            self.last, self.out = nn.LayerNorm(x.size(-1)), nn.Linear(x.size(-1), 2)

        def forward(self, h):
            for step in self.steps:
                h = step(h, None)
            return self.out(self.last(h).sum(dim=1) / h.shape[1])

    model = Model().train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(40):
        loss = nn.CrossEntropyLoss()(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


MISTAKES = {
    "build_encoder_block": [
        (no_residual_at_the_attention, "around the attention is missing"),
        (no_residual_at_the_network, "around the feed-forward network is missing"),
        (pre_norm, "this is pre-norm"),
        (first_norm_twice, "norm1 is used twice"),
        (second_norm_forgotten, "the second norm is missing"),
        (the_block_s_input_added_twice, "add its own input"),
        (mask_forgotten, "hand it on to the attention"),
        (dropout_after_the_sum, "dropout is in the wrong place"),
        (dropout_on_the_attention_only, "dropout is in the wrong place"),
        (no_dropout, "nothing is dropped"),
        (weights_too, "the output is a tuple"),
        (rate_fixed, "the rate 0.1, but 0.3"),
        (always_four_times_as_wide, "ff.0.weight has shape (48, 12), expected (20, 12)"),
        (no_relu, "the output has the right shape"),
        (one_head, "the output has the right shape"),
        (other_names, "no weights named ff.0.weight"),
        (a_class_not_a_block, "the block is a type"),
    ],
    "compare_norm_placement": [
        (swapped, "post-norm comes first"),
        (at_the_outputs, "not at their inputs"),
        (turned_around, "the order is turned around"),
        (squares, "squares of norms"),
        (means, "the gradient norms are not right"),
        (tensors, "an entry is a Tensor, expected a float"),
        (pre_norm_of_queries_and_keys_only, "pre-norm: the gradient norms are not right"),
        (a_norm_at_the_end, "pre-norm: the gradient norms are not right"),
        (post_norm_twice, "pre-norm: the gradient norms are not right"),
        (gradients_added_up, "start from none"),
        (numbers_at_the_first_block_only, "a list with one number a block"),
    ],
    "train_a_stack": [
        (not_trained, "no better than guessing"),
        (averaged_first, "no better than guessing"),
        (one_block_repeated, "the model holds 1 encoder block(s)"),
        (one_block, "the model holds 1 encoder block(s)"),
        (three_whatever_was_asked, "the model holds 3 encoder block(s)"),
        (not_pooled, "expected (500, 2)"),
        (summed_over_the_things, "not their sum"),
        (without_attention, "of block 0 has no effect on the logits: are attention"),
        (no_blocks, "the model holds 0 encoder block(s)"),
        (labels_turned_around, "no better than guessing"),
        (its_accuracy, "the result is a Tensor"),
        (a_list_hides_the_blocks, "nn.ModuleList"),
        (last_block_not_called, "block 1 has no effect"),
    ],
}

ALSO_RIGHT = {
    "build_encoder_block": [functions_of_f, a_loop_over_the_branches],
    "compare_norm_placement": [retained, backwards_by_hand],
    "train_a_stack": [pytorch_s_own, pre_norm_on_all_samples_at_once],
}
