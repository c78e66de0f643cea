# Everything sets itself up: `make run` and `make test` need only git, make and Python >= 3.11.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
JOBS   ?= auto --maxprocesses 4

.PHONY: run test check docs bench fuzz chaos format locale peers wheel clean help
.DEFAULT_GOAL := help

help:                       ## this list
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(VENV)/.run           ## start the chat page with the practice platform (no account needed)
	$(BIN)/whyforbidden demo

test: $(VENV)/.dev          ## the whole test suite
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal

check: $(VENV)/.dev         ## ruff, mypy --strict, import walls
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.dev          ## the documentation, in English and Chinese, into site/ (warnings are errors)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -q

bench: $(VENV)/.dev         ## speed, as ratios against floors measured in the same run
	$(BIN)/python -m tests.bench

fuzz: $(VENV)/.dev          ## hostile text for two minutes, coverage-guided (needs atheris, installed by this)
	$(BIN)/python -m pip install -q -e '.[fuzz]' || true
	$(BIN)/python -m tests.fuzz 60

chaos: $(VENV)/.dev         ## the long kill runs: a process dies after each of its changes, at each call to the world
	CHAOS=1 $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal -m chaos

format: $(VENV)/.dev        ## tidy the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

locale: $(VENV)/.dev        ## compile the Chinese catalogue (tests do it by themselves)
	$(BIN)/python hatch_build.py

peers: $(VENV)/.dev         ## independent Node peers that some tests talk to (needs npm)
	cd tests/peers && npm ci --ignore-scripts --no-audit --no-fund

wheel: $(VENV)/.dev         ## build the wheel into dist/
	$(BIN)/python -m build --outdir dist .

clean:                      ## forget everything that was installed or built
	rm -rf $(VENV) dist build site

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip

$(VENV)/.run: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install -q -e .
	$(BIN)/python -m compileall -q bot handlers templates  # so that the first start is as fast as the second
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install -q -e '.[dev,mcp]'
	$(BIN)/python -m compileall -q bot handlers templates
	@touch $@ $(VENV)/.run
