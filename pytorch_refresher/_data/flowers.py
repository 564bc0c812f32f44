"""The flowers of lessons 07 to 09, drawn with Pillow: the same pictures from the same seed."""

import random
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

# Daisy, sunflower, tulip, rose, poppy, primrose, lily, daffodil, lotus and dahlia, with lengths in
# parts of the flower's radius. tip: of a petal, 1 round and 2 pointed; base: how wide a petal
# starts; notch: how deep the heart shape's is; spread: the degrees over which the petals open, 360
# seen from above; trumpet: radius of the cup in the middle; a picture takes one of the colors.
FLOWERS = """
images petals rings width tip  base notch spread centre trumpet inner   seeds   colors
31     19     1     0.17  1.0  0.6  0     360    0.27   0       #d8dccb #f2b90f #fdfdf8,#f3e6f2
37     20     2     0.24  1.9  0.8  0     360    0.46   0       #e07f00 #4f2c12 #ffc60a,#f9ae05
28     5      1     0.55  1.25 0.9  0     62     0      0       #f9d24a #000000 #d81e3a,#f07818,#e0559d
33     6      6     0.95  0.8  0.5  0.04  360    0      0       #8c0a24 #7a0a20 #c3122f,#f08ba6,#f5dcc0
22     4      1     1.30  0.8  0.4  0.05  360    0.17   0       #5a0d10 #23281a #e8341c,#f25a1d
25     5      1     0.85  0.9  0.3  0.2   360    0.12   0       #fff0a0 #eec41a #f26fae,#b55ad6,#5b7fe8
20     6      1     0.42  1.6  0.5  0     360    0.07   0       #c63f1c #7c3a10 #f58a1f,#f9d5e3,#fbf6e6
18     6      1     0.52  1.3  0.7  0     360    0.10   0.36    #e9c93c #f08a12 #fbe04a,#fdf9e2
14     7      3     0.40  1.5  0.8  0     150    0      0       #fde9c9 #f0c020 #f3a6c8,#e9d4ee
12     16     5     0.32  1.4  0.7  0     360    0.08   0       #5a1474 #f0c040 #9a2bb0,#d0246f,#e9571e
"""
LEAF = {"tip": 1.6, "base": 0.8, "notch": 0, "width": 0.35}
# Grass, sky, soil and bokeh: the colors above and below, the width and height of the blots.
BACKGROUNDS = (
    ("#8fae52", "#33591f", 0.3, 2.5),
    ("#4488d0", "#dcebf5", 2.6, 0.7),
    ("#8a6a4c", "#46311f", 0.9, 0.7),
    ("#2d5230", "#122517", 1.0, 1.0),
)
AROUND = np.linspace(0, 2 * np.pi, 28)  # a petal, from its base


def _mix(first: str, second: str, part: float, light: float) -> tuple:
    """The color `part` of the way from `first` to `second`, in light from 0 (black) to over 1."""
    pairs = zip(bytes.fromhex(first[1:]), bytes.fromhex(second[1:]), strict=True)
    return tuple(max(0, min(255, int((a + part * (b - a)) * light))) for a, b in pairs)


def _petal(draw, place, root, turn, kind, inner: str, outer: str, light: float) -> None:
    """One petal from `root` along `turn`, in shades from its edge inwards."""
    along, side = (1 - np.cos(AROUND)) / 2, np.sin(AROUND)
    side = np.sign(side) * abs(side) ** kind["tip"] * kind["width"] / 2
    side *= kind["base"] + (1 - kind["base"]) * along
    along -= kind["notch"] * np.exp(-(((AROUND - np.pi) / 0.5) ** 2))
    light *= 0.9 + 0.1 * np.cos(np.angle(turn) + 2)  # it falls from one side
    for inwards, shade in ((0, 0.68), (0.06, 0.93), (0.22, 0.96), (0.42, 0.99), (0.7, 1.02)):
        points = root + turn * (along * (1 - 0.6 * inwards) + 1j * side * (1 - inwards))
        draw.polygon(place(points), _mix(outer, inner, 1.2 * inwards**1.5, light * shade))


def _flower(draw, rng, kind, outer: str, middle: complex, radius: float, light: float) -> None:
    """A flower around `middle` with stem and leaves; points are complex numbers, x + iy."""
    aside = kind["spread"] < 360
    roll = rng.uniform(-1.95, -1.2) if aside else rng.uniform(0, 6.28)
    lean, tilt = 0 if aside else rng.uniform(0, 0.28), np.exp(1j * rng.uniform(0, 3.14))

    def place(points):
        points = points - lean * (points * tilt.conjugate()).real * tilt
        return (middle + radius * points).view(float).tolist()  # x, y, x, y, ...

    green, far = rng.choice(("#3f7a2c", "#2f6b38", "#5a8a2e")), np.linspace(0, 1, 13)
    stem = rng.uniform(-0.8, 0.8) * far**2 + 3.2j * far
    draw.line(place(stem), _mix(green, green, 0, light), int(radius * 0.08) + 1, "curve")
    for root in rng.sample(list(stem[4:10]), 3):
        side = rng.choice((-1, 1)) * rng.uniform(0.5, 1.3)
        turn = rng.uniform(0.9, 1.5) * np.exp(1j * (side - 1.57))
        _petal(draw, place, root, turn, LEAF, "#b8d078", green, light)
    for ring in range(int(kind["rings"])):
        angles = np.linspace(-1, 1, int(kind["petals"]) + (not aside))[: int(kind["petals"])]
        angles = angles * np.radians(kind["spread"] / 2) * (1 - aside * ring / 4)
        length = 1 - ring / (kind["rings"] + (9 if aside else 0.6))
        # Seen from the side, the outer petals lie behind.
        for angle in sorted(angles, key=abs, reverse=True) if aside else angles + ring * 2.5:
            turn = np.exp(1j * (angle + roll + rng.uniform(-0.05, 0.05)))
            turn *= length * rng.uniform(0.94, 1.04)
            _petal(draw, place, 0, turn, kind, kind["inner"], outer, light * (1 - ring / 30))
    circle = np.exp(1j * AROUND)
    for part in range(6 if kind["trumpet"] else 0):
        rim = kind["trumpet"] * (1 - part / 7) * (1 + 0.06 * np.sin(9 * AROUND)) * circle
        draw.polygon(place(rim), _mix(kind["seeds"], "#7a2800", part / 9, light))
    draw.polygon(place(kind["centre"] * circle), _mix(kind["seeds"], "#000000", 0.3, light))
    if radius > 50:  # near enough to see seeds, each turned on by the golden angle
        seeds = np.arange(150 * kind["centre"])
        seeds = np.sqrt(seeds * kind["centre"] / 180) * np.exp(2.39996j * seeds)
        for number, seed in enumerate(seeds):
            color = _mix(kind["seeds"], "#ffe6a0", number % 3 / 4, light)
            draw.polygon(place(seed + 0.022 * circle[::3]), color)


def _picture(rng, kind) -> Image.Image:
    """One photograph, as it were, drawn at twice its size for smooth edges."""
    width, height = rng.sample((500, rng.randint(500, 640)), 2)
    light, outer = rng.uniform(0.8, 1.1), rng.choice(kind["colors"].split(","))
    above, below, wide, high = rng.choice(BACKGROUNDS)
    # What is out of focus is drawn small, blurred and enlarged.
    small = ImageOps.colorize(
        Image.linear_gradient("L"), _mix(above, above, 0, light), _mix(below, below, 0, light)
    ).resize((width // 6, height // 6))
    draw = ImageDraw.Draw(small)
    for _ in range(70):
        x, y, r = rng.uniform(0, small.width), rng.uniform(0, small.height), rng.uniform(1, 6)
        color = _mix(above, below, rng.uniform(-0.5, 1.4), light)
        draw.ellipse((x - r * wide, y - r * high, x + r * wide, y + r * high), color)
    for _ in range(rng.randrange(4)):  # more of the same kind, far away
        middle = complex(rng.uniform(0, small.width), rng.uniform(0.2, 0.9) * small.height)
        _flower(draw, rng, kind, outer, middle, rng.uniform(8, 17), light * 0.85)
    picture = small.filter(ImageFilter.GaussianBlur(1.7)).resize((width, height))
    picture = picture.resize((2 * width, 2 * height), Image.Resampling.NEAREST)
    radius = rng.uniform(260, 430)
    middle = complex(width * rng.uniform(0.8, 1.2), height * rng.uniform(0.8, 1.2))
    middle += 0.5j * radius * (kind["spread"] < 360)  # seen from the side, it stands above
    _flower(ImageDraw.Draw(picture), rng, kind, outer, middle, radius, light)
    return picture.reduce(2)


def draw(folder: Path) -> None:
    """Draw 240 flowers of ten kinds into `folder`, laid out as the real Oxford Flowers are."""
    from scipy.io import savemat

    rng = random.Random(102)
    names, *rows = (line.split() for line in FLOWERS.strip().splitlines())
    plan = []  # a label and a kind for each picture
    for label, row in enumerate(rows, start=1):
        values = (float(word) if word[0].isdigit() else word for word in row)
        kind = dict(zip(names, values, strict=True))
        plan += [(label, kind)] * int(kind["images"])
    rng.shuffle(plan)
    (folder / "jpg").mkdir(parents=True)
    for number, (_, kind) in enumerate(plan, start=1):
        _picture(rng, kind).save(folder / "jpg" / f"image_{number:05d}.jpg", quality=85)
    labels = np.array([[label for label, _ in plan]], dtype=np.uint8)
    savemat(folder / "imagelabels.mat", {"labels": labels})
    # The first 116 bytes are free text; there savemat names the time, which differs each time.
    content = (folder / "imagelabels.mat").read_bytes()
    (folder / "imagelabels.mat").write_bytes(b"MATLAB 5.0 MAT-file".ljust(116) + content[116:])
