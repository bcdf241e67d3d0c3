import hashlib
import json

from .text import expand


def main(params, inputs, outputs):
    model = hashlib.sha256(inputs["model"].read_bytes()).hexdigest()
    score = expand(f"{params} {model} {inputs['log'].read_text()}", 8).hex()
    outputs["score"].write_text(json.dumps({"score": score}) + "\n")
