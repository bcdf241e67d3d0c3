# What the README's commands do. Needs Python >= 3.11, git and make; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
# read by advtransfer from the environment, so that no shell takes its text apart
export STUDY PROFILE
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: run test faults audit lint docs setup lock

run: setup
	@ADVTRANSFER_CALLED_AS="make run" $(BIN)/advtransfer run

# Two processes: most of the time goes to workflows that are run for real. In the order of the files: xdist would
# begin with those of the most tests and leave one process with the slowest.
test: setup
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

# Kills and damage that a run must survive, for some ten minutes: docs/reliability.md.
faults: setup
	@$(BIN)/python tests/faults/harness.py

audit: setup
	@$(BIN)/advtransfer audit

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy
	$(BIN)/python workflow/lint.py

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

setup: .venv/installed

# Byte code is compiled at once: without it every one of a study's jobs pays 1.2 s more to import torch.
.venv/installed: requirements.lock pyproject.toml requirements.uv
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "advtransfer needs Python >= 3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.uv
	VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode requirements.lock
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# After a change of requirements.in.
lock: setup
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --no-header requirements.in --output-file requirements.lock
