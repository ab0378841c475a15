# Every target sets up what it needs; a fresh machine wants only Python 3.11 and make.
VENV    := .venv
PYTHON  := $(VENV)/bin/python
READY   := $(VENV)/.ready

.PHONY: help setup demo gallery test lint format soak soak-simulated soak-real bench clean
help:            ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY)  ## the private environment in .venv
$(READY): pyproject.toml constraints.txt tools/setup.sh
	sh tools/setup.sh $(VENV)
	@touch $@

demo: $(READY)   ## three nodes render an animation, one is killed, no frame is lost
	$(VENV)/bin/mesh demo

gallery: $(READY) ## every scene at hand as a picture, and a page to look at: make gallery SCALE=0.5
	$(PYTHON) -m tools.gallery -o gallery --scale $(or $(SCALE),1)

test: $(READY)   ## all tests
	$(PYTHON) -m pytest

lint: $(READY)   ## ruff and mypy
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: $(READY) ## what ruff can mend by itself
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

soak: soak-simulated soak-real  ## many seeds, every planted bug, real nodes under full load: make -j2 soak SEEDS=10000 MINUTES=30
soak-simulated: $(READY)
	$(PYTHON) -m tools.seeds --last $(or $(SEEDS),10000)
	$(PYTHON) -m tools.simulate all --seeds 1-20 --jobs 2
	$(PYTHON) -m tools.mutants.run
soak-real: $(READY)
	$(PYTHON) -m tools.soak --minutes $(or $(MINUTES),30)

bench: $(READY)  ## one benchmark beside its peers: make bench NAME=startup
	$(PYTHON) -m tools.bench $(or $(NAME),startup)

clean:           ## the environment and every cache inside this folder
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis demo-output gallery .soak.json
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
