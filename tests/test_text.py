"""English text: Python's own help, or Tiny Shakespeare."""

import hashlib

from pytorch_refresher._common.console import LessonError
from pytorch_refresher._data import datasets

import pytest

pytestmark = pytest.mark.usefixtures("impatient")
SPEECH = b"First Citizen:\nBefore we proceed any further, hear me speak.\n"


@pytest.fixture
def speech(server, monkeypatch, tmp_path):
    """A few words on the server, instead of the real 1.1 MB."""
    server.files["/input.txt"] = SPEECH
    file = {"size": len(SPEECH), "sha256": hashlib.sha256(SPEECH).hexdigest()}
    source = {"urls": [f"{server.url}/"], "files": {"input.txt": file}}
    monkeypatch.setitem(datasets.SOURCES, "text", source)
    monkeypatch.setenv("PYTORCH_REFRESHER_DATA", str(tmp_path))


def test_the_built_in_text_is_long_and_ascii(speech, capsys):
    text = datasets.text()
    assert "help texts of Python itself" in capsys.readouterr().out
    assert len(text) > 300_000 and text.isascii()
    assert "statement" in text


def test_shakespeare_is_fetched_once_and_then_used(server, speech, capsys):
    assert datasets.text(download=True) == SPEECH.decode()
    assert datasets.text(download=True) == datasets.text() == SPEECH.decode()
    assert "Tiny Shakespeare, from" in capsys.readouterr().out
    assert len(server.requests) == 1


@pytest.mark.parametrize("content", [b"", "Cortège".encode("latin-1"), SPEECH[:20]])
def test_another_text_under_its_name_gets_one_sentence(speech, tmp_path, content):
    path = tmp_path / "text" / "tinyshakespeare.txt"
    path.parent.mkdir()
    path.write_bytes(content)
    for download in (False, True):
        with pytest.raises(LessonError, match=f"{path} is not .*: delete {path} and run"):
            datasets.text(download)


def test_a_failed_download_leaves_the_built_in_text(server, speech):
    server.always = "wrong"
    with pytest.raises(LessonError, match="SHA-256"):
        datasets.text(download=True)
    assert len(datasets.text()) > 300_000
