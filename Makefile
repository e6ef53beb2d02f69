# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# make            build build/connsnoop          make run      install what is missing, build, trace
# make check      everything: tests here and on every kernel     make unit e2e vm lint   its parts
# make install    to DESTDIR/PREFIX              make vmlinux  renew the kernel's types
# V=1 shows the commands; OUT, CLANG, BPFTOOL, CC, CFLAGS, ARCH can be set.

OUT ?= build
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PREFIX ?= /usr/local
ARCH ?= $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(shell uname -m)))
CFLAGS ?= -O2 -g

Q := $(if $(V),,@)
msg = $(if $(V),,@printf '  %-8s %s\n' $(1) $(patsubst $(OUT)/%,%,$@))

BPF_CFLAGS := -g -O2 -target bpf -mcpu=v2 -D__TARGET_ARCH_$(ARCH) -std=gnu11 \
	-Wall -Wextra -Werror -Wno-unused-parameter -Wno-unused-function \
	-Iinclude -isystem vmlinux/$(ARCH) -Ibpf
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -fPIE -fstack-protector-strong \
	-D_FORTIFY_SOURCE=2 -Iinclude -Isrc -isystem $(OUT) $(CFLAGS)
ALL_LDFLAGS := -pie -Wl,-z,relro,-z,now $(LDFLAGS)
LDLIBS += -lbpf -lelf -lz

objs := $(patsubst src/%.c,$(OUT)/%.o,$(wildcard src/*.c))
lib := $(filter-out $(OUT)/main.o,$(objs))
tests := $(patsubst tests/unit/%.c,$(OUT)/unit/%,$(wildcard tests/unit/*_test.c))

.PHONY: all
all: $(OUT)/connsnoop

$(OUT)/connsnoop: $(objs)
	$(call msg,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $^ -o $@ $(LDLIBS)

$(OUT)/%.o: src/%.c | $(OUT)/unit
	$(call msg,CC)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# What includes the skeleton: the rest is found by the compiler.
$(OUT)/tracer.o $(OUT)/tracer_filters.o: $(OUT)/connsnoop.skel.h

$(OUT)/%.bpf.o: bpf/%.bpf.c | $(OUT)/unit
	$(call msg,BPF)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(OUT)/$*.bpf.d -c $< -o $@

$(OUT)/connsnoop.o.bpf: $(OUT)/typed.bpf.o $(OUT)/probed.bpf.o
	$(call msg,BPFLINK)
	$(Q)$(BPFTOOL) gen object $@ $^

$(OUT)/connsnoop.skel.h: $(OUT)/connsnoop.o.bpf
	$(call msg,SKEL)
	$(Q)$(BPFTOOL) gen skeleton $< name connsnoop_bpf >$@

$(OUT)/unit:
	$(Q)mkdir -p $@

-include $(wildcard $(OUT)/*.d $(OUT)/unit/*.d)

# --- tests ---------------------------------------------------------------------------------------

# Unit tests have objects of their own, with the sanitizers; so have the modules they test.
SANITIZE ?= -fsanitize=address,undefined -fno-sanitize-recover=undefined
san_lib := $(patsubst $(OUT)/%.o,$(OUT)/unit/%.o,$(lib))

$(OUT)/unit/%.o: src/%.c $(OUT)/connsnoop.skel.h | $(OUT)/unit
	$(call msg,CC)
	$(Q)$(CC) $(filter-out -D_FORTIFY_SOURCE=2,$(ALL_CFLAGS)) $(SANITIZE) -MMD -MP -c $< -o $@

$(OUT)/unit/libconnsnoop.a: $(san_lib)
	$(call msg,AR)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(OUT)/unit/%_test: tests/unit/%_test.c $(OUT)/unit/libconnsnoop.a
	$(call msg,TEST)
	$(Q)$(CC) $(filter-out -D_FORTIFY_SOURCE=2,$(ALL_CFLAGS)) $(SANITIZE) -MMD -MP $< \
		$(OUT)/unit/libconnsnoop.a -o $@ -lcmocka $(LDLIBS)

.PHONY: unit
unit: $(tests)
	$(Q)tests/run-unit $(tests)

.DELETE_ON_ERROR:
.SECONDARY:
