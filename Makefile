# The few commands anybody needs. Plain `make` lists them. Targets install what is missing.

SHELL := /bin/bash
ENGINE ?= podman
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
RELEASES := 12.0:bookworm 13.0:trixie
SOURCE_DATE_EPOCH ?= 1735689600
# Root's PATH has no sbin folders after a plain `su`, and the router's tools live there.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin

PACKAGES := podman runc conmon nftables iptables conntrack iproute2 xorriso openssl python3-venv \
	dnsperf kea-admin wrk udhcpc isc-dhcp-client bind9-dnsutils curl iputils-ping tcpdump cloud-init \
	charon-systemd strongswan-swanctl libcharon-extra-plugins libstrongswan-standard-plugins \
	dnsmasq-base haproxy apache2-bin
PROGRAMS := podman runc conmon nft iptables conntrack ip xorriso openssl dnsperf perfdhcp wrk udhcpc \
	dhclient dig curl ping tcpdump swanctl dnsmasq haproxy cloud-init
# The tests run on both engines, whichever is chosen.
ifeq ($(ENGINE),docker)
PACKAGES += docker.io
PROGRAMS += dockerd
endif
# What depends on the engine: every swap and rollback, the supervisor killed at rest and in one hand-over of each kind.
DOCKER_SUITE ?= test_swaps or outlive or own_namespace or takeover
test test-docker test-reports test-faults: PACKAGES += docker.io
test test-docker test-reports test-faults: PROGRAMS += dockerd

.PHONY: help venv system system-vm images bundle patch run stop demo lint unit check test test-docker test-reports test-faults
.PHONY: test-mutations test-vm bench floods proto clean
.DEFAULT_GOAL := help
# Two of the targets may install packages, and apt runs once at a time.
.NOTPARALLEL:

help: ## list the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(MAKE) --no-print-directory system
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/pip install -qq --disable-pip-version-check -e '.[dev,docker]'
	@touch $@

venv: $(VENV)/.ready ## make the Python environment

system: ## install the Debian packages that are missing (as root)
	@for program in $(PROGRAMS); do command -v $$program >/dev/null || missing=1; done; \
	test -e /usr/sbin/charon-systemd -o -e /usr/lib/ipsec/charon || missing=1; \
	test -e /usr/sbin/apache2 || missing=1; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || missing=1; \
	if [ -n "$$missing" ]; then \
		test "$$(id -u)" = 0 || { echo "error: cannot install packages: run make as root" >&2; exit 1; }; \
		echo "installing Debian packages"; deploy/install-packages $(PACKAGES); \
	fi

images: venv system ## build the container images of both releases
	@$(BIN)/python images/build.py --release bookworm --release trixie --output build/images

bundle: images ## write the signed ISO of each release
	@$(MAKE) -s --no-print-directory $(foreach pair,$(RELEASES),build/bundles/vr-services-$(firstword $(subst :, ,$(pair))).iso)

build/keys/lab.key:
	@mkdir -p build/keys && install -d -m 755 build/keys/trusted
	@$(BIN)/vr-supervisor bundle keygen $@ build/keys/trusted/lab.pub

DEFINITIONS := $(shell find services -type f -not -path '*/golden/*' 2>/dev/null)
codename = $(patsubst $(1):%,%,$(filter $(1):%,$(RELEASES)))

.SECONDEXPANSION:
build/bundles/vr-services-%.iso: build/images/$$(call codename,$$*)/images.json $(DEFINITIONS) build/keys/lab.key
	@mkdir -p $(@D)
	@SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) $(BIN)/vr-supervisor bundle build --images $(<D) --services services --release $* \
		--key build/keys/lab.key --output $@

# The release that a patch is a delta to, and the one it becomes: patches of one base add up.
BASE ?= 12.0
PATCHED = $(BASE).$(shell n=1; while test -e build/bundles/vr-services-$(BASE).$$n.iso; do n=$$((n + 1)); done; echo $$n)

patch: venv ## sign a delta of PACKAGE, "path/to.deb ..." or name=version, to release BASE
	@test -n "$(PACKAGE)" -a -n "$(call codename,$(BASE))" || { echo 'usage: make patch PACKAGE="path/to.deb" [BASE=12.0]' >&2; exit 2; }
	@$(BIN)/python images/patch.py --release $(call codename,$(BASE)) --images build/images/$(call codename,$(BASE)) \
		--cache build/images/.cache/$(call codename,$(BASE)) --output build/patched/$(BASE) $(PACKAGE)
	@SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) $(BIN)/vr-supervisor bundle build --images build/patched/$(BASE) --services services \
		--release $(PATCHED) --base build/bundles/vr-services-$(BASE).iso --trusted-keys build/keys/trusted \
		--key build/keys/lab.key --output build/bundles/vr-services-$(PATCHED).iso && \
	$(BIN)/vr-supervisor bundle verify build/bundles/vr-services-$(PATCHED).iso --trusted-keys build/keys/trusted \
		--base build/bundles/vr-services-$(BASE).iso

run: bundle ## start the lab router with all five services, and show their status
	@$(BIN)/python -m lab run --engine $(ENGINE)

stop: ## end the lab and remove every trace of it
	@test ! -e $(VENV)/.ready || $(BIN)/python -m lab stop --engine $(ENGINE)

demo: run ## swap every service under load and print what its clients lost
	@$(BIN)/python -m bench.demo --engine $(ENGINE)

bench: run ## measure times, sizes, memory, and what shares cost
	@$(BIN)/python -m bench.figures --engine $(ENGINE)
	@$(BIN)/python -m bench.shares --engine $(ENGINE)

floods: bundle ## flood every frontend in every way from every side, with hand-overs in it (an hour)
	@$(BIN)/python -m bench.floods --engine $(ENGINE)

# What only asks for answers runs side by side; what promises to lose nothing under load has the machine for itself.
SIDE_BY_SIDE := tests/unit tests/services tests/contract tests/integration/probes tests/integration/refusals \
	tests/integration/test_images.py
TWO_AT_A_TIME := tests/examples tests/reports tests/integration/lab tests/integration/lifecycle tests/integration/network

test: bundle ## run the whole test suite (on Docker: its contract; the rest is in test-docker)
	@$(BIN)/python -m pytest -q -m "not slow" -n 3 --dist loadfile $(SIDE_BY_SIDE)
	@$(BIN)/python -m pytest -q -m "not slow" -n 2 --dist loadfile $(TWO_AT_A_TIME)
	@$(BIN)/python -m pytest -q -m "not slow" tests/integration/handover tests/faults

test-docker: bundle ## hand over on Docker, end dockerd, move between engines, all under load
	@$(BIN)/python -m pytest -q tests/integration/engines
	@ENGINE=docker $(BIN)/python -m pytest -q tests/integration/handover -k "$(DOCKER_SUITE)"

test-reports: bundle ## replay the reports of docs/reports.md that need a router, the slow ones too
	@$(BIN)/python -m pytest -q --timeout 900 tests/reports

test-faults: bundle ## every fault of the fault campaign, under load (an hour or so)
	@$(BIN)/python -m pytest -q --faults all --timeout 3600 tests/unit/loop tests/unit/decisions tests/faults
	@$(BIN)/python -m pytest -q -m slow --timeout 600 tests/integration

test-mutations: venv system ## 2,000 mutated bundles through verify and import (a quarter of an hour)
	@$(BIN)/python -m tests.kit.forgery --count 2000

system-vm: system ## install the emulator too (as root)
	@for program in qemu-system-x86_64 /usr/lib/qemu/virtiofsd depmod busybox; do \
		command -v $$program >/dev/null || missing=1; \
	done; \
	if [ -n "$$missing" ]; then \
		echo "installing the emulator"; deploy/install-packages qemu-system-x86 kmod busybox; \
	fi

test-vm: bundle system-vm ## hand the tunnel over in a virtual machine, whose kernel has ESP
	@$(BIN)/python -m lab.vm

lint: venv ## format, lint, types, import contracts (needs no root)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

UNIT := tests/unit tests/services

unit: venv ## unit tests that need neither root nor installed programs
	@$(BIN)/python -m pytest -q -m "not (root or programs or images)" -n 2 --dist loadfile $(UNIT)

check: lint unit system ## lint, unit, and the unit tests that need root or programs
	@$(BIN)/python -m pytest -q -m "(root or programs) and not images" -n 2 --dist loadfile $(UNIT)

proto: venv ## generate the API's code from supervisor.proto
	@cd $(CURDIR) && $(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. supervisor/surface/api/supervisor.proto

clean: stop ## remove everything that was built
	@rm -rf build $(VENV) .mypy_cache .ruff_cache .pytest_cache *.egg-info
