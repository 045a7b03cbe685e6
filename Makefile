# duet's build. `make help` lists what there is.
#
#   V=1            show every command
#   CC=clang       another compiler (it gets a build directory of its own)
#   SANITIZE=1     AddressSanitizer and UndefinedBehaviorSanitizer, likewise
#   FUZZER=1       libFuzzer's instrumentation, likewise (`make fuzz` sets it)
#   PREFIX=, DESTDIR=   for `make install`

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:

CC       := $(if $(filter default undefined,$(origin CC)),gcc,$(CC))
PREFIX   ?= /usr/local
SANITIZE ?=
FUZZER   ?=
V        ?=

BUILD := build/$(notdir $(CC))$(if $(FUZZER),-fuzz,$(if $(SANITIZE),-sanitize))
Q     := $(if $(V),,@)
say    = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(patsubst build/%,%,$(2))')

PACKAGES := libvirt libvirt-qemu libcurl libcjson zlib yaml-0.1 libcrypto libelf jansson
VERSION  := 0.1.0

# Packages may be installed by `make smoke` itself, so pkg-config is asked when the first rule
# needs its answer, and once.
pkg_config = $(or $(if $(shell pkg-config --exists $(PACKAGES) && echo yes),$(shell \
    pkg-config $(1) $(PACKAGES)) ),$(error pkg-config does not find all of: $(PACKAGES). \
    `.ci/packages build` installs them on Debian))
PKG_CFLAGS = $(eval PKG_CFLAGS := $(call pkg_config,--cflags))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $(call pkg_config,--libs) -lm)$(PKG_LIBS)

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wwrite-strings -Wvla
CFLAGS   ?= -O2 -g
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DDUET_VERSION='"$(VERSION)"' -I. \
             -pthread $(WARNINGS) $(CFLAGS) $(if $(SANITIZE),$(SANITIZERS))
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
              $(if $(FUZZER),-fsanitize=fuzzer-no-link)

MODULES := base net initrd kernel vm results bench runner
LIBRARY := $(BUILD)/libduet.a

# What has a main() of its own, and what measures duet itself.
programs        := runner/main.c $(wildcard bench/bench_*.c) \
                   $(addprefix bench/,bench.c fidelity.c guest.c pair.c probe.c run.c run_table.c)
library_sources := $(filter-out $(programs),$(foreach module,$(MODULES),$(wildcard $(module)/*.c)))
library_objects := $(library_sources:%.c=$(BUILD)/%.o)

# PID 1 of the guest: static, without the sanitizers of the host.
INIT         := $(BUILD)/init
init_sources := $(wildcard initrd/init/*.c net/*.c) \
                $(addprefix base/,error.c memory.c buffer.c loop.c units.c wire.c)
init_objects := $(init_sources:%.c=$(BUILD)/guest/%.o)
# What of init needs no guest is built for the host, too, where tests reach it, and the mock agent.
init_pure    := $(patsubst %,$(BUILD)/initrd/init/%.o,\
    address busy cmdline datapath_alarm datapath_cut datapath_input datapath_log datapath_ring datapath_way \
    field framing hex ids link_state matcher moddep pod pod_carrier pod_impair pod_netem reply request \
    request_exec sockets tick_device)
MOCK         := $(BUILD)/libmock.a
mock_objects := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/mock/*.c))
# Both stand on base/, which is part of the library.
libraries    := $(LIBRARY) $(MOCK) $(LIBRARY)

unit_tests   := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
fuzz_targets := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
benches      := $(patsubst bench/%.c,$(BUILD)/bench/%,$(wildcard bench/bench_*.c))
PROBE        := $(BUILD)/bench/probe
conformance  := $(BUILD)/conformance/guest_image

.PHONY: build
build: $(BUILD)/duet ## build/duet
	$(Q)ln -sfn $(patsubst build/%,%,$<) build/duet

$(BUILD)/duet: $(BUILD)/runner/main.o $(LIBRARY) $(MOCK)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(libraries) $(PKG_LIBS)

$(LIBRARY): $(library_objects)
$(MOCK): $(init_pure) $(mock_objects)
# To make, objects are intermediate files: that one is missing is no reason to make what they end in
# anew. The lists of them are here.
$(LIBRARY) $(MOCK): Makefile
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $(filter %.o,$^)

$(INIT): $(init_objects)
	$(call say,LINK,$@)
	$(Q)$(CC) -static -Wl,--gc-sections -o $@ $^ -ljansson -lm && strip $@

# Init is small, but for what handles packets by the million.
GUEST_CFLAGS := -Os
$(BUILD)/guest/net/%.o $(BUILD)/guest/initrd/init/datapath%.o: GUEST_CFLAGS := -O2
$(BUILD)/guest/%.o: %.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -I. $(WARNINGS) $(GUEST_CFLAGS) -ffunction-sections \
	    -fdata-sections -MMD -MP -c $< -o $@

$(BUILD)/%.o: %.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(PKG_CFLAGS) -MMD -MP -c $< -o $@

# init travels inside the program, so that one file is all there is to install.
$(BUILD)/initrd/init_image.o: $(INIT)
$(BUILD)/initrd/init_image.o: ALL_CFLAGS += -DDUET_INIT_FILE='"$(INIT)"'

# So do the options of the small kernel.
$(BUILD)/kernel/small_config.o: kernel/small.config

$(BUILD)/tests/%: $(BUILD)/tests/unit/%.o $(LIBRARY) $(MOCK)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(libraries) $(PKG_LIBS) -lcmocka

# A fuzz target is driven by tests/fuzz/driver.c, with any compiler; by libFuzzer with FUZZER=1.
fuzz_driver := $(if $(FUZZER),,$(BUILD)/tests/fuzz/driver.o)
$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o $(fuzz_driver) $(LIBRARY) $(MOCK)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(if $(fuzz_driver),,-fsanitize=fuzzer) -o $@ $< $(fuzz_driver) \
	    $(libraries) $(PKG_LIBS)

$(BUILD)/bench/run: $(BUILD)/bench/run_table.o
$(BUILD)/bench/%: $(BUILD)/bench/%.o $(addprefix $(BUILD)/bench/,bench.o fidelity.o guest.o \
                  pair.o) $(LIBRARY) $(MOCK)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(libraries) $(PKG_LIBS)

# What a bench runs in guests is static, too.
$(PROBE): $(BUILD)/guest/bench/probe.o
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -static -o $@ $< && strip $@

$(conformance): $(BUILD)/tests/conformance/guest_image.o $(LIBRARY)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

.PHONY: unit-tests fuzz-targets conformance
# What an integration test runs comes along.
unit-tests: $(unit_tests) $(BUILD)/tests/write_capture $(BUILD)/bench/run
fuzz-targets: $(fuzz_targets)
conformance: $(conformance)

# The packages come first, and only a make that starts after them sees them: hence the recursion.
parallel  = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))
submake   = $(Q)$(MAKE) --no-print-directory $(parallel)
TESTS    ?=

# One that is known to be survived: with another, a network may be worse than its numbers promise.
SEED     ?= 1

.PHONY: smoke resilience test
smoke: ## the smoke suite in real guests (installs what is missing, builds)
	$(Q).ci/packages build run smoke
	$(submake) build
	$(Q)build/duet run smoke

resilience: ## transports through bad networks, SEED=1 of them (likewise)
	$(Q).ci/packages build run smoke resilience
	$(submake) build
	$(Q)build/duet run resilience --seed $(SEED)

test: ## all tests (likewise); TESTS='GLOB…' only these
	$(Q).ci/packages build run smoke test
	$(submake) SANITIZE= build unit-tests conformance
	$(submake) SANITIZE=1 unit-tests fuzz-targets
	$(Q)set -f; exec tests/run --build build/$(notdir $(CC)) \
	    --sanitized build/$(notdir $(CC))-sanitize $(TESTS)

BENCH ?= .
.PHONY: bench bench-programs
bench-programs: $(BUILD)/bench/run $(benches) $(PROBE)
bench: ## measure duet; BENCH='start.*' only the measures that this matches
	$(Q).ci/packages build run smoke bench kernel
	$(submake) SANITIZE= build bench-programs
	$(Q)build/$(notdir $(CC))/bench/run bench/out/results.json '$(BENCH)' \
	    $(patsubst bench/%.c,build/$(notdir $(CC))/bench/%,$(wildcard bench/bench_*.c))

FUZZ    ?=
SECONDS ?= 600
.PHONY: fuzz
fuzz: ## libFuzzer for SECONDS=600 on one target: FUZZ=NAME
	$(if $(FUZZ),,$(error FUZZ=NAME is missing; NAME is one of: \
	    $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))))
	$(Q).ci/packages build fuzz
	$(submake) CC=clang SANITIZE=1 FUZZER=1 build/clang-fuzz/fuzz/fuzz_$(FUZZ)
	$(Q)mkdir -p build/corpus/$(FUZZ)
	build/clang-fuzz/fuzz/fuzz_$(FUZZ) -max_total_time=$(SECONDS) -artifact_prefix=build/ \
	    build/corpus/$(FUZZ) $(wildcard tests/fuzz/corpus/$(FUZZ))

# One file a process: clang-tidy 14 loses track of va_start from the second file on.
LINT_DEFINES := -DDUET_VERSION="\"\"" -DDUET_INIT_FILE="\"/dev/null\""
sources := $(filter-out build/%,$(wildcard */*.[ch] */*/*.[ch]))
scripts := $(wildcard .ci/* scenarios/*/*.sh docs/*.bash)
.PHONY: format check-format lint
format: ## clang-format on every source
	$(Q)clang-format -i $(sources)

check-format: ## whether `make format` would change anything
	$(Q)clang-format --dry-run --Werror $(sources)

lint: ## clang-tidy, shellcheck and mandoc's checks
	$(Q)shellcheck $(scripts)
	$(Q)mandoc -T lint -W warning,stop $(wildcard docs/*.1)
	$(Q)mkdir -p build
	$(Q)printf '%s\n' $(filter %.c,$(sources)) | xargs -P$$(nproc) -n1 sh -c \
	    'clang-tidy --quiet "$$1" -- -std=gnu11 -D_GNU_SOURCE $(LINT_DEFINES) -I. $(PKG_CFLAGS) \
	        2>build/tidy.$$$$ || { cat build/tidy.$$$$; rm build/tidy.$$$$; exit 1; }; rm build/tidy.$$$$' sh

scenario_files = $(shell find scenarios -type f)
.PHONY: install
install: build ## into PREFIX=/usr/local, below DESTDIR=
	$(Q)install -D -m 755 build/duet $(DESTDIR)$(PREFIX)/bin/duet
	$(Q)install -D -m 644 docs/duet.1 $(DESTDIR)$(PREFIX)/share/man/man1/duet.1
	$(Q)install -D -m 644 docs/duet.bash \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions/duet
	$(Q)for file in $(scenario_files); do \
	    mode=644; [ ! -x $$file ] || mode=755; \
	    install -D -m $$mode $$file $(DESTDIR)$(PREFIX)/share/duet/$$file || exit; done

.PHONY: help
help: ## this list
	$(Q)awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

.PHONY: clean
clean: ## remove build/
	$(Q)rm -rf build

-include $(shell find build -name '*.d' 2>/dev/null)
