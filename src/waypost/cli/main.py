"""The command table."""

from pathlib import Path
from typing import Annotated

import typer

from waypost.cli import admin
from waypost.cli.errors import as_sentences
from waypost.cli.options import read_settings
from waypost.kit.config import OF_API, OF_WORKER

app = typer.Typer(
    name="waypost",
    help="A self-hosted WhatsApp messaging API with honest accounting.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(admin.app, name="admin")

DataDir = Annotated[
    Path | None, typer.Option(help="Folder of the embedded database and of the secrets.")
]
Config = Annotated[Path | None, typer.Option(help="A TOML file of settings.")]


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    data_dir: DataDir = None,
    config: Config = None,
    api_processes: Annotated[int | None, typer.Option(help="How many API processes.")] = None,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Only the API; workers run elsewhere.")
    ] = False,
) -> None:
    """Run the API and its worker, with a PostgreSQL of its own unless a URL names one."""
    from waypost.cli import serve as command

    flags = {"host": host, "port": port, "data_dir": data_dir, "api_processes": api_processes}
    command.serve(read_settings(config, flags, OF_API), with_worker=not no_worker)


@app.command()
def worker(
    data_dir: DataDir = None,
    config: Config = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Port for this worker's Prometheus metrics.")
    ] = None,
) -> None:
    """Run a worker alone, beside API processes that run elsewhere."""
    from waypost.cli import serve as command

    command.worker(read_settings(config, {"data_dir": data_dir}, OF_WORKER), metrics_port)


@app.command()
def migrate(data_dir: DataDir = None, config: Config = None) -> None:
    """Bring the database to the newest schema."""
    from waypost.cli import serve as command

    command.migrate(read_settings(config, {"data_dir": data_dir}))


@app.command()
def doctor(data_dir: DataDir = None, config: Config = None) -> None:
    """Look at the configuration, the database, the ledger, stuck messages and the worker."""
    from waypost.cli import doctor as command

    command.examine(read_settings(config, {"data_dir": data_dir}))


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the server running.")] = False,
    port: Annotated[int | None, typer.Option(help="Port to use; a free one by default.")] = None,
) -> None:
    """Do what a customer does, on a temporary server."""
    from waypost.cli import demo as command

    command.command(keep, port)


def main() -> None:
    """The `waypost` command."""
    with as_sentences():
        app()
