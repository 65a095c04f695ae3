# Everything runs from `make`; the paths are relative and quoted, so the folder may be anywhere.
# Needs Python 3.11, 3.12 or 3.13. To choose one: make setup PYTHON=/path/to/python3.12

VENV_PYTHON = .venv/bin/python
NOTEBOOK = notebooks/00_hear_it.ipynb
PYTEST_ARGS =
TEST_WORKERS = 2
LAB_ARGS =
BENCH_ARGS =
LOCK_ARGS =
EXERCISES_ARGS =
CORES =

# The first suitable Python, as the shell variable `python`.
FIND_PYTHON = python=; \
	for candidate in $(if $(PYTHON),"$(PYTHON)",python3 python3.13 python3.12 python3.11 python); do \
		if "$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
			>/dev/null 2>&1; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "nmsynth needs Python 3.11, 3.12 or 3.13; \
	$(if $(PYTHON),$(PYTHON) is another,found: $$(python3 --version 2>&1 || true))." >&2; \
		echo "Install one, or name it: make setup PYTHON=/path/to/python3.11" >&2; \
		exit 1; \
	fi

.PHONY: help setup lab demo test test-nightly notebooks exercises site bench instruments lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: ## install everything into .venv, exactly as requirements.lock says
	@$(FIND_PYTHON); "$$python" tools/make_venv.py

lab: setup ## open JupyterLab on the first notebook
	@echo "JupyterLab prints its address below; Ctrl-C twice ends it."
	@$(VENV_PYTHON) -m jupyterlab --LabApp.default_url=/lab/tree/$(NOTEBOOK) \
		$$([ "$$(id -u)" != 0 ] || echo --allow-root) \
		$$([ "$$(uname)" = Darwin ] || [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || echo --no-browser) \
		$(LAB_ARGS)

demo: setup ## render the three published examples to build/demo: sound, picture, page
	@$(VENV_PYTHON) -m nmsynth_lib.demo

test: setup ## check and test everything, notebooks included; PYTEST_ARGS="-k name" narrows it
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m ruff format --check .
	$(VENV_PYTHON) -m nbstripout --verify notebooks/*.ipynb
	$(VENV_PYTHON) tools/lint_scripts.py
	$(VENV_PYTHON) -m codespell_lib *.md assets/*.md assets/questions docs notebooks nmsynth_lib tests tools
	$(VENV_PYTHON) -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder \
		-m "not nightly" $(PYTEST_ARGS)

test-nightly: setup ## what takes too long for every change: load check, static site, costs of the notebooks
	$(VENV_PYTHON) -m pytest -m nightly $(PYTEST_ARGS)

notebooks: setup ## execute every notebook offline, write its clocks; CORES="2 1": with one core as well
	@$(VENV_PYTHON) tools/run_notebooks.py notebooks/*.ipynb $(if $(CORES),--cores $(CORES)) --write

exercises: setup ## write "Your turn" of each notebook; EXERCISES_ARGS="--solved DIR" for teachers
	@$(VENV_PYTHON) tools/make_exercises.py $(EXERCISES_ARGS)

site: setup ## the executed notebooks and the documents as pages that play: build/site
	@$(VENV_PYTHON) tools/make_site.py

bench: setup ## measure speed against the seed-sized baseline (8 minutes); BENCH_ARGS=--quick: 3
	@$(VENV_PYTHON) -m nmsynth_lib.cli bench $(BENCH_ARGS)

# A run that was stopped goes on where it was.
TRAIN = $(VENV_PYTHON) -m nmsynth_lib.cli train --seed 0 --minutes 43
instruments: setup ## make the recordings and train the shipped instruments anew (hours)
	@mkdir -p build/instruments
	[ -d build/recordings/string ] || $(VENV_PYTHON) -m nmsynth_lib.cli make-recording string \
		--levels continuous --seed 1 --out build/recordings/string
	$(TRAIN) build/recordings/string --out build/instruments/string \
		$$([ ! -d build/instruments/string/training ] || echo --resume)
	$(TRAIN) assets/recordings/sampled --out build/instruments/sampled \
		$$([ ! -d build/instruments/sampled/training ] || echo --resume)
	for name in string sampled; do \
		cp build/instruments/$$name/instrument.yaml build/instruments/$$name/model.weights.h5 \
			build/instruments/$$name/SHA256SUMS assets/instruments/$$name/; done
	$(VENV_PYTHON) tools/measure_instruments.py

# Keeps the versions that still fit; LOCK_ARGS=--upgrade takes the newest of all.
UV = build/lock-venv/bin/python -m uv
COMPILE = $(UV) pip compile --quiet --generate-hashes --universal --python-version 3.11 \
	--fork-strategy fewest --only-binary :all: --no-emit-index-url --custom-compile-command "make lock"
COMPILE_ALL = $(COMPILE) pyproject.toml $(LOCK_ARGS) --overrides requirements.overrides

lock: ## renew the lock files from pyproject.toml; LOCK_ARGS=--upgrade for new releases
	@$(FIND_PYTHON); "$$python" -m venv --clear build/lock-venv
	@build/lock-venv/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(COMPILE_ALL) --extra test --output-file requirements.lock
	$(COMPILE_ALL) --constraints requirements.lock --excludes binder/not-needed.txt \
		--no-emit-package ddsp --emit-build-options --output-file binder/requirements.txt
	grep -o '"ddsp==[0-9.]*"' pyproject.toml | tr -d '"' | $(COMPILE) - --no-deps \
		--output-file binder/ddsp.lock

clean: ## remove what was built and cached; .venv stays
	rm -rf build nmsynth.egg-info .pytest_cache .ruff_cache .hypothesis
	find nmsynth_lib tests tools notebooks \( -name __pycache__ -o -name .ipynb_checkpoints \) \
		-prune -exec rm -rf {} +
