# Makes an environment if there is none; `make PYTHON=python3.12 ...` chooses the interpreter.
PYTHON ?= python3
VENV ?= .venv
# What tests need; without PyTorch its tests are skipped: `make EXTRAS=dev,pytorch test` has it.
EXTRAS ?= dev
BIN := $(VENV)/bin

.PHONY: study test check docs audit figures bench clean

study: $(VENV)/.study ## run the quickstart study (nothing to download)
	$(BIN)/python scripts/run_study.py

test: $(VENV)/.test check ## check the code, then run the fast tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/.test ## lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

docs: $(VENV)/.test ## build the documentation in site/, with warnings as errors
	NO_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict --quiet

audit: $(VENV)/.test ## look the pinned packages up in the advisory database (needs the network)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[audit]'
	$(BIN)/pip-audit --requirement constraints.txt --strict --no-deps --disable-pip --progress-spinner off

figures: $(VENV)/.study ## the assignment's printed figures beside ours (needs CIFAR-10)
	$(BIN)/python scripts/reproduce_assignment.py

bench: $(VENV)/.test ## measure; prints tables with goals, keeps them and plots in benchmarks/results/
	$(BIN)/python -m benchmarks.trainer
	$(BIN)/python -m benchmarks.augmentation
	$(BIN)/python -m benchmarks.basis
	$(BIN)/python -m benchmarks.time_to_accuracy
	$(BIN)/python -m benchmarks.search
	$(BIN)/python -m benchmarks.search --pixels
	$(BIN)/python -m benchmarks.sweep
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.scale
	$(BIN)/python -m benchmarks.selection

clean: ## remove the environment and all caches; never the workspace
	rm -rf $(VENV) site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.study: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	$(BIN)/python -c "import hpsearch.trainers.two_layer_net.sgd" # compiles its loops, once
	touch $@

$(VENV)/.test: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$(EXTRAS)]'
	$(BIN)/python -c "import hpsearch.trainers.two_layer_net.sgd"
	touch $@
