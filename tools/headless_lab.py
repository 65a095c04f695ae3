"""A Jupyter server without a browser: kernels by its REST interface, cells over a web socket.

Used by `load_check.py`, which lets a class run a notebook on it, and by `small_machine.py`, which
lets a learner run all of them in little memory.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import websocket

PATIENCE_S = 900  # for one cell
START_S = 120  # for the server
ENDED = ("restarting", "autorestarting", "dead")


class Server:
    """A running Jupyter server, and how to ask it."""

    def __init__(self, process: subprocess.Popen, port: int, token: str):
        self.process, self.port, self.token = process, port, token

    def ask(
        self, path: str, method: str = "GET", content: dict | None = None
    ) -> dict | list | None:
        """An answer of the REST interface."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/{path}",
            data=json.dumps(content).encode() if content else None,
            method=method,
            headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def channels(self, kernel: str) -> websocket.WebSocket:
        """The web socket to a kernel."""
        return websocket.create_connection(
            f"ws://127.0.0.1:{self.port}/api/kernels/{kernel}/channels",
            header=[f"Authorization: token {self.token}"],
            timeout=PATIENCE_S,
        )


@contextmanager
def server_with(
    *notebooks: Path, inside: Callable[..., list[str]] = lambda *command: [*command]
) -> Iterator[Server]:
    """A server in a folder that has copies of the notebooks, and goes with it.

    Args:
      notebooks: What is copied.
      inside: Makes the command line that starts the server out of the server's own.
    """
    with tempfile.TemporaryDirectory(prefix="headless_lab") as folder:
        for notebook in notebooks:
            shutil.copy(notebook, folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        token = secrets.token_hex(16)
        options = [
            "--no-browser",
            "--allow-root",
            "--ip=127.0.0.1",
            f"--port={port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={token}",
            f"--ServerApp.root_dir={folder}",
            "--LabApp.expose_app_in_browser=True",
        ]
        variables = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
        own = {name: str(Path(folder, ".jupyter", name.lower())) for name in variables}
        log = Path(folder, "server.log")
        with log.open("wb") as said:
            process = subprocess.Popen(
                inside(sys.executable, "-m", "jupyterlab", *options),
                env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | own,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        server = Server(process, port, token)
        try:
            _wait_until_up(server, log)
            yield server
        finally:
            _end(process)


def _wait_until_up(server: Server, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            server.ask("status")
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"The server did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _end(process: subprocess.Popen) -> None:
    """Ends the server and the kernels that it started."""
    try:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(True)]
    except psutil.NoSuchProcess:
        return
    for one in family:
        with suppress(psutil.NoSuchProcess):
            one.terminate()
    _, left = psutil.wait_procs(family, timeout=10)
    for one in left:
        with suppress(psutil.NoSuchProcess):
            one.kill()


def code_cells(notebook: Path) -> list[str]:
    """The code of a notebook's cells."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def ran_cells(
    server: Server, cells: list[str], name: str, on_kernel: Callable[[str], None] = lambda _: None
) -> str:
    """Opens a session and runs cells in its kernel one after the other, as a browser does.

    Args:
      server: Gets the session; its kernel stays open.
      cells: Their code.
      name: The notebook that the session is of.
      on_kernel: Is told the kernel's id before the first cell runs.

    Returns:
      What failed; empty when all cells have run.
    """
    about = {"path": name, "name": "", "type": "notebook", "kernel": {"name": "python3"}}
    try:
        kernel = server.ask("sessions", "POST", about)["kernel"]["id"]
        on_kernel(kernel)
        connection = server.channels(kernel)
        try:
            for number, code in enumerate(cells):
                if said := executed(connection, code):
                    return f"cell {number}: {said}"
        finally:
            connection.close()
    except (OSError, websocket.WebSocketException) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def executed(connection: websocket.WebSocket, code: str) -> str:
    """Runs a cell and waits for its end; the error's name and text, empty when there was none.

    A kernel that ends meanwhile is an error too: the server says so, and starts another.
    """
    asked = uuid.uuid4().hex
    header = {"msg_id": asked, "msg_type": "execute_request", "session": asked, "username": ""}
    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
    message = {"channel": "shell", "header": header, "content": content}
    connection.send(json.dumps({**message, "parent_header": {}, "metadata": {}, "buffers": []}))
    reply, idle = None, False
    while reply is None or not idle:  # the two come in either order
        received = connection.recv()
        if not isinstance(received, str):
            continue  # a widget's sound: binary, as the page would get it
        message = json.loads(received)
        if message["msg_type"] == "status" and message["content"]["execution_state"] in ENDED:
            return "the kernel ended"
        if message["parent_header"].get("msg_id") != asked:
            continue
        if message["msg_type"] == "execute_reply":
            reply = message["content"]
        elif message["msg_type"] == "status":
            idle = message["content"]["execution_state"] == "idle"
    return "" if reply["status"] == "ok" else f"{reply.get('ename')}: {reply.get('evalue')}"
