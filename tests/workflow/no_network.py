"""A project whose jobs cannot reach a network: neither their own code nor, where the system allows it, any process."""

import functools
import subprocess

from conftest import OFFLINE

NAMES = """
def refuse_name(host, *rest, **more):
    raise AssertionError(f"the network was asked for: {host}")

socket.getaddrinfo = socket.gethostbyname = refuse_name
"""


def close(project):
    """Closes the sockets of every job and of the processes that share one; it is no code of theirs."""
    project.append("src/advtransfer/cli/job.py", OFFLINE + NAMES)


@functools.cache
def alone():
    """What runs a command in a network of its own, with no device in it; nothing where a user may not."""
    prefix = ("unshare", "--map-root-user", "--net", "--")
    try:
        return prefix if subprocess.run([*prefix, "true"], check=False).returncode == 0 else ()
    except OSError:
        return ()


def stages(project):
    """The stages that ran."""
    return {seal.spec.stage.rpartition(".")[2] for seal in project.seals().values()}
