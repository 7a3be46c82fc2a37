#!/bin/bash
# Cross-compiles core, simd and their unit tests for aarch64 and runs them under QEMU, so that the NEON level is tested on any
# machine. Warnings are the native build's business. Installs the tools with apt (as root) if they are missing.
#   test/arm64.sh [--gtest_filter=*Simd*]     builds into build/arm64; arguments go to the test program
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
for package in g++-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user googletest libxsimd-dev; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if ((${#missing[@]})); then
    echo "installing ${missing[*]}"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

build=build/arm64
mkdir -p "$build/include"
# Only xsimd's headers: the rest of /usr/include belongs to the host's libraries.
ln -sfn /usr/include/xsimd "$build/include/xsimd"

cat > "$build/Makefile" <<'MAKE'
CXX := aarch64-linux-gnu-g++
GTEST := /usr/src/googletest/googletest
FLAGS := -std=c++20 -O2 -ffp-contract=off -MMD -MP -Isrc -Itest/unit -isystem build/arm64/include -isystem $(GTEST)/include
LIB := $(patsubst %.cpp,build/arm64/%.o,$(wildcard src/core/*.cpp src/simd/*.cpp))
TESTS := $(patsubst %.cpp,build/arm64/%.o,$(wildcard test/unit/*.cpp))
build/arm64/unit_tests: $(LIB) $(TESTS) build/arm64/gtest-all.o build/arm64/gtest_main.o
	$(CXX) -static -o $@ $^ -lpthread
build/arm64/src/%.o: src/%.cpp
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) -fno-exceptions -fno-rtti -c -o $@ $<
build/arm64/test/%.o: test/%.cpp
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) -c -o $@ $<
build/arm64/gtest%.o: $(GTEST)/src/gtest%.cc
	$(CXX) $(FLAGS) -I$(GTEST) -c -o $@ $<
-include $(wildcard build/arm64/*/*/*.d)
MAKE
make -s -j"${JOBS:-2}" -f "$build/Makefile" build/arm64/unit_tests

log=$build/unit_tests.log
status=0
qemu-aarch64 "$build/unit_tests" "$@" >"$log" 2>&1 || status=$?
grep -E '^\[  (FAILED|SKIPPED) |Failure$' "$log" | sort -u | head -40 || true
# A run without the NEON level has tested nothing that this script is for.
if ! grep -qE '^\[       OK \] Levels/Simd.*/neon' "$log"; then
    echo "no test of the NEON level ran"
    status=1
fi
echo "NEON level: $(grep -cE '^\[       OK \].*/neon' "$log" || true) tests passed; all: $(grep -E '^\[  PASSED  \]' "$log" || echo none passed)"
exit "$status"
