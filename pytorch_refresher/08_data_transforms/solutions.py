"""Lesson 08: one worked answer to each practice problem."""

import torch
from torchvision.transforms import v2


def augmentation_figure(image, pipelines, draws, mean, std):
    import matplotlib.pyplot as plt

    mean, std = torch.tensor(mean).view(3, 1, 1), torch.tensor(std).view(3, 1, 1)
    figure, grid = plt.subplots(
        len(pipelines), draws, figsize=(2 * draws, 2 * len(pipelines)), squeeze=False
    )
    for row, (name, pipeline) in zip(grid, pipelines.items(), strict=True):
        for axes in row:
            # Each panel shows a call of its own, on the image that came in. Called once per row,
            # or on what the pipeline before has made, they wouldn't show what training sees.
            normalized = pipeline(image)
            # Undo what was done last first: it was divided by std after the mean was subtracted.
            natural = (normalized * std + mean).clamp(0, 1)
            axes.imshow(natural.permute(1, 2, 0).numpy())  # matplotlib wants the channels last
            axes.set_title(name)
            axes.axis("off")
    return figure


def train_and_validation_pipelines(resize, crop, smallest, flips, mean, std):
    # Made once and put into both: the network must not see another range in validation.
    end = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, std)]
    # The crop comes first, so that it is cut out of all the pixels that the photo has.
    random = [v2.RandomResizedCrop(crop, scale=(smallest, 1)), v2.RandomHorizontalFlip(flips)]
    # One number keeps the proportions. Two, as in Resize([crop, crop]), would squeeze the image.
    fixed = [v2.Resize(resize), v2.CenterCrop(crop)]
    return v2.Compose([*random, *end]), v2.Compose([*fixed, *end])


class HidePatch:
    """A square of zeros, somewhere else in each call. After Normalize, 0 is the mean color."""

    def __init__(self, size):
        self.size = size  # nothing is drawn here, or the square would always be at one place

    def __call__(self, image):
        # The last two dimensions are height and width, however many come before them.
        height, width = image.shape[-2:]
        # randint leaves out its upper end. With + 1, the last row and column can be hidden, too.
        top = torch.randint(height - self.size + 1, ()).item()
        left = torch.randint(width - self.size + 1, ()).item()
        image = image.clone()  # the one that came in may be needed again
        image[..., top : top + self.size, left : left + self.size] = 0
        return image

    def __repr__(self):
        return f"HidePatch(size={self.size})"  # so that print(pipeline) says what is in it
