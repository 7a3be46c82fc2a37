#include "core/distance.h"
#include "ivf/row/exact.h"

#include "ivf/row/vector_datum.h"
#include "ivf/store/page.h"

extern "C" {
#include "catalog/index.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

ExactQuery exact_query(Metric metric, simd::Element element, uint32_t dims, const void *elements)
{
    const float *x = as_floats(elements, element, dims);
    const double norm = std::sqrt((double)simd::kernels().dot(x, x, dims));
    return {metric, dims,
            x,      element == simd::Element::FP16 ? (const uint16_t *)elements : nullptr,
            norm,   metric == Metric::Cosine && norm == 0};
}

template <class Number>
static double score(const ExactQuery &query, const Number *q, const Number *x)
{
    if (query.unordered)
        return 0;
    switch (query.metric) {
    case Metric::L2:
        return l2_squared(q, x, query.dims);
    case Metric::InnerProduct:
        return -inner_product(q, x, query.dims);
    case Metric::Cosine:
        break;
    }
    const double d = cosine_distance(q, x, query.dims) - 1;
    return std::isnan(d) ? 1 : d;
}

double exact_score(const ExactQuery &query, const float *x)
{
    return score(query, query.vector, x);
}

double stored_score(const ExactQuery &query, const void *elements)
{
    if (query.half)
        return score(query, query.half, (const uint16_t *)elements);
    return score(query, query.vector, (const float *)elements);
}

double refined_bound(const ExactQuery &query, const float *x, double error, double error_share)
{
    const double score = exact_score(query, x);
    const double shift = error * error_share;
    if (query.unordered)
        return score;
    switch (query.metric) {
    case Metric::L2: {
        double d = std::sqrt(score) - shift;
        return d > 0 ? d * d : 0;
    }
    case Metric::InnerProduct:
        return score - query.norm * shift;
    case Metric::Cosine:
        break;
    }
    // A shift e of x turns it by at most asin(e / |x|), the cosine by less than 2 e / |x|.
    double norm = std::sqrt((double)simd::kernels().dot(x, x, query.dims));
    return norm > 0 ? score - 2 * shift / norm : -1;
}

void heap_reader_open(HeapReader *reader, Relation heap, Relation index, Snapshot snapshot,
                      simd::Element element, uint32_t dims)
{
    *reader = {};
    reader->element = element;
    reader->datum_bytes = vector_datum_bytes(element, dims);
    reader->heap = heap;
    reader->index = index;
    reader->snapshot = snapshot;
    reader->fetch = table_index_fetch_begin(heap);
    reader->slot = table_slot_create(heap, nullptr);
    reader->column = index->rd_index->indkey.values[0];
    reader->row_memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant row", ALLOCSET_DEFAULT_SIZES);
    reader->blocks = RelationGetNumberOfBlocks(heap);
    if (reader->column == 0) {
        reader->info = BuildIndexInfo(index);
        reader->estate = CreateExecutorState();
        GetPerTupleExprContext(reader->estate)->ecxt_scantuple = reader->slot;
    }
}

void heap_reader_close(HeapReader *reader)
{
    if (reader->fetch == nullptr)
        return;
    if (reader->estate)
        FreeExecutorState(reader->estate);
    pg::toast_close(&reader->toast);
    ExecDropSingleTupleTableSlot(reader->slot);
    table_index_fetch_end(reader->fetch);
    MemoryContextDelete(reader->row_memory);
    reader->fetch = nullptr;
}

static Datum indexed_value(HeapReader *reader, bool *isnull)
{
    if (reader->column != 0)
        return slot_getattr(reader->slot, reader->column, isnull);
    Datum values[INDEX_MAX_KEYS];
    bool nulls[INDEX_MAX_KEYS];
    ResetPerTupleExprContext(reader->estate);
    FormIndexDatum(reader->info, reader->slot, reader->estate, values, nulls);
    *isnull = nulls[0];
    return values[0];
}

void check_tid(HeapReader *reader, const ItemPointerData &tid)
{
    const BlockNumber block = ItemPointerGetBlockNumberNoCheck(&tid);
    if (block >= reader->blocks)
        reader->blocks = RelationGetNumberOfBlocks(reader->heap);
    if (block >= reader->blocks || tid.ip_posid > MaxOffsetNumber)
        report_corrupted(reader->index, InvalidBlockNumber, "row id beyond the end of the table");
}

bool heap_score(HeapReader *reader, const ExactQuery &query, const ItemPointerData &tid, double *score)
{
    ItemPointerData root = tid;
    bool call_again = false;
    check_tid(reader, tid);
    if (!table_index_fetch_tuple(reader->fetch, &root, reader->snapshot, reader->slot, &call_again, nullptr))
        return false;
    bool isnull;
    MemoryContext owner = MemoryContextSwitchTo(reader->row_memory);
    Datum value = indexed_value(reader, &isnull);
    if (!isnull) {
        MemoryContextSwitchTo(owner); // what the TOAST reader opens lives as long as the scan
        const struct varlena *plain = pg::toast_read(&reader->toast, value, reader->datum_bytes);
        if (plain)
            value = PointerGetDatum(plain);
        MemoryContextSwitchTo(reader->row_memory);
        *score = stored_score(query, elements_of_datum(value, reader->element, query.dims, reader->index));
    }
    MemoryContextSwitchTo(owner);
    MemoryContextReset(reader->row_memory);
    return !isnull;
}

} // namespace vq::ivf
