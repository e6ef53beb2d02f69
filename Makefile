# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# make            build build/connsnoop
# make run        install what is missing, build, trace with ARGS              (needs root)
# make check      install what is missing, then all tests, here and on every kernel (needs root)
#   make lint unit build-test bench-formats-check e2e vm bench-smoke   its parts;
#                TESTS, KERNELS and BACKENDS choose some of e2e and vm
# make bench-formats        what an event costs in user space, as each format
# make bench-formats-check  the same in instructions, against bench/formats/budget
# make compare    what tcplife, tcptracer and tcpconnect say beside us, in docs/peers.md (needs root); KERNEL, RUNS
# make bench      what tracing costs, beside other tracers, in docs/bench.md (needs root, an hour); KERNEL, ROUNDS
#   make bench-quick  a part of it, in two minutes; make bench-smoke  whether it works
# make cases      docs/cases.md anew, from what e2e and vm found
# make budget     tests/budget anew: what each program gives the verifier to do, kernel by kernel (needs root)
# make fuzz       each of tests/fuzz for SECONDS
# make install    to DESTDIR and PREFIX
# make format     lay the C code out anew
# make vmlinux    renew the kernel's types
# make clean      all but the downloads; make distclean: these too
# V=1 shows the commands. CC, CFLAGS, LDFLAGS, CLANG, BPFTOOL, OUT and ARCH can be set.

export OUT ?= build
PREFIX ?= /usr/local
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
ARCH ?= $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(shell uname -m)))
CFLAGS ?= -O2 -g -D_FORTIFY_SOURCE=2
SANITIZE ?= -fsanitize=address,undefined -fno-sanitize-recover=undefined

KERNELS ?= 5.10 6.1 6.12 sid
BACKENDS ?= fentry kprobe tracepoint
# On this machine, whatever its kernel: the backend that asks least of it.
HERE ?= tracepoint
TESTS ?= tests/e2e
KERNEL ?= 6.12
RUNS ?= 2
ROUNDS ?= 5
SECONDS ?= 60

Q := $(if $(V),,@)
msg = $(if $(V),,@printf '  %-8s %s\n' $(1) $(patsubst $(OUT)/%,%,$@))

VMLINUX := vmlinux/$(ARCH)/vmlinux.h
BPF_CFLAGS := -g -O2 -target bpf -mcpu=v2 -D__TARGET_ARCH_$(ARCH) -std=gnu11 \
	-Wall -Wextra -Werror -Wno-unused-parameter -Wno-unused-function \
	-Iinclude -isystem $(dir $(VMLINUX)) -Ibpf
WARNINGS := -Wall -Wextra -Werror
BASE_CFLAGS := -std=gnu11 -D_GNU_SOURCE -fPIE -fstack-protector-strong -Iinclude -Isrc -isystem $(OUT)
ALL_CFLAGS := $(BASE_CFLAGS) $(WARNINGS) $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS := -pie -Wl,-z,relro,-z,now $(LDFLAGS)
LDLIBS += -lbpf -lelf -lmnl -lz -lcares -ljansson

objs := $(patsubst src/%.c,$(OUT)/%.o,$(wildcard src/*.c))
lib := $(filter-out $(OUT)/main.o,$(objs))
# What -MMD does not tell of, for it lies in a system directory to be spared our warnings.
skel := $(OUT)/connsnoop.skel.h
skel_users := $(patsubst src/%.c,%.o,$(shell grep -l connsnoop.skel.h src/*.c))

.PHONY: all
all: $(OUT)/connsnoop

$(OUT)/connsnoop: $(objs)
	$(call msg,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $^ -o $@ $(LDLIBS)

$(OUT)/%.o: src/%.c | $(OUT)/unit
	$(call msg,CC)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(addprefix $(OUT)/,$(skel_users) $(addprefix unit/,$(skel_users))): $(skel)

$(OUT)/%.bpf.o: bpf/%.bpf.c $(VMLINUX) | $(OUT)/unit
	$(call msg,BPF)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

# In this order: the other way round libbpf's linker loses maps. It leaves the DWARF out.
$(OUT)/connsnoop.o.bpf: $(OUT)/typed.bpf.o $(OUT)/existing.bpf.o $(OUT)/probed.bpf.o
	$(call msg,BPFLINK)
	$(Q)$(BPFTOOL) gen object $@ $^

$(skel): $(OUT)/connsnoop.o.bpf
	$(call msg,SKEL)
	$(Q)$(BPFTOOL) gen skeleton $< name connsnoop_bpf >$@

$(OUT)/unit:
	$(Q)mkdir -p $@

-include $(wildcard $(OUT)/*.d $(OUT)/unit/*.d)

# --- use -----------------------------------------------------------------------------------------

.PHONY: run install vmlinux clean distclean
run:
	$(Q)tools/install-deps build
	$(Q)+$(MAKE) --no-print-directory all
	$(OUT)/connsnoop $(ARGS)

install: all
	install -D -m 755 $(OUT)/connsnoop $(DESTDIR)$(PREFIX)/sbin/connsnoop

-include man/man.mk

vmlinux:
	vmlinux/renew

clean:
	rm -rf $(filter-out $(OUT)/vm,$(wildcard $(OUT)/*))

distclean:
	rm -rf $(OUT)

# --- tests ---------------------------------------------------------------------------------------

# The tested modules have objects of their own, with the sanitizers.
TEST_CFLAGS := $(filter-out -D_FORTIFY_SOURCE=%,$(ALL_CFLAGS)) $(SANITIZE)
tests := $(patsubst tests/unit/%.c,$(OUT)/unit/%,$(wildcard tests/unit/*_test.c))

$(OUT)/unit/%.o: src/%.c | $(OUT)/unit
	$(call msg,CC)
	$(Q)$(CC) $(TEST_CFLAGS) -MMD -MP -c $< -o $@

$(OUT)/unit/%.o: tests/unit/%.c | $(OUT)/unit
	$(call msg,CC)
	$(Q)$(CC) $(TEST_CFLAGS) -MMD -MP -c $< -o $@

$(OUT)/unit/libconnsnoop.a: $(lib:$(OUT)/%=$(OUT)/unit/%)
	$(call msg,AR)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(OUT)/unit/%_test: $(OUT)/unit/%_test.o $(OUT)/unit/libconnsnoop.a
	$(call msg,LINK)
	$(Q)$(CC) $(TEST_CFLAGS) $(ALL_LDFLAGS) $^ -o $@ -lcmocka $(LDLIBS)

.PHONY: check lint unit unit-build build-test e2e vm cases budget compare format
check:
	$(Q)tools/install-deps build check
	$(Q)+tests/check lint unit build-test bench-formats-check e2e vm bench-smoke

unit-build: $(tests)

unit: $(tests)
	$(Q)tests/run-unit $(tests)

build-test:
	$(Q)tests/build_test

e2e: all
	$(Q)tests/run-e2e $(addprefix here/,$(HERE)) -- $(TESTS)

vm: all
	$(Q)tests/run-e2e $(foreach k,$(KERNELS),$(addprefix $(k)/,$(BACKENDS))) -- $(TESTS)

compare:
	$(Q)tools/install-deps build vm compare
	$(Q)+$(MAKE) --no-print-directory all
	$(Q)tests/compare/run -k $(KERNEL) -n $(RUNS)

cases:
	$(Q)tests/cases

budget: all
	$(Q)HERE='$(HERE)' tests/budget/renew $(KERNELS)

# --- benchmarks ----------------------------------------------------------------------------------

REPLAY := $(OUT)/bench/replay
replay_objs := $(patsubst bench/formats/%.c,$(OUT)/bench/%.o,$(wildcard bench/formats/*.c))

$(OUT)/bench/%.o: bench/formats/%.c
	$(call msg,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(REPLAY): $(replay_objs) $(lib)
	$(call msg,LINK)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -Wl,--wrap=open_by_handle_at,--wrap=readlink $^ -o $@ $(LDLIBS)

-include $(wildcard $(OUT)/bench/*.d)

.PHONY: bench-formats bench-formats-check
bench-formats: $(REPLAY)
	$(Q)$<

bench-formats-check: $(REPLAY)
	$(Q)bench/formats/check $<

# The load for bench/run, which needs nothing else to be built.
$(OUT)/bench/load: bench/load.c
	$(call msg,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $< -o $@ -pthread

.PHONY: bench bench-quick bench-smoke
bench:
	$(Q)tools/install-deps build vm bench
	$(Q)+$(MAKE) --no-print-directory all $(OUT)/bench/load
	$(Q)bench/run compare -s 3 -r $(ROUNDS)
	$(Q)bench/run vm -k $(KERNEL) -s 3 -r $(ROUNDS)
	$(Q)bench/run scale -s 2 -r 3
	$(Q)bench/run filters -s 1 -r 3
	$(Q)bench/run stall -s 2 -r 3
	$(Q)bench/run idle -s 10 -r 3
	$(Q)bench/run sustain -s 60 -r 1
	$(Q)bench/run list -r 3
	$(Q)bench/run page

bench-quick: all $(OUT)/bench/load
	$(Q)bench/run compare -s 1 -r 2 -o $(OUT)/bench/quick.json one
	$(Q)bench/run page -o $(OUT)/bench/quick.md -p $(OUT)/bench/quick.svg $(OUT)/bench/quick.json
	$(Q)sed -n '/^## /,/^### The BPF/{/^### The/!p;}' $(OUT)/bench/quick.md

bench-smoke: all $(OUT)/bench/load
	$(Q)bench/smoke

# --- fuzzing -------------------------------------------------------------------------------------

# Each with the modules that it tests. What it finds besides the corpus in the tree stays in build/fuzz.
FUZZ_CFLAGS := $(BASE_CFLAGS) $(WARNINGS) -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
fuzz_dns_message := src/dns.c src/dns_names.c
fuzz_dns_stream := src/dns_stream.c
fuzzers := $(patsubst tests/fuzz/%.c,$(OUT)/fuzz/%,$(wildcard tests/fuzz/*.c))

.SECONDEXPANSION:
$(OUT)/fuzz/%: tests/fuzz/%.c $$(fuzz_$$*) $(wildcard src/*.h include/*.h)
	$(call msg,FUZZ)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) $(filter %.c,$^) -o $@ -lcares

.PHONY: fuzz
fuzz: $(fuzzers)
	$(Q)tests/run-fuzz $(SECONDS) $^

lint: all
	$(Q)CONNSNOOP=$(OUT)/connsnoop LINT_CFLAGS='$(BASE_CFLAGS) -O2' tests/run-lint

format:
	clang-format -i $(wildcard src/*.[ch] include/*.h bpf/*.[ch] tests/unit/*.[ch] bench/*.c bench/*/*.[ch])

.DELETE_ON_ERROR:
.SECONDARY:
