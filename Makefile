# Two commands do everything on a fresh machine: `make demo` and `make test`.
# What CI runs (.ci/run) are these same targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest

.PHONY: demo test matrix lint wheel bench clean
.DELETE_ON_ERROR:

demo: $(VENV)/.demo  ## play the life of a pod: warm-up, load, SIGTERM, drain
	@$(BIN)/python examples/demo.py

test: $(VENV)/.dev  ## all tests: quick ones first, then those that start servers
	$(BIN)/coverage run -m pytest tests --ignore=tests/integration
	$(BIN)/coverage report
	$(PYTEST) tests/integration -m "not matrix"

matrix: $(VENV)/.dev  ## 20 terminations on every loop, HTTP parser and Python
	$(PYTEST) tests/integration -m matrix

lint: $(VENV)/.dev  ## the static checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python --warnings
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) build dist .coverage .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and "found Python %d.%d, expected 3.11 or later: set PYTHON, as in make PYTHON=python3.12" % v[:2])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.demo
