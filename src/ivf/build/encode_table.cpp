#include "ivf/build/encode_table.h"

#include "ivf/build/row_encoding.h"

extern "C" {
#include "access/tableam.h"
}

namespace vq::ivf {

static void encode_heap_row(Relation, ItemPointer tid, Datum *values, bool *isnull, bool, void *arg)
{
    encoding_add((RowEncoding *)arg, *tid, values, isnull);
}

EncodedCounts encode_table(const TableShare &share, RowSort *sort)
{
    RowEncoding *e = (RowEncoding *)palloc0(sizeof(RowEncoding));
    encoding_begin(e, share.index, share.layout, sort);
    e->rows_done = share.rows_done;
    e->progress = share.progress;
    const double heap_rows = table_index_build_scan(share.heap, share.index, share.info, true,
                                                    share.progress != nullptr && share.progress->shown,
                                                    encode_heap_row, e, share.scan);
    encoding_end(e);
    row_sort_perform(sort);
    return {heap_rows, e->rows, e->distance_sum, share.info->ii_BrokenHotChain};
}

} // namespace vq::ivf
