"""The pages that join the studies: index with all verdicts, artifacts with seals and timings, glossary, navigation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from advtransfer.reporting import seals, site


def main(params: dict[str, Any], inputs: dict[str, list[Path]], outputs: dict[str, Path]) -> None:
    """Params: ``title`` and ``studies``: {name: {"title": text, "page": file beside the index, or null}}.

    Inputs: ``claims`` (JSON, one per study, or one for all), ``apart`` (of studies published apart) and ``seals``.
    Outputs: ``index``, ``artifacts`` and ``glossary`` (HTML), ``studies`` (what other pages read for their navigation).
    """
    claims = [
        row
        for path in [*inputs["claims"], *inputs.get("apart", [])]
        for row in json.loads(path.read_text(encoding="utf-8"))
    ]
    studies, found = params["studies"], seals.read(inputs["seals"])
    outputs["index"].write_text(site.index(params["title"], studies, claims, found), encoding="utf-8")
    outputs["artifacts"].write_text(site.artifacts(found, studies), encoding="utf-8")
    outputs["glossary"].write_text(site.glossary(studies), encoding="utf-8")
    outputs["studies"].write_text(site.studies_script(studies), encoding="utf-8")
