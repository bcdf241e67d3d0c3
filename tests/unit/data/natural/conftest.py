"""Pools of threads that are left before their work is done."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.fixture
def leaving(monkeypatch):
    """Set once a pool is left, and has dropped what it drops: work may be under way until then, however long."""
    event, shutdown = threading.Event(), ThreadPoolExecutor.shutdown

    def told(pool, wait=True, *, cancel_futures=False):
        shutdown(pool, wait=False, cancel_futures=cancel_futures)
        event.set()
        shutdown(pool, wait=wait)

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", told)
    return event
