"""The parent's side: starts the engine's process, watches it, starts it again, stops it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import secrets
import socket
import sys
from pathlib import Path
from typing import BinaryIO

import httpx
import structlog

from app.config import EngineSettings
from app.errors import ConfigurationError, EngineUnavailable
from app.llm.embedded.spec import EXIT_CONFIGURATION, HOST, EngineSpec
from app.llm.embedded.weights import locate

log = structlog.get_logger(__name__)

_POLL_SECONDS = 0.05  # while it starts
_CHECK_SECONDS = 5.0
_CHECK_TIMEOUT = 30.0  # a step takes half a second at worst: whoever is silent for this long hangs
_STABLE_SECONDS = 60.0  # a process that lived this long did not fail at its start
_FIRST_DELAY = 0.5
_LONGEST_DELAY = 60.0
_REPEATED = 5  # failures in a row after which it is said that the engine does not come up
_LOG_BYTES = 1_000_000
_TAIL_LINES = 5
_CHECKOUT = Path(__file__).resolve().parents[3]


class EmbeddedEngine:
    """One child process, always at the same base_url. `start` and `stop` once each, in one event loop.

    failure: why the last process ended, empty while all is well.
    """

    def __init__(self, settings: EngineSettings, data_dir: Path) -> None:
        self._settings = settings
        self._data_dir = data_dir.resolve()
        self.log_path = self._data_dir / "engine.log"
        self.api_key = secrets.token_urlsafe(32)
        self._answered = False
        self.failure = ""
        # -P: a folder `app` where the service was started must not be taken for ours.
        self.command = [sys.executable, "-P", "-m", "app.llm.embedded"]
        self._gguf = Path()
        self._reserved: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """Reserved when it is first asked for, and kept until `stop`."""
        if self._reserved is None:
            self._reserved = _reserve_port()
        return int(self._reserved.getsockname()[1])

    @property
    def base_url(self) -> str:
        return f"http://{HOST}:{self.port}/v1"

    @property
    def pid(self) -> int | None:
        """Of the process that runs; None while there is none."""
        return self._process.pid if self.alive and self._process else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def healthy(self) -> bool:
        """The engine answers. While it does not, connections are refused at once."""
        return self._answered and self.alive

    async def start(self) -> None:
        """Returns when the engine answers. `ConfigurationError` or `EngineUnavailable` say what to do."""
        if importlib.util.find_spec("openvino_genai") is None:
            raise ConfigurationError(
                "the embedded engine is not installed: run `make install`, "
                "or set DOCENT_LLM__BASE_URL to an OpenAI-compatible endpoint"
            )
        self._gguf = locate(self._settings.model)
        self._data_dir.mkdir(parents=True, exist_ok=True)
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(self.stop)
            await self._launch()
            undo.pop_all()
        self._watcher = asyncio.create_task(self._watch(), name="engine watch")

    async def stop(self) -> None:
        """Ends the process at once: finish running streams before."""
        if self._watcher is not None:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher
            self._watcher = None
        await self._end()
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None

    async def _launch(self) -> None:
        """A new process, until it answers. Leaves none behind when it fails."""
        self._process = await self._spawn()
        try:
            async with asyncio.timeout(self._settings.start_seconds):
                await self._until_healthy()
        except TimeoutError as error:
            await self._end()
            self.failure = f"no answer within {self._settings.start_seconds:g} s"
            raise EngineUnavailable(
                f"the engine gave {self.failure}: raise DOCENT_ENGINE__START_SECONDS, or see {self.log_path}"
            ) from error
        self._answered = True
        self.failure = ""
        log.info("engine_started", pid=self._process.pid, model=self._gguf.stem, port=self.port)

    async def _spawn(self) -> asyncio.subprocess.Process:
        spec = EngineSpec(
            gguf=self._gguf,
            models_dir=self._data_dir / "models",
            port=self.port,
            api_key=self.api_key,
            threads=self._settings.threads,
            context_tokens=self._settings.context_tokens,
            max_running=self._settings.max_running,
            max_queue=self._settings.max_queue,
        )
        # Our settings hold secrets that the engine needs none of.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DOCENT_")}
        environment |= {"PYTHONPATH": str(_CHECKOUT), "PYTHONUNBUFFERED": "1"}
        with self._open_log() as output:
            process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches us only: our streams end before their engine does
            )
        if process.stdin is not None:  # it stays open: its end is how the child sees that we died
            process.stdin.write(spec.model_dump_json().encode() + b"\n")
            with contextlib.suppress(ConnectionError):  # it died already, and its exit code says more
                await process.stdin.drain()
        return process

    def _open_log(self) -> BinaryIO:
        if self.log_path.exists() and self.log_path.stat().st_size > _LOG_BYTES:
            self.log_path.replace(self.log_path.with_name("engine.log.1"))
        return self.log_path.open("ab")

    async def _until_healthy(self) -> None:
        while not await self._answers(timeout=1.0):
            if self._process is not None and self._process.returncode is not None:
                raise self._ended()
            await asyncio.sleep(_POLL_SECONDS)

    async def _answers(self, *, timeout: float) -> bool:  # noqa: ASYNC109 - a bound, not a cancellation
        try:
            # No proxy of the environment: the engine is on this machine.
            async with httpx.AsyncClient(trust_env=False, timeout=timeout) as client:
                return (await client.get(f"http://{HOST}:{self.port}/health")).is_success
        except httpx.TransportError:
            return False

    def _ended(self) -> ConfigurationError | EngineUnavailable:
        code = self._process.returncode if self._process else None
        tail = self._tail()
        self.failure = f"the process ended with {code}: {' | '.join(tail)}"
        if code == EXIT_CONFIGURATION:
            return ConfigurationError(tail[-1] if tail else "the engine refuses its configuration")
        return EngineUnavailable(f"the engine does not start, {self.failure} (all of it in {self.log_path})")

    def _tail(self) -> list[str]:
        try:
            lines = self.log_path.read_text("utf-8", "replace").splitlines()
        except OSError:
            return []
        return [line.strip() for line in lines if line.strip()][-_TAIL_LINES:]

    async def _watch(self) -> None:
        failures = 0
        while True:
            started = asyncio.get_running_loop().time()
            if self._answered:
                await self._until_ended()
                self._answered = False
                if asyncio.get_running_loop().time() - started > _STABLE_SECONDS:
                    failures = 0
            failures += 1
            delay = min(_FIRST_DELAY * 2 ** min(failures - 1, 10), _LONGEST_DELAY)
            say = log.error if failures >= _REPEATED else log.warning
            say("engine_ended", failure=self.failure, failures=failures, restart_in_seconds=delay)
            await asyncio.sleep(delay)
            with contextlib.suppress(EngineUnavailable, ConfigurationError, OSError):  # self.failure has it
                await self._launch()

    async def _until_ended(self) -> None:
        """Returns when the process is gone, or was killed because it hangs."""
        process = self._process
        if process is None:
            return
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _CHECK_SECONDS)
                self._ended()
                return
            if not await self._answers(timeout=_CHECK_TIMEOUT) and self.alive:
                await self._end()
                self.failure = f"no answer for {_CHECK_TIMEOUT:g} s, killed"
                return

    async def _end(self) -> None:
        self._answered = False
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 2.0)  # it sees the end of its input between two steps
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _reserve_port() -> socket.socket:
    """A free port, held without listening, so that it stays ours from one process of the engine to the next."""
    reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind((HOST, 0))
    return reserved
