"""The `bgpilot` command: a group whose sub-commands other packages register.

They are entry points of the group `bgpilot.commands`, so that shared code never imports a
service, and a command's modules are loaded only when it is the one that runs.
"""

from __future__ import annotations

from importlib import metadata

import click
from typing_extensions import override

from shared.cli.run import INTERRUPTED, as_program
from shared.version import version

_GROUP = "bgpilot.commands"


class _Commands(click.Group):
    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(metadata.entry_points(group=_GROUP).names)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for entry in metadata.entry_points(group=_GROUP, name=cmd_name):
            command: click.Command = entry.load()
            return command
        return None

    @override
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # click itself would write "Aborted!" and exit with 1
            ctx.exit(INTERRUPTED)


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version(), prog_name="bgpilot")
def cli() -> None:
    """A control room for network edges that speak BGP."""


@as_program
def main() -> None:
    """Entry point of the `bgpilot` command."""
    cli()
