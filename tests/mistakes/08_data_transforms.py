"""Answers to the problems of lesson 08: wrong ones with a piece of their hint, and right ones."""

import dataclasses
import random

import matplotlib.figure
import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision import transforms
from torchvision.transforms import v2


def drawn(pictures):
    """A figure of (title, picture) pairs, with the tensors' channels moved last."""
    figure, axes = plt.subplots(1, len(pictures))
    for axis, (title, picture) in zip(axes, pictures, strict=True):
        if isinstance(picture, Tensor):
            picture = picture.permute(1, 2, 0).numpy()
        axis.imshow(picture)
        axis.set_title(title)
    return figure


def one_after_the_other(image, augmentations):
    pictures = [("original", image)]
    for name, augment in augmentations.items():
        if isinstance(image, Tensor):
            image = transforms.ToPILImage()(image)
        image = augment(image)
        pictures.append((name, image))
    return drawn(pictures)


def without_the_original(image, augmentations):
    pictures = [(name, augment(image)) for name, augment in augmentations.items()]
    return drawn(pictures if len(pictures) > 1 else [*pictures, *pictures, *pictures])


def without_titles(image, augmentations):
    return drawn(
        [("original", image), *(("", augment(image)) for augment in augmentations.values())]
    )


def names_sorted(image, augmentations):
    pictures = [(name, augment(image)) for name, augment in augmentations.items()]
    titles = sorted(augmentations)
    return drawn(
        [
            ("original", image),
            *zip(titles, [picture for _, picture in pictures], strict=True),
        ]
    )


def always_the_original(image, augmentations):
    for augment in augmentations.values():
        augment(image)
    return drawn([("original", image), *((name, image) for name in augmentations)])


def tensor_of_the_image(image, augmentations):
    pictures = [("original", image)]
    for name, augment in augmentations.items():
        pictures.append((name, augment(transforms.ToTensor()(image))))
    return drawn(pictures)


def channels_reshaped(image, augmentations):
    pictures = [("original", image)]
    for name, augment in augmentations.items():
        picture = augment(image)
        if isinstance(picture, Tensor):
            picture = picture.reshape(picture.shape[1], picture.shape[2], 3).numpy()
        pictures.append((name, picture))
    return drawn(pictures)


def axes_returned(image, augmentations):
    return without_titles(image, augmentations).axes


def finish(mean, std):
    return [transforms.ToTensor(), transforms.Normalize(mean, std)]


def right_train(crop, mean, std):
    steps = [transforms.RandomResizedCrop(crop), transforms.RandomHorizontalFlip()]
    return transforms.Compose([*steps, *finish(mean, std)])


def right_validation(resize, crop, mean, std):
    steps = [transforms.Resize(resize), transforms.CenterCrop(crop)]
    return transforms.Compose([*steps, *finish(mean, std)])


def the_same_for_both(resize, crop, mean, std):
    return right_train(crop, mean, std), right_train(crop, mean, std)


def the_other_way_round(resize, crop, mean, std):
    return right_validation(resize, crop, mean, std), right_train(crop, mean, std)


def only_one(resize, crop, mean, std):
    return right_train(crop, mean, std)


def validation_flips(resize, crop, mean, std):
    steps = [transforms.Resize(resize), transforms.CenterCrop(crop)]
    steps = [*steps, transforms.RandomHorizontalFlip(), *finish(mean, std)]
    return right_train(crop, mean, std), transforms.Compose(steps)


def validation_not_normalized(resize, crop, mean, std):
    steps = [transforms.Resize(resize), transforms.CenterCrop(crop), transforms.ToTensor()]
    return right_train(crop, mean, std), transforms.Compose(steps)


def validation_squeezed(resize, crop, mean, std):
    steps = [transforms.Resize([crop, crop]), *finish(mean, std)]
    return right_train(crop, mean, std), transforms.Compose(steps)


def validation_not_resized(resize, crop, mean, std):
    steps = [transforms.CenterCrop(crop), *finish(mean, std)]
    return right_train(crop, mean, std), transforms.Compose(steps)


def validation_resized_to_the_crop(resize, crop, mean, std):
    return right_train(crop, mean, std), right_validation(crop, crop, mean, std)


def validation_not_cropped(resize, crop, mean, std):
    steps = [transforms.Resize(resize), *finish(mean, std)]
    return right_train(crop, mean, std), transforms.Compose(steps)


def normalized_by_a_half(resize, crop, mean, std):
    half = [0.5, 0.5, 0.5]
    return right_train(crop, half, half), right_validation(resize, crop, half, half)


def normalized_first(resize, crop, mean, std):
    steps = [transforms.RandomResizedCrop(crop), transforms.Normalize(mean, std)]
    train = transforms.Compose([*steps, transforms.ToTensor()])
    return train, right_validation(resize, crop, mean, std)


def training_turned_too(resize, crop, mean, std):
    steps = [transforms.RandomRotation(20), transforms.RandomResizedCrop(crop)]
    train = transforms.Compose([*steps, transforms.RandomHorizontalFlip(), *finish(mean, std)])
    return train, right_validation(resize, crop, mean, std)


def training_never_flipped(resize, crop, mean, std):
    train = transforms.Compose([transforms.RandomResizedCrop(crop), *finish(mean, std)])
    return train, right_validation(resize, crop, mean, std)


def training_upside_down(resize, crop, mean, std):
    steps = [transforms.RandomResizedCrop(crop), transforms.RandomVerticalFlip()]
    steps = [*steps, transforms.RandomHorizontalFlip(), *finish(mean, std)]
    return transforms.Compose(steps), right_validation(resize, crop, mean, std)


def training_crop_of_one_size(resize, crop, mean, std):
    steps = [transforms.Resize(resize), transforms.RandomCrop(crop)]
    steps = [*steps, transforms.RandomHorizontalFlip(), *finish(mean, std)]
    return transforms.Compose(steps), right_validation(resize, crop, mean, std)


class Patch:
    """The right answer, for others to go wrong from."""

    def __init__(self, size):
        self.size = size

    def place(self, image):
        height, width = image.shape[-2:]
        return (
            torch.randint(height - self.size + 1, ()).item(),
            torch.randint(width - self.size + 1, ()).item(),
        )

    def __call__(self, image):
        image = image.clone()
        top, left = self.place(image)
        image[:, top : top + self.size, left : left + self.size] = 0
        return image

    def __repr__(self):
        return f"HidePatch(size={self.size})"


class InPlace(Patch):
    def __call__(self, image):
        top, left = self.place(image)
        image[:, top : top + self.size, left : left + self.size] = 0
        return image


class DrawnOnce(Patch):
    def __init__(self, size):
        super().__init__(size)
        self.part = torch.rand(2)

    def place(self, image):
        sizes = torch.tensor(image.shape[-2:])
        return (self.part * (sizes - self.size + 1)).int().tolist()


class NeverAtTheEnd(Patch):
    def place(self, image):
        height, width = image.shape[-2:]
        return (
            torch.randint(height - self.size, ()).item(),
            torch.randint(width - self.size, ()).item(),
        )


class OneNumberForBoth(Patch):
    def place(self, image):
        place = torch.randint(min(image.shape[-2:]) - self.size + 1, ()).item()
        return place, place


class DrawnByPython(Patch):
    def place(self, image):
        height, width = image.shape[-2:]
        return random.randint(0, height - self.size), random.randint(0, width - self.size)


class WidthFirst(Patch):
    def place(self, image):
        return super().place(image)[::-1]


class OneChannel(Patch):
    def __call__(self, image):
        image = image.clone()
        top, left = self.place(image)
        image[0, top : top + self.size, left : left + self.size] = 0
        return image


class OverTheEdge(Patch):
    def place(self, image):
        height, width = image.shape[-2:]
        return torch.randint(height, ()).item(), torch.randint(width, ()).item()


class OneTooMany(Patch):
    def __call__(self, image):
        image = image.clone()
        top, left = self.place(image)
        image[:, top : top + self.size + 1, left : left + self.size + 1] = 0
        return image


class Nameless(Patch):
    __repr__ = object.__repr__


def the_class_itself(size):
    return Patch


def the_tensor(size):
    return Patch(size)(torch.rand(3, 20, 20))


def all_pictures_in_a_grid(image, augmentations):
    figure = matplotlib.figure.Figure(figsize=(6, 6))
    titles = ["original", *augmentations]
    pictures = [image] + [augment(image) for augment in augmentations.values()]
    for place, (title, picture) in enumerate(zip(titles, pictures, strict=True), 1):
        axis = figure.add_subplot(2, 2, place, title=title, xticks=[], yticks=[])
        array = np.asarray(picture)
        axis.imshow(array if array.shape[-1] == 3 else array.transpose(1, 2, 0))
    return figure


def all_as_tensors(image, augmentations):
    shown = {"original": lambda same: same, **augmentations}
    figure, axes = plt.subplots(len(shown), 1)
    for axis, name in zip(axes, shown, strict=True):
        picture = shown[name](image)
        if not isinstance(picture, Tensor):
            picture = transforms.functional.to_tensor(picture)
        axis.imshow(picture.movedim(0, -1).numpy())
        axis.title.set_text(name)
    return figure


def all_as_pil_pictures(image, augmentations):
    columns = len(augmentations) + 3  # some panels stay empty
    figure, axes = plt.subplots(2, columns)
    axes[0, 0].imshow(np.array(image) / 255)
    axes[0, 0].set_title("original")
    for axis, (name, augment) in zip(axes.flat[1:], augmentations.items(), strict=False):
        picture = augment(image)
        if torch.is_tensor(picture):
            picture = transforms.ToPILImage()(picture)
        axis.imshow(picture, extent=(0, 1, 0, 1))
        axis.set_title(f"{name}", fontsize=6)
    return figure


def of_version_2(resize, crop, mean, std):
    start = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
    end = v2.Normalize(mean, std)
    train = [v2.RandomResizedCrop((crop, crop), antialias=True), v2.RandomHorizontalFlip(0.5)]
    validation = [v2.Resize(resize, antialias=True), v2.CenterCrop(crop)]
    return v2.Compose([*start, *train, end]), v2.Compose([*start, *validation, end])


def functions(resize, crop, mean, std):
    f = transforms.functional
    mean, std = torch.tensor(mean).view(3, 1, 1), torch.tensor(std).view(3, 1, 1)

    def finish(picture):
        return (f.pil_to_tensor(picture) / 255 - mean) / std

    def train(picture):
        picture = transforms.RandomResizedCrop(crop)(picture)
        return finish(f.hflip(picture) if torch.rand(()) < 0.5 else picture)

    def validation(picture):
        width, height = picture.size
        scale = resize / min(width, height)
        picture = picture.resize((int(width * scale), int(height * scale)), Image.BILINEAR)
        left, top = round((picture.width - crop) / 2), round((picture.height - crop) / 2)
        return finish(picture.crop((left, top, left + crop, top + crop)))

    return [train, validation]


def with_sequential(resize, crop, mean, std):
    end = torch.nn.Sequential(transforms.Normalize(mean, std))
    train = torch.nn.Sequential(
        transforms.RandomHorizontalFlip(), transforms.RandomResizedCrop(crop)
    )
    validation = torch.nn.Sequential(transforms.Resize(resize), transforms.CenterCrop(crop))
    to_tensor = transforms.ToTensor()
    return lambda p: end(to_tensor(train(p))), lambda p: end(to_tensor(validation(p)))


@dataclasses.dataclass
class HidePatch:
    """Multiplies by a mask of ones and zeros."""

    size: int

    def __call__(self, image):
        mask = torch.ones_like(image[:1])
        _, height, width = image.shape
        left = int(torch.randint(0, width - self.size + 1, (1,)))
        top = int(torch.randint(0, height - self.size + 1, (1,)))
        mask[:, top : top + self.size].narrow(2, left, self.size).fill_(0)
        return image * mask


def with_a_module(size):
    class HidePatch(torch.nn.Module):
        def forward(self, image):
            rows, columns = (
                (torch.arange(n) - torch.randint(n - size + 1, (1,))).clamp(-1, size)
                for n in image.shape[1:]
            )
            inside = lambda places: (places >= 0) & (places < size)  # noqa: E731
            return image.masked_fill(inside(rows)[:, None] & inside(columns), 0)

        def __repr__(self):
            return "HidePatch(size=" + str(size) + ")"

    return HidePatch()


MISTAKES = {
    "augmentation_figure": [
        (one_after_the_other, "give each the original"),
        (without_the_original, "your figure shows 3"),
        (without_titles, "the title of picture 1 is ''"),
        (names_sorted, "the title of picture 1 is"),
        (always_the_original, "is not what its title"),
        (tensor_of_the_image, "was called with a Tensor"),
        (channels_reshaped, "is not what its title"),
        (axes_returned, "expected a Figure"),
    ],
    "train_and_validation_pipelines": [
        (the_same_for_both, "validation pipeline gives the same picture in several variations"),
        (the_other_way_round, "training comes first"),
        (only_one, "return 2 things"),
        (validation_flips, "validation pipeline gives the same picture in several variations"),
        (validation_not_normalized, "the validation pipeline returns values from 0 to 1"),
        (validation_squeezed, "squeezes the picture"),
        (validation_not_resized, "cuts without resizing first"),
        (validation_resized_to_the_crop, "makes the shorter side 64, not 80"),
        (validation_not_cropped, "(3, 80, 120), expected (3, 64, 64)"),
        (normalized_by_a_half, "(color - mean) / std"),
        (normalized_first, "is Normalize before ToTensor?"),
        (training_turned_too, "makes several colors"),
        (training_never_flipped, "flips no picture"),
        (training_upside_down, "upside down"),
        (training_crop_of_one_size, "draws its size too"),
    ],
    "hide_patch": [
        (InPlace, "wrote into the tensor"),
        (DrawnOnce, "the same place at every call"),
        (NeverAtTheEnd, "randint leaves out its upper end"),
        (OneNumberForBoth, "yours comes to 3"),
        (DrawnByPython, "draw with torch.randint"),
        (WidthFirst, "rows high"),
        (OneChannel, "some channels show"),
        (OverTheEdge, "rows high"),
        (OneTooMany, "rows high"),
        (Nameless, "expected 'HidePatch(size=3)'"),
        (the_class_itself, "that is the class"),
        (the_tensor, "cannot be called"),
    ],
}

ALSO_RIGHT = {
    "augmentation_figure": [all_pictures_in_a_grid, all_as_tensors, all_as_pil_pictures],
    "train_and_validation_pipelines": [of_version_2, functions, with_sequential],
    "hide_patch": [HidePatch, with_a_module],
}
