"""`make faults`: kills at random moments and damage drawn from a seed; after each, the next run sets all right.

    python tests/faults/harness.py [--kills 50] [--injections 200] [--seed 1] [--only PLACE:NUMBER]

Runs small projects undisturbed (``places.py``), then disturbs copies of them (``damage.py``), lets the next run set
them right and compares every artifact. Prints how many cases were tried and survived; exit code 1 if any did not, each
of which is named with what repeats it. Under 15 minutes on two cores.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from damage import DAMAGES, Damage, Place, is_untouched, nested, outside
from places import (
    RECORDS,
    Disturbed,
    Study,
    Toy,
    Tracking,
    Training,
    killed,
    undisturbed_study,
    undisturbed_toy,
    wait_a_while,
)

# Of ten cases: a toy takes seconds, a training in this process less, a study half a minute.
SHARES = {"toy": 6.5, "training": 2.0, "tracking": 0.8, "study": 0.7}
KILL_SHARES = {"toy": 7.5, "tracking": 1.0, "study": 1.5}
# The longest that a run is let go on before it is killed, in seconds.
LONGEST = {"toy": 6.0, "tracking": 6.0, "study": 60.0}
PLACES: dict[str, type[Disturbed]] = {"toy": Toy, "tracking": Tracking, "study": Study}


@dataclass(frozen=True)
class Outcome:
    """One case: what was done to what, and what was wrong afterwards (nothing, if it survived)."""

    place: str
    number: int
    kind: str
    done: str
    wrong: str


@dataclass(frozen=True)
class Undisturbed:
    """The projects that nothing was done to, and their artifacts."""

    toy: Path
    study: Path
    truths: dict[str, dict[str, str]]

    def project_of(self, place: str) -> tuple[Path, dict[str, str]]:
        name = "toy" if place == "toy" else "study"
        return (self.toy if place == "toy" else self.study), self.truths.get(name, {})


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--injections", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--only", default="", help="PLACE or PLACE:NUMBER of an injection; kills:PLACE of a kill"
    )
    options = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        work = plan(options.kills, options.injections, options.only)
        outcomes = carry_out(work, options.seed, Path(name))
    print(table(outcomes))
    lost = [outcome for outcome in outcomes if outcome.wrong]
    for one in lost:
        print(f"{one.place}:{one.number} {one.done} {one.kind}: {one.wrong}", file=sys.stderr)
    survived = len(outcomes) - len(lost)
    print(
        f"{len(outcomes)} tried, {survived} survived, seed {options.seed}, {time.monotonic() - began:.0f} s"
    )
    return 1 if lost or not outcomes else 0


def plan(kills: int, injections: int, only: str) -> dict[str, list[int]]:
    """Place -> numbers of its cases; ``kills:PLACE`` are the kills there."""
    work = {place: list(range(count)) for place, count in shared_out(injections, SHARES).items()}
    work |= {f"kills:{place}": list(range(count)) for place, count in shared_out(kills, KILL_SHARES).items()}
    if only:
        place, _, number = only.rpartition(":") if only[-1].isdigit() else (only, "", "")
        work = {place: [int(number)] if number else work[place]}
    return {place: numbers for place, numbers in work.items() if numbers}


def shared_out(count: int, shares: dict[str, float]) -> dict[str, int]:
    """``count`` cut in proportion; what is left over goes to the first."""
    whole = {name: int(count * share / sum(shares.values())) for name, share in shares.items()}
    first = next(iter(shares))
    return whole | {first: whole[first] + count - sum(whole.values())}


def carry_out(work: dict[str, list[int]], seed: int, folder: Path) -> list[Outcome]:
    """All cases, two at a time: the long ones first, and the toy's in two parts."""
    with ProcessPoolExecutor(2) as pool:
        names = {place.removeprefix("kills:") for place in work}
        study = pool.submit(undisturbed_study, folder / "study") if names & {"study", "tracking"} else None
        toy = pool.submit(undisturbed_toy, folder / "toy") if "toy" in names else None
        truths = {"toy": toy.result() if toy else {}, "study": study.result() if study else {}}
        pristine = Undisturbed(folder / "toy", folder / "study", truths)
        tasks = []
        for place in sorted(work, key=lambda place: ("study" not in place, "toy" in place, place)):
            for part in range(2):
                if numbers := work[place][part::2]:
                    where = folder / f"{place.replace(':', '-')}-{part}"
                    tasks.append(pool.submit(cases, place, numbers, seed, pristine, where))
        return sorted(
            (outcome for task in tasks for outcome in task.result()),
            key=lambda outcome: (outcome.place, outcome.number),
        )


def cases(place: str, numbers: list[int], seed: int, pristine: Undisturbed, folder: Path) -> list[Outcome]:
    """Cases of one place, one after the other, in one copy of its project."""
    folder.mkdir()
    if place == "training":
        lab, beside = Training(folder / "lab"), outside(folder / "elsewhere")
        return [checkpoint_case(lab, beside, number, seed) for number in numbers]
    kills = place.startswith("kills:")
    name = place.removeprefix("kills:")
    project = PLACES[name](*_copy(pristine, name, folder))
    if kills:
        project.begin_anew()
    case = partial(kill_case if kills else damage_case, project)
    beside = outside(folder / "elsewhere")
    found = []
    for number in numbers:
        outcome = case(place, number, random.Random(f"{seed}/{place}/{number}"), beside)
        if outcome.wrong:
            project.restore()
        found.append(outcome)
    return found


def _copy(pristine: Undisturbed, name: str, folder: Path) -> tuple[Path, Path, dict[str, str]]:
    project, truth = pristine.project_of(name)
    return project, folder / "project", truth


def damage_case(project: Disturbed, place: str, number: int, draw: random.Random, elsewhere: Path) -> Outcome:
    """Damages one file and runs."""
    targets = {kind: files for kind, files in project.targets().items() if files}
    kind = draw.choice(sorted(targets))
    file, other, damage = draw.choice(targets[kind]), draw.choice(targets[kind]), draw.choice(_fit(kind))
    output = project.root.with_name("output")
    wrong = _done(damage, Place(file, other, elsewhere, draw)) or project.wrong(output)
    if not wrong and not is_untouched(elsewhere):
        wrong = "a file outside of the project was changed"
    done = f"{damage.__name__} {file.relative_to(project.root)}"
    return Outcome(place, number, kind, done, wrong)


def _fit(kind: str) -> list[Damage]:
    """What is done to files of a kind. Snakemake descends into its own records, as deep as they go."""
    return [damage for damage in DAMAGES if kind != RECORDS or damage is not nested]


def kill_case(project: Disturbed, place: str, number: int, draw: random.Random, elsewhere: Path) -> Outcome:
    """Kills a run, all its processes, at a random moment; every second time the next run goes on to the end."""
    output = project.root.with_name("output")
    early = False
    for _ in range(5):  # a run that was over before is no case
        process = project.start(output)
        wait_a_while(process, draw, LONGEST[place.removeprefix("kills:")])
        early = killed(process)
        if early:
            break
        project.begin_anew()
    wrong = "" if early else "every run was over before it was killed"
    if not wrong and (number % 4 > 1 or number < 2):
        wrong = project.wrong(output)
        project.begin_anew()
    return Outcome(place, number, "run", "killed", wrong)


def checkpoint_case(lab: Training, elsewhere: Path, number: int, seed: int) -> Outcome:
    """Damages the checkpoint of a training that broke off."""
    draw = random.Random(f"{seed}/training/{number}")
    damage, name = draw.choice(DAMAGES), draw.choice(["SGD", "AdamW"])
    with contextlib.redirect_stderr(io.StringIO()):  # a line that says that training starts anew
        wrong = lab.wrong(name, lambda file, other: damage(Place(file, other, elsewhere, draw)))
    if not wrong and not is_untouched(elsewhere):
        wrong = "a file outside of the project was changed"
    return Outcome("training", number, "checkpoint", f"{damage.__name__} {name}", wrong)


def _done(damage: Damage, place: Place) -> str:
    """Does the damage; what kept it from being done."""
    try:
        damage(place)
    except OSError as error:
        return f"the damage could not be done: {error}"
    return ""


def table(outcomes: list[Outcome]) -> str:
    """Tried and survived, by what was disturbed and by how."""
    lines = [f"{'':40}  tried  survived"]
    for title, key in (("what", _what), ("how", _how)):
        tried, survived = Counter(map(key, outcomes)), Counter(key(one) for one in outcomes if not one.wrong)
        lines += [
            f"by {title}:",
            *(f"  {name:38}  {tried[name]:5}  {survived[name]:8}" for name in sorted(tried)),
        ]
    return "\n".join(lines)


def _what(outcome: Outcome) -> str:
    return f"{outcome.place.removeprefix('kills:')}: {outcome.kind}"


def _how(outcome: Outcome) -> str:
    return outcome.done.partition(" ")[0]


if __name__ == "__main__":
    sys.exit(main())
