"""Lesson 08: Transforms

A photograph is bytes in a size of its own. A network wants tensors of one shape, with numbers
around 0. Transforms lead from one to the other. Random ones, called augmentation, also show a
photograph in a new variation each time it is read, so that the network meets more than there is.

    python lesson.py             the whole lesson, then your practice report
    python lesson.py --practice  the practice report alone
    python lesson.py --download  the same on the real photographs
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import lesson_arguments, report_practice, save_figure, section
from pytorch_refresher._data.datasets import oxford_flowers

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import transforms, tv_tensors
from torchvision.transforms import v2

# Shapes are written in comments with these letters throughout the lesson:
#   C channels (3: red, green, blue)   H height   W width   of a picture, in pixels

# Mean and standard deviation of red, green and blue over ImageNet, a collection of a million
# photographs, once their bytes are scaled to 0..1. Networks that were trained on it expect them.
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


class OxfordFlowersDataset(Dataset):
    """The flowers of lesson 07: pairs of a picture, transformed if asked for, and its label."""

    def __init__(self, folder: Path, transform=None) -> None:
        from scipy.io import loadmat

        self.folder, self.transform = Path(folder), transform
        self.labels = loadmat(self.folder / "imagelabels.mat")["labels"][0] - 1  # from 0 on

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, idx: int):
        with Image.open(self.folder / "jpg" / f"image_{idx + 1:05d}.jpg") as file:
            image = file.convert("RGB")
        if self.transform is not None:
            image = self.transform(image)
        return image, int(self.labels[idx])


def describe(name: str, image: Image.Image | Tensor) -> None:
    """Print a line about a picture: what it is, its size or shape, its smallest and largest value."""
    is_tensor = isinstance(image, Tensor)
    kind, size = ("tensor", list(image.shape)) if is_tensor else ("picture", image.size)
    values = image if is_tensor else torch.from_numpy(np.array(image))
    print(f"{name:<16} {kind:<8} {size!s:<15} {values.min():>7.2f} {values.max():>7.2f}")


def same(one: Image.Image, other: Image.Image) -> bool:
    """Whether two pictures agree in size and in each pixel."""
    return one.size == other.size and one.tobytes() == other.tobytes()


def in_few_colors(image: Image.Image, like: Image.Image) -> Image.Image:
    """A picture in 24 colors of another and black: in a figure it takes a fraction of the bytes."""
    palette = like.rotate(20).quantize(24, kmeans=3)  # the corners of what is turned are black
    return image.quantize(palette=palette, dither=Image.Dither.NONE).convert("RGB")


def sizes_that_do_not_fit(data: OxfordFlowersDataset) -> Image.Image:
    section("Photographs of many sizes make no batch")

    # Lesson 07 opened the flowers. Each photograph has a size of its own.
    print(f"{len(data) = }")
    for idx in range(4):
        image, label = data[idx]
        print(f"data[{idx}]: {image.size = }, {label = }")

    # Mind the order. A picture's size is (W, H); its tensor's shape is (C, H, W).
    image, other = data[0][0], data[1][0]
    tensor = transforms.ToTensor()(image)
    print(f"{tensor.shape = }")
    assert tensor.shape == (3, image.height, image.width)

    # A network computes on batches, and a batch is one tensor. These two make none:
    try:
        torch.stack([tensor, transforms.ToTensor()(other)])
    except RuntimeError as error:
        print(f"torch.stack fails: {error}")
    else:
        assert image.size == other.size, "stack took two sizes"

    # So each gets one size first. The next sections follow one picture through the steps. The
    # first photograph of the real dataset is 591 pixels wide and 500 high: stretched to that
    # size, the first of the sample gives the same sizes after each step.
    return image.resize((591, 500))


def one_size_for_all(photo: Image.Image) -> Image.Image:
    section("One size: Resize and CenterCrop")

    # Resize(256) makes the shorter side 256 and keeps the proportions. By hand: the longer
    # side is the same fraction of what it was, without what follows the point.
    longer = int(256 * 591 / 500)
    by_hand = photo.resize((longer, 256), Image.Resampling.BILINEAR)
    resized = transforms.Resize(256)(photo)
    print(f"{photo.size = }")
    print(f"{resized.size = }")
    assert resized.size == (302, 256) and same(resized, by_hand)

    # CenterCrop(224) cuts out the middle. By hand: half of what is too much goes on each side.
    left, top = (302 - 224) // 2, (256 - 224) // 2
    by_hand = resized.crop((left, top, left + 224, top + 224))
    cropped = transforms.CenterCrop(224)(resized)
    print(f"{cropped.size = }")
    assert cropped.size == (224, 224) and same(cropped, by_hand)

    # A list of two sizes is another order: exactly so high and so wide, proportions or not.
    # Nothing is cut off, but a round flower is no longer round.
    squeezed = transforms.Resize([150, 150])(photo)
    print(f"{squeezed.size = }")
    assert squeezed.size == (150, 150)
    return cropped


def numbers_around_zero(cropped: Image.Image) -> None:
    section("Numbers around 0: ToTensor and Normalize")

    # ToTensor does three things: a tensor of the bytes (H, W, C), channels first, 0..1.
    array = np.array(cropped)
    by_hand = torch.from_numpy(array).permute(2, 0, 1) / 255  # (C, H, W)
    tensor = transforms.ToTensor()(cropped)
    print(f"{array.shape = }, {array.dtype = }")
    print(f"{tensor.shape = }, {tensor.dtype = }")
    torch.testing.assert_close(tensor, by_hand)

    # Normalize subtracts a mean from each channel and divides by a standard deviation. As
    # (C, 1, 1), they reach every pixel of their channel (broadcasting, lesson 04).
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    normalized = transforms.Normalize(MEAN, STD)(tensor)
    torch.testing.assert_close(normalized, (tensor - mean) / std)

    # 0..1 has become about -2.1..2.6: this is where black and white end up in each channel.
    black, white = (0 - mean) / std, (1 - mean) / std
    print(f"{black.flatten() = }")
    print(f"{white.flatten() = }")
    assert black.min() <= normalized.min() and normalized.max() <= white.max()

    # A photograph brighter than most has a mean above 0, a darker one a mean below.
    print(f"{normalized.mean(dim=(1, 2)) = }")


def steps_in_a_row(photo: Image.Image) -> transforms.Compose:
    section("Compose: one step after the other")

    preprocess = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    # A transform is whatever can be called with a picture and returns one: a function, or an
    # object of a class with the method __call__. Compose calls one after the other. When a
    # pipeline does not give what you expect, do by hand what it does, and look after each:
    print("after            what     size or shape      from      to")
    describe("opening it", photo)
    image = photo
    for step in preprocess.transforms:
        image = step(image)
        describe(type(step).__name__, image)
    assert torch.equal(preprocess(photo), image)
    assert image.shape == (3, 224, 224)

    # The order counts. Normalize computes on tensors, so it cannot come before ToTensor:
    try:
        transforms.Compose([transforms.Normalize(MEAN, STD), transforms.ToTensor()])(photo)
    except TypeError as error:
        print(f"Normalize first fails: {error}")
    else:
        raise AssertionError("Normalize took a picture")
    return preprocess


def a_dataset_with_a_transform(folder: Path, preprocess: transforms.Compose) -> None:
    section("The dataset applies it, and display undoes it")

    # The dataset calls its transform each time an image is read. Now all have one shape,
    # and a batch is one tensor.
    data = OxfordFlowersDataset(folder, transform=preprocess)
    batch = torch.stack([data[idx][0] for idx in range(4)])
    print(f"{batch.shape = }   (batch, C, H, W)")
    assert batch.shape == (4, 3, 224, 224)

    # matplotlib wants 0..1 and channels last. Undo what Normalize did, in reverse order:
    # times std, plus mean. clamp() cuts off what rounding left below 0 or above 1.
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    shown = (batch[0] * std + mean).clamp(0, 1)
    print(f"{shown.permute(1, 2, 0).shape = }   (H, W, C)")

    # What comes out is what went into Normalize.
    before = transforms.Compose(preprocess.transforms[:-1])
    torch.testing.assert_close(shown, before(OxfordFlowersDataset(folder)[0][0]))
    print("Normalized and undone, it is the same picture: yes")


def picture_of_the_steps(photo: Image.Image, preprocess: transforms.Compose) -> None:
    section("What each step does to a photograph")
    from pytorch_refresher._common.figures import BLUE, GREEN, RED

    import matplotlib.pyplot as plt

    stages = [photo]
    for step in preprocess.transforms:
        stages.append(step(stages[-1]))
    opened, resized, cropped, tensor, normalized = stages

    figure, axes = plt.subplots(2, 3, figsize=(8.4, 5.4), layout="constrained")
    titles = ("opened", "Resize(256)", "CenterCrop(224)")
    for axis, title, image in zip(axes[0], titles, (opened, resized, cropped), strict=True):
        axis.imshow(in_few_colors(image, photo), interpolation="nearest")
        axis.set(xlim=(0, 591), ylim=(500, 0), title=title, xlabel=f"size {image.size}, in pixels")
    # The pixels stay where they are in the two steps that follow. Only the numbers move.
    for axis, title, image in zip(
        axes[1], ("ToTensor(): 0 to 1", "Normalize(): around 0"), (tensor, normalized), strict=False
    ):
        for channel, name, color in zip(
            image, ("red", "green", "blue"), (RED, GREEN, BLUE), strict=True
        ):
            counts = torch.histc(channel, bins=40, min=-2.2, max=2.7)
            axis.stairs(counts.numpy(), np.linspace(-2.2, 2.7, 41), color=color, label=name)
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set(title=title, xlabel="value in the tensor", ylabel="pixels")
    axes[1, 0].legend()
    undone = normalized * torch.tensor(STD).view(3, 1, 1) + torch.tensor(MEAN).view(3, 1, 1)
    undone = transforms.ToPILImage()(undone.clamp(0, 1))
    axes[1, 2].imshow(in_few_colors(undone, photo), interpolation="nearest")
    axes[1, 2].set(title="undone for display", xlabel="times std, plus mean")
    figure.suptitle("First the size changes (drawn to scale), then the numbers")
    save_figure(figure, "steps")


def flip_by_hand(image: Image.Image) -> Image.Image:
    """Mirror a picture left to right, or leave it as it is: a coin decides."""
    if torch.rand(1) < 0.5:
        return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return image


def augmentations_one_by_one(image: Image.Image) -> None:
    section("Augmentation: the same flower, seen another way")

    # A flower stays the same flower in a mirror, a bit turned, or half out of the picture. To
    # the network each is a new tensor, from which it can learn what does not matter.
    # torchvision draws from PyTorch's generator: the same seed, the same coin, also by hand.
    flip = transforms.RandomHorizontalFlip()
    outcomes = []
    for seed in range(20):
        torch.manual_seed(seed)
        flipped = flip(image)
        torch.manual_seed(seed)
        assert same(flipped, flip_by_hand(image))
        outcomes.append("." if same(flipped, image) else "F")
    print(f"flipped (F) or not (.) under 20 seeds: {''.join(outcomes)}")

    # What each draws: an angle from -20 to 20 degrees; a part of 8% to 100% of the area, made
    # 150 by 150; a shift by up to a fifth; a zoom of 0.8 to 1.2; a slant of up to 20 degrees.
    augmentations = {
        "RandomHorizontalFlip()": flip,
        "RandomRotation(20)": transforms.RandomRotation(20),
        "RandomResizedCrop(150)": transforms.RandomResizedCrop(150),
        "RandomAffine(0, translate=(0.2, 0.2))": transforms.RandomAffine(0, translate=(0.2, 0.2)),
        "RandomAffine(0, scale=(0.8, 1.2))": transforms.RandomAffine(0, scale=(0.8, 1.2)),
        "RandomAffine(0, shear=20)": transforms.RandomAffine(0, shear=20),
    }
    # A list in Compose makes one of them all. (One RandomAffine could do its three at once.)
    chain = transforms.Compose(list(augmentations.values()))
    augmentations["all of them, one after the other"] = chain

    image = transforms.Resize([150, 150])(image)
    drawn = {"original": [image]}
    for name, augment in augmentations.items():
        drawn[name] = [augment(image) for _ in range(3)]
        different = len({variation.tobytes() for variation in drawn[name]})
        print(f"{name:<38} {different} different pictures in 3 draws")
        # A flip has two outcomes. The others draw from a range, and hardly ever repeat.
        assert different == 3 or augment is flip

    # Look at the figure for two things. What a turn or a shift lays bare is black. And a crop
    # of 8% can miss the flower, but not its label: choose ranges in which you could still name it.
    picture_of_the_augmentations(drawn)


def picture_of_the_augmentations(drawn: dict[str, list[Image.Image]]) -> None:
    """A figure with up to three pictures under each name."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(6, 5.6), layout="constrained")
    figure.suptitle("Each draw is another picture of the same flower")
    for part, (name, pictures) in zip(figure.subfigures(4, 2).flat, drawn.items(), strict=True):
        part.suptitle(name, fontsize=10)
        for axis, image in zip(part.subplots(1, 3), [*pictures, None, None], strict=False):
            axis.axis("off")
            if image is not None:
                colors = in_few_colors(image, drawn["original"][0])
                axis.imshow(colors, interpolation="nearest")
    save_figure(figure, "augmentations")


def a_new_variation_at_every_read(folder: Path) -> None:
    section("A new variation at every read, and no copies")

    # The pipeline that appendix A trains with. One number for mean and std counts for all
    # channels: (0..1 - 0.5) / 0.5 is -1..1.
    train_transform = transforms.Compose(
        [
            transforms.Resize([150, 150]),
            transforms.RandomHorizontalFlip(),
            transforms.RandomRotation(20),
            transforms.RandomResizedCrop(150),
            transforms.RandomAffine(0, translate=(0.2, 0.2), scale=(0.8, 1.2), shear=20),
            transforms.ToTensor(),
            transforms.Normalize(0.5, 0.5),
        ]
    )
    # Validation asks how good the model is, on pictures kept apart (lesson 09). They must be the
    # same each time, so this pipeline has the same size, the same numbers, and nothing random.
    validation_transform = transforms.Compose(
        [
            transforms.Resize([150, 150]),
            transforms.ToTensor(),
            transforms.Normalize(0.5, 0.5),
        ]
    )
    plain = OxfordFlowersDataset(folder)
    train_data = OxfordFlowersDataset(folder, transform=train_transform)
    validation_data = OxfordFlowersDataset(folder, transform=validation_transform)

    describe("for training", train_data[0][0])
    describe("for validation", validation_data[0][0])

    # Augmentation adds nothing to the dataset: not one file, and the length is what it was.
    print(f"{len(plain) == len(train_data) = }")
    files = len(list((folder / "jpg").glob("*.jpg")))
    assert len(plain) == len(train_data) == files

    # Read image 0 ten times from each. A set keeps only what differs.
    for name, data, expected in (
        ("training", train_data, 10),
        ("validation", validation_data, 1),
    ):
        images = torch.stack([data[0][0] for _ in range(10)])
        reads = {image.numpy().tobytes() for image in images}
        print(f"{name:<10}  10 reads of image 0, different tensors among them: {len(reads)}")
        assert len(reads) == expected and images.abs().max() <= 1

    # So 5 epochs read each image 5 times and meet 5 variations of it, which are nowhere kept.
    # The label does not change. So a transform must not change what it names: a flower may be
    # mirrored, the letter b may not.
    assert train_data[0][1] == plain[0][1]


def the_second_version(image: Image.Image, preprocess: transforms.Compose) -> None:
    section("transforms.v2: the same, and what new code should use")

    # All names but one are the same. What ToTensor did is now two steps with names of their own:
    # ToImage makes the tensor, ToDtype the floats, and scale=True brings 0..255 to 0..1.
    preprocess_v2 = v2.Compose(
        [
            v2.Resize(256),
            v2.CenterCrop(224),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )
    new, old = preprocess_v2(image), preprocess(image)
    print(f"{type(new).__name__ = }   a tensor that knows it is a picture")
    print(f"{new.shape == old.shape = }, {new.dtype == old.dtype = }")
    # Equal up to rounding: dividing by 255 is not done in the same way.
    torch.testing.assert_close(new, old, rtol=0, atol=1e-6)

    # The random ones draw the same numbers in the same order: the same seed, the same picture.
    def augmentation(version) -> transforms.Compose | v2.Compose:
        return version.Compose(
            [
                version.Resize([150, 150]),
                version.RandomHorizontalFlip(),
                version.RandomRotation(20),
                version.RandomResizedCrop(150),
                version.RandomAffine(0, translate=(0.2, 0.2), scale=(0.8, 1.2), shear=20),
            ]
        )

    for seed in range(20):
        torch.manual_seed(seed)
        old = augmentation(transforms)(image)
        torch.manual_seed(seed)
        assert same(old, augmentation(v2)(image))
    print("The same augmented pictures under 20 seeds: yes")

    # New is that a picture's companions move with it. Here a box around something, from
    # (x=10, y=20) to (110, 220): mirrored, it lies on the other side. A label stays a label.
    box = tv_tensors.BoundingBoxes(
        [[10, 20, 110, 220]], format="XYXY", canvas_size=(image.height, image.width)
    )
    _, mirrored, label = v2.RandomHorizontalFlip(p=1)(image, box, 7)
    print(f"{box.tolist() = }, {mirrored.tolist() = }, {label = }")
    assert mirrored.tolist() == [[image.width - 110, 20, image.width - 10, 220]] and label == 7


# -----------------------------------------------------------------------------------------
# Practice problems. Replace each `raise NotImplementedError` with your answer and run this
# file again. solutions.py has one answer to each, and the checks that mark yours.
# -----------------------------------------------------------------------------------------


def augmentation_figure(image: Image.Image, augmentations: dict):
    """Problem 1. Visualize the same image with different augmentations.

    augmentations: a dict from names to transforms. Each takes a PIL picture and returns a PIL
    picture or a tensor (3, H, W) of values from 0 to 1. Return a matplotlib figure: first the
    image itself with the title "original", then what each augmentation makes of the image, in
    the dict's order and with its name as the title.
    """
    raise NotImplementedError


def train_and_validation_pipelines(resize: int, crop: int, mean: list, std: list):
    """Problem 2. Create separate transform pipelines for training and for validation.

    Both take a PIL picture of any size and return a float32 tensor (3, crop, crop), normalized
    with mean and std, three floats each.
    Training: a random part of the picture, made crop by crop pixels (RandomResizedCrop with its
    defaults), and flipped left to right in half of the reads.
    Validation: the shorter side made `resize` pixels, then the middle crop by crop pixels.
    Return (training pipeline, validation pipeline).
    """
    raise NotImplementedError


def hide_patch(size: int):
    """Problem 3. Implement a custom transform class, HidePatch, and return HidePatch(size).

    Write the class above this function or inside it. Its object is called with an image tensor
    (C, H, W) and returns a new tensor with the same values, but for one square of size by size
    pixels that is 0 in every channel. Where it lies is drawn anew at each call, with
    torch.randint: its top row from 0 to H - size and its left column from 0 to W - size, both
    ends included. The tensor that comes in stays as it is. str() of the object says what it is,
    as in "HidePatch(size=16)".
    """
    raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__, download=True)
    if not arguments.practice:
        folder = oxford_flowers(download=arguments.download)
        data = OxfordFlowersDataset(folder)
        photo = sizes_that_do_not_fit(data)
        cropped = one_size_for_all(photo)
        numbers_around_zero(cropped)
        preprocess = steps_in_a_row(photo)
        a_dataset_with_a_transform(folder, preprocess)
        picture_of_the_steps(photo, preprocess)
        augmentations_one_by_one(data[1][0])
        a_new_variation_at_every_read(folder)
        the_second_version(photo, preprocess)
    report_practice(__file__)


if __name__ == "__main__":
    main()
