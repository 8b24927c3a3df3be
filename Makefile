# Two commands for newcomers: make study, make test. Everything else is for those who change things.
PYTHON ?= python3
DATA ?= ../shared/data
VENV := .venv
BIN := $(VENV)/bin

.PHONY: study test test-hostile test-browser test-slurm test-gpu test-published test-package storm lint kernels docs docs-links bench clean

study: $(VENV)/ready
	$(BIN)/python -m runner.submit quickstart --executor local

# One more than there are cores: tests wait for processes. Files by name, for else those of one long test come last.
PROCESSES := -n $$(($$(nproc) + 1)) --maxprocesses 8 --dist loadfile --no-loadscope-reorder

# What is installed is compiled when it is first imported, a tenth of it, and then kept, whatever is said elsewhere.
export PYTHONDONTWRITEBYTECODE :=

test: kernels
	$(BIN)/python -m pytest $(PROCESSES)

# The scoring kernels of this checkout, compiled once; else each process of the tests compiles them for itself.
kernels: $(VENV)/ready-dev
	PYTHONPATH=. $(BIN)/python -c "from srcnn.metrics import METRICS, warm_up; warm_up(metrics=METRICS)"

# The attack: every kind of file damaged under every command, full disks and folders that may not be written, code that
# ends Python, tasks and their workers killed, two runners at once.
test-hostile: $(VENV)/ready-dev
	$(BIN)/python -m pytest tests/hostile $(PROCESSES)

# The report in a real browser: chromium, headless, by chromedriver.
test-browser: $(VENV)/ready-dev
	$(BIN)/python -m pytest tests/browser

# A real SLURM on this machine, in a temporary folder, for as long as the tests take.
test-slurm: $(VENV)/ready-dev
	PYTHON=$(BIN)/python tests/slurm/run.sh

# What a GPU does with all this; without one, what the CPU does in its place. PYTHON=... with its packages will do, too.
test-gpu:
	PYTHONPATH=. $(firstword $(wildcard $(BIN)/python) $(PYTHON)) -m pytest tests/gpu

# Published figures, on the large public sets: SRCNN_DATA names their folder.
test-published: $(VENV)/ready-dev
	$(BIN)/python -m pytest tests/published

# image-similarity-measures itself against our kernels and the values of it that the tests keep.
test-package: $(VENV)-package/ready
	PYTHONPATH=. $(VENV)-package/bin/python -m pytest tests/package

# Faults without end for some minutes, on that SLURM and on this machine; then everything is compared to the bit.
storm: $(VENV)/ready-dev
	PYTHON=$(BIN)/python tests/slurm/run.sh --storm $(STORM)

lint: $(VENV)/ready-dev
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	PYTHONPATH=. $(BIN)/python -c "import sys; from importlinter.cli import lint_imports_command as main; sys.exit(main())"
	$(BIN)/python -m mypy

# The documents as pages, after all that they say was done: the tutorial, the examples, the notebook. A warning, such as
# of a link that leads nowhere, is an error.
docs: $(VENV)/ready-docs
	PYTHONPATH="$(CURDIR)" $(BIN)/python -m pytest tests/documents
	PYTHONPATH="$(CURDIR)" $(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -d build/doctrees docs build/docs
	@echo build/docs/index.html

# Addresses elsewhere, which needs a network.
docs-links: $(VENV)/ready-docs
	PYTHONPATH="$(CURDIR)" $(BIN)/python -m sphinx --quiet -b linkcheck -d build/doctrees docs build/links

# The figures that the documents quote; each script prints a table and writes JSON.
bench: $(VENV)/ready-dev $(VENV)-package/ready
	$(BIN)/python -m benchmarks.scoring
	$(BIN)/python -m benchmarks.evaluation --pictures $(DATA)/bsds500/test
	$(BIN)/python -m benchmarks.training --data-root $(DATA)
	$(BIN)/python -m benchmarks.analysis
	$(BIN)/python -m benchmarks.page
	$(BIN)/python -m benchmarks.status
	$(BIN)/python -m benchmarks.submit  # on a throw-away SLURM: make test-slurm installs what it needs

# Python 3.11 brings a pip that takes half as long again as today's.
ENVIRONMENT := $(PYTHON) -m venv --upgrade-deps
PIP := -m pip install --quiet --disable-pip-version-check --no-compile
# What setuptools warns of is for those who build packages.
INSTALL := PYTHONWARNINGS=ignore $(BIN)/python $(PIP) -c constraints.txt

$(BIN)/python:
	@$(PYTHON) -c "import sys; sys.exit(None if sys.version_info >= (3, 11) else 'Python 3.11 or later is needed, not ' + sys.version.split()[0] + '; say make PYTHON=/path/to/python3.11')"
	$(ENVIRONMENT) $(VENV)

$(VENV)/ready: setup.cfg pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e .
	touch $@

$(VENV)/ready-dev: $(VENV)/ready
	$(INSTALL) -e ".[dev]"
	touch $@

$(VENV)/ready-docs: $(VENV)/ready-dev
	$(INSTALL) -e ".[docs]"
	touch $@

# The environment with all that any target needs, by one call of pip instead of three.
$(VENV)/ready-all: setup.cfg pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e ".[dev,docs]"
	touch $(VENV)/ready $(VENV)/ready-dev $(VENV)/ready-docs $@

# The package demands numpy 1, and an OpenCV that wants a screen's libraries: its needs are listed, with the headless one.
$(VENV)-package/ready: tests/package/requirements.txt
	test -x $(VENV)-package/bin/python || $(ENVIRONMENT) $(VENV)-package
	$(VENV)-package/bin/python $(PIP) -r tests/package/requirements.txt
	$(VENV)-package/bin/python $(PIP) --no-deps image-similarity-measures==0.3.6
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-package results build
