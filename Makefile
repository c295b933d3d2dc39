# What can be done with this project: `make demo`, `make test`, `make lint`, `make bench`, `make lab`, `make docs`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
SOURCES := pyproject.toml $(shell find gateway mibs -type f -not -name '*.pyc')

.SECONDARY:
.PHONY: demo test lint bench lab docs requirements packages clean

demo: $(VENV)/run
	$(BIN)/ha-cluster-gateway demo

test: $(VENV)/test packages
	$(BIN)/python -m pytest

lint: $(VENV)/dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# Needs root and the packages of tests/packages.txt; prints the ratios to ha_cluster_exporter.
bench: $(VENV)/test packages
	@sh tests/packages.sh tests/packages-bench.txt
	$(BIN)/python -m tests.bench

# A real cluster to play with, in namespaces of this machine: see tests/lab/README.md.
lab: $(VENV)/test packages
	$(BIN)/python -m tests.lab start

docs: $(VENV)/dev
	$(BIN)/sphinx-build -q -n -W -b html docs docs/_build/html

# The real daemons that the tests run. Without root they are not installed, and those tests say that they are skipped.
packages:
	@sh tests/packages.sh

$(BIN)/python:
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo 'make: $(PYTHON) -m venv failed; on Debian: apt install python3-venv' >&2; exit 1; }

$(VENV)/%-requirements: requirements/%.txt | $(BIN)/python
	$(PIP) --require-hashes -r $<
	@touch $@

# The package itself is built and installed as users get it.
$(VENV)/run $(VENV)/test $(VENV)/dev: $(VENV)/%: $(VENV)/%-requirements $(SOURCES)
	$(PIP) --no-deps --force-reinstall .
	@touch $@

# Rewrites the pinned versions; needs uv.
requirements:
	for set in run: test:test dev:test,lint,docs; do \
	  groups=$$(echo "$${set#*:}" | tr ',' '\n' | sed 's/^./--group &/'); \
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    $$groups pyproject.toml --output-file requirements/$${set%%:*}.txt || exit 1; \
	done

clean:
	rm -rf $(VENV) docs/_build
