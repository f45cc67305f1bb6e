# Everything happens in .venv, from packages whose hashes requirements.lock names.
PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help venv demo test cluster-test soak bench gpu image image-test sbom licences lint types format docs lock clean

help:  ## Show what there is.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

venv: $(STAMP)  ## Make .venv with all that demo, tests and benchmarks need.

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $(STAMP)

demo: venv  ## See it work: embedded Kafka and Valkey, the real worker, a table of flags.
	$(BIN)/flagstaff demo

test: venv  ## Run the tests but the long runs.
	$(BIN)/python -m pytest -m "not soak and not cluster and not image" -n 3 --dist loadfile $(PYTEST_ARGS)

cluster-test: venv  ## The chart on the Kubernetes cluster that FLAGSTAFF_TEST_KUBECONFIG names: docs/kubernetes.md.
	$(BIN)/python -m pytest -m cluster --timeout 900 $(PYTEST_ARGS) tests/deploy

soak: venv  ## The long runs, bounded, each with a printed table.
	$(BIN)/python -m pytest -m soak --timeout 0 --capture no $(PYTEST_ARGS)

bench: venv  ## Measure stream and engine against their peers.
	$(BIN)/flagstaff bench

# On a GPU machine with a torch of its own: make gpu GPU_PYTHON=python3
GPU_PYTHON ?= $(BIN)/python
gpu:  ## On a machine with a GPU: the tests and benchmarks of its path; writes gpu.json. GPU_PYTHON=python3 takes the machine's own torch.
	@test $(GPU_PYTHON) != $(BIN)/python || $(MAKE) --no-print-directory venv
	! $(GPU_PYTHON) -c 'import pytest, pytest_timeout' 2>/dev/null || $(GPU_PYTHON) -m pytest --noconftest -m gpu tests/unit/detector/test_fixed_shape.py
	$(GPU_PYTHON) -m benchmarks.gpu --processes

# With Docker: make image IMAGE_BUILD="docker build". docs/image.md tells what IMAGE_ARGS takes.
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
IMAGE ?= flagstaff:$(VERSION)
IMAGE_BUILD ?= buildah bud --format docker --timestamp $$(git log -1 --format=%ct)
image:  ## Build the container image, with buildah; IMAGE_ARGS="--build-arg EXTRAS=console,transformers" adds torch.
	$(IMAGE_BUILD) --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) \
		$(IMAGE_ARGS) --file deploy/Containerfile --tag $(IMAGE) .

image-test: venv  ## Build the image from Debian packages, run it read-only, let it decide posts.
	$(BIN)/python -m pytest -m image --timeout 1200 tests/deploy $(PYTEST_ARGS)

sbom:  ## Write sbom.cdx.json: the packages in the image, Debian's and Python's (CycloneDX). Needs podman and trivy.
	deploy/sbom $(IMAGE) sbom.cdx.json

licences: venv  ## Write docs/licences.md again, after make lock.
	$(BIN)/python -m deploy.licences docs/licences.md

lint: venv  ## Look for mistakes and unformatted files.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: venv  ## Check the types.
	$(BIN)/mypy

format: venv  ## Format and mend what can be mended by itself.
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

docs: venv  ## Write docs/settings.md, docs/metrics.md, schemas/, dashboard, alert rules, the chart's schema and page again.
	$(BIN)/python -m worker.reference docs
	$(BIN)/python -m worker.monitoring helm/flagstaff/files
	$(BIN)/python -m worker.chart helm/flagstaff
	$(BIN)/flagstaff schema --out schemas

lock: venv  ## Resolve requirements.lock again; UPGRADE=--upgrade takes newer versions.
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --all-extras \
		--no-emit-index-url --no-header $(UPGRADE) --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header $(UPGRADE) --output-file deploy/build.lock deploy/build.in

clean:  ## Remove what was built; the embedded Kafka's data in .flagstaff stays.
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
