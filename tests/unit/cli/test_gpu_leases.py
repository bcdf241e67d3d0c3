"""No device is leased twice, whoever asks, and none stays leased by the dead."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import advtransfer
from advtransfer.cli import gpu_leases
from advtransfer.cli.gpu_leases import lease
from advtransfer.cli.gpus import GpuError

HOLDER = """
import sys, time
from pathlib import Path
from advtransfer.cli.gpu_leases import lease
with lease(int(sys.argv[2]), 1, sys.argv[3:], folder=Path(sys.argv[1]), wait_seconds=30) as names:
    print(*names, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold(tmp_path):
    """Starts a process of another checkout that holds leases until its input ends; gives it and the devices' names."""
    with contextlib.ExitStack() as stack:

        def start(count, *devices):
            folder = tmp_path / f"checkout {os.urandom(4).hex()}"
            folder.mkdir()
            process = subprocess.Popen(
                [sys.executable, "-c", HOLDER, str(tmp_path / "leases"), str(count), *devices],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(Path(advtransfer.__file__).parents[1])},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process, process.stdout.readline().split()

        yield start


@pytest.fixture
def take(tmp_path):
    """A lease of this process, without waiting."""
    return lambda count, least, *devices: lease(
        count, least, devices, folder=tmp_path / "leases", wait_seconds=0
    )


def test_each_process_gets_devices_of_its_own(hold, take):
    (_, first), (_, second) = hold(1, "a", "b", "c", "d"), hold(2, "a", "b", "c", "d")
    with take(1, 1, "a", "b", "c", "d") as third:
        assert [first, second, third] == [["a"], ["b", "c"], ["d"]]
        with pytest.raises(GpuError), take(1, 1, "a", "b", "c", "d"):
            pass
    with take(1, 1, "a", "b", "c", "d") as again:
        assert again == ["d"], "given back"


def test_twenty_processes_that_ask_at_once_share_nothing(hold, tmp_path):
    import threading

    devices = [f"GPU-{number}" for number in range(20)]
    found = []
    threads = [threading.Thread(target=lambda: found.append(hold(1, *devices)[1])) for _ in devices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(name for names in found for name in names) == sorted(devices)


def test_a_killed_holder_frees_its_device(hold, take):
    process, names = hold(1, "a")
    assert names == ["a"]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with take(1, 1, "a") as mine:
        assert mine == ["a"]


def test_over_subscription_is_refused_in_one_line_that_names_the_holder(hold, take, capsys):
    process, _ = hold(1, "a", "b")
    with pytest.raises(GpuError) as caught, take(2, 2, "a", "b"):
        pass
    message = str(caught.value)
    assert caught.value.exit_code == 1
    assert len(message.splitlines()) == 1
    assert f"in use are a by process {process.pid} in " in message and "checkout" in message
    with take(1, 1, "a", "b") as rest:
        assert rest == ["b"], "the failed attempt kept nothing"


def test_who_waits_says_so_once_and_gets_the_device_when_it_is_free(hold, tmp_path, capsys, monkeypatch):
    process, _ = hold(1, "a")
    waits = []

    def wait(seconds):
        """The holder goes while we wait for the third time."""
        waits.append(seconds)
        if len(waits) == 3:
            process.communicate()

    monkeypatch.setattr(gpu_leases.time, "sleep", wait)
    with lease(1, 1, ["a"], folder=tmp_path / "leases", wait_seconds=3000) as names:
        assert names == ["a"] and len(waits) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("waiting up to 3000 s for a GPU: 1 GPU asked for")


@pytest.mark.parametrize("devices", [[], ["a"]])
def test_too_few_devices_need_permission_to_use_the_cpu(take, devices):
    with pytest.raises(GpuError, match="asks for 2 GPUs") as caught, take(2, 2, *devices):
        pass
    assert caught.value.exit_code == 2
    with take(2, 0, *devices) as names:
        assert names == []


def test_names_do_not_lead_out_of_the_folder(take, tmp_path):
    """Legacy names of MIG devices hold slashes; the folder is everybody's, so a link in it may lead anywhere."""
    with take(1, 1, "MIG-GPU-1/2/../../../x") as names:
        assert names == ["MIG-GPU-1/2/../../../x"]
    assert {path.parent for path in tmp_path.rglob("*.lock")} == {tmp_path / "leases"}
    (tmp_path / "mine").write_text("precious")
    (tmp_path / "leases" / "a.lock").symlink_to(tmp_path / "mine")
    with pytest.raises(GpuError, match=r"a\.lock: cannot be opened"), take(1, 1, "a"):
        pass
    assert (tmp_path / "mine").read_text() == "precious"


def test_other_users_of_the_machine_can_ask_too(take, tmp_path):
    with take(1, 1, "a"):
        pass
    folder = tmp_path / "leases"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o1777
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o666}
