#include "core/centroid_bytes.h"

#include "core/random.h"
#include "guarded.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

using namespace vq;

namespace {

using Vector = std::vector<float>;

struct Centroids
{
    size_t n, dims;
    Vector values;
    std::vector<CentroidTerms> terms;
    Guarded<uint8_t> memory;
    CentroidBytes bytes;

    Centroids(size_t n, size_t dims, float size, uint64_t seed)
        : n(n), dims(dims), memory(centroid_bytes_size(n, dims))
    {
        Random random(seed);
        for (size_t i = 0; i < n; i++) {
            double norm_sq = 0;
            for (size_t d = 0; d < dims; d++) {
                values.push_back((float)random.normal() * size);
                norm_sq += (double)values.back() * values.back();
            }
            terms.push_back({(float)norm_sq, (float)random.normal()});
        }
        Vector scratch(2 * dims);
        const auto get = [](const void *arg, size_t i, float *c, CentroidTerms *terms) {
            const Centroids &all = *static_cast<const Centroids *>(arg);
            std::copy_n(all.values.data() + i * all.dims, all.dims, c);
            *terms = all.terms[i];
        };
        bytes = make_centroid_bytes(n, dims, memory.data(), scratch.data(), get, this);
        EXPECT_TRUE(memory.intact());
    }
    Vector bounds(Metric metric, const SpaceQuery &query, float width) const
    {
        Vector lower(CentroidBytes::padded(n));
        Guarded<uint8_t> scratch(centroid_bytes_scratch(n, dims));
        bound_by_bytes(bytes, metric, query, width, lower.data(), scratch.data());
        EXPECT_TRUE(scratch.intact());
        return lower;
    }
    size_t stride() const { return CentroidBytes::padded(n) + 16; }
    Vector bounds_together(Metric metric, const std::vector<const SpaceQuery *> &queries, float width) const
    {
        Guarded<float> lower(queries.size() * stride());
        Guarded<uint8_t> scratch(queries.size() * centroid_bytes_scratch(n, dims));
        bound_by_bytes(bytes, metric, queries.data(), queries.size(), width, lower.data(), stride(),
                       scratch.data());
        EXPECT_TRUE(lower.intact() && scratch.intact());
        return Vector(lower.data(), lower.data() + lower.size());
    }
    double score(Metric metric, const SpaceQuery &query, size_t i) const
    {
        double dot = 0;
        for (size_t d = 0; d < dims; d++)
            dot += (double)query.moved[d] * values[i * dims + d];
        if (metric == Metric::L2)
            return (double)query.norm_sq + terms[i].norm_sq - 2 * dot;
        return -(dot + terms[i].mean_dot + query.mean_dot);
    }
};

Vector random_query(size_t dims, float size, Random &random)
{
    Vector q(dims);
    for (float &x : q)
        x = (float)random.normal() * size;
    return q;
}

SpaceQuery query_of(const Vector &q)
{
    double norm_sq = 0;
    for (float x : q)
        norm_sq += (double)x * x;
    return {q.data(), (float)norm_sq, 0.25f, false};
}

TEST(CentroidBytes, BoundsHoldAndAreNear)
{
    Random random(7);
    for (size_t dims : {1, 3, 4, 5, 64, 384, 1000})
        for (size_t n : {1, 15, 16, 17, 200, 2500})
            for (Metric metric : {Metric::L2, Metric::InnerProduct}) {
                const Centroids c(n, dims, 0.5f, n * 1000 + dims);
                for (int round = 0; round < 5; round++) {
                    const Vector q = random_query(dims, 1.0f, random);
                    const SpaceQuery query = query_of(q);
                    const Vector lower = c.bounds(metric, query, 4), estimate = c.bounds(metric, query, 0);
                    const double size = std::sqrt((double)query.norm_sq * c.bytes.most_norm_sq);
                    for (size_t i = 0; i < n; i++) {
                        const double score = c.score(metric, query, i);
                        // Four standard errors; that of one dimension is no normal distribution, but not beyond either.
                        ASSERT_LE(lower[i], score) << i << " of " << n << ", " << dims << " dimensions";
                        ASSERT_NEAR(estimate[i], score, 0.03 * size);
                    }
                }
            }
}

TEST(CentroidBytes, QueriesTogetherGetTheBoundsOfEach)
{
    Random random(8);
    for (size_t dims : {1, 5, 64, 384})
        for (size_t n : {1, 17, 200, 2500})
            for (Metric metric : {Metric::L2, Metric::InnerProduct})
                for (size_t count = 1; count <= kBoundTogether; count++) {
                    const Centroids c(n, dims, 0.5f, n * 1000 + dims);
                    std::vector<Vector> vectors;
                    std::vector<SpaceQuery> queries;
                    std::vector<const SpaceQuery *> pointers;
                    for (size_t q = 0; q < count; q++)
                        vectors.push_back(random_query(dims, 1.0f + (float)q, random));
                    for (const Vector &q : vectors)
                        queries.push_back(query_of(q));
                    for (const SpaceQuery &q : queries)
                        pointers.push_back(&q);
                    const Vector together = c.bounds_together(metric, pointers, 3);
                    for (size_t q = 0; q < count; q++) {
                        const Vector alone = c.bounds(metric, queries[q], 3);
                        for (size_t i = 0; i < n; i++)
                            ASSERT_EQ(together[q * c.stride() + i], alone[i]);
                    }
                }
}

TEST(CentroidBytes, ZerosAndSizes)
{
    const Centroids none(20, 8, 0.0f, 1);
    const Vector zero(8), one(8, 1.0f);
    for (float lower : none.bounds(Metric::L2, query_of(zero), 3))
        EXPECT_NEAR(lower, 0, 1e-6);
    for (size_t i = 0; i < 20; i++)
        EXPECT_NEAR(none.bounds(Metric::L2, query_of(one), 3)[i], 8, 1e-4);
    const Centroids large(20, 8, 1e15f, 1);
    const Vector lower = large.bounds(Metric::L2, query_of(one), 3);
    for (size_t i = 0; i < 20; i++) {
        EXPECT_TRUE(std::isfinite(lower[i]));
        EXPECT_LE(lower[i], large.score(Metric::L2, query_of(one), i));
    }
}

} // namespace
