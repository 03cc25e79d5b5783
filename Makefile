# `make help` lists what there is. A person and CI call the same targets.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
BIN := .venv/bin
UV := $(BIN)/uv
export PYTHONPATH :=
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help install install-dev demo env up serve test unit coverage integration e2e faults-quick fuzz-scoring plans fuzz lint format bench calibrator replay proto fuzz-grpc lock clean

help: ## What can be made
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

$(UV): requirements-uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo 'Foresight needs Python 3.11, 3.12 or 3.13; say which with PYTHON=...' >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@touch $(UV)

.venv/installed: $(UV) requirements.txt pyproject.toml
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements-dev.txt
	@touch $@

install: .venv/installed ## Everything that Foresight needs to run, into .venv
install-dev: .venv/installed-dev ## The same, with what tests and checks need

demo: .venv/installed ## The main job on embedded defaults: starts, shows, stops everything, tells by its status
	$(BIN)/foresight demo

env: ## Fresh secrets for docker-compose.yaml, into .env
	$(PYTHON) deploy/make_env.py

up: .venv/installed ## The same, and stays: prints the UI's address and sign-in; ends with Ctrl-C
	$(BIN)/foresight demo --stay

serve: .venv/installed ## Airflow with YOUR connections (AIRFLOW_CONN_…), until Ctrl-C; PORT=8080
	$(BIN)/foresight serve --port $(or $(PORT),8080)

test: install-dev unit integration e2e ## All tests, with real servers that are provisioned and stopped again

unit: .venv/installed-dev ## Tests without a server
	$(BIN)/python -m pytest -q -n 3 tests/unit tests/dags

coverage: .venv/installed-dev ## The same, and how much of each module they reach: it takes longer
	$(BIN)/python -m pytest -q -n 3 --cov=foresight --cov-report=term:skip-covered tests/unit tests/dags

integration: .venv/installed-dev ## Tests against real MySQL, Kafka and Prometheus
	$(BIN)/python -m pytest -q -n 4 --dist loadfile --durations=5 tests/integration

faults-quick: .venv/installed-dev ## 200 rounds of faults on real MySQL and Kafka; SEED=… for others
	FORESIGHT_FAULT_ROUNDS=200 FORESIGHT_FAULT_SEED=$(or $(SEED),1) $(BIN)/python -m pytest -q -s tests/integration/test_faults.py

fuzz-scoring: .venv/installed-dev ## A million mutated records through every runtime; RECORDS=… SEED=… for others
	$(BIN)/python -m tests.unit.scoring.fuzz --records $(or $(RECORDS),1000000) --seed $(or $(SEED),1) --jobs 2

plans: .venv/installed-dev ## Plans of hot queries at 10,000,000 rows on a real MySQL
	FORESIGHT_PLAN_ROWS=10000000 $(BIN)/python -m pytest -q tests/integration/test_store_plans.py

fuzz: .venv/installed-dev ## 300 s of fuzzing of the REST API a role, within a live Airflow
	FORESIGHT_FUZZ_SECONDS=300 $(BIN)/python -m pytest -q --timeout 3600 -k fuzzer tests/e2e/test_doors.py

e2e: .venv/installed-dev ## Tests against a live Airflow
	$(BIN)/python -m pytest -q --durations=10 tests/e2e

lint: .venv/installed-dev ## Style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/hadolint Dockerfile

format: .venv/installed-dev ## Brings the code into its style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/installed-dev ## One benchmark with all it needs: make bench NAME=analysis
	@PYTHONPATH=. $(BIN)/python benchmarks/$(NAME).py --json

calibrator: .venv/installed-dev ## Makes the shipped calibrator again (about 5 minutes)
	@PYTHONPATH=. OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 $(BIN)/python -m training.calibrator

replay: .venv/installed-dev ## Three days through prediction, verification and refit, time compressed (about 10 minutes)
	@PYTHONPATH=. $(BIN)/python -m training.replay

proto: .venv/installed-dev ## Generates the code and the reference of the gRPC protocol again
	$(BIN)/python -m foresight.retrieval.generation docs/retrieval-reference.md

fuzz-grpc: .venv/installed-dev ## 100,000 random gRPC calls; CALLS=… and SEED=… for others
	$(BIN)/python -m tests.unit.retrieval.fuzzing $(or $(CALLS),100000) $(or $(SEED),1)
LOCK = $(UV) pip compile --quiet --excludes requirements-excludes.txt --only-binary :all: --generate-hashes --universal \
	--python-version 3.11 --custom-compile-command 'make lock'

lock: $(UV) ## Resolves requirements*.in anew: complete, hashed, wheels only
	$(LOCK) requirements.in --output-file requirements.txt
	$(LOCK) requirements-slim.in --constraint requirements.txt --output-file requirements-slim.txt
	$(LOCK) requirements-dev.in --output-file requirements-dev.txt
	$(LOCK) requirements-uv.in --output-file requirements-uv.txt

clean: ## Removes what was installed, downloaded and stored here
	rm -rf .venv .foresight .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
