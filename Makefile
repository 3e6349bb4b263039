# Everything a newcomer and CI need. `make` alone prints this help.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
JOBS ?= 2
ARGS ?=
QUICK ?=
SCHEDULES ?=

.PHONY: help setup demo test soak mutation lint format bench serve migrate lock clean

help: ## print this help
	@echo "Tidewaiter: a federated intelligence-sharing node for customs. Targets:"
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12 | sed 's/^/  make /'

$(STAMP): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed (PYTHON=/path/to/python3.11 make ...)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked packages into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(STAMP) ## make .venv with the locked packages and the tidewaiter command

demo: $(STAMP) ## four nodes on this machine play the whole story, with its checks (ARGS=--once ends by itself)
	@$(BIN)/tidewaiter demo --bulletin build/bulletin.html $(ARGS)

test: $(STAMP) ## all tests, on SQLite and PostgreSQL
	@$(BIN)/python -m pytest -q -n $(JOBS) $(ARGS)

soak: $(STAMP) ## play schedules of faults in the simulator (SECONDS=60, or SCHEDULES=200); the last line counts them
	@$(BIN)/python -m tests.simulator.soak --jobs $(JOBS) $(if $(SCHEDULES),--schedules $(SCHEDULES),--seconds $(or $(SECONDS),60)) $(ARGS)

mutation: $(STAMP) ## change what decides, line by line, and see tests fail: the last line counts the changes noticed
	@rm -rf mutants
	@$(BIN)/mutmut run --max-children $(JOBS) $(ARGS) > mutants.log 2>&1 || { tail -20 mutants.log; exit 1; }
	@$(BIN)/mutmut results --all true | awk -f tests/mutation.awk

lint: $(STAMP) ## ruff, mypy, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(STAMP) ## put every file into the one format
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bench: $(STAMP) ## measure, one line a figure: BENCH name value unit (QUICK=1 for a short run)
	@$(BIN)/python -m bench $(if $(QUICK),--quick) $(ARGS)

serve: $(STAMP) ## run the node whose home is HOME_DIR
	@$(BIN)/tidewaiter --home "$(HOME_DIR)" serve

migrate: $(STAMP) ## bring the database of HOME_DIR to the newest schema
	@$(BIN)/tidewaiter --home "$(HOME_DIR)" migrate

lock: $(STAMP) ## renew the locked requirements (needs uv)
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url pyproject.toml -o requirements.txt --upgrade
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --extra dev pyproject.toml -o requirements-dev.txt --upgrade

clean: ## remove the environment and what was built
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
