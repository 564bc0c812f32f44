"""Downloads against a server on 127.0.0.1 that misbehaves in every way it can."""

import gzip
import hashlib
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from pytorch_refresher._common.console import LessonError
from pytorch_refresher._data import datasets
from pytorch_refresher._data import download as fetching

import pytest
from course import PACKAGE
from faulty_server import CONTENT, SHA256

pytestmark = pytest.mark.usefixtures("impatient")


def fetch(server, folder, paths=("/file",)):
    target = folder / "file"
    fetching.fetch([server.url + path for path in paths], target, len(CONTENT), SHA256)
    return target


@pytest.mark.parametrize(
    "script",
    [
        [],
        ["break"],
        ["break", "break", "no range"],
        ["503"],
        ["503", "429", "500"],
        ["stall"],
        ["silence"],
        ["stall", "503", "break"],
        ["short"],
        ["break", "wrong"],
        ["gzip"],
        ["claims more"],
        ["claims less"],
        ["to /elsewhere"],
        ["to //127.0.0.1:9/nobody", "to /elsewhere"],
    ],
    ids=lambda script: " ".join(script) or "well-behaved",
)
def test_a_passing_fault_ends_in_a_whole_file(server, tmp_path, script):
    server.script = script
    target = fetch(server, tmp_path)
    assert target.read_bytes() == CONTENT
    assert not (tmp_path / "file.part").exists()


@pytest.mark.parametrize(
    ("act", "cause"),
    [
        ("404", "HTTP status 404"),
        ("403", "HTTP status 403"),
        ("503", "HTTP status 503"),
        ("wrong", "SHA-256 is"),
        ("short", "the file there ends before byte 255,000"),
        ("long", "more than the 256,000 bytes that the file has"),
        ("silence", "no answer in time"),
    ],
)
def test_a_lasting_fault_ends_in_one_sentence_and_no_file(server, tmp_path, act, cause):
    server.always = act
    with pytest.raises(LessonError) as caught:
        fetch(server, tmp_path)
    assert cause in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize(
    ("act", "cause"), [("break", "the connection broke"), ("stall", "the server stopped sending")]
)
def test_what_came_is_kept_and_the_next_run_goes_on(server, tmp_path, act, cause):
    server.always = act
    with pytest.raises(LessonError, match=cause) as caught:
        fetch(server, tmp_path)
    kept = (tmp_path / "file.part").stat().st_size
    assert 0 < kept < len(CONTENT)
    assert f"{kept:,} of 256,000 bytes are kept" in str(caught.value)
    assert not (tmp_path / "file").exists()
    server.always = "whole"
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.requests[-1][1] == f"bytes={kept}-"


@pytest.mark.parametrize(
    "target", ["https://127.0.0.1/file", "ftp://127.0.0.1/file", "file:///etc"]
)
def test_a_redirect_to_another_scheme_is_refused(server, tmp_path, target):
    server.always = f"to {target}"
    with pytest.raises(LessonError, match="which has another scheme"):
        fetch(server, tmp_path)
    assert len(server.requests) == 1
    assert not (tmp_path / "file").exists()


def test_redirects_in_a_circle_end(server, tmp_path):
    server.always = "to /file"
    with pytest.raises(LessonError, match="could not be downloaded"):
        fetch(server, tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_named(server, tmp_path):
    (tmp_path / "file.part").symlink_to("/dev/full")
    with pytest.raises(LessonError, match=r"Cannot write .*file.*: No space left on device"):
        fetch(server, tmp_path)
    assert not (tmp_path / "file").exists()


# Downloads in a mount namespace of its own, whose disk is smaller than the file, and then larger.
ON_A_SMALL_DISK = """
import subprocess, sys
from pathlib import Path
from pytorch_refresher._data import download
from pytorch_refresher._common.console import LessonError

url, target, size, sha256 = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]


def disk(options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", target.parent], check=True)


disk("size=100k")
try:
    download.fetch([url], target, size, sha256)
except LessonError as error:
    print(error)
print(target.exists(), target.with_name("file.part").stat().st_size)
disk("remount,size=1m")
download.fetch([url], target, size, sha256)
print(target.stat().st_size)
"""


def can_mount():
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return (
        bool(shutil.which("unshare"))
        and subprocess.run(command, capture_output=True).returncode == 0
    )


@pytest.mark.skipif(not can_mount(), reason="needs the right to make a namespace")
def test_a_disk_that_fills_keeps_what_came_until_there_is_room(server, tmp_path):
    target = tmp_path / "file"
    command = ["unshare", "-rm", sys.executable, "-c", ON_A_SMALL_DISK, f"{server.url}/file"]
    command += [str(target), str(len(CONTENT)), SHA256]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", cwd=PACKAGE.parent, timeout=60
    )
    assert done.returncode == 0, done.stderr
    error, kept, size = done.stdout.splitlines()
    assert error == f"Cannot write {target}: No space left on device."
    there, part = kept.split()
    assert there == "False" and 0 < int(part) < len(CONTENT)
    assert server.requests == [("/file", None), ("/file", f"bytes={part}-")]
    assert int(size) == len(CONTENT)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_a_download_killed_at_any_moment_goes_on_in_the_next_run(server, tmp_path):
    server.always = "slow"  # 16 parts, 20 ms apart
    spawn = multiprocessing.get_context("spawn")
    target = tmp_path / "file"
    sizes = set()
    for wait in (0, 0.05, 0.1, 0.2):
        asked = len(server.requests)
        process = spawn.Process(
            target=fetching.fetch, args=([f"{server.url}/file"], target, len(CONTENT), SHA256)
        )
        process.start()
        deadline = time.monotonic() + 60
        while len(server.requests) == asked and process.is_alive():
            assert time.monotonic() < deadline
            time.sleep(0.005)
        time.sleep(wait)
        process.kill()
        process.join()
        part = tmp_path / "file.part"
        sizes.add(part.stat().st_size if part.exists() else 0)
        # Whenever it was killed: what has the final name is whole.
        assert not target.exists() or target.read_bytes() == CONTENT
    assert len(sizes) > 1
    server.always = "whole"
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert not (tmp_path / "file.part").exists()


def test_nothing_listens(tmp_path):
    with pytest.raises(LessonError, match="no connection"):
        fetching.fetch(["http://127.0.0.1:9/file"], tmp_path / "file", 5, SHA256)


def test_the_second_address_is_tried(server, tmp_path):
    server.script = ["404"]
    assert fetch(server, tmp_path, ("/first", "/second")).read_bytes() == CONTENT
    assert [path for path, _ in server.requests] == ["/first", "/second"]


def test_a_file_that_is_there_is_not_asked_for_again(server, tmp_path):
    fetch(server, tmp_path)
    fetch(server, tmp_path)
    assert len(server.requests) == 1


def test_a_second_process_waits_and_finds_the_work_done(server, tmp_path):
    spawn = multiprocessing.get_context("spawn")
    url, target = f"{server.url}/file", tmp_path / "file"
    processes = [
        spawn.Process(target=fetching.fetch, args=([url], target, len(CONTENT), SHA256))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert target.read_bytes() == CONTENT
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b"right")[:-9],
        b"no gzip at all",
        gzip.compress(b"wrong"),
        gzip.compress(b"right and more"),
    ],
    ids=["cut off", "not gzip", "other content", "too long"],
)
def test_a_bad_gzip_file_is_refused(tmp_path, content):
    (tmp_path / "a.gz").write_bytes(content)
    with pytest.raises(LessonError):
        md5 = hashlib.md5(b"right").hexdigest()
        fetching.unpack_gzip(tmp_path / "a.gz", tmp_path / "a", 5, md5)
    assert not (tmp_path / "a").exists()
    assert not (tmp_path / "a.part").exists()


# The whole way, as a learner goes it: lesson.py --download, the addresses led to the server.

DRIVER = """
import hashlib, json, os, pathlib, runpy, sys
from pytorch_refresher._data import datasets, download
download.TIMEOUT, download.PAUSES = (1, 0.5), (0, 0, 0)
datasets.FASHION_MNIST_DEBIAN = pathlib.Path("nowhere")
datasets.SOURCES["fashion_mnist"] = json.loads(os.environ["SOURCE"])
if "STOP" in os.environ:  # these tests end where the data is there
    print(datasets.fashion_mnist(download=True).name)
else:
    lesson = sys.argv[1]
    sys.argv = [lesson, "--download"]
    runpy.run_path(lesson, run_name="__main__")
"""


def tiny_dataset(server):
    """Four small files on the server, and what sources.toml would say of them."""
    files = {}
    for name in datasets.SOURCES["fashion_mnist"]["files"]:
        content = (name * 50).encode()
        packed = gzip.compress(content)
        server.files[f"/{name}"] = packed
        files[name] = {
            "size": len(packed),
            "sha256": hashlib.sha256(packed).hexdigest(),
            "unpacked_size": len(content),
            "unpacked_md5": hashlib.md5(content).hexdigest(),
        }
    return {"urls": [f"{server.url}/"], "files": files}


def lesson_with_download(source, folder, **environment):
    lesson = next(
        path
        for path in PACKAGE.glob("*/lesson.py")
        if "fashion_mnist(" in path.read_text(encoding="utf-8")
    )
    environment = {
        **os.environ,
        "SOURCE": json.dumps(source),
        "PYTORCH_REFRESHER_DATA": str(folder / "data"),
        **environment,
    }
    command = [sys.executable, "-W", "error", "-c", DRIVER, str(lesson)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_the_dataset_is_fetched_through_every_fault(server, tmp_path):
    source = tiny_dataset(server)
    server.script = ["break", "503", "whole", "stall", "no range"]
    done = lesson_with_download(source, tmp_path, STOP="1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("fashion_mnist\n")
    raw = tmp_path / "data" / "fashion_mnist" / "FashionMNIST" / "raw"
    for name in source["files"]:
        assert (raw / name.removesuffix(".gz")).read_text() == name * 50
    assert not list(raw.glob("*.part"))


@pytest.mark.parametrize(
    "act", ["404", "503", "break", "wrong", "short", "long", "stall", "silence"]
)
def test_a_failed_download_ends_the_lesson_with_one_sentence(server, tmp_path, act):
    source = tiny_dataset(server)
    server.always = act
    done = lesson_with_download(source, tmp_path)
    assert done.returncode == 1
    assert re.fullmatch(r"\n[^\n]+could not be downloaded \([^\n]+\.\n", done.stderr), done.stderr
    raw = tmp_path / "data" / "fashion_mnist" / "FashionMNIST" / "raw"
    assert not [path for path in raw.glob("*") if path.suffix not in (".part", ".lock")]


def test_a_data_folder_that_cannot_be_written_is_named(server, tmp_path):
    source = tiny_dataset(server)
    (tmp_path / "data").touch()
    done = lesson_with_download(source, tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"\nCannot write {tmp_path / 'data'}")
    assert done.stderr.count("\n") == 2


def test_an_interrupted_download_stops_at_once(server, tmp_path):
    if os.name == "nt":
        pytest.skip("Windows sends Ctrl-C to a whole console")
    import signal

    source = tiny_dataset(server)
    server.always = "silence"
    environment = {
        **os.environ,
        "SOURCE": json.dumps(source),
        "PYTORCH_REFRESHER_DATA": str(tmp_path / "data"),
    }
    lesson = next(
        path
        for path in PACKAGE.glob("*/lesson.py")
        if "fashion_mnist(" in path.read_text(encoding="utf-8")
    )
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER.replace("(1, 0.5)", "(1, 20)"), str(lesson)],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not server.requests and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == -signal.SIGINT
    assert errors == "\nStopped.\n"
