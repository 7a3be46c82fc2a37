#include "ivf/scan/twins.h"

#include "core/space.h"

namespace vq::ivf {

// Rows that do not fit float have one bound, below everything, and one distance, infinity, whatever they are.
static bool tells_apart(const TwinKey &key, double distance)
{
    return std::abs(key.bound) < kScoreLimit && std::isfinite(distance);
}

void twins_saw(Twins *twins, const TwinKey &key, double distance)
{
    if (twins->seen == 0 || !(twins->key == key)) {
        twins->key = key;
        twins->seen = 0;
        twins->alike = tells_apart(key, distance);
        twins->distance = distance;
    }
    twins->seen++;
    twins->alike &= twins->distance == distance;
}

bool twins_set_aside(Twins *twins, const Candidate &last, double score)
{
    if (twins->aside_count == kMostAside)
        return false;
    twins->aside[twins->aside_count++] = {twin_key(last), score, last, false};
    return true;
}

bool twins_are_aside(const Twins &twins, const Candidate &c)
{
    for (int i = 0; i < twins.aside_count; i++)
        if (twins.aside[i].key == twin_key(c))
            return true;
    return false;
}

AsideTwins *first_aside(Twins *twins)
{
    AsideTwins *first = nullptr;
    for (int i = 0; i < twins->aside_count; i++) {
        AsideTwins *aside = &twins->aside[i];
        if (!aside->due && (first == nullptr || aside->score < first->score))
            first = aside;
    }
    return first;
}

} // namespace vq::ivf
