// Access method ivf_rabitq: options and settings of the RaBitQ codec on the IVF engine.
#include "am/access_methods.h"

#include "core/rabitq.h"
#include "ivf/api/options.h"
#include "ivf/api/routine.h"
#include "ivf/api/settings.h"

namespace vq {

using namespace ivf;

static AmSettings settings;
static relopt_kind option_kind;

static bytea *parse(Datum reloptions, bool validate)
{
    static const relopt_parse_elt own[] = {
        {"rbq_bits", RELOPT_TYPE_INT, codec_option(0)},
        {"rbq_query_bits", RELOPT_TYPE_INT, offsetof(IndexOptions, query_bits)}};
    return parse_options(reloptions, validate, option_kind, own, lengthof(own));
}

static ScanSettings scan_settings(const IndexOptions *options)
{
    return resolve_settings(settings, options);
}

static constexpr AccessMethod kIvfRabitq = {"ivf_rabitq", &kCodecOps<RabitqCodec>, parse, scan_settings};

void init_ivf_rabitq()
{
    option_kind = register_options();
    add_int_reloption(option_kind, "rbq_bits", "Bits a dimension", 1, 1, RabitqCodec::kMaxBits,
                      AccessExclusiveLock);
    add_int_reloption(option_kind, "rbq_query_bits", "Bits a dimension of the query (0 = finest)", kUnset, 0,
                      8, ShareUpdateExclusiveLock);
    define_settings<settings>("ivf_rabitq.nprobe", "ivf_rabitq.max_probes", "ivf_rabitq.iterative_scan",
                              "ivf_rabitq.refine_k", "ivf_rabitq.epsilon");
    DefineCustomIntVariable("ivf_rabitq.rbq_query_bits",
                            "Sets the bits a dimension that a query is quantized to.", "0 = finest.",
                            &settings.query_bits.value, 0, 0, 8, PGC_USERSET, 0, check_setting<int>,
                            assign_setting<settings.query_bits, int>, nullptr);
    compat_reserve_prefix("ivf_rabitq");
    register_access_method(&kIvfRabitq);
}

} // namespace vq

VQ_FUNCTION(vq_ivf_rabitq_handler)
{
    (void)fcinfo;
    PG_RETURN_POINTER(vq::ivf::make_routine(&vq::kIvfRabitq));
}
