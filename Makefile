# Targets: setup run runbook test test-kafka chaos azurite prometheus test-stores dist test-dist simulate replay bench lint format lock

PYTHON ?= python3
BIN := .venv/bin
KAFKA_JARS := tests/kafka/target/jars
AZURITE := tests/stores/node_modules
PROMETHEUS := tests/prometheus/target
LOCK := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links

.PHONY: setup run runbook test test-kafka chaos azurite prometheus test-stores dist test-dist simulate replay bench lint format lock

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

# Runs every command of docs/runbook.md in a fresh clone, and shows what each says.
runbook: setup
	PYTHONPATH=tests $(BIN)/python -m support.runbook

# Runs every test that needs nothing but Python.
test: setup
	$(BIN)/pytest -n 2 --dist loadfile tests/unit tests/property tests/contract tests/integration tests/e2e
	$(BIN)/pytest tests/simulation

# Runs the tests that use a broker against Apache Kafka, less those to which it is all the same. Needs Java 17, openssl, and
# Maven, which fetches the jars once.
test-kafka: setup $(KAFKA_JARS)/.stamp
	$(BIN)/pytest --kafka=apache -n 2 --dist loadfile tests/integration tests/e2e \
		--ignore tests/e2e/test_outage.py --ignore tests/e2e/test_lost_queue.py --ignore tests/e2e/test_secrets.py
	$(BIN)/pytest --kafka=apache -n 2 tests/chaos/test_frozen.py
	$(BIN)/pytest --kafka=apache tests/chaos --ignore tests/chaos/test_frozen.py

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

# Fetches Prometheus with promtool, as Debian packs them, and installs nothing; without them the tests of the alerts are
# skipped. Needs apt-get and its package lists.
prometheus: $(PROMETHEUS)/.stamp

# Runs the tests of the object stores, Azure included.
test-stores: setup azurite
	$(BIN)/pytest tests/integration/test_cloud_stores.py

$(AZURITE)/.stamp: tests/stores/package.json tests/stores/package-lock.json
	@command -v node >/dev/null && command -v npm >/dev/null || \
		{ echo "error: the tests against Azurite need node (20 or later) and npm" >&2; exit 1; }
	npm ci --prefix tests/stores --ignore-scripts --no-audit --no-fund --loglevel error
	touch $@

$(PROMETHEUS)/.stamp:
	@command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || \
		{ echo "error: the tests of the alerts take Prometheus from Debian's package: they need apt-get and dpkg-deb" >&2; exit 1; }
	mkdir -p $(PROMETHEUS)
	@cd $(PROMETHEUS) && apt-get --quiet=2 -o APT::Sandbox::User= download prometheus || \
		{ echo "error: apt-get has no package prometheus" >&2; echo "  hint: apt-get update, as root, fetches the lists" >&2; exit 1; }
	dpkg-deb --extract $(PROMETHEUS)/prometheus_*.deb $(PROMETHEUS)
	rm $(PROMETHEUS)/prometheus_*.deb
	touch $@

# Builds what a release is into dist/: wheel, sdist, the single file claimx for Linux, and their checksums.
dist: setup .venv/.stamp-dist
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist .
	$(BIN)/python deploy/release/single_file.py requirements/runtime.lock dist
	cd dist && sha256sum * > SHA256SUMS

# Builds it and tries it as somebody who has only a Python, walks the Containerfile, and checks the manifests by schema.
test-dist: dist
	$(BIN)/pytest -n 2 --dist loadfile tests/release

.venv/.stamp-dist: .venv/.stamp requirements/dist.lock
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dist.lock
	touch $@

# Runs many more histories of the simulated engine than the tests do; a seed that fails is printed.
simulate: setup
	PYTHONPATH=tests $(BIN)/python -m simulation.many 0 20000

# Runs one of these histories again: make replay SEED=17
replay: setup
	PYTHONPATH=tests $(BIN)/python -m simulation.many $(SEED) $$(($(SEED) + 1))

# Measures every path, some ten minutes; bench/README.md says what the numbers mean.
bench: setup
	$(BIN)/claimx bench ingest
	$(BIN)/claimx bench enrich
	$(BIN)/claimx bench files
	$(BIN)/claimx bench retry --dir .
	$(BIN)/claimx bench e2e

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
	$(LOCK) --upgrade --constraint requirements/dev.lock --extra dist --output-file requirements/dist.lock pyproject.toml
	$(LOCK) --constraint requirements/dev.lock --only-build-deps --all-build-deps --output-file requirements/build.lock pyproject.toml
