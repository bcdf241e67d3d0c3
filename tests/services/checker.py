"""Checks the remote of a project, once a line of its input: environment in, verdict out, as JSON.

A process of its own, since what S3's client leaves open would fail tests as a warning; one for all checks, since
importing DVC takes seconds.
"""

import json
import os
import sys
from pathlib import Path

from advtransfer.provenance.audit.remote import remote_against_lock


def main(root):
    """Until the input ends."""
    for line in sys.stdin:
        os.environ.update(json.loads(line))
        print(json.dumps(remote_against_lock(Path(root)).to_dict()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
