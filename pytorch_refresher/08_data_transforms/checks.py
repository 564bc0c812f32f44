"""Lesson 08: the checks that mark your practice answers."""

from pytorch_refresher._common.marking import expect, expect_close, expect_parts, expect_type

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision import transforms

from .solutions import train_and_validation_pipelines


class _Recorder:
    """An augmentation that insists on the original and keeps what it made of it."""

    def __init__(self, name: str, augment, original: Image.Image) -> None:
        self.name, self.augment, self.original, self.returned = name, augment, original, []

    def __call__(self, image):
        expect(
            isinstance(image, Image.Image),
            f"the augmentation {self.name!r} was called with a {type(image).__name__}, expected "
            "the PIL picture itself",
        )
        expect(
            image.size == self.original.size and image.tobytes() == self.original.tobytes(),
            f"the augmentation {self.name!r} got a picture that was changed before: give each "
            "the original",
        )
        self.returned.append(self.augment(image))
        return self.returned[-1]


def _on_screen(picture) -> Tensor:
    """What a panel shows: (H, W, 3) from 0 to 1."""
    picture = np.asarray(picture)
    shown = torch.tensor(picture, dtype=torch.float32)
    if np.issubdtype(picture.dtype, np.integer):
        shown = shown / 255
    return shown[..., :3] if shown.ndim == 3 else shown


def check_augmentation_figure(answer) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    pixels = torch.randint(0, 256, (40, 60, 3), dtype=torch.uint8).numpy()
    original = Image.fromarray(pixels)
    choice = {
        "mirror": transforms.RandomHorizontalFlip(p=1),
        "a part, as a tensor": transforms.Compose(
            [transforms.RandomResizedCrop(32, scale=(0.2, 0.5)), transforms.ToTensor()]
        ),
        "turn": transforms.RandomRotation((30, 60)),
    }
    try:
        for names in (["turn", "mirror", "a part, as a tensor"], ["mirror"]):
            augmentations = {name: _Recorder(name, choice[name], original) for name in names}
            figure = answer(original.copy(), dict(augmentations))
            expect_type(figure, Figure)
            for name, augment in augmentations.items():
                expect(augment.returned, f"the augmentation {name!r} was not called")
            panels = [(axis, shown) for axis in figure.axes for shown in axis.get_images()]
            expect(
                len(panels) == len(names) + 1,
                f"{len(names)} augmentations and the original make {len(names) + 1} pictures, "
                f"your figure shows {len(panels)}",
            )
            expected = {"original": [original]}
            expected |= {name: augmentations[name].returned for name in names}
            for place, ((axis, shown), (name, pictures)) in enumerate(
                zip(panels, expected.items(), strict=True)
            ):
                expect(
                    name in axis.get_title(),
                    f"the title of picture {place} is {axis.get_title()!r}, expected {name!r}",
                )
                found = _on_screen(shown.get_array())
                wanted = [
                    picture.permute(1, 2, 0)
                    if isinstance(picture, Tensor)
                    else _on_screen(np.array(picture))
                    for picture in pictures
                ]
                expect(
                    found.shape == wanted[0].shape,
                    f"picture {place}, {name!r}, has shape {tuple(found.shape)}, expected "
                    f"{tuple(wanted[0].shape)}: matplotlib takes (H, W, C)",
                )
                expect(
                    any(torch.allclose(found, each, atol=0.01) for each in wanted),
                    f"picture {place} is not what its title, {name!r}, says",
                )
    finally:
        plt.close("all")


def _transformed(pipeline, name: str, picture: Image.Image, crop: int) -> Tensor:
    """What a pipeline makes of a picture, once type and shape are as asked for."""
    expect(callable(pipeline), f"the {name} pipeline cannot be called with a picture")
    try:
        result = pipeline(picture)
    except (TypeError, AttributeError) as error:
        cause = str(error).splitlines()[0]
        expect(False, f"the {name} pipeline stops with {cause!r}: is Normalize before ToTensor?")
    expect_type(result, Tensor, f"what the {name} pipeline returns")
    expect(
        result.shape == (3, crop, crop),
        f"the {name} pipeline makes a picture of size {picture.size} the shape "
        f"{tuple(result.shape)}, expected {(3, crop, crop)}",
    )
    expect(
        result.dtype == torch.float32,
        f"the {name} pipeline returns {result.dtype}, expected torch.float32",
    )
    return result.as_subclass(Tensor)


def check_train_and_validation_pipelines(answer) -> None:
    resize, crop = 80, 64
    mean, std = [0.4, 0.5, 0.3], [0.2, 0.3, 0.25]
    result = answer(resize, crop, list(mean), list(std))
    train, validation = expect_parts(result, "training pipeline", "validation pipeline")

    # One color: whatever part is cut out, and however it is flipped, the values are known.
    plain = Image.new("RGB", (150, 100), (204, 51, 102))
    values = (torch.tensor([0.8, 0.2, 0.4]) - torch.tensor(mean)) / torch.tensor(std)
    for name, pipeline in (("training", train), ("validation", validation)):
        for _ in range(24):
            found = _transformed(pipeline, name, plain, crop)
            expect(
                found.amax(dim=(1, 2)).sub(found.amin(dim=(1, 2))).max() < 0.05,
                f"the {name} pipeline makes several colors of a picture that has one: cut out, "
                "resize and flip, nothing else",
            )
            means = found.mean(dim=(1, 2))
            expect(
                not torch.allclose(means, torch.tensor([0.8, 0.2, 0.4]), atol=0.02),
                f"the {name} pipeline returns values from 0 to 1: Normalize is missing",
            )
            expect(
                torch.allclose(means, values, atol=0.05),
                f"the {name} pipeline gives the color (0.8, 0.2, 0.4) the values "
                f"{[round(value, 2) for value in means.tolist()]}, expected "
                f"{[round(value, 2) for value in values.tolist()]}: (color - mean) / std",
            )

    # Red grows to the right and green downwards, so the tensor tells what was cut and flipped.
    height, width = 100, 150
    across = torch.linspace(0, 255, width).expand(height, width)
    down = torch.linspace(0, 255, height).unsqueeze(1).expand(height, width)
    slopes = Image.fromarray(torch.stack([across, down, across], dim=2).byte().numpy())
    reads = [_transformed(validation, "validation", slopes, crop) for _ in range(48)]
    validation_differs = any(not torch.equal(read, reads[0]) for read in reads)
    draws = torch.stack([_transformed(train, "training", slopes, crop) for _ in range(48)])
    train_differs = any(not torch.equal(draw, draws[0]) for draw in draws)
    expect(
        train_differs or not validation_differs,
        "the first pipeline always gives the same and the second varies: training comes first",
    )
    expect(
        not validation_differs,
        "the validation pipeline gives the same picture in several variations: nothing random",
    )
    _compare_validation(validation, slopes, resize, crop, mean, std)

    expect(train_differs, "the training pipeline always gives the same: nothing in it is random")
    to_the_right = draws[:, 0, :, -1].mean(dim=1) - draws[:, 0, :, 0].mean(dim=1)  # of each draw
    downwards = draws[:, 1, -1].mean(dim=1) - draws[:, 1, 0].mean(dim=1)
    expect((downwards > 0).all(), "the training pipeline turns some pictures upside down")
    flipped = (to_the_right < 0).float().mean().item()
    expect(
        0 < flipped < 1,
        f"the training pipeline flips {'every' if flipped else 'no'} picture left to right, "
        "expected half of them",
    )
    parts = to_the_right.abs() * std[0]  # the share of the width that each draw shows
    expect(
        parts.std() > 0.01,
        "every training picture shows an equally wide part: RandomResizedCrop draws its size too",
    )


def _compare_validation(validation, slopes, resize, crop, mean, std) -> None:
    """Hold the validation pipeline to the reference, on a wide and on a high picture.

    Resizing a tensor instead of a picture rounds otherwise: 0.05 of a standard deviation is
    allowed for that.
    """
    reference = train_and_validation_pipelines(resize, crop, mean, std)[1]
    for picture in (slopes, slopes.transpose(Image.Transpose.ROTATE_90)):
        found = _transformed(validation, "validation", picture, crop)
        right = torch.allclose(found, reference(picture), atol=0.05)
        for first_step, hint in (
            (transforms.Resize([crop, crop]), "it squeezes the picture, where it should cut"),
            (
                transforms.Resize([resize, resize]),
                "it squeezes the picture: Resize(resize) does not",
            ),
            (transforms.Resize(crop), f"it makes the shorter side {crop}, not {resize}"),
            (transforms.CenterCrop(crop), "it cuts without resizing first"),
        ):
            steps = [first_step, *reference.transforms[1:]]
            mistaken = torch.allclose(found, transforms.Compose(steps)(picture), atol=0.05)
            expect(right or not mistaken, f"the validation pipeline shows the wrong part: {hint}")
        expect(
            right,
            f"the validation pipeline does not show the middle {crop} by {crop} pixels of the "
            f"picture whose shorter side is made {resize}",
        )


def _hidden_places(hide, image: Tensor, size: int) -> tuple[int, int]:
    """The top row and the left column of the square that an answer hid, once it is one."""
    given = image.clone()
    result = hide(given)
    expect_type(result, Tensor, "what the object returns")
    expect(torch.equal(given, image), "it wrote into the tensor that came in: clone it first")
    expect(
        result.shape == image.shape,
        f"the result has shape {tuple(result.shape)}, expected {tuple(image.shape)}",
    )
    hidden = result == 0  # the image itself has no 0
    expect(hidden.any(), f"size is {size}, and what is 0 is 0 rows high")
    rows, columns = hidden.any(dim=0).any(dim=1), hidden.any(dim=0).any(dim=0)
    top, left = rows.nonzero()[0].item(), columns.nonzero()[0].item()
    high, wide = rows.nonzero()[-1].item() - top + 1, columns.nonzero()[-1].item() - left + 1
    expect(
        (high, wide) == (size, size),
        f"size is {size}, and what is 0 is {high} rows high and {wide} columns wide",
    )
    expect(hidden.any(dim=0).sum() == size**2, "what is 0 is not a full square")
    expect(torch.equal(hidden.any(dim=0), hidden.all(dim=0)), "some channels show what is hidden")
    expected = image.clone()
    expected[:, top : top + size, left : left + size] = 0
    expect_close(result, expected, "the result outside the square")
    return top, left


@torch.random.fork_rng(devices=[])  # it sets seeds of its own
def check_hide_patch(answer) -> None:
    for size in (3, 7):
        hide = answer(size)
        expect(callable(hide), f"a {type(hide).__name__} cannot be called: write __call__")
        expect(not isinstance(hide, type), "that is the class: return an object, HidePatch(size)")
        image = torch.rand(3, 12, 20) + 0.5
        _hidden_places(hide, image, size)
        _hidden_places(transforms.Compose([hide]), image[:1], size)
        expect(
            str(hide) == f"HidePatch(size={size})",
            f"str() of the object is {str(hide)!r}, expected 'HidePatch(size={size})'",
        )

    # A square of 3 has 3 by 4 places in 5 by 6 pixels. Of 400 draws, some fall on each.
    hide, image = answer(3), torch.rand(2, 5, 6) + 0.5
    places = {_hidden_places(hide, image, 3) for _ in range(400)}
    expect(
        len(places) > 1,
        "it hides the same place at every call: draw in __call__, not in __init__",
    )
    furthest = (max(top for top, _ in places), max(left for _, left in places))
    expect(
        furthest != (1, 2),
        "the square never comes to the last row and column: randint leaves out its upper end",
    )
    expect(
        len(places) == 12,
        f"a square of 3 has 12 places in 5 by 6 pixels, yours comes to {len(places)}",
    )
    _hidden_places(answer(5), torch.rand(3, 5, 9) + 0.5, 5)  # as high as the picture

    image, draws = torch.rand(1, 40, 50) + 0.5, []
    for _ in range(2):
        torch.manual_seed(3)
        draws.append([_hidden_places(hide, image, 3) for _ in range(5)])
    expect(
        draws[0] == draws[1],
        "the same torch.manual_seed gives other places: draw with torch.randint",
    )
