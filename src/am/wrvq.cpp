// Access method wrvq: options and settings of weighted residual vector quantization on the IVF engine.
#include "am/access_methods.h"

#include "core/residual_quantizer.h"
#include "ivf/api/options.h"
#include "ivf/api/routine.h"
#include "ivf/api/settings.h"

namespace vq {

using namespace ivf;

static AmSettings settings;
static relopt_kind option_kind;

constexpr int kDefaultLayers = 24;
constexpr int kDefaultCodewords = 256;

static relopt_enum_elt_def kWeightBits[] = {{"0", 0}, {"4", 4}, {"8", 8}, {"16", 16}, {nullptr, 0}};
static relopt_enum_elt_def kTrainings[] = {
    {"linear", ResidualQuantizer::kLinear}, {"trained", ResidualQuantizer::kTrained}, {nullptr, 0}};

constexpr int kAuto = kUnset; // fuzzy_layers
static relopt_enum_elt_def kFuzzyLayers[] = {{"auto", kAuto}, {"0", 0}, {"1", 1}, {"2", 2}, {nullptr, 0}};

static bytea *parse(Datum reloptions, bool validate)
{
    static const relopt_parse_elt own[] = {
        {"codebooks", RELOPT_TYPE_INT, codec_option(ResidualQuantizer::kLayers)},
        {"codebook_size", RELOPT_TYPE_INT, codec_option(ResidualQuantizer::kCodewords)},
        {"weight_bits", RELOPT_TYPE_ENUM, codec_option(ResidualQuantizer::kWeightBits)},
        {"training", RELOPT_TYPE_ENUM, codec_option(ResidualQuantizer::kTraining)},
        {"fuzzy_layers", RELOPT_TYPE_ENUM, offsetof(IndexOptions, sublist_layers)},
        {"fuzzy_k", RELOPT_TYPE_REAL, offsetof(IndexOptions, sublist_share)}};
    return parse_options(reloptions, validate, option_kind, own, lengthof(own));
}

static ScanSettings scan_settings(const IndexOptions *options)
{
    return resolve_settings(settings, options);
}

static constexpr AccessMethod kWrvq = {"wrvq", &kCodecOps<ResidualQuantizer>, parse, scan_settings};

void init_wrvq()
{
    option_kind = register_options();
    add_int_reloption(option_kind, "codebooks", "Layers of the code", kDefaultLayers, 2, 64,
                      AccessExclusiveLock);
    add_int_reloption(option_kind, "codebook_size", "Codewords of a layer", kDefaultCodewords, 16, 256,
                      AccessExclusiveLock);
    add_enum_reloption(option_kind, "weight_bits",
                       "Bits of a layer's weight in every row (0 = one scale a row)", kWeightBits, 0,
                       "Valid values are \"0\", \"4\", \"8\" and \"16\".", AccessExclusiveLock);
    add_enum_reloption(option_kind, "training", "How codebooks are trained", kTrainings,
                       ResidualQuantizer::kLinear, "Valid values are \"linear\" and \"trained\".",
                       AccessExclusiveLock);
    add_enum_reloption(option_kind, "fuzzy_layers", "Layers of the code that divide lists into sub-lists",
                       kFuzzyLayers, kAuto, "Valid values are \"auto\", \"0\", \"1\" and \"2\".",
                       AccessExclusiveLock);
    add_real_reloption(option_kind, "fuzzy_k",
                       "Share of the visited lists' rows to read (0 = chosen at build)", kUnset, 0, 1,
                       ShareUpdateExclusiveLock);
    define_settings<settings>("wrvq.nprobe", "wrvq.max_probes", "wrvq.iterative_scan", "wrvq.refine_k",
                              "wrvq.epsilon");
    DefineCustomRealVariable(
        "wrvq.fuzzy_k", "Sets the share of the visited lists' rows that a query reads, by sub-lists.",
        "0 = as much as the build found to be needed.", &settings.sublist_share.value, 0, 0, 1, PGC_USERSET,
        0, check_setting<double>, assign_setting<settings.sublist_share, double>, nullptr);
    compat_reserve_prefix("wrvq");
    register_access_method(&kWrvq);
}

} // namespace vq

VQ_FUNCTION(vq_wrvq_handler)
{
    (void)fcinfo;
    PG_RETURN_POINTER(vq::ivf::make_routine(&vq::kWrvq));
}
