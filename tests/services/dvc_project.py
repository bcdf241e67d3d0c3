"""A folder under Git and DVC whose remote is on the tests' object store."""

import subprocess
import sys


class Project:
    """A folder under Git and DVC."""

    def __init__(self, root, environment):
        self.root, self.environment = root, environment

    def command(self, *words):
        prefix = [sys.executable, "-m"] if words[0] == "dvc" else []
        return [*prefix, *words]

    def call(self, *words):
        return subprocess.run(
            self.command(*words), cwd=self.root, env=self.environment, capture_output=True, text=True, check=False
        )  # fmt: skip

    def tool(self, *words):
        """What a command prints; it must succeed."""
        done = self.call(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def point_to(self, bucket, endpoint):
        """Gives the remote another address, as `dvc remote modify --local` does."""
        lines = ["['remote \"store\"']", f"url = s3://{bucket}/lab/advtransfer", f"endpointurl = {endpoint}"]
        (self.root / ".dvc/config.local").write_text("\n".join(lines))

    def files(self):
        paths = [self.root / "table", *(self.root / "data").iterdir()]
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in paths}
