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
    elif sys.argv[1:2] == ["phase"]:
        from advtransfer.cli.phase import run

        run(sys.argv[2:])
    else:
        from advtransfer.cli.commands import app

        app()


def _speak_utf8() -> None:
    """Starts this process anew in Python's UTF-8 mode where the locale says another encoding.

    Names of files and what pipes carry then mean the same here, in the tools that are started, and in params.yaml.
    """
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get(UTF8) != "1":
        os.environ[UTF8] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
