"""Answers to the problems of lesson 08: wrong ones with a piece of their hint, and right ones."""

import dataclasses
import functools
import random

import matplotlib.figure
import matplotlib.pyplot as plt
import torch
from PIL import Image
from torchvision import transforms
from torchvision.transforms import v2

# augmentation_figure


def undone(normalized, mean, std):
    mean, std = torch.tensor(mean)[:, None, None], torch.tensor(std)[:, None, None]
    return (normalized * std + mean).clamp(0, 1).permute(1, 2, 0).numpy()


def drawn(panels, columns):
    """A figure of (title, image) pairs."""
    figure, grid = plt.subplots(-(-len(panels) // columns), columns, squeeze=False)
    for axes, (title, image) in zip(grid.flat, panels, strict=False):
        axes.imshow(image)
        axes.set_title(title)
    return figure


def still_normalized(image, pipelines, draws, mean, std):
    panels = [
        (name, pipeline(image).clamp(0, 1).permute(1, 2, 0).numpy())
        for name, pipeline in pipelines.items()
        for _ in range(draws)
    ]
    return drawn(panels, draws)


def mean_added_first(image, pipelines, draws, mean, std):
    shown = []
    for name, pipeline in pipelines.items():
        for _ in range(draws):
            values = pipeline(image).permute(1, 2, 0)
            values = (values + torch.tensor(mean)) * torch.tensor(std)
            shown.append((name, values.clamp(0, 1).numpy()))
    return drawn(shown, draws)


def one_call_for_a_row(image, pipelines, draws, mean, std):
    panels = []
    for name, pipeline in pipelines.items():
        panels += [(name, undone(pipeline(image), mean, std))] * draws
    return drawn(panels, draws)


def four_panels(image, pipelines, draws, mean, std):
    panels = [
        (name, undone(pipeline(image), mean, std))
        for name, pipeline in pipelines.items()
        for _ in range(draws)
    ]
    return drawn((panels * 4)[:4], 2)


def one_after_the_other(image, pipelines, draws, mean, std):
    panels = []
    for name, pipeline in pipelines.items():
        for _ in range(draws):
            shown = undone(pipeline(image), mean, std)
            panels.append((name, shown))
            image = v2.functional.to_pil_image(torch.from_numpy(shown).permute(2, 0, 1))
    return drawn(panels, draws)


def names_in_another_order(image, pipelines, draws, mean, std):
    panels = [
        undone(pipeline(image), mean, std) for pipeline in pipelines.values() for _ in range(draws)
    ]
    names = [name for name in reversed(pipelines) for _ in range(draws)]
    return drawn(list(zip(names, panels, strict=True)), draws)


def in_subfigures(image, pipelines, draws, mean, std):
    figure = plt.figure(layout="constrained")
    parts = figure.subfigures(1 + len(pipelines), 1, squeeze=False).flat
    next(parts).subplots().imshow(image)  # the original, too
    for part, (name, pipeline) in zip(parts, pipelines.items(), strict=True):
        part.suptitle(name)
        for axes in part.subplots(1, draws, squeeze=False).flat:
            axes.imshow((undone(pipeline(image), mean, std) * 255).round().astype("uint8"))
    return figure


def in_one_column_as_pil_images(image, pipelines, draws, mean, std):
    figure = matplotlib.figure.Figure(figsize=(2, 9))
    undo = v2.Normalize([-m / s for m, s in zip(mean, std, strict=True)], [1 / s for s in std])
    for row in range(draws):
        for number, name in enumerate(pipelines):
            place = row * len(pipelines) + number + 1
            axes = figure.add_subplot(draws * len(pipelines), 1, place)
            shown = undo(pipelines[name](image)).clamp(0, 1)
            axes.imshow(v2.functional.to_pil_image(shown), interpolation="nearest")
            axes.set_title(f"{name}, draw {row + 1}", loc="left")
    return figure


# train_and_validation_pipelines


def finish(mean, std):
    return [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, std)]


def right(resize, crop, smallest, flips, mean, std):
    train = [v2.RandomResizedCrop(crop, (smallest, 1)), v2.RandomHorizontalFlip(flips)]
    validation = [v2.Resize(resize), v2.CenterCrop(crop)]
    end = finish(mean, std)
    return v2.Compose([*train, *end]), v2.Compose([*validation, *end])


def with_training(first_steps):
    """An answer whose training pipeline begins with other steps."""

    @functools.wraps(first_steps)
    def answer(resize, crop, smallest, flips, mean, std):
        _, validation = right(resize, crop, smallest, flips, mean, std)
        steps = first_steps(resize, crop, smallest, flips)
        return v2.Compose([*steps, *finish(mean, std)]), validation

    return answer


def with_validation(first_steps):
    """An answer whose validation pipeline begins with other steps."""

    @functools.wraps(first_steps)
    def answer(resize, crop, smallest, flips, mean, std):
        train, _ = right(resize, crop, smallest, flips, mean, std)
        steps = first_steps(resize, crop, smallest, flips)
        return train, v2.Compose([*steps, *finish(mean, std)])

    return answer


@with_training
def default_probability(resize, crop, smallest, flips):
    return [v2.RandomResizedCrop(crop, (smallest, 1)), v2.RandomHorizontalFlip()]


@with_training
def default_scale(resize, crop, smallest, flips):
    return [v2.RandomResizedCrop(crop), v2.RandomHorizontalFlip(flips)]


@with_training
def resized_before_the_crop(resize, crop, smallest, flips):
    crop = v2.RandomResizedCrop(crop, (smallest, 1))
    return [v2.Resize(resize), crop, v2.RandomHorizontalFlip(flips)]


@with_training
def rotated_too(resize, crop, smallest, flips):
    crop = v2.RandomResizedCrop(crop, (smallest, 1))
    return [v2.RandomRotation(20), crop, v2.RandomHorizontalFlip(flips)]


@with_training
def never_all_of_the_image(resize, crop, smallest, flips):
    return [v2.RandomResizedCrop(crop, (smallest, 0.6)), v2.RandomHorizontalFlip(flips)]


@with_validation
def squeezed(resize, crop, smallest, flips):
    return [v2.Resize([crop, crop])]


@with_validation
def augmented_validation(resize, crop, smallest, flips):
    return [v2.Resize(resize), v2.CenterCrop(crop), v2.RandomHorizontalFlip(flips)]


@with_validation
def resized_to_the_crop(resize, crop, smallest, flips):
    return [v2.Resize(crop), v2.CenterCrop(crop)]


def the_other_way_around(*settings):
    return right(*settings)[::-1]


def scale_forgotten(resize, crop, smallest, flips, mean, std):
    train, validation = right(resize, crop, smallest, flips, mean, std)
    train.transforms[3] = v2.ToDtype(torch.float32)
    return train, validation


def in_the_first_version_on_tensors(resize, crop, smallest, flips, mean, std):
    end = transforms.Normalize(mean, std)
    train = torch.nn.Sequential(
        transforms.RandomHorizontalFlip(flips), transforms.RandomResizedCrop(crop, (smallest, 1))
    )
    validation = torch.nn.Sequential(transforms.Resize(resize), transforms.CenterCrop(crop), end)
    floats = transforms.ToTensor()
    return [lambda image: end(train(floats(image))), lambda image: validation(floats(image))]


def as_functions(resize, crop, smallest, flips, mean, std):
    f = v2.functional

    def finish(image):
        return f.normalize(f.pil_to_tensor(image) / 255, mean, std)

    def train(image):
        area = random.uniform(smallest, 1)
        width, height = (int(size * area**0.5) for size in image.size)
        left, top = random.randint(0, image.width - width), random.randint(0, image.height - height)
        image = image.resize((crop, crop), Image.BILINEAR, (left, top, left + width, top + height))
        return finish(f.hflip(image) if random.random() < flips else image)

    def validation(image):
        scale = resize / min(image.size)
        image = image.resize([round(side * scale) for side in image.size], Image.BILINEAR)
        left, top = (image.width - crop) // 2, (image.height - crop) // 2
        return finish(image.crop((left, top, left + crop, top + crop)))

    return train, validation


# HidePatch


class Patch:
    """The right answer, for others to go wrong from."""

    def __init__(self, size):
        self.size = size

    def place(self, height, width):
        return (
            torch.randint(height - self.size + 1, ()).item(),
            torch.randint(width - self.size + 1, ()).item(),
        )

    def __call__(self, image):
        image = image.clone()
        top, left = self.place(*image.shape[-2:])
        image[..., top : top + self.size, left : left + self.size] = 0
        return image

    def __repr__(self):
        return f"HidePatch(size={self.size})"


class InPlace(Patch):
    def __call__(self, image):
        top, left = self.place(*image.shape[-2:])
        image[..., top : top + self.size, left : left + self.size] = 0
        return image


class DrawnOnce(Patch):
    def __init__(self, size):
        super().__init__(size)
        self.part = torch.rand(2).tolist()

    def place(self, *sides):
        return [int(p * (side - self.size + 1)) for p, side in zip(self.part, sides, strict=True)]


class NeverAtTheEnd(Patch):
    def place(self, height, width):
        top = torch.randint(max(1, height - self.size), ()).item()
        return top, torch.randint(max(1, width - self.size), ()).item()


class MoreAtTheEdge(Patch):
    """Draws where the middle is and pushes it back into the image."""

    def place(self, *sides):
        middles = [torch.randint(side, ()).item() for side in sides]
        return [
            min(max(middle - self.size // 2, 0), side - self.size)
            for middle, side in zip(middles, sides, strict=True)
        ]


class ForOneImage(Patch):
    """Takes the first dimension for the channels, whatever it is."""

    def __call__(self, image):
        image = image.clone()
        top, left = self.place(image.shape[1], image.shape[2])
        image[:, top : top + self.size, left : left + self.size] = 0
        return image


class DrawnByPython(Patch):
    def place(self, height, width):
        return random.randint(0, height - self.size), random.randint(0, width - self.size)


class Nameless(Patch):
    __repr__ = object.__repr__


@dataclasses.dataclass
class HidePatch:
    """Multiplies by a mask of ones and zeros."""

    size: int

    def __call__(self, image):
        height, width = image.shape[-2:]
        mask = torch.ones(height, width, dtype=image.dtype)
        left = int(torch.randint(0, width - self.size + 1, (1,)))
        top = int(torch.randint(0, height - self.size + 1, (1,)))
        mask[top : top + self.size].narrow(1, left, self.size).fill_(0)
        return image * mask


def of_a_module(size):
    class HidePatch(torch.nn.Module):
        def forward(self, image):
            rows, columns = (
                (torch.arange(n) - torch.randint(n - size + 1, (1,))).clamp(-1, size)
                for n in image.shape[-2:]
            )
            inside = lambda places: (places >= 0) & (places < size)  # noqa: E731
            return image.masked_fill(inside(rows)[:, None] & inside(columns), 0)

        def __repr__(self):
            return "HidePatch(size=" + str(size) + ")"

    return HidePatch()


MISTAKES = {
    "augmentation_figure": [
        (still_normalized, "shows normalized values"),
        (mean_added_first, "undo in reverse order"),
        (one_call_for_a_row, "each image needs a call of its own"),
        (four_panels, "your figure shows 4"),
        (one_after_the_other, "give each pipeline the one that came in"),
        (names_in_another_order, "is not what the pipeline in its title"),
    ],
    "train_and_validation_pipelines": [
        (default_probability, "mirrors"),
        (default_scale, "of the area, not from"),
        (never_all_of_the_image, "of the area, not from"),
        (resized_before_the_crop, "small parts are blurred"),
        (rotated_too, "makes several colors of one"),
        (squeezed, "squeezes the image: cut a square out"),
        (augmented_validation, "the validation pipeline varies"),
        (resized_to_the_crop, "makes the shorter side 64, not 80"),
        (the_other_way_around, "the first is for training"),
        (scale_forgotten, "is scale=True missing?"),
    ],
    "HidePatch": [
        (InPlace, "clone it first"),
        (DrawnOnce, "draw in __call__"),
        (NeverAtTheEnd, "randint leaves out its upper end"),
        (MoreAtTheEdge, "make all equally likely"),
        (ForOneImage, "not all images and channels"),
        (DrawnByPython, "draw with torch.randint"),
        (Nameless, "expected 'HidePatch(size=3)'"),
    ],
}

ALSO_RIGHT = {
    "augmentation_figure": [in_subfigures, in_one_column_as_pil_images],
    "train_and_validation_pipelines": [in_the_first_version_on_tensors, as_functions],
    "HidePatch": [HidePatch, of_a_module],
}
