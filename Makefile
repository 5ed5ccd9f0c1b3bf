# Every word here works on a fresh clone with Python 3.11+ and make; each does its own set-up.
PYTHON ?= python3
BIN := .venv/bin
DATA_DIR ?= waypost-data
ROUNDS ?= 50

.PHONY: help install demo serve test chaos check bench lock clean
.DEFAULT_GOAL := help

help: ## list these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: .venv/runtime ## make .venv from the hash-locked requirements

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/runtime: .venv/bin/python requirements/runtime.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev: .venv/runtime requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

demo: .venv/runtime ## what a customer does, on a temporary server, as a live table
	$(BIN)/waypost demo

serve: .venv/runtime ## a server on 127.0.0.1:8080, its data in ./waypost-data
	$(BIN)/waypost serve --data-dir $(DATA_DIR)

test: .venv/dev ## every test, on an embedded PostgreSQL of its own
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

chaos: .venv/dev ## ROUNDS=50 in which everything breaks, with KIND=sandbox or cloud devices or all
	$(BIN)/python -m tests.chaos --rounds $(ROUNDS) $(if $(KIND),--kind $(KIND))

check: .venv/dev ## style, types, layers, SQL only in stores
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/sql_only_in_stores.py

bench: .venv/dev ## measure, about fifteen minutes, and write bench/RESULTS.md
	$(BIN)/python -m bench

UV_LOCK = uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header --no-config --quiet

lock: ## renew the locked requirements (needs uv)
	$(UV_LOCK) --group build --output-file requirements/runtime.txt
	$(UV_LOCK) --group build --group dev --constraints requirements/runtime.txt --output-file requirements/dev.txt

clean: ## remove the virtual environment and caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
