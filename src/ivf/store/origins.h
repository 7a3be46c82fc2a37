// Origins: the places that vectors are taken relative to before they are rounded. Nearly always there is one, the mean of the rows. Where
// lists lie in clusters that are far apart, as their rows are wide, each list is about one of several: numbers of codes, centroids
// and queries' tables are then of the size of distances in the cluster. All formulas of core/space.h hold about each of them.
#pragma once

#include "core/space.h"
#include "ivf/store/format.h"

namespace vq::ivf {

// A list's origin is one byte; number 0 is the mean.
constexpr uint32_t kMostOrigins = 16;

struct Origin // m = Space::mean is its place
{
    Space space;        // scores of the index's metric
    Space assign_space; // L2: which list a row belongs to
};

// Bytes, in front of the codec image. places: of each origin its place (dims floats) and its place in codec space (space_dims floats).
// lists: where there is more than one, the number of each list's origin, padded.
struct OriginParts
{
    size_t places;
    size_t lists;
};
// Of a meta page whose dims, space_dims, nlist and further_origins are filled in.
OriginParts origin_parts(const MetaPage &meta);

// The numbers of lists' origins (origin_parts(meta).lists bytes at `lists`) are those of origins that there are.
bool valid_list_origins(const MetaPage &meta, const uint8_t *lists);

// The origins of a whole image, which must live as long; scores of `like`, of which all but the mean is filled in. Memory: the current
// context.
Origin *make_origins(const MetaPage &meta, const Space &like, const uint8_t *image);

// At least half of the lists are about the mean: then codes of all centroids about the mean say which are near.
bool most_lists_about_mean(const MetaPage &meta, const uint8_t *list_origins);

} // namespace vq::ivf
