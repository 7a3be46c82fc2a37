#include "ivf/api/options.h"

#include "simd/kernels.h"

namespace vq::ivf {

static relopt_enum_elt_def kRefineTypes[] = {
    {"sq6", (int)simd::Element::SQ6},   {"sq8", (int)simd::Element::SQ8},
    {"fp16", (int)simd::Element::FP16}, {"bf16", (int)simd::Element::BF16},
    {"fp32", (int)simd::Element::FP32}, {nullptr, 0}};

static relopt_enum_elt_def kIterativeModes[] = {{"off", (int)IterativeScan::Off},
                                                {"relaxed_order", (int)IterativeScan::RelaxedOrder},
                                                {"strict_order", (int)IterativeScan::StrictOrder},
                                                {nullptr, 0}};

relopt_kind register_options()
{
    relopt_kind kind = add_reloption_kind();
    // What shapes the index is read by the build alone: changing it takes a REINDEX.
    add_int_reloption(kind, "nlist", "Number of lists (0 = from the row count)", 0, 0, 65536,
                      AccessExclusiveLock);
    add_bool_reloption(kind, "refine", "Keep a finer code of every row in the index", false,
                       AccessExclusiveLock);
    add_enum_reloption(kind, "refine_type", "Format of the finer code", kRefineTypes, (int)simd::Element::SQ8,
                       "Valid values are \"SQ6\", \"SQ8\", \"FP16\", \"BF16\" and \"FP32\".",
                       AccessExclusiveLock);
    // Defaults of this index for settings of the same name.
    const LOCKMODE lock = ShareUpdateExclusiveLock;
    add_int_reloption(kind, "nprobe", "Lists that a query visits (0 = chosen at build)", kUnset, 0, 65536,
                      lock);
    add_int_reloption(kind, "max_probes", "Lists that an iterative scan visits at most (0 = all)", kUnset, 0,
                      65536, lock);
    add_enum_reloption(kind, "iterative_scan", "What to do when more rows are wanted", kIterativeModes,
                       kUnset, "Valid values are \"off\", \"relaxed_order\" and \"strict_order\".", lock);
    add_real_reloption(kind, "refine_k", "Rows looked at exactly for each row returned, at most", kUnset, 0,
                       1000, lock);
    add_real_reloption(kind, "epsilon", "Width of the error bound in standard errors", kUnset, 0, 4, lock);
    return kind;
}

bytea *parse_options(Datum reloptions, bool validate, relopt_kind kind, const relopt_parse_elt *own,
                     int own_count)
{
    static const relopt_parse_elt common[] = {
        {"nlist", RELOPT_TYPE_INT, offsetof(IndexOptions, nlist)},
        {"refine", RELOPT_TYPE_BOOL, offsetof(IndexOptions, refine)},
        {"refine_type", RELOPT_TYPE_ENUM, offsetof(IndexOptions, refine_type)},
        {"nprobe", RELOPT_TYPE_INT, offsetof(IndexOptions, nprobe)},
        {"max_probes", RELOPT_TYPE_INT, offsetof(IndexOptions, max_probes)},
        {"iterative_scan", RELOPT_TYPE_ENUM, offsetof(IndexOptions, iterative_scan)},
        {"refine_k", RELOPT_TYPE_REAL, offsetof(IndexOptions, refine_k)},
        {"epsilon", RELOPT_TYPE_REAL, offsetof(IndexOptions, epsilon)},
    };
    constexpr int kCommon = (int)lengthof(common);
    relopt_parse_elt all[kCommon + 8];
    memcpy(all, common, sizeof common);
    memcpy(all + kCommon, own, (size_t)own_count * sizeof(relopt_parse_elt));
    return (bytea *)build_reloptions(reloptions, validate, kind, sizeof(IndexOptions), all,
                                     kCommon + own_count);
}

} // namespace vq::ivf
