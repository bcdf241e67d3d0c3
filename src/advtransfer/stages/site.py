"""The index of all studies with their verdicts, and the page of every artifact with its seal and timing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from advtransfer.reporting import seals, site


def main(params: dict[str, Any], inputs: dict[str, list[Path]], outputs: dict[str, Path]) -> None:
    """Params: ``title`` and ``studies``: {name: {"title": text, "page": file beside the index, or null}}.

    Inputs: ``claims`` (JSON, one per study, or one for all) and ``seals``.
    Outputs: ``index`` and ``artifacts`` (HTML).
    """
    claims = [row for path in inputs["claims"] for row in json.loads(path.read_text())]
    outputs["index"].write_text(site.index(params["title"], params["studies"], claims))
    outputs["artifacts"].write_text(site.artifacts(seals.read(inputs["seals"])))
