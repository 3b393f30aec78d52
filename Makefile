# The recipes that people, hooks and CI call. `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CASES ?=
SOURCE ?= sample
DATA ?=
AS_OF ?=
SITE ?= _site
# Real and simulated data never share a home.
STATE ?= $(if $(filter sample,$(SOURCE)),var,var-$(SOURCE))
LOCKED := $(VENV)/.locked

# Where nothing compiled is kept, every process compiles the package anew, for seconds.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run serve lab check format notebooks test coverage explore lock clean

help: ## List the recipes
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(LOCKED) ## Make the environment from requirements.lock

$(LOCKED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed, found $$($(PYTHON) --version). Name one: make setup PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV) \
		|| { echo "No virtual environment could be made. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --no-compile --require-hashes -r requirements.lock
	@# On all cores, where pip compiles on one; what no Python of today can compile is left as it is.
	-$(BIN)/python -m compileall -q -j 0 $(VENV)/lib
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

run: setup ## Run the cases and render the site (CASES=, SOURCE=, DATA=, AS_OF=)
	@$(BIN)/vigie run $(CASES) --source $(SOURCE) $(if $(DATA),--data $(DATA)) \
		$(if $(AS_OF),--as-of $(AS_OF)) --home $(STATE); outcome=$$?; \
	$(BIN)/vigie site --home $(STATE) --output $(SITE) && exit $$outcome

serve: setup ## Answer predictions over HTTP from what `make run` left
	@$(BIN)/vigie serve --home $(STATE)

lab: setup ## Open the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks

check: setup ## Format, lint, types, import order, notebook rules, stale files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pipeline.kernels.rules

format: setup ## Put code into shape, and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

notebooks: setup ## Renew the generated cells, clear outputs
	$(BIN)/python -m pipeline.kernels.rules --write

# One process a core, one thread a process. Files come in the order of tests/conftest.py.
test: setup ## Run the tests (TESTS= for some of them)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile \
		--no-loadscope-reorder $(COVERAGE) $(TESTS)

coverage: COVERAGE = --cov --cov-report=term:skip-covered
coverage: test ## Run the tests, and tell which lines they run: 90 % at least

# Each time with other random inputs; what fails prints how to repeat it.
explore: setup ## Run the tests of properties with new random inputs (TESTS= for some of them)
	HYPOTHESIS_PROFILE=explore OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m hypothesis \
		--numprocesses auto --dist loadfile $(TESTS)

lock: ## Resolve the newest versions that work together (needs uv)
	uv pip compile --universal --python-version 3.11 --extra dev --generate-hashes \
		--no-annotate --no-header --no-emit-index-url --no-emit-find-links \
		--upgrade pyproject.toml --output-file requirements.lock

clean: ## Remove the environment, the site and caches; state is kept
	rm -rf $(VENV) $(SITE) $(dir $(SITE)).$(notdir $(SITE)).build .mypy_cache .ruff_cache .pytest_cache .coverage
