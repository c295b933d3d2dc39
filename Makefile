# The tasks of this project. `make demo`, `make test` and `make docs` are the ones to start with.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
SOURCES := pyproject.toml README.md $(shell find gateway mibs -type f -not -name '*.pyc')

# More processes than two cores need: the tests of the lab mostly wait. See tests/scheduling.py.
PROCESSES ?= 4
PYTEST := $(BIN)/pytest --numprocesses=$(PROCESSES) --no-loadscope-reorder
TREE := PYTHONPATH=. $(BIN)/python

.SECONDARY:
.PHONY: deb rpm package-tests demo test quick coverage lint regenerate bench soak soak-readers fuzz flood browser lab arbitration remote matrix integrations fleet grafana docs requirements audit sbom packages clean

# ARGS="--speed 10" plays it ten times as fast.
demo: $(VENV)/run
	@$(BIN)/ha-cluster-gateway demo $(ARGS)

# Tests the package as users install it: .venv/bin/pytest. `.venv/bin/python -m pytest` tests the source tree.
test: $(VENV)/test packages
	$(PYTEST)

# Without the lab and without the tests that start other programs.
quick: $(VENV)/test
	$(PYTEST) -m 'not lab and not daemon'

coverage: $(VENV)/test packages
	$(PYTEST) --cov

lint: $(VENV)/dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# Rewrites everything that is generated: the compiled MIB, parts of the documentation, the expected outputs of tests.
regenerate: $(VENV)/test-requirements
	$(TREE) mibs/compile.py
	$(TREE) docs/generate.py
	$(TREE) rules/generate.py
	$(TREE) dashboards/generate.py
	$(TREE) -m integrations.generator
	REGENERATE=1 $(TREE) -m pytest -q -m golden

# Needs root and the packages of tests/packages.txt; prints the ratios to ha_cluster_exporter.
bench: $(VENV)/test packages
	@sh tests/packages.sh tests/packages-bench.txt
	$(BIN)/python -m tests.bench

# One gateway for long, with scrapes, walks and faults at the same time; ARGS="--scrapes 1000 --requests 1000" for less.
soak: $(VENV)/test packages
	$(BIN)/python -m tests.soak $(ARGS)

# A gateway on a real node that asks the cluster's libraries, for long; ARGS="--scrapes 1000 --crashes 100" for less.
soak-readers: $(VENV)/test packages
	$(BIN)/python -m tests.soak.readers $(ARGS)

# Damaged inputs for everything that reads what others wrote; ARGS="--seconds 60 --only parser" for less.
fuzz: $(VENV)/test
	$(BIN)/python -m tests.fuzz --seconds 3600 $(ARGS)

# One gateway under floods of requests, datagrams, alerts and notifications; prints how long other clients wait.
flood: $(VENV)/test packages
	$(BIN)/python -m tests.flood $(ARGS)

# What a fleet of clusters costs a real Prometheus: docs/fleet.md. Takes an hour; ARGS="--clusters 4 --minutes 2" for less.
fleet: $(VENV)/test packages
	$(BIN)/python -m tests.fleet $(ARGS)

# The status page in headless Chromium, with axe-core from npm; REGENERATE=1 replaces the pictures in docs/images.
browser: $(VENV)/test
	@sh tests/packages.sh tests/packages-browser.txt
	npm install --silent --no-save --prefix $(VENV)/axe axe-core@4
	AXE_CORE=$(abspath $(VENV))/axe/node_modules/axe-core/axe.min.js $(TREE) -m pytest -q tests/test_status_page_browser.py

# The dashboards against the types that Grafana publishes, from npm and PyPI.
grafana: $(VENV)/test-requirements
	npm install --silent --no-save --ignore-scripts --legacy-peer-deps --prefix $(VENV)/grafana \
	  @grafana/schema@11 typescript@5
	$(BIN)/pip install --quiet --upgrade --target $(VENV)/grafana/python grafana-foundation-sdk
	$(TREE) -m tests.grafana $(VENV)/grafana

# A real cluster to play with, in namespaces of this machine: see tests/lab/README.md.
lab: $(VENV)/test packages
	$(BIN)/python -m tests.lab start

# A quorum device, its arbitrator and booth in the lab, for half an hour: every step, alarms, TLS, bad input.
# With LAB_TREE and LAB_NEXT_TREE, trees of `make matrix`, on another release, and with different versions.
arbitration: $(VENV)/test packages
	@sh tests/packages.sh tests/packages-arbitration.txt
	$(BIN)/pytest -m lab tests/lab/arbitration_proofs.py tests/lab/geo_proofs.py $(ARGS)

# A remote node and a guest node of Pacemaker Remote in the lab. With LAB_TREE, a tree of `make matrix`, on another release.
remote: $(VENV)/test packages
	$(BIN)/pytest -m lab tests/lab/remote_proofs.py $(ARGS)

# The lab's tests on other Debian releases, with the trees that debootstrap makes at first use; about a gigabyte each.
# `make matrix RELEASES="bookworm sid" TREES=/var/tmp/trees`; ARGS="-k quorum" for fewer tests; for proofs
# TESTS=tests/lab/remote_proofs.py PROCESSES=1.
RELEASES ?= bullseye bookworm trixie sid
TREES ?= $(abspath $(VENV))/trees
matrix: $(VENV)/test packages
	@sh tests/packages.sh tests/packages-matrix.txt
	$(BIN)/python -m tests.lab.matrix $(TREES) $(RELEASES) $(addprefix --tests=,$(TESTS)) -- --numprocesses=$(PROCESSES) --no-loadscope-reorder $(ARGS)

# Packages, into dist: see docs/packages.md. For example ARGS="--libraries distribution".
deb: $(VENV)/run-requirements
	$(TREE) -m packager deb $(ARGS)

rpm: $(VENV)/run-requirements
	$(TREE) -m packager rpm $(ARGS)

# Installs, upgrades and purges the packages on new systems of three releases of Debian; needs root, debootstrap and rpm.
package-tests: $(VENV)/test-requirements
	@sh tests/packages.sh tests/packages-package-tests.txt
	$(TREE) -m tests.packages $(ARGS)

# Runs the managers of the folder integrations against the demo, in trees of two releases of Debian: needs root, some
# gigabytes and a quarter of an hour. ARGS="snmptt collectd" for some of them; with copies of their repositories also
# ARGS="--librenms CLONE --opennms CLONE".
integrations: $(VENV)/test packages
	@sh tests/packages.sh tests/packages-matrix.txt
	$(TREE) -m tests.managers $(TREES) $(ARGS)

docs: $(VENV)/dev
	$(BIN)/sphinx-build -q -n -W -b html docs docs/_build/html

# Installs the daemons that the tests run. Without root nothing is installed, and the tests that need them are skipped.
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
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras \
	    --no-emit-index-url --no-header $$groups pyproject.toml --output-file requirements/$${set%%:*}.txt || exit 1; \
	done
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras \
	  --no-emit-index-url --no-header --group build --output-file requirements/build.txt

# Compares the pinned versions with published advisories. ADVISORIES is a copy of the database; it is updated if it is a
# clone, and cloned if it does not exist.
ADVISORIES ?= $(VENV)/advisory-database
audit: $(VENV)/test-requirements
	@if [ -d $(ADVISORIES)/.git ]; then git -C $(ADVISORIES) pull --quiet; \
	elif [ ! -d $(ADVISORIES) ]; then \
	  git clone --quiet --depth 1 https://github.com/pypa/advisory-database $(ADVISORIES); fi
	$(TREE) requirements/audit.py $(ADVISORIES) requirements/*.txt

# The software bill of materials of what is installed with the gateway.
sbom:
	PYTHONPATH=. $(PYTHON) requirements/sbom.py > ha-cluster-gateway.cdx.json

clean:
	rm -rf ha-cluster-gateway.cdx.json $(VENV) docs/_build
