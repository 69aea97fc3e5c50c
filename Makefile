# Targets: setup run test test-kafka chaos azurite test-stores simulate replay bench lint format lock

PYTHON ?= python3
BIN := .venv/bin
KAFKA_JARS := tests/kafka/target/jars
AZURITE := tests/stores/node_modules
LOCK := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links

.PHONY: setup run test test-kafka chaos azurite test-stores simulate replay bench lint format lock

# Makes .venv with everything that requirements/dev.lock names, and this project in it.
setup: .venv/.stamp

.venv/.stamp: requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || \
		{ echo "error: claimx needs Python 3.11 to 3.13, and $(PYTHON) is $$($(PYTHON) --version 2>&1)" >&2; \
		  echo "  hint: make setup PYTHON=python3.11" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# Shows it: 500 events through an embedded broker and a simulated ClaimX API, then a summary.
run: setup
	$(BIN)/claimx run --stages all --sandbox --events 500 --exit-when-idle

# Runs every test that needs nothing but Python.
test: setup
	$(BIN)/pytest -n 2 --dist loadfile tests/unit tests/property tests/contract tests/integration tests/e2e
	$(BIN)/pytest tests/simulation

# Runs the tests that use a broker against Apache Kafka, less those to which it is all the same. Needs Java 17, openssl, and
# Maven, which fetches the jars once.
test-kafka: setup $(KAFKA_JARS)/.stamp
	$(BIN)/pytest --kafka=apache tests/integration tests/e2e tests/chaos \
		--ignore tests/e2e/test_outage.py --ignore tests/e2e/test_lost_queue.py --ignore tests/e2e/test_secrets.py

# Kills processes a hundred times at work on Apache Kafka, in rounds that each end with claimx verify; with SEED=17 those
# of that seed. A line of every round goes to docs/chaos.log. Then 100,000 simulated histories: 80 minutes.
chaos: setup $(KAFKA_JARS)/.stamp
	PYTHONPATH=tests $(BIN)/python -m chaos.many --log docs/chaos.log $(if $(SEED),--seed $(SEED))
	PYTHONPATH=tests $(BIN)/python -m simulation.many 0 100000

$(KAFKA_JARS)/.stamp: tests/kafka/pom.xml
	@command -v java >/dev/null && command -v mvn >/dev/null || \
		{ echo "error: the tests against Apache Kafka need java (17 or later) and mvn" >&2; exit 1; }
	mvn --quiet --batch-mode --file tests/kafka/pom.xml dependency:copy-dependencies
	touch $@

# Fetches Azurite, without which the tests of Azure's stores are skipped. Needs Node 20 and npm.
azurite: $(AZURITE)/.stamp

# Runs the tests of the object stores, Azure included.
test-stores: setup azurite
	$(BIN)/pytest tests/integration/test_cloud_stores.py

$(AZURITE)/.stamp: tests/stores/package.json tests/stores/package-lock.json
	@command -v node >/dev/null && command -v npm >/dev/null || \
		{ echo "error: the tests against Azurite need node (20 or later) and npm" >&2; exit 1; }
	npm ci --prefix tests/stores --ignore-scripts --no-audit --no-fund --loglevel error
	touch $@

# Runs many more histories of the simulated engine than the tests do; a seed that fails is printed.
simulate: setup
	PYTHONPATH=tests $(BIN)/python -m simulation.many 0 20000

# Runs one of these histories again: make replay SEED=17
replay: setup
	PYTHONPATH=tests $(BIN)/python -m simulation.many $(SEED) $$(($(SEED) + 1))

# Measures the ingest path; bench/README.md says what the numbers mean.
bench: setup
	$(BIN)/claimx bench ingest

# Checks form, types, import arrows.
lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Formats, and mends what can be mended by itself.
format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Takes the newest versions that pyproject.toml allows, with their hashes.
lock: setup
	$(LOCK) --upgrade --extra dev --output-file requirements/dev.lock pyproject.toml
	$(LOCK) --constraint requirements/dev.lock --output-file requirements/runtime.lock pyproject.toml
	$(LOCK) --constraint requirements/dev.lock --only-build-deps --all-build-deps --output-file requirements/build.lock pyproject.toml
