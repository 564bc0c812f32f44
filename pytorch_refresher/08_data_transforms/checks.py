"""Lesson 08: the checks that mark your practice answers."""

from collections import Counter

from pytorch_refresher._common.marking import (
    expect,
    expect_close,
    expect_parts,
    expect_type,
    reject,
)

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from .solutions import train_and_validation_pipelines

MEAN, STD = [0.4, 0.5, 0.3], [0.2, 0.3, 0.25]


def _reject(actual: Tensor, expected: Tensor, mistakes: dict[str, Tensor]) -> None:
    """`reject` for values of images, which differ a little: bytes and Pillow round them."""
    for each in (expected, *mistakes.values()):
        if actual.shape == each.shape and torch.allclose(actual, each, atol=0.03):
            actual = each
            break
    reject(actual, expected, mistakes)


class _Recorder:
    """A pipeline that insists on the original image, and keeps what it makes of it."""

    def __init__(self, name: str, size: tuple[int, int], original: Image.Image) -> None:
        self.name, self.size, self.original, self.made = name, size, original, []

    def __call__(self, image) -> Tensor:
        what = f"the pipeline {self.name!r} was called with"
        expect_type(image, Image.Image, f"what {what}")
        same = image.size == self.original.size and image.tobytes() == self.original.tobytes()
        expect(same, f"{what} another image: give each pipeline the one that came in")
        self.made.append(torch.rand(3, *self.size))
        return v2.functional.normalize(self.made[-1], MEAN, STD)


def check_augmentation_figure(answer) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    original = Image.fromarray(torch.randint(0, 256, (30, 40, 3), dtype=torch.uint8).numpy())
    sizes = {
        "turned": (9, 7),
        "mirrored": (8, 8),
        "a part": (5, 5),
        "slanted": (6, 9),
        "far": (4, 7),
    }
    try:
        for names, draws in ((["mirrored", "turned"], 3), (list(sizes), 2), (["a part"], 1)):
            pipelines = {name: _Recorder(name, sizes[name], original) for name in names}
            figure = answer(original.copy(), dict(pipelines), draws, list(MEAN), list(STD))
            expect_type(figure, Figure)
            for name, pipeline in pipelines.items():
                found = len(pipeline.made)
                expect(found, f"the pipeline {name!r} was not called")
                hint = f"the pipeline {name!r} was called {found} instead of {draws} times"
                expect(found >= draws, f"{hint}: each image needs a call of its own")
            panels = [(axes, image) for axes in figure.axes for image in axes.get_images()]
            panels = [(axes, _on_screen(image)) for axes, image in panels]
            before = _on_screen(original)
            panels = [each for each in panels if not _shows(each[1], before)]
            expect(
                len(panels) == draws * len(names),
                f"{draws} draws of {len(names)} pipelines make {draws * len(names)} images, but "
                f"your figure shows {len(panels)}",
            )
            _expect_panels(panels, pipelines, draws)
    finally:
        plt.close("all")


def _on_screen(image) -> Tensor:
    """What a panel shows, or a PIL image: (H, W, C) from 0 to 1."""
    values = np.asarray(image.get_array() if hasattr(image, "get_array") else image)
    shown = torch.tensor(values, dtype=torch.float32)
    return (shown / 255 if np.issubdtype(values.dtype, np.integer) else shown)[..., :3]


def _shows(found: Tensor, values: Tensor) -> bool:
    return found.shape == values.shape and torch.allclose(found, values, atol=0.01)


def _expect_panels(panels: list, pipelines: dict[str, _Recorder], draws: int) -> None:
    """Fail unless each panel shows another draw, of the pipeline that its title names."""
    mean, std = torch.tensor(MEAN), torch.tensor(STD)
    seen = Counter()
    for number, (axes, found) in enumerate(panels, start=1):
        named = [name for name in pipelines if name in _title(axes)]
        expect(
            len(named) == 1, f"image {number} has the title {_title(axes)!r}, not a pipeline's name"
        )
        made = [each.permute(1, 2, 0) for each in pipelines[named[0]].made]
        for natural in made:
            normalized = (natural - mean) / std
            wrong = {
                "shows normalized values: undo Normalize": normalized,
                "has the mean added before it is multiplied by std: undo in reverse order": (
                    normalized + mean
                )
                * std,
                "isn't shifted back by the mean": normalized * std,
                "isn't multiplied by std": normalized + mean,
                "is reshaped: permute puts the channels last": natural.permute(2, 0, 1).reshape(
                    natural.shape
                ),
            }
            wrong = {f"image {number} {hint}": each.clamp(0, 1) for hint, each in wrong.items()}
            _reject(found, natural, wrong)
        shown = [place for place, natural in enumerate(made) if _shows(found, natural)]
        expect(shown, f"image {number} is not what the pipeline in its title, {named[0]!r}, made")
        seen[named[0], shown[0]] += 1
    hint = f"one draw is shown {max(seen.values())} times: each image needs a call of its own"
    expect(max(seen.values()) == 1, hint)
    counts = Counter(name for name, _ in seen)
    expect(set(counts.values()) == {draws}, f"show {draws} draws of each pipeline, not {counts}")


def _title(axes) -> str:
    """The titles of a panel, and of the subfigure that it may be in."""
    from matplotlib.figure import SubFigure

    titles = [axes.get_title(loc) for loc in ("left", "center", "right")]
    parent = axes.get_figure(root=False)
    titles += [parent.get_suptitle()] if isinstance(parent, SubFigure) else []
    return " ".join(title for title in titles if title)


WIDTH, HEIGHT = 240, 180  # of the image below


def _ramps() -> Image.Image:
    """Red counts the columns, green the rows, so a part of it says where it was cut out.

    Blue has fine stripes. They are gone in an image that was resized before it was cut.
    """
    x, y = torch.arange(WIDTH).expand(HEIGHT, -1), torch.arange(HEIGHT)[:, None].expand(-1, WIDTH)
    return Image.fromarray(torch.stack([x, y, 255 * (x % 4 // 2)], dim=2).byte().numpy())


def check_train_and_validation_pipelines(answer) -> None:
    for resize, crop, smallest, flips in ((80, 64, 0.1, 0.5), (50, 40, 0.4, 0.1)):
        result = answer(resize, crop, smallest, flips, list(MEAN), list(STD))
        train, validation = expect_parts(result, "training pipeline", "validation pipeline")
        for name, pipeline in (("training", train), ("validation", validation)):
            expect(callable(pipeline), f"the {name} pipeline can't be called with an image")
            _expect_color(name, pipeline, crop)
        image = _ramps()
        fixed = torch.stack([_called("validation", validation, image, crop) for _ in range(40)])
        drawn = torch.stack([_called("training", train, image, crop) for _ in range(400)])
        varies = [bool((each != each[0]).any()) for each in (drawn, fixed)]
        expect(varies != [False, True], "the second pipeline varies: the first is for training")
        expect(not varies[1], "the validation pipeline varies: nothing in it may be random")
        expect(varies[0], "the training pipeline always gives the same: nothing in it is random")
        _expect_middle(validation, resize, crop)
        _expect_parts_of(drawn, smallest, flips)


def _called(name: str, pipeline, image: Image.Image, crop: int) -> Tensor:
    """What a pipeline makes of an image, once type, shape and dtype are as asked for."""
    try:
        result = pipeline(image)
    except (TypeError, AttributeError, ValueError) as error:
        cause = str(error).splitlines()[0]
        expect(
            False, f"the {name} pipeline stops with {cause!r}: are its steps in the right order?"
        )
    what = f"what the {name} pipeline makes of an image of size {image.size}"
    expect_type(result, Tensor, what)
    shape = tuple(result.shape)
    expect(shape == (3, crop, crop), f"{what} has shape {shape}, expected {(3, crop, crop)}")
    expect(result.dtype == torch.float32, f"{what} is {result.dtype}, expected torch.float32")
    return result.as_subclass(Tensor)


def _expect_color(name: str, pipeline, crop: int) -> None:
    """Try an image of one color: the values are known, whatever is cut out and mirrored."""
    color, mean, std = torch.tensor([0.8, 0.2, 0.4]), torch.tensor(MEAN), torch.tensor(STD)
    image = Image.new("RGB", (150, 100), tuple((color * 255).round().int().tolist()))
    for _ in range(20):
        found = _called(name, pipeline, image, crop)
        spread = found.amax(dim=(1, 2)) - found.amin(dim=(1, 2))
        hint = (
            f"the {name} pipeline makes several colors of one: it may only cut, resize and mirror"
        )
        expect(spread.max() < 0.01, hint)
        wrong = {
            "from 0 to 1: Normalize is missing": color,
            "from 0 to 255: Normalize and scale=True are missing": color * 255,
            "far from 0: is scale=True missing?": (color * 255 - mean) / std,
            "normalized with mean and std swapped": (color - std) / mean,
            "normalized with the lesson's numbers, not those that came in": v2.functional.normalize(
                color[:, None, None], [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
            ).flatten(),
        }
        wrong = {f"the {name} pipeline returns values {hint}": each for hint, each in wrong.items()}
        expected = (color - mean) / std
        _reject(found.mean(dim=(1, 2)), expected, wrong)
        expect_close(found.mean(dim=(1, 2)), expected, f"the color in the {name} pipeline", 0.02)


def _expect_middle(validation, resize: int, crop: int) -> None:
    """Compare with the reference on a wide and on a high image."""
    steps = train_and_validation_pipelines(resize, crop, 0.5, 0.5, MEAN, STD)[1].transforms
    for image in (_ramps(), _ramps().transpose(Image.Transpose.ROTATE_90)):
        wrong = {
            "squeezes the image: cut a square out": v2.Resize([crop, crop]),
            "squeezes the image: Resize takes one number": v2.Resize([resize, resize]),
            f"makes the shorter side {crop}, not {resize}": v2.Resize(crop),
            "cuts without resizing first": v2.CenterCrop(crop),
        }
        made = {
            f"the validation pipeline {hint}": v2.Compose([first, *steps[1:]])(image)[:2]
            for hint, first in wrong.items()
        }
        found = _called("validation", validation, image, crop)[:2]  # the stripes are too fine
        expected = v2.Compose(steps)(image)[:2]
        _reject(found, expected, made)
        hint = (
            f"the validation pipeline doesn't show the middle {crop} by {crop} pixels of the image"
        )
        right = (found - expected).abs().max() < 0.1  # which allows for a pixel
        expect(right, f"{hint} whose shorter side was made {resize}")


def _expect_parts_of(drawn: Tensor, smallest: float, flips: float) -> None:
    """Look at many draws of the training pipeline: (N, 3, H, W), normalized."""
    drawn = drawn * torch.tensor(STD).view(-1, 1, 1) + torch.tensor(MEAN).view(-1, 1, 1)
    columns, rows = 255 * drawn[:, 0].mean(dim=1), 255 * drawn[:, 1].mean(dim=2)  # (N, W), (N, H)
    across, down = columns[:, -1] - columns[:, 0], rows[:, -1] - rows[:, 0]
    expect((down > 0).all(), "the training pipeline turns some images upside down")
    share = (across < 0).float().mean().item()
    near = 4.5 * (flips * (1 - flips) / len(drawn)) ** 0.5
    hint = f"the training pipeline mirrors {share:.0%} of the images, expected {flips:.0%}"
    expect(abs(share - flips) < near, hint)

    stretch = drawn.shape[-1] / (drawn.shape[-1] - 1)  # from the first pixel's middle to the last's
    areas = (across.abs() * stretch / WIDTH) * (down * stretch / HEIGHT)
    low, high = areas.min().item(), areas.max().item()
    asked = f"from {smallest:.0%} to all of it"
    expect(
        low > smallest - 0.03, f"the training pipeline cuts out {low:.0%} of the area, not {asked}"
    )
    hint = f"the training pipeline cuts out {low:.0%} to {high:.0%} of the area, not {asked}"
    expect(low < smallest + 0.05 and high > 0.7, hint)
    small = areas < smallest + 0.1
    middles = columns[small].mean(dim=1) / WIDTH
    expect(middles.std() > 0.05, "the training pipeline always cuts around the middle")
    if smallest < 0.2:
        contrast = drawn[small, 2].flatten(start_dim=1).std(dim=1).median()
        hint = "small parts are blurred: cut them out of the image itself, not out of a resized one"
        expect(contrast > 0.2, hint)


def _hidden_place(hide, image: Tensor, size: int) -> tuple[int, int]:
    """The top row and the left column of the square that an answer hid, once it is one."""
    given = image.clone()
    result = hide(given)
    expect_type(result, Tensor, "what the object returns")
    expect(torch.equal(given, image), "it writes into the tensor that came in: clone it first")
    expected = tuple(image.shape)
    expect(
        result.shape == expected,
        f"of shape {expected}, it makes {tuple(result.shape)}: keep the shape",
    )
    hidden = (result == 0).flatten(end_dim=-3)  # (channels of all images, H, W); no 0 came in
    rows, columns = (hidden.any(dim=0).any(dim=dim).nonzero().flatten().tolist() for dim in (1, 0))
    expect(rows, f"size is {size}, but nothing is 0")
    high, wide = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    hint = f"size is {size}, but what is 0 is {high} rows high and {wide} columns wide"
    alike = bool((hidden == hidden[0]).all())
    expect(
        alike or (high, wide) == (size, size), "not all images and channels have the same square"
    )
    expect((high, wide) == (size, size), hint)
    expect(alike, "some channels or images show what is hidden in others")
    expected = image.clone()
    expected[..., rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = 0
    expect_close(result, expected, "the result")
    return rows[0], columns[0]


@torch.random.fork_rng(devices=[])  # it sets seeds of its own
def check_HidePatch(answer) -> None:  # noqa: N802
    for size in (3, 7):
        hide = answer(size)
        expect(callable(hide), f"a {type(hide).__name__} can't be called: write __call__")
        _hidden_place(hide, torch.rand(3, 12, 20) + 0.5, size)
        _hidden_place(hide, torch.rand(2, 9, 15, 11) - 1.5, size)
        image = torch.randint(1, 256, (1, 9, 8), dtype=torch.uint8)
        _hidden_place(v2.Compose([hide]), image, size)
        expect(
            str(hide) == f"HidePatch(size={size})",
            f"str() of the object is {str(hide)!r}, expected 'HidePatch(size={size})'",
        )
    _hidden_place(answer(5), torch.rand(3, 5, 9) + 0.5, 5)  # as high as the image

    # A square of 3 has 3 by 4 places in 5 by 6 pixels, so each comes in about 100 of 1,200 draws.
    hide, image = answer(3), torch.rand(2, 5, 6) + 0.5
    places = Counter(_hidden_place(hide, image, 3) for _ in range(1200))
    expect(len(places) > 1, "it hides the same place at every call: draw in __call__")
    last = (max(top for top, _ in places), max(left for _, left in places))
    expect(
        last == (2, 3), "it never hides the last row or column: randint leaves out its upper end"
    )
    expect(len(places) == 12, f"a square of 3 has 12 places in 5 by 6 pixels, not {len(places)}")
    few, many = min(places.values()), max(places.values())
    hint = f"of 1,200 draws, one place gets {few} and another {many}: make all equally likely"
    expect(few > 50 and many < 160, hint)

    image, draws = torch.rand(1, 40, 50) + 0.5, []
    for _ in range(2):
        torch.manual_seed(3)
        draws.append([_hidden_place(hide, image, 3) for _ in range(5)])
    hint = "after the same torch.manual_seed, it hides other places: draw with torch.randint"
    expect(draws[0] == draws[1], hint)
