# Two commands do everything on a fresh machine: `make demo` and `make test`.
# CI (.ci/run) calls these same targets.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTHONS ?= 3.11 3.12 3.13
NODE := tests/chart/node

.PHONY: demo test test-quick test-servers coverage hooks chart e2e matrix zero-loss bench bench-own bench-simulator bench-lint rules survey lint wheel clean help
.DELETE_ON_ERROR:

help:  ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1: /p' $(MAKEFILE_LIST)

demo: $(VENV)/.demo  ## play the life of a pod: warm-up, load, SIGTERM, drain
	@$(BIN)/python examples/demo.py

test: test-quick test-servers  ## all tests: the quick ones first, then those on real servers

test-quick: $(VENV)/.dev .tools/.fetched  ## everything in virtual time
	@sh tests/quick.sh $(BIN)/python

coverage: $(VENV)/.dev  ## the same, with the coverage that it must have: all lines and branches
	@sh tests/coverage.sh $(BIN)/python

test-servers: $(VENV)/.dev  ## real servers, real signals, a real client
	$(BIN)/python -m pytest tests/integration/test_zero_loss.py tests/integration -m "not matrix and not hooks and not chart" -n 3

hooks: $(VENV)/.dev  ## pre-commit's hooks, run by pre-commit; fetches it
	$(BIN)/python -m pytest tests/integration/test_pre_commit.py -m hooks

chart: $(VENV)/.dev $(NODE)/node_modules  ## the Helm chart, all of it: real helm 4 and 3, schemas; fetches them; a minute
	@PYTHON=$(BIN)/python sh tests/chart/fetch.sh .tools
	$(BIN)/python -m pytest tests/chart tests/cluster/own -n 2 \
		tests/integration/test_dashboard.py tests/integration/test_cluster_programs.py

e2e: $(VENV)/.dev  ## the chart on the cluster of KUBECONFIG, with HEALTHKIT_E2E_IMAGE; some 15 minutes
	@$(BIN)/python -m tests.cluster.settings
	@$(BIN)/python -m pytest tests/cluster -m cluster -v -o faulthandler_timeout=900

matrix:  ## all tests, zero-loss among them, on each Python that is installed; an hour
	@for version in $(PYTHONS); do sh tests/integration/on_python.sh $$version || exit 1; done

zero-loss: $(VENV)/.dev  ## every server, ended under load in every way; prints the table; some 10 minutes
	@rm -f .zero-loss.jsonl
	@code=0; ZERO_LOSS_RESULTS=$(CURDIR)/.zero-loss.jsonl \
		$(BIN)/python -m pytest tests/integration/test_zero_loss.py -q -m matrix || code=$$?; \
		$(BIN)/python tests/integration/zero_loss_table.py .zero-loss.jsonl; exit $$code

bench: .venv-bench/.bench  ## what healthkit costs, beside its peers; needs valgrind; some 4 minutes
	@.venv-bench/bin/python tests/benchmarks/run.py

bench-own: .venv-bench/.bench  ## the same without the peers; fails when a goal is missed by more
	@.venv-bench/bin/python tests/benchmarks/run.py --own

bench-simulator: $(VENV)/.dev  ## an hour in the life of a thousand pods; some 15 seconds
	@$(BIN)/python tests/benchmarks/simulator.py

bench-lint: $(VENV)/.dev  ## what the linter takes for a thousand manifests; some 10 seconds
	@$(BIN)/python tests/benchmarks/lint.py

rules: $(VENV)/.dev  ## write RULES.md
	@$(BIN)/python -m healthkit lint --explain all > RULES.md

survey: $(VENV)/.dev  ## count what the rules find in rendered charts: make survey CHARTS=DIR
	@$(BIN)/python tests/benchmarks/survey.py $(CHARTS) --write
	@$(MAKE) --no-print-directory rules

lint: $(VENV)/.dev  ## the static checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python --warnings
	$(BIN)/lint-imports

wheel: $(VENV)/.dev  ## build the wheel, install it elsewhere, and run the quick tests on it
	sh tests/integration/on_wheel.sh $(BIN)/python

clean:  ## remove what the other targets have made
	rm -rf .venv .venv-* .tools $(NODE)/node_modules build dist .coverage .zero-loss.jsonl .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and "found Python %d.%d, expected 3.11 or later: name one, as in make PYTHON=python3.12" % v[:2])'
	@$(PYTHON) -m venv $(VENV)

# Without them tests of the chart are skipped, so a registry out of reach is no failure here.
.tools/.fetched: tests/chart/fetch.sh $(BIN)/python
	@PYTHON=$(BIN)/python sh tests/chart/fetch.sh .tools && touch $@ || true

$(NODE)/node_modules: $(NODE)/package-lock.json
	@command -v npm >/dev/null || { echo "found no npm, expected Node 20 or later: it checks custom resources" >&2; exit 1; }
	@for pause in 5 20 0; do \
		npm ci --prefix $(NODE) --silent --no-audit --no-fund --fetch-timeout=60000 && exit 0; sleep $$pause; \
	done; echo "npm can't get what checks custom resources: asked three times" >&2; exit 1
	@touch $@

.venv-bench/.bench: pyproject.toml tests/benchmarks/requirements.txt
	@sh tests/benchmarks/install.sh $(PYTHON) .venv-bench
	@touch $@

$(VENV)/.demo: pyproject.toml $(BIN)/python
	@echo "Installing healthkit and what the demo needs into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --editable '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(BIN)/python
	@echo "Installing healthkit and what its tests need into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --editable '.[dev]'
	@touch $(VENV)/.demo $@
