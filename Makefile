# make run    set up, build the screen and start the demonstration on 127.0.0.1:8080
# make test   the same set-up, then all tests
# make check  format, lint, types, layers, generated files
# make bench  speed and memory, as printed figures
# make bench-tracking  the tracker on its scenarios, beside Stone Soup
# make train-acoustic  the weights of the acoustic nets anew (torch, some minutes; needs ../shared/data)
# make bench-acoustic  the acoustic detector on recordings and drawn sounds, false alarms, speech, directions, range
# make bench-rf  DroneID and links without a name
# make lock   pin the newest allowed versions again (needs the network)
# make system-test-packages   system programs that some tests drive (Debian, root)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STATIC := src/skysentry/web/static
UI_SOURCES := $(shell find ui -type f -not -path '*/node_modules/*' 2>/dev/null)
KERNELS := $(wildcard src/skysentry/tracking/*.py src/skysentry/tracking/*/*.py \
  src/skysentry/alerting/*.py src/skysentry/sensing/rf/*.py)
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: run test check format bench bench-tracking bench-acoustic bench-rf train-acoustic lock system-test-packages clean

run: $(VENV)/.compiled $(STATIC)/index.html
	@$(BIN)/skysentry demo

test: $(VENV)/.test-installed $(VENV)/.compiled $(STATIC)/index.html
	$(BIN)/python -m pytest

check: $(VENV)/.test-installed $(STATIC)/index.html
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check
	PATH="$(abspath $(BIN)):$$PATH" npm --prefix ui run --silent check

format: $(VENV)/.test-installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python docs/generate.py

bench: $(VENV)/.compiled
	$(BIN)/python -m bench

bench-tracking: $(VENV)/.test-installed $(VENV)/.compiled
	$(BIN)/python -m bench.tracking

bench-acoustic: $(VENV)/.test-installed $(VENV)/.compiled
	$(BIN)/python -m bench acoustic acoustic_drawn acoustic_confusers acoustic_latency false_alarms speech doa range_sweep

bench-rf: $(VENV)/.test-installed $(VENV)/.compiled
	OMP_NUM_THREADS=1 $(BIN)/python -m bench rf rf_links

# Its own environment: torch is never on the path of what runs. No GPU is used: where pip finds a wheel of this version
# without CUDA (an extra index or PIP_FIND_LINKS), it is taken; PyPI's own works too, and is some gigabytes.
TORCH ?= torch==2.13.0
train-acoustic: $(VENV)/train/.installed $(VENV)/train/.sounds
	PYTHONPATH=src:. OMP_NUM_THREADS=1 $(VENV)/train/bin/python -m training

$(VENV)/train/.installed: requirements/train.txt | $(BIN)/python
	$(PYTHON) -m venv $(VENV)/train
	$(VENV)/train/bin/pip install -q --require-hashes --no-deps -r requirements/train.txt
	$(VENV)/train/bin/pip install -q "$(TORCH)"
	@touch $@

# Sounds under free licences in Debian's packages (training/packages.py), pinned; without them the broad net learns without.
SOUNDS := sonic-pi-samples fluid-soundfont-gm fluid-soundfont-gs
$(VENV)/train/.sounds: requirements/train-sounds.sha256 | $(VENV)/train/.installed
	@rm -rf $(VENV)/train/sounds && mkdir -p $(VENV)/train/sounds
	@cd $(VENV)/train/sounds && apt-get download -qq $(SOUNDS) && sha256sum -c --quiet $(abspath $<) \
	  && for deb in *.deb; do dpkg-deb -x "$$deb" .; done && touch ../.sounds \
	  || echo "$(SOUNDS) cannot be had as pinned: the broad net learns without them"

lock:
	$(PYTHON) -m venv $(VENV)/lock && $(VENV)/lock/bin/pip install -q uv
	for set in run test train; do $(VENV)/lock/bin/uv pip compile -q --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
	  requirements/$$set.in -o requirements/$$set.txt; done

system-test-packages:
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
	  alsa-utils chromium espeak-ng ffmpeg mosquitto tshark

clean:
	rm -rf $(VENV) $(STATIC) ui/node_modules

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements/run.txt pyproject.toml | $(BIN)/python
	$(BIN)/pip install -q --require-hashes --no-deps -r requirements/run.txt
	$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.test-installed: requirements/test.txt $(VENV)/.installed
	$(BIN)/pip install -q --require-hashes --no-deps -r requirements/test.txt
	@touch $@

# The compiled functions, once: a first run that waits half a minute for them looks broken.
$(VENV)/.compiled: $(KERNELS) | $(VENV)/.installed
	# A cached function does not notice that one it was built with has changed.
	@find src -name '*.nb[ic]' -delete
	$(BIN)/python -m skysentry.tracking.kernels
	$(BIN)/python -m skysentry.alerting.arrival
	$(BIN)/python -m skysentry.sensing.rf.kernels
	@touch $@

$(STATIC)/index.html: $(UI_SOURCES) | $(VENV)/.installed
	$(BIN)/python ui/build.py
	@touch $@
