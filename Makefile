# Two commands for users: `make demo` and `make test`. Both make .venv from the hashed list in requirements.lock first.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: env demo test test-all test-engines lint docs bench lock clean

env: $(READY)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY)
	$(BIN)/python -m experiments.latent_bo

test: $(READY)
	$(BIN)/python -m pytest

# -m "" lifts the default selection, so the slow tests run too; with flags of its own a test is compiled as for users,
# not as quickly as tests/helpers/compilation.py would have it
test-all: .venv/.engines
	XLA_FLAGS=--xla_force_host_platform_device_count=2 $(BIN)/python -m pytest -m ""

# Ray and submitit, which few users need, have a list of their own; their tests are skipped where they are missing.
test-engines: .venv/.engines
	$(BIN)/python -m pytest -m "" -n 0 tests/test_engines.py

.venv/.engines: $(READY) requirements-engines.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-engines.lock
	$(BIN)/python -c "import ray, submitit"
	@touch $@

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/basedpyright --warnings

# The site, in docs/_build/html, from what is installed: nothing is fetched while it is built. Warnings are errors.
docs: .venv/.docs
	$(BIN)/python docs/site_notebooks.py
	$(BIN)/python -m sphinx -b html -W --keep-going docs docs/_build/html

.venv/.docs: $(READY) requirements-docs.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-docs.lock
	@touch $@

bench: $(READY)
	$(BIN)/python -m benchmarks.simulator.lattice_map
	$(BIN)/python -m benchmarks.simulator.rollout
	$(BIN)/python -m benchmarks.simulator.rollout --gradients
	$(BIN)/python -m benchmarks.models.vae_training
	$(BIN)/python -m benchmarks.campaigns.pool_campaign

# For maintainers, with uv on the path: resolve again for Python 3.11–3.13. No index address may get into the list.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade \
	  --extra test --extra dev --extra digits pyproject.toml --output-file requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade \
	  --constraint requirements.lock --extra docs pyproject.toml --output-file requirements-docs.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade \
	  --constraint requirements.lock --constraint requirements-docs.lock --extra ray --extra slurm pyproject.toml \
	  --output-file requirements-engines.lock

clean:
	rm -rf .venv .cache build dist .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
