# make up and make test are all that a newcomer needs; make help lists the rest.
SHELL = /bin/sh
PYTHON = python3
VENV = .venv
BIN = $(VENV)/bin
# A uv that runs (a version manager's stub may not), or the locked one that setup puts into the environment.
UV = $$(uv --version >/dev/null 2>&1 && echo uv || echo $(BIN)/uv)
# Trust what the machine trusts: many reach the registry through a proxy of their own.
export UV_SYSTEM_CERTS = true
export UV_NATIVE_TLS = true
LOCKED_UV = awk '/^uv==/ { found = 1 } found { print } found && !/\\$$/ { exit }' requirements.lock

# A file is one process's, since its tests share servers and pages.
PYTEST = $(BIN)/pytest --numprocesses=logical --maxprocesses=4 --dist=loadfile

.PHONY: help setup up test prove check lint browser lock wheel sql sql-check docs docs-pictures clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

setup: $(VENV)/ready ## create .venv from requirements.lock, with pqkit installed in place

up: setup ## run the whole system with the file demo; Ctrl+C stops it
	@$(BIN)/pqkit up --demo

test: setup browser lint sql-check ## lint, check types, run tests and notebooks; make prove has the long ones
	$(PYTEST) -m "not prove"

prove: setup ## run the long experiments: storms of kills, outages, power cuts, mutants
	$(PYTEST) -m prove tests

check: lint sql-check ## before each commit: lint, check types, run the tests in this process alone
	$(PYTEST) -m quick tests

lint: setup ## check style, types and the English of docstrings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python tests/language.py

browser: setup ## find a browser for the page tests, or install one
	@$(BIN)/python tests/browser.py || $(MAKE) --no-print-directory install-browser

.PHONY: install-browser
install-browser:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -q && apt-get install -qy --no-install-recommends chromium; \
	else \
		timeout 300 $(BIN)/playwright install chromium; \
	fi || true
	@$(BIN)/python tests/browser.py || \
		{ echo "No Chromium was found and none could be installed: install one for the tests of the pages."; test -z "$$CI"; }

lock: setup ## bring requirements.lock up to date with pyproject.toml
	@$(UV) pip compile pyproject.toml --all-extras --group dev --python-version 3.11 --universal \
		--generate-hashes --no-annotate --no-header --output-file requirements.lock --quiet
	@if grep -nE '://|^ *-(i|f|-(extra-)?index|-find)' requirements.lock; then \
		echo "requirements.lock must hold no address"; exit 1; fi

wheel: setup ## build the wheel into dist/
	$(BIN)/python -m build --wheel --no-isolation

sql: setup ## write the statements' texts anew from their declarations
	$(BIN)/python -m pqkit.sql.definitions.compile_statements

sql-check: setup ## check that the statements' texts are those that are declared
	$(BIN)/python -m pqkit.sql.definitions.compile_statements --check

docs: setup ## write the generated parts of the documentation anew, and build its site into site/
	$(BIN)/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

docs-pictures: setup browser ## take the README's pictures of the consoles anew
	$(BIN)/python docs/pictures.py

clean: ## remove the environment, builds and caches; data/ and logs/ stay
	rm -rf $(VENV) dist build site .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "pqkit needs Python 3.11 or newer as $(PYTHON); name another: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "$(PYTHON) lacks venv or pip: install them (Debian: apt-get install python3-venv)"; exit 1; }
	@uv --version >/dev/null 2>&1 || test -x $(BIN)/uv || \
		{ $(LOCKED_UV) >$(VENV)/uv.txt && $(BIN)/python -m pip install -q --require-hashes --no-deps -r $(VENV)/uv.txt; }
	@echo "Installing the locked environment into $(VENV) ..."
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@
