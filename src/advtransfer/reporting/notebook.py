"""Execute a report notebook, take out of it what differs between two runs, and make a page of it."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import advtransfer
from advtransfer.reporting import glossary, pages, plot_script, uplot
from advtransfer.reporting.tables import Html
from advtransfer.reporting.templates import NOTEBOOK

if TYPE_CHECKING:
    from nbformat import NotebookNode

KERNEL = "python3"
_HEADING = re.compile(r'<h2 id="([^"]+)">(.*?)(?:<a class="anchor-link"|</h2>)', re.DOTALL)


def execute(template: Path, parameters: dict[str, Any], folder: Path) -> NotebookNode:
    """Run the template in ``folder`` with this interpreter and this package; what it shows is in the result.

    Raises papermill's PapermillExecutionError, with the traceback, when a cell fails.
    """
    import nbformat
    import papermill
    from papermill.translators import PythonTranslator, Translator, papermill_translators
    from traitlets.config import Config

    class Plain(PythonTranslator):
        """Parameters as papermill writes them: where black is installed it would format them, and change the bytes."""

        codify = classmethod(Translator.codify.__func__)

    papermill_translators.register("python", Plain)

    jupyter = folder / ".jupyter"
    # As a value: papermill takes braces in the path of a notebook for parameters.
    content = nbformat.read(template, as_version=4)
    with own_jupyter(jupyter):
        # Sockets in the folder, not TCP ports: another process can take a port before the kernel does.
        config = Config({"KernelManager": {"transport": "ipc"}})
        return papermill.execute_notebook(
            content, None, parameters, kernel_name=KERNEL, cwd=str(folder), config=config,
            progress_bar=False, request_save_on_cell_execute=False, shutdown_kernel="immediate",
        )  # fmt: skip


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Only what the template and the data decide: no times, paths, random ids, versions or warnings."""
    notebook.metadata = {"kernelspec": {"name": KERNEL, "display_name": "Python 3", "language": "python"}}
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02d}"
        cell["metadata"] = {"tags": cell.metadata.tags} if cell.metadata.get("tags") else {}
        if cell.cell_type == "code":
            cell["outputs"] = [output for output in cell.outputs if not _passed_on(output)]
    return notebook


def to_json(notebook: NotebookNode) -> str:
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def to_html(notebook: NotebookNode, title: str, study: str) -> str:
    """One page that holds all it needs, plots included; texts link to the glossary."""
    body = _body(notebook)
    sections = [(id, pages.safe(heading)) for id, heading in _HEADING.findall(body)]
    return pages.render(
        "study.html.j2",
        title=title,
        here=study,
        body=Html(body),
        sections=sections,
        plots='class="panels"' in body,
        library=Html(uplot.script()),
        plot_look=Html(uplot.style()),
        plot_script=Html(plot_script.PLOTS),
    )


def _body(notebook: NotebookNode) -> str:
    """The cells' texts and outputs as HTML."""
    from jinja2 import DictLoader
    from nbconvert.exporters.html import HTMLExporter

    loader = DictLoader({"notebook.html.j2": NOTEBOOK})
    exporter = HTMLExporter(extra_loaders=[loader], template_file="notebook.html.j2")
    exporter.register_filter("terms", partial(glossary.linked, seen=set()))
    body, _ = exporter.from_notebook_node(notebook)
    return str(body)


def _passed_on(output: NotebookNode) -> bool:
    """Hand stderr (warnings, with paths and process ids in them) to the job's log, not to the report."""
    if output.output_type == "stream" and output.name == "stderr":
        sys.stderr.write(output.text)
        return True
    return False


@contextmanager
def own_jupyter(jupyter: Path) -> Iterator[None]:
    """All that Jupyter reads or writes lies in ``jupyter``; the kernel has this interpreter and package."""
    _write_kernel(jupyter / "kernels" / KERNEL / "kernel.json")
    source = str(Path(advtransfer.__file__).parents[1])
    inherited = os.environ.get("PYTHONPATH")
    changes = {
        "JUPYTER_PATH": str(jupyter),
        "JUPYTER_CONFIG_DIR": str(jupyter / "config"),
        "JUPYTER_DATA_DIR": str(jupyter / "data"),
        "JUPYTER_RUNTIME_DIR": str(jupyter / "run"),
        "IPYTHONDIR": str(jupyter / "ipython"),
        "PYTHONPATH": os.pathsep.join([source, inherited] if inherited else [source]),
    }
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _write_kernel(path: Path) -> None:
    launch = [
        sys.executable,
        "-m",
        "ipykernel_launcher",
        "-f",
        "{connection_file}",
        "--HistoryManager.enabled=False",
    ]
    path.parent.mkdir(parents=True)
    path.write_text(
        json.dumps({"argv": launch, "display_name": "Python 3", "language": "python"}), encoding="utf-8"
    )
