# SPDX-License-Identifier: Apache-2.0
# The only build file. `make help` lists what it does.
#
# A program is a folder of its own (or commands/NAME); a library is a folder below lib/.
# Adding a source file needs no edit here.

BUILD        ?= build
CXX          := clang++-19
CRASH_POINTS ?= 1
SANITIZE     ?=
OPT          ?= -O2

DAEMONS := $(sort $(patsubst %/,%,$(dir $(wildcard $(addsuffix /main.cc, \
  master smtpd smtp tlsproxy tlsmgr saslproxy scache qmgr cleanup pickup trivial-rewrite bounce verify anvil flush \
  showq proxymap local virtual pipe spawn error discard postlogd postscreen dnsblog qmqpd)))))
COMMANDS := $(sort $(notdir $(patsubst %/,%,$(dir $(wildcard commands/*/main.cc)))))
LIBS := parse base async ipc config table dns smtp milter sasl tls mail service
LIBS := $(sort $(foreach l,$(LIBS),$(if $(wildcard lib/$(l)/*.cc),$(l))))
# Only these link libssl.
TLS_PROGRAMS := tlsproxy tlsmgr posttls-finger

CCACHE := $(shell command -v ccache 2>/dev/null)
LLD := $(shell command -v ld.lld-19 >/dev/null 2>&1 && echo -fuse-ld=lld-19)
WARN := -Wall -Wextra -Wshadow -Werror
HARDEN := -fPIE -fstack-protector-strong -fcf-protection -fstack-clash-protection \
  $(if $(SANITIZE),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
SAN := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fsanitize=fuzzer-no-link -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
# An index outside of a view, or the value of an empty optional, is inside of the memory that a sanitizer guards.
SAN_CHECKS := $(if $(SANITIZE),-D_GLIBCXX_ASSERTIONS)
CPPFLAGS += -I. -I$(BUILD)/gen $(SAN_CHECKS) $(if $(filter 1,$(CRASH_POINTS)),-DPOSTERN_CRASH_POINTS)
# The same object whatever folder the tree stands in, so that a cache serves every clone.
export CCACHE_NOHASHDIR := 1
CXXFLAGS += -std=c++23 $(OPT) -g1 -fdebug-compilation-dir=. -ffunction-sections -fdata-sections $(WARN) $(HARDEN) $(SAN)
LDFLAGS += $(LLD) -pie -Wl,-z,relro,-z,now,--as-needed,--gc-sections $(SAN)
SYSLIBS := -levent -lfmt -ldb-5.3 -llmdb -lpcre2-8 -lunbound -lresolv -licuuc -lpthread
TLSLIBS := -lssl -lcrypto

PARAMS := $(wildcard */*.params lib/*/*.params)
GEN_STAMP := $(BUILD)/gen/.stamp

src = $(wildcard $(1)/*.cc)
obj = $(patsubst %.cc,$(BUILD)/obj/%.o,$(1))
lib_objs = $(call obj,$(call src,lib/$(1))) $(if $(filter config,$(1)),$(BUILD)/obj/gen/lib/config/registry_data.o) \
  $(if $(filter service,$(1)),$(BUILD)/obj/gen/build_id.o)

.PHONY: all
all: daemons commands man

.PHONY: daemons commands
daemons: $(addprefix $(BUILD)/libexec/,$(DAEMONS)) $(if $(wildcard smtp/main.cc),$(BUILD)/libexec/lmtp)
commands: $(addprefix $(BUILD)/sbin/,$(COMMANDS)) $(if $(wildcard commands/sendmail/main.cc),$(BUILD)/sbin/mailq $(BUILD)/sbin/newaliases)

# --- compiling -------------------------------------------------------------------------------------
ifeq ($(shell command -v $(CXX) 2>/dev/null),)
  ifeq ($(filter deps help check oracle demo demo-stop check-layers uninstall clean,$(MAKECMDGOALS)),)
    $(error $(CXX) is not installed; `make deps` installs what Debian needs. g++ 12 miscompiles coroutines and is not supported)
  endif
endif

$(BUILD)/obj/%.o: %.cc | $(GEN_STAMP)
	@mkdir -p $(@D)
	$(CCACHE) $(CXX) $(CPPFLAGS) $(CXXFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.cc | $(GEN_STAMP)
	@mkdir -p $(@D)
	$(CCACHE) $(CXX) $(CPPFLAGS) $(CXXFLAGS) -MMD -MP -c $< -o $@

# --- parameters ------------------------------------------------------------------------------------
# The generator rewrites a file only when its text changes, so a new parameter recompiles its users only.
$(BUILD)/bin/params-gen: $(call src,lib/config/gen) $(wildcard lib/config/gen/*.h lib/base/*.h) $(BUILD)/lib/base.a
	@mkdir -p $(@D)
	$(CCACHE) $(CXX) $(CPPFLAGS) $(CXXFLAGS) $(filter %.cc,$^) $(BUILD)/lib/base.a $(LDFLAGS) -lfmt -o $@

$(call obj,$(call src,lib/base)): $(BUILD)/obj/%.o: %.cc
	@mkdir -p $(@D)
	$(CCACHE) $(CXX) $(CPPFLAGS) $(CXXFLAGS) -MMD -MP -c $< -o $@

$(GEN_STAMP): $(BUILD)/bin/params-gen $(PARAMS)
	@mkdir -p $(@D)
	$(BUILD)/bin/params-gen $(BUILD)/gen $(PARAMS)
	@touch $@

# A generated file appears with the stamp; these recipes make `make` look at its time again.
$(BUILD)/gen/lib/config/registry_data.cc: $(GEN_STAMP)
	@:
$(BUILD)/gen/%.h: $(GEN_STAMP)
	@:

# --- build id --------------------------------------------------------------------------------------
# What lib/service/build_id.h tells: source version and time. A tree keeps the one it has, so that programs made one by
# one go together; what is installed gets a new one when the version has changed (everything is linked again).
SOURCE_VERSION = $(shell git -c 'safe.directory=*' describe --always 2>/dev/null || \
  cat $(sort $(wildcard */*.cc */*.h lib/*/*.cc lib/*/*.h $(PARAMS))) | sha256sum | cut -c 1-12)
$(BUILD)/gen/build_id.cc: $(if $(filter install,$(MAKECMDGOALS)),FORCE)
	@mkdir -p $(@D)
	@version='$(SOURCE_VERSION)'; grep -qs "^// Source: $$version\$$" $@ || printf '%s\n' \
	  '// SPDX-License-Identifier: Apache-2.0' "// Source: $$version" '#include "lib/service/build_id.h"' \
	  'namespace postern {' \
	  "std::string_view build_id() { return \"$$version-$$(date -u -d "@$${SOURCE_DATE_EPOCH:-$$(date +%s)}" +%Y%m%dT%H%M%SZ)\"; }" \
	  '}  // namespace postern' >$@
.PHONY: FORCE
FORCE:

# --- libraries -------------------------------------------------------------------------------------
define library
$(BUILD)/lib/$(1).a: $(call lib_objs,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	ar rcs $$@ $$^
endef
$(foreach l,$(LIBS) $(if $(wildcard lib/openssl/*.cc),openssl),$(eval $(call library,$(l))))
ARCHIVES := $(patsubst %,$(BUILD)/lib/%.a,$(LIBS))
GROUP = -Wl,--start-group $(ARCHIVES) $(1) -Wl,--end-group

# --- programs --------------------------------------------------------------------------------------
# $(1) source folder, $(2) target, $(3) extra archives, $(4) extra libraries
SANITIZER_OPTIONS := $(if $(SANITIZE),$(BUILD)/obj/tests/sanitizer_options.o)
define program
$(2): $(call obj,$(call src,$(1))) $(ARCHIVES) $(3) $(SANITIZER_OPTIONS)
	@mkdir -p $$(@D)
	$(CXX) -o $$@ $$(filter %.o,$$^) $$(call GROUP,$(3)) $(LDFLAGS) $(SYSLIBS) $(4)
endef
tls_archive = $(if $(filter $(TLS_PROGRAMS),$(notdir $(1))),$(BUILD)/lib/openssl.a)
tls_libs = $(if $(filter $(TLS_PROGRAMS),$(notdir $(1))),$(TLSLIBS))
$(foreach d,$(DAEMONS),$(eval $(call program,$(d),$(BUILD)/libexec/$(d),$(call tls_archive,$(d)),$(call tls_libs,$(d)))))
$(foreach c,$(COMMANDS),$(eval $(call program,commands/$(c),$(BUILD)/sbin/$(c),$(call tls_archive,$(c)),$(call tls_libs,$(c)))))

# One program, two dialects; one command, three names.
$(BUILD)/libexec/lmtp: $(BUILD)/libexec/smtp
	ln -sf smtp $@
$(BUILD)/sbin/mailq $(BUILD)/sbin/newaliases: $(BUILD)/sbin/sendmail
	ln -sf sendmail $@

# --- manual pages ----------------------------------------------------------------------------------
# A line `.\" @parameters PROGRAM@` of a page stands for what PROGRAM's parameter blocks say. NAME:PAGE are second names.
MAN_PAGES := $(patsubst man/%,$(BUILD)/man/%,$(wildcard man/*.[158])) $(BUILD)/man/postconf.5
MAN_LINKS := mailq.1:sendmail.1 newaliases.1:sendmail.1 lmtp.8:smtp.8 defer.8:bounce.8 trace.8:bounce.8 retry.8:error.8
.PHONY: man
man: $(MAN_PAGES)
$(BUILD)/man/%: man/% $(GEN_STAMP)
	@mkdir -p $(@D)
	@awk -v parts=$(BUILD)/gen/man 'BEGIN { bad = 0 } /^\.\\" @parameters / { part = $$3; sub(/@$$/, "", part); \
	  file = parts "/" part ".params.mdoc"; while ((n = (getline line < file)) > 0) print line; \
	  if (n < 0) { bad = 1; exit } next } { print } END { exit bad }' $< > $@.new && mv $@.new $@
$(BUILD)/man/postconf.5: $(GEN_STAMP)
	@mkdir -p $(@D)
	@cp $(BUILD)/gen/man/postconf.5 $@

# --- unit tests ------------------------------------------------------------------------------------
# build/tests/unit-NAME: the tests of lib/NAME or of program NAME with that program's own objects (not its main).
UNIT_LIBS := $(notdir $(patsubst %/,%,$(wildcard tests/unit/lib/*/)))
UNIT_PROGRAMS := $(filter-out lib commands,$(notdir $(patsubst %/,%,$(wildcard tests/unit/*/))))
UNIT_COMMANDS := $(notdir $(patsubst %/,%,$(wildcard tests/unit/commands/*/)))
TLS_UNITS := openssl tlsproxy tlsmgr command-posttls-finger
not_main = $(filter-out $(BUILD)/obj/$(1)/main.o,$(call obj,$(call src,$(1))))
define unit
$(BUILD)/tests/unit-$(1): $(BUILD)/obj/tests/unit/main.o $(call obj,$(call src,tests/unit/$(2))) \
    $(if $(3),$(call not_main,$(3))) \
    $(ARCHIVES) $(if $(filter $(TLS_UNITS),$(1)),$(BUILD)/lib/openssl.a)
	@mkdir -p $$(@D)
	$(CXX) -o $$@ $$(filter %.o,$$^) $$(call GROUP,$(if $(filter $(TLS_UNITS),$(1)),$(BUILD)/lib/openssl.a)) \
	  $(LDFLAGS) -lcppunit $(SYSLIBS) $(if $(filter $(TLS_UNITS),$(1)),$(TLSLIBS))
endef
$(foreach u,$(UNIT_LIBS),$(eval $(call unit,$(u),lib/$(u),)))
# lib/smtp and smtp/ both have tests.
unit_name = $(if $(filter $(1),$(UNIT_LIBS)),program-$(1),$(1))
$(foreach u,$(UNIT_PROGRAMS),$(eval $(call unit,$(call unit_name,$(u)),$(u),$(u))))
$(foreach u,$(UNIT_COMMANDS),$(eval $(call unit,command-$(u),commands/$(u),commands/$(u))))
UNIT_TESTS := $(addprefix $(BUILD)/tests/unit-,$(UNIT_LIBS) $(foreach u,$(UNIT_PROGRAMS),$(call unit_name,$(u))) $(addprefix command-,$(UNIT_COMMANDS)))
.PHONY: unit list-unit
unit: $(UNIT_TESTS)
list-unit:
	@printf '%s\n' $(UNIT_TESTS)

# --- fuzz targets ----------------------------------------------------------------------------------
# They live in the sanitized tree, whose objects they share with `make check-asan`.
ASAN_TREE := $(MAKE) --no-print-directory BUILD=build/asan SANITIZE=address,undefined OPT=-O1
FUZZ_SECONDS ?= 60
FUZZ_TARGETS := $(patsubst tests/fuzz/%.cc,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*.cc))
$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(ARCHIVES)
	@mkdir -p $(@D)
	$(CXX) -o $@ $(filter %.o,$^) $(call GROUP,) -fsanitize=fuzzer $(LDFLAGS) $(SYSLIBS)
# A target about a program names what it needs of it, and of its unit tests.
$(BUILD)/fuzz/switch_offer: $(BUILD)/obj/smtpd/switch_offer.o
$(BUILD)/fuzz/smtpd_session: $(call not_main,smtpd) $(BUILD)/obj/tests/unit/smtpd/house.o
.SECONDARY: $(FUZZ_TARGETS:$(BUILD)/fuzz/%=$(BUILD)/obj/tests/fuzz/%.o)
.PHONY: fuzz-programs fuzz-targets fuzz
fuzz-programs: $(FUZZ_TARGETS)
fuzz-targets:
	+@$(ASAN_TREE) fuzz-programs
fuzz: fuzz-targets
	@$(PYTHON) tests/run_all.py --fuzz-seconds $(FUZZ_SECONDS) fuzz

# --- checks ----------------------------------------------------------------------------------------
# The tests use Debian's Python: pytest is its package.
PYTHON := /usr/bin/python3 -B
.PHONY: deps clients check check-asan check-layers lint oracle bench demo demo-stop
deps:
	@tests/deps.sh
# Programs that tests/system runs; only root's tests do.
clients:
	@tests/system/fetch_clients.sh build/clients || test "$$(id -u)" != 0
check: deps clients oracle
	@$(PYTHON) tests/run_all.py
# What each TLS setting leads to against each kind of peer: tries every row, then prints the table.
.PHONY: check-seeds
check-seeds: all
	@$(PYTHON) -m pytest -q tests/system/test_seeds.py
	@cat doc/tls-table.md
check-asan: deps clients oracle
	@$(PYTHON) tests/run_all.py --build build/asan build unit fuzz system compat reports
check-layers:
	@$(PYTHON) tests/check_layers.py

LINT_SOURCES := $(wildcard */*.cc lib/*/*.cc lib/config/gen/*.cc commands/*/*.cc tests/unit/*.cc tests/unit/*/*.cc \
  tests/unit/*/*/*.cc tests/fuzz/*.cc)
LINT_HEADERS := $(wildcard */*.h lib/*/*.h lib/config/gen/*.h commands/*/*.h tests/unit/*.h tests/unit/*/*.h tests/unit/*/*/*.h)
lint: deps $(GEN_STAMP)
	clang-format-19 --dry-run -Werror $(LINT_SOURCES) $(LINT_HEADERS)
	@$(PYTHON) tests/check_tree.py
	@$(PYTHON) tests/check_layers.py
	printf '%s\n' $(LINT_SOURCES) | xargs -P $$(nproc) -I{} clang-tidy-19 --quiet {} -- $(CPPFLAGS) $(CXXFLAGS)

oracle:
	@tests/compat/fetch_oracle.sh build/oracle
BENCH_TOOLS := $(patsubst tests/bench/src/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/src/*.c))
$(BUILD)/bench/%: tests/bench/src/%.c
	@mkdir -p $(@D)
	clang-19 -O2 -Wall -Wno-unused-result -o $@ $< $(TLSLIBS)
bench: deps oracle all $(BENCH_TOOLS)
	@$(PYTHON) tests/bench/run.py $(BENCH)
demo: deps
	+@$(MAKE) --no-print-directory all
	@tests/demo/run.sh
demo-stop:
	@tests/demo/stop.sh

# --- installing ------------------------------------------------------------------------------------
# The defaults of main.cf's command_directory, daemon_directory and config_directory.
sbindir ?= /usr/sbin
bindir ?= /usr/bin
libexecdir ?= /usr/libexec/postfix
sysconfdir ?= /etc/postfix
mandir ?= /usr/share/man
SETGID_GROUP ?= postdrop
CONF_FILES := main.cf master.cf main.cf.tls access aliases channel_keywords tls_policy transport vmailbox
.PHONY: install uninstall clean help
install: all
	install -d $(DESTDIR)$(sbindir) $(DESTDIR)$(bindir) $(DESTDIR)$(libexecdir) $(DESTDIR)$(sysconfdir)
	install -m 755 $(addprefix $(BUILD)/sbin/,$(COMMANDS)) $(DESTDIR)$(sbindir)
	install -m 755 $(addprefix $(BUILD)/libexec/,$(DAEMONS)) $(DESTDIR)$(libexecdir)
	ln -sf smtp $(DESTDIR)$(libexecdir)/lmtp
	ln -sf $(sbindir)/sendmail $(DESTDIR)$(bindir)/mailq
	ln -sf $(sbindir)/sendmail $(DESTDIR)$(bindir)/newaliases
	test -e $(DESTDIR)$(sysconfdir)/main.cf || sed -e 's|^command_directory = .*|command_directory = $(sbindir)|' \
	  -e 's|^daemon_directory = .*|daemon_directory = $(libexecdir)|' conf/main.cf | \
	  install -m 644 /dev/stdin $(DESTDIR)$(sysconfdir)/main.cf
	for f in $(CONF_FILES); do test -e $(DESTDIR)$(sysconfdir)/$$f || install -m 644 conf/$$f $(DESTDIR)$(sysconfdir); done
	for f in $(MAN_PAGES); do install -D -m 644 $$f $(DESTDIR)$(mandir)/man$${f##*.}/$${f##*/}; done
	for l in $(MAN_LINKS); do n=$${l%%:*}; ln -sf $${l#*:} $(DESTDIR)$(mandir)/man$${n##*.}/$$n; done
	if getent group $(SETGID_GROUP) >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  for c in $(filter postdrop postqueue postlog,$(COMMANDS)); do \
	    chgrp $(SETGID_GROUP) $(DESTDIR)$(sbindir)/$$c && chmod 2755 $(DESTDIR)$(sbindir)/$$c; done; \
	else echo "install: as root, with group $(SETGID_GROUP), run 'postfix set-permissions'"; fi

# Configuration, queue and data stay.
uninstall:
	rm -f $(addprefix $(DESTDIR)$(sbindir)/,$(COMMANDS)) $(addprefix $(DESTDIR)$(libexecdir)/,$(DAEMONS) lmtp)
	rm -f $(DESTDIR)$(bindir)/mailq $(DESTDIR)$(bindir)/newaliases
	rm -f $(foreach m,$(MAN_PAGES) $(foreach l,$(MAN_LINKS),$(firstword $(subst :, ,$(l)))), \
	  $(DESTDIR)$(mandir)/man$(subst .,,$(suffix $(m)))/$(notdir $(m)))
	-rmdir $(DESTDIR)$(libexecdir) 2>/dev/null

# The unpacked packages stay: they are not ours to make again.
clean:
	find $(BUILD) -mindepth 1 -maxdepth 1 ! -name oracle ! -name clients -exec rm -rf {} +

help:
	@echo 'make               build everything into build/'
	@echo 'make man           manual pages, in build/man (part of make)'
	@echo 'make deps          install what Debian 12 or 13 needs (root), or name what is missing'
	@echo 'make check         all of it: dependencies, build, every test; ends with N passed, N failed, N skipped'
	@echo 'make check-asan    unit, fuzz, system and compat tests with address and undefined-behaviour sanitizers'
	@echo 'make check-seeds   what each TLS setting leads to, tried row by row, as a table (root)'
	@echo 'make check-layers  verify who includes what'
	@echo 'make lint          clang-format, clang-tidy, file sizes, SPDX lines, layers'
	@echo 'make fuzz          each fuzz target for FUZZ_SECONDS (60)'
	@echo "make oracle        unpack Debian's postfix below build/oracle, for comparisons (never installed)"
	@echo 'make bench         workloads w1 w2 w5 w8 beside Postfix (root); BENCH="--runs 3 w1" chooses'
	@echo 'make demo          two instances, one message over STARTTLS twice into a Maildir; make demo-stop ends it'
	@echo 'make install       DESTDIR, sbindir, bindir, libexecdir, sysconfdir, mandir; make uninstall undoes it'
	@echo 'make clean         remove build/ except the unpacked comparison package'

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
