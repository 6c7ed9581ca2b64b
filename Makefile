# Each target does its own set-up: a fresh machine needs Python 3.11 or later, git, make, and nothing else.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CACHE  := .cache
SDKS   := $(foreach sdk,py2 py3 py4 py5 otel js3 js5,$(CACHE)/sdk-$(sdk)/.ready)
PYTEST := $(BIN)/pytest -n $(or $(TEST_PROCESSES),auto) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help serve test lint format bench crash fuzz chaos lock clean system

help:            ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/: .*## |:.*## /\t/' | expand -t 10

serve: $(VENV)/.serve  ## run a server with sample prompts on http://127.0.0.1:3000; data in ./data
	$(BIN)/trunkline serve

test: $(VENV)/.dev $(SDKS) system  ## run every test, the long campaigns shortened
	$(PYTEST)

lint: $(VENV)/.dev  ## ruff, mypy and import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev  ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev system  ## measure speed, memory and size (ratios and medians)
	$(BIN)/python tests/benchmarks/run.py

crash: $(VENV)/.dev system  ## kill processes, many rounds
	TRUNKLINE_CRASH_ROUNDS=$(or $(ROUNDS),1000) $(BIN)/pytest -m crash --timeout 7200

fuzz: $(VENV)/.dev  ## random input, many cases
	TRUNKLINE_FUZZ_CASES=$(or $(CASES),50000) $(BIN)/pytest -m fuzz --timeout 7200

chaos: $(VENV)/.dev  ## a Redis that is killed, stopped, wiped and poisoned, for long
	TRUNKLINE_CHAOS_ROUNDS=$(or $(ROUNDS),100) $(BIN)/pytest -m chaos --timeout 7200

lock:            ## resolve the dependencies anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--group dev pyproject.toml -o requirements-dev.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
		-c requirements-dev.txt pyproject.toml -o requirements.txt

clean:           ## remove environments and caches (not ./data)
	rm -rf $(VENV) $(CACHE) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

system:
	@tests/system_packages.sh

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Trunkline needs Python 3.11 or later" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: requirements.txt pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.txt pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.serve

$(CACHE)/sdk-%/.ready: tests/sdk/requirements-%.txt
	rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# Without npm the tests of the JavaScript SDKs are skipped.
$(CACHE)/sdk-js%/.ready: tests/sdk/js%/package-lock.json
	rm -rf $(@D)
	mkdir -p $(@D)
	@if command -v npm >/dev/null; then \
		cp tests/sdk/js$*/package.json tests/sdk/js$*/package-lock.json tests/sdk/js$*/.npmrc $(@D)/ && \
		(cd $(@D) && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error) && touch $@; \
	else echo "no npm here: the scenarios of the JavaScript SDKs are skipped"; fi
