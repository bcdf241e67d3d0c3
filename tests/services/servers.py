"""Servers for tests, each a process of its own on loopback that ends with the test: S3, PostgreSQL, MLflow."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import patience

# MLflow would take its time to end; nothing here is worth it.
GRACE_SECONDS = 3
# Made-up credentials, and every way closed by which a client could find others or another place to go.
NOWHERE = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_MAX_ATTEMPTS": "2",
    "no_proxy": "127.0.0.1",
}


@contextlib.contextmanager
def running(command: list[str], log: Path, **options) -> Iterator[subprocess.Popen]:
    """A server process whose words go to a file; it is ended with its children."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True, **options
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(GRACE_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until(ready, process: subprocess.Popen, log: Path):
    """What ``ready`` gives once that is true; fails with the server's words if it ends or takes too long."""
    return patience.until(ready, 20, process, lambda: log.read_text(errors="replace"), every=0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port: int) -> bool:
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=patience.limit(1)),
    ):
        return True
    return False


# ---- S3 ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def s3(folder: Path) -> Iterator[dict[str, str]]:
    """An object store (moto); yields the environment that leads there and nowhere else.

    Any credentials will do, unless ``credentials_checked``.
    """
    log, empty = folder / "s3.log", folder / "aws-config"
    empty.touch()
    environment = NOWHERE | {"AWS_CONFIG_FILE": str(empty), "AWS_SHARED_CREDENTIALS_FILE": str(empty)}
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with running(command, log, env=os.environ | environment) as process:
        words = re.compile(r"Running on (http://127\.0\.0\.1:\d+)")
        url = wait_until(lambda: words.search(log.read_text()), process, log).group(1)
        yield environment | {"AWS_ENDPOINT_URL": url, "MLFLOW_S3_ENDPOINT_URL": url}


def bucket(environment: Mapping[str, str], name: str):
    """A client of the object store and a new bucket in it."""
    client = _client("s3", environment)
    client.create_bucket(Bucket=name)
    return client


def _client(service: str, environment: Mapping[str, str]):
    import boto3

    return boto3.client(
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_DEFAULT_REGION"],
    )


@contextlib.contextmanager
def credentials_checked(environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """While it lasts the object store knows one user alone: the variables that hold that user's credentials."""
    iam = _client("iam", environment)
    iam.create_user(UserName="lab")
    anything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [anything]})
    iam.put_user_policy(UserName="lab", PolicyName="all", PolicyDocument=policy)
    key = iam.create_access_key(UserName="lab")["AccessKey"]
    _let_pass(environment, "0")
    try:
        yield {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    finally:
        _let_pass(environment, "inf")


def _let_pass(environment: Mapping[str, str], requests: str) -> None:
    """How many more requests moto answers before it looks at credentials."""
    url = f"{environment['AWS_ENDPOINT_URL']}/moto-api/reset-auth"
    request = urllib.request.Request(url, requests.encode(), {"Content-Type": "text/plain"})
    urllib.request.urlopen(request).close()


def keys(client, name: str) -> list[str]:
    """The names of all objects of a bucket."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=name)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


@contextlib.contextmanager
def relay(target: int, at: int = 0, word: str = "", count: int = 0) -> Iterator[tuple[int, subprocess.Popen]]:
    """Another port that leads to a server until its process is killed: the port, and the process.

    Of requests with ``word`` it lets ``count`` pass.
    """
    script = str(Path(__file__).with_name("relay.py"))
    command = [sys.executable, script, str(target), str(at), word, str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield int(process.stdout.readline()), process
        finally:
            process.kill()


# ---- PostgreSQL ----------------------------------------------------------------------------------------------


def postgres_programs() -> Path | None:
    """The folder of initdb and postgres: on PATH, or where Debian keeps them."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


def why_no_postgres() -> str:
    """Why no PostgreSQL can be started here; nothing if it can."""
    if not postgres_programs():
        return "PostgreSQL is not installed (Debian: apt-get install postgresql)"
    if os.getuid() == 0 and _postgres_user() is None:
        return "PostgreSQL does not run as root, and there is no user postgres"
    return ""


def _postgres_user() -> str | None:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return None


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """A database cluster of its own; yields the address of an empty database."""
    programs, port = postgres_programs(), free_port()
    user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    # pytest's folders are closed to other users, and a path of a socket may not be long
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as name:
        folder = Path(name)
        if user:
            shutil.chown(folder, "postgres", "postgres")
        log, data = folder / "log", folder / "data"
        log.touch()
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "tracker", "--auth=trust", "--no-sync"],
            cwd=folder, check=True, capture_output=True, **user,
        )  # fmt: skip
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        command = [str(programs / "postgres"), "-D", str(data), "-p", str(port)]
        command += [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        with running(command, log, cwd=folder, **user) as process:
            wait_until(lambda: "ready to accept connections" in log.read_text(), process, log)
            yield f"postgresql://tracker@127.0.0.1:{port}/postgres"


# ---- MLflow --------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def mlflow(folder: Path, database: str, artifacts: str, environment: Mapping[str, str]) -> Iterator[str]:
    """A tracking server; yields its address."""
    log, port = folder / "mlflow.log", free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", database, "--artifacts-destination", artifacts, "--workers", "2"]
    with running(command, log, cwd=folder, env=os.environ | dict(environment)) as process:
        wait_until(lambda: answers(port), process, log)
        yield f"http://127.0.0.1:{port}"
