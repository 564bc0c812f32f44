"""The flowers: drawn the same each time, or fetched."""

import collections
import hashlib
import io
import multiprocessing
import tarfile

from pytorch_refresher._common.console import LessonError
from pytorch_refresher._data import datasets, flowers

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, savemat

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture(scope="module")
def data(shared):
    """A data folder whose sample two processes drew, started together."""
    folder = shared / "flowers"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTORCH_REFRESHER_DATA", str(folder))
        spawn = multiprocessing.get_context("spawn")
        processes = [spawn.Process(target=datasets.oxford_flowers) for _ in range(2)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(120)
            assert process.exitcode == 0
    return folder


@pytest.fixture
def in_data(data, monkeypatch):
    monkeypatch.setenv("PYTORCH_REFRESHER_DATA", str(data))
    return data


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_sample_is_laid_out_as_the_real_dataset(in_data, capsys):
    folder = datasets.oxford_flowers()
    assert "drawn sample, 240 images; the real 8,189 photographs (345 MB): --download" in (
        capsys.readouterr().out
    )
    assert folder == in_data / "sample" / "oxford_flowers"
    assert sorted(path.name for path in folder.iterdir()) == ["imagelabels.mat", "jpg"]
    assert sorted(path.name for path in folder.parent.iterdir()) == [
        "oxford_flowers",
        "oxford_flowers.lock",
    ]
    names = sorted(path.name for path in (folder / "jpg").iterdir())
    assert names == [f"image_{number:05d}.jpg" for number in range(1, 241)]
    sizes = set()
    for path in (folder / "jpg").iterdir():
        with Image.open(path) as image:
            image.load()
            assert (image.format, image.mode) == ("JPEG", "RGB")
            sizes.add(image.size)
    assert len(sizes) > 50
    assert all(300 <= side <= 650 for size in sizes for side in size)


def test_the_labels_are_as_in_the_real_file(in_data):
    labels = loadmat(datasets.oxford_flowers() / "imagelabels.mat")["labels"]
    assert labels.shape == (1, 240) and labels.dtype == np.uint8
    counts = collections.Counter(labels[0].tolist())
    assert sorted(counts) == list(range(1, 11))
    assert min(counts.values()) >= 10 and len(set(counts.values())) > 5
    assert len(set(labels[0, :20].tolist())) > 5  # shuffled


def test_the_same_pictures_again(in_data, tmp_path):
    flowers.draw(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(datasets.oxford_flowers())


def test_a_kind_can_be_told_from_another(in_data):
    """The middle of a picture tells its kind more often than chance: nearest mean of colors."""
    folder = datasets.oxford_flowers()
    labels = loadmat(folder / "imagelabels.mat")["labels"][0]
    middles = []
    for number in range(1, 241):
        with Image.open(folder / "jpg" / f"image_{number:05d}.jpg") as image:
            middles.append(np.asarray(image.resize((12, 12)))[3:9, 3:9].ravel() / 255)
    middles = np.array(middles)
    means = {kind: middles[:160][labels[:160] == kind].mean(0) for kind in range(1, 11)}
    guesses = [min(means, key=lambda k: ((means[k] - x) ** 2).sum()) for x in middles[160:]]
    assert (np.array(guesses) == labels[160:]).mean() > 0.25


# The way of the real photographs, with five small ones on a server.


@pytest.fixture
def tiny(server, monkeypatch, tmp_path):
    """Five images and their labels on the server, instead of the real 345 MB."""
    archive, labels = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as file:
        for number in range(1, 6):
            picture = io.BytesIO()
            Image.new("RGB", (50, 40 + number), (40 * number, 90, 30)).save(picture, "JPEG")
            member = tarfile.TarInfo(f"jpg/image_{number:05d}.jpg")
            member.size = picture.tell()
            picture.seek(0)
            file.addfile(member, picture)
    savemat(labels, {"labels": np.array([[77, 1, 77, 102, 3]], dtype=np.uint8)})
    files = {}
    for name, content in (
        ("102flowers.tgz", archive.getvalue()),
        ("imagelabels.mat", labels.getvalue()),
    ):
        server.files[f"/{name}"] = content
        files[name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    source = {"urls": [f"{server.url}/"], "files": files}
    monkeypatch.setitem(datasets.SOURCES, "oxford_flowers", source)
    monkeypatch.setenv("PYTORCH_REFRESHER_DATA", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("script", [[], ["break", "503", "whole", "stall"]], ids=["well", "badly"])
def test_the_real_photographs_are_fetched(server, tiny, capsys, script):
    server.script = script
    folder = datasets.oxford_flowers(download=True)
    assert folder == tiny / "oxford_flowers"
    assert "the real Oxford Flowers, 5 photographs" in capsys.readouterr().out
    assert sorted(path.name for path in folder.iterdir()) == ["imagelabels.mat", "jpg"]
    assert loadmat(folder / "imagelabels.mat")["labels"].tolist() == [[77, 1, 77, 102, 3]]
    assert len(list((folder / "jpg").iterdir())) == 5
    left = [path.name for path in (tiny / "downloads").iterdir() if path.suffix != ".lock"]
    assert left == []  # the archive is deleted, half the space of the dataset
    asked = len(server.requests)
    assert datasets.oxford_flowers(download=True) == datasets.oxford_flowers() == folder
    assert len(server.requests) == asked


@pytest.mark.parametrize("act", ["404", "break", "wrong"])
def test_a_failed_download_leaves_the_sample_usable(server, tiny, monkeypatch, act):
    monkeypatch.setattr(flowers, "draw", lambda folder: (folder / "drawn").touch())
    server.always = act
    with pytest.raises(LessonError, match="built-in sample"):
        datasets.oxford_flowers(download=True)
    assert not (tiny / "oxford_flowers").exists()
    assert not (tiny / "oxford_flowers.part").exists()
    assert (datasets.oxford_flowers() / "drawn").exists()
    server.always = "whole"
    assert datasets.oxford_flowers(download=True) == tiny / "oxford_flowers"


def test_the_labels_alone_fail_and_the_archive_is_kept(server, tiny):
    server.script = ["whole", "404"]
    with pytest.raises(LessonError, match="imagelabels.mat could not be downloaded"):
        datasets.oxford_flowers(download=True)
    assert (tiny / "downloads" / "102flowers.tgz").exists()
    assert datasets.oxford_flowers(download=True) == tiny / "oxford_flowers"
    assert [path for path, _ in server.requests].count("/102flowers.tgz") == 1


def test_a_data_folder_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    (tmp_path / "data").touch()
    monkeypatch.setenv("PYTORCH_REFRESHER_DATA", str(tmp_path / "data"))
    with pytest.raises(LessonError, match="Cannot write"):
        datasets.oxford_flowers(download=True)
