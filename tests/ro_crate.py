"""The official validator of RO-Crates (roc-validator), without the network."""

import io
import json
import subprocess
import sys
from pathlib import Path

from requests.adapters import HTTPAdapter
from requests_cache import CachedSession
from urllib3 import HTTPResponse

PROFILE = "provenance-run-crate-0.5"
# The terms that our crates use, of the two contexts that they name (the contexts are CC0). A crate that uses another
# term fails the validator here: look it up in the context at that address and add it.
CONTEXTS = json.loads(Path(__file__).with_name("ro_crate_contexts.json").read_text())


class _Contexts(HTTPAdapter):
    """Answers requests for the contexts, and for nothing else."""

    def send(self, request, **_):
        raw = HTTPResponse(
            io.BytesIO(json.dumps(CONTEXTS[request.url]).encode()),
            headers={"Content-Type": "application/ld+json"},
            status=200,
            preload_content=False,
            request_method="GET",
            request_url=request.url,
        )
        return self.build_response(request, raw)


class Validator:
    """Runs `rocrate-validator validate --offline` with a cache that holds the contexts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with CachedSession(str(folder / "cache"), backend="sqlite", expire_after=-1) as session:
            session.mount("https://", _Contexts())
            for address in CONTEXTS:
                assert session.get(address).status_code == 200

    def issues(self, crate: Path) -> dict[str, set[str]]:
        """Severity (REQUIRED, RECOMMENDED) -> names of the checks that a crate does not pass."""
        report = self._folder / "report.json"
        command = [
            Path(sys.executable).with_name("rocrate-validator"), "--no-interactive", "validate", "--offline",
            "--cache-path", self._folder / "cache", "--profile-identifier", PROFILE,
            "--requirement-severity", "recommended", "--output-format", "json", "--output-file", report, crate,
        ]  # fmt: skip
        report.unlink(missing_ok=True)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert report.exists(), done.stdout + done.stderr
        content = json.loads(report.read_text())
        assert content["statistics"]["total_passed_checks"] > 150, "few checks: were all profiles there?"
        found: dict[str, set[str]] = {"REQUIRED": set(), "RECOMMENDED": set()}
        for issue in content["issues"]:
            found[issue["severity"]].add(issue["check"]["name"])
        return found
