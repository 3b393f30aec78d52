"""The site on this machine alone: loaded again by every browser that shows it when it was made
again.

What makes a browser do so is added to the pages on their way; it is in no file of the site.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pipeline.errors import SiteError

HOST = "127.0.0.1"
PORT = 8400
BEAT = 15.0
"""Seconds after which a browser hears that nothing has changed."""
SCRIPT = b"""<script>
(function () {
  let known;
  new EventSource("/.vigie/changes").onmessage = told => {
    if (known !== undefined && known !== told.data) location.reload();
    known = told.data;
  };
})();
</script>
"""


@dataclass
class Edition:
    """Counts how often the site was made, and wakes up whoever waits for the next time."""

    number: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def advance(self) -> None:
        """Says that the site was made again."""
        with self.changed:
            self.number += 1
            self.changed.notify_all()

    def after(self, number: int, seconds: float) -> int:
        """The number once it is another than `number`, or after so many seconds."""
        with self.changed:
            self.changed.wait_for(lambda: self.number != number, timeout=seconds)
            return self.number


class Pages(SimpleHTTPRequestHandler):
    """Serves the files of the site, and tells browsers of its editions."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *given: Any, edition: Edition, **named: Any) -> None:
        self.edition = edition
        super().__init__(*given, **named)

    def do_GET(self) -> None:
        """A file, or the editions as server-sent events; refuses whoever calls it another name."""
        if not self._is_meant():
            self.send_error(HTTPStatus.FORBIDDEN, "This site is for this machine alone")
        elif self.path == "/.vigie/changes":
            self._tell_changes()
        elif (page := self._page()) is not None:
            self._send_page(page)
        else:
            super().do_GET()

    def end_headers(self) -> None:
        """Nothing is kept by the browser: the next edition has the same addresses."""
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Requests are not printed."""

    def _is_meant(self) -> bool:
        name = (self.headers.get("Host") or "").rpartition(":")[0]
        return name in {HOST, "localhost"}

    def _page(self) -> bytes | None:
        path = Path(self.translate_path(self.path))
        page = path / "index.html" if path.is_dir() and self.path.endswith("/") else path
        if page.suffix != ".html":
            return None
        try:
            return page.read_bytes()
        except OSError:
            return None

    def _send_page(self, page: bytes) -> None:
        content = page.replace(b"</body>", SCRIPT + b"</body>")
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _tell_changes(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        number = -1
        try:
            while True:
                number = self.edition.after(number, BEAT)
                self.wfile.write(f"data: {number}\n\n".encode())
                self.wfile.flush()
        except OSError:
            return


@contextmanager
def served(folder: Path, edition: Edition, port: int) -> Iterator[str]:
    """Serves the folder for as long as the block lasts, and gives its address; port 0 is any.

    Raises `SiteError` for a port that is taken.
    """
    handler = functools.partial(Pages, directory=str(folder), edition=edition)
    try:
        server = ThreadingHTTPServer((HOST, port), handler)
    except OSError as error:
        raise SiteError(
            f"Port {port} can't be used: {error.strerror}. Name another with --port."
        ) from error
    server.daemon_threads = True
    # A browser that waits for the next edition must not keep the server from ending.
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
