"""The page of an audit: its checks, and for every published number and figure what stands behind it."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from advtransfer.reporting import pages
from advtransfer.reporting.findings import grouped, thing
from advtransfer.reporting.tables import Html

_SIGNS = {
    "pass": ("✓", "supported"),
    "reproduced": ("≈", "supported"),
    "fail": ("✗", "refuted"),
    "not checkable": ("?", "inconclusive"),
}
_TITLES = {
    "pass": "everything published stands",
    "reproduced": "everything published stands, reproduced on another kind of machine",
    "fail": "not everything published stands",
}

BODY = """{% extends "page.html.j2" %}
{% macro chain(steps) %}<p>Chain: {% for step in steps -%}
<a href="#{{ step }}"><code>{{ step }}</code></a>{{ " ← " if not loop.last }}
{%- endfor %}</p>{% endmacro %}
{% macro open(name, header) %}
<div class="table" tabindex="0" role="group" aria-label="Table: {{ name }}"><table><thead>
<tr>{% for title in header %}<th scope="col">{{ title }}</th>{% endfor %}</tr></thead><tbody>
{% endmacro %}
{% block body %}
<h1>Audit: {{ heading }}</h1>
{% if report.verdict == "reproduced" %}<p>{{ report.conclusion }}</p>{% endif %}
<p>{{ where }} All files were read again; no cache and no file time was trusted. A check that cannot be made says
why and fails nothing. <code>advtransfer audit --recompute N</code> also runs jobs again.</p>
<h2>Checks</h2>
{{ open("checks", ["check", "verdict", "reason"]) }}
{% for check in report.checks %}{% set sign, look = signs[check.verdict] %}
<tr><td>{{ check.name }}</td><td><span class="badge {{ look }}">{{ sign }} {{ check.verdict }}</span></td>
<td>{{ check.reason }}{% if check.findings %}
<ul>{% for reason, findings in grouped(check.findings) %}
<li>{% if findings | length == 1 %}{{ findings[0] }}{% else %}
<details><summary>{{ findings | length }} alike: {{ reason }}</summary>
<ul>{% for finding in findings %}<li>{{ thing(finding) }}</li>{% endfor %}</ul></details>{% endif %}</li>
{% endfor %}</ul>{% endif %}</td></tr>
{% endfor %}
</tbody></table></div>
<h2>Numbers</h2>
<p>Numbers that rest on the same jobs stand together; open a group for its numbers and its chain, from the
artifact back to the raw data.</p>
{% for group in groups %}
<details><summary>{{ group.title }} ({{ group.numbers | length }})</summary>
{{ open(group.title, ["number", "value", "measurements"]) }}
{% for key, about in group.numbers %}
<tr><td><code>{{ key }}</code></td><td><a class="n" href="#{{ about.chain[0] }}">{{ about.value }}</a></td>
<td class="number">{{ about.rows }}</td></tr>
{% endfor %}
</tbody></table></div>
{{ chain(group.chain) }}
</details>
{% endfor %}
<h2>Claims</h2>
{{ open("claims", ["claim", "published", "judged anew", "may differ by"]) }}
{% for key, about in report.claims.items() %}
<tr><td><code>{{ key }}</code>{{ " (borderline)" if about.borderline }}</td>
{% for claim in (about.value, about.anew) %}<td>{% if claim %}{{ claim.verdict }}, {{ claim.estimate }}
[{{ claim.ci_low }}, {{ claim.ci_high }}], p {{ "none" if claim.p_holm is none else claim.p_holm }}, n {{ claim.n }}
{%- else %}not told{% endif %}</td>{% endfor %}
<td class="number">{{ "" if about.allowed is none else "%.2g" | format(about.allowed) }}</td></tr>
{% endfor %}
</tbody></table></div>
<p>A claim is borderline whose verdict could be another within the tolerance of its estimate.</p>
<h2>Figures</h2>
{% for page, figures in pages %}
<details><summary>{{ page }} ({{ figures | length }})</summary>
<ul>{% for figure in figures %}<li>{{ figure.figure }}</li>{% endfor %}</ul>
{{ chain(figures[0].chain) }}
</details>
{% endfor %}
<h2>Jobs and raw files</h2>
{% for name, step in report.steps.items() %}
<details id="{{ name }}"><summary><code>{{ name }}</code>
{{- ": raw file" if "raw" in step else ": no readable seal" if "unsealed" in step else ": rule " ~ step.rule -}}
</summary>
<pre tabindex="0">{{ steps[name] }}</pre></details>
{% endfor %}
{% endblock %}
"""


def render(report: dict[str, Any]) -> str:
    """HTML of what ``cli.audit.audit`` returns."""
    figures: dict[str, list[dict[str, Any]]] = {}
    for figure in report["figures"]:
        figures.setdefault(figure["page"], []).append(figure)
    return pages.render(
        "audit.html.j2",
        title="Audit",
        here="audit",
        root="../rendered/",
        extra={"audit.html.j2": BODY},
        report=report,
        where=_where(report["git"]),
        signs=_SIGNS,
        heading=_TITLES[report["verdict"]],
        grouped=grouped,
        thing=thing,
        groups=_groups(report["numbers"]),
        pages=figures.items(),
        steps={name: json.dumps(step, indent=1, sort_keys=True) for name, step in report["steps"].items()},
    )


def _where(git: dict[str, Any] | None) -> Html:
    if not git:
        return Html("Outside a git repository.")
    changes = ", with uncommitted changes" if git["dirty"] else ""
    return Html(f"At commit <code>{escape(git['commit'])}</code>{changes}.")


def _groups(numbers: dict[str, Any]) -> list[dict[str, Any]]:
    """Numbers with equal chains and the same beginning of their key, in the order of their keys."""
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    for key, about in numbers.items():
        title = "/".join(key.split("/")[:3])
        group = groups.setdefault(
            (title, *about["chain"]), {"title": title, "numbers": [], "chain": about["chain"]}
        )
        group["numbers"].append((key, about))
    return list(groups.values())
