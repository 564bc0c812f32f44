"""A server on 127.0.0.1 that misbehaves in every way it can, for the tests of downloads."""

import contextlib
import gzip
import hashlib
import http.server
import re
import threading
import time

from pytorch_refresher._data import download as fetching

import pytest

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves server.files by path, as server.script says, one word a request, then whole."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):  # noqa: N802
        self.close_connection = True
        content = self.server.files.get(self.path, CONTENT)
        wanted = self.headers.get("Range")
        self.server.requests.append((self.path, wanted))
        act = self.server.script.pop(0) if self.server.script else self.server.always
        if act.isdigit():
            return self.answer(int(act), b"no")
        if act.startswith("to "):
            return self.answer(302, b"", location=act[3:])
        if act == "gzip":
            return self.answer(200, gzip.compress(content), encoding="gzip")
        if act == "wrong":
            content = content[::-1]
        elif act == "short":
            content = content[:-1000]
        elif act == "long":
            content += b"more"
        start = 0
        if wanted and act != "no range":
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
            if start >= len(content):
                return self.answer(416, b"")
        body, half = content[start:], len(content[start:]) // 2
        if act == "claims more":
            return self.answer(200, content, length=len(content) + 1000)
        if act == "claims less":
            return self.answer(200, content, length=len(content) - 1000)
        if act == "slow":
            return self.answer(206 if start else 200, body, pause=0.02)
        if act == "break":
            return self.answer(206 if start else 200, body, stop=half)
        if act == "stall":
            self.answer(206 if start else 200, body, stop=half)
            return self.server.stalled.wait(20)
        if act == "silence":
            return self.server.stalled.wait(20)
        return self.answer(206 if start else 200, body)

    def answer(
        self, status, body, *, stop=None, length=None, location=None, encoding=None, pause=0
    ):
        self.send_response(status)
        self.send_header("Content-Length", str(length or len(body)))
        if location:
            self.send_header("Location", location)
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.end_headers()
        for at in range(0, len(body[:stop]), 16384):
            self.wfile.write(body[:stop][at : at + 16384])
            self.wfile.flush()
            time.sleep(pause)

    def handle(self):
        with contextlib.suppress(ConnectionError):  # a client may hang up halfway
            super().handle()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    """A running server; its files, script and url are attributes, its requests are listed."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files, server.requests, server.script, server.always = {}, [], [], "whole"
        server.stalled = threading.Event()
        server.daemon_threads = True
        server.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.stalled.set()
        server.shutdown()


@pytest.fixture
def impatient(monkeypatch):
    """Timeouts and pauses short enough for a test."""
    monkeypatch.setattr(fetching, "TIMEOUT", (1, 0.3))
    monkeypatch.setattr(fetching, "PAUSES", (0, 0, 0))
