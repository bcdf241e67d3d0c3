from importlib import import_module


def main(params, inputs, outputs):
    style = import_module("toy.style")
    outputs["report"].write_text(
        style.BULLET.join([params["title"], *(path.read_text() for path in inputs["scores"])])
    )
