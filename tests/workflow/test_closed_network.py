"""Nothing in a job reaches a network; the stages of natural images are those of the tutorial's study."""

import subprocess
import sys

import no_network
from test_documentation import TUTORIAL_STAGES

THEORY = """
  lines:
    kind: linear_theory
    title: Lines
    seed: 3
    trials: 6
    scenarios: {small: {p: 12, r: 2, T: 8, n: 20, n_u: 30}}
  codes:
    kind: sparse_coding
    title: Codes
    seed: 3
    replicas: 2
    scenarios:
      tiny:
        {d: 8, units: 6, steps: 3, batch: 8, activation: relu, variants: {clean: none, adversarial-l2: l2},
         head_points: 20, test_points: 15, attack_eps: [0.1], attack_starts: 2, attack_steps: 2}
"""


def test_every_stage_of_digits_and_theory_runs_with_its_sockets_closed(fresh, checkout):
    fresh.edit("params.yaml", "default_studies: [tiny]", "default_studies: [tiny, lines, codes]")
    fresh.edit("params.yaml", "studies:\n  tiny:", f"studies:{THEORY}  tiny:")
    no_network.close(fresh)
    done = fresh.call(*no_network.alone(), sys.executable, "-m", "advtransfer", "run")
    assert done.returncode == 0, done.stdout + done.stderr
    modules = {path.stem for path in checkout.glob("src/advtransfer/stages/[a-z]*.py")}
    assert no_network.stages(fresh) | TUTORIAL_STAGES == modules


def test_a_job_that_asks_for_the_network_fails(fresh):
    """Else the test above could pass with sockets that are open."""
    no_network.close(fresh)
    for asked in ("socket.create_connection(('192.0.2.1', 9))", "socket.getaddrinfo('localhost', 9)"):
        code = f"import advtransfer.cli.job, socket; {asked}"
        done = subprocess.run(
            [sys.executable, "-c", code], env=fresh.environment(), capture_output=True, text=True, check=False
        )
        assert "the network was asked for" in done.stderr
