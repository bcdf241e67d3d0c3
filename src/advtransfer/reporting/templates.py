"""The look of every page: one style sheet, and the Jinja templates of study page, index and artifacts.

They are strings in a module, not data files, so that the code hash of the stages that use them covers them.
Pages hold all they need: no script, no font and no image from anywhere.
"""

from __future__ import annotations

CSS = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; color: #1a1a1a; background: #fff;
  max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; line-height: 1.25; } h2 { font-size: 1.25rem; margin-top: 2.5rem; }
a { color: #0050a0; }
table { border-collapse: collapse; margin: .8rem 0; font-size: .86rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid #ddd; }
th { border-bottom: 2px solid #777; }
td ul { margin: 0; padding-left: 1.1rem; }
.wide { overflow-x: auto; }
.number { white-space: nowrap; font-variant-numeric: tabular-nums; }
code, pre { font: .84em ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
pre { background: #f5f5f5; padding: .6rem; overflow-x: auto; overflow-wrap: normal; }
small { color: #555; }
figure { margin: 1rem 0; } img.figure { width: 100%; max-width: 52rem; height: auto; }
summary { cursor: pointer; color: #555; font-size: .84rem; }
details.code { margin: .2rem 0; } details.code summary { font-size: .75rem; color: #777; }
.anchor-link { display: none; }
.badge { white-space: nowrap; border: 1px solid; border-radius: .3rem; padding: 0 .4rem; font-size: .82rem; }
.supported { color: #00573b; background: #e3f4ed; } .refuted { color: #8f2d00; background: #fcebe3; }
.inconclusive { color: #444; background: #f0f0f0; border-style: dashed; }
@media print { body { max-width: none; margin: 0; font-size: 11px; } details.code, summary { display: none; }
  figure, tr { break-inside: avoid; } h2 { break-after: avoid; } }
"""

PAGE = (
    """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{% block title %}{{ title }}{% endblock %}</title>
<style>"""
    + CSS
    + """</style></head>
<body>
{% block body %}{% endblock %}
</body></html>
"""
)

NOTEBOOK = """{% extends "page.html.j2" %}
{% block title %}{{ resources.title | e }}{% endblock %}
{% block body %}
<p><a href="index.html">All studies</a> · <a href="artifacts.html">artifacts and timings</a></p>
{% for cell in nb.cells %}
{% if cell.cell_type == "markdown" %}
{{ cell.source | markdown2html }}
{% elif cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", []) | join(" ") %}
{% for output in cell.outputs %}
{% if output.output_type == "stream" %}
<pre>{{ output.text | e }}</pre>
{% elif "data" in output and "text/html" in output.data %}
<div class="wide">{{ output.data["text/html"] }}</div>
{% elif "data" in output and "text/plain" in output.data %}
<pre>{{ output.data["text/plain"] | e }}</pre>
{% endif %}
{% endfor %}
<details class="code"><summary>code</summary><pre>{{ cell.source | e }}</pre></details>
{% endif %}
{% endfor %}
{% endblock %}
"""

INDEX = """{% extends "page.html.j2" %}
{% block body %}
<h1>{{ title }}</h1>
<p>Does a network that was pre-trained adversarially, or with pseudo-labels on unlabelled images, or both,
transfer better to a target with few labels? Each study below measures it on data of its own; a verdict is
shown whatever it is. A claim is <i>supported</i> or <i>refuted</i> only where the paired difference over
replicas has an interval beyond 0 and a small enough p value after
Holm's correction over the comparisons of its study. Where the claim is that nothing changes, or that a fitted
rate is the theory's, the interval must lie within a stated margin.</p>
<h2>Studies</h2>
<ul>
{% for study in studies %}
<li>{% if study.page %}<a href="{{ study.page }}">{{ study.title }}</a>{% else %}{{ study.title }}{% endif %}:
{% for verdict, count in study.counts.items() %}{{ count }} {{ verdict | badge }} {% endfor %}</li>
{% endfor %}
</ul>
<p><a href="artifacts.html">Every artifact, with its seal, versions, device and wall time</a> ·
<a href="../audit/index.html">the last audit here</a> (<code>make audit</code> writes it)</p>
{% for study in studies %}
<h2 id="{{ study.name }}">{{ study.title }}: claims</h2>
<div class="wide">{{ study.claims }}</div>
{% endfor %}
{% endblock %}
"""

ARTIFACTS = """{% extends "page.html.j2" %}
{% block body %}
<p><a href="index.html">All studies</a></p>
<h1>{{ title }}</h1>
<p>{{ seals | length }} sealed jobs wrote {{ rows | length }} files. A seal holds the parameters, the code,
the hashes of what was read and written, and the environment; <code>advtransfer why PATH</code> shows it.
Times are of the run that made each file: this is the one page that differs between two runs of a
study.</p>
<p>Stage time in all: {{ total | seconds }}.</p>
<div class="wide">
<table><thead><tr><th>artifact</th><th>rule</th><th>seal</th><th>device</th><th>wall time</th>
<th>versions</th></tr></thead>
<tbody>
{% for row in rows %}
<tr><td><code>{{ row.path }}</code></td><td>{{ row.rule }}</td>
<td><code title="{{ row.seal }}">{{ row.seal[:12] }}</code></td><td>{{ row.device }}</td>
<td class="number">{{ row.wall_seconds | seconds }}</td><td>{{ row.environment }}</td></tr>
{% endfor %}
</tbody></table></div>
<h2>Versions</h2>
{% for name, packages in environments.items() %}
<p><b>{{ name }}</b>: {{ packages }}</p>
{% endfor %}
{% endblock %}
"""

TEMPLATES = {
    "page.html.j2": PAGE,
    "notebook.html.j2": NOTEBOOK,
    "index.html.j2": INDEX,
    "artifacts.html.j2": ARTIFACTS,
}
