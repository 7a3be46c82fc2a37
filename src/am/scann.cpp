// Access method scann: 4-bit product quantization on the IVF engine.
#include "am/access_methods.h"

#include "core/product_quantizer.h"

namespace vq::ivf {

constexpr double kMaxThreshold = 0.9;

// "auto", or a number of 0 .. 0.9. False if it is neither; *option: ProductQuantizer::kThreshold.
static bool read_threshold(const char *text, void *field)
{
    int *option = (int *)field;
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

static constexpr Setting kScannSettings[] = {
    shape_option("pq_dims", VQ_FIELD(codec[ProductQuantizer::kSubDims]),
                 auto_or_integer<1, 8>("Use \"auto\", or a number between 1 and 8."),
                 "Dimensions of a subspace (auto = fewer where the vector has few)"),
    query_setting("reorder_k", VQ_FIELD(query.reorder_k), integer(0, 1000000, 0),
                  "Rows looked at exactly, at most (0 = until the bound decides)",
                  "Sets how many rows a query looks at exactly, at most.",
                  "0 = until the error bound decides."),
    shape_option("anisotropic_threshold", VQ_FIELD(codec[ProductQuantizer::kThreshold]),
                 text<int>(read_threshold, "auto", "Use \"auto\", or a number between 0 (off) and 0.9."),
                 "Threshold of the score-aware loss (0 = off, auto = chosen at build)"),
};

} // namespace vq::ivf

VQ_ACCESS_METHOD(scann, vq::ProductQuantizer, vq::ivf::kScannSettings)
