"""Wrong answers to the problems of lesson 08, and a piece of the hint that each must get."""

import random

import matplotlib.pyplot as plt
import torch
from torch import Tensor
from torchvision import transforms


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
