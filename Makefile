# Everything here needs Python 3.11 or newer and make, nothing else: what is missing is
# installed into .venv by the first target that needs it, and again when pyproject.toml changes.
#
#   make demo [ARGS=--once]   the embedded world: a CalDAV server and a CRM, kept equal
#   make test [ARGS=...]      the tests (ARGS go to pytest)
#   make simulate [SEEDS=50]  whole companies at random, with faults and crashes; [FIRST=0] [ARGS=--leave]
#   make bench [ARGS=...]     measurements
#   make soak [ARGS=...]      a company at work for half an hour, judged at the end
#   make lint                 ruff, mypy, import contracts
#   make clean                removes .venv and all caches

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?=
FIRST ?= 0
SEEDS ?= 50
ARGS ?=

# With these, messages of pip stay short and errors stay visible.
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test simulate bench soak clean venv-demo venv-dev
.PHONY: lint lint-rules lint-format lint-types lint-imports

help:
	@sed -n 's/^#   //p' Makefile

demo: venv-demo
	$(BIN)/syncd demo $(ARGS)

test: venv-dev
	$(BIN)/python -m pytest $(ARGS)

simulate: venv-dev
	$(BIN)/python -m tests.world $(FIRST) $$(($(FIRST) + $(SEEDS))) $(ARGS)

bench: venv-dev
	$(BIN)/python -m bench $(ARGS)

soak: venv-dev
	$(BIN)/python -m bench.soak $(ARGS)

# One target each, so that `make -k lint` shows everything that is wrong.
lint: lint-rules lint-format lint-types lint-imports
lint-rules: venv-dev
	$(BIN)/ruff check .
lint-format: venv-dev
	$(BIN)/ruff format --check .
lint-types: venv-dev
	$(BIN)/mypy --strict
lint-imports: venv-dev
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	rm -rf .hypothesis .import_linter_cache
	find syncd connectors mappings tests bench -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

venv-demo: $(VENV)/installed-demo
venv-dev: $(VENV)/installed-dev

# The interpreter: $(PYTHON) if given, else the first of these that is new enough.
$(BIN)/python:
	@found=""; \
	for each in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
	  if "$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    found="$$each"; break; \
	  fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "syncd needs Python 3.11 or newer; none was found." >&2; \
	  echo "Install one, or name it: make demo PYTHON=/path/to/python3.11" >&2; \
	  exit 1; \
	fi; \
	echo "creating $(VENV) with $$("$$found" --version)"; \
	if ! "$$found" -m venv $(VENV); then \
	  rm -rf $(VENV); \
	  echo "$$found cannot make a virtual environment;" >&2; \
	  echo "on Debian and Ubuntu: apt-get install python3-venv" >&2; \
	  exit 1; \
	fi

$(VENV)/installed-demo: pyproject.toml | $(BIN)/python
	@echo "installing syncd and what the demo needs into $(VENV)"
	@$(PIP) -e '.[demo]'
	@touch $@

$(VENV)/installed-dev: pyproject.toml | $(BIN)/python
	@echo "installing syncd and what its tests need into $(VENV)"
	@$(PIP) -e '.[dev]'
	@touch $(VENV)/installed-demo $@
