"""The horses and humans: drawn the same each time, hard for a linear model, or fetched."""

import hashlib
import io
import shutil
import zipfile

from pytorch_refresher._common.console import LessonError
from pytorch_refresher._data import datasets, horses_and_humans

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.usefixtures("impatient")
COUNTS = {"training": 128, "validation": 32}


@pytest.fixture(scope="module")
def sample(shared):
    """The drawn sample."""
    folder = shared / "data"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTORCH_REFRESHER_DATA", str(folder))
        sample = datasets.horse_or_human()
    assert sample == folder / "sample" / "horse_or_human"
    return sample


def test_the_sample_is_laid_out_as_the_real_dataset(sample):
    assert sorted(path.name for path in sample.glob("[!m]*")) == ["training", "validation"]
    for part, count in COUNTS.items():
        assert sorted(path.name for path in (sample / part).iterdir()) == ["horses", "humans"]
        for kind in ("horses", "humans"):
            files = list((sample / part / kind).iterdir())
            assert len(files) == count
            with Image.open(files[0]) as image:
                assert (image.format, image.mode, image.size) == ("PNG", "RGB", (300, 300))


def test_no_two_pictures_are_the_same(sample):
    pictures = [path.read_bytes() for path in sample.rglob("*.png")]
    assert len(set(pictures)) == len(pictures) == 320


def test_the_same_pictures_again(sample, tmp_path):
    horses_and_humans.draw(tmp_path)
    for path in sample.rglob("*.png"):
        assert (tmp_path / path.relative_to(sample)).read_bytes() == path.read_bytes()


def pixels(sample, part, side):
    """The pictures of a part as rows of numbers, shrunk to side x side, and +1 or -1 for each."""
    rows, signs = [], []
    for kind, sign in (("horses", 1), ("humans", -1)):
        for path in sorted((sample / part / kind).iterdir()):
            with Image.open(path) as image:
                rows.append(np.asarray(image.reduce(300 // side), dtype=np.float64).ravel() / 255)
            signs.append(sign)
    return np.array(rows), np.array(signs)


@pytest.mark.parametrize("side", [1, 5, 15, 30, 75])
def test_a_linear_model_on_the_pixels_does_not_tell_them_apart(sample, side):
    """Ridge regression under every strength, at every coarseness: mean color to 75 x 75 pixels."""
    x, y = pixels(sample, "training", side)
    new, truth = pixels(sample, "validation", side)
    new, x = new - x.mean(axis=0), x - x.mean(axis=0)
    for strength in (0.001, 0.01, 0.1, 1, 10, 100, 1000):
        weights = x.T @ np.linalg.solve(x @ x.T + strength * np.eye(len(x)), y)
        assert (np.sign(new @ weights) == truth).mean() < 0.8


# The way of the real images, with a few small ones on a server.


@pytest.fixture
def tiny(server, monkeypatch, tmp_path):
    """Two small zip files on the server, instead of the real 161 MB."""
    files = {}
    for name, count in (("horse-or-human.zip", 3), ("validation-horse-or-human.zip", 2)):
        archive, picture = io.BytesIO(), io.BytesIO()
        Image.new("RGB", (30, 30)).save(picture, "PNG")
        with zipfile.ZipFile(archive, "w") as file:
            for kind in ("horses", "humans"):
                for number in range(count):
                    file.writestr(f"{kind}/{kind}-{number}.png", picture.getvalue())
        content = archive.getvalue()
        server.files[f"/first/{name}"] = server.files[f"/second/{name}"] = content
        files[name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    urls = [f"{server.url}/first/", f"{server.url}/second/"]
    source = {"urls": urls, "files": files, "images": {"training": 6, "validation": 4}}
    monkeypatch.setitem(datasets.SOURCES, "horse_or_human", source)
    monkeypatch.setenv("PYTORCH_REFRESHER_DATA", str(tmp_path))
    return tmp_path


def test_the_real_images_are_fetched(server, tiny, capsys):
    server.script = ["404", "whole", "break"]
    folder = datasets.horse_or_human(download=True)
    assert folder == tiny / "horse_or_human"
    assert "the real horses and humans, 6 + 4 images, from" in capsys.readouterr().out
    assert server.requests[1][0] == "/second/horse-or-human.zip"
    for part, count in (("training", 3), ("validation", 2)):
        for kind in ("horses", "humans"):
            assert len(list((folder / part / kind).iterdir())) == count
    assert [path for path in (tiny / "downloads").iterdir() if path.suffix != ".lock"] == []
    asked = len(server.requests)
    assert datasets.horse_or_human(download=True) == datasets.horse_or_human() == folder
    assert len(server.requests) == asked


DAMAGE = {
    "a class is missing": lambda folder: shutil.rmtree(folder / "validation" / "horses"),
    "a picture is cut off": lambda folder: next(folder.rglob("*.png")).write_bytes(b"\x89PNG"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_noticed(server, tiny, sample, monkeypatch, capsys, damage):
    """The real images that are not whole get one sentence, and a sample is drawn again."""
    folder = datasets.horse_or_human(download=True)
    damage(folder)
    with pytest.raises(LessonError, match=f": delete {folder} and run"):
        datasets.horse_or_human()
    shutil.rmtree(folder)

    def draw(folder):
        shutil.copytree(sample, folder, dirs_exist_ok=True)
        (folder / "manifest.json").unlink()

    monkeypatch.setattr(horses_and_humans, "draw", draw)
    shutil.copytree(sample, tiny / "sample" / "horse_or_human")
    damage(tiny / "sample" / "horse_or_human")
    for said in (1, 0):
        drawn = datasets.horse_or_human()
        assert len(list(drawn.rglob("*.png"))) == 320
        assert capsys.readouterr().out.count("so it was drawn again") == said


def test_a_failed_download_leaves_the_sample_usable(server, tiny, monkeypatch):
    monkeypatch.setattr(horses_and_humans, "draw", lambda folder: (folder / "drawn").touch())
    server.always = "404"
    with pytest.raises(LessonError, match=r"horse-or-human\.zip could not be downloaded"):
        datasets.horse_or_human(download=True)
    assert not (tiny / "horse_or_human").exists()
    assert (datasets.horse_or_human() / "drawn").exists()
