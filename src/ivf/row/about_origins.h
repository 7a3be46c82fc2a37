// A vector, a query or a row, about the origins of an index (store/origins.h): moved into codec space, and as the codec's tables. Each is made
// when it is first asked for: where there are several origins, most are far from the vector and nobody asks.
#pragma once

#include "ivf/store/index.h"

namespace vq::ivf {

enum class Scores : uint8_t
{
    OfMetric, // how near rows are to a query, by the index's metric
    ByL2      // which list is a row's
};

struct AboutOrigins
{
    const Index *index;
    Scores scores;
    int query_bits; // of tables, as CodecOps::prepare has it
    const float *vector;
    double factor;        // that it is multiplied by
    uint32_t moved_made;  // one bit an origin: `moved` is of this vector
    uint32_t tables_made; // the same of `tables`
    SpaceQuery moved[kMostOrigins];
    void *tables[kMostOrigins]; // null where never asked for
    float *coordinates;         // that `moved` point to
    float *scratch;             // dims floats
    MemoryContext memory;       // the one current when it was opened; of all of it
};

void about_open(AboutOrigins *about, const Index *index, Scores scores, int query_bits);

// Another vector, factor * x. x must live as long as it is asked about. Nothing is made yet.
void about_vector(AboutOrigins *about, const float *x, double factor);

// Moves n vectors, at most kMovedTogether, about the mean (origin 0), which all need: together that takes less time with some codecs.
void move_together(AboutOrigins *const *about, uint32_t n);

// The space and the vector about an origin.
const Space &space_about(const AboutOrigins &about, uint32_t origin);
const SpaceQuery &moved_about(AboutOrigins *about, uint32_t origin);
// The codec's tables; they begin with a QueryHead.
const void *tables_about(AboutOrigins *about, uint32_t origin);

} // namespace vq::ivf
