// SQL functions about the session.
#include "ivf/scan.h"
#include "simd/kernels.h"

extern "C" {
#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/builtins.h"
}

VQ_FUNCTION(vq_simd)
{
    (void)fcinfo;
    PG_RETURN_TEXT_P(cstring_to_text(vq::simd::kernels().name));
}

VQ_FUNCTION(vq_last_scan)
{
    TupleDesc desc;
    if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    const vq::ivf::ScanStats &s = vq::ivf::last_scan;
    Datum values[] = {Int64GetDatum((int64)s.lists),    Int64GetDatum((int64)s.codes),
                      Int64GetDatum((int64)s.refined),  Int64GetDatum((int64)s.reranked),
                      Int64GetDatum((int64)s.returned), Int64GetDatum((int64)s.passes),
                      Int64GetDatum((int64)s.sublists), Int64GetDatum((int64)s.sublist_rows)};
    bool nulls[lengthof(values)] = {};
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
