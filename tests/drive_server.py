"""A stand-in for Google Drive: a real HTTP server that answers as Drive does, errors included.

gdown asks for https://drive.google.com/…; `routed` sends all that it asks for to 127.0.0.1, with
the host's name in front of the path, and changes nothing else: listing, confirmation, redirects,
ranges and retries are gdown's and the server's own. As a program it is `nmsynth`, routed:

    python tests/drive_server.py PORT fetch original --out DIR
"""

import sys
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath

import requests
from requests.adapters import HTTPAdapter

from nmsynth_lib.authors_recording import FOLDER_ID

DRIVE, CONTENT, LOGIN = (
    "drive.google.com",
    "drive.usercontent.google.com",
    "accounts.google.com",
)
CHANGED = "Thu, 16 Dec 2021 10:00:00 GMT"
QUOTA = (
    '<p class="uc-error-caption">Sorry, you can&#39;t view or download this file at this time.</p>'
    '<p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently. '
    "Please try accessing the file again later.</p>"
)


@dataclass
class Asked:
    """A request as the server saw it, and how many bytes of a file it gave."""

    host: str
    path: str
    id: str
    range: str | None
    sent: int = 0


@dataclass
class Drive:
    """What the stand-in holds, and how it misbehaves.

    Attributes:
      files: Path in the folder -> content.
      large: Paths that are handed out only after the page "too large to scan for viruses".
      answers: Path, or "" for the root folder -> status of an answer with an error page, or a page
        of its own: "quota", "login", "odd" (no header that says what it is).
      breaks: Path -> bytes after which the connection is cut, one for each new request.
      gone_after_break: Whether nobody answers from then on.
      pauses: Path -> bytes after which the server waits for `go_on`.
      ranges: Whether a part of a file can be asked for.
    """

    files: dict[str, bytes]
    large: set[str] = field(default_factory=set)
    answers: dict[str, int | str] = field(default_factory=dict)
    breaks: dict[str, list[int]] = field(default_factory=dict)
    gone_after_break: bool = False
    gone: bool = False
    pauses: dict[str, int] = field(default_factory=dict)
    ranges: bool = True
    asked: list[Asked] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    def sent(self, path: str) -> int:
        """Bytes of one file that went out."""
        return sum(one.sent for one in self.asked if one.id == drive_id(path))

    def downloads(self) -> list[Asked]:
        """Requests that were answered with a file."""
        return [one for one in self.asked if one.sent]


def drive_id(path: str) -> str:
    """Google's name of a file or subfolder; the root has the one that the command knows."""
    letters = "".join(c if c.isalnum() else "-" for c in path)
    return f"1{letters}".ljust(33, "_")[:60] if path else FOLDER_ID


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self):
        drive = self.server.drive
        if drive.gone:
            self.close_connection = True
            return
        parts = urllib.parse.urlsplit(self.path)
        host, _, path = parts.path.lstrip("/").partition("/")
        query = dict(urllib.parse.parse_qsl(parts.query))
        asked = Asked(host, path, query.get("id", ""), self.headers.get("Range"))
        drive.asked.append(asked)
        if (host, path) == (DRIVE, "embeddedfolderview"):
            self._listing(drive, asked.id)
            return
        name = next((name for name in drive.files if drive_id(name) == asked.id), None)
        error = 404 if name is None else drive.answers.get(name)
        if host == LOGIN:
            self._page("<title>Sign in - Google Accounts</title><form>Email or phone</form>")
        elif error:
            self._error(error)
        elif (host, path) == (DRIVE, "uc"):
            self._elsewhere(f"https://{CONTENT}/download?id={asked.id}&export=download")
        elif (host, path) == (CONTENT, "download"):
            if name in drive.large and query.get("confirm") != "t":
                self._confirmation(name, asked.id)
            else:
                self._file(drive, name, asked)
        else:
            self._error(404)

    def _listing(self, drive: Drive, folder_id: str):
        paths = [PurePosixPath(name) for name in drive.files]
        folders = {str(parent) for path in paths for parent in path.parents}
        folder = next((f for f in folders if drive_id("" if f == "." else f) == folder_id), None)
        error = 404 if folder is None else drive.answers.get("" if folder == "." else folder)
        if error:
            self._error(error)
            return
        inside = [path for path in paths if str(path.parent) == folder]
        below = [PurePosixPath(one) for one in sorted(folders) if one != "."]
        entries = [
            (f"https://{DRIVE}/file/d/{drive_id(str(path))}/view?usp=drive_web", path.name)
            for path in inside
        ] + [
            (f"https://{DRIVE}/drive/folders/{drive_id(str(path))}", path.name)
            for path in below
            if str(path.parent) == folder
        ]
        rows = "".join(
            f'<div class="flip-entry" id="entry-{number}" tabindex="0" role="link">'
            f'<div class="flip-entry-info"><a href="{href}" target="_blank">'
            f'<div class="flip-entry-visual"><img src="icon" alt=""/></div>'
            f'<div class="flip-entry-title">{name}</div></a></div>'
            f'<div class="flip-entry-last-modified"><div>16.12.21</div></div></div>'
            for number, (href, name) in enumerate(entries)
        )
        title = "guitar data set" if folder == "." else PurePosixPath(folder).name
        self._page(f"<title>{title}</title><body>{rows}</body>")

    def _error(self, error: int | str):
        if error == "login":
            self._elsewhere(f"https://{LOGIN}/ServiceLogin?continue=drive")
        elif error == "odd":
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif error == "quota":
            self._page(f"<html><title>Google Drive - Quota exceeded</title>{QUOTA}</html>")
        else:
            self._page(f"<html><title>Error {error}</title><p>That's an error.</p></html>", error)

    def _elsewhere(self, address: str):
        self.send_response(303)
        self.send_header("Location", address)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _page(self, text: str, status: int = 200):
        content = f"<!DOCTYPE html>{text}".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _confirmation(self, name: str, file_id: str):
        hidden = {"id": file_id, "export": "download", "confirm": "t", "uuid": "2f63713f"}
        inputs = "".join(f'<input type="hidden" name="{k}" value="{v}">' for k, v in hidden.items())
        self._page(
            "<html><title>Google Drive - Virus scan warning</title>"
            f"<p>{name} is too large for Google to scan for viruses.</p>"
            f'<form id="download-form" action="https://{CONTENT}/download" method="get">'
            f'<input type="submit" value="Download anyway"/>{inputs}</form></html>'
        )

    def _file(self, drive: Drive, name: str, asked: Asked):
        content, first = drive.files[name], 0
        if asked.range and drive.ranges and self.headers.get("If-Range", CHANGED) == CHANGED:
            first = int(asked.range.removeprefix("bytes=").removesuffix("-"))
        if first and first >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Disposition", f'attachment; filename="{name}"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", "application/octet-stream")
        file_name = PurePosixPath(name).name
        self.send_header("Content-Disposition", f'attachment; filename="{file_name}"')
        self.send_header("Content-Length", str(len(content) - first))
        self.send_header("Last-Modified", CHANGED)
        self.end_headers()
        rest = content[first:]
        if drive.breaks.get(name):
            rest = rest[: drive.breaks[name].pop(0)]
            self.close_connection, drive.gone = True, drive.gone_after_break
        pause = drive.pauses.get(name, len(rest))
        for piece in (rest[:pause], rest[pause:]):
            try:
                self.wfile.write(piece)
                asked.sent += len(piece)
            except OSError:  # whoever asked is gone
                self.close_connection = True
                return
            if pause < len(rest):
                drive.go_on.wait(60)

    def log_message(self, *arguments):
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    drive: Drive

    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), OSError):  # whoever asked may hang up at any time
            super().handle_error(request, client_address)


@contextmanager
def served(drive: Drive) -> Iterator[Drive]:
    """The stand-in, answering at 127.0.0.1:`drive.port`."""
    server = _Server(("127.0.0.1", drive.port), _Answer)
    server.drive, drive.port = drive, server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield drive
    finally:
        drive.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _ToServer(HTTPAdapter):
    """Sends a request to the stand-in, and gives the answer back as if it came from the address."""

    def __init__(self, port: int):
        super().__init__()
        self.port = port

    def send(self, request, **options):
        there = request.copy()
        there.url = f"http://127.0.0.1:{self.port}/{request.url.partition('://')[2]}"
        response = super().send(there, **{**options, "proxies": {}})
        response.url, response.request = request.url, request
        return response


def routed(port: int):
    """The method of `requests.Session` that picks a way to an address: all ways lead to `port`."""
    return lambda session, url: _ToServer(port)


if __name__ == "__main__":
    from nmsynth_lib.cli import main

    requests.Session.get_adapter = routed(int(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
