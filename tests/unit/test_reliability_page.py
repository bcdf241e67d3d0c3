"""The page on reliability names tests that there are."""

import re
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def test_every_test_that_the_page_names_is_there():
    text = (CHECKOUT / "docs/reliability.md").read_text(encoding="utf-8")
    named = set(re.findall(r"test_\w+\.py", text))
    there = {path.name for path in (CHECKOUT / "tests").rglob("test_*.py")}
    assert named and named <= there
