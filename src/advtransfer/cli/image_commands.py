"""Commands that bring images: sets of torchvision, or some to try things out with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from advtransfer.cli import completion
from advtransfer.cli.screen import AsJson, only_results, show


def fetch(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Torchvision sets among `datasets` of params.yaml; all by default.",
            autocompletion=completion.image_sets,
        ),
    ] = None,
    json_: AsJson = False,
) -> None:
    """Download image sets of torchvision: the only command that does.

    They go to ADVTRANSFER_DATA (data/raw). A set that is there already is compared with the hashes of when it came.
    Each needs a block in `datasets` of params.yaml first: docs/natural-images.md.

    Example: advtransfer fetch
    """
    from advtransfer.cli.images import fetch_images
    from advtransfer.params import ParamsError, load_params
    from advtransfer.provenance.masking import masked

    try:
        with only_results(json_):
            fetched = fetch_images(load_params("params.yaml"), names or [])
    except (ParamsError, ValueError, OSError, RuntimeError) as error:
        print(masked(str(error)), file=sys.stderr)  # an address of a proxy, for one
        raise typer.Exit(2 if isinstance(error, ParamsError) else 1) from None
    show(json_, {"fetched": fetched}, "")


def demo(
    folder: Annotated[Path, typer.Argument(help="Where to write them: an empty folder, or none yet.")],
    images: Annotated[int, typer.Option(help="Images a class and split.", min=1, max=85)] = 40,
    seed: Annotated[int, typer.Option(help="Of what is drawn.", min=0)] = 0,
    json_: AsJson = False,
) -> None:
    """Write small folders of real images to follow the tutorial with.

    Photographs of four classes and scans of two, from what scikit-learn brings along: docs/tutorial.md.

    Example: advtransfer demo ../images
    """
    from advtransfer.data.demo import write_demo

    try:
        write_demo(folder, images, seed)
    except FileExistsError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None
    except OSError as error:
        print(f"{folder}: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    document = {"folder": str(folder), "images": images, "seed": seed}
    show(json_, document, f"{folder}: photos and scans, {images} images a class and split")
