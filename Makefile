# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
AT_ONCE := --numprocesses 3 --dist loadfile --no-loadscope-reorder
READY := $(VENV)/.ready
SBOM ?= build/sbom.json

.PHONY: demo test check live month chaos bench sbom format schemas clean help

help: ## what can be done here
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(READY): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.9"
	$(BIN)/uv pip install --quiet --no-deps --require-hashes --compile-bytecode --python $(BIN)/python --requirement requirements.lock
	$(BIN)/uv pip install --quiet --no-deps --python $(BIN)/python --editable .
	touch $(READY)

demo: $(READY) ## seven stations live through a month; ONCE=1 ends when it is over
	$(BIN)/watchbill demo $(if $(ONCE),--once) $(if $(SEED),--seed $(SEED)) $(if $(OUT),--out $(OUT))

test: $(READY) ## unit, contract, journey and live tests
	$(BIN)/python -m pytest $(AT_ONCE)

check: $(READY) ## formatting, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

live: $(READY) ## only the tests on the real broker and database
	$(BIN)/python -m pytest -m live $(AT_ONCE)

month: $(READY) ## the demo's whole month three times, once with every process killed (about ten minutes)
	$(BIN)/python -m pytest -m whole -s tests/journeys/test_whole_month.py

chaos: $(READY) ## weeks under kills and outages until 500 kill points were passed (an hour); SEED=N one week, SHORT=1 few days
	$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(SHORT),--short) $(if $(KILLS),--kills $(KILLS))

bench: $(READY) ## the figures of README in one table, beside bare loops of the same run; ONLY="gateway chain" for some
	$(BIN)/python -m tests.bench $(ONLY)

sbom: $(READY) ## what the image installs, as a bill of materials (CycloneDX) in build/sbom.json
	mkdir -p $(dir $(SBOM))
	$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --validate \
		--output-file $(SBOM) requirements-service.lock

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schemas: $(READY) ## writes what is generated from the contracts
	$(BIN)/python -m contracts.agreements.schema
	$(BIN)/python -m contracts.events.published
	$(BIN)/python -m infra.deploy.compose
	$(BIN)/python -m infra.deploy.kubernetes
	$(BIN)/python -m infra.deploy.asyncapi
	$(BIN)/python -m infra.deploy.rights
	$(BIN)/python -m infra.deploy.dashboard

clean: ## removes the environment and the local data
	rm -rf $(VENV) .watchbill
