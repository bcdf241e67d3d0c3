"""Every page in its frame: style, navigation and script are the same on all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from advtransfer.reporting import look, page_script, tables
from advtransfer.reporting.templates import TEMPLATES


def render(
    template: str,
    *,
    title: str,
    here: str,
    root: str = "",
    studies: Sequence[Mapping[str, Any]] | None = None,
    extra: Mapping[str, str] | None = None,
    **values: Any,
) -> str:
    """A page of the template, or of one of ``extra`` ({name: template}); strings are escaped, ``tables.Html`` is not.

    ``here`` is what the navigation marks as the present page: index, glossary, artifacts, audit or a study.
    ``root`` leads from the page to the folder of the site. Without ``studies`` (name, title, page) the page looks
    them up in studies.js when it is shown: it does not change when another study does.
    """
    from jinja2 import DictLoader, Environment, StrictUndefined

    loader = DictLoader({**TEMPLATES, **(extra or {})})
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["badge"] = lambda verdict, count=None: safe(tables.badge(verdict, count))
    environment.filters["seconds"] = lambda value: "" if value is None else f"{value:.1f} s"
    frame = {
        "look": safe(look.css()),
        "theme_script": safe(page_script.THEME),
        "page_script": safe(page_script.PAGE),
        "current": lambda name: safe(' aria-current="page"') if name == here else "",
        "studies": studies or (),
        "asks_for_studies": studies is None,
    }
    safely = {
        name: safe(value) if isinstance(value, tables.Html) else value for name, value in values.items()
    }
    return environment.get_template(template).render(title=title, here=here, root=root, **frame, **safely)


def safe(html: str) -> Any:
    """HTML that a template passes on as it is."""
    from markupsafe import Markup

    return Markup(html)
