# make demo     a trained GAN on the built-in pictures, in minutes: runs/demo
# make test     all that proves correctness (at most 15 minutes on two cores)
# make check    lint, format, types and the quick tests (about 2 minutes)
# make install  set up alone; the command is then .venv/bin/dcgan
# make figures  everything that takes longer; goes on where it stopped; writes docs/results

PYTHON ?= python3
BIN = .venv/bin

.PHONY: demo test check install figures lint clean
.DEFAULT_GOAL = help

help:
	@sed -n 's/^# //p' Makefile

install:
	@$(PYTHON) tools/install.py

demo: install
	@$(BIN)/dcgan train faces --out runs/demo --steps 2000

lint: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/pyrefly check --summary=none

check: lint
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not slow"

test: lint
	@$(BIN)/python tools/browser.py
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal

figures: install
	@$(BIN)/python benchmarks/figures.py

clean:
	@rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis web/node_modules src/dcgan/studio/static
