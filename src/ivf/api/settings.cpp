#include "ivf/api/settings.h"

#include "simd/kernels.h"

namespace vq::ivf {

const config_enum_entry kIterativeScanValues[] = {{"off", (int)IterativeScan::Off, false},
                                                  {"relaxed_order", (int)IterativeScan::RelaxedOrder, false},
                                                  {"strict_order", (int)IterativeScan::StrictOrder, false},
                                                  {nullptr, 0, false}};

bool note_source(void **extra, GucSource source)
{
    bool *touched = (bool *)compat_guc_malloc(sizeof(bool));
    if (touched == nullptr)
        return false;
    *touched = source > PGC_S_DEFAULT;
    *extra = touched;
    return true;
}

static double target_recall = 0;

// A number of lists that the session asks for wins: who sets it wants just that.
static bool target_governs(const AmSettings &s)
{
    return target_recall > 0 && !(s.nprobe.touched && s.nprobe.value > 0);
}

template <class T>
static T pick(const Setting<T> &setting, T option)
{
    return setting.touched || option < 0 ? setting.value : option;
}

ScanSettings resolve_settings(const AmSettings &s, const IndexOptions *o)
{
    ScanSettings out = {};
    out.nprobe = pick(s.nprobe, o ? o->nprobe : kUnset);
    out.max_probes = pick(s.max_probes, o ? o->max_probes : kUnset);
    out.iterative = (IterativeScan)pick(s.iterative_scan, o ? o->iterative_scan : kUnset);
    out.refine_k = pick(s.refine_k, o ? o->refine_k : (double)kUnset);
    out.epsilon = pick(s.epsilon, o ? o->epsilon : (double)kUnset);
    out.reorder_k = pick(s.reorder_k, o ? o->reorder_k : kUnset);
    out.query_bits = pick(s.query_bits, o ? o->query_bits : kUnset);
    out.sublist_share = pick(s.sublist_share, o ? o->sublist_share : (double)kUnset);
    if (target_governs(s)) {
        out.target_recall = target_recall;
        out.nprobe = 0; // an index's own
        if (!s.epsilon.touched)
            out.epsilon = kUnset;
    }
    return out;
}

static char *simd_level = nullptr;

static bool check_simd(char **value, void **, GucSource)
{
    const char *before = simd::kernels().name;
    if (simd::select_level(*value)) {
        simd::select_level(before); // only tried; the assign hook selects
        return true;
    }
    GUC_check_errdetail("This CPU or build has no level \"%s\".", *value);
    GUC_check_errhint("Levels are auto, scalar, avx2, avx512 and neon.");
    return false;
}

static void assign_simd(const char *value, void *)
{
    simd::select_level(value);
}

void define_common_settings()
{
    DefineCustomStringVariable("vector_quant.simd",
                               "Sets the instruction set that distances are computed with.",
                               "auto = the best this CPU has; the others are for tests.", &simd_level, "auto",
                               PGC_USERSET, 0, check_simd, assign_simd, nullptr);
    DefineCustomRealVariable(
        "vector_quant.target_recall", "Sets the share of the nearest rows that queries shall find.",
        "0 = off. How many lists a query visits and how wide its error bound is then follow from what "
        "the build measured; an access method's own nprobe wins.",
        &target_recall, 0, 0, 1, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    compat_reserve_prefix("vector_quant");
}

} // namespace vq::ivf
