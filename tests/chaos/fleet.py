"""Real processes of `whyforbidden serve` over one store, killed and started again while they work."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.peers import free_port

ROOT = Path(__file__).parents[2]


@dataclass
class Server:
    """One process and its address."""

    port: int
    process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass
class Fleet:
    """So many servers with the same settings."""

    folder: Path
    settings: Mapping[str, str]
    count: int
    servers: list[Server] = field(default_factory=list)
    killed: int = 0

    async def start(self) -> None:
        """All of them, until each is ready."""
        self.servers = [Server(free_port()) for _ in range(self.count)]
        for server in self.servers:
            await self._start(server)
        await asyncio.gather(*(self.ready(server) for server in self.servers))

    async def _start(self, server: Server) -> None:
        given = {f"WHYFORBIDDEN_{name}": value for name, value in self.settings.items()}
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "WHYFORBIDDEN_PORT": str(server.port), **given}
        with (self.folder / f"server-{server.port}.log").open("ab") as lines:
            server.process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", "from handlers.cli import main; main()", "serve",
                cwd=self.folder, env=environment, stdin=DEVNULL, stdout=lines, stderr=lines,
            )  # fmt: skip

    async def ready(self, server: Server, seconds: float = 60.0) -> None:
        """Until it says that its doors hear their platform."""
        async with httpx.AsyncClient(trust_env=False, verify=False) as http, asyncio.timeout(seconds):  # noqa: S501 - loopback
            while True:
                try:
                    if (await http.get(f"{server.url}/readyz", timeout=5)).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.1)

    async def kill(self, server: Server) -> None:
        """Without a word; then it is started again."""
        assert server.process is not None
        server.process.send_signal(signal.SIGKILL)
        await server.process.wait()
        self.killed += 1
        await self._start(server)

    async def stop(self) -> list[int]:
        """In good order; what each ended with."""
        running = [server.process for server in self.servers if server.process is not None]
        for process in running:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
        return [await asyncio.wait_for(process.wait(), 12) for process in running]


@asynccontextmanager
async def fleet(folder: Path, settings: Mapping[str, str], count: int) -> AsyncIterator[Fleet]:
    """Started and, at the end, stopped."""
    one = Fleet(folder, settings, count)
    try:
        await one.start()
        yield one
    finally:
        for server in one.servers:
            if server.process is not None and server.process.returncode is None:
                server.process.kill()
                await server.process.wait()
