"""workflow/lint.py sees text that is read or written in the locale's encoding, and nothing else."""

import importlib.util
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("lint_of_the_workflow", CHECKOUT / "workflow/lint.py")
lint = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(lint)


@pytest.mark.parametrize(
    "code",
    [
        "path.read_text()",
        "outputs['page'].write_text(text)",
        "open(name)",
        "open(name, 'w')",
        "open(name, mode='a')",
        "path.open()",
        "path.open('a+', buffering=1)",
        "os.fdopen(number, 'r+')",
        "subprocess.run(command, text=True)",
        "subprocess.Popen(command, universal_newlines=True)",
    ],
)
def test_calls_that_leave_it_to_the_locale(code):
    assert [line for line, _ in lint.calls_in(f"\n{code}")] == [2]


@pytest.mark.parametrize(
    "code",
    [
        "path.read_text(encoding='utf-8')",
        "path.read_text('utf-8')",
        "path.write_text(text, 'utf-8')",
        "open(name, 'rb')",
        "open(name, mode)",
        "path.open('wb')",
        "path.open(encoding='utf-8', errors='replace')",
        "Image.open(path)",
        "tarfile.open(fileobj=file)",
        "StudyReport.open('tiny', metrics=metrics)",
        "os.open(path, os.O_RDONLY)",
        "subprocess.run(command, capture_output=True)",
        "subprocess.run(command, encoding='utf-8', text=True)",
        "subprocess.run(command, **options)",
    ],
)
def test_calls_that_do_not(code):
    assert list(lint.calls_in(code)) == []


def test_the_code_of_a_notebook_and_of_a_rule_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "workflow/rules").mkdir(parents=True)
    (tmp_path / "Snakefile").write_text("x = 1\n")
    (tmp_path / "workflow/rules/a.smk").write_text("rule a:\n    run:\n        Path('a').write_text('b')\n")
    notebook = tmp_path / "a.ipynb"
    notebook.write_text('{"cells": [{"cell_type": "code", "source": ["import x\\n", "x.read_text()"]}]}')
    found = [(str(path), line) for path, line, _ in lint.unencoded([notebook])]
    assert found == [(str(notebook), 2), ("workflow/rules/a.smk", 3)]
