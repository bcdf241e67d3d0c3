"""Execute the notebook of one study and make a page of it; two runs give the same bytes."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from advtransfer.reporting import notebook, seals, study


def main(params: dict[str, Any], inputs: dict[str, Any], outputs: dict[str, Path]) -> None:
    """Params: ``study`` (its name), ``title``, ``description`` (the study block of params.yaml).

    Inputs: ``template`` (.ipynb), ``metrics`` (Parquet), ``claims`` (JSON), ``seals`` (list of seal files
    of the study's artifacts) and, of a theory study, ``details`` (list of Parquet files: rates or units).
    Outputs: ``notebook`` (executed .ipynb) and ``page`` (HTML).
    """
    with tempfile.TemporaryDirectory(prefix="report-") as name:
        folder = Path(name)
        parameters = _stage(params, inputs, folder)
        executed = notebook.normalise(notebook.execute(inputs["template"], parameters, folder))
    outputs["notebook"].write_text(notebook.to_json(executed), encoding="utf-8")
    outputs["page"].write_text(notebook.to_html(executed, params["title"], params["study"]), encoding="utf-8")


def _stage(params: dict[str, Any], inputs: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Lay the inputs out under fixed names: the executed notebook must not hold the paths of this machine."""
    files = {"metrics": "metrics.parquet", "claims": "claims.json", "context": "context.json"}
    for key in ("metrics", "claims"):
        (folder / files[key]).symlink_to(inputs[key].resolve())
    sealed = seals.read(inputs["seals"])
    context = study.context(params, seals.artifacts(sealed), seals.versions(sealed))
    (folder / files["context"]).write_text(json.dumps(context), encoding="utf-8")
    details = [f"details-{number:02d}.parquet" for number in range(len(inputs.get("details", ())))]
    for name, path in zip(details, inputs.get("details", ()), strict=True):
        (folder / name).symlink_to(path.resolve())
    return {"study": params["study"], **files, **({"details": details} if details else {})}
