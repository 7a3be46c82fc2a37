// Settings (GUCs) that every access method has under its own prefix. A setting the user touched wins over the
// index's option of the same name, that over the default.
#pragma once

#include "ivf/store/access_method.h"
#include "ivf/api/options.h"

extern "C" {
#include "utils/guc.h"
}

namespace vq::ivf {

// One setting's value and whether it was set by anybody (session, role, database, configuration file).
template <class T>
struct Setting
{
    T value;
    bool touched;
};

struct AmSettings
{
    Setting<int> nprobe;
    Setting<int> max_probes;
    Setting<int> iterative_scan;
    Setting<double> refine_k;
    Setting<double> epsilon;
    Setting<int> reorder_k;
    Setting<int> query_bits;
    Setting<double> sublist_share;
};

extern const config_enum_entry kIterativeScanValues[];

// Remembers in *extra whether the value comes from anywhere but the default; the assign hook below stores it.
bool note_source(void **extra, GucSource source);
inline bool was_touched(void *extra)
{
    return extra != nullptr && *(bool *)extra;
}

template <class T>
bool check_setting(T *, void **extra, GucSource source)
{
    return note_source(extra, source);
}

template <auto &Which, class T>
void assign_setting(T, void *extra)
{
    Which.touched = was_touched(extra);
}

// Common settings, defined by each access method for its own AmSettings object.
template <AmSettings &S>
void define_settings(const char *nprobe, const char *max_probes, const char *iterative_scan,
                     const char *refine_k, const char *epsilon)
{
    DefineCustomIntVariable(nprobe, "Sets the number of lists that a query visits.",
                            "0 = as many as the build found to be needed. More than the index has means all.",
                            &S.nprobe.value, 0, 0, 65536, PGC_USERSET, 0, check_setting<int>,
                            assign_setting<S.nprobe, int>, nullptr);
    DefineCustomIntVariable(max_probes, "Sets the number of lists that an iterative scan visits at most.",
                            "0 = all.", &S.max_probes.value, 0, 0, 65536, PGC_USERSET, 0, check_setting<int>,
                            assign_setting<S.max_probes, int>, nullptr);
    DefineCustomEnumVariable(
        iterative_scan, "Sets what happens when a query wants more rows than nprobe lists hold.", nullptr,
        &S.iterative_scan.value, (int)IterativeScan::RelaxedOrder, kIterativeScanValues, PGC_USERSET, 0,
        check_setting<int>, assign_setting<S.iterative_scan, int>, nullptr);
    DefineCustomRealVariable(refine_k,
                             "Sets how many rows are looked at exactly for each row returned, at most.",
                             "0 = until the error bound decides.", &S.refine_k.value, 0, 0, 1000, PGC_USERSET,
                             0, check_setting<double>, assign_setting<S.refine_k, double>, nullptr);
    DefineCustomRealVariable(epsilon, "Sets the width of the error bound, in standard errors.",
                             "Smaller is faster and loses more rows.", &S.epsilon.value, kDefaultEpsilon, 0,
                             4, PGC_USERSET, 0, check_setting<double>, assign_setting<S.epsilon, double>,
                             nullptr);
}

// Puts settings, index options and defaults together.
ScanSettings resolve_settings(const AmSettings &settings, const IndexOptions *options);

// vector_quant.simd; from _PG_init.
void define_common_settings();

} // namespace vq::ivf
