# Everything sets itself up: `make run` and `make test` need only git, make and Python >= 3.11.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
LOCK   := $(BIN)/uv pip compile -q --upgrade --no-config --no-annotate --universal --python-version 3.11 --generate-hashes --custom-compile-command 'make lock'
JOBS   ?= auto --maxprocesses 4

.PHONY: run test check docs bench fit reading fuzz chaos mutants format locale peers wheel lock clean help
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
	$(BIN)/python -m pip install -q 'atheris>=2.3' || true
	$(BIN)/python -m tests.fuzz 60

chaos: $(VENV)/.dev         ## the long kill runs: a process dies after each of its changes, at each call to the world
	CHAOS=1 $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal -m chaos

fit: $(VENV)/.dev          ## learn the weights of the signals anew from the labelled pastes (deterministic)
	$(BIN)/python -m tests.fit

mutants: $(VENV)/.dev       ## small changes to redact, consent and the buttons: which would no test notice? (a sample; about ten minutes)
	nice $(BIN)/python -m tests.mutants

reading: $(VENV)/.dev      ## what the reading of labelled pastes is worth, out of fold, and every harmless change of them (minutes)
	$(BIN)/python -m tests.reading

format: $(VENV)/.dev        ## tidy the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

locale: $(VENV)/.dev        ## compile the Chinese catalogue (tests do it by themselves)
	$(BIN)/python hatch_build.py

peers: $(VENV)/.dev         ## independent Node peers that some tests talk to (needs npm)
	cd tests/peers && npm ci --ignore-scripts --no-audit --no-fund

wheel: $(VENV)/.dev         ## build the wheel into dist/
	$(BIN)/python -m build --no-isolation --outdir dist .

lock: $(VENV)/.dev          ## renew the locks: the newest versions that pyproject.toml allows, for Python 3.11 and newer on every platform
	$(LOCK) --extra dev --extra mcp -o requirements-dev.lock pyproject.toml
	$(LOCK) -c requirements-dev.lock -o requirements.lock pyproject.toml
	$(BIN)/python -c 'import tomllib; print("pip", "editables", *tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
	  | $(LOCK) -c requirements-dev.lock -o requirements-build.lock -

clean:                      ## forget everything that was installed or built
	rm -rf $(VENV) dist build site

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

# What is installed stands in the locks, with the hash of each file; nothing else is downloaded. Our own code is built by what the first lock installed.
$(VENV)/.run: pyproject.toml requirements-build.lock requirements.lock | $(VENV)/bin/python
	$(BIN)/python -m pip install -q --require-hashes -r requirements-build.lock
	$(BIN)/python -m pip install -q --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q bot handlers templates  # so that the first start is as fast as the second
	@touch $@

$(VENV)/.dev: pyproject.toml requirements-build.lock requirements-dev.lock | $(VENV)/bin/python
	$(BIN)/python -m pip install -q --require-hashes -r requirements-build.lock
	$(BIN)/python -m pip install -q --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q bot handlers templates
	@touch $@ $(VENV)/.run
