# Everything people type. Works with `make -C <folder>` and `make -f <folder>/Makefile` from anywhere.
HERE := $(dir $(lastword $(MAKEFILE_LIST)))
PYTHON := .venv/bin/python
INSTALLED := $(HERE).venv/installed
INSTALLED_DEV := $(HERE).venv/installed-dev
MANAGE := env -u DATABASE_URL -u CARILLON_SECRET_KEY $(PYTHON) manage.py
.DEFAULT_GOAL := help
# Some shells forbid it. Without it each process compiles the thousand modules it imports, every time it starts.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help up down restart reset manage test check lint types lock system-packages bench scale chaos fuzz docs promise clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(HERE)Makefile

up: $(INSTALLED) ## start everything in the foreground (PORT, FLOWER_PORT, CARILLON_HOME, CARILLON_DEMO=0)
	@cd $(HERE) && exec $(PYTHON) -m scheduler_project.local up

down: $(INSTALLED) ## stop it, from another terminal
	@cd $(HERE) && $(PYTHON) -m scheduler_project.local down

restart: $(INSTALLED) ## migrate, then replace each process, one after the other, without a pause in service
	@cd $(HERE) && $(PYTHON) -m scheduler_project.local restart

reset: $(INSTALLED) ## stop it and delete all its data (FORCE=1 does not ask)
	@cd $(HERE) && $(PYTHON) -m scheduler_project.local reset $(if $(FORCE),--force)

manage: $(INSTALLED) ## a command of manage.py beside what runs: RUN='verify_audit' (ROLE=engine: as a worker)
	@cd $(HERE) && $(PYTHON) -m scheduler_project.local --role $(or $(ROLE),app) manage $(RUN)

test: $(INSTALLED_DEV) system-packages lint types ## all checks and all tests
	@cd $(HERE) && $(MANAGE) makemigrations --check --dry-run
	@cd $(HERE) && $(MANAGE) check --fail-level WARNING
	@cd $(HERE) && $(PYTHON) -m pytest -n 3 --dist worksteal --durations=40 --durations-min=3

check: lint types ## the inner loop: lint, types and the tests of pure rules
	@cd $(HERE) && $(PYTHON) -m pytest -q tests/jobs/rules tests/jobs/triggers

lint: $(INSTALLED_DEV) ## ruff and the import contracts
	@cd $(HERE) && $(PYTHON) -m ruff check && $(PYTHON) -m ruff format --check && .venv/bin/lint-imports

types: $(INSTALLED_DEV) ## mypy, strict
	@cd $(HERE) && $(PYTHON) -m mypy

scale: $(INSTALLED_DEV) ## what it costs as a million schedules and ten million executions are stored
	@cd $(HERE) && $(PYTHON) -m tests.scale

bench: $(INSTALLED_DEV) ## what it can do, beside raw Celery
	@cd $(HERE) && $(PYTHON) -m tests.benchmarks

chaos: $(INSTALLED_DEV) ## hunt it: faults, a witness, a checker (SEED, LONG=1, MINUTES, RATE, APART, MUTANTS=1)
	@cd $(HERE) && $(PYTHON) -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(LONG),--long) \
		$(if $(MINUTES),--minutes $(MINUTES)) $(if $(RATE),--rate $(RATE)) $(if $(APART),--apart $(APART)) $(if $(MUTANTS),--mutants)

fuzz: $(INSTALLED_DEV) ## try the API by its own description (CASES=10000, SEED)
	@cd $(HERE) && $(PYTHON) -m tests.fuzz $(if $(CASES),--cases $(CASES)) $(if $(SEED),--seed $(SEED))

REFERENCE := env -u DATABASE_URL -u CARILLON_SECRET_KEY $(PYTHON) -m scheduler_project.reference
docs: $(INSTALLED) ## write the generated parts of docs/
	@cd $(HERE) && $(REFERENCE)

promise: $(INSTALLED) ## at a release: measure further changes of the API by what it is now
	@cd $(HERE) && $(REFERENCE) promise

clean: ## delete the virtual environment and caches; make reset deletes data
	@cd $(HERE) && rm -rf .venv .mypy_cache .ruff_cache .import_linter_cache .hypothesis

LOCK := $(PYTHON) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command 'make lock'
lock: $(INSTALLED) ## compile requirements*.in (UPGRADE=1 takes newer versions)
	@cd $(HERE) && $(LOCK) $(if $(UPGRADE),--upgrade) requirements.in -o requirements.txt
	@cd $(HERE) && $(LOCK) $(if $(UPGRADE),--upgrade) requirements-dev.in -o requirements-dev.txt

system-packages: ## install what tests and script jobs use of the system (root on Debian or Ubuntu), or say what is missing
	@cd $(HERE) && sh scheduler_project/local/system-packages.sh

# uv is quick; pip, which knows this machine's pip.conf, steps in where uv gets nowhere.
INSTALL = $(PYTHON) -m uv pip install --quiet --python $(PYTHON) --require-hashes $(1) \
	|| $(PYTHON) -m pip install --quiet --require-hashes $(1)

$(INSTALLED): $(HERE)requirements.txt
	@cd $(HERE) && if ! $(PYTHON) -c '' 2>/dev/null; then sh scheduler_project/local/python-environment.sh; fi
	@echo 'Installing requirements.txt ...'
	@cd $(HERE) && { $(call INSTALL,-r requirements.txt); }
	@touch $@

$(INSTALLED_DEV): $(INSTALLED) $(HERE)requirements-dev.txt
	@echo 'Installing requirements-dev.txt ...'
	@cd $(HERE) && { $(call INSTALL,-r requirements.txt -r requirements-dev.txt); }
	@touch $@
