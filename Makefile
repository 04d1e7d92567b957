# make demo     the whole product on this machine: crawl, curate, train, answer (about ten minutes)
# make test     the tests
# make fast     the tests that are not marked slow
# make check    lint, types, layers, documentation
# make docs     the documentation as a website in site/
# make install  what these need, once, into .venv
# make clean    the demo's data and all caches, .venv left alone

PYTHON ?= python3
# A foreign environment may not change what these commands do; what they serve on this machine needs no proxy.
export SHUTTERPRINT_CONFIG :=
export no_proxy := 127.0.0.1,localhost
export NO_PROXY := 127.0.0.1,localhost
export RAY_USAGE_STATS_ENABLED := 0
# Without its bytecode, every process of a test would compile the project anew.
unexport PYTHONDONTWRITEBYTECODE
export NO_MKDOCS_2_WARNING := 1
BIN := .venv/bin
INSTALLED := .venv/installed
# Jobs of the tests; a module stays in one of them, so that what its fixtures build is built once. They take modules
# in the order of tests/conftest.py, the slow ones first. Some tests wait for what they have started, so JOBS=3 is
# faster on two cores with nothing else to do.
JOBS ?= 2
# Versions for Python 3.11; make CONSTRAINTS= installs the newest instead.
CONSTRAINTS ?= constraints.txt

.PHONY: demo test fast check docs install clean

demo: $(INSTALLED)
	$(BIN)/python -m demo

test: $(INSTALLED)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadscope --no-loadscope-reorder

fast: $(INSTALLED)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadscope --no-loadscope-reorder -m "not slow"

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/mkdocs build --strict --quiet --site-dir site

docs: $(INSTALLED)
	$(BIN)/mkdocs build --strict --site-dir site
	@echo "open site/index.html; with search: $(BIN)/python -m http.server --directory site"

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet $(addprefix --constraint ,$(CONSTRAINTS)) --editable '.[dev]'
	touch $(INSTALLED)

clean:
	rm -rf demo-data site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
