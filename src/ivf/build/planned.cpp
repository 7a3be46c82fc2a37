#include "ivf/build/planned.h"

#include "ivf/build/fixed_parts.h"
#include "ivf/store/fine.h"
#include "ivf/store/run_writer.h"
#include "ivf/store/stream.h"

namespace vq::ivf {

static void plan_image(MetaPage *m, const AccessMethod *am, const CodecShape &shape, double rows)
{
    const size_t training = am->codec->training_rows(m->options);
    m->space_dims = shape.space_dims;
    m->codec_seeded = training == 0;
    m->codec_image_bytes = m->codec_seeded
                               ? seeded_image_bytes(*m, am)
                               : am->codec->image_bytes(m->options, (size_t)Min(rows, (double)training));
    m->image_bytes = image_parts(*m, am->codec).stored();
}

PlannedIndex plan_index(const AccessMethod *am, const IndexOptions *options, const IndexedColumn &column,
                        double rows)
{
    MetaPage m = {};
    m.metric = (uint8_t)column.metric;
    m.element = (uint8_t)column.element;
    m.refine = options->refine ? (uint8_t)options->refine_type : kNoRefine;
    m.filter_columns = (uint8_t)column.filters;
    m.options = codec_options(am, column.dims, options, rows);
    m.trained = rows >= 1;
    const PlannedLists lists = plan_lists(options->nlist, rows, column.dims);
    m.nlist = lists.lists;
    const CodecShape shape = am->codec->planned_shape(m.options);
    plan_image(&m, am, shape, rows);
    m.group_lists = choose_group_lists(m.nlist, rows, shape.code_bytes, column.filters);
    PlannedIndex planned = {{}, rows, lists.wanted, plan_sample(rows, lists.wanted, am, m.options)};
    init_layout(&planned.layout, m, am, shape);
    return planned;
}

// The tiles of a list, which has so many rows on average: its last tile is full by chance.
static double list_bytes(const Index &layout, double rows)
{
    const uint32_t middle = (uint32_t)Max(rows, 1.0), half = Min(middle - 1, (uint32_t)simd::kTileRows / 2);
    uint64_t sum = 0;
    for (uint32_t n = middle - half; n <= middle + half; n++)
        sum += run_bytes(layout, n);
    return (double)sum / (2 * half + 1);
}

double planned_pages(const PlannedIndex &planned, uint32_t key_bytes)
{
    const Index &layout = planned.layout;
    const double fixed = count_fixed_pages(layout);
    if (!layout.meta.trained)
        return fixed;
    constexpr double kLastPage = 0.5; // of a chain, is half empty
    const double per_list = planned.rows / layout.meta.nlist;
    // run_bytes takes keys to be of eight bytes.
    const double spared = per_list * (layout.meta.filter_columns * sizeof(uint64_t) - key_bytes);
    const double tiles = (list_bytes(layout, per_list) - spared) * layout.meta.nlist;
    const double fine =
        layout.has_fine() ? fine_pages_of(layout, (uint32_t)(planned.rows / layout.groups)) : 0;
    return fixed + tiles / (double)bytes_of_pages(1) + layout.groups * (kLastPage + fine);
}

} // namespace vq::ivf
