"""What is done to a file between two runs, drawn from a seed."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ELSEWHERE_TEXT = b"years of work, outside of the project\n"


@dataclass(frozen=True)
class Place:
    """Where damage is done: the file, another of its kind, a folder outside of the project, and the draw."""

    file: Path
    other: Path
    elsewhere: Path
    draw: random.Random

    def gone(self) -> Path:
        """The file's path, with nothing there."""
        if self.file.is_dir() and not self.file.is_symlink():
            shutil.rmtree(self.file)
        else:
            self.file.unlink(missing_ok=True)
        return self.file


def flip(place: Place) -> None:
    """One bit."""
    content = bytearray(place.file.read_bytes())
    if content:
        content[place.draw.randrange(len(content))] ^= 1 << place.draw.randrange(8)
    place.file.write_bytes(content)


def flip_unseen(place: Place) -> None:
    """One bit; the modification time is put back."""
    times = place.file.stat().st_atime_ns, place.file.stat().st_mtime_ns
    flip(place)
    os.utime(place.file, ns=times)


def truncate(place: Place) -> None:
    os.truncate(place.file, place.draw.randrange(max(place.file.stat().st_size, 1)))


def empty(place: Place) -> None:
    os.truncate(place.file, 0)


def garbage(place: Place) -> None:
    place.file.write_bytes(place.draw.randbytes(place.draw.randrange(1, 5000)))


def nested(place: Place) -> None:
    """What readers of JSON and YAML descend into."""
    place.file.write_text(place.draw.choice("[{") * 100_000)


def delete(place: Place) -> None:
    place.gone()


def swap(place: Place) -> None:
    """With another of its kind."""
    if place.other != place.file:
        aside = place.file.rename(place.file.with_name("aside"))
        place.other.rename(place.file)
        aside.rename(place.other)


def old(place: Place) -> None:
    os.utime(place.file, (0, 0))


def future(place: Place) -> None:
    os.utime(place.file, (4_000_000_000, 4_000_000_000))


def folder(place: Place) -> None:
    place.gone().mkdir()


def pipe(place: Place) -> None:
    os.mkfifo(place.gone())


def link(place: Place) -> None:
    """To a file outside of the project."""
    place.gone().symlink_to(place.elsewhere / "thesis")


def link_to_folder(place: Place) -> None:
    place.gone().symlink_to(place.elsewhere)


def link_nowhere(place: Place) -> None:
    place.gone().symlink_to(place.elsewhere / "absent")


def link_to_itself(place: Place) -> None:
    place.gone().symlink_to(place.file.name)


Damage = Callable[[Place], None]
DAMAGES: tuple[Damage, ...] = (
    flip,
    flip,
    flip_unseen,
    truncate,
    empty,
    garbage,
    nested,
    delete,
    delete,
    swap,
    old,
    future,
    folder,
    pipe,
    link,
    link_to_folder,
    link_nowhere,
    link_to_itself,
)


def outside(folder: Path) -> Path:
    """A folder outside of the project that no run may change."""
    folder.mkdir()
    (folder / "thesis").write_bytes(ELSEWHERE_TEXT)
    return folder


def is_untouched(folder: Path) -> bool:
    names = [path.name for path in folder.iterdir()]
    return names == ["thesis"] and (folder / "thesis").read_bytes() == ELSEWHERE_TEXT
