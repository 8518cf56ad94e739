# Everything a checkout needs stands here. On a machine with python3 (3.11+) and make:
#   make run    the mesh with the sandbox WhatsApp, no phone and no network needed
#   make demo   the whole job by script
#   make test   the tests
# From Python 3.12 on a tenant takes a third less memory: the newest that is here.
PYTHON ?= $(shell .ci/python)
AGAINST ?= $(shell cat .ci/contract)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup run demo test test-exec chaos bench bench-growth lint format protos check-protos docs buf breaking truth lock wheel clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## make .venv with the locked dependencies

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "botmesh needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.13"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' \
		|| { echo "$(PYTHON) has no venv module; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version) (once) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: setup ## start the mesh in the sandbox; Ctrl+C stops it
	@exec $(BIN)/botmesh up --sandbox

demo: setup ## pair, send, receive, kill and recover, by script
	@exec $(BIN)/python -m botmesh.demo

# A file's tests share their processes, so a file stays together; tests/conftest.py says which comes first.
test: setup ## all tests (TESTS=tests/unit for some)
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(TESTS)

test-exec: setup ## the tests that involve a host again, each botnode a program of its own
	@BOTMESH_SPAWN=exec $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder \
		tests/integration/host tests/e2e/host tests/e2e/mesh

chaos: setup ## break a mesh under load at random (DURATION=600 SEED= TENANTS=4 DISCOVERY=embedded)
	@DURATION=$(DURATION) SEED=$(SEED) TENANTS=$(TENANTS) DISCOVERY=$(DISCOVERY) FROM=$(FROM) \
		GRPC_VERBOSITY=ERROR $(BIN)/python -m tests.chaos

bench: setup ## measure what a mesh costs, into benchmarks/RESULTS.md (ONLY=memory,hop for parts)
	@GRPC_VERBOSITY=ERROR $(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

bench-growth: setup ## 100,000 messages each way through one tenant (some 40 minutes)
	@GRPC_VERBOSITY=ERROR $(BIN)/python -m benchmarks --only growth-whole

lint: setup ## ruff and mypy
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: setup ## let ruff format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

protos: setup ## generate the stubs anew
	@$(BIN)/python protos/generate.py

docs: setup ## write the README's tables anew
	@$(BIN)/python docs/tables.py

check-protos: protos ## prove that the committed stubs are fresh
	@git diff --exit-code --stat -- botmesh || { echo "The stubs are stale: run 'make protos' and commit."; exit 1; }
	@test -z "$$(git ls-files --others --exclude-standard -- botmesh)" \
		|| { echo "Stubs that are not committed:"; git ls-files --others --exclude-standard -- botmesh; exit 1; }

buf: ## lint the contract (needs npm)
	@npm install --silent --no-fund --no-audit --prefix .tools/buf @bufbuild/buf@1.75.0
	@.tools/buf/node_modules/.bin/buf lint
	@.tools/buf/node_modules/.bin/buf format --diff --exit-code

breaking: buf ## compare the contract with the one that callers have, or the one at AGAINST (a commit)
	@.tools/buf/node_modules/.bin/buf breaking --against '.git#ref=$(AGAINST)'

truth: setup ## try every cut of a send on the real library, and write the table of docs/CUT_SENDS.md
	@$(BIN)/python -m tests.e2e.truth.table

lock: setup ## lock the dependencies anew
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
		--extra mesh --extra postgres --group dev pyproject.toml -o requirements.lock

wheel: setup ## build the wheel
	@$(BIN)/python -m hatchling build -t wheel

clean: ## remove what make made
	@rm -rf $(VENV) build dist .tools
