// Which level runs, and how it is chosen.
#include "simd_levels.h"

namespace vq::simd {

namespace {

class SimdDispatch : public testing::Test
{
protected:
    void TearDown() override { select_level("auto"); }
    static const Kernels *best()
    {
        const Kernels *table = nullptr;
        for (size_t i = 0; i < level_count(); i++)
            if (level(i).supported)
                table = level(i).table;
        return table;
    }
    // Before any test ran: what a program finds that never calls select_level.
    static inline const Kernels *const initial = &kernels();
};

TEST_F(SimdDispatch, TheBestLevelIsChosenUnasked)
{
    EXPECT_EQ(initial, best());
}

TEST_F(SimdDispatch, ScalarIsFirstAndAlwaysSupported)
{
    EXPECT_STREQ(level(0).table->name, "scalar");
    EXPECT_TRUE(level(0).supported);
}

TEST_F(SimdDispatch, EveryLevelIsSelectedByItsNameOrRefused)
{
    for (size_t i = 0; i < level_count(); i++) {
        ASSERT_TRUE(select_level("scalar"));
        ASSERT_EQ(select_level(level(i).table->name), level(i).supported) << level(i).table->name;
        EXPECT_EQ(&kernels(), level(i).supported ? level(i).table : level(0).table);
    }
}

TEST_F(SimdDispatch, AutoIsTheBest)
{
    ASSERT_TRUE(select_level("scalar"));
    ASSERT_TRUE(select_level("auto"));
    EXPECT_EQ(&kernels(), best());
}

TEST_F(SimdDispatch, UnknownNamesChangeNothing)
{
    ASSERT_TRUE(select_level("scalar"));
    for (const char *name : {"", "avx", "avx5120", "AVX2", "Scalar", "sse"})
        EXPECT_FALSE(select_level(name)) << name;
    EXPECT_STREQ(kernels().name, "scalar");
}

#if defined(__x86_64__)
TEST_F(SimdDispatch, Avx512IsTheBestOfItsLevels)
{
    const Kernels *better = nullptr;
    for (size_t i = 0; i < level_count(); i++)
        if (level(i).supported && std::string(level(i).table->name).starts_with("avx512"))
            better = level(i).table;
    ASSERT_EQ(select_level("avx512"), better != nullptr);
    if (better) {
        EXPECT_EQ(&kernels(), better);
    }
}
#endif

TEST_F(SimdDispatch, NoEntryIsEmptyAndNamesDiffer)
{
    for (size_t i = 0; i < level_count(); i++) {
        const Kernels &k = *level(i).table;
        EXPECT_TRUE(k.dot && k.l2sq && k.l1 && k.dot_norms && k.axpy && k.dot_block && k.fwht &&
                    k.flip_signs && k.fastscan8 && k.fastscan16 && k.bytescan8 && k.bit_planes_dot &&
                    k.tile_bounds && k.keys_within && k.nearest_codes && k.subspace_dots && k.byte_dots &&
                    k.word_dots && k.half_dot && k.half_l2sq && k.half_l1 && k.half_dot_norms &&
                    k.half_to_float && k.float_to_half && k.take_off && k.round_to_bytes &&
                    k.codeword_scores && k.product_scores && k.terms_of_dots && k.add_halves &&
                    k.take_rows_off && k.at_most && k.finite_sums && k.finite_terms && k.minima &&
                    k.count_at_most && k.order16 && k.bf16_dot && k.bf16_l2sq)
            << k.name;
        for (size_t j = 0; j < i; j++)
            EXPECT_STRNE(k.name, level(j).table->name);
    }
}

} // namespace

} // namespace vq::simd
