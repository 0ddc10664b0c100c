# The words people try first. `make` alone lists them.

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
UV := uv==0.13.9
LOCK := --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url --quiet \
  --custom-compile-command "make lock"

.PHONY: help up install test check bench lock clean
.DELETE_ON_ERROR:

help:  ## list these words
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1@\2/p' $(MAKEFILE_LIST) | awk -F@ '{printf "%-14s %s\n", $$1, $$2}'

up: $(RUNTIME)  ## run everything on this machine; ARGS="--no-simulator" without traffic
	@exec $(BIN)/python -I services/adapters/tether.py $$PPID $(BIN)/deskpulse up $(ARGS)

install: $(RUNTIME)  ## make .venv with the locked versions and the command in it

test: $(DEV)  ## run every test that this machine allows; ARGS="-k wall" runs some
	@$(BIN)/python -m pytest $(ARGS)

check: $(DEV)  ## format, lint, strict types, and the tests of core and schemas
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest --quiet -m "not long" tests/core tests/schemas

bench: $(DEV)  ## measure throughput and time to the wall (docs/performance.md); about ten minutes, needs Java
	@$(BIN)/python -m tests.benchmarks.bench_throughput
	@$(BIN)/python -m tests.benchmarks.bench_latency
	@$(BIN)/python -m tests.benchmarks.bench_signals

lock:  ## resolve the versions anew where pyproject.toml asks for it; ARGS=--upgrade takes the newest
	@test -x .cache/lock/bin/python || $(PYTHON) -m venv .cache/lock
	@.cache/lock/bin/python -m pip install --quiet --disable-pip-version-check $(UV)
	@echo 'setuptools>=77' | .cache/lock/bin/uv pip compile $(LOCK) $(ARGS) -o requirements.lock pyproject.toml - >/dev/null
	@.cache/lock/bin/uv pip compile $(LOCK) $(ARGS) --extra dev -c requirements.lock -o requirements-dev.lock \
	  pyproject.toml >/dev/null

clean:  ## remove all that these words made
	rm -rf $(VENV) .cache build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUNTIME): requirements.lock pyproject.toml
	@$(call venv)
	@$(call pip,requirements.lock)
	@touch $@

$(DEV): requirements-dev.lock pyproject.toml
	@$(call venv)
	@$(call pip,requirements-dev.lock)
	@touch $(RUNTIME) $@

# The project's own install needs no build environment of its own: setuptools is in the lock.
define pip
echo "installing $(1) into $(VENV) ..." && \
$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r $(1) && \
$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
endef

define venv
command -v $(PYTHON) >/dev/null || { echo "deskpulse needs Python 3.11 or newer, and there is no $(PYTHON) here; install it, or name one: make install PYTHON=/path/to/python3" >&2; exit 1; }; \
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "deskpulse needs Python 3.11 or newer, and $(PYTHON) is `$(PYTHON) -V`; name another: make install PYTHON=/path/to/python3" >&2; exit 1; }; \
$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }; \
$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
endef
