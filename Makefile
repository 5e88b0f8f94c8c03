# Every command does its own set-up. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYPATHS := conftest.py packages services tools tests benchmarks catalogue/problems/*/checks
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format verify bench bench-lab bench-load bench-orders lock clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

setup: ## virtual environment, locked packages, servers where they are missing
	@PYTHON=$(PYTHON) tools/setup.sh

demo: setup ## grade the reference service and one with a planted mistake; write both reports
	@acidtest verify book-reviews --only reference --only never_filled_cache --reports reports
	@echo "Open reports/reference.html and reports/never_filled_cache.html in a browser."

test: setup ## every test
	@pytest

lint: setup ## formatter, linter, types, import contracts, house rules
	@ruff format --check $(PYPATHS)
	@ruff check $(PYPATHS)
	@mypy packages/kit/src packages/acidtest/src services/book_reviews/src services/orders/src \
	  services/orders_fixed/src
	@mypy tools benchmarks catalogue/problems/book-reviews/checks
	@mypy catalogue/problems/orders/checks
	@mypy catalogue/problems/struggling-orders/checks
	@lint-imports
	@yamllint --strict catalogue deploy .pre-commit-config.yaml
	@python tools/house.py

format: setup ## let the formatter have its way
	@ruff format $(PYPATHS)
	@ruff check --fix $(PYPATHS)

verify: setup ## the whole kill matrix of every problem
	@for problem in $$(acidtest problems list --plain); do acidtest verify $$problem || exit 1; done

bench: bench-lab bench-load bench-orders ## every benchmark

bench-lab: setup ## speed and memory of the lab beside their targets
	@python -m benchmarks.lab

bench-load: setup ## the load generator beside others: punctuality, and a server that freezes
	@python -m benchmarks.generators

bench-orders: setup ## the orders service under load, its writes beside an ORM and beside plain SQL
	@python -m benchmarks.orders

lock: setup ## resolve the dependencies anew
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header --upgrade --group dev pyproject.toml -o requirements.lock
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header --upgrade --group wheels -o requirements-wheels.lock

clean: ## remove what the commands made here
	@rm -rf $(VENV) reports .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
