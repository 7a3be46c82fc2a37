#include "ivf/row/opclass.h"

extern "C" {
#include "access/genam.h"
#include "utils/lsyscache.h"
}

namespace vq::ivf {

static int answer(Relation index, int support)
{
    FmgrInfo *proc = index_getprocinfo(index, 1, (uint16)support);
    return DatumGetInt32(FunctionCall1(proc, PointerGetDatum(nullptr)));
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

IndexedColumn indexed_column(Relation index)
{
    const int32 dims = TupleDescAttr(index->rd_att, 0)->atttypmod;
    return {opclass_metric(index), opclass_element(index), dims > 0 ? (uint32_t)dims : 0};
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
