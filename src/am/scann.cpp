// Access method scann: options and settings of 4-bit product quantization on the IVF engine.
#include "am/access_methods.h"

#include "core/product_quantizer.h"
#include "ivf/api/options.h"
#include "ivf/api/routine.h"
#include "ivf/api/settings.h"

extern "C" {
#include "utils/builtins.h"
}

namespace vq {

using namespace ivf;

static AmSettings settings;
static relopt_kind option_kind;

constexpr int kDefaultSubDims = 4; // bench/README.md: half the bytes of 2, and as fast at equal recall
constexpr double kMaxThreshold = 0.9;
constexpr int kMaxReorder = 1000000;

// "auto", or a number of 0 .. 0.9. False if it is neither; *option: ProductQuantizer::kThreshold.
static bool parse_threshold(const char *text, int *option)
{
    if (pg_strcasecmp(text, "auto") == 0) {
        *option = ProductQuantizer::kAuto;
        return true;
    }
    char *end;
    const double value = strtod(text, &end);
    if (end == text)
        return false;
    while (isspace((unsigned char)*end))
        end++;
    if (*end != '\0' || !(value >= 0 && value <= kMaxThreshold))
        return false;
    *option = (int)std::lround(value * ProductQuantizer::kUnitThreshold);
    return true;
}

static void validate_threshold(const char *text)
{
    int option;
    if (text != nullptr && !parse_threshold(text, &option))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("invalid value for option \"anisotropic_threshold\": \"%s\"", text),
                        errhint("Use \"auto\", or a number between 0 (off) and 0.9.")));
}

// The parser leaves where the string stands; the codec wants its value.
static bytea *parse(Datum reloptions, bool validate)
{
    static const relopt_parse_elt own[] = {
        {"pq_dims", RELOPT_TYPE_INT, codec_option(ProductQuantizer::kSubDims)},
        {"anisotropic_threshold", RELOPT_TYPE_STRING, codec_option(ProductQuantizer::kThreshold)},
        {"reorder_k", RELOPT_TYPE_INT, offsetof(IndexOptions, reorder_k)}};
    IndexOptions *options =
        (IndexOptions *)parse_options(reloptions, validate, option_kind, own, lengthof(own));
    if (options == nullptr)
        return nullptr;
    int *threshold = &options->codec[ProductQuantizer::kThreshold];
    const char *text = *threshold > 0 ? (const char *)options + *threshold : "auto";
    if (!parse_threshold(text, threshold))
        *threshold = ProductQuantizer::kAuto;
    return (bytea *)options;
}

static ScanSettings scan_settings(const IndexOptions *options)
{
    return resolve_settings(settings, options);
}

static constexpr AccessMethod kScann = {"scann", &kCodecOps<ProductQuantizer>, parse, scan_settings};

void init_scann()
{
    option_kind = register_options();
    add_int_reloption(option_kind, "pq_dims", "Dimensions of a subspace", kDefaultSubDims, 1, 8,
                      AccessExclusiveLock);
    add_string_reloption(option_kind, "anisotropic_threshold",
                         "Threshold of the score-aware loss (0 = off, auto = chosen at build)", "auto",
                         validate_threshold, AccessExclusiveLock);
    add_int_reloption(option_kind, "reorder_k",
                      "Rows looked at exactly, at most (0 = until the bound decides)", kUnset, 0, kMaxReorder,
                      ShareUpdateExclusiveLock);
    define_settings<settings>("scann.nprobe", "scann.max_probes", "scann.iterative_scan", "scann.refine_k",
                              "scann.epsilon");
    DefineCustomIntVariable("scann.reorder_k", "Sets how many rows a query looks at exactly, at most.",
                            "0 = until the error bound decides.", &settings.reorder_k.value, 0, 0,
                            kMaxReorder, PGC_USERSET, 0, check_setting<int>,
                            assign_setting<settings.reorder_k, int>, nullptr);
    compat_reserve_prefix("scann");
    register_access_method(&kScann);
}

} // namespace vq

VQ_FUNCTION(vq_scann_handler)
{
    (void)fcinfo;
    PG_RETURN_POINTER(vq::ivf::make_routine(&vq::kScann));
}
