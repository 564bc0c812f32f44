"""A data folder that is out of reach, and a FashionMNIST that is not whole."""

import importlib
import os
import re
import shutil
import tempfile
from pathlib import Path

from pytorch_refresher._common.console import LessonError
from pytorch_refresher._common.paths import SHIPPED_SAMPLES
from pytorch_refresher._data import datasets, flowers

import pytest

SAMPLE = SHIPPED_SAMPLES / "fashion_mnist"
posix = pytest.mark.skipif(os.name == "nt", reason="Windows has other links and permissions")


@posix
@pytest.mark.parametrize("folder", ["~nosuchuser/data", "loop/data", "x" * 300, "nul\0byte"])
def test_a_data_folder_that_cannot_exist_gets_one_sentence(monkeypatch, tmp_path, folder):
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    # A real environment cannot hold a null byte, a dictionary in its place can.
    monkeypatch.setattr(os, "environ", os.environ | {"PYTORCH_REFRESHER_DATA": folder})
    with pytest.raises(LessonError, match=r"^[^\n]+$"):
        datasets.oxford_flowers(download=True)


@pytest.fixture
def closed(monkeypatch):
    """A data folder that only somebody else may open."""
    folder = Path(tempfile.mkdtemp())
    source = folder.with_suffix(".py")  # the checkout may be closed to others too
    shutil.copyfile(flowers.__file__, source)
    monkeypatch.setattr(flowers, "__file__", str(source))
    (folder / "text").mkdir()
    folder.chmod(0)
    monkeypatch.setenv("PYTORCH_REFRESHER_DATA", str(folder))
    user = os.geteuid()
    if user == 0:  # root may open everything
        importlib.import_module("pydoc_data.topics")  # root's Python may be closed to others
        os.seteuid(65534)
    yield folder
    os.seteuid(user)
    source.unlink()
    folder.chmod(0o700)
    shutil.rmtree(folder)


@posix
def test_a_data_folder_without_permission(closed, capsys, monkeypatch):
    """What is built in is used, and a download is refused with one sentence."""
    monkeypatch.setattr(flowers, "draw", lambda folder: (folder / "drawn").touch())
    assert len(datasets.text()) > 300_000
    assert (datasets.oxford_flowers() / "drawn").exists()
    refused = rf"Cannot write {closed}\S*: Permission denied\."
    assert re.search(f"drawn for this run alone. {refused}", capsys.readouterr().out)
    for dataset in (datasets.oxford_flowers, datasets.text):
        with pytest.raises(LessonError, match=f"^{refused}$"):
            dataset(download=True)


def test_an_installed_copy_without_the_built_in_images_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets, "SHIPPED_SAMPLES", tmp_path)
    monkeypatch.setenv("PYTORCH_REFRESHER_DATA", str(tmp_path))
    with pytest.raises(LessonError, match="run the lesson in a clone of it, or with --download"):
        datasets.fashion_mnist()


@pytest.mark.parametrize("damage", ["cut off", "empty", "small", "a file for the folder"])
def test_a_real_dataset_that_is_not_whole_gets_one_sentence(monkeypatch, tmp_path, damage):
    monkeypatch.setenv("PYTORCH_REFRESHER_DATA", str(tmp_path))
    folder = tmp_path / "fashion_mnist"
    culprit = folder / "FashionMNIST" / "raw" / "train-images-idx3-ubyte"
    if damage == "a file for the folder":
        culprit = folder
        folder.touch()
    else:
        shutil.copytree(SAMPLE, folder)  # 6,000 images are not the 60,000
        if damage != "small":
            culprit.write_bytes(culprit.read_bytes()[:5000] if damage == "cut off" else b"")
    for download in (False, True):
        with pytest.raises(LessonError, match=f"{culprit} .*: delete {culprit} and run"):
            datasets.fashion_mnist(download)
