import hashlib
import os
import time

from toy import size, text


def main(params, inputs, outputs):
    data = b"".join(path.read_bytes() for path in inputs["data"])
    time.sleep(float(os.environ.get("TOY_SLEEP", "0")))
    model = text.expand(f"{params} {hashlib.sha256(data).hexdigest()}", size.MODEL)
    outputs["model"].write_bytes(model[: size.MODEL // 2])
    time.sleep(float(os.environ.get("TOY_SLEEP", "0")))
    outputs["model"].write_bytes(model)
    outputs["log"].write_text(f"{params}\n")
