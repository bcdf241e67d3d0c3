"""The profile for Kubernetes: what its pods ask for, and that they compute what this machine computes.

No Kubernetes is at hand: kubernetes_stand_in.py answers the executor, and its pods are processes with the commands,
variables and object store of real ones, in this environment instead of the image's.
"""

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import kubernetes_stand_in
import pytest
import servers
from tiny_project import Project

CHECKOUT = Path(__file__).parents[2]
TARGET = "results/pretrain/tiny/clean/r000-002.safetensors"
RUN = [
    "--workflow-profile",
    "workflow/profiles/kubernetes",
    "--seconds-between-status-checks",
    "1",
    "--",
    TARGET,
]
HERE = ["--workflow-profile", "workflow/profiles/default", "--", TARGET]
PREFIX = "lab/advtransfer"
# What docs/cluster.md asks of a user; Kubernetes' words for it are checked below.
SITE = "container-image: registry.test/advtransfer:1\ndefault-storage-prefix: s3://{bucket}/{prefix}\n"
GPU = "    resources: {pretrain: {threads: 2, mem_mb: 3000, gpu: 1, gpu_optional: true}}\n"


@dataclass
class Ran:
    """The target on the stand-in and on this machine."""

    there: Project
    here: Project
    pods: dict[str, kubernetes_stand_in.Pod]  # by rule
    objects: dict[str, bytes]  # of the bucket, by the path in the project
    environment: dict[str, str]


@pytest.fixture(scope="module")
def ran(source, s3, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kubernetes")
    project = source.copy_to(folder / "there")
    project.edit("params.yaml", "    seed: 7\n", f"    seed: 7\n{GPU}")
    project.commit("What its jobs ask for")
    here = project.copy_to(folder / "here")
    done = here.snakemake(*HERE)
    assert done.returncode == 0, done.stdout + done.stderr
    client = servers.bucket(s3, "pods")
    (folder / "site").mkdir()
    (folder / "site/config.yaml").write_text(SITE.format(bucket="pods", prefix=PREFIX))
    with kubernetes_stand_in.Cluster(_pods(folder), _image(folder)) as cluster:
        (folder / "kubeconfig").write_text(cluster.kubeconfig)
        environment = s3 | {
            "KUBECONFIG": str(folder / "kubeconfig"),
            "SNAKEMAKE_PROFILE": str(folder / "site"),
            "SNAKEMAKE_STORAGE_S3_ENDPOINT_URL": s3["AWS_ENDPOINT_URL"],
            "SNAKEMAKE_STORAGE_S3_ACCESS_KEY": s3["AWS_ACCESS_KEY_ID"],
            "SNAKEMAKE_STORAGE_S3_SECRET_KEY": s3["AWS_SECRET_ACCESS_KEY"],
        }
        done = project.call(
            sys.executable, "-m", "snakemake", "--retries", "0", *RUN, seconds=100, **environment
        )
        words = [pod.output.read_text(errors="replace") for pod in cluster.pods.values()]
        assert done.returncode == 0, "\n".join([done.stdout, done.stderr, *words])
        pods = {_rule(pod): pod for pod in cluster.pods.values()}
        assert len(pods) == len(cluster.pods), "each job ran once"
    objects = {
        key.removeprefix(f"{PREFIX}/"): client.get_object(Bucket="pods", Key=key)["Body"].read()
        for key in servers.keys(client, "pods")
    }
    return Ran(project, here, pods, objects, environment)


def _pods(folder):
    """Where the pods' folders go."""
    (folder / "pods").mkdir()
    return folder / "pods"


def _image(folder):
    """The variables that the image sets: its environment, and the pip that installs nothing (container/Dockerfile)."""
    (folder / "bin").mkdir()
    pip = folder / "bin/pip"
    pip.write_text("#!/bin/sh\nexit 0\n")
    pip.chmod(0o755)
    path = os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), "/usr/bin", "/bin"])
    return {"PATH": path, "HOME": str(folder), "OMP_NUM_THREADS": "1"}


def _rule(pod):
    """The rule that a pod runs: its command names the one job."""
    _, _, rest = pod.container["args"][1].partition("--target-jobs ")
    return rest.strip("'\"").partition(":")[0]


def test_a_pod_is_one_job_in_the_image_of_the_site(ran):
    assert set(ran.pods) == {"prepare", "split", "pretrain"}
    assert {pod.container["image"] for pod in ran.pods.values()} == {"registry.test/advtransfer:1"}


@pytest.mark.parametrize(
    ("rule", "cpu", "memory", "gpus"),
    [("split", "1000m", "2000M", "0"), ("pretrain", "2000m", "3000M", "1")],
)
def test_a_pod_asks_for_what_params_yaml_states(ran, rule, cpu, memory, gpus):
    """Without a limit Kubernetes hands out no GPU."""
    limits = ran.pods[rule].container["resources"]["limits"]
    assert (limits["cpu"], limits["memory"], limits["nvidia.com/gpu"]) == (cpu, memory, gpus)


def test_the_bytes_in_the_object_store_are_those_of_a_run_without_pods(ran):
    found = {
        name: hashlib.sha256(content).hexdigest()
        for name, content in ran.objects.items()
        if not name.startswith("logs/") and not name.endswith(".seal")
    }
    assert found == ran.here.artifacts()


def test_what_is_fetched_from_the_object_store_is_fresh(ran):
    """As `aws s3 sync` leaves it: the seals of the pods hold here, and neither profile finds anything to do."""
    for name, content in ran.objects.items():
        if name.startswith(("data/", "results/", "logs/")):
            ran.there.path(name).parent.mkdir(parents=True, exist_ok=True)
            ran.there.path(name).write_bytes(content)
    assert ran.there.seals().keys() == ran.here.seals().keys()
    assert {name: seal.id for name, seal in ran.there.seals().items()} == {
        name: seal.id for name, seal in ran.here.seals().items()
    }
    for profile in (HERE, RUN):
        done = ran.there.call(sys.executable, "-m", "snakemake", "--dry-run", *profile, **ran.environment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Nothing to be done" in done.stdout


def test_a_run_that_records_is_not_for_this_profile(ran):
    done = ran.there.advtransfer("run", "--profile", "kubernetes")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("PROFILE: found 'kubernetes', whose results stay in an object store")


def test_the_image_is_made_by_make_from_files_that_it_has(tmp_path):
    """What the recipe copies is enough for `make setup-cluster` to find its files and to install the package."""
    recipe = (CHECKOUT / "container/Dockerfile").read_text().splitlines()
    copied = [line.split()[1:] for line in recipe if line.startswith("COPY ")]
    assert "RUN make setup-cluster" in recipe
    for *names, target in copied:
        for name in names:
            destination = tmp_path / (name if target == "./" else target)
            command = ["cp", "--recursive", str(CHECKOUT / name), str(destination)]
            subprocess.run(command, check=True)
    setup = subprocess.run(
        ["make", "--dry-run", "setup-cluster"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert setup.returncode == 0, setup.stderr
    assert "requirements.lock requirements-cluster.lock" in setup.stdout
    build = "import hatchling.build; print(hatchling.build.build_editable('.'))"
    done = subprocess.run(
        [sys.executable, "-c", build], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("-py3-none-any.whl\n")
