"""The flowers: drawn the same each time, or fetched."""

import collections
import errno
import hashlib
import io
import multiprocessing
import shutil
import tarfile
import tempfile
import time

from pytorch_refresher._common.console import LessonError
from pytorch_refresher._data import datasets, flowers, manifest
from pytorch_refresher._data import download as fetching

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
    assert {path.name for path in folder.iterdir()} == {"imagelabels.mat", "jpg", "manifest.json"}
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
    drawn = contents(datasets.oxford_flowers())
    del drawn[manifest.NAME]
    assert contents(tmp_path / "again") == drawn


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


PICTURE = "jpg/image_00003.jpg"
DAMAGE = {
    "a picture cut off": lambda folder: (folder / PICTURE).write_bytes(b"\xff\xd8\xff"),
    "a picture that is empty": lambda folder: (folder / PICTURE).write_bytes(b""),
    "a web page for a picture": lambda folder: (folder / PICTURE).write_bytes(b"<html>"),
    "no picture": lambda folder: (folder / PICTURE).unlink(),
    "labels cut off": lambda folder: (folder / "imagelabels.mat").write_bytes(b"MATLAB 5.0"),
    "no labels": lambda folder: (folder / "imagelabels.mat").unlink(),
    "no manifest, as an older version left it": lambda folder: (folder / manifest.NAME).unlink(),
    "another version": lambda folder: manifest.write(folder, manifest.checksum, "older"),
    "a manifest that is none": lambda folder: (folder / manifest.NAME).write_bytes(b"[1]"),
    "an empty folder": lambda folder: (shutil.rmtree(folder), folder.mkdir()),
    "a file for the folder": lambda folder: (shutil.rmtree(folder), folder.touch()),
}


def in_vain(target):
    """Stands for download.locked where nothing can be written, not even the file of the lock."""
    raise AssertionError(f"{target} is there, so no lock is needed")


@pytest.fixture
def own_sample(in_data, monkeypatch, tmp_path):
    """A copy of the drawn sample in a data folder of its own; drawing makes another copy."""
    drawn = datasets.oxford_flowers()

    def draw(folder):
        shutil.copytree(drawn, folder, dirs_exist_ok=True)
        (folder / manifest.NAME).unlink()

    monkeypatch.setattr(flowers, "draw", draw)
    monkeypatch.setenv("PYTORCH_REFRESHER_DATA", str(tmp_path))
    folder = tmp_path / "sample" / "oxford_flowers"
    shutil.copytree(drawn, folder)
    return folder


def change_one_byte(folder):
    content = bytearray((folder / PICTURE).read_bytes())
    content[2000] ^= 1
    (folder / PICTURE).write_bytes(content)


@pytest.mark.parametrize("damage", [*DAMAGE.values(), change_one_byte], ids=[*DAMAGE, "one byte"])
def test_a_damaged_sample_is_drawn_again(own_sample, capsys, damage):
    whole = contents(own_sample)
    damage(own_sample)
    for said in (1, 0):
        assert datasets.oxford_flowers() == own_sample
        output = capsys.readouterr().out
        assert output.count(f"{own_sample} was damaged or out of date, so it was drawn") == said
        assert contents(own_sample) == whole


def test_a_whole_sample_is_used_at_once_also_by_those_who_may_not_write(own_sample, monkeypatch):
    monkeypatch.setattr(fetching, "locked", in_vain)
    (own_sample / "jpg" / ".DS_Store").touch()  # what was added does not matter
    times = []
    for _ in range(5):
        start = time.perf_counter()
        assert datasets.oxford_flowers() == own_sample
        times.append(time.perf_counter() - start)
    assert min(times) < 0.15  # 0.005 on the machine that it was written on


def test_without_room_anywhere_a_lesson_ends_with_one_sentence(monkeypatch, tmp_path, capsys):
    def draw(folder):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(flowers, "draw", draw)
    monkeypatch.setenv("PYTORCH_REFRESHER_DATA", str(tmp_path))
    with pytest.raises(LessonError, match=r"Cannot write .*oxford_flowers: No .*, and .* No space"):
        datasets.oxford_flowers()
    assert capsys.readouterr().out.count("\n") == 1
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not there"))
    with pytest.raises(LessonError, match=r"in a temporary folder either: No such file"):
        datasets.oxford_flowers()


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
    source = {"urls": [f"{server.url}/"], "files": files, "images": {"jpg": 5}}
    monkeypatch.setitem(datasets.SOURCES, "oxford_flowers", source)
    monkeypatch.setenv("PYTORCH_REFRESHER_DATA", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("script", [[], ["break", "503", "whole", "stall"]], ids=["well", "badly"])
def test_the_real_photographs_are_fetched_and_used(server, tiny, capsys, monkeypatch, script):
    server.script = script
    folder = datasets.oxford_flowers(download=True)
    assert folder == tiny / "oxford_flowers"
    assert "the real Oxford Flowers, 5 photographs" in capsys.readouterr().out
    assert {path.name for path in folder.iterdir()} == {"imagelabels.mat", "jpg", "manifest.json"}
    assert loadmat(folder / "imagelabels.mat")["labels"].tolist() == [[77, 1, 77, 102, 3]]
    assert len(list((folder / "jpg").iterdir())) == 5
    left = [path.name for path in (tiny / "downloads").iterdir() if path.suffix != ".lock"]
    assert left == []  # the archive is deleted, half the space of the dataset
    monkeypatch.setattr(fetching, "locked", in_vain)
    assert datasets.oxford_flowers(download=True) == datasets.oxford_flowers() == folder


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


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_real_dataset_that_is_not_whole_gets_one_sentence(server, tiny, capsys, damage):
    folder = datasets.oxford_flowers(download=True)
    damage(folder)
    older = folder.is_dir() and not (folder / manifest.NAME).exists() and any(folder.iterdir())
    if older:  # such a dataset was checked when it was fetched
        assert datasets.oxford_flowers() == folder
        (folder / PICTURE).write_bytes(b"")
    capsys.readouterr()
    for download in (False, True):
        with pytest.raises(LessonError) as caught:
            datasets.oxford_flowers(download)
        assert str(folder) in str(caught.value)
        assert f": delete {folder} and run the lesson again, with" in str(caught.value)
        assert "\n" not in str(caught.value) and capsys.readouterr().out == ""


@pytest.mark.parametrize("right", [True, False])
def test_an_archive_put_there_by_hand_is_checked(server, tiny, right):
    (tiny / "downloads").mkdir()
    archive = tiny / "downloads" / "102flowers.tgz"
    archive.write_bytes(server.files["/102flowers.tgz"] if right else b"another")
    if right:
        assert datasets.oxford_flowers(download=True) == tiny / "oxford_flowers"
        assert [path for path, _ in server.requests] == ["/imagelabels.mat"]
    else:
        with pytest.raises(LessonError, match=r"102flowers\.tgz is not the file .*: delete it"):
            datasets.oxford_flowers(download=True)
        assert not (tiny / "oxford_flowers").exists() and archive.exists()


def test_a_data_folder_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    (tmp_path / "data").touch()
    monkeypatch.setenv("PYTORCH_REFRESHER_DATA", str(tmp_path / "data"))
    with pytest.raises(LessonError, match="Cannot write"):
        datasets.oxford_flowers(download=True)
