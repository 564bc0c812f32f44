"""A web server on this machine, so that lesson 07 can download for real without a network.

`publish` fills a folder with the two files that Oxford offers, and `serve` makes it reachable
under an address such as http://127.0.0.1:49152 while a `with` block runs.
"""

import contextlib
import functools
import hashlib
import http.server
import os
import socketserver
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path


def publish(flowers: Path, site: Path, count: int) -> dict[str, str]:
    """Fill `site` with an archive of `count` flowers, at least one, and their labels; return their SHA-256.

    flowers: the folder that `oxford_flowers` returns. The photographs of a class lie next to each
    other there, so the flowers are taken at equal distances, and numbered from 1 again.
    """
    from scipy.io import loadmat, savemat

    site.mkdir()
    labels = loadmat(flowers / "imagelabels.mat")["labels"]  # (1, N)
    count = max(1, min(count, labels.size))
    chosen = [place * labels.size // count for place in range(count)]
    savemat(site / "imagelabels.mat", {"labels": labels[:, chosen]})
    # JPEG files hardly get any smaller, so the fastest compression is good enough. Where an image
    # is a link, the file that it leads to goes into the archive.
    options = {"compresslevel": 1, "dereference": True}
    with tarfile.open(site / "102flowers.tgz", "w:gz", **options) as archive:
        for number, place in enumerate(chosen, start=1):
            image = flowers / "jpg" / f"image_{place + 1:05d}.jpg"
            archive.add(image, arcname=f"jpg/image_{number:05d}.jpg")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in site.iterdir()}


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the files of one folder without a word about requests and broken connections."""

    def log_message(self, *_) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # a client may hang up halfway, after a Ctrl-C
            super().handle()


class _Server(http.server.ThreadingHTTPServer):
    """Answers each request in a thread that doesn't keep Python from ending."""

    def server_bind(self) -> None:
        # Without HTTPServer's look-up of the machine's name, which takes seconds on some machines.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve `folder` to programs on this machine and give its address until the `with` block ends.

    Also after an error or a Ctrl-C, the server stops and the port is free again.
    """
    handler = functools.partial(_Handler, directory=str(folder))
    # Port 0 asks the operating system for any port that is free.
    with _direct("127.0.0.1"), _Server(("127.0.0.1", 0), handler) as server:
        # Looking every 20 ms whether to stop makes stopping quick.
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@contextlib.contextmanager
def _direct(host: str) -> Iterator[None]:
    """Keep requests to `host` from going through a proxy, where one is set."""
    before = os.environ.get("no_proxy")
    others = before or os.environ.get("NO_PROXY")
    os.environ["no_proxy"] = f"{others},{host}" if others else host
    try:
        yield
    finally:
        del os.environ["no_proxy"]
        if before is not None:
            os.environ["no_proxy"] = before
