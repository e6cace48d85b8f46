# Two commands: `make lab` opens the course, `make test` runs everything. Each makes the .venv that it needs.
# Without make, see README.md: the same in plain pip, conda and PowerShell.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 2)')
LAB_ARGS ?=

FIRST_PAGE := $(firstword $(sort $(wildcard notebooks/[0-9]*.ipynb)))
ROOT_FLAG  := $(if $(filter 0,$(shell id -u)),--allow-root)
UV         := $(shell command -v uv 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help lab test bench site html docs notebooks lint format clean

help:
	@echo 'make lab        open the course in JupyterLab (on this machine only)'
	@echo 'make test       run every test: units, doctests, real servers, notebooks, graders'
	@echo 'make bench      measure everything beside its peers: fakeredis, burner-redis, real servers'
	@echo 'make site       build the course as static pages that need no server (build/site)'
	@echo 'make html       render the course to plain pages, to read where nothing runs (build/html)'
	@echo 'make docs       write docs/ anew from the engine'
	@echo 'make notebooks  run the chapters and keep their outputs; make the exercises from their sources'
	@echo 'make lint       ruff, mypy and the direction of imports, alone'
	@echo 'make format     put the code into the house style'
	@echo 'make clean      remove the .venv and every cache'

lab: $(VENV)/.course
	$(BIN)/jupyter lab --ServerApp.ip=127.0.0.1 --ServerApp.root_dir='$(CURDIR)' $(ROOT_FLAG) \
	  --LabApp.default_url='/lab/tree/$(FIRST_PAGE)' \
	  --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate --LabApp.news_url= $(LAB_ARGS)

# More workers than cores: many tests wait for a server, a kernel or a browser. Files start in the order of the
# folders: the long ones (audit, browser) are among the first, and no worker is left alone with them at the end.
test: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -q --durations 25 --durations-min 3

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks

site: $(VENV)/.site
	$(BIN)/python site/build.py

html: $(VENV)/.course
	$(BIN)/python tools/render_html.py

docs: $(VENV)/.test
	$(BIN)/python docs/generate.py

notebooks: $(VENV)/.test
	$(BIN)/python tools/execute_notebooks.py
	$(BIN)/python -m minidis.course.sources

lint: $(VENV)/.test
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

format: $(VENV)/.test
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv does the same as pip in a twentieth of the time; it is used when it is there, and never needed. (--seed: the .venv
# has a pip all the same, for whoever activates it.)
$(VENV)/bin/python:
ifdef UV
	uv venv --quiet --seed --python $(PYTHON) $(VENV)
else
	$(PYTHON) -m venv $(VENV)
endif

SHARED := $(shell find share -type f)  # copied into the .venv, unlike the package itself

$(VENV)/.bench $(VENV)/.course $(VENV)/.site $(VENV)/.test: $(VENV)/.%: pyproject.toml $(SHARED) | $(VENV)/bin/python
ifdef UV
	uv pip install --quiet --python $(BIN)/python --editable '.[$*]'
else
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
endif
	touch $@
