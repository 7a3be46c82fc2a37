// From a sample to a trained, still empty index: number of lists, centroids, codec and refine images, meta
// page.
#pragma once

#include "ivf/store/index.h"
#include "ivf/build/refine_training.h"
#include "ivf/build/sample.h"

namespace vq::ivf {

constexpr uint64_t kTrainingSeed = 0x5651; // one seed for every index: the same data give the same index

struct Training
{
    MetaPage meta;    // block numbers not yet filled in
    uint8_t *image;   // all of it (store/image.h)
    float *centroids; // nlist x dims, in the sample's units
    bool centred;     // as the sample: the mean was taken from them
    float *origins;   // 1 + meta.further_origins places, dims floats each, the mean first; never without it
    uint8_t *list_origins; // of each list (build/origins.h); null where there is one
    uint32_t code_bytes;   // of the trained codec
    size_t codec_rows;     // that it was trained on
    Shortfall shortfall;   // of these, and why
    char short_of[128];
    uint32_t lists_wanted; // for the rows there are; meta.nlist is less where memory has no room for them
};

// Why maintenance_work_mem has no room for a number of lists that was asked for (option nlist; 0: none was), in the words of ivfflat; null if it
// has. Memory: the current context.
const char *lists_beyond_memory(int option, uint32_t dims);

// What a build decides from options, the number of rows and dimensions alone; planned.h asks for it ahead of one.
CodecOptions codec_options(const AccessMethod *am, uint32_t dims, const IndexOptions *options, double rows);
struct PlannedLists
{
    uint32_t lists;
    uint32_t wanted; // more, where maintenance_work_mem has no room for them
};
PlannedLists plan_lists(int option, double rows, uint32_t dims);
// Rows of so many that a build has use for in its sample, were there memory.
size_t plan_sample(double rows, uint32_t lists, const AccessMethod *am, const CodecOptions &options);
// A group's lists together fill some kGroupPages pages.
uint32_t choose_group_lists(uint32_t nlist, double rows, uint32_t code_bytes, uint32_t filters);

// Rows to sample: enough for k-means on the lists that the table's size asks for and for the codec, within
// maintenance_work_mem.
size_t sample_capacity(Relation heap, uint32_t dims, const AccessMethod *am, const IndexOptions *options);

// Trains within maintenance_work_mem (memory in the current context): two phases of the build. Interrupts are looked
// after. An empty sample gives the untrained index: one list around the origin. Centres the sample where that keeps digits.
void train(Training *training, const AccessMethod *am, const IndexOptions *options,
           const IndexedColumn &column, Sample *sample, const RefineTraining &refine,
           BuildProgress *progress);

// Whether all that was trained is finite and fits together.
bool valid_training(const Training &training, const AccessMethod *am);

// Calibration of an index that nothing was measured of: every list, the default bound. meta.nlist must be set.
void forget_calibration(MetaPage *meta);

// Fills meta.calibration, meta.error_scale, meta.targets and meta.sublist_share from the sample, once all pages are written and
// meta.build_rows is known: the build's last phase (calibrate.cpp).
void calibrate(MetaPage *meta, Relation rel, const Index *index, const Sample &sample, const float *centroids,
               BuildProgress *progress);

} // namespace vq::ivf
