"""The commands that README and docs/ show, as they are written there."""

import re
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
PAGES = [*sorted(CHECKOUT.glob("*.md")), *sorted((CHECKOUT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page):
    """Every line of every shell block, without what is said of it."""
    lines = (line for block in _BLOCK.findall(page.read_text()) for line in block.splitlines())
    told = (re.sub(r"\s+#\s.*$", "", line).strip() for line in lines)
    return [line for line in told if line and not line.startswith("#")]


def everything():
    """Command -> the pages that show it."""
    found = {}
    for page in PAGES:
        for command in commands(page):
            found.setdefault(command, []).append(page.relative_to(CHECKOUT).as_posix())
    return found


def yaml_blocks(page):
    return _YAML.findall(page.read_text())
