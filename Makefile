.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help
help: ## List every target
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.venv/.ready: pyproject.toml requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "lean-agent needs Python 3.11 or newer: make PYTHON=python3.11 setup" >&2; exit 2; }
	@test -x $(BIN)/uv || { $(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet $$(sed -n 's/^\(uv==[^ ]*\).*/\1/p' requirements/dev.txt); }
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

.PHONY: setup
setup: .venv/.ready ## Make .venv with the locked requirements (every target that needs it does so)

.PHONY: run
run: setup ## Ask the embedded model a real question over examples/corpus, then open the chat
	@$(BIN)/lean-agent demo

.PHONY: quick
quick: setup ## Tests without the real model: under two minutes
	$(BIN)/pytest -q -n 2 --dist worksteal -m "not real_model and not slow and not soak"

.PHONY: weights
weights: setup ## Fetch the models that tests use (1.7 GB, once; checked against the publisher's SHA-256)
	@$(BIN)/lean-agent models pull qwen2.5-coder-0.5b
	@$(BIN)/lean-agent models pull qwen2.5-coder-1.5b
	@$(BIN)/lean-agent models pull all-minilm-l6-v2

.PHONY: test
test: weights ## Every test but the soak ones, the real models included
	$(BIN)/pytest -q -n 2 --dist worksteal -m "not real_model and not soak"
	$(BIN)/pytest -q -m "real_model and not soak"

.PHONY: soak
soak: setup ## Long random and load tests
	$(BIN)/pytest -q -m soak --timeout 7200

.PHONY: format
format: setup ## Format and fix what can be fixed
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

.PHONY: lint
lint: setup ## ruff: style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: typecheck
typecheck: setup ## pyright strict; what a consumer writes and the examples under mypy --strict
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/mypy --strict --scripts-are-modules tests/contracts/consumer.py examples/*.py

.PHONY: layers
layers: setup ## import-linter: who may import whom
	$(BIN)/lint-imports

.PHONY: all
all: format lint typecheck layers test ## Everything a change must pass

.PHONY: bench
bench: setup ## Overhead, start-up, ledger, budgets, evaluation, indexing, anytime search, trajectories and tool calls, each beside its baseline
	$(BIN)/python bench/overhead.py
	$(BIN)/python bench/startup.py
	$(BIN)/python bench/ledger.py
	$(BIN)/python bench/budgets.py
	$(BIN)/python bench/evals.py
	$(BIN)/python bench/indexing.py
	$(BIN)/python bench/anytime.py
	$(BIN)/python bench/trajectories.py
	$(BIN)/python bench/tool_calls.py
	$(BIN)/python bench/gating.py
	$(BIN)/python bench/provoked_loops.py

.PHONY: bench-retrieval
bench-retrieval: weights ## Agents that search on few slots: real engine (over an hour, resumable) and simulated
	$(BIN)/python -m bench.retrieval real
	$(BIN)/python -m bench.retrieval simulate
	$(BIN)/python -m bench.retrieval check

EVAL := $(BIN)/lean-agent eval run --model local:qwen2.5-coder-1.5b
go_on = $(if $(wildcard $(1)/config.json),--resume)

.PHONY: eval
eval: weights ## The two suites on the local 1.5B model, about an hour alone on 2 cores; goes on where it was
	$(EVAL) gaia-like --count 30 --mode auto,instant,reason,agent --max-steps-per-sample 8 --max-tokens-per-sample 12000 --out results/gaia-like $(call go_on,results/gaia-like)
	$(EVAL) webshop-like --count 20 --mode auto,agent --max-steps-per-sample 12 --max-tokens-per-sample 24000 --out results/webshop-like $(call go_on,results/webshop-like)

BUDGET := 300
GSM8K ?= $(or $(LEAN_AGENT_TEST_DATA),../shared/data)/gsm8k_dev/questions.json

.PHONY: reasoning
reasoning: weights ## Ways to reason on 50 questions of GSM8K (docs/data.md), over an hour alone on 2 cores; goes on where it was
	$(EVAL) gsm8k:$(GSM8K) --split test --count 50 --mode reason/plain,reason/plain@$(BUDGET),reason/uniform@$(BUDGET),reason/credits@$(BUDGET),reason/outline@$(BUDGET),reason/plain+early-stop,reason/vote --out results/reasoning $(call go_on,results/reasoning)

PLANNING ?= $(or $(LEAN_AGENT_TEST_DATA),../shared/data)/planning

define amortised
	$(BIN)/python bench/learning.py $(1) --data $(PLANNING)/$(1) --seeds 5
	$(EVAL) planning:$(PLANNING)/$(1) --split test --count 50 --mode instant,reason,agent,plan --max-steps-per-sample 6 --max-tokens-per-sample 6000 --out results/planning/$(1) $(call go_on,results/planning/$(1))
	$(BIN)/lean-agent eval amortise results/planning/$(1) --making results/learning/$(1)-*

endef

.PHONY: planning
planning: weights ## Planners that the model writes beside its other modes, 50 instances each, some hours alone on 2 cores; goes on where it was
	$(foreach domain,game24 blocksworld prontoqa,$(call amortised,$(domain)))

.PHONY: docs
docs: setup ## Build the documentation into results/site; a broken link or name fails
	$(BIN)/mkdocs build --strict

.PHONY: docs-serve
docs-serve: setup ## Show the documentation at http://127.0.0.1:8000 while you write it
	$(BIN)/mkdocs serve --strict

.PHONY: release-check
release-check: setup ## Build the package, and try it alone and with each extra in a new environment
	$(BIN)/python .ci/release_check.py

.PHONY: lock
lock: ## Renew requirements/*.txt from pyproject.toml
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --python-version 3.11 --no-header --no-annotate pyproject.toml --extra evals --extra local --extra otel -o requirements/runtime.txt
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --python-version 3.11 --no-header --no-annotate pyproject.toml --all-extras --group dev -o requirements/dev.txt

.PHONY: clean
clean: ## Remove what the other targets made (not your ledger or weights)
	rm -rf .venv dist build .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis .coverage
