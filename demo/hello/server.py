"""hello: a small HTTP service that says which version of it answers, where, and for which release."""

import json
import os
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ABOUT = json.loads(Path(__file__).with_name("about.json").read_text())
ADDRESS = os.environ.get("HELLO_ADDRESS", "127.0.0.1")
PORT = int(os.environ.get("HELLO_PORT") or "8080")
PROBE_SECONDS = 3


class Hello(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/health":
            healthy = ABOUT["healthy"]
            self.answer(200 if healthy else 503, {"healthy": healthy})
        elif self.path == "/":
            self.answer(200, facts())
        else:
            self.answer(404, {"error": "not_found"})

    def answer(self, status: int, content: dict[str, object]) -> None:
        body = json.dumps(content).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True


def facts() -> dict[str, object]:
    return {
        "service": "hello",
        "version": ABOUT["version"],
        "host": os.environ.get("INTERLOCK_HOST", ""),
        "port": PORT,
        "release": os.environ.get("INTERLOCK_RELEASE", ""),
        "pid": os.getpid(),
    }


def serve() -> None:
    server = ThreadingHTTPServer((ADDRESS, PORT), Hello)
    print(f"hello {ABOUT['version']} answers on http://{ADDRESS}:{PORT}/", flush=True)
    server.serve_forever()


def probe() -> int:
    """0 when the service answers as this version and calls itself healthy."""
    try:
        with socket.create_connection((ADDRESS, PORT), PROBE_SECONDS) as line:
            line.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            first = line.makefile("rb").readline().split()
    except OSError as error:
        print(f"no answer from http://{ADDRESS}:{PORT}/health: {error}")
        return 1
    status = first[1].decode() if len(first) > 1 else "nothing"
    print(f"http://{ADDRESS}:{PORT}/health answers {status}")
    return 0 if status == "200" else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["--probe"]:
        sys.exit(probe())
    serve()
