# Trivisor: every verb. `make help` explains them; what they need is in packages/.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules
SHELL := /bin/sh

include src/src.mk
-include guests/guests.mk
include tests/tests.mk

JOBS := $(shell nproc)
PYTHON := python3 -B

.PHONY: help test setup setup-run setup-test clean
help: ## what can be made
	@sed -n 's/^\([a-z][a-z. _-]*\):.*## /\1: /p' Makefile | awk -F': ' '{ printf "  make %-24s %s\n", $$1, $$2 }'

setup: setup-run setup-test ## install what is missing of what running and testing need
setup-run:
	@tools/install run
setup-test:
	@tools/install run test

test: setup-test ## everything that can be tested; ends with `N passed, N failed`
	@$(MAKE) -j$(JOBS) host-tests
	@$(PYTHON) tests/run.py

clean: ## remove everything that was built
	@rm -rf build compile_commands.json
