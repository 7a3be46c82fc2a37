#include "ivf/opclass.h"

extern "C" {
#include "access/genam.h"
}

namespace vq::ivf {

Metric opclass_metric(Relation index)
{
    FmgrInfo *proc = index_getprocinfo(index, 1, kMetricProc);
    const int metric = DatumGetInt32(FunctionCall1(proc, PointerGetDatum(nullptr)));
    if (metric != (int)Metric::L2 && metric != (int)Metric::InnerProduct && metric != (int)Metric::Cosine)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                 errmsg("operator class of index \"%s\" names no metric", RelationGetRelationName(index))));
    return (Metric)metric;
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
