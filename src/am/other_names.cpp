// What other extensions and products call our options.
#include "ivf/api/other_names.h"

namespace vq::ivf {

static constexpr const char *kNlist =
    "The number of lists is called nlist. Without it the index chooses by the number of rows.";
static constexpr const char *kGraph =
    "This is an option of a graph. These indexes have lists: nlist, which the index chooses without it.";
static constexpr const char *kQuery =
    "How far a query looks is no matter of the build: set vector_quant.target_recall, or nprobe.";

static constexpr const char *kOneByOne = "Options are given one by one: WITH (nlist = 1000, refine = true).";

static constexpr const char *kOfRabitq = "This is an option of ivf_rabitq.",
                            *kOfScann = "This is an option of scann.",
                            *kOfWrvq = "This is an option of wrvq.";

const OtherName kOtherNames[] = {
    // pgvector
    {"lists", kNlist},
    {"nlists", kNlist},
    {"m", kGraph},
    {"ef_construction", kGraph},
    // pgvectorscale
    {"num_neighbors", kGraph},
    {"search_list_size", kGraph},
    {"max_alpha", kGraph},
    {"storage_layout", kGraph},
    // AlloyDB's scann
    {"num_leaves", kNlist},
    {"max_num_levels",
     "Lists lie on one level. Their number is called nlist, which the index chooses without it."},
    {"quantizer", "Codes follow from the access method, and pq_dims (scann) or rbq_bits (ivf_rabitq)."},
    // VectorChord
    {"options", kOneByOne},
    // Milvus
    {"metric_type",
     "The metric follows from the operator class: vector_l2_ops, vector_ip_ops or vector_cosine_ops."},
    {"with_raw_data", "It is called refine here, and off unless asked for: rows are compared exactly with "
                      "the table's own vectors."},
    {"sub_dim", "Dimensions of a subspace are called pq_dims."},
    {"nbits", "Codes are of four bits a subspace (scann), or rbq_bits a dimension (ivf_rabitq)."},
    {"params", kOneByOne},
    // Another of our access methods has it
    {"rbq_bits", kOfRabitq},
    {"rbq_query_bits", kOfRabitq},
    {"pq_dims", kOfScann},
    {"reorder_k", kOfScann},
    {"anisotropic_threshold", kOfScann},
    {"codebooks", kOfWrvq},
    {"codebook_size", kOfWrvq},
    {"codeword_bits", kOfWrvq},
    {"weight_bits", kOfWrvq},
    {"training", kOfWrvq},
    {"fuzzy_layers", kOfWrvq},
    {"fuzzy_k", kOfWrvq},
    // Settings of queries, which some take for options
    {"probes", kQuery},
    {"ef_search", kQuery},
    {"ef", kQuery},
    {nullptr, nullptr}};

} // namespace vq::ivf
