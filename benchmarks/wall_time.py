"""How the wall time of the last complete run divides: stage computation, start of processes, and the rest.

Reads the seals, so run it right after ``make run`` on a clean clone: python benchmarks/wall_time.py
"""

from datetime import datetime
from pathlib import Path

from advtransfer.provenance.seal import Seal, all_seals

Interval = tuple[float, float]


def main() -> None:
    """Prints the share of the wall time, from the first job's start to the last one's end, per kind of work."""
    seals = [seal for seal in all_seals(Path()).values() if isinstance(seal, Seal)]
    jobs = [_interval(seal, whole=True) for seal in seals]
    computing = [_interval(seal, whole=False) for seal in seals]
    begin, end = min(start for start, _ in jobs), max(stop for _, stop in jobs)
    wall = end - begin
    print(f"{len(seals)} jobs in {wall:.1f} s of wall time")
    print(f"a stage computes during        {_union(computing):7.1f} s  {_union(computing) / wall:6.1%}")
    print(f"a job's process lives during   {_union(jobs):7.1f} s  {_union(jobs) / wall:6.1%}")
    print(f"stage seconds, summed          {sum(b - a for a, b in computing):7.1f} s")
    print(f"process seconds, summed        {sum(b - a for a, b in jobs):7.1f} s")
    print(f"highest peak memory of a job   {max(seal.made['peak_memory_mib'] for seal in seals):7.0f} MiB")


def _interval(seal: Seal, *, whole: bool) -> Interval:
    """When the job's process ran, or only its stage, which ends just before the seal is written."""
    start = datetime.fromisoformat(seal.made["started"]).timestamp()
    stop = start + seal.made["wall_seconds"]
    return (start if whole else stop - seal.made["compute_seconds"], stop)


def _union(intervals: list[Interval]) -> float:
    """Seconds covered by at least one interval."""
    covered, reached = 0.0, float("-inf")
    for start, stop in sorted(intervals):
        covered += max(0.0, stop - max(start, reached))
        reached = max(reached, stop)
    return covered


if __name__ == "__main__":
    main()
