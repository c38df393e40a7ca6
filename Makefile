# Every target sets up what it needs: a virtual environment here, Debian packages where root.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
N ?= 3
KILLS ?= 200
HOSTS ?= 6

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast lint lab-up lab-down lab-reset bench chaos docs clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.demo ## plan and apply examples/quickstart into ./.demo (no root), then again: nothing to do
	rm -rf .demo
	$(BIN)/cfgdsl plan examples/quickstart/infra.py
	$(BIN)/cfgdsl apply --yes examples/quickstart/infra.py
	$(BIN)/cfgdsl apply --yes examples/quickstart/infra.py
	@echo "See ./.demo for what was made, examples/quickstart/infra.py for how."

test: $(VENV)/.test ## all tests; those on real hosts where this user is root
	$(BIN)/pytest -q -n 2 --dist loadgroup

test-fast: $(VENV)/.test ## all tests but those on real hosts
	$(BIN)/pytest -q -n 2 -m "not lab"

lint: $(VENV)/.test ## ruff, mypy --strict, import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy tests examples benchmarks
	$(BIN)/lint-imports

lab-up: $(VENV)/.test ## start N=3 real Debian hosts on loopback addresses (root)
	$(BIN)/python -m tests.lab up $(N)

lab-down: $(VENV)/.test ## stop them
	$(BIN)/python -m tests.lab down

lab-reset: $(VENV)/.test ## make them pristine again
	$(BIN)/python -m tests.lab reset

bench: $(VENV)/.test ## measure; writes tables to benchmarks/results/
	$(BIN)/python -m benchmarks

chaos: $(VENV)/.test ## KILLS=200 disturbed runs on HOSTS=6 lab hosts, each repaired by one apply (root)
	$(BIN)/python -m benchmarks.chaos --kills $(KILLS) --hosts $(HOSTS)

docs: $(VENV)/.test ## regenerate what is generated from the code
	$(BIN)/python -m tests.generate_docs

clean: ## remove what the targets made here (the lab: make lab-down)
	rm -rf $(VENV) .demo build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/.demo: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -e .
	@touch $@

# What the tests run beside the lab's own packages: an sshd on loopback, doas. RUNLEVEL=1 keeps
# their services from being started.
TEST_PROGRAMS := openssh-client openssh-server opendoas

$(VENV)/.test: pyproject.toml
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! dpkg -s $(TEST_PROGRAMS) >/dev/null 2>&1; then \
	    apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y -qq --no-install-recommends $(TEST_PROGRAMS) >/dev/null; fi
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check 'pip>=25.1'
	$(BIN)/pip install -q --disable-pip-version-check -e . --group test --group lint
	@touch $@ $(VENV)/.demo
