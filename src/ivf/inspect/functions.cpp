// SQL functions about the session and its caches.
#include "ivf/inspect/inspect.h"
#include "ivf/inspect/rounding.h"
#include "ivf/scan/scan_stats.h"
#include "ivf/store/index.h"
#include "ivf/store/read_stream.h"
#include "simd/kernels.h"

extern "C" {
#include "access/htup_details.h"
#include "funcapi.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
}

VQ_FUNCTION(vq_simd)
{
    (void)fcinfo;
    PG_RETURN_TEXT_P(cstring_to_text(vq::simd::kernels().name));
}

VQ_FUNCTION(vq_last_scan)
{
    const TupleDesc desc = vq::ivf::result_row_type(fcinfo);
    const vq::ivf::ScanStats &s = vq::ivf::last_scan;
    Datum values[] = {Int64GetDatum((int64)s.lists),
                      Int64GetDatum((int64)s.codes),
                      Int64GetDatum((int64)s.refined),
                      Int64GetDatum((int64)s.reranked),
                      Int64GetDatum((int64)s.returned),
                      Int64GetDatum((int64)s.passes),
                      Int64GetDatum((int64)s.sublists),
                      Int64GetDatum((int64)s.sublist_rows),
                      Int64GetDatum((int64)s.dropped),
                      Int64GetDatum((int64)s.swept),
                      Float8GetDatum(vq::ivf::significant(s.limit, 9)),
                      Int64GetDatum((int64)s.filtered)};
    bool nulls[lengthof(values)] = {};
    nulls[lengthof(values) - 2] = !s.limited;
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

// Every page of the index into shared buffers, and its trained parameters into this session's memory.
VQ_FUNCTION(vq_prewarm)
{
    using namespace vq::ivf;
    const Inspected target = inspect_open(PG_GETARG_OID(0), AccessShareLock);
    const BlockNumber blocks = RelationGetNumberOfBlocks(target.rel);
    read_ahead(target.rel, 0, blocks);
    open_index(target.rel, target.memory);
    inspect_close(target);
    PG_RETURN_INT64((int64)blocks);
}
