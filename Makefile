# `make help` lists what can be done. Every target sets up .venv first, so each works right after a clone.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test sweep fuzz fuzz-archive sanitize sweep-trace roundtrip lint bench clean

PYTHON ?= python3
# Options for pip, for example: make setup PIP_FLAGS="--extra-index-url https://download.pytorch.org/whl/cpu"
PIP_FLAGS ?=
# Options for pytest, for example: make test PYTEST_FLAGS="-k trace -x"
PYTEST_FLAGS ?=
# Options for fuzzing, for example: make fuzz FUZZ_FLAGS="--programs 500 --seed 7 --runners script,cse",
# make fuzz-archive FUZZ_FLAGS="--cases 5000 --keep found"
FUZZ_FLAGS ?=
# Options for the table of native code, for example: make bench BENCH_FLAGS="--peers onnxruntime,openvino --only gelu"
BENCH_FLAGS ?=

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
PIP_INSTALL := PYTHONUNBUFFERED=1 $(PY) -m pip install --disable-pip-version-check --constraint constraints.txt $(PIP_FLAGS)
# pip's own output shortened to a line per package, so that there is always something to see.
SHORTEN := awk '/^(Collecting|Processing) / { sub(".*/", "", $$2); print "  " $$2; fflush() } \
	/^Installing collected/ { print "  unpacking, this takes a minute ..."; fflush() }'

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv and install everything in it, at the versions of constraints.txt

$(STAMP): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "$(PYTHON) is missing or older than 3.10; name another: make setup PYTHON=python3.12" >&2; exit 1; }
	@test -x $(PY) || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); } \
		|| { echo "$(PYTHON) -m venv failed; your system may have it in a package named python3-venv" >&2; exit 1; }
	@echo "installing the build backend"
	@$(PIP_INSTALL) setuptools | $(SHORTEN)
	@echo "installing torch and the development tools (several hundred megabytes)"
	@$(PIP_INSTALL) --no-build-isolation --editable '.[dev]' | $(SHORTEN)
	@echo "installing torchvision, and an archive to test with"
	@$(PIP_INSTALL) --no-deps torchvision silero-vad | $(SHORTEN)
	@touch $@
	@echo "$(VENV) is ready"

demo: $(STAMP) ## train, script, trace and save two models, and run them in a C++ process without Python
	@$(PY) examples/digits/demo.py

test: $(STAMP) ## run the examples in docstrings, then the whole test suite in parallel
	@$(PY) -m pytest --doctest-modules src || [ $$? -eq 5 ] # 5: there are none
	@OMP_NUM_THREADS=1 $(PY) -m pytest -n auto --dist=worksteal $(PYTEST_FLAGS)

roundtrip: $(STAMP) ## take 230 modules through torch.jit, this library and C++, in archives
	@OMP_NUM_THREADS=1 $(PY) -m pytest -n auto --dist=worksteal -m "roundtrip or not roundtrip" tests/roundtrip tests/archive_silero $(PYTEST_FLAGS)

fuzz-archive: $(STAMP) ## load 100 000 damaged archives; FUZZ_FLAGS="--stock" gives them to torch.jit.load
	@OMP_NUM_THREADS=1 PYTHONPATH=tests $(PY) -W ignore -m archive_fuzz.campaign $(FUZZ_FLAGS)

sweep: $(STAMP) ## compile every model of torchvision, and torch.nn on all of PyTorch's samples (an hour)
	@SWEEP=1 OMP_NUM_THREADS=1 $(PY) -m pytest -n auto --dist=worksteal $(PYTEST_FLAGS) tests/models tests/language/test_nn_sweep.py

sweep-trace: $(STAMP) ## trace all of op_db beside torch.jit.trace, torchvision, and transformers, if it is installed
	@$(PY) -m tests.tracing.sweeps.op_db
	@$(PY) -m tests.tracing.sweeps.torchvision_models
	@$(PY) -m tests.tracing.sweeps.transformers_models

sanitize: $(STAMP) ## let threads call a compiled module in a C++ server under ThreadSanitizer (some minutes)
	@$(PY) -m tests.native.thread_sanitizer

lint: $(STAMP) ## check style (ruff), format (ruff) and types (mypy --strict)
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check
	@$(PY) -m mypy --strict src

fuzz: $(STAMP) ## compare 10 000 random programs, compiled, saved and optimised, with Python
	@OMP_NUM_THREADS=1 $(PY) -m tests.fuzz.campaign $(FUZZ_FLAGS)

bench: $(STAMP) ## run the benchmarks beside torch.jit; the table of native code and its peers first (an hour)
	@echo "== benchmarks/bench_native.py"; $(PY) benchmarks/bench_native.py $(BENCH_FLAGS)
	@for script in $(filter-out benchmarks/bench_native.py,$(wildcard benchmarks/bench_*.py)); do echo "== $$script"; $(PY) "$$script"; done

clean: ## remove .venv and everything that was built or cached
	@rm -rf $(VENV) build dist examples/cpp/build .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -prune -exec rm -rf {} +
	@rm -rf src/*.egg-info
