# make lab    sets up, builds the release binary, starts the network on loopback and runs the scenarios
# make test   sets up, checks the format and runs the tests (debug build)
# make conformance   writes docs/conformance.md from docs/clauses.tsv
# make bench-calls   calls per second and CPU per call, side by side with Kamailio; writes the table of docs/performance.md
.DEFAULT_GOAL := help
.PHONY: help setup setup-test build lab test lint conformance bench-calls fuzz-quick clean

# What to give to `sallyport lab`: make lab LAB='--scenario e2ae-both --capture both.pcapng'
LAB ?=
SECONDS_EACH ?= 60

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile
	@echo "make lint fuzz-quick clean   see CONTRIBUTING.md"

setup:
	@Scripts/setup.sh build

setup-test:
	@Scripts/setup.sh build peer

build: setup
	@Scripts/build.sh release-build swift build -c release --product sallyport

lab: build
	@.build/release/sallyport lab $(LAB)

lint:
	@swift format lint --strict --parallel --recursive Package.swift Sources Tests Fuzzing
	@Scripts/conformance.py --self-test
	@Scripts/conformance.py

# docs/conformance.md from docs/clauses.tsv
conformance:
	@Scripts/conformance.py --write

# The arrows between the modules are checked by the build: an import that the target does not declare is an error.
# Unit tests run side by side; what starts processes and waits for sockets runs one after the other.
test: setup-test lint
	@SALLYPORT_WARNINGS_AS_ERRORS=1 Scripts/build.sh debug-build swift build --build-tests --explicit-target-dependency-import-check error
	@SALLYPORT_WARNINGS_AS_ERRORS=1 swift test --skip-build --disable-xctest --skip InteropTests
	@SALLYPORT_WARNINGS_AS_ERRORS=1 swift test --skip-build --disable-xctest --filter InteropTests --no-parallel

bench-calls: setup-test build
	@Benchmarks/calls/bench.py

fuzz-quick: setup
	@Fuzzing/run.sh $(SECONDS_EACH)

clean:
	rm -rf .build
