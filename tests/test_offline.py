"""The whole suite, and with it every notebook, runs without a network."""

import errno
import os
import socket
import subprocess
import sys

import pytest
from offline import is_offline

ASKS = """
import socket
try:
    socket.create_connection(("192.0.2.1", 443), timeout=5)
except OSError as error:
    print(error.errno)
"""


@pytest.fixture(autouse=True)
def needs_namespaces():
    if not is_offline():
        if os.environ.get("CI") and sys.platform == "linux" and os.geteuid() == 0:
            pytest.fail("the tests run with a network: tools/offline.py did not leave it")
        pytest.skip("this system does not let a process leave the network")


def test_what_tests_start_reaches_nothing_beyond_this_machine():
    """As kernels, JupyterLab and Chromium are started: by this process."""
    done = subprocess.run([sys.executable, "-c", ASKS], capture_output=True, text=True)
    assert done.stdout.strip() == str(errno.ENETUNREACH)


def test_loopback_is_there():
    server = socket.create_server(("127.0.0.1", 0))
    with server, socket.create_connection(server.getsockname(), timeout=5) as one:
        other, _ = server.accept()
        with other:
            one.sendall(b"82.4")
            assert other.recv(4) == b"82.4"


def test_names_are_not_found():
    with pytest.raises(OSError, match=r"resolution|not known|No address"):
        socket.create_connection(("drive.google.com", 443), timeout=5)
