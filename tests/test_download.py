"""Downloads against a server on 127.0.0.1 that misbehaves in every way it can."""

import gzip
import hashlib
import json
import multiprocessing
import os
import re
import shutil
import socketserver
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

from pytorch_refresher._common.console import LessonError
from pytorch_refresher._data import datasets
from pytorch_refresher._data import download as fetching

import pytest
from course import PACKAGE, PROJECT
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
def test_a_full_disk_is_named(server, tmp_path, monkeypatch):
    really_open = Path.open

    def open_on_a_full_disk(path, *arguments):
        return really_open(Path("/dev/full") if path.suffix == ".part" else path, *arguments)

    monkeypatch.setattr(Path, "open", open_on_a_full_disk)
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


def serve_bytes(answer):
    """The port of a server that gives these bytes to everybody who asks."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(65536)
            self.request.sendall(answer)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


MOVED = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "
CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ASKS = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "scheme", "proxy", "cause"),
    [
        (f"{MOVED}http://[\r\n\r\n", "http", "", "makes no sense"),
        (f"{MOVED}http://.x/\r\n\r\n", "http", "", "makes no sense"),
        (f"{MOVED}http://127.0.0.1:no/\r\n\r\n", "http", "", "makes no sense"),
        (f"{MOVED}\xff\r\n\r\n", "http", "", "makes no sense"),
        (f"{MOVED}ftp://user:secret@host/\r\n\r\n", "http", "", "to 'ftp://host', which has"),
        (f"{CHUNKED}-5\r\nhello", "http", "", "makes no sense"),
        (f"{CHUNKED}-{'f' * 20}\r\nhello", "http", "", "makes no sense"),
        (f"{CHUNKED}hello", "http", "", "the connection broke"),
        ("no TLS", "https", "", "no secure connection"),
        (ASKS, "http", "user:secret@127.0.0.1:{port}", "the proxy asks for a name and password"),
        (ASKS, "https", "user:secret@127.0.0.1:{port}", "the proxy asks for a name and password"),
        ("", "https", "user:secret@127.0.0.1:9", "no connection to the proxy"),
        ("", "https", "user:secret@[bad", "makes no sense"),
        ("", "https", "user:secret@", "makes no sense"),
    ],
)
def test_a_fault_of_the_network_is_called_what_it_is(
    tmp_path, monkeypatch, answer, scheme, proxy, cause
):
    port = serve_bytes(answer.encode("latin-1"))
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, proxy and f"http://{proxy.format(port=port)}")
    with pytest.raises(LessonError) as caught:
        url = f"{scheme}://user:secret@127.0.0.1:{port}/file"
        fetching.fetch([url], tmp_path / "file", len(CONTENT), SHA256)
    message = str(caught.value)
    assert message.startswith(f"file could not be downloaded (127.0.0.1:{port}: ")
    assert cause in message and "secret" not in message and "\n" not in message


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl to make a certificate")
def test_a_certificate_that_nobody_signed_is_called_so(server, tmp_path):
    key, certificate = str(tmp_path / "key"), str(tmp_path / "certificate")
    command = ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=localhost"]
    command += ["-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with pytest.raises(LessonError, match="its certificate cannot be verified"):
        url = server.url.replace("http:", "https:")
        fetching.fetch([url], tmp_path / "file", len(CONTENT), SHA256)


def test_a_file_of_certificates_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificates"))
    with pytest.raises(LessonError, match=r"TLS CA certificate bundle.*certificates"):
        fetching.fetch(["https://127.0.0.1:9/file"], tmp_path / "file", 5, SHA256)


def test_a_link_in_place_of_the_part_is_removed_and_not_followed(server, tmp_path):
    (tmp_path / "mine").write_bytes(b"precious")
    (tmp_path / "file.part").symlink_to(tmp_path / "mine")
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    (tmp_path / "unpacked.part").symlink_to(tmp_path / "mine")
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"right"))
    md5 = hashlib.md5(b"right").hexdigest()
    fetching.unpack_gzip(tmp_path / "a.gz", tmp_path / "unpacked", 5, md5)
    assert (tmp_path / "unpacked").read_bytes() == b"right"
    assert (tmp_path / "mine").read_bytes() == b"precious"


@pytest.mark.parametrize("content", [b"", CONTENT[::-1], CONTENT + b"more"])
def test_another_file_under_the_final_name_is_refused(server, tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(LessonError, match="is not the file that it should be") as caught:
        fetch(server, tmp_path)
    assert str(tmp_path / "file") in str(caught.value)
    assert (tmp_path / "file").read_bytes() == content and not server.requests


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

LESSON = next(PACKAGE.glob("10_*/lesson.py"))  # it fetches FashionMNIST
DRIVER = """
import hashlib, json, os, pathlib, runpy, sys
from pytorch_refresher._data import datasets, download
download.TIMEOUT, download.PAUSES = (1, 0.5), (0, 0, 0)
datasets.FASHION_MNIST_DEBIAN = pathlib.Path("nowhere")
datasets.SOURCES["fashion_mnist"] = json.loads(os.environ["SOURCE"])
if "STOP" in os.environ:  # the data is enough, and needs no PyTorch
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
    environment = {
        **os.environ,
        "SOURCE": json.dumps(source),
        "PYTORCH_REFRESHER_DATA": str(folder / "data"),
        "PYTHONPATH": str(PROJECT),
        **environment,
    }
    command = [sys.executable, "-W", "error", "-c", DRIVER, str(LESSON)]
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
    only_the_data = {} if act == "break" else {"STOP": "1"}
    done = lesson_with_download(source, tmp_path, **only_the_data)
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
        "PYTHONPATH": str(PROJECT),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER.replace("(1, 0.5)", "(1, 20)"), str(LESSON)],
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
