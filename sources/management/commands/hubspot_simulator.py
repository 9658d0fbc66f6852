"""Command `hubspot_simulator [--port N] [--facts FOLDER] [--token TOKEN] [--lag SECONDS]`."""

from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from sources.simulator.api import Simulator
from sources.simulator.samples import load_partner
from sources.simulator.server import SimulatorServer
from sources.simulator.world import World

TOKEN = "simulator-northwind"  # noqa: S105 -- it opens made-up data on this machine


class Command(BaseCommand):
    requires_system_checks: list[str] = []  # it needs no database
    help = "Serve a simulated HubSpot account with a sample partner's clients and deals, on this machine only."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8100, help="port on 127.0.0.1 (8100)")
        parser.add_argument(
            "--facts",
            type=Path,
            default=settings.BASE_DIR / "demo/northwind",
            help="folder of import files: clients.csv, deals.csv",
        )
        parser.add_argument("--token", default=TOKEN, help=f"the token that it accepts ({TOKEN})")
        parser.add_argument(
            "--lag", type=float, default=0.0, help="search knows changes after at most so many seconds (0)"
        )

    def handle(self, *_args: object, port: int, facts: Path, token: str, lag: float, **_options: object) -> None:
        if not (facts / "deals.csv").is_file():
            raise CommandError(f"{facts} holds no sample partner.")
        world = World()
        world.add_token(token)
        load_partner(world, facts)
        world.index_lag = lag
        try:
            server = SimulatorServer(Simulator(world), port)
        except OSError as error:
            raise CommandError(f"Port {port} cannot be used: {error.strerror}.") from error
        self.stdout.write(f"HubSpot simulator ready: {server.address}/ (token {token})")
        self.stdout.flush()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            self.stdout.write("Stopped; its changes are gone")
        finally:
            server.server_close()
