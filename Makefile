# What the README's commands do. Needs Python >= 3.11, git and make; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
# read by advtransfer from the environment, so that no shell takes its text apart
export STUDY PROFILE
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Without byte code each of a study's jobs takes 1.2 s more to import torch.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test faults audit lint docs setup setup-cluster setup-test lock

# A profile that sends jobs elsewhere needs the plugin that does it.
run: $(if $(filter-out default gpu,$(PROFILE)),setup-cluster,setup)
	@ADVTRANSFER_CALLED_AS="make run" $(BIN)/advtransfer run

# Two processes: most of the time goes to workflows that are run for real. In the order of the files: xdist would
# begin with those of the most tests and leave one process with the slowest.
test: setup-test
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

# Kills and damage that a run must survive, for some ten minutes: docs/reliability.md.
faults: setup-test
	@$(BIN)/python tests/faults/harness.py

audit: setup
	@$(BIN)/advtransfer audit

lint: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy
	$(BIN)/python workflow/lint.py

docs: setup-test
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

setup: .venv/set-up
setup-cluster: .venv/set-up-cluster
setup-test: .venv/set-up-test

# Each environment holds the one before it; what is there already is not installed again.
RUN_LOCKS := requirements.lock
CLUSTER_LOCKS := $(RUN_LOCKS) requirements-cluster.lock
TEST_LOCKS := $(CLUSTER_LOCKS) requirements-test.lock
ENVIRONMENTS := .venv/set-up .venv/set-up-cluster .venv/set-up-test

.venv/set-up: .venv/bin/uv $(RUN_LOCKS) pyproject.toml
	$(call install,$(RUN_LOCKS),$(wordlist 1,1,$(ENVIRONMENTS)))

.venv/set-up-cluster: .venv/bin/uv $(CLUSTER_LOCKS) pyproject.toml
	$(call install,$(CLUSTER_LOCKS),$(wordlist 1,2,$(ENVIRONMENTS)))

.venv/set-up-test: .venv/bin/uv $(TEST_LOCKS) pyproject.toml
	$(call install,$(TEST_LOCKS),$(ENVIRONMENTS))

# $(1): locks; what none of them names is removed, so that a larger environment has to be made again. $(2): what is
# there then. The last line writes the byte code of what most processes import; all of it (uv's --compile-bytecode)
# would take three times as long and .3 GB more.
define install
	rm -f $(ENVIRONMENTS)
	VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet --require-hashes $(1)
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -W ignore -c 'import torch, torchvision, pandas, sklearn.linear_model, matplotlib.pyplot, \
		snakemake.cli, dvc.cli, mlflow, papermill'
	touch $(2)
endef

.venv/bin/uv: requirements.uv
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "advtransfer needs Python >= 3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.uv
	touch $@

# After a change of a requirements*.in. A package has one version in all locks: the smaller ones bind the larger.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --no-header
lock: setup
	$(COMPILE) requirements.in --output-file requirements.lock
	$(COMPILE) requirements-cluster.in --constraint requirements.lock --output-file requirements-cluster.lock
	$(COMPILE) requirements-test.in --constraint requirements.lock --constraint requirements-cluster.lock \
		--output-file requirements-test.lock
