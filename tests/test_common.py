"""Paths, devices and datasets."""

import gzip
import struct

from pytorch_refresher._common import console, figures, paths
from pytorch_refresher._common.device import choose_device
from pytorch_refresher._data import datasets

import pytest
import torch
from course import run
from torchvision.datasets import FashionMNIST

SAMPLE = paths.SHIPPED_SAMPLES / "fashion_mnist"
DEBIAN = datasets.FASHION_MNIST_DEBIAN


def test_the_data_folder_can_be_moved(monkeypatch, tmp_path):
    monkeypatch.delenv("PYTORCH_REFRESHER_DATA", raising=False)
    assert paths.data_folder() == paths.PROJECT / "data"
    monkeypatch.setenv("PYTORCH_REFRESHER_DATA", str(tmp_path))
    assert paths.data_folder() == tmp_path


@pytest.mark.parametrize(
    ("folder", "number"), [("01_tensors", "01"), ("appendix_b_gpu_cuda", "appendix_b")]
)
def test_the_number_of_a_lesson(folder, number):
    assert figures.lesson_prefix(folder) == number


def test_devices():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda", "mps", "xpu")


def test_a_device_that_is_not_there_gets_one_sentence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(console.LessonError, match="finds no device 'cuda' here; it finds: .*cpu"):
        choose_device("cuda")


def test_torchvision_opens_the_sample():
    for train, size in ((True, 6000), (False, 1000)):
        dataset = FashionMNIST(root=SAMPLE, train=train)
        assert len(dataset) == size
        assert dataset.data.shape == (size, 28, 28)
        assert set(dataset.targets.tolist()) == set(range(10))


@pytest.mark.skipif(not DEBIAN.exists(), reason="needs Debian's package dataset-fashion-mnist")
@pytest.mark.parametrize(
    "name",
    [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ],
)
def test_the_sample_is_the_head_of_the_real_file(name):
    sample = (SAMPLE / "FashionMNIST" / "raw" / name).read_bytes()
    with gzip.open(DEBIAN / f"{name}.gz") as file:
        real = file.read()
    header, each = (16, 28 * 28) if "images" in name else (8, 1)
    count = 6000 if "train" in name else 1000
    assert sample[:4] == real[:4]
    assert struct.unpack(">I", sample[4:8]) == (count,)
    assert sample[8:] == real[8 : header + count * each]
    assert len(sample) == header + count * each


@pytest.mark.skipif(not DEBIAN.exists(), reason="needs Debian's package dataset-fashion-mnist")
def test_the_real_dataset_comes_from_debians_package(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PYTORCH_REFRESHER_DATA", str(tmp_path))
    assert datasets.fashion_mnist() == SAMPLE
    assert "--download" in capsys.readouterr().out
    assert datasets.fashion_mnist(download=True) == tmp_path / "fashion_mnist"
    assert len(FashionMNIST(root=tmp_path / "fashion_mnist")) == 60000
    assert datasets.fashion_mnist() == tmp_path / "fashion_mnist"
    assert "the real FashionMNIST" in capsys.readouterr().out


def test_an_error_of_the_code_keeps_its_traceback(tmp_path):
    (tmp_path / "lesson.py").write_text(
        '"""Lesson 99: Broken"""\n'
        "from pytorch_refresher._common import lesson_arguments\n"
        "lesson_arguments(__file__)\n"
        "1 / 0\n"
    )
    done = run(tmp_path, folder=tmp_path)
    assert done.status == 1
    assert "Traceback" in done.errors and "ZeroDivisionError" in done.errors
