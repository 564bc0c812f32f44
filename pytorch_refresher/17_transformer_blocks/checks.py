"""Lesson 17: the checks that mark your practice answers."""

from pytorch_refresher._common.marking import expect, expect_close, expect_parts, expect_type

import torch
from torch import Tensor, nn

from .solutions import EncoderBlock, compare_norm_placement


def unlike(block: nn.Module) -> nn.Module:
    """The block with random weights throughout: fresh norms and biases hide mistakes."""
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.copy_(torch.randn_like(parameter) * (0.4 if parameter.dim() == 2 else 1.0))
    return block


def check_build_encoder_block(answer) -> None:
    expected = unlike(EncoderBlock(12, 3, 20, 0.5))
    block = answer(12, 3, 20, 0.5)
    expect_type(block, nn.Module, "the block")
    weights, found = expected.state_dict(), block.state_dict()
    expect(isinstance(getattr(block, "dropout", None), nn.Dropout), "dropout: no nn.Dropout there")
    missing = [name for name in weights if name not in found]
    expect(not missing, f"the block has no weights named {', '.join(missing[:2])}: mind the names")
    extra = [name for name in found if name not in weights]
    expect(not extra, f"the block has weights that it should not have: {', '.join(extra[:2])}")
    for name, weight in weights.items():
        expect(
            found[name].shape == weight.shape,
            f"{name} has shape {tuple(found[name].shape)}, expected {tuple(weight.shape)} "
            "for d_model=12, num_heads=3, d_ff=20",
        )
    block.load_state_dict(weights)

    # Without dropout: each way to forget or to misplace something, by what it computes.
    x = 2 * torch.randn(2, 5, 12)
    e = expected.eval()
    attended = e.attention(x, x, x)
    h, only, n = e.norm1(x + attended), e.norm1(attended), e.norm1(x)
    pre = x + e.attention(n, n, n)
    wrong = {
        "the way around the attention is missing: add x back": e.norm2(only + e.ff(only)),
        "this is pre-norm: here each norm comes after the addition": pre + e.ff(e.norm2(pre)),
        "the way around the feed-forward network is missing": e.norm2(e.ff(h)),
        "around the feed-forward network, add its own input, not the block's": e.norm2(x + e.ff(h)),
        "norm1 is used twice: the second norm is norm2": e.norm1(h + e.ff(h)),
        "norm1 and norm2 are swapped": e.norm1((s := e.norm2(x + attended)) + e.ff(s)),
        "the second norm is missing": h + e.ff(h),
        "the first norm is missing": e.norm2((s := x + attended) + e.ff(s)),
    }
    block.eval()
    output = block(x)
    expect_type(output, Tensor, "the output")
    for hint, other in wrong.items():
        expect(
            output.shape != other.shape or not torch.allclose(output, other, atol=1e-4),
            hint,
        )
    expect_close(output, expected(x), "the output")

    # A mask, in two shapes: causal, and padding that hides the last two positions.
    for mask in (torch.ones(5, 5).tril(), torch.tensor([1, 1, 1, 0, 0]).view(1, 1, 1, 5)):
        masked = block(x, mask)
        expect(
            torch.is_tensor(masked) and not torch.allclose(masked, output, atol=1e-4),
            "a mask changes nothing: hand it on to the attention",
        )
        expect_close(masked, expected(x, mask), "the output with a mask")

    rate = getattr(answer(12, 3, 20, 0.3).dropout, "p", None)
    expect(rate == 0.3, f"the block's dropout has the rate {rate}, but 0.3 was asked for")
    # A dropout rate of 1 drops all of each branch, and nothing of x.
    block, expected = answer(12, 3, 20, 1.0), unlike(EncoderBlock(12, 3, 20, 1.0))
    block.load_state_dict(expected.state_dict())
    block.train()
    output = block(x)
    expect(
        not torch.allclose(output, block.eval()(x), atol=1e-4),
        "in training mode nothing is dropped: is the dropout called?",
    )
    expected.train()
    expect(
        torch.allclose(output, expected(x), atol=1e-4),
        "dropout is in the wrong place: it acts on each branch, before the branch is added to x",
    )


def check_compare_norm_placement(answer) -> None:
    blocks = [unlike(EncoderBlock(8, 2, 24, 0.0)).eval() for _ in range(4)]
    x, direction = 2 * torch.randn(3, 5, 8), torch.randn(3, 5, 8)
    expected = compare_norm_placement(blocks, x, direction)
    given = x.clone()
    result = expect_parts(answer(blocks, x, direction), "post-norm", "pre-norm")
    expect(torch.equal(x.detach(), given), "x itself was changed: work on a copy")
    for name, numbers in zip(("post-norm", "pre-norm"), result, strict=True):
        expect(
            isinstance(numbers, (list, tuple)) and len(numbers) == 4,
            f"{name}: return a list with one number a block, 4 here",
        )
        for number in numbers:
            expect_type(number, float, f"{name}: an entry")
    post, pre = (torch.tensor(numbers, dtype=torch.float64) for numbers in result)
    right_post, right_pre = (torch.tensor(numbers, dtype=torch.float64) for numbers in expected)

    def same(a: Tensor, b: Tensor) -> bool:
        return torch.allclose(a, b, rtol=1e-3, atol=1e-6)

    expect(
        not (same(post, right_pre) and same(pre, right_post)),
        "the two lists are swapped: post-norm comes first",
    )
    outputs = direction.norm().double()[None]
    for name, numbers, right in (("post-norm", post, right_post), ("pre-norm", pre, right_pre)):
        expect(
            not same(numbers, right.flip(0)),
            f"{name}: the order is turned around: entry 0 belongs to blocks[0]",
        )
        expect(
            not same(numbers, torch.cat([right[1:], outputs])),
            f"{name}: these are the gradients at the blocks' outputs, not at their inputs",
        )
        expect(
            not same(numbers, right**2),
            f"{name}: these are squares of norms: take the root of the sum of squares",
        )
        expect(
            not same(pre, right_pre + right_post),
            "pre-norm: its gradients are added to those of post-norm: start from none",
        )
        expect(
            same(numbers, right),
            f"{name}: the gradient norms are not right; at the input of the last block it is "
            f"{numbers[-1]:.5g}, expected {right[-1]:.5g}",
        )


def draw_things(count: int, colors: Tensor, kinds: Tensor) -> tuple[Tensor, Tensor]:
    """Samples of four things, each the sum of a color and a kind: (count, 4, D) and (count,)."""
    labels = torch.randint(2, (count,))
    # Colors 0 and 1 are red and green, kinds 0 and 1 apple and car; the others distract.
    color = torch.cat([torch.stack([1 - labels, labels], 1), torch.randint(2, 4, (count, 2))], 1)
    kind = torch.cat([torch.tensor([[0, 1]]).expand(count, 2), torch.randint(2, 5, (count, 2))], 1)
    order = torch.rand(count, 4).argsort(dim=1)
    x = colors[color.gather(1, order)] + kinds[kind.gather(1, order)]
    return x + 0.1 * torch.randn_like(x), labels


def check_train_a_stack(answer) -> None:
    colors, kinds = torch.randn(4, 16), torch.randn(5, 16)
    x, labels = draw_things(512, colors, kinds)
    new_x, new_labels = draw_things(500, colors, kinds)
    model = answer(x, labels, 2)
    expect_type(model, nn.Module, "the result")
    model.eval()
    with torch.no_grad():
        logits = model(new_x)
    expect_type(logits, Tensor, "what the model returns")
    expect(
        logits.shape == (500, 2),
        f"for 500 samples the model returns shape {tuple(logits.shape)}, expected (500, 2)",
    )
    # PyTorch's blocks and the lesson's have this in common: two norms.
    blocks = [part for part in model.modules() if hasattr(part, "norm1") and hasattr(part, "norm2")]
    sizes = [sum(p.numel() for p in block.parameters()) for block in blocks]
    expect(
        len(blocks) == 2,
        f"asked for 2, the model holds {len(blocks)} encoder block(s) of different weights: "
        "build each anew, and keep them in an nn.ModuleList or nn.Sequential",
    )
    expect(sizes[0] == sizes[1], "the blocks of a stack have equal shapes")
    together = sum(p.numel() for block in blocks for p in block.parameters())
    distinct = {id(p) for block in blocks for p in block.parameters()}
    count = sum(p.numel() for p in model.parameters())
    expect(
        len(distinct) == sum(1 for block in blocks for _ in block.parameters()),
        "the blocks share their weights",
    )
    expect(count > together, "beside the blocks the model has no weights: the linear layer?")

    def has_effect(parameters: list[nn.Parameter]) -> bool:
        """Whether other numbers in these parameters give other logits."""
        with torch.no_grad():
            kept = [parameter.clone() for parameter in parameters]
            for parameter in parameters:
                parameter.add_(torch.randn_like(parameter))
            changed = not torch.allclose(model(new_x[:100]), logits[:100])
            for parameter, numbers in zip(parameters, kept, strict=True):
                parameter.copy_(numbers)
        return changed

    for number, block in enumerate(blocks):
        expect(
            has_effect(list(block.parameters())),
            f"block {number} has no effect on the logits: is it called?",
        )
    # With each thing there twice, attention averages over the same values, and so does a mean.
    with torch.no_grad():
        twice = model(new_x.repeat(1, 2, 1))
    accuracy = (logits.argmax(dim=1) == new_labels).float().mean().item()
    expect(
        accuracy > 0.65,
        f"{accuracy:.1%} of new samples are right, no better than guessing: does it train at all, "
        "and do the blocks see the things before they are averaged?",
    )
    for number, block in enumerate(blocks):
        for name, parameter in block.named_parameters():
            expect(
                parameter.ndim < 2 or has_effect([parameter]),
                f"{name} of block {number} has no effect on the logits: are attention and "
                "feed-forward part both called?",
            )
    expect(accuracy >= 0.9, f"{accuracy:.1%} of new samples are right, at least 90% are asked for")
    expect(
        torch.allclose(twice, logits, rtol=1e-2, atol=1e-2),
        "the logits change when each thing is there twice: take the mean over the things, "
        "not their sum",
    )
