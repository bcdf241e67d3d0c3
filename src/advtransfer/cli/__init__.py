"""The command ``advtransfer``: thin, one function a command."""

import sys


def main() -> None:
    """Entry point. ``job`` runs dozens of times in a study, so it does not wait for the other commands' imports."""
    if sys.argv[1:2] == ["job"]:
        from advtransfer.cli.job import run

        run(sys.argv[2:])
    elif sys.argv[1:2] == ["process"]:
        from advtransfer.cli.process import run

        run(sys.argv[2:])
    else:
        from advtransfer.cli.commands import app

        app()
