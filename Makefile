# What people and CI call. Needs git, make, Python 3.11 or newer with pip and venv, and a package registry.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PORT ?= 8000
ARGS ?=
UPGRADE ?=
# Tests wait for browsers and other processes for a quarter of their time: three of them keep two processors busy.
WORKERS ?= 3
PYTHON_VERSION := $(shell cat .python-version)
UV_VERSION := 0.13.9
UV := $(shell command -v uv || echo .tools/bin/uv)
PYTHON := .venv/bin/python
READY := .venv/synced
PACKAGES := accounts api calculator clients commissions dashboard imports ledger notices partner_portal portfolio program renewals reports sources tiers
LOCKS := requirements.txt requirements-embedded.txt requirements-observability.txt requirements-dev.txt

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' Makefile | awk -F '\t' '{ printf "  make %-8s %s\n", $$1, $$2 }'

.PHONY: setup
setup: $(READY) ## the environment: .venv exactly as the lock files say

.PHONY: demo
demo: $(READY) ## everything on this machine, with sample data (PORT=8000); Ctrl-C stops it
	@$(PYTHON) manage.py demo --port $(PORT) --stop-with-parent

.PHONY: test
test: $(READY) programs ## tests: unit, integration, browser (ARGS="-k word" for some)
	$(PYTHON) -m pytest -n $(WORKERS) -m "not sweep" $(ARGS)

.PHONY: sweep
sweep: $(READY) programs ## the long tests, of which `make test` has a sample (ARGS as above)
	$(PYTHON) -m pytest -n $(WORKERS) -m sweep $(ARGS)

.PHONY: coverage
coverage: $(READY) programs ## tests and sweep with branch coverage; fails below the floor in pyproject.toml
	@mkdir -p var/coverage
	$(PYTHON) -m pytest -n $(WORKERS) --cov --cov-report=term $(ARGS)

.PHONY: lint
lint: $(READY) ## style, layers, dead code, types, Django's checks, missing migrations
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m djlint --lint --quiet templates
	$(PYTHON) .venv/bin/lint-imports
	@mkdir -p var/lint
	@grep -ohrE '[A-Za-z_]{2,}' templates partner_portal/settings.py | sort -u | sed 's/.*/getattr(_, "&")/' > var/lint/named_elsewhere.py
	$(PYTHON) -m vulture $(PACKAGES) manage.py var/lint/named_elsewhere.py
	$(PYTHON) -m mypy .
	PORTAL_VAR=var/lint $(PYTHON) manage.py check --fail-level WARNING
	PORTAL_VAR=var/lint $(PYTHON) manage.py makemigrations --check

# The compiled texts are committed, so only whoever changes a text needs GNU gettext.
.PHONY: messages
messages: $(READY) ## texts to translate: extract into locale/, and compile (needs GNU gettext)
	@command -v msgfmt >/dev/null || { echo "GNU gettext is needed (Debian: sudo apt-get install gettext)." >&2; exit 1; }
	PORTAL_VAR=var/lint $(PYTHON) manage.py makemessages --all --no-obsolete --add-location file $(MESSAGES_IGNORE)
	PORTAL_VAR=var/lint $(PYTHON) manage.py compilemessages --verbosity 0 $(MESSAGES_IGNORE)

MESSAGES_IGNORE := $(addprefix -i ,.venv .tools var tests bench)

.PHONY: bench
bench: $(READY) ## measure speed and memory on generated data
	$(PYTHON) -m bench $(ARGS)

.PHONY: lock
lock: | $(UV) ## bring the lock files in line with pyproject.toml (UPGRADE=1 for newer versions)
	$(call compile) pyproject.toml -o requirements.txt
	$(call compile) --extra embedded -c requirements.txt pyproject.toml -o requirements-embedded.txt
	$(call compile) --extra observability -c requirements.txt pyproject.toml -o requirements-observability.txt
	$(call compile) --extra embedded --extra observability --extra dev -c requirements-embedded.txt -c requirements-observability.txt pyproject.toml -o requirements-dev.txt
	@for machine in x86_64 aarch64; do \
		$(UV) pip compile --quiet --only-binary :all: --python-version $(PYTHON_VERSION) --python-platform $$machine-manylinux_2_36 \
			requirements-observability.txt -o /dev/null || { echo "The image cannot be built for $$machine: see above." >&2; exit 1; }; \
	done
	@! grep -nE '://|^ *--?(i|f|index-url|extra-index-url|find-links)\b' $(LOCKS)

compile = $(UV) pip compile --quiet --universal --generate-hashes --python-version $(PYTHON_VERSION) \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

# The environment. The stamp makes later runs start at once; it is passed over when the interpreter is gone.
$(READY): requirements-dev.txt .python-version $(shell test -x $(PYTHON) || echo missing-interpreter) | $(UV)
	@$(PYTHON) -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(PYTHON_VERSION)")' 2>/dev/null || { \
		found=$$($(UV) python find $(PYTHON_VERSION) 2>/dev/null \
			|| ls "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$(PYTHON_VERSION)*/bin/python$(PYTHON_VERSION) 2>/dev/null | tail -1); \
		rm -rf .venv; \
		$(UV) venv --quiet --python "$${found:-$(PYTHON_VERSION)}" .venv 2>/dev/null || { \
			echo "Python $(PYTHON_VERSION) was not found and could not be fetched: install it (your system's packages, or pyenv install $(PYTHON_VERSION)) and try again." >&2; \
			exit 1; }; }
	$(UV) pip sync --quiet --compile-bytecode --require-hashes --python $(PYTHON) requirements-dev.txt
	@touch $@

.PHONY: missing-interpreter
missing-interpreter:

.tools/bin/uv:
	@python3 -m venv .tools && .tools/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) || { \
		echo "uv could not be installed: Python 3.11 or newer with venv and pip is needed, and a package registry." >&2; \
		exit 1; }

# What the tests start besides Python: a browser (the shell without a window needs a third less of the machine), and
# pdftotext, which reads what the browser prints. In CI also PgBouncer; elsewhere its tests are skipped without it.
.PHONY: programs
programs:
	@missing=; \
	command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null \
		|| command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
		|| missing="chromium-headless-shell fonts-liberation"; \
	command -v pdftotext >/dev/null || missing="$$missing poppler-utils"; \
	[ -z "$$CI" ] || command -v pgbouncer >/dev/null || missing="$$missing pgbouncer"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing $$missing"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing >/dev/null; \
	else \
		echo "The tests need $$missing: install them (Debian: sudo apt-get install $$missing) and try again." >&2; \
		exit 1; \
	fi
