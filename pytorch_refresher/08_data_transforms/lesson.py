"""Lesson 08: Transforms

No network can learn from a folder of photographs as they are. Each has a size of its own, so they
don't fit into one batch. Their values run from 0 to 255, and on numbers like these, training
hardly gets anywhere. And there are too few: a network that meets the same 240 images over and over
learns them by heart. Transforms take care of all three.

    python lesson.py             run the lesson, then mark your practice answers
    python lesson.py --practice  only mark your practice answers
    python lesson.py --download  the same on the real photographs (345 MB)
"""

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds the course without an install
from pytorch_refresher._common import (
    lesson_arguments,
    report_practice,
    save_figure,
    section,
    show_error,
)
from pytorch_refresher._data import oxford_flowers

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset
from torchvision import transforms, tv_tensors  # `transforms` is the article's first version
from torchvision.transforms import InterpolationMode, v2

SEED = 0
RESIZE, CROP = 256, 224  # the shorter side after Resize, and the square that is cut out of it
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]  # of ImageNet's red, green and blue
SIDE = 150  # of the article's augmented images
FLOWERS, STEPS = 24, 50  # how many images a tiny model learns, and in how many steps
RATES = (1e-8, 3e-8, 1e-7, 3e-7, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)  # learning rates that it tries


def sizes_that_do_not_stack(data: Dataset) -> Image.Image:
    section("Photographs of different sizes make no batch")

    # A batch is one tensor, so all of its images have one shape. These two don't. (Mind the order.
    # Pillow says (width, height); the tensor's shape is (C, height, width).)
    tensors = []
    for image, label in (data[0], data[1]):
        tensors.append(v2.functional.to_image(image))
        print(f"{image.size = }, {label = }, {tensors[-1].shape = }")
    with show_error("torch.stack(tensors)"):
        torch.stack(tensors)

    # From here on, we follow one photograph. It gets the size of the first of the real ones.
    return data[0][0].resize((591, 500))


class OxfordFlowersDataset(Dataset):
    """The flowers of lesson 07, each sent through a transform when it is asked for."""

    def __init__(self, folder: Path, transform: Callable | None = None) -> None:
        from scipy.io import loadmat

        self.folder, self.transform = Path(folder), transform
        self.labels = loadmat(self.folder / "imagelabels.mat")["labels"][0] - 1  # from 0 on
        names = [f"image_{idx + 1:05d}.jpg" for idx in range(len(self.labels))]
        self.image_paths = [self.folder / "jpg" / name for name in names]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Image.Image | Tensor, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"there is no flower {index} among {len(self)}")
        with Image.open(self.image_paths[index]) as file:
            image = file.convert("RGB")
        if self.transform is not None:
            image = self.transform(image)
        return image, int(self.labels[index])


def one_size_then_floats(photo: Image.Image) -> None:
    section("One size, then floats")

    # You make a transform with its settings, and then call it with an image. Resize makes the
    # shorter side as long as you say, and keeps the proportions. CenterCrop cuts out the middle.
    resized = v2.Resize(RESIZE)(photo)
    cropped = v2.CenterCrop(CROP)(resized)
    print(f"{photo.size = }, {resized.size = }, {cropped.size = }")

    # ToImage makes a tensor of the bytes, channels first. ToDtype makes floats of the bytes, and
    # scale=True brings 0..255 to 0..1. By hand, that's a permute (lesson 02) and a division.
    tensor = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])(cropped)
    by_hand = torch.from_numpy(np.array(cropped)).permute(2, 0, 1) / 255  # (C, H, W)
    print(f"{tensor.shape = }, {torch.allclose(tensor, by_hand) = }")


def trained(rows: Tensor, targets: Tensor, rate: float) -> float:
    """Train a linear layer with the four steps of lesson 05, and return its loss."""
    torch.manual_seed(SEED)  # so that every training starts with the same weights
    layer = nn.Linear(rows.shape[1], 1)
    for _ in range(STEPS):
        (layer(rows) - targets).square().mean().backward()
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter -= rate * parameter.grad
                parameter.grad = None
    return (layer(rows) - targets).square().mean().item()


def why_near_zero(data: Dataset) -> Tensor:
    """Train a tiny model on a few images in three ranges; return the images, from 0 to 1."""
    section("Why near 0? A tiny model on three ranges")

    torch.manual_seed(SEED)
    to_tensor = v2.Compose([v2.Resize(RESIZE), v2.CenterCrop(CROP), v2.ToImage()])
    chosen = torch.randperm(len(data))[:FLOWERS].tolist()  # at random: files are often sorted
    images, labels = zip(*[data[index] for index in chosen], strict=True)
    images = torch.stack([to_tensor(image) for image in images]) / 255  # (N, C, H, W)

    # The task: does a flower belong to the first half of the classes (+1) or to the other (-1)?
    # The model is a single linear layer, and thumbnails of 16 by 16 pixels are enough for it.
    targets = torch.where(torch.tensor(labels) <= np.median(labels), 1.0, -1.0).view(-1, 1)
    thumbnails = v2.functional.resize(images, [16, 16])  # (N, C, 16, 16)
    ranges = {
        "0 to 255": thumbnails * 255,
        "0 to 1": thumbnails,
        "around 0": v2.Normalize(MEAN, STD)(thumbnails),
    }
    # A fair race: the same images, the same start, and each range may choose its best learning
    # rate. So look for the least loss in each row. Answering 0 every time has a loss of 1.
    print(f"{'rate':<9}" + "".join(f"{rate:>9.0e}" for rate in RATES))
    for name, inputs in ranges.items():
        losses = [trained(inputs.flatten(start_dim=1), targets, rate) for rate in RATES]
        shown = (f"{loss:>9.2f}" if loss < 1e4 else f"{'diverged':>9}" for loss in losses)
        print(f"{name:<9}" + "".join(shown))
    return images


def normalize(images: Tensor) -> None:
    section("Normalize: subtract a mean, divide by a standard deviation")

    # For each channel: (value - mean) / std. As (3, 1, 1), the numbers reach every pixel of their
    # channel (broadcasting, lesson 04).
    mean, std = torch.tensor(MEAN).view(-1, 1, 1), torch.tensor(STD).view(-1, 1, 1)
    print(f"{torch.allclose(v2.Normalize(MEAN, STD)(images), (images - mean) / std) = }")

    # Where do black (0) and white (1) go, in red, green and blue? All else lies between them.
    for color in (0, 1):
        print(f"{color} becomes {((color - mean) / std).flatten()}")

    # MEAN and STD come from ImageNet, a million photographs. Here are the flowers' own. You can
    # compute std from all pixels at once, or for each image, and then take the mean of these.
    print(f"{images.mean(dim=(0, 2, 3)) = }")
    print(f"{images.std(dim=(0, 2, 3)) = }")
    print(f"{images.std(dim=(2, 3)).mean(dim=0) = }")


def describe(name: str, image: Image.Image | Tensor) -> None:
    """Print a line: what an image is, its size, and its smallest and largest value."""
    is_tensor, values = isinstance(image, Tensor), np.asarray(image)
    kind, size = (image.dtype, list(image.shape)) if is_tensor else ("PIL image", image.size)
    print(f"{name:<12} {kind!s:<14} {size!s:<14} {values.min():>7.2f} {values.max():>7.2f}")


def for_display(image: Tensor) -> Tensor:
    """Make of a normalized image (C, H, W) what matplotlib shows: (H, W, C), from 0 to 1."""
    mean, std = torch.tensor(MEAN).view(-1, 1, 1), torch.tensor(STD).view(-1, 1, 1)
    # Normalize in reverse. clamp cuts off what rounding has left below 0 or above 1.
    return (image * std + mean).clamp(0, 1).permute(1, 2, 0)


def same(one: Tensor, other: Tensor) -> bool:  # up to rounding
    return one.shape == other.shape and torch.allclose(one, other.to(one.dtype), atol=1e-6)


def step_by_step(photo: Image.Image) -> tuple[v2.Compose, list]:
    section("Compose: one step after the other")

    preprocess = v2.Compose(
        [
            v2.Resize(RESIZE),
            v2.CenterCrop(CROP),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )
    # Compose calls its steps in turn. When a pipeline doesn't give what you expect, do the same
    # by hand, and look at the image after each step.
    stages = [photo]
    describe("opened", photo)
    for step in preprocess.transforms:
        stages.append(step(stages[-1]))
        describe(type(step).__name__, stages[-1])

    # The article has the names of the first version, in which ToTensor is one step for two of ours.
    article = transforms.Compose([transforms.Resize(RESIZE), transforms.CenterCrop(CROP)])
    article.transforms += [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    print(f"{same(preprocess(photo), article(photo)) = }")

    # The order matters: Normalize computes, so it needs floats.
    with show_error("v2.Normalize(MEAN, STD)(photo)"):
        v2.Normalize(MEAN, STD)(photo)

    # To look at a normalized image, undo what was done for the network.
    shown, before = for_display(stages[-1]), stages[-2].permute(1, 2, 0)
    print(f"{shown.shape = }, {same(shown, before) = }")
    return preprocess, stages


class FlipByHand:
    """A transform of our own: it mirrors an image, or leaves it as it is. A coin decides."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def __call__(self, image: Image.Image) -> Image.Image:
        return v2.functional.horizontal_flip(image) if torch.rand(1) < self.p else image


def one_by_one(image: Image.Image) -> dict[str, list[Image.Image]]:
    section("Augmentation: the same flower, seen in other ways")

    # A mirrored flower is the same kind of flower, but a new image for the network. Any object
    # that can be called with an image is a transform, so you can write your own. The draws come
    # from PyTorch's generator: after the same seed, the coin falls the same way.
    for flip in (v2.RandomHorizontalFlip(), FlipByHand()):
        torch.manual_seed(SEED)
        calls = "".join("." if flip(image) is image else "F" for _ in range(30))
        print(f"{calls}   {type(flip).__name__}")

    # The article's augmentations, one by one and then all of them. What they bring into view from
    # outside of the photo is black.
    steps = [
        v2.RandomHorizontalFlip(),  # half of the time
        v2.RandomRotation(20),  # by -20 to 20 degrees
        v2.RandomResizedCrop(SIDE),  # a part with 8% to 100% of the area, resized
        # A shift by up to a fifth, a zoom, and a slant of up to 20 degrees.
        v2.RandomAffine(0, translate=(0.2, 0.2), scale=(0.8, 1.2), shear=20),
    ]
    augmentations = {type(step).__name__.removeprefix("Random"): step for step in steps}
    augmentations["all of them"] = v2.Compose(steps)
    resized = v2.Resize([SIDE, SIDE])(image)  # [height, width]: squeezed, if need be
    drawn = {"resized": [resized] * 3}
    torch.manual_seed(SEED)
    for name, augment in augmentations.items():
        drawn[name] = [augment(resized) for _ in range(3)]
        different = len({each.tobytes() for each in drawn[name]})
        black = np.mean([(np.array(each).max(axis=2) == 0).mean() for each in drawn[name]])
        print(f"{name:<14} different images in 3 draws: {different}, black: {black:.0%}")

    # Its pipeline ends like ours, but with 0.5 for mean and std: 0..1 becomes -1..1.
    end = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5], [0.5])]
    describe("at the end", v2.Compose([*steps, *end])(resized))
    return drawn


def crop_first(photo: Image.Image) -> dict[str, Image.Image]:
    section("Crop first")

    # The article resizes first and crops later. The crop may be as small as 8% of the area: how
    # many pixels is that, after Resize? And how many are there in the photo itself?
    crops = {}
    for name, source in (("resize first", v2.Resize([SIDE, SIDE])(photo)), ("crop first", photo)):
        width, height = (round(size * 0.08**0.5) for size in source.size)
        crops[name] = v2.Compose([v2.CenterCrop([height, width]), v2.Resize([SIDE, SIDE])])(source)
        print(f"{name:<12} {width} x {height} pixels become {SIDE} x {SIDE}")
    return crops


def only_for_training(folder: Path, preprocess: v2.Compose) -> None:
    section("Only for training, and new at every read")

    # In our pipeline, the crop comes first. RandomAffine rotates, too: by default to the nearest
    # pixel, which frays edges, so we ask for bilinear. The last two steps come from the validation
    # pipeline, because the network must get the same range from both.
    augment = v2.Compose(
        [
            v2.RandomResizedCrop(CROP, scale=(0.3, 1)),
            v2.RandomHorizontalFlip(),
            v2.RandomAffine(20, shear=20, interpolation=InterpolationMode.BILINEAR),
            v2.ToImage(),
            *preprocess.transforms[-2:],
        ]
    )
    # Validation asks how good the network is. If its images changed, so would the answer.
    torch.manual_seed(SEED)
    for name, transform in (("training", augment), ("validation", preprocess)):
        data = OxfordFlowersDataset(folder, transform=transform)
        batch = torch.stack([data[0][0], data[1][0]])  # those that didn't fit
        different = len({data[0][0].numpy().tobytes() for _ in range(10)})
        print(f"{name:<10} {batch.shape = }, {len(data) = }, different in 10 reads: {different}")


def boxes_and_masks(photo: Image.Image) -> None:
    section("Boxes and masks are transformed along with the image")

    # Somebody has marked a flower, with a box from (x=10, y=20) to (110, 220), and with a mask
    # that is 1 at each of its pixels. These types tell v2 what they are.
    size = (photo.height, photo.width)
    box = tv_tensors.BoundingBoxes([[10, 20, 110, 220]], format="XYXY", canvas_size=size)
    mask = tv_tensors.Mask(torch.zeros(size, dtype=torch.uint8))
    mask[20:220, 10:110] = 1

    # One call takes all that belongs together. Whatever v2 doesn't know, it returns as it is.
    image, new_box, new_mask, label = v2.RandomHorizontalFlip(p=1)(photo, box, mask, 7)
    print(f"{box.tolist() = }, {new_box.tolist() = }")
    print(f"{torch.equal(new_mask, mask.flip(-1)) = }, {label = }")


def draw(name: str, images: list[Image.Image], titles: list[str], side: float, colors=20) -> None:
    from pytorch_refresher._common.figures import image_grid

    # In few colors and without smoothing, a figure takes a fraction of the bytes.
    few = [image.quantize(colors, kmeans=1).convert("RGB") for image in images]
    figure, grid = image_grid(few, titles, columns=len(titles), side=side)
    for axes in grid:
        axes.images[0].set_interpolation("nearest")
    save_figure(figure, name)


def draw_steps(stages: list[Image.Image | Tensor]) -> None:
    panels = {f"{each.size}": each for each in stages if isinstance(each, Image.Image)}
    panels["normalized"] = v2.functional.to_pil_image(stages[-1].clamp(0, 1))
    panels["undone"] = v2.functional.to_pil_image(for_display(stages[-1]).permute(2, 0, 1))
    # To scale: each in a frame as large as the photo, of which every other pixel is enough.
    framed = [image.crop((0, 0, *stages[0].size)).reduce(2) for image in panels.values()]
    draw("steps", framed, list(panels), side=1.8)


# -----------------------------------------------------------------------------------------
# Practice. Replace each `raise NotImplementedError` with your answer, then run this file with
# --practice: it marks your answers and tells you what to look at next.
# -----------------------------------------------------------------------------------------


def augmentation_figure(image: Image.Image, pipelines: dict, draws: int, mean: list, std: list):
    """Problem 1 (medium, 15 minutes). Visualize the same image with different augmentations.

    pipelines: from names to pipelines with random steps. Each takes a PIL image and returns a
    float tensor (3, H, W), normalized with mean and std (three floats each). H and W may differ.
    Return a matplotlib figure that shows, in natural colors, what `draws` calls of each pipeline
    make of `image`, in any order, and `image` itself if you like. The title of each result, or of
    the subfigure that it is in, contains the name of its pipeline.
    """
    raise NotImplementedError


def train_and_validation_pipelines(
    resize: int, crop: int, smallest: float, flips: float, mean: list, std: list
) -> tuple[Callable, Callable]:
    """Problem 2 (easy, 10 minutes). Create separate pipelines for training and for validation.

    Return both. Each takes a PIL image of any size and returns a float32 tensor (3, crop, crop),
    normalized with mean and std (three floats each). The first, for training, cuts a random part
    out of the image as it comes, with `smallest` (0.25: a quarter) to all of its area, resizes it
    to crop by crop, and mirrors it left to right with probability `flips`. The second, for
    validation, makes the shorter side `resize` long and cuts crop by crop out of the middle.
    """
    raise NotImplementedError


class HidePatch:
    """Problem 3 (medium, 15 minutes). Implement a custom transform class.

    HidePatch(size) is called with an image (C, H, W) or with several of one size (N, C, H, W). It
    returns a new tensor with the same values, except in one square of size by size pixels: there,
    all channels of all images are 0. Each call draws with PyTorch's generator where the square is,
    and all places where it fits are equally likely. The tensor that came in stays as it is. str()
    of the object gives "HidePatch(size=16)", with its own size.
    """

    def __init__(self, size: int) -> None:
        raise NotImplementedError


def main() -> None:
    arguments = lesson_arguments(__file__, download=True)
    if not arguments.practice:
        folder = oxford_flowers(arguments.download)
        data = OxfordFlowersDataset(folder)
        photo = sizes_that_do_not_stack(data)
        one_size_then_floats(photo)
        normalize(why_near_zero(data))
        preprocess, stages = step_by_step(photo)
        drawn = one_by_one(data[1][0])
        crops = crop_first(photo)
        only_for_training(folder, preprocess)
        boxes_and_masks(photo)
        draw_steps(stages)
        draws = [column[row] for row in range(3) for column in drawn.values()]
        draw("augmentations", draws, list(drawn), side=1.3)
        draw("crop_first", list(crops.values()), list(crops), side=2.5, colors=99)
    report_practice(__file__)


if __name__ == "__main__":
    main()
