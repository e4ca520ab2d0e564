"""The command line: one module a command, imported when it is called, so that none waits for the others' libraries.

stdout is data, stderr is messages. Errors say what, where and a hint; exit codes: 0 done, 1 failed, 2 wrong input,
4 recorded state that cannot be used, 130 interrupted.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys

import click

from skysentry import __version__
from skysentry.errors import InputError, SkysentryError

# Name → (module, one line). The lines stand here so that --help imports nothing.
COMMANDS = {
    "demo": "a simulated raid on a city, live in the browser",
    "run": "watch a site: sensors in, tracks and alerts out",
    "init": "write a commented site.toml to start from",
    "doctor": "check this machine and a site file, and say how to mend what is wrong",
    "replay": "run recordings and raw files through the same pipeline",
    "score": "judge a recording against the truth",
    "sim": "write a simulated scenario: scans, truth and site.toml",
    "schema": "print the JSON Schemas of the events and of site.toml",
    "info": "say what is in a file",
}


class _Commands(click.Group):
    """Finds a command's module when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"skysentry.cli.{name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean `{close[0]}`?" if close else f"one of {', '.join(COMMANDS)}"
            raise InputError(f"no command {args[0]!r}", hint=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="skysentry")
def _skysentry() -> None:
    """Hear, see and receive drones; one track per object; warn the right places in time."""


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        code = _skysentry.main(standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except SkysentryError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output has left, as `| head` does. Nothing more may be written to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
