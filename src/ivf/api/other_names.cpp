#include "ivf/api/other_names.h"

#include "ivf/api/settings_table.h"

extern "C" {
#include "access/reloptions.h"
}

namespace vq::ivf {

namespace {

struct OtherName
{
    const char *name;
    const char *hint;
};

constexpr const char *kNlist =
    "The number of lists is called nlist. Without it the index chooses by the number of rows.";
constexpr const char *kGraph =
    "This is an option of a graph. These indexes have lists: nlist, which the index chooses without it.";
constexpr const char *kQuery =
    "How far a query looks is no matter of the build: set vector_quant.target_recall, or nprobe.";

constexpr const char *kOfRabitq = "This is an option of ivf_rabitq.",
                     *kOfScann = "This is an option of scann.", *kOfWrvq = "This is an option of wrvq.";

constexpr OtherName kOtherNames[] = {
    // pgvector
    {"lists", kNlist},
    {"m", kGraph},
    {"ef_construction", kGraph},
    // pgvectorscale
    {"num_neighbors", kGraph},
    {"search_list_size", kGraph},
    {"max_alpha", kGraph},
    {"storage_layout", kGraph},
    // AlloyDB's scann
    {"num_leaves", kNlist},
    {"quantizer", "Codes follow from the access method, and pq_dims (scann) or rbq_bits (ivf_rabitq)."},
    // VectorChord
    {"options", "Options are given one by one: WITH (nlist = 1000, refine = true)."},
    // Milvus
    {"metric_type",
     "The metric follows from the operator class: vector_l2_ops, vector_ip_ops or vector_cosine_ops."},
    {"with_raw_data", "It is called refine here, and off unless asked for: rows are compared exactly with "
                      "the table's own vectors."},
    {"sub_dim", "Dimensions of a subspace are called pq_dims."},
    {"nbits", "Codes are of four bits a subspace (scann), or rbq_bits a dimension (ivf_rabitq)."},
    {"params", "Options are given one by one: WITH (nlist = 1000, refine = true)."},
    // Another of our access methods has it
    {"rbq_bits", kOfRabitq},
    {"rbq_query_bits", kOfRabitq},
    {"pq_dims", kOfScann},
    {"reorder_k", kOfScann},
    {"anisotropic_threshold", kOfScann},
    {"codebooks", kOfWrvq},
    {"codebook_size", kOfWrvq},
    {"weight_bits", kOfWrvq},
    {"training", kOfWrvq},
    {"fuzzy_layers", kOfWrvq},
    {"fuzzy_k", kOfWrvq},
    // Settings of queries, which some take for options
    {"probes", kQuery},
    {"ef_search", kQuery},
    {"ef", kQuery},
    {"target_recall", "It is a setting: SET vector_quant.target_recall = 0.95."},
};

bool has_option(const AmSettings &settings, const char *name)
{
    for (int i = 0; i < row_count(settings); i++)
        if (pg_strcasecmp(row(settings, i).name, name) == 0)
            return true;
    return false;
}

const char *hint_for(const char *name)
{
    for (const OtherName &other : kOtherNames)
        if (pg_strcasecmp(other.name, name) == 0)
            return other.hint;
    return nullptr;
}

} // namespace

void refuse_other_names(const AmSettings &settings, Datum reloptions)
{
    if (DatumGetPointer(reloptions) == nullptr)
        return;
    List *options = untransformRelOptions(reloptions);
    ListCell *cell;
    foreach (cell, options) {
        const char *name = ((DefElem *)lfirst(cell))->defname;
        if (has_option(settings, name))
            continue;
        const char *hint = hint_for(name);
        if (hint)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("unrecognized parameter \"%s\"", name), errhint("%s", hint)));
    }
}

void notice_unused(Datum reloptions, const IndexOptions &options)
{
    if (options.refine || DatumGetPointer(reloptions) == nullptr)
        return;
    ListCell *cell;
    foreach (cell, untransformRelOptions(reloptions))
        if (pg_strcasecmp(((DefElem *)lfirst(cell))->defname, "refine_type") == 0)
            ereport(NOTICE, (errmsg("refine_type does nothing without refine = true")));
}

} // namespace vq::ivf
