# vector_quant: PGXS build. `make && make install`, `make installcheck` against a running server.
EXTENSION = vector_quant
EXTVERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" vector_quant.control)
MODULE_big = vector_quant
# The installed script is the concatenation of these parts, in order.
SQL_PARTS = src/upgrade/begin.sql build/sql/types.sql src/ivf/row/opclass.sql src/ivf/row/key_functions.sql $(ACCESS_METHODS:%=build/sql/%.sql) src/ivf/inspect/functions.sql src/advise/advise.sql src/ivf/build/dimensions.sql
TYPES = build/sql/types/vector.sql build/sql/types/halfvec.sql src/types/halfvec.sql src/types/bits.sql src/types/guard.sql
ACCESS_METHODS = ivf_rabitq scann wrvq
WHAT_ivf_rabitq = IVF index with RaBitQ codes for vectors
WHAT_scann = IVF index with 4-bit product quantization and score-aware loss for vectors
WHAT_wrvq = IVF index with weighted residual vector quantization for vectors
DATA = $(wildcard src/upgrade/$(EXTENSION)--*.sql)
DATA_built = $(EXTENSION)--$(EXTVERSION).sql

CORE_SRCS = $(wildcard src/core/*.cpp)
SIMD_SRCS = $(wildcard src/simd/*.cpp)
PG_SRCS = $(wildcard src/*.cpp src/pg/*.cpp src/types/*.cpp src/ivf/*/*.cpp src/am/*.cpp src/advise/*.cpp)
OBJS = $(patsubst %.cpp,%.o,$(CORE_SRCS) $(SIMD_SRCS) $(PG_SRCS))

# Tests that speak of @AM@ run once for every access method of test/access_methods.
REGRESS := $(shell sh test/instances.sh --names sql/*.sql)
REGRESS_OPTS = --inputdir=build/tests --load-extension=$(EXTENSION)
ISOLATION := $(shell sh test/instances.sh --names test/isolation/specs/*.spec)
ISOLATION_OPTS = --inputdir=build/tests --outputdir=build/isolation --load-extension=$(EXTENSION)
REGRESS_PREP = test-instances

PG_CONFIG ?= pg_config
# Bitcode for the JIT would inline nothing through our function table, and PGXS compiles it without -std=c++20.
override with_llvm := no
PG_CPPFLAGS = -Isrc '-DVQ_VERSION="$(EXTVERSION)"' -isystem $(shell $(PG_CONFIG) --includedir-server)
# Not warned about: what PostgreSQL's headers do, and that its structs have grown in a newer version.
PG_CXXFLAGS = -std=c++20 -O3 -Wall -Wextra -Wno-register -Wno-ignored-attributes -Wno-missing-field-initializers \
	-ffp-contract=off \
	-fno-exceptions -fno-rtti -fvisibility=hidden -fvisibility-inlines-hidden \
	'-DPGDLLEXPORT=__attribute__((visibility("default")))' $(WERROR)
SHLIB_LINK += -lstdc++
EXTRA_CLEAN = $(EXTENSION)--$(EXTVERSION).sql $(OBJS:.o=.d) build/isolation build/sql build/tests

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PGXS puts its own -I first; header dependencies come from the compiler.
%.o: %.cpp
	$(CXX) $(CXXFLAGS) $(CPPFLAGS) $(SIMD_FLAGS) -MMD -MP -c -o $@ $<
-include $(OBJS:.o=.d)
include src/simd/flags.mk
src/module.o src/pg/version.o: $(EXTENSION).control

# What differs between the types: the norm's name, the symbols of functions both have by the same name, and which
# cast to real[] is implicit.
FILL_vector = s/@SYMBOL@/vq_/; s/@NORM@/vector_norm/; s/@PRECISION@/single/; s/@TO_REAL@/IMPLICIT/
FILL_halfvec = s/@SYMBOL@/vq_halfvec_/; s/@NORM@/l2_norm/; s/@PRECISION@/half/; s/@TO_REAL@/ASSIGNMENT/
build/sql/types/%.sql: src/types/type.sql.in Makefile
	mkdir -p $(@D)
	sed 's/@TYPE@/$*/g; $(FILL_$*)' $< > $@
build/sql/types.sql: src/types/types.sql.in $(TYPES)
	mkdir -p $(@D)
	cat $(TYPES) | sed -e '/@TYPES@/{' -e 'r /dev/stdin' -e 'd' -e '}' $< > $@
build/sql/%.sql: src/am/access_method.sql.in Makefile
	mkdir -p $(@D)
	sed 's/@AM@/$*/g; s/@WHAT@/$(WHAT_$*)/g' $< > $@
$(EXTENSION)--$(EXTVERSION).sql: $(SQL_PARTS)
	cat $^ > $@

# The pages for users, in a folder of ours, where the links between them hold.
PAGES = $(DESTDIR)$(docdir)/$(EXTENSION)
install: install-pages
uninstall: uninstall-pages
.PHONY: install-pages uninstall-pages
install-pages:
	$(MKDIR_P) '$(PAGES)/docs/img'
	$(INSTALL_DATA) README.md '$(PAGES)/'
	$(INSTALL_DATA) docs/*.md '$(PAGES)/docs/'
	$(INSTALL_DATA) docs/img/* '$(PAGES)/docs/img/'
uninstall-pages:
	rm -rf '$(PAGES)'

# What a person does next. PGXS's own recipe comes behind it, without a word.
ifeq ($(DESTDIR),)
install: next-step
next-step: install-lib install-pages
	@echo 'Next, in each database, as a superuser: CREATE EXTENSION $(EXTENSION); or, where an older version is: ALTER EXTENSION $(EXTENSION) UPDATE;'
.PHONY: next-step
.SILENT: install
endif

.PHONY: test-instances
test-instances:
	sh test/instances.sh build/tests

.PHONY: dist
dist:
	mkdir -p build
	git archive --format zip --prefix=$(EXTENSION)-$(EXTVERSION)/ -o build/$(EXTENSION)-$(EXTVERSION).zip HEAD
