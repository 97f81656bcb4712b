# indiseek: one header, so nothing has to be built to use it.  This builds its programs, tests and benchmarks.
#
#   make                      the programs, in build/
#   make test                 every test (installs what it needs where it may, else says how)
#   make help                 all targets and options
#
# GNU make; a C compiler is all that the programs need.

# ---- options: make config=debug CC=clang ... ------------------------------------------------------------------------

config ?= release
cblas  ?= 0
werror ?= 0
verbose ?= 0
only   ?=
# How many compilers run at once where -j was not given.
jobs   ?= $(shell nproc 2>/dev/null || echo 2)
PREFIX ?= /usr/local
PYTHON ?= python3

# Plain -O2 is how a stranger compiles the header, so it is what is shipped, timed and tested for equal bits.
CFLAGS_release  := -O2
CFLAGS_debug    := -Og -g -DINDISEEK_DEBUG
CFLAGS_coverage := -O0 -g --coverage
CFLAGS_sanitize := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
ifndef CFLAGS_$(config)
    $(error config=$(config) is not one of release, debug, sanitize, coverage)
endif
CFLAGS  ?= $(CFLAGS_$(config))
WARN    ?= -Wall -Wextra -Wpedantic -Wshadow
ifneq ($(werror),0)
    WARN += -Werror
endif
# The programs use POSIX (folders, signals, terminals) beside C99; the header asks for what it needs by itself.
override CPPFLAGS += -I. -D_POSIX_C_SOURCE=200809L
compile = $(CC) -std=c99 $(CPPFLAGS) $(WARN) $(CFLAGS)

# One folder of objects for each configuration; the programs of config=release stand in build/ itself.
objects  := build/objects/$(config)
programs := build$(if $(filter-out release,$(config)),/$(config))

# ---- what this machine has ------------------------------------------------------------------------------------------

# $(call have,pkg-config name,header): "on" or "off".  Where there is no pkg-config, the compiler is asked for the header.
have = $(shell if command -v pkg-config >/dev/null 2>&1; then pkg-config --exists $(1); \
               else printf '\#include <stdarg.h>\n\#include <stddef.h>\n\#include <stdint.h>\n\#include <setjmp.h>\n\#include <$(2)>\n' \
                    | $(CC) -fsyntax-only -x c - 2>/dev/null; fi && echo on || echo off)
# $(call flags,--cflags or --libs,name,what to use without pkg-config)
flags = $(shell pkg-config $(1) $(2) 2>/dev/null || echo $(3))

zlib   := $(call have,zlib,zlib.h)
hdf5   := $(call have,hdf5,hdf5.h)
hdf5_flags := $(call flags,--cflags,hdf5,)
hdf5_libraries := $(call flags,--libs,hdf5,-lhdf5)
# Debian keeps it where only pkg-config finds it.
ifeq ($(hdf5) $(wildcard /usr/include/hdf5/serial/hdf5.h),off /usr/include/hdf5/serial/hdf5.h)
    hdf5 := on
    hdf5_flags := -I/usr/include/hdf5/serial
    hdf5_libraries := -lhdf5_serial
endif
# Its interface changed at 0.10 and will at 1.0.
igraph := $(shell pkg-config --exists 'igraph >= 0.10' 'igraph < 1.0' 2>/dev/null && echo on || echo off)
cmocka := $(call have,cmocka,cmocka.h)
nvrtc  := $(shell { ldconfig -p || /sbin/ldconfig -p; } 2>/dev/null | grep -q libnvrtc.so && echo found || echo 'not found')

# glibc before 2.34 has dlopen in a library of its own
libraries := -pthread -lm $(if $(filter Linux,$(shell uname -s)),-ldl)
ifeq ($(zlib),on)
    zlib_flags := -DINDISEEK_HAVE_ZLIB $(call flags,--cflags,zlib)
    zlib_libraries := $(call flags,--libs,zlib,-lz)
    override CPPFLAGS += $(zlib_flags)
    libraries += $(zlib_libraries)
endif
# What reads HDF5 is the program indiseek; the others are not linked with it.
ifeq ($(hdf5),on)
    override CPPFLAGS += -DINDISEEK_HAVE_HDF5 $(hdf5_flags)
else
    hdf5_libraries :=
endif
# Likewise; its own headers are not held to our warnings.
ifeq ($(igraph),on)
    override CPPFLAGS += -DINDISEEK_HAVE_IGRAPH $(patsubst -I%,-isystem %,$(call flags,--cflags,igraph,))
    igraph_libraries := $(call flags,--libs,igraph,-ligraph)
endif
ifneq ($(cblas),0)
    # OpenBLAS by its own name first: the generic cblas may be the slow reference BLAS.
    blas := $(shell pkg-config --exists openblas 2>/dev/null && echo openblas || echo cblas)
    override CPPFLAGS += -DINDISEEK_USE_CBLAS $(call flags,--cflags,$(blas))
    libraries += $(call flags,--libs,$(blas),-lopenblas)
    objects  := $(objects)-cblas
    programs := build/$(config)-cblas
endif

# ---- files ----------------------------------------------------------------------------------------------------------

# A file examples/NAME.c, and a folder examples/NAME/ with a main.c, are one program NAME each.  The other folders are rooms that
# programs and tests share (examples/README.md): each is an archive and uses only those that stand to the right of it.
rooms   := report runs cells formats base
single  := $(patsubst examples/%.c,%,$(wildcard examples/*.c))
folders := $(patsubst examples/%/main.c,%,$(wildcard examples/*/main.c))
# The implementation, compiled once; and what holds it itself, so that it is not linked with that.
library := examples/base/library
own     := $(shell grep -l '^.define INDISEEK_IMPLEMENTATION' examples/*.c tests/*/*.c)
# $(call from,ROOM,LIST): LIST from ROOM on.
from = $(if $(2),$(if $(filter $(1),$(firstword $(2))),$(2),$(call from,$(1),$(wordlist 2,$(words $(2)),$(2)))))
# $(call linked,FOLDER,.double or nothing): the archives that what stands in examples/FOLDER or tests/FOLDER is linked with.
linked = $(patsubst %,$(objects)/examples/%$(2).a,$(if $(filter $(1),$(folders)),$(1) $(rooms),$(call from,$(1),$(rooms))))
# $(call implementation,FILE,.double or nothing)
implementation = $(if $(filter $(1),$(own)),,$(objects)/$(library)$(2).o)
room_of = $(notdir $(patsubst %/,%,$(dir $(1))))
# $(call used,FILE): of the rooms that examples/NAME.c includes, the one that stands highest.
used = $(firstword $(filter $(shell sed -n 's,^.include "\([a-z]*\)/.*,\1,p' $(1)),$(rooms)))

tests    := $(sort $(wildcard tests/*/test_*.c))
scripts  := $(sort $(wildcard tests/*/test_*.py) $(wildcard tests/*/test_*.sh))
# A test is built in float, unless a line of its own says otherwise: /* build: double */ or /* build: float double */.
in_double := $(if $(tests),$(shell grep -lE '^/\* build:.*double' $(tests)))
in_float  := $(filter-out $(if $(tests),$(shell grep -LE '^/\* build:.*float' $(in_double) /dev/null)),$(tests))
singles  := $(patsubst %.c,$(objects)/%,$(in_float))
doubles  := $(patsubst %.c,$(objects)/%.double,$(in_double))
# Programs that scripts among the tests call.
helpers  := $(patsubst %.c,$(objects)/%,$(filter-out tests/library/fuzz_files.c tests/base/faults.c $(tests),$(wildcard tests/*/*.c)))
# only="gemm ops" keeps what has one of the words in its name.
chosen   := $(foreach test,$(singles) $(doubles) $(scripts),$(if $(only),\
              $(if $(strip $(foreach word,$(only),$(findstring $(word),$(notdir $(test))))),$(test)),$(test)))
# What stands in for libcuda and libnvrtc where a test runs the CUDA path without a GPU.
standin  := $(objects)/tests/gpu/emulator/libstandin.so
# What the chosen ones call: the words of their lines "# build: indiseek standin", programs, targets and helpers by name.
asked    := $(sort $(if $(chosen),$(shell sed -nE 's,^[^ ]+ build: ([^*]*).*,\1,p' \
              $(filter %.py %.sh,$(chosen)) $(patsubst $(objects)/%,%.c,$(basename $(filter-out tests/%,$(chosen)))))))
called   := $(patsubst %,$(programs)/%,$(filter $(single) $(folders),$(asked))) $(filter device-build,$(asked)) \
            $(if $(filter standin,$(asked)),$(standin)) \
            $(foreach name,$(asked),$(filter %/$(name),$(helpers) $(singles)))

benches  := $(patsubst bench/%.c,$(objects)/bench/%,$(wildcard bench/*.c))

# What needs a GPU, and is built without one.
gpu_tests := $(addprefix $(objects)/tests/gpu/,test_device test_gpu_training test_nvrtc)
gpu_bench := $(objects)/bench/bench_gpu

# ---- targets --------------------------------------------------------------------------------------------------------

.DEFAULT_GOAL := all
.PHONY: all demo test test-build test-run test-gpu bench bench-gpu device-check device-build codegen check fuzz soak oracle install \
        coverage clean help summary
.DELETE_ON_ERROR:
.SECONDARY:

all: summary $(single:%=$(programs)/%) $(folders:%=$(programs)/%)  ## the programs (this is what plain `make` does)

summary:
	@echo "config $(config) · cblas $(if $(filter 0,$(cblas)),off (cblas=1 turns it on),on) · zlib $(zlib) · hdf5 $(hdf5) ·" \
	      "igraph $(igraph) · cmocka $(cmocka) · nvrtc $(nvrtc)"

demo: all  ## about a minute: simulated cells with known truth, features, a report
	@$(programs)/indiseek demo

test:  ## builds and runs every test; only=WORD those with WORD in their name, and builds what they need
	@command -v $(PYTHON) >/dev/null 2>&1 || { printf '%s\n' \
	    'make test needs Python 3 ($(PYTHON) is not here), which runs all tests and is the language of some, and cmocka for those in C;' \
	    'more of them run where there are pkg-config, zlib, HDF5, igraph and anndata, which tests/run says and asks for then.' \
	    'install both with: sudo apt-get install python3 libcmocka-dev   (or the packages of your system)' >&2; exit 1; }
	@$(PYTHON) tests/run --install
	@$(MAKE) --no-print-directory -k $(if $(findstring j,$(MAKEFLAGS)),,-j$(jobs)) test-build || built=no; \
	$(MAKE) --no-print-directory test-run built=$${built:-yes}

# A second make, so that what `tests/run --install` installed is seen; -k, so that one test that does not compile is one
# failure and the others run.
built ?= yes
test-build: $(if $(only),summary,all) $(filter-out tests/%,$(chosen)) $(called)
test-run:
	@BUILD=$(programs) CC='$(CC)' PYTHON='$(PYTHON)' config=$(config) built=$(built) $(PYTHON) tests/run $(chosen)

test-gpu: $(gpu_tests)  ## the suites of the device on this machine's GPU (`make test` runs them on a stand-in)
	@INDISEEK_TEST_GPU=1 BUILD=$(programs) CC='$(CC)' PYTHON='$(PYTHON)' config=$(config) $(PYTHON) tests/run $(gpu_tests)

bench: $(filter-out $(gpu_bench),$(benches))  ## speed, beside the FMA peak and PyTorch (where installed) in the same run
	@CC='$(CC)' $(objects)/bench/bench

# Both write results.json and a log to $$OUT, or to bench/results/<gpu>/, row by row; they build device-build themselves, so that
# a failed build is a row too.
device_check = @CC='$(CC)' MAKE='$(MAKE_COMMAND)' config=$(config) BUDGET='$(BUDGET)' $(PYTHON) bench/device_check.py
bench-gpu:  ## speed on this machine's GPU, beside PyTorch and cuBLAS where installed; within BUDGET=SECONDS (480)
	$(device_check) --bench

device-check:  ## all that needs a GPU, in one call within BUDGET=SECONDS (480): suites, sanitizer, speed; fetches nothing
	$(device_check)

device-build: $(gpu_tests) $(gpu_bench)

codegen:  ## writes kernels/ and the generated blocks of indiseek.h from codegen/
	$(PYTHON) codegen/generate.py

check:  ## generated blocks unchanged, header's form, compile matrix; compiles everything with -Werror
	$(PYTHON) codegen/generate.py --check
	$(PYTHON) tests/base/test_form.py
	$(PYTHON) tests/library/test_header.py
	@$(MAKE) --no-print-directory werror=1 config=debug all

# Not part of `make test`: its length is a matter of patience.  clang brings libFuzzer; other compilers get random changes.
time ?= 60
soak_programs := $(addprefix $(objects)/tests/formats/test_,h5 write_h5)
soak: all $(soak_programs)  ## every fault of every command (hours; FAULTS=N: N of each kind), then fuzz
	FAULTS=$(or $(FAULTS),all) $(PYTHON) tests/indiseek/test_faults.py
	FAULTS=all $(objects)/tests/formats/test_write_h5
	MUTANTS=all $(PYTHON) tests/formats/test_mutants.py
	@$(MAKE) --no-print-directory fuzz

fuzzer := build/objects/sanitize/tests/formats/test_fuzz
fuzz:  ## malformed files into every reader, a minute each (time=SECONDS), with sanitizers
	@mkdir -p build/fuzz/corpus build/fuzz/formats
	@$(MAKE) --no-print-directory config=sanitize $(fuzzer)
	@flags='-std=c99 -I. -D_POSIX_C_SOURCE=200809L -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all'; \
	if [ '$(origin CC)' = default ] && command -v clang >/dev/null 2>&1; then \
	    $(fuzzer) 0 build/fuzz/formats; \
	    flags="$$flags -Wno-pass-failed -DFUZZ_BY_CLANG -fsanitize=fuzzer"; \
	    clang $$flags tests/library/fuzz_files.c -pthread -lm -o build/fuzz/files && \
	    build/fuzz/files -max_total_time=$(time) -max_len=4096 -print_final_stats=1 build/fuzz/corpus && \
	    clang $$flags -DSCRATCH='"build/fuzz/scratch"' $(zlib_flags) tests/formats/test_fuzz.c \
	        examples/formats/*.c examples/base/*.c -pthread -lm $(zlib_libraries) -o build/fuzz/readers && \
	    build/fuzz/readers -max_total_time=$(time) -max_len=4096 -malloc_limit_mb=512 -print_final_stats=1 build/fuzz/formats; \
	else \
	    $(CC) $$flags tests/library/fuzz_files.c -pthread -lm -o build/fuzz/files && build/fuzz/files $(time); \
	fi
	@$(fuzzer) $(time)

# What runs when nothing else is said: the tests of files, without a network.  What earlier programs left is not counted again.
files_tests := $(basename $(notdir $(wildcard tests/formats/test_*) $(addprefix tests/library/test_,files.c npy.c safetensors.c)))
coverage:  ## lines and branches of readers and writers that their tests run (gcc); only=WORD other tests; MISSED=FILE which not
	@mkdir -p build/objects/coverage && find build/objects/coverage -name '*.gcda' -delete
	@for step in test-build test-run; do \
	    $(MAKE) --no-print-directory -k $(if $(findstring j,$(MAKEFLAGS)),,-j$(jobs)) config=coverage \
	        only='$(or $(only),$(files_tests))' $$step || exit 1; done
	@MISSED='$(MISSED)' $(PYTHON) tests/base/coverage.py build/objects/coverage

# Of each script the libraries that it imports decide which Python runs it, of $(PYTHON) and the system's own; PYTHON=... is another.
oracle:  ## rewrites tests/oracle/*.safetensors; needs PyTorch (Debian: python3-torch libopenblas0), JAX and scib-metrics (pip)
	@failed=0; for script in tests/oracle/*.py; do \
	    needs=$$(sed -nE 's/^(import|from) (torch|jax|scib_metrics|scipy|sklearn|numpy).*/\2/p' $$script tests/oracle/$$(sed -nE \
	        's/^from (indiseek|linear) import.*/\1.py/p' $$script) 2>/dev/null | sort -u | tr '\n' ' '); python=; \
	    for each in '$(PYTHON)' /usr/bin/python3; do \
	        if $$each -c "import $$(echo $$needs | sed 's/ /, /g')" 2>/dev/null; then python=$$each; break; fi; done; \
	    if [ -z "$$python" ]; then failed=1; echo "make oracle: $$script needs a Python with $$needs(Debian: apt-get install" \
	        "python3-torch libopenblas0 python3-sklearn; pip install jax scib-metrics; then make oracle PYTHON=...)" >&2; \
	    else $$python $$script || failed=1; fi; done; exit $$failed

install: all  ## the header, programs, man page and bash completion, to PREFIX (/usr/local), under DESTDIR
	install -d '$(DESTDIR)$(PREFIX)/include' '$(DESTDIR)$(PREFIX)/bin'
	install -m 644 indiseek.h '$(DESTDIR)$(PREFIX)/include/indiseek.h'
	for program in $(filter indiseek simulation study,$(single) $(folders)); do \
	    install -m 755 $(programs)/$$program '$(DESTDIR)$(PREFIX)/bin/'$$([ $$program = indiseek ] || echo indiseek-)$$program; done
	install -d '$(DESTDIR)$(PREFIX)/share/man/man1' '$(DESTDIR)$(PREFIX)/share/bash-completion/completions'
	$(programs)/indiseek man > '$(DESTDIR)$(PREFIX)/share/man/man1/indiseek.1'
	$(programs)/indiseek completion bash > '$(DESTDIR)$(PREFIX)/share/bash-completion/completions/indiseek'

clean:  ## removes build/
	rm -rf build

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'
	@echo
	@echo "  config=release|debug|sanitize   optimized; for a debugger; address and undefined-behaviour sanitizers"
	@echo "  cblas=1                         matrix products by OpenBLAS (or cblas) instead of the built-in ones"
	@echo "  werror=1, verbose=1             warnings are errors; whole commands are shown"
	@echo "  CC= CFLAGS= LDFLAGS= PYTHON= PREFIX= DESTDIR=   as everywhere"

# ---- rules ----------------------------------------------------------------------------------------------------------

# A recipe line begins with $(call say,cc) and shows "cc  target", or the whole command with verbose=1.
say = $(if $(filter 0,$(verbose)),@printf '%-6s %s\n' $(1) $@;)

# -MMD writes which headers a file read.  The list of flags is a dependency too: other options, other objects.  What was
# linked from an object goes first, so that a test that no longer compiles does not live on as its old self.
$(objects)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(compile) $(LDFLAGS) $(libraries)' | cmp -s - $@ || echo '$(compile) $(LDFLAGS) $(libraries)' > $@
.PHONY: FORCE

$(objects)/%.o: %.c $(objects)/flags
	@mkdir -p $(@D); rm -f $(basename $@)
	$(call say,cc) $(compile) -MMD -MP -c $< -o $@

$(objects)/%.double.o: %.c $(objects)/flags
	@mkdir -p $(@D); rm -f $(basename $@)
	$(call say,cc) $(compile) -DINDISEEK_DOUBLE -MMD -MP -c $< -o $@

# $(call archive,FOLDER,.double or nothing): what stands in a folder of examples/, but for a program's main.c.
define archive
$(objects)/examples/$(1)$(2).a: $(patsubst %.c,$(objects)/%$(2).o,$(filter-out %/main.c $(library).c,$(wildcard examples/$(1)/*.c)))
	@rm -f $$@
	@ar rcs $$@ $$^
endef
$(foreach folder,$(rooms) $(folders),$(eval $(call archive,$(folder),)) $(eval $(call archive,$(folder),.double)))

link = $(CC) $(CFLAGS) $(LDFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(libraries) -o $@

# $(call program,PROGRAM,OBJECT): a file of examples/ alone, or a folder.
define program
$(programs)/$(1): $(objects)/$(2).o $(call implementation,$(2).c,) \
                  $(if $(filter $(1),$(folders)),$(call linked,$(1),),$(call linked,$(call used,$(2).c),))
	@mkdir -p $$(@D)
	$$(call say,link) $$(link)
endef
$(foreach name,$(single),$(eval $(call program,$(name),examples/$(name))))
$(foreach name,$(folders),$(eval $(call program,$(name),examples/$(name)/main)))

# $(call test_program,tests/ROOM/NAME,.double or nothing)
define test_program
$(objects)/$(1)$(2): $(objects)/$(1)$(2).o $(call implementation,$(1).c,$(2)) $(call linked,$(call room_of,$(1)),$(2))
	$$(call say,link) $$(link) $$(cmocka_library)
endef
$(foreach test,$(in_float),$(eval $(call test_program,$(basename $(test)),)))
$(foreach test,$(in_double),$(eval $(call test_program,$(basename $(test)),.double)))
$(foreach helper,$(helpers),$(eval $(call test_program,$(helper:$(objects)/%=%),)))
cmocka_library = $(call flags,--libs,cmocka,-lcmocka)
$(helpers): private cmocka_library =

# Scratch files of each test stand in a folder of its own, so that programs which run at once do not meet in one.
$(singles:%=%.o) $(doubles:%=%.o): private override CPPFLAGS += -DSCRATCH='"build/scratch/$(notdir $(objects))/$(basename $(@F))"'

$(programs)/indiseek $(singles) $(doubles) $(helpers): private libraries += $(hdf5_libraries) $(igraph_libraries)

# A machine with a GPU may lack cmocka and the means to fetch it: the suites for the GPU then take a small one.  (private: what
# these are made from is made as ever.)
ifeq ($(cmocka),off)
$(objects)/include/cmocka.h: tests/base/cmocka_small.h
	@mkdir -p $(@D)
	@cp $< $@
$(gpu_tests:%=%.o): $(objects)/include/cmocka.h
$(gpu_tests:%=%.o): private override CPPFLAGS += -I$(objects)/include
$(gpu_tests): private cmocka_library =
endif

# It compiles kernels with the compiler that compiles it, and with sanitizers if it has them.
$(standin): tests/gpu/emulator/driver.c $(objects)/flags
	@mkdir -p $(@D)
	$(call say,link) $(compile) -fPIC -shared -fvisibility=hidden -DSTANDIN_CC='"$(CC)"' -MMD -MP \
	    -MF $(@:.so=.d) -MT $@ $< $(LDFLAGS) -ldl -pthread -o $@

# C11 for aligned_alloc, which is theirs alone.
$(benches:%=%.o): private override compile += -std=c11
$(benches): %: %.o
	$(call say,link) $(link) -ldl
# The simulated settings are those of examples/runs.
$(gpu_bench): $(call linked,runs,)

-include $(wildcard $(objects)/*/*.d $(objects)/*/*/*.d $(objects)/*/*/*/*.d)
