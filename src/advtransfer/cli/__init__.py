"""The command ``advtransfer``: thin, one function a command."""

import os
import sys

UTF8 = "PYTHONUTF8"


def main() -> None:
    """Entry point. ``job`` runs dozens of times in a study, so it does not wait for the other commands' imports."""
    _speak_utf8()
    if sys.argv[1:2] == ["job"]:
        from advtransfer.cli.job import run

        run(sys.argv[2:])
    elif sys.argv[1:2] == ["process"]:
        from advtransfer.cli.process import run

        run(sys.argv[2:])
    else:
        _with_plain_endings()


def _with_plain_endings() -> None:
    """Told to end, or ended by what is none of its business (a full disk), a command says so in one line."""
    from advtransfer.cli import causes
    from advtransfer.provenance.children import Ended, heeded

    if refused := causes.raise_open_files():
        print(refused, file=sys.stderr)
        raise SystemExit(2)
    try:
        with heeded():
            _run()
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


def _run() -> None:
    if sys.argv[1:2] == ["phase"]:
        from advtransfer.cli.phase import run

        run(sys.argv[2:])
    from advtransfer.cli.commands import app

    app()


def _speak_utf8() -> None:
    """Starts this process anew in Python's UTF-8 mode where the locale says another encoding.

    Names of files and what pipes carry then mean the same here, in the tools that are started, and in params.yaml.
    """
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get(UTF8) != "1":
        os.environ[UTF8] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
