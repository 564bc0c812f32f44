"""The horses and humans of appendix A, drawn with Pillow: the same pictures from the same seed."""

import random
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE = 300  # pixels; drawn at twice that for smooth edges
COATS = ("#7a4421", "#4a2a17", "#2b2320", "#f3efe6", "#a8a6a4", "#dcc093", "#b06a38", "#eadfcc")
MANES = ("#1d1613", "#3a2415", "#efe4c8", "#6b5a4c")
CLOTHES = ("#e0303c", "#f58a2b", "#f4d03a", "#2f7fd6", "#27b0b8", "#2fb566", "#9a58d0", "#4656c8")
SKINS = ("#f1c9a5", "#d9a171", "#a9713f", "#6d4427")
HAIR = ("#20170f", "#5a3a1e", "#b98a4a", "#8c8c8c")
# Above and below the horizon: meadow, sand, hall, dusk, snow, forest.
PLACES = (
    ("#a9bfd2", "#8a9c68"),
    ("#c9d3da", "#c4b18c"),
    ("#b9b2a6", "#8a7a66"),
    ("#6b7186", "#4c4d46"),
    ("#cfdbe6", "#eef2f5"),
    ("#5a6a58", "#665a48"),
)


def _rgb(color: str, light: float) -> tuple:
    """A color in light from 0 (black) to over 1."""
    return tuple(min(255, int(part * light)) for part in bytes.fromhex(color[1:]))


class _Pen:
    """Draws tapered limbs around a place, in a scale, turn and direction of its own.

    Points are complex numbers, x + iy with y downwards, in parts of the figure's size.
    """

    def __init__(self, draw, place: complex, scale: complex, mirrored: bool, light: float) -> None:
        self.draw, self.place, self.scale = draw, place, scale
        self.mirrored, self.light = mirrored, light

    def on_paper(self, points):
        points = np.asarray(points, dtype=complex)
        return self.place + self.scale * (-points.conjugate() if self.mirrored else points)

    def limb(self, points, radii, color: str, shade: float = 1.0, stripe: str = "") -> None:
        """A chain of round pieces through `points`; a lighter core makes it look round.

        With a `stripe`, rings of that color go around it.
        """
        steps = np.linspace(0, len(points) - 1, 14 * len(points))
        known = np.arange(len(points))
        middle = self.on_paper(np.interp(steps, known, points))
        radius = np.interp(steps, known, radii) * abs(self.scale)
        for part, glow, aside in ((1.0, 0.72, 0), (0.86, 0.9, 0.06), (0.55, 1.05, 0.2)):
            plain, ring = (
                _rgb(each, self.light * shade * glow) for each in (color, stripe or color)
            )
            gone = 0.0  # how far along the limb, in parts of the figure's size
            for at, before, r in zip(middle, [middle[0], *middle[:-1]], radius, strict=True):
                gone += abs(at - before) / abs(self.scale)
                x, y, r = at.real - aside * r, at.imag - aside * r, part * r
                fill = ring if gone % 0.14 < 0.07 else plain
                self.draw.ellipse((x - r, y - r, x + r, y + r), fill)


def _horse(pen: _Pen, rng: random.Random) -> None:
    """A horse that looks to the right: standing, walking, grazing or rearing."""
    coat, mane = rng.choice(COATS), rng.choice(MANES)
    stride, sock = rng.uniform(-0.16, 0.16), rng.choice((coat, coat, "#efe9df", mane))
    head = rng.choice((rng.uniform(-0.1, 0.08), rng.uniform(0.25, 0.6)))  # up, or at the grass
    poll = 0.6 + 0.12j * rng.random() - 0.46j + (0.02 + 1.0j) * head
    nose = poll + (0.22 + 0.17j if head < 0.2 else 0.1 + 0.25j)
    for far in (True, False):  # the legs on the other side lie in their own shadow
        swing, shade = (-stride, 0.7) if far else (stride, 1.0)
        for hip, thick, back in ((-0.36 + 0.02j, 0.12, -0.06), (0.32 + 0.06j, 0.09, 0.03)):
            swing = -swing
            knee = hip + 0.32j + swing * 0.6 + back
            hoof = hip + 0.6j + swing + rng.uniform(-0.03, 0.03)
            pen.limb([hip, knee], [thick, 0.045], coat, shade)
            pen.limb([knee, hoof], [0.042, 0.034], sock, shade)
            pen.limb([hoof, hoof + 0.03j], [0.035, 0.045], "#241d1a", shade)
    tail = rng.uniform(-0.1, 0.06)
    pen.limb([-0.5 - 0.1j, -0.64 + tail + 0.1j, -0.62 + tail + 0.42j], [0.03, 0.06, 0.02], mane)
    pen.limb([-0.34 - 0.02j, 0.02j, 0.32 - 0.03j], [0.21, 0.185, 0.2], coat)
    pen.limb([0.36 - 0.08j, (0.36 - 0.08j + poll) / 2, poll], [0.16, 0.12, 0.085], coat)
    crest = np.linspace(0.3 - 0.2j, poll - 0.08j, 7)
    for root in crest:
        pen.limb([root, root - 0.07 + rng.uniform(0.08, 0.16) * 1j], [0.035, 0.012], mane)
    pen.limb([poll, nose], [0.085, 0.055], coat)
    for ear in (-0.05, 0.02):
        pen.limb([poll + ear - 0.06j, poll + ear - 0.15j], [0.025, 0.008], coat)
    pen.limb([poll + 0.06 + 0.01j] * 2, [0.014] * 2, "#120e0c")
    if rng.random() < 0.3:
        pen.limb([poll + 0.02, nose - 0.03], [0.02, 0.02], "#efe9df")


def _human(pen: _Pen, rng: random.Random) -> None:
    """Somebody in shirt and trousers: standing, walking, waving, arms in any position."""
    skin, hair = rng.choice(SKINS), rng.choice(HAIR)
    shirt, trousers, shoes = (rng.choice(CLOTHES) for _ in range(3))
    wide, sleeve = rng.uniform(0.9, 1.2), rng.choice((shirt, skin))
    stripe = rng.choice(CLOTHES)
    stance = rng.uniform(0.02, 0.2)
    for side in (-1, 1):
        hip = side * 0.07 * wide + 0.02j
        knee = hip + 0.34j + side * stance * rng.uniform(0.4, 0.9)
        foot = knee + 0.34j + side * stance * rng.uniform(-0.2, 0.7)
        pen.limb([hip, knee, foot], [0.095 * wide, 0.07, 0.05], trousers)
        pen.limb([foot + 0.03j, foot + 0.05j + 0.08], [0.045, 0.035], shoes)
    long_hair = rng.random() < 0.45
    if long_hair:
        pen.limb([-0.8j, -0.55j], [0.14, 0.13], hair, 0.85)
    pen.limb([0.02j, -0.2j, -0.42j], [0.13 * wide, 0.12 * wide, 0.15 * wide], shirt, 1, stripe)
    for side in (-1, 1):
        shoulder = side * 0.17 * wide - 0.47j
        up = rng.uniform(-0.4, 2.6) if rng.random() < 0.5 else rng.uniform(-0.2, 0.5)
        elbow = shoulder + 0.24 * (side * np.sin(up) + 1j * np.cos(up))
        up += rng.uniform(-0.3, 0.9)
        hand = elbow + 0.24 * (side * np.sin(up) + 1j * np.cos(up))
        pen.limb([shoulder, elbow], [0.068, 0.052], shirt, 1, stripe)
        pen.limb([elbow, hand], [0.048, 0.036], sleeve)
        pen.limb([hand, hand], [0.045, 0.045], skin)
    pen.limb([-0.5j, -0.64j], [0.05, 0.05], skin, 0.85)
    pen.limb([-0.84j, -0.84j], [0.135, 0.135], hair)
    pen.limb([-0.79j + 0.01, -0.72j + 0.01], [0.108, 0.085], skin)
    for eye in (-0.03, 0.05):
        pen.limb([eye - 0.79j] * 2, [0.014] * 2, "#1a1411")


def _picture(rng: random.Random, figure) -> Image.Image:
    """One photograph, as it were: a place out of focus, and a figure in it."""
    above, below = rng.choice(PLACES)
    light, horizon = rng.uniform(0.65, 1.15), rng.uniform(0.3, 0.75)
    small = Image.new("RGB", (60, 60), _rgb(above, light))
    draw = ImageDraw.Draw(small)
    draw.rectangle((0, int(60 * horizon), 60, 60), _rgb(below, light))
    for _ in range(90):
        x, y, r = rng.uniform(0, 60), rng.uniform(0, 60), rng.uniform(1, 6)
        color = _rgb(below if y > 60 * horizon else above, light * rng.uniform(0.9, 1.1))
        draw.ellipse((x - r, y - r * 0.5, x + r, y + r * 0.5), color)
    for _ in range(rng.randrange(4)):  # trees or posts, bushes or benches far away
        x, y = rng.uniform(0, 60), 60 * horizon + rng.uniform(-8, 4)
        wide, high = rng.choice(((2, 14), (10, 4), (5, 6)))
        color = _rgb(rng.choice(COATS), light * 0.8)
        draw.ellipse((x - wide, y - high, x + wide, y + high), color)
    picture = small.filter(ImageFilter.GaussianBlur(0.9)).resize((SIDE * 2, SIDE * 2))
    scale = rng.uniform(190, 330) * np.exp(1j * rng.uniform(-0.22, 0.22))
    place = complex(SIDE * rng.uniform(0.55, 1.45), SIDE * rng.uniform(0.65, 1.35))
    pen = _Pen(ImageDraw.Draw(picture), place, scale, rng.random() < 0.5, light)
    figure(pen, rng)
    return picture.reduce(2)


def draw(folder: Path) -> None:
    """Draw 256 pictures for training and 64 for validation, laid out as the real dataset is."""
    rng = random.Random(1027)
    for part, count in (("training", 128), ("validation", 32)):
        for kind, figure in (("horses", _horse), ("humans", _human)):
            (folder / part / kind).mkdir(parents=True)
            for number in range(1, count + 1):
                name = f"{kind.removesuffix('s')}{number:03d}.png"
                _picture(rng, figure).save(folder / part / kind / name)
