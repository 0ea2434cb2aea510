# Every target sets up what it needs: an own virtual environment in .venv, from uv.lock.
SHELL := /bin/sh
PYTHON ?= python3
UV := $(shell command -v uv || echo .uv/uv)
export UV_PROJECT_ENVIRONMENT := .venv

READY := .venv/.ready
READY_DEV := .venv/.ready-dev
BGPILOT := .venv/bin/bgpilot
RUN := .venv/bin/
WORKERS ?= 3

.DEFAULT_GOAL := help
.PHONY: help demo demo-failover up compile test test-packages check format fuzz bench bench-ingest bench-query bench-wire clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

demo: $(READY) ## Run everything with a real router's table replayed (ARGS=--once: stop after that)
	@$(BGPILOT) up --demo $(ARGS)

demo-failover: $(READY_DEV) test-packages ## Move a prefix between two sites with real routers, and print what happened when
	@$(RUN)pytest -q -s tests/failover/end_to_end/test_moves.py $(ARGS)

up: $(READY) ## Run everything on this machine; routers send BMP to port 11019
	@$(BGPILOT) up $(ARGS)

compile: $(READY_DEV) ## Make machine code of the decoder, beside its sources (make clean removes it)
	@$(RUN)python scripts/compile_wire.py

test: $(READY_DEV) test-packages ## Run the whole test suite (ARGS="tests/routes -k prefix" for a part)
	@$(RUN)pytest -n $(WORKERS) $(ARGS)

test-packages:
	@sh scripts/install-test-packages.sh

check: $(READY_DEV) ## Lint, format, types and import contracts: what CI and pre-commit run
	@$(RUN)ruff check
	@$(RUN)ruff format --check
	@$(RUN)mypy
	@$(RUN)lint-imports

format: $(READY_DEV) ## Put the code in the house's format
	@$(RUN)ruff check --fix
	@$(RUN)ruff format

SECONDS ?= 60
fuzz: $(READY_DEV) ## Fuzz the decoder (SECONDS=600 TARGET="update evpn"; all targets by default)
	@$(RUN)python -m tests.fuzz --seconds $(SECONDS) $(addprefix --target ,$(TARGET))

bench-wire: $(READY_DEV) ## Measure the decoder alone: plain, compiled, and pmacct's where it is installed
	@$(RUN)python -m bench wire

bench-ingest: $(READY_DEV) ## Measure the way into the store: loads, churn, lag, bytes, memory
	@$(RUN)python -m bench ingest steady

bench-query: $(READY_DEV) ## Measure answers over five full tables and thirty days (7 GB in BENCH_HOME)
	@$(RUN)python -m bench query

bench: $(READY_DEV) ## Measure; each figure is one JSON line (bench/README.md)
	@$(RUN)python -m bench $(ARGS)

clean: ## Remove what these targets made here (not the data in BGPILOT_HOME)
	rm -rf .venv .uv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f bgpilot_wire__mypyc*.so
	find services -name '*.so' -delete

$(READY): pyproject.toml uv.lock | $(UV)
	@echo "installing bgpilot into .venv"
	@$(UV) sync --frozen --quiet --no-dev --inexact
	@touch $@

$(READY_DEV): pyproject.toml uv.lock | $(UV)
	@echo "installing bgpilot and what its tests and checks need into .venv"
	@$(UV) sync --frozen --quiet
	@touch $@ $(READY)

.uv/uv:
	@$(PYTHON) scripts/get_uv.py .uv
