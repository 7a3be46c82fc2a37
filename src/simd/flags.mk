# Instruction-set flags, one translation unit each; used by the PGXS Makefile and by test/unit/Makefile.
# A pattern variable, so that both `src/simd/avx2.o` and `build/unit/.../simd/avx2.o` get it.
ifneq ($(filter x86_64%,$(shell $(CXX) -dumpmachine)),)
%simd/avx2.o: SIMD_FLAGS = -mavx2 -mfma -mf16c -mpopcnt
%simd/avx512.o: SIMD_FLAGS = -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512cd -mavx2 -mfma -mf16c -mpopcnt
%simd/avx512_popcnt.o: SIMD_FLAGS = -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512cd -mavx512vpopcntdq -mavx2 -mfma -mf16c -mpopcnt
%simd/avx512_vbmi.o: SIMD_FLAGS = -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512cd -mavx512vpopcntdq -mavx512vbmi -mavx512vnni -mavx2 -mfma -mf16c -mpopcnt
endif
