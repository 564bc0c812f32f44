"""What a lesson restates from an earlier one is the same: same parameters, same results."""

import inspect
import itertools

import pytest
import torch
from course import LESSONS, PACKAGE, lesson_module
from torch import nn

B, L, D = 2, 5, 8


def lesson(number):
    [folder] = PACKAGE.glob(f"{number}_*")
    return lesson_module(folder)


def holders(name):
    """The lessons that define a class of this name, in their order."""
    return [
        module
        for module in map(lesson_module, LESSONS)
        if inspect.isclass(getattr(module, name, None))
        and getattr(module, name).__module__ == module.__name__
    ]


def pairs(name):
    """The lesson that introduces a class, beside each that restates it."""
    first, *others = holders(name)
    return [pytest.param(first, other, id=f"{name} of {other.__name__}") for other in others]


def the_same(first, other, *arguments):
    """One object of each lesson's class, with the same weights, without dropout."""
    torch.manual_seed(0)
    ours, theirs = first(*arguments).eval(), other(*arguments).eval()
    theirs.load_state_dict(ours.state_dict())  # raises unless all names and shapes agree
    return ours, theirs


MASKS = {
    "no mask": None,
    "causal": torch.ones(L, L).tril(),
    "padding": (torch.arange(L) < torch.tensor([5, 3])[:, None])[:, None, None, :],
    "nothing to look at": torch.zeros(L, L),
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize(("first", "other"), pairs("MultiHeadAttention"))
def test_multi_head_attention(first, other, mask):
    ours, theirs = the_same(first.MultiHeadAttention, other.MultiHeadAttention, D, 2)
    x, y = torch.randn(B, L, D), torch.randn(B, L, D)
    for inputs in ((x, x, x), (x, y, y)):
        torch.testing.assert_close(theirs(*inputs, mask), ours(*inputs, mask))
        if not hasattr(theirs, "attention_weights"):
            continue  # a lesson that shows no weights leaves that method out
        weights = ours.attention_weights(*inputs[:2], mask)
        torch.testing.assert_close(theirs.attention_weights(*inputs[:2], mask), weights)
    with pytest.raises(ValueError, match="3"):
        other.MultiHeadAttention(D, 3)


@pytest.mark.parametrize("name", ["TransformerEncoderBlock", "PreNormBlock"])
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_encoder_blocks(name, mask):
    assert len(holders(name)) >= (2 if name == "TransformerEncoderBlock" else 1)
    for first, other in itertools.pairwise(holders(name)):
        ours, theirs = the_same(getattr(first, name), getattr(other, name), D, 2, 4 * D)
        x = torch.randn(B, L, D)
        torch.testing.assert_close(theirs(x, mask), ours(x, mask))


def test_one_head_is_the_attention_of_lesson_15():
    attention = lesson("15").scaled_dot_product_attention
    layer = lesson("16").MultiHeadAttention(D, 1).eval()
    for projection in (layer.W_q, layer.W_k, layer.W_v, layer.W_o):
        nn.init.eye_(projection.weight)
        nn.init.zeros_(projection.bias)
    q, k = torch.randn(2, B, L, D)
    output, weights = attention(q, k, k, MASKS["causal"])
    torch.testing.assert_close(layer(q, k, k, MASKS["causal"]), output)
    torch.testing.assert_close(layer.attention_weights(q, k, MASKS["causal"])[:, 0], weights)


def test_the_flowers_of_lessons_07_to_09(tmp_path):
    # Lesson 07 teaches the dataset without a transform; 08 and 09 restate it with one.
    from PIL import Image
    from scipy.io import savemat

    (tmp_path / "jpg").mkdir()
    for number in range(1, 4):
        Image.new("RGB", (10, 5 + number)).save(tmp_path / "jpg" / f"image_{number:05d}.jpg")
    savemat(tmp_path / "imagelabels.mat", {"labels": [[7, 1, 3]]})
    first, *others = (
        lesson(number).OxfordFlowersDataset(tmp_path) for number in ("07", "08", "09")
    )
    for other in others:
        assert len(list(other)) == len(other) == len(first) == 3  # a `for` loop ends
        for (image, label), (same_image, same_label) in zip(
            first, map(other.__getitem__, range(3)), strict=True
        ):
            assert image.tobytes() == same_image.tobytes() and image.size == same_image.size
            assert label == same_label and type(label) is type(same_label)


def test_every_class_that_stands_in_two_lessons_is_held_to_be_the_same():
    """Who restates another class adds a test for it above."""
    tested = {
        "MultiHeadAttention",
        "TransformerEncoderBlock",
        "PreNormBlock",
        "OxfordFlowersDataset",
    }
    names = {
        name
        for module in map(lesson_module, LESSONS)
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__
    }
    twice = {name for name in names if len(holders(name)) > 1}
    assert twice <= tested, twice - tested
