# duet's build. `make help` lists what there is.
#
#   V=1            show every command
#   CC=clang       another compiler (it gets a build directory of its own)
#   SANITIZE=1     AddressSanitizer and UndefinedBehaviorSanitizer, likewise
#   PREFIX=, DESTDIR=   for `make install`

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:

CC       := $(if $(filter default undefined,$(origin CC)),gcc,$(CC))
PREFIX   ?= /usr/local
SANITIZE ?=
V        ?=

BUILD := build/$(notdir $(CC))$(if $(SANITIZE),-sanitize)
Q     := $(if $(V),,@)
say    = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(patsubst build/%,%,$(2))')

PACKAGES := libvirt libvirt-qemu libcurl libcjson zlib yaml-0.1 libcrypto libkmod libelf
VERSION  := 0.1.0

# Packages may be installed by `make smoke` itself, so pkg-config is asked when a rule runs.
PKG_CFLAGS = $(shell pkg-config --cflags $(PACKAGES))
PKG_LIBS   = $(shell pkg-config --libs $(PACKAGES))

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wwrite-strings -Wvla
CFLAGS   ?= -O2 -g
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DDUET_VERSION='"$(VERSION)"' -I. \
             -pthread $(WARNINGS) $(CFLAGS) $(if $(SANITIZE),$(SANITIZERS))
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

MODULES := base initrd kernel vm results
LIBRARY := $(BUILD)/libduet.a

library_sources := $(foreach module,$(MODULES),$(wildcard $(module)/*.c)) \
                   $(filter-out runner/main.c,$(wildcard runner/*.c))
library_objects := $(library_sources:%.c=$(BUILD)/%.o)

# PID 1 of the guest: static, without the sanitizers of the host.
INIT         := $(BUILD)/init
init_sources := $(wildcard initrd/init/*.c) \
                $(addprefix base/,error.c memory.c buffer.c wire.c)
init_objects := $(init_sources:%.c=$(BUILD)/guest/%.o)

unit_tests   := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
fuzz_targets := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
benches      := $(patsubst bench/%.c,$(BUILD)/bench/%,$(wildcard bench/bench_*.c))

.PHONY: build
build: $(BUILD)/duet build/duet ## build/duet

build/duet: $(BUILD)/duet
	$(Q)ln -sfn $(patsubst build/%,%,$<) $@

$(BUILD)/duet: $(BUILD)/runner/main.o $(LIBRARY)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(LIBRARY): $(library_objects)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(INIT): $(init_objects)
	$(call say,LINK,$@)
	$(Q)$(CC) -static -o $@ $^ -ljansson && strip $@

$(BUILD)/guest/%.o: %.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -I. $(WARNINGS) -Os -ffunction-sections -MMD -MP -c $< -o $@

$(BUILD)/%.o: %.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(PKG_CFLAGS) -MMD -MP -c $< -o $@

# init travels inside the program, so that one file is all there is to install.
$(BUILD)/initrd/init_image.o: $(INIT)
$(BUILD)/initrd/init_image.o: ALL_CFLAGS += -DDUET_INIT_FILE='"$(INIT)"'

$(BUILD)/tests/%: $(BUILD)/tests/unit/%.o $(LIBRARY)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) -lcmocka

# With clang a fuzz target is libFuzzer's; with any other compiler tests/fuzz/driver.c drives it.
fuzz_driver := $(if $(findstring clang,$(CC)),,$(BUILD)/tests/fuzz/driver.o)
$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o $(fuzz_driver) $(LIBRARY)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(if $(fuzz_driver),,-fsanitize=fuzzer) -o $@ $^ $(PKG_LIBS)

$(BUILD)/bench/%: $(BUILD)/bench/%.o $(LIBRARY)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

.PHONY: unit-tests fuzz-targets
unit-tests: $(unit_tests)
fuzz-targets: $(fuzz_targets)

.PHONY: clean
clean: ## remove build/
	$(Q)rm -rf build

-include $(shell find build -name '*.d' 2>/dev/null)
