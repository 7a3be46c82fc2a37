// Access method wrvq: weighted residual vector quantization on the IVF engine.
#include "am/access_methods.h"

#include "core/residual_quantizer.h"

namespace vq::ivf {

static constexpr relopt_enum_elt_def kWeightBits[] = {{"0", 0}, {"4", 4}, {"8", 8}, {"16", 16}, {}};
static constexpr relopt_enum_elt_def kCodewordBits[] = {{"auto", 0}, {"1", 1}, {"2", 2},
                                                        {"4", 4},    {"8", 8}, {}};
static constexpr relopt_enum_elt_def kTrainings[] = {
    {"linear", ResidualQuantizer::kLinear}, {"trained", ResidualQuantizer::kTrained}, {}};

constexpr int kAuto = -1; // IndexOptions::sublist_layers
static constexpr relopt_enum_elt_def kFuzzyLayers[] = {{"auto", kAuto}, {"0", 0}, {"1", 1}, {"2", 2}, {}};

static constexpr Setting kWrvqSettings[] = {
    shape_option("codebooks", VQ_FIELD(codec[ResidualQuantizer::kLayers]),
                 auto_or_integer<2, 96>("Use \"auto\", or a number between 2 and 96."),
                 "Layers of the code (auto = by dimensions and codebook_size)"),
    shape_option("codebook_size", VQ_FIELD(codec[ResidualQuantizer::kCodewords]), integer(16, 256, 16),
                 "Codewords of a layer"),
    shape_option("codeword_bits", VQ_FIELD(codec[ResidualQuantizer::kCodewordBits]), one_of(kCodewordBits, 0),
                 "Bits of a codeword's coordinate (auto = by the number of rows)"),
    shape_option("weight_bits", VQ_FIELD(codec[ResidualQuantizer::kWeightBits]), one_of(kWeightBits, 0),
                 "Bits of a layer's weight in every row (0 = one scale a row)"),
    shape_option("training", VQ_FIELD(codec[ResidualQuantizer::kTraining]),
                 one_of(kTrainings, ResidualQuantizer::kLinear), "How codebooks are trained"),
    shape_option("fuzzy_layers", VQ_FIELD(sublist_layers), one_of(kFuzzyLayers, kAuto),
                 "Layers of the code that divide lists into sub-lists"),
    query_setting("fuzzy_k", VQ_FIELD(query.sublist_share), real(0, 1, 0),
                  "Share of the visited lists' rows to read (0 = chosen at build)",
                  "Sets the share of the visited lists' rows that a query reads, by sub-lists.",
                  "0 = as much as the build found to be needed."),
};

} // namespace vq::ivf

VQ_ACCESS_METHOD(wrvq, vq::ResidualQuantizer, vq::ivf::kWrvqSettings)
