"""Kernels that were forgotten are ended, by the settings that Binder's image gets."""

import json
import sys
import time
from pathlib import Path

import pytest
from lab_server import write_notebook

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

from headless_lab import executed, server_with  # noqa: E402

SETTINGS = ROOT / "binder" / "jupyter_server_config.json"


def test_a_forgotten_kernel_goes_before_a_server_does_and_a_working_one_stays():
    """By Jupyter's own reading of the file that Binder's image gets."""
    from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
    from traitlets.config.loader import JSONFileConfigLoader

    settings = JSONFileConfigLoader(SETTINGS.name, str(SETTINGS.parent)).load_config()
    manager = AsyncMappingKernelManager(config=settings)
    assert 600 <= manager.cull_idle_timeout <= 1800
    assert manager.cull_interval <= 120
    assert manager.cull_connected and not manager.cull_busy
    assert set(settings["MappingKernelManager"]) <= set(manager.trait_names())


@pytest.mark.nightly
def test_a_real_server_ends_an_idle_kernel_that_is_still_open_and_no_busy_one(
    tmp_path, monkeypatch
):
    settings = json.loads(SETTINGS.read_text())
    settings["MappingKernelManager"] |= {"cull_idle_timeout": 4, "cull_interval": 1}
    (tmp_path / SETTINGS.name).write_text(json.dumps(settings))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(tmp_path))
    notebook = write_notebook(tmp_path / "a.ipynb", "1")
    with server_with(notebook) as server:
        idle, busy = (server.ask("kernels", "POST", {"name": "python3"})["id"] for _ in range(2))
        open_tab = server.channels(idle)
        assert executed(open_tab, "1 + 1") == ""
        working = server.channels(busy)
        assert executed(working, "import time; time.sleep(12)") == ""
        left = [one["id"] for one in server.ask("kernels")]
        assert left == [busy]
        until = time.monotonic() + 60
        while server.ask("kernels") and time.monotonic() < until:
            time.sleep(0.5)
        assert server.ask("kernels") == [], "once its work is done it is idle as well"
