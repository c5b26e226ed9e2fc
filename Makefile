# Everything a contributor runs. `make help` lists it.
# Each target that needs Python makes .venv by itself, and again when pyproject.toml changes.

PYTHON ?= python3
JOBS ?= 2
AREA ?= play
QUICK ?=
NODES ?=

VENV := .venv
PY := $(VENV)/bin/python

# bash keeps a variable SECONDS of its own, and may export it: only `make demo SECONDS=15` counts.
ifeq ($(origin SECONDS),command line)
demo_seconds := $(if $(SECONDS),--seconds $(SECONDS))
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-slow test-compose bench lint format docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/.demo ## play Arena: a server, bots and a window (NODES=3: with a lobby; SECONDS=15 ends by itself)
	$(PY) -m demo_client.demo $(demo_seconds) $(if $(NODES),--nodes $(NODES))

test: lint ## ruff, mypy and the fast tests
	$(PY) -m pytest -m 'not slow' -n $(JOBS) --dist loadgroup

# pytest answers 5 when nothing was selected, which is no failure of the slow tier.
test-slow: $(VENV)/.dev ## the slow tests only
	$(PY) -m pytest -m slow --timeout 600 || { code=$$?; test $$code -eq 5 && echo 'There are no slow tests.'; }

test-compose: $(VENV)/.dev ## docker-compose.yml on a real engine (DOCKER_HOST, else the usual one), with a summary
	$(PY) -m pytest tests/compose -m slow -n 0 --timeout 900

bench: $(VENV)/.dev ## measure (AREA=play, QUICK=1 for a short run)
	QUICK='$(QUICK)' $(PY) -m bench $(AREA)

lint: $(VENV)/.dev ## ruff and mypy
	$(PY) -m ruff check .
	$(PY) -m mypy

format: $(VENV)/.dev ## sort imports, mend what ruff can mend, format
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

docs: $(VENV)/.dev ## write protocol/PROTOCOL.md anew from the message table
	$(PY) -m protocol.describe

clean: ## remove .venv, caches and builds
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The three stamps below are files in .venv, so that removing .venv forgets them all.
$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null || { echo 'Tickwire needs Python 3.11 or newer; there is no $(PYTHON) here.' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Tickwire needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo 'This Python cannot make virtual environments. On Debian or Ubuntu: apt install python3-venv' >&2; exit 1; }
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: pyproject.toml | $(VENV)/.made
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.made
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.demo
