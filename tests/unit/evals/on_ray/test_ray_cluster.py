"""Clusters that have no room for a run, and folders whose path is too long for Ray's sockets."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from pathlib import Path
from typing import Any

import pytest
from support.ray_runs import run
from support.shopping_server import Shopping

from lean_agent import ConfigurationError
from lean_agent_evals.on_ray import cluster as clusters
from lean_agent_evals.on_ray import executor
from lean_agent_evals.on_ray.cluster import cluster, load_ray

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")


async def test_a_busy_cluster_is_told_and_used_as_soon_as_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Holder:  # here, for Ray's workers cannot import this file
        def held(self) -> None: ...

    ray = load_ray()
    shop = Shopping(2)
    async with cluster(1) as free:
        assert free == 1
        remote: Any = ray.remote(Holder)
        holder = remote.options(num_cpus=1).remote()
        await holder.held.remote()
        with shop.server as server:
            monkeypatch.setattr(clusters, "_FREE_SECONDS", 0.5)
            with pytest.raises(ConfigurationError, match="cluster has no CPU free") as caught:
                await run(tmp_path, server.url, executor="ray", count=2)
            assert "RAY_ADDRESS" in str(caught.value.hint)
            assert not shop.asked
            # Between the look and the start somebody else can come first.
            monkeypatch.setattr(executor, "_STARTING_SECONDS", 2.0)
            monkeypatch.setattr(clusters, "_free_cpus", one)
            with pytest.raises(ConfigurationError, match="1 of 1 Ray workers have not started"):
                await run(tmp_path, server.url, executor="ray", count=2)
            assert not shop.asked
            monkeypatch.undo()
            monkeypatch.setenv("OPENAI_API_KEY", "none")
            ray.kill(holder)
            end = await run(tmp_path, server.url, executor="ray", count=2)
    assert (end.why, end.counting) == ("complete", 2)


async def one(_ray: Any) -> int:
    return 1


async def test_a_process_uses_either_a_cluster_of_its_own_or_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ray would answer that a token is missing, or listen where only loopback was wanted."""
    load_ray()
    with socket.create_server(("127.0.0.1", 0)) as there:
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{there.getsockname()[1]}")
        with pytest.raises(ConfigurationError, match="Ray is loaded already"):
            async with cluster(1):
                pass


async def test_a_long_path_of_temporary_files_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("a" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    async with cluster(1) as free:
        assert free == 1
    assert not list(long.iterdir())


async def test_a_path_that_just_fits_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="x" * (23 - 13)) as root:
        assert len(root) == 23
        monkeypatch.setattr(tempfile, "tempdir", root)
        async with cluster(1):
            (folder,) = await asyncio.to_thread(os.listdir, root)
            assert folder.startswith("lean-agent-")
