"""docent serve."""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import Annotated

import typer

from app.cli.output import index_progress
from app.config import Settings, load_settings
from app.errors import ConfigurationError
from app.local_service import ServiceFile
from app.logs import configure_logs
from app.middleware import is_loopback


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; others than loopback need DOCENT_SERVER__HOSTS.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = None,
) -> None:
    """Serve the page and the API; starts the embedded engine where no DOCENT_LLM__BASE_URL is set."""
    settings = load_settings()
    configure_logs(settings.log)
    asyncio.run(_serve(settings, host or settings.server.host, settings.server.port if port is None else port))


def prepare() -> None:
    """Do ahead what the first `docent serve` would do: convert the model, and index the handbook if nothing else is."""
    from app.cli.local_chat import LocalChat  # noqa: PLC0415  (see app.cli.docent)

    settings = load_settings()
    if ServiceFile.of(settings).running() is not None:
        typer.echo("A service runs on this data folder: all is prepared.")
        return
    with index_progress() as bars, LocalChat(settings) as docent:
        docent.prepare(lambda data: bars.show(**data))
    typer.echo("Prepared: `docent serve` is ready within seconds.")


async def _serve(settings: Settings, host: str, port: int) -> None:
    # Here, for they take 2 s that no other command should wait for.
    import uvicorn  # noqa: PLC0415

    from app.main import create_app  # noqa: PLC0415

    if not is_loopback(host) and not settings.server.hosts.split():
        raise ConfigurationError(
            f"{host} is reached from other machines: set DOCENT_SERVER__HOSTS to the names they use, or use 127.0.0.1"
        )
    claimed = ServiceFile.of(settings)
    claimed.claim()
    try:
        with _listen(host, port) as listening:
            bound = listening.getsockname()[1]
            here = _here(host)
            url = f"http://[{here}]:{bound}" if ":" in here else f"http://{here}:{bound}"
            config = uvicorn.Config(
                create_app(_answering_to(settings, here), claimed.publish(url)),
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=settings.server.shutdown_seconds,
                server_header=False,
                proxy_headers=bool(settings.server.trusted_proxies),
                forwarded_allow_ips=settings.server.trusted_proxies,
            )
            typer.echo(f"Docent listens at {url}")
            # uvicorn raises the signal that stopped it once more when it is done: it must not end the process before
            # the lines below.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            await uvicorn.Server(config).serve(sockets=[listening])
    finally:
        claimed.release()


def _answering_to(settings: Settings, address: str) -> Settings:
    """The settings with the address that is listened on among the hosts: no foreign name leads to it by itself."""
    server = settings.server.model_copy(update={"hosts": f"{settings.server.hosts} {address}"})
    return settings.model_copy(update={"server": server})


def _here(host: str) -> str:
    """The address that this machine reaches a service by that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (compared, not listened on)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off for sockets that name their protocol alone: with it, the first event of a
    # stream waited 40 ms for the acknowledgement of the headers.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()  # from now on nobody is refused: who comes before the start is done waits
    except OSError as error:
        listening.close()
        raise ConfigurationError(f"port {port} of {host} cannot be used ({error.strerror}): try --port 0") from error
    return listening
