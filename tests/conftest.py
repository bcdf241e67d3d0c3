"""One thread a process, as the job runner has it: read by the maths libraries when they are first imported."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
