"""The program `advtransfer` as a shell calls it."""

import os
import pty
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from isolated import environment

CHECKOUT = Path(__file__).parents[3]
PROGRAM = Path(sys.executable).with_name("advtransfer")
# What would change a screen, and what a user may have set.
UNSET = (
    "COLUMNS",
    "FORCE_COLOR",
    "GITHUB_ACTIONS",
    "NO_COLOR",
    "PROFILE",
    "PY_COLORS",
    "STUDY",
    "TERMINAL_WIDTH",
)


@dataclass(frozen=True)
class Program:
    """Calls in a folder, with nothing of the user's settings."""

    folder: Path

    def environment(self, **changes: str) -> dict[str, str]:
        kept = environment(self.folder, str(CHECKOUT / "src")) | {
            "HOME": str(self.folder),
            "TERM": "xterm-256color",
        }
        return {name: value for name, value in kept.items() if name not in UNSET} | changes

    def __call__(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """What it prints into pipes."""
        return subprocess.run(
            [PROGRAM, *arguments],
            cwd=self.folder,
            env=self.environment(**changes),
            capture_output=True,
            text=True,
            check=False,
        )

    def on_terminal(self, *command: str, **changes: str) -> str:
        """What a command prints on a terminal, errors included."""
        ours, its = pty.openpty()
        with subprocess.Popen(
            command, cwd=self.folder, env=self.environment(**changes), stdin=its, stdout=its, stderr=its
        ):
            os.close(its)
            shown = b""
            try:
                while piece := os.read(ours, 4096):
                    shown += piece
            except OSError:
                pass  # how Linux says that the other side is closed
        os.close(ours)
        return shown.decode()
