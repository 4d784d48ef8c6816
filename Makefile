# Everything a person or CI runs. `make help` lists it.
PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/pytest --maxprocesses 4 --no-loadscope-reorder
MORE_THAN_CORES = $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

# Where this is set, each of some hundred processes would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help environment demo check test test-faults soak bench lint format types imports sql fast unit lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

environment: # .venv as requirements.lock names it; does nothing when it is there
	@$(PYTHON) stack/bootstrap.py

demo: environment ## a served shop on real retail data; ARGS="--exit", "--users 200 --days 90", ...
	@$(BIN)/tanawari demo $(ARGS)

check: environment ## style, types and the fast tests, side by side: before each push
	@$(MAKE) --no-print-directory --jobs 2 --keep-going --output-sync fast lint imports sql types

test: environment ## style, types and all tests but the fault tests, side by side
	@$(MAKE) --no-print-directory --jobs 2 --keep-going --output-sync types lint imports sql unit

fast: environment # the tests that start no servers and no processes; one that takes a minute is none of them
	$(PYTEST) --numprocesses auto --quiet -m "not slow and not soak" --timeout 60 $(ARGS)

# `+`: make does not hold back what it prints, and therefore passes on its jobs, of which pytest knows nothing.
unit: environment # all tests but the fault tests; a worker runs whole files, with servers of its own, and often waits
	+MAKEFLAGS= $(PYTEST) --numprocesses $(MORE_THAN_CORES) -m "not faults and not soak" $(ARGS)

test-faults: environment ## the tests that kill real processes, and all repetitions of the others
	TANAWARI_FAULTS=full $(PYTEST) --numprocesses auto -m "(faults or repeated) and not soak" --timeout 1800 $(ARGS)

soak: environment ## the tests that take too long for every change
	$(PYTEST) --numprocesses auto -m soak --timeout 7200 $(ARGS)

bench: environment ## how fast it is, beside its bars; writes docs/benchmarks.md; ARGS="landing publish" for some
	@$(BIN)/python -m benchmarks $(ARGS)

lint: environment ## style of the Python code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: environment ## strict types
	$(BIN)/mypy

imports: environment ## who may import whom
	$(BIN)/lint-imports

sql: environment ## style of the dbt models
	$(BIN)/sqlfluff lint dbt

format: environment ## mend what can be mended by machine
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: environment ## resolve the packages anew
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --upgrade --quiet --output-file requirements.lock

clean: ## remove the environment and what tools left (a demo's state stays: tanawari reset)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dbt/target dbt/logs
