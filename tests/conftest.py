"""What holds for all tests: one thread a process, and the time after which one counts as hung."""

import os

import patience
import pytest

# as the job runner has it: read by the maths libraries when they are first imported
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The slowest fixture runs studies for minutes.
MOST_SECONDS = 360


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Before pytest-timeout looks at its option."""
    if config.getoption("timeout", None) is None:
        config.option.timeout = patience.limit(MOST_SECONDS)
