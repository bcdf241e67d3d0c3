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
        _for_people()


def _for_people() -> None:
    """Told to end, or ended by what is none of its business (a full disk), a command says so in one line."""
    from advtransfer.cli import causes
    from advtransfer.provenance.children import Ended, heeded

    if refused := causes.raise_open_files():
        print(refused, file=sys.stderr)
        raise SystemExit(2)
    try:
        with heeded():
            from advtransfer.cli.commands import app

            app()
    except Exception as error:
        if cause := causes.told(error):
            print(cause, file=sys.stderr)
            raise SystemExit(1) from None
        raise
    except Ended as ended:
        print(
            f"ended by {ended}, with all that was started; the same command goes on from there",
            file=sys.stderr,
        )
        raise SystemExit(128 + ended.number) from None
