"""The tiny project of tests/workflow/conftest.py for tests in other folders: `Project`, `make_source`, `source`."""

import importlib.util
import sys
from pathlib import Path

_spec = importlib.util.spec_from_file_location(
    "tiny_project_of_the_workflow_tests", Path(__file__).parent / "workflow/conftest.py"
)
_module = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _module  # dataclasses look their module up
_spec.loader.exec_module(_module)

Project = _module.Project
make_source = _module.make_source
source = _module.source
