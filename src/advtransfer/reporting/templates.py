"""The Jinja templates of all pages: one frame, and what index, study, artifacts, glossary and audit put into it.

They are strings in a module, not data files, so that the code hash of the stages that use them covers them. Pages ask
no other host for anything, and are whole without their scripts.
"""

from __future__ import annotations

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<link rel="icon" href="data:,">
<style>{{ look }}</style>
<script>{{ theme_script }}</script>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header class="top"><div>
<nav aria-label="Site">
<a class="brand" href="{{ root }}index.html"{{ current("index") }}>advtransfer</a>
<span id="studies" data-root="{{ root }}" data-current="{{ here }}">
{%- for study in studies -%}
<a href="{{ root }}{{ study.page }}" title="{{ study.title }}">{{ study.name }}</a>
{% endfor -%}
</span>
<a href="{{ root }}glossary.html"{{ current("glossary") }}>Glossary</a>
<a href="{{ root }}artifacts.html"{{ current("artifacts") }}>Artifacts</a>
<a href="{{ root }}artifacts.html#audit"{{ current("audit") }}>Audit</a>
</nav>
<button type="button" id="theme" hidden>Theme</button>
</div></header>
<div class="frame">
{% block frame %}<main id="content">
{% block body %}{% endblock %}
</main>{% endblock %}
<footer>{% block footer %}Every number leads to the seal of the job that computed it; <code>make audit</code> checks
them all.{% endblock %}</footer>
</div>
{% if asks_for_studies %}<script src="{{ root }}studies.js"></script>
{% endif -%}
<script>{{ page_script }}</script>
{% block scripts %}{% endblock -%}
</body></html>
"""

STUDY = """{% extends "page.html.j2" %}
{% block frame %}
<div class="with-toc">
<nav class="toc" aria-label="On this page"><details><summary>On this page</summary><ul>
{% for id, heading in sections %}
<li><a href="#{{ id }}">{{ heading }}</a></li>
{% endfor %}
</ul></details></nav>
<main id="content">
{{ body }}
</main>
</div>
{% endblock %}
{% block scripts %}{% if plots %}<style>{{ plot_look }}</style>
<script>{{ library }}</script>
<script>{{ plot_script }}</script>
{% endif %}{% endblock %}
"""

# Rendered by nbconvert, which brings the filters and turns autoescape off.
NOTEBOOK = """{% for cell in nb.cells %}
{% if cell.cell_type == "markdown" %}
{{ cell.source | markdown2html | terms }}
{% elif cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", []) | join(" ") %}
{% for output in cell.outputs %}
{% if output.output_type == "stream" %}
<pre>{{ output.text | e }}</pre>
{% elif "data" in output and "text/html" in output.data %}
{{ output.data["text/html"] }}
{% elif "data" in output and "text/plain" in output.data %}
<pre>{{ output.data["text/plain"] | e }}</pre>
{% endif %}
{% endfor %}
<details class="code"><summary>code</summary><pre>{{ cell.source | e }}</pre></details>
{% endif %}
{% endfor %}
"""

INDEX = """{% extends "page.html.j2" %}
{% block body %}
<h1>Does adversarial or semi-supervised pre-training transfer better?</h1>
<p>A network is pre-trained adversarially, or with pseudo-labels on unlabelled images, or both, and then used on a
target with few labels. Each study below measures on data of its own whether that helps; a verdict is shown whatever
it is. A claim is <i>supported</i> or <i>refuted</i> only where the
<a href="glossary.html#paired-difference">paired difference</a> over
<a href="glossary.html#replica">replicas</a> has an interval beyond 0 and a small enough p value after
<a href="glossary.html#holm">Holm's correction</a> over the comparisons of its study. Where the claim is that nothing
changes, or that a fitted rate is the theory's, the interval must lie within a stated margin.</p>
<h2 id="list">Studies</h2>
<ul class="cards">
{% for study in listed %}
<li>{% if study.page %}<a href="{{ study.page }}">{{ study.title }}</a>{% else %}{{ study.title }}{% endif %}<br>
<small>{{ study.name }}{% if study.apart %}, published apart: the record of an earlier run{% endif %}</small><br>
{% for verdict, count in study.counts.items() %}{{ verdict | badge(count) }} {% else %}<small>no claims</small>
{%- endfor %}</li>
{% endfor %}
</ul>
<p><a href="artifacts.html">Every artifact, with its seal, versions, device and wall time</a> ·
<a href="../audit/index.html">the last audit here</a> (<code>make audit</code> writes it)</p>
{% for study in listed %}
<h2 id="{{ study.name }}">{{ study.title }}</h2>
{{ study.claims }}
{% endfor %}
{% endblock %}
"""

ARTIFACTS = """{% extends "page.html.j2" %}
{% block body %}
<h1>{{ title }}</h1>
<p>{{ seals | length }} sealed jobs wrote {{ rows | length }} files. A seal holds the parameters, the code,
the hashes of what was read and written, and the environment; <code>advtransfer why PATH</code> shows it.
Times are of the run that made each file: this is the one page that differs between two runs of a
study.</p>
<p>Stage time in all: {{ total | seconds }}.</p>
<h2 id="audit">Audit</h2>
<p><code>make audit</code> reads every file again and checks the published numbers and figures against their
seals, back to the raw data. It writes <a href="../audit/index.html">the page of the last audit here</a>, which is
there once it has run.
<code>advtransfer audit --recompute 5</code> also runs five jobs again and compares their bytes.</p>
<h2 id="files">Files</h2>
{{ table }}
<h2 id="versions">Versions</h2>
{% for name, packages in environments.items() %}
<p><b>{{ name }}</b>: {{ packages }}</p>
{% endfor %}
{% endblock %}
"""

GLOSSARY = """{% extends "page.html.j2" %}
{% block body %}
<h1>{{ title }}</h1>
<p>The words of this report, as its code means them.</p>
{% for group, entries in groups.items() %}
<h2>{{ group }}</h2>
<dl>
{% for entry in entries %}
<dt id="{{ entry.id }}">{{ entry.term }}</dt>
<dd>{{ entry.meaning }}</dd>
{% endfor %}
</dl>
{% endfor %}
{% endblock %}
"""

TEMPLATES = {
    "page.html.j2": PAGE,
    "study.html.j2": STUDY,
    "index.html.j2": INDEX,
    "artifacts.html.j2": ARTIFACTS,
    "glossary.html.j2": GLOSSARY,
}
