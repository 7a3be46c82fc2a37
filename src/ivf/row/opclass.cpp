#include "ivf/row/opclass.h"

extern "C" {
#include "access/genam.h"
#include "utils/lsyscache.h"
}

namespace vq::ivf {

static int answer(Relation index, int support)
{
    FmgrInfo *proc = index_getprocinfo(index, 1, (uint16)support);
    return DatumGetInt32(FunctionCall1(proc, (Datum)0));
}

static Metric opclass_metric(Relation index)
{
    const int metric = answer(index, kMetricProc);
    if (metric != (int)Metric::L2 && metric != (int)Metric::InnerProduct && metric != (int)Metric::Cosine)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                 errmsg("operator class of index \"%s\" names no metric", RelationGetRelationName(index))));
    return (Metric)metric;
}

static simd::Element opclass_element(Relation index)
{
    const int element = answer(index, kElementProc);
    if (element != (int)simd::Element::FP32 && element != (int)simd::Element::FP16)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                 errmsg("operator class of index \"%s\" names no type", RelationGetRelationName(index))));
    return (simd::Element)element;
}

static bool has_proc(Relation index, int column, int support)
{
    return OidIsValid(index_getprocid(index, (AttrNumber)(column + 1), (uint16)support));
}

static const char *column_name(Relation index, int column)
{
    return NameStr(TupleDescAttr(index->rd_att, column)->attname);
}

static void check_filter(Relation index, int column)
{
    if (!has_proc(index, column, kKeyProc) && has_proc(index, column, kMetricProc))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("column \"%s\" is a second vector", column_name(index, column)),
                        errhint("An index has one vector, its first column. Make an index for each.")));
    const Oid collation = index->rd_indcollation[column];
    if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("collation of column \"%s\" is not deterministic", column_name(index, column)),
                        errhint("Filter columns are compared byte by byte: give the column in the index "
                                "another collation, such as COLLATE \"C\".")));
}

static uint32_t count_filters(Relation index)
{
    const int columns = IndexRelationGetNumberOfKeyAttributes(index);
    if (!has_proc(index, 0, kMetricProc) && has_proc(index, 0, kKeyProc))
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("first column \"%s\" is not a vector", column_name(index, 0)),
                 errhint("The vector comes first, then the columns to filter by: (embedding, category).")));
    if (columns > 1 + (int)kMostFilterColumns)
        ereport(ERROR, (errcode(ERRCODE_TOO_MANY_COLUMNS),
                        errmsg("cannot use more than %d columns in an index", 1 + (int)kMostFilterColumns),
                        errdetail("These are a vector and %d filter columns.", (int)kMostFilterColumns)));
    for (int c = 1; c < columns; c++)
        check_filter(index, c);
    return (uint32_t)columns - 1;
}

IndexedColumn indexed_column(Relation index)
{
    const uint32_t filters = count_filters(index);
    const int32 dims = TupleDescAttr(index->rd_att, 0)->atttypmod;
    return {opclass_metric(index), opclass_element(index), dims > 0 ? (uint32_t)dims : 0, filters};
}

ScanKeyData order_by_key(Relation index)
{
    const Oid type = index->rd_opcintype[0];
    const Oid op = get_opfamily_member(index->rd_opfamily[0], type, type, 1);
    ScanKeyData key;
    ScanKeyEntryInitialize(&key, SK_ORDER_BY, 1, 1, type, index->rd_indcollation[0], get_opcode(op),
                           (Datum)0);
    return key;
}

} // namespace vq::ivf

// Support functions of the operator classes. They take an internal argument so that SQL cannot call them.
VQ_FUNCTION(vq_metric_l2)
{
    (void)fcinfo;
    PG_RETURN_INT32((int32)vq::Metric::L2);
}
VQ_FUNCTION(vq_metric_ip)
{
    (void)fcinfo;
    PG_RETURN_INT32((int32)vq::Metric::InnerProduct);
}
VQ_FUNCTION(vq_metric_cosine)
{
    (void)fcinfo;
    PG_RETURN_INT32((int32)vq::Metric::Cosine);
}
VQ_FUNCTION(vq_element_vector)
{
    (void)fcinfo;
    PG_RETURN_INT32((int32)vq::simd::Element::FP32);
}
VQ_FUNCTION(vq_element_halfvec)
{
    (void)fcinfo;
    PG_RETURN_INT32((int32)vq::simd::Element::FP16);
}
