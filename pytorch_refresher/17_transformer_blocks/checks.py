"""Lesson 17: the checks that mark your practice answers."""

import copy

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
from torch.nn.modules.module import register_module_forward_hook
from torch.optim.optimizer import register_optimizer_step_pre_hook

from .solutions import EncoderBlock, MultiHeadAttention, StackClassifier, compare_norm_placement

READY_MADE = {"TransformerEncoderBlock", "PreNormBlock", "TransformerEncoderLayer"}
PROJECTIONS = ("W_q", "W_k", "W_v", "W_o")


def check_EncoderBlock(answer) -> None:  # noqa: N802
    _expect_the_parts(answer(8, 2, 16), 8, 16, 0.1)
    for B, L, d_model, H, d_ff, rate in ((2, 5, 12, 3, 20, 0.3), (3, 4, 8, 4, 6, 0.6)):
        x = 2 * torch.randn(B, L, d_model)
        padding = (torch.arange(L) < torch.arange(L - B, L)[:, None]).float()[:, None, None]
        for norm_first in (False, True):
            block = answer(d_model, H, d_ff, rate, **{"norm_first": True} if norm_first else {})
            _expect_the_parts(block, d_model, d_ff, rate)
            right = _with_the_parts_of(block, EncoderBlock(d_model, H, d_ff, rate, norm_first))
            for mask in (None, torch.ones(L, L, dtype=torch.bool).tril(), padding):
                given = [each.clone() for each in (x, mask) if each is not None]
                output = block.eval()(*given)
                unchanged = all(map(torch.equal, given, (x, mask)))
                expect(unchanged, "it changes x or the mask: operations like += write in place")
                reject(output, right.eval()(x, mask), _mistakes(right, x, mask))
                expect_close(output, right(x, mask), f"with {norm_first = }, the output")
            _expect_dropout(block.train(), right.train(), x)
            _expect_gradients(block.eval(), right.eval(), x)


def _expect_the_parts(block: nn.Module, d_model: int, d_ff: int, rate: float) -> None:
    """Whether a block has the parts that the problem names, of the right sizes, and no others."""
    expect_type(block, nn.Module, "EncoderBlock(...)")
    kinds = {kind.__name__ for part in block.modules() for kind in type(part).__mro__}
    expect(not kinds & READY_MADE, "it builds on a ready-made block: write the whole module")
    attention, ff = getattr(block, "attention", None), getattr(block, "ff", None)
    ours = all(isinstance(getattr(attention, name, None), nn.Linear) for name in PROJECTIONS)
    expect(ours, "it has no MultiHeadAttention from above named attention")
    for name, kind in (("norm1", nn.LayerNorm), ("norm2", nn.LayerNorm), ("dropout", nn.Dropout)):
        there = isinstance(getattr(block, name, None), kind)
        expect(there, f"it has no nn.{kind.__name__} named {name}")
    expect_type(ff, nn.Sequential, "ff")
    names = ", ".join(type(layer).__name__ for layer in ff)
    wanted = "Linear, GELU, Dropout, Linear"
    expect(names == wanted, f"ff consists of {names or 'nothing'}, expected {wanted}")
    sizes = [(ff[at].in_features, ff[at].out_features) for at in (0, 3)]
    given = f"with {d_model = }, {d_ff = }, the layers of ff have sizes {sizes[0]} and {sizes[1]}"
    expect(sizes == [(d_model, d_ff), (d_ff, d_model)], given)
    rates = (block.dropout.p, ff[2].p)
    expect(rates == (rate, rate), f"asked for a dropout rate of {rate}, the block has {rates}")
    own = {each for part in (attention, block.norm1, block.norm2, ff) for each in part.parameters()}
    expect(set(block.parameters()) == own, "it has parameters that belong to none of its parts")
    separate = block.norm1 is not block.norm2 and block.dropout is not ff[2]
    expect(separate, "two of its parts are the same module: two norms, and two dropouts")


def _with_the_parts_of(block: nn.Module, right: EncoderBlock) -> EncoderBlock:
    """Let `right` share the parameters of a block, which get values that hide no mistake."""
    for parameter in block.parameters():
        nn.init.normal_(parameter, std=0.4 if parameter.ndim == 2 else 1.0)
    for name in PROJECTIONS:
        setattr(right.attention, name, getattr(block.attention, name))
    right.norm1, right.norm2 = block.norm1, block.norm2
    right.ff[0], right.ff[3] = block.ff[0], block.ff[3]
    return right


def _mistakes(right: EncoderBlock, x: Tensor, mask: Tensor | None) -> dict[str, Tensor]:
    """What known mistakes would return in evaluation mode, by their hints."""
    n1, n2, ff = right.norm1, right.norm2, right.ff
    one_head = copy.deepcopy(right)
    one_head.attention.num_heads = 1

    def attend(q: Tensor, k: Tensor | None = None, v: Tensor | None = None) -> Tensor:
        return right.attention(q, q if k is None else k, q if v is None else v, mask)

    n, summed = n1(x), x + attend(x)
    h, only, swapped, pre = n1(summed), n1(attend(x)), n2(summed), x + attend(n)
    hints = {
        "the mask is not handed on to the attention": right(x),
        "the mask is turned around: hand it on as it is": right(
            x, None if mask is None else mask == 0
        ),
        "the attention has one head, whatever num_heads is": one_head(x, mask),
        "with norm_first=True, each norm comes before its sublayer": n2(h + ff(h)),
        "with norm_first=False, each norm comes after the addition": pre + ff(n2(pre)),
    }
    if right.norm_first:
        known = {
            "keys and values are not normalized": (q := x + attend(n, x, x)) + ff(n2(q)),
            "the values are not normalized": (v := x + attend(n, n, x)) + ff(n2(v)),
            "add x itself, not what norm1 has made of it": (r := n + attend(n)) + ff(n2(r)),
            "the residual connection around the attention is missing": (
                attend(n) + ff(n2(attend(n)))
            ),
            "the residual connection around ff is missing": ff(n2(pre)),
            "norm1 is used twice: the second is norm2": pre + ff(n1(pre)),
            "a pre-norm block ends without a norm": n2(pre + ff(n2(pre))),
        }
    else:
        known = {
            "the residual connection around the attention is missing": n2(only + ff(only)),
            "the residual connection around ff is missing": n2(ff(h)),
            "around ff, add what goes into it, not what went into the block": n2(x + ff(h)),
            "norm1 is used twice: the second is norm2": n1(h + ff(h)),
            "norm1 and norm2 are swapped": n1(swapped + ff(swapped)),
            "the second norm is missing": h + ff(h),
            "the first norm is missing": n2(summed + ff(summed)),
        }
    return hints | known


def _expect_dropout(block: nn.Module, right: EncoderBlock, x: Tensor) -> None:
    """Whether dropout acts where it should: at rates of 0 and 1, luck plays no part."""
    undropped = copy.deepcopy(right).eval()(x)
    for outer, inner, hint in (
        (0.0, 0.0, "with dropout rates of 0, training differs from evaluation: is there another dropout?"),
        (1.0, 0.0, "dropout acts in the wrong place: it belongs on what a sublayer returns, before x is added"),
        (0.0, 1.0, "in training, the dropout inside ff does not act as it should"),
    ):  # fmt: skip
        block.dropout.p = right.dropout.p = outer
        block.ff[2].p = right.ff[2].p = inner
        output, expected = block(x), right(x)
        reject(output, expected, {"in training, self.dropout is not used": undropped})
        expect(torch.allclose(output, expected, atol=1e-4), hint)


def _expect_gradients(block: nn.Module, right: EncoderBlock, x: Tensor) -> None:
    given, same = x.clone().requires_grad_(), x.clone().requires_grad_()
    output = block(given)
    cut = "it cuts the graph: is there a detach() or a no_grad()?"
    expect(output.requires_grad, cut)
    output.pow(2).sum().backward()
    own = [given, *block.parameters()]
    expect(all(each.grad is not None for each in own), cut)
    right(same).pow(2).sum().backward()
    expect(torch.allclose(given.grad, same.grad, rtol=1e-3, atol=1e-3), cut)


class _Block(nn.Module):
    """The lesson's post-norm block. It keeps a list of who is called."""

    def __init__(self, d_model: int, num_heads: int, calls: list) -> None:
        super().__init__()
        self.attention, d_ff = MultiHeadAttention(d_model, num_heads), 2 * d_model
        self.ff = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.dropout, self.calls = nn.Dropout(0.5), calls  # the dropout is there to be left out
        self.modes = set()  # whether it was called in training mode, in evaluation mode, or in both

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        self.calls.append(self)
        self.modes.add(self.training)
        x = self.norm1(x + self.attention(x, x, x, mask))
        return self.norm2(x + self.ff(x))


def check_compare_norm_placement(answer) -> None:
    names = ("post-norm", "pre-norm")
    for N, B, L, d_model, H in ((3, 2, 5, 8, 2), (5, 3, 4, 6, 3), (1, 1, 6, 4, 1)):
        blocks = [_Block(d_model, H, []) for _ in range(N)]
        for parameter in nn.ModuleList(blocks).parameters():
            nn.init.normal_(parameter, 1.0 * (parameter.ndim == 1), 0.3)
        x, direction = 2 * torch.randn(B, L, d_model), torch.randn(B, L, d_model)
        given, before = (x.clone(), direction.clone()), copy.deepcopy(blocks)
        parts = expect_parts(answer(list(blocks), *given), *names)
        expect(all(map(torch.equal, given, (x, direction))), "it changes x or direction")
        clear = given[0].grad is None and not given[0].requires_grad
        expect(clear, "x requires gradients now: only those of parameters are asked for")
        called = any(block.calls for block in blocks)
        expect(not called, "it calls a block as a whole: call its parts, in both orders")
        for block, old in zip(blocks, before, strict=True):
            kept = all(map(torch.equal, block.parameters(), old.parameters()))
            expect(kept, "it changes parameters of the blocks: only measure")
            same = block.training and all(each.requires_grad for each in block.parameters())
            expect(same, "it leaves the blocks in eval mode, or frozen: leave them as they were")
            clear = all(parameter.grad is None for parameter in block.parameters())
            expect(clear, "it leaves gradients in the blocks: clear them, or use autograd.grad")
        wanted = torch.tensor(compare_norm_placement(before, x, direction))
        known = _known_norms(before, x, direction, wanted)
        for name, values, right, hints in zip(names, parts, wanted, known, strict=True):
            sized = isinstance(values, list | tuple) and len(values) == N
            expect(sized, f"{name}: return a list with one float per block, {N} here")
            for value in values:
                expect_type(value, float, f"{name}: an entry")
            found = torch.tensor([float(value) for value in values])
            reject(found, right, {f"{name}: {hint}": wrong for hint, wrong in hints.items()})
            expect_close(found, right, f"{name}: the list of norms", rtol=1e-3)


def _post(block: nn.Module, x: Tensor) -> Tensor:
    x = block.norm1(x + block.attention(x, x, x))
    return block.norm2(x + block.ff(x))


def _pre(block: nn.Module, x: Tensor) -> Tensor:
    normed = block.norm1(x)
    x = x + block.attention(normed, normed, normed)
    return x + block.ff(block.norm2(x))


def _known_norms(blocks: list[nn.Module], x: Tensor, direction: Tensor, wanted: Tensor) -> list:
    """For post-norm, then pre-norm: the lists that known mistakes lead to, by their hints."""
    gradients, at_inputs = [], []  # of each block's parameters, and with respect to what goes in
    for step in (_post, _pre):
        states = [x.clone().requires_grad_()]
        for block in blocks:
            states.append(step(block, states[-1]))
        loss = (states[-1] * direction).sum()
        own = [torch.autograd.grad(loss, list(b.parameters()), retain_graph=True) for b in blocks]
        gradients.append(own)
        at_inputs.append([each.norm() for each in torch.autograd.grad(loss, states[:-1])])

    def norms(of_blocks) -> Tensor:
        return torch.stack([torch.cat([g.flatten() for g in own]).norm() for own in of_blocks])

    both = zip(*gradients, strict=True)
    both = norms([a + b for a, b in zip(*pair, strict=True)] for pair in both)
    return [
        {
            "these are the norms of the other order: post-norm comes first": wanted[1 - order],
            "the list is reversed: entry 0 belongs to blocks[0]": wanted[order].flip(0),
            "these are squares: take the root": wanted[order] ** 2,
            "the gradients of both orders add up: clear them in between": both,
            "these are gradients with respect to the inputs, not to the parameters": (
                torch.stack(at_inputs[order])
            ),
            "the norms of the single parameters are added up: take one long vector": (
                torch.stack([sum(g.norm() for g in own) for own in gradients[order]])
            ),
            "some parameters are left out: norms and biases count, too": (
                norms([g for g in own if g.ndim == 2] for own in gradients[order])
            ),
        }
        for order in (0, 1)
    ]


def check_train_a_stack(answer) -> None:
    for num_blocks, things, d_model, count in ((2, 4, 16, 12), (3, 6, 8, 9), (1, 4, 12, 1)):
        *batches, (x, _) = _questions(count + 1, things, d_model)
        created, first, steps, calls = [], {}, [], []

        def new_block(created=created, first=first, calls=calls, d_model=d_model) -> nn.Module:
            created.append(_Block(d_model, 2, calls))
            first[created[-1]] = copy.deepcopy(created[-1])
            return created[-1]

        def at_first_use(module, given, made, first=first) -> None:
            if isinstance(module, nn.Linear) and module not in first:
                first[module] = copy.deepcopy(module)

        def before_step(optimizer, args, kwargs, steps=steps) -> None:
            steps.append((type(optimizer).__name__, optimizer.param_groups[0]["lr"]))

        hooks = [register_optimizer_step_pre_hook(before_step), register_module_forward_hook(at_first_use)]  # fmt: skip
        try:
            model = answer(new_block, num_blocks, [(x.clone(), y.clone()) for x, y in batches])
        finally:
            for hook in hooks:
                hook.remove()
        expect_type(model, nn.Module, "what it returns")
        expect(len(steps) == count, f"the optimizer took {len(steps)} steps for {count} batches")
        head = _expect_the_stack(model, created, calls, num_blocks)
        size = (head.in_features, head.out_features)
        expect(size == (d_model, 2), f"the nn.Linear has sizes {size}, expected {(d_model, 2)}")
        which = f"the optimizer is {steps[0]}, expected AdamW with lr=0.003"
        expect(set(steps) == {("AdamW", 0.003)}, which)
        _expect_trained(model, [first[each] for each in (*created, head)], batches, x)


def _questions(count: int, things: int, d_model: int) -> list[tuple[Tensor, Tensor]]:
    """Batches of 32 sequences: a question, then things, of which half have color 1."""
    what, colors, question = (torch.randn(n, d_model) for n in (things, 2, 1))
    batches = []
    for _ in range(count):
        color = torch.rand(32, things).argsort(dim=1) % 2  # of thing 0, 1, 2, ...
        order, asked = torch.rand(32, things).argsort(dim=1), torch.randint(things, (32, 1))
        shown = what[order] + colors[color.gather(1, order)]
        x = torch.cat([what[asked] + question, shown], dim=1)
        batches.append((x, color.gather(1, asked)[:, 0]))
    return batches


def _expect_the_stack(model: nn.Module, created: list, calls: list, num_blocks: int) -> nn.Linear:
    """Whether a model is made of all blocks that were asked for; its other layer."""
    made = f"asked for {num_blocks} blocks, it calls new_block() {len(created)} times"
    expect(len(created) == num_blocks, f"{made}: each block needs weights of its own")
    for number, block in enumerate(created):
        hidden = f"block {number} is not a part of the model: keep the blocks in an nn.ModuleList"
        expect(block in set(model.modules()), hidden)
        expect(block in calls, f"block {number} is never called")
        expect(True in block.modes, "it trains in eval mode, in which dropout does nothing")
    inside = {part for block in created for part in block.modules()}
    others = {each for each in model.modules() if list(each.parameters(recurse=False))} - inside
    names = sorted(type(each).__name__ for each in others)
    expect(
        names == ["Linear"], f"beside the blocks, the model learns with {names}, expected 1 Linear"
    )
    return others.pop()


def _trained(parts: list[nn.Module], batches: list, how: str, model=StackClassifier) -> nn.Module:
    """What training makes of a stack with these parts, at their start. how: a known mistake."""
    *blocks, head = copy.deepcopy(parts)
    model = model(blocks, head.in_features)
    model.head = head
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003)
    for x, labels in batches:
        logits = model(x)
        loss = F.cross_entropy(logits.softmax(1) if how == "softmax" else logits, labels)
        if how != "add up":
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


class _Mean(StackClassifier):
    def forward(self, x: Tensor) -> Tensor:
        return self.head(nn.Sequential(*self.blocks)(x).mean(dim=1))


class _Last(StackClassifier):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flip(1))  # blocks know no order, so this reads the last token


def _expect_trained(model: nn.Module, parts: list[nn.Module], batches: list, x: Tensor) -> None:
    logits, expected = model.eval()(x.clone()), _trained(parts, batches, "")(x)
    expect_type(logits, Tensor, "what the model returns")
    shapes = f"of shape {tuple(logits.shape)}, expected {tuple(expected.shape)}"
    expect(logits.shape == expected.shape, f"the model returns a tensor {shapes}")

    def close(other: Tensor) -> bool:
        return torch.allclose(logits, other, rtol=0.01, atol=0.01)

    for hint, change in {
        "old gradients are still there: clear them before each backward()": ("add up",),
        "cross_entropy takes logits: the softmax is inside": ("softmax",),
        "the logits come from the mean over the tokens, expected token 0": ("", _Mean),
        "the logits come from the last token, expected token 0": ("", _Last),
    }.items():
        other = _trained(parts, batches, *change)(x)
        expect(close(expected) or not close(other), hint)
        expect(not close(other.softmax(dim=1)), "the model returns probabilities, expected logits")
    off = (logits - expected).abs().max().item()
    expect(close(expected), f"its logits are off by {off:.2g}: one step per batch, in order?")
