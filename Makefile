# `make` alone says what there is to make. Everything happens in .venv, from the lock files.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-fast check lint lock servers bench clean

VENV := .venv
PY := $(VENV)/bin/python
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed

# The first Python that runs and is of a version we support; `make PYTHON=...` overrides.
ifndef PYTHON
PYTHON := $(shell for name in python3.11 python3.12 python3.13 python3; do \
	$$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	&& echo $$name && break; done)
endif

PIP := $(PY) -m pip --disable-pip-version-check --no-input
INSTALL := $(PIP) install --quiet --require-hashes
INSTALL_PROJECT := $(PIP) install --quiet --no-deps --no-build-isolation --editable .
# Each worker has servers of its own, hence no more than four.
PYTEST := $(PY) -m pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal
FAST := $(wildcard tests/unit tests/contract) -m fast

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUNTIME)  ## the whole product without servers: a simulated fleet, its failing bearings, the alerts
	@$(VENV)/bin/bearingwatch demo $(ARGS)

test: $(DEV)  ## every test, with a real Kafka and a real InfluxDB
	@$(PY) -m tests.servers plan
	@nice $(PY) -m tests.servers ensure >$(VENV)/servers.log 2>&1 & servers=$$!; status=0; \
	$(PYTEST) $(FAST) || status=$$?; \
	wait $$servers || { cat $(VENV)/servers.log; status=1; }; \
	$(PYTEST) tests -m 'not fast' || status=$$?; \
	exit $$status

test-fast: $(DEV)  ## the tests that need no server
	@$(PYTEST) $(FAST)

check: lint  ## before each commit: style, types, import order, unit tests
	@$(PYTEST) -q tests/unit

lint: $(DEV)  ## style, types, import order
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports

servers: $(VENV)/bin/python  ## run a Kafka and an InfluxDB until Ctrl-C, fetched or built if need be
	@$(PY) -m tests.servers start

# --------------------------------------------------------------------------- dependencies

COMPILE = $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command 'make lock' $(UPGRADE) --output-file
FROM := pyproject.toml

lock: $(DEV)  ## write requirements/*.txt anew (newest versions: make lock UPGRADE=--upgrade)
	@$(COMPILE) requirements/runtime.txt $(FROM)
	@$(COMPILE) requirements/build.txt --group build -c requirements/runtime.txt
	@$(COMPILE) requirements/training.txt $(FROM) --extra training -c requirements/runtime.txt
	@$(COMPILE) requirements/dev.txt $(FROM) --extra training --extra parquet --extra evaluation --group dev \
		-c requirements/runtime.txt -c requirements/build.txt -c requirements/training.txt

$(PY):
	@test -n '$(PYTHON)' || { echo 'bearingwatch needs Python 3.11, 3.12 or 3.13, and none of them is' \
		'on the PATH (Debian: apt-get install python3; or make PYTHON=/path/to/python)'; exit 1; }
	@'$(PYTHON)' -c 'import ensurepip, venv' 2>/dev/null || { echo '$(PYTHON) cannot make a virtual' \
		'environment (Debian: apt-get install python3-venv)'; exit 1; }
	@'$(PYTHON)' -m venv $(VENV)

$(RUNTIME): requirements/runtime.txt requirements/build.txt pyproject.toml | $(PY)
	@echo 'installing bearingwatch into $(VENV): some 500 MB, which takes a minute or so, and this once only'
	@$(INSTALL) -r requirements/runtime.txt -r requirements/build.txt
	@$(INSTALL_PROJECT)
	@touch $@

$(DEV): requirements/dev.txt pyproject.toml | $(PY)
	@echo 'installing bearingwatch with what its tests and its training need into $(VENV)'
	@$(INSTALL) -r requirements/dev.txt
	@$(INSTALL_PROJECT)
	@touch $(RUNTIME) $@

# --------------------------------------------------------------------------- the rest

bench:  ## list the benchmarks
	@for file in benchmarks/*.py benchmarks/*/__main__.py; do \
		test -f $$file || continue; \
		case $$file in */__init__.py) continue;; esac; \
		printf '%-40s %s\n' $$file "$$(sed -n '1s/"""//gp' $$file)"; \
	done

clean:  ## remove .venv and what tools left; the built servers stay in their cache
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
