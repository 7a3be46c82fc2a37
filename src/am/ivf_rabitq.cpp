// Access method ivf_rabitq: the RaBitQ codec on the IVF engine.
#include "am/access_methods.h"

#include "core/rabitq.h"

namespace vq::ivf {

static constexpr Setting kRabitqSettings[] = {
    shape_option("rbq_bits", VQ_FIELD(codec[0]), integer(1, RabitqCodec::kMaxBits, 1), "Bits a dimension"),
    query_setting("rbq_query_bits", VQ_FIELD(query.query_bits), integer(0, 8, 0),
                  "Bits a dimension of the query (0 = finest)",
                  "Sets the bits a dimension that a query is quantized to.", "0 = finest."),
};

} // namespace vq::ivf

VQ_ACCESS_METHOD(ivf_rabitq, vq::RabitqCodec, vq::ivf::kRabitqSettings)
