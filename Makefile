# SPDX-License-Identifier: Apache-2.0
# Thin doors to Meson and to scripts/. `make help` lists them.
PORT   ?= 8480
PREFIX ?= /usr/local
export PORT PREFIX

.PHONY: help run build test bench fuzz install format lint screenshots clean

help:
	@scripts/help.sh Makefile

run: build ## build if needed, then show the sample world in the console at http://127.0.0.1:8480/ (PORT=n)
	@scripts/run.sh

build: ## install what is missing and build build/noroshi
	@scripts/install.sh run
	@scripts/build.sh build

test: build ## every test layer; the last line is "N passed, N failed"
	@scripts/install.sh test
	@scripts/test.sh

bench: build ## speed and size beside other programs in the same run; writes build/bench.json
	@scripts/install.sh bench
	@tests/bench/bench.sh

fuzz: build ## libFuzzer on every target, SECONDS_EACH=60
	@scripts/install.sh test
	@scripts/fuzz.sh

install: build ## into PREFIX (/usr/local), below DESTDIR when given
	@scripts/build.sh install

format: ## clang-format in place
	@scripts/install.sh test
	@scripts/format.sh write

lint: build ## clang-tidy, shell syntax
	@scripts/install.sh test
	@scripts/lint.sh

screenshots: build ## docs/screenshots/*.png from the running console
	@scripts/install.sh test
	@scripts/screenshots.sh

clean: ## remove what was built; your own stores and captures elsewhere stay
	@rm -rf build build-sanitize build-fuzz web/dist
