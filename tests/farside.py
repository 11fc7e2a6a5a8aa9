"""Another system that the platform talks to: a real HTTP server that answers as a test tells it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECONDS = 20  # until a test gives up


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class FarSide:
    """``answers`` are used up one after another, the last one for good. "hang" and "close" are no answers."""

    url: str
    answers: list[Any] = field(default_factory=lambda: [(200, {}, b"ok")])
    asked: list[Asked] = field(default_factory=list)
    came: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def answer(self, *answers: Any) -> None:
        """Each a status, a tuple (status, headers, body), JSON to say with 200, "hang" or "close"."""
        self.answers = list(answers)

    def next(self) -> Any:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def far_side() -> Iterator[FarSide]:
    class Answering(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            side.asked.append(Asked(self.command, self.path, headers, body))
            answer = side.next()
            side.came.set()
            if answer == "hang":
                side.go_on.wait(SECONDS)
            if answer in ("hang", "close"):
                self.close_connection = True
                return
            if isinstance(answer, int):
                answer = (answer, {}, b"")
            if isinstance(answer, dict):
                answer = (200, {"Content-Type": "application/json"}, json.dumps(answer).encode())
            status, more, text = answer
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

        def log_message(self, *words: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads = True
    side = FarSide(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    try:
        yield side
    finally:
        side.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()
