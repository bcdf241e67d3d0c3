"""What the executor for Kubernetes sees of a cluster: an API server on loopback, whose pods are processes here.

A pod is its container's command in an empty folder of its own, with the secret's variables and nothing else of
this process's environment. Image, resources, node selection and volumes are kept for the tests to look at, not obeyed.
"""

import base64
import json
import re
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

JOBS = re.compile(r"/apis/batch/v1/namespaces/[^/]+/jobs(?:/(?P<name>[^/?]+))?(?:/status)?")
PODS = re.compile(r"/api/v1/namespaces/[^/]+/pods(?:/(?P<name>[^/?]+))?(?P<log>/log)?")
SECRETS = re.compile(r"/api/v1/namespaces/[^/]+/secrets(?:/(?P<name>[^/?]+))?")


@dataclass
class Pod:
    """A job of Kubernetes, as it was posted, and the process that runs it."""

    posted: dict[str, Any]
    process: subprocess.Popen[bytes]
    output: Path

    @property
    def container(self) -> dict[str, Any]:
        return self.posted["spec"]["template"]["spec"]["containers"][0]


@dataclass
class Cluster:
    """Start with `with`; ``kubeconfig`` is what a user would have in ~/.kube/config."""

    folder: Path
    environment: Mapping[str, str]
    pods: dict[str, Pod] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)

    def __enter__(self) -> "Cluster":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for pod in self.pods.values():
            if pod.process.poll() is None:
                pod.process.kill()
            pod.process.wait()

    @property
    def kubeconfig(self) -> str:
        url = f"http://127.0.0.1:{self._server.server_port}"
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "here",
                "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
                "clusters": [{"name": "here", "cluster": {"server": url}}],
                "users": [{"name": "me", "user": {}}],
            }
        )

    def start(self, posted: dict[str, Any]) -> None:
        """Run the container of a job."""
        name = posted["metadata"]["name"]
        container = posted["spec"]["template"]["spec"]["containers"][0]
        workdir = self.folder / name
        workdir.mkdir()
        output = self.folder / f"{name}.log"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [*container["command"], *container["args"]],
                cwd=workdir,
                env={**self.environment, **self._variables(container)},
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self.pods[name] = Pod(posted, process, output)

    def _variables(self, container: dict[str, Any]) -> dict[str, str]:
        references = [
            (entry["name"], entry["valueFrom"]["secretKeyRef"]) for entry in container.get("env", [])
        ]
        return {
            name: base64.b64decode(self.secrets[reference["name"]][reference["key"]]).decode()
            for name, reference in references
        }


def _handler(cluster: Cluster) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if SECRETS.fullmatch(self.path):
                cluster.secrets[posted["metadata"]["name"]] = posted.get("data") or {}
            else:
                cluster.start(posted)
            self._answer(posted)

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            if found := JOBS.fullmatch(path):
                pod = cluster.pods[found["name"]]
                code = pod.process.poll()
                counts = {} if code is None else {"succeeded" if code == 0 else "failed": 1}
                self._answer({"metadata": pod.posted["metadata"], "status": counts})
            elif (found := PODS.fullmatch(path)) and found["log"]:
                self._send(cluster.pods[found["name"]].output.read_bytes(), "text/plain")
            else:
                name = query.rpartition("job-name%3D")[2]
                self._answer({"items": [_state(name, cluster.pods[name])]})

        def do_DELETE(self) -> None:
            path = self.path.partition("?")[0]
            found = JOBS.fullmatch(path) or PODS.fullmatch(path)
            if found and (pod := cluster.pods.get(found["name"])) and pod.process.poll() is None:
                pod.process.kill()
            self._answer({"status": "Success"})

        def _answer(self, content: object) -> None:
            self._send(json.dumps(content).encode(), "application/json")

        def _send(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the terminal."""

    return Handler


def _state(name: str, pod: Pod) -> dict[str, Any]:
    """The one pod of a job, with its one container."""
    code = pod.process.poll()
    state = {"running": {}} if code is None else {"terminated": {"exitCode": code}}
    container = {
        "name": "snakemake", "image": pod.container["image"], "imageID": "", "ready": True, "restartCount": 0,
        "state": state,
    }  # fmt: skip
    return {"metadata": {"name": name}, "status": {"containerStatuses": [container]}}
