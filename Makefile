# make demo     the whole product on this machine: crawl, curate, train, answer (about ten minutes)
# make test     the tests
# make check    lint, types, floors
# make install  what the three need, once, into .venv
# make clean    the demo's data and all caches, .venv left alone

PYTHON ?= python3
# A foreign environment may not change what these commands do; what they serve on this machine needs no proxy.
export SHUTTERPRINT_CONFIG :=
export no_proxy := 127.0.0.1,localhost
export NO_PROXY := 127.0.0.1,localhost
export RAY_USAGE_STATS_ENABLED := 0
BIN := .venv/bin
INSTALLED := .venv/installed
JOBS ?= 2

.PHONY: demo test check install clean

demo: $(INSTALLED)
	$(BIN)/python -m demo

test: $(INSTALLED)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(INSTALLED)

clean:
	rm -rf demo-data .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
