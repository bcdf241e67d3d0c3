"""A DVC remote on S3: what is pushed comes back, an interrupted push goes on, the audit reads it to the last byte."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import patience
import pytest
import servers
from dvc_project import Project

import advtransfer
from advtransfer.provenance.audit.recorded import outputs
from advtransfer.provenance.audit.verdict import FAIL, PASS, UNCHECKED

FILES = 120
STAGES = "stages: {make: {cmd: python make.py, outs: [data, table]}}\n"
MAKE = f"""import pathlib, random
random = random.Random(4)
pathlib.Path("data").mkdir(exist_ok=True)
for number in range({FILES}):
    pathlib.Path("data", f"{{number}}.bin").write_bytes(random.randbytes(2000))
pathlib.Path("table").write_bytes(random.randbytes(3_000_000))
"""
COUNT = itertools.count()


@pytest.fixture(scope="module")
def recorded(environment, tmp_path_factory):
    """A project of which DVC has recorded a folder and a file, with a remote that leads nowhere yet."""
    project = Project(tmp_path_factory.mktemp("recorded"), environment)
    project.tool("git", "init", "--quiet")
    project.tool("dvc", "init", "--quiet")
    (project.root / "dvc.yaml").write_text(STAGES)
    (project.root / "make.py").write_text(MAKE)
    (project.root / "params.yaml").write_text("{}\n")
    project.tool("dvc", "repro", "--quiet")
    project.tool("dvc", "remote", "add", "--default", "store", "s3://nothing")
    project.tool("dvc", "config", "remote.store.verify", "true")
    return project


@pytest.fixture
def store(recorded, s3):
    """A new bucket, to which the project's remote points: its name, and a client."""
    name = f"bucket-{next(COUNT)}"
    client = servers.bucket(s3, name)
    recorded.point_to(name, s3["AWS_ENDPOINT_URL"])
    return name, client


@pytest.fixture(scope="module")
def checker(recorded, environment):
    """The process that checks."""
    source = str(Path(advtransfer.__file__).parents[1])
    with subprocess.Popen(
        [sys.executable, Path(__file__).with_name("checker.py"), recorded.root],
        env=environment | {"PYTHONPATH": source},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def check(checker, environment):
    """What the audit says of the project's remote."""
    own = {name: value for name, value in environment.items() if name.startswith("AWS_")}

    def call(**changes):
        checker.stdin.write(json.dumps(own | changes) + "\n")
        checker.stdin.flush()
        found = json.loads(checker.stdout.readline())
        assert len(found["reason"].splitlines()) == 1
        return found

    return call


def key_of(client, bucket, content):
    """The name of the object with this content."""
    return next(
        key
        for key in servers.keys(client, bucket)
        if client.get_object(Bucket=bucket, Key=key)["Body"].read() == content
    )


def test_what_is_pushed_comes_back_in_a_clone(recorded, store, environment, check, tmp_path):
    assert check()["verdict"] == FAIL
    recorded.tool("dvc", "push")
    assert check()["verdict"] == PASS
    recorded.tool("git", "add", "--all")
    recorded.tool("git", "commit", "--quiet", "--message", "x")
    clone = Project(tmp_path / "clone", environment)
    recorded.tool("git", "clone", "--quiet", str(recorded.root), str(clone.root))
    clone.point_to(store[0], environment["AWS_ENDPOINT_URL"])
    clone.tool("dvc", "pull")
    assert clone.files() == recorded.files()


def test_altered_and_missing_objects_are_named(recorded, store, check):
    bucket, client = store
    recorded.tool("dvc", "push")
    files = recorded.files()
    altered = bytearray(files["table"])
    altered[-1] ^= 1
    client.put_object(Bucket=bucket, Key=key_of(client, bucket, files["table"]), Body=bytes(altered))
    client.delete_object(Bucket=bucket, Key=key_of(client, bucket, files["data/7.bin"]))
    found = check()
    assert found["verdict"] == FAIL
    assert sorted(line.rpartition(" (")[0] for line in found["findings"]) == [
        "data/7.bin: not in the remote",
        "table: altered in the remote",
    ]


@pytest.mark.parametrize("way", ["the push is killed", "the server goes away"])
def test_an_interrupted_push_goes_on_where_it_was(recorded, store, s3, check, way):
    bucket, client = store
    server = int(s3["AWS_ENDPOINT_URL"].rpartition(":")[2])
    with servers.relay(server, word="PUT /", count=FILES // 10) as (port, relay):
        recorded.point_to(bucket, f"http://127.0.0.1:{port}")
        push = subprocess.Popen(
            recorded.command("dvc", "push"),
            cwd=recorded.root,
            env=recorded.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        patience.until(lambda: len(servers.keys(client, bucket)) >= FILES // 10, 10, push)
        (push if way == "the push is killed" else relay).kill()
        assert push.wait(patience.limit(20)) != 0
    recorded.point_to(bucket, s3["AWS_ENDPOINT_URL"])
    there = servers.keys(client, bucket)
    assert 0 < len(there) < FILES
    found = check()
    assert found["verdict"] == FAIL and "not pushed" in found["reason"]
    said = recorded.tool("dvc", "push")
    total = FILES + len(outputs(recorded.root))
    assert f"{total - len(there)} files pushed" in said
    assert check()["verdict"] == PASS


@pytest.mark.parametrize(
    ("bucket", "reachable", "changes", "words"),
    [
        ("", False, {}, "Could not connect to the endpoint URL"),
        ("", True, {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "Unable to locate credentials"),
        ("nobody-s-bucket", True, {}, "no output is whole at s3://nobody-s-bucket/lab/advtransfer"),
    ],
)
def test_a_remote_that_cannot_be_read_is_one_line(
    recorded, store, s3, check, bucket, reachable, changes, words
):
    recorded.point_to(
        bucket or store[0], s3["AWS_ENDPOINT_URL"] if reachable else servers.NOWHERE["AWS_ENDPOINT_URL"]
    )
    found = check(**changes)
    assert found["verdict"] == (FAIL if bucket else UNCHECKED)
    assert words in found["reason"]
    assert found["findings"] == []


def test_wrong_credentials_are_one_line_and_the_right_ones_work(recorded, store, s3, check):
    with servers.credentials_checked(s3) as right:
        recorded.environment = recorded.environment | right
        recorded.tool("dvc", "push")
        assert check(**right)["verdict"] == PASS
        for wrong in ({"AWS_SECRET_ACCESS_KEY": "guessed"}, {"AWS_ACCESS_KEY_ID": "AKIANOBODY"}):
            found = check(**right | wrong)
            assert found["verdict"] == UNCHECKED
            assert "the remote refuses access (credentials?)" in found["reason"]
            assert found["findings"] == []
