// The table of settings: a row says all that PostgreSQL is told of a setting or an option.
//
// To add one:
// 1. A field for its value in store/access_method.h: in ScanSettings if queries read it, else in IndexOptions. What only a codec
//    reads goes to the next free element of IndexOptions::codec.
// 2. A row with VQ_FIELD of that field: here if all access methods have it, else in the access method's file in am/. setting.h
//    says what the columns mean. A query_setting becomes a setting and an option with the same name and range.
// 3. A row in the table of docs/options.md (012_readme.pl looks for it), and the bounds in sql/ivf_options.sql or in the access
//    method's own test. sql/ivf_settings.sql finds query_settings by itself.
//
// vector_quant.simd has no row: no scan reads it, it acts on the process at once (settings.cpp).
#pragma once

#include "ivf/api/settings.h"
#include "core/query_kind.h"
#include "simd/kernels.h"

namespace vq::ivf {

constexpr int kMostLists = 65536;

inline constexpr relopt_enum_elt_def kRefineTypes[] = {
    {"SQ6", (int)simd::Element::SQ6},   {"SQ8", (int)simd::Element::SQ8},
    {"FP16", (int)simd::Element::FP16}, {"BF16", (int)simd::Element::BF16},
    {"FP32", (int)simd::Element::FP32}, {}};

inline constexpr relopt_enum_elt_def kIterativeScans[] = {{"off", (int)IterativeScan::Off},
                                                          {"relaxed_order", (int)IterativeScan::RelaxedOrder},
                                                          {"strict_order", (int)IterativeScan::StrictOrder},
                                                          {}};

inline bool read_calibration(const char *text, void *kind)
{
    return read_query_kind(text, (QueryKind *)kind);
}

inline constexpr Setting kCommonSettings[] = {
    shape_option("nlist", VQ_FIELD(nlist), integer(0, kMostLists, 0),
                 "Number of lists (0 = from the row count)"),
    shape_option("refine", VQ_FIELD(refine), boolean(false), "Keep a finer code of every row in the index"),
    shape_option("refine_type", VQ_FIELD(refine_type), one_of(kRefineTypes, (int)simd::Element::SQ8),
                 "Format of the finer code"),
    query_setting("nprobe", VQ_FIELD(query.nprobe), integer(0, kMostLists, 0),
                  "Lists that a query visits (0 = chosen at build)",
                  "Sets the number of lists that a query visits.",
                  "0 = as many as the build found to be needed. More than the index has means all."),
    query_setting("max_probes", VQ_FIELD(query.max_probes), integer(0, kMostLists, 0),
                  "Lists that an iterative scan visits at most (0 = all)",
                  "Sets the number of lists that an iterative scan visits at most.", "0 = all."),
    query_setting("iterative_scan", VQ_FIELD(query.iterative),
                  one_of(kIterativeScans, (int)IterativeScan::StrictOrder),
                  "What to do when more rows are wanted",
                  "Sets what happens when a query wants more rows than nprobe lists hold.", nullptr),
    query_setting("refine_k", VQ_FIELD(query.refine_k), real(0, 1000, 0),
                  "Rows looked at exactly for each row returned, at most",
                  "Sets how many rows are looked at exactly for each row returned, at most.",
                  "0 = until the error bound decides."),
    query_setting("epsilon", VQ_FIELD(query.epsilon), real(0, 4, kDefaultEpsilon),
                  "Width of the error bound in standard errors",
                  "Sets the width of the error bound, in standard errors.",
                  "Smaller is faster and loses more rows."),
    measured_option("calibration", VQ_FIELD(calibration),
                    text<QueryKind>(read_calibration, "",
                                    "Leave it to vector_quant_calibrate; RESET makes the index forget it."),
                    "What vector_quant_calibrate measured"),
    upkeep_option("auto_maintenance", VQ_FIELD(auto_maintenance), boolean(true),
                  "VACUUM trains the index anew when its rows have outgrown it"),
};
static_assert(are_sound(kCommonSettings));

inline constexpr Setting kLibrarySettings[] = {
    library_setting(
        "target_recall", VQ_FIELD(query.target_recall), real(0, 1, 0),
        "Share of the nearest rows that queries shall find (0 = as shipped)",
        "Sets the share of the nearest rows that queries shall find.",
        "0 = off. How many lists a query visits and how wide its error bound is then follow from what "
        "the build measured; an access method's own nprobe wins."),
};
static_assert(are_sound(kLibrarySettings));

// Rows of an access method: the common ones, the library's, then its own.
inline int row_count(const AmSettings &settings)
{
    return (int)(lengthof(kCommonSettings) + lengthof(kLibrarySettings)) + settings.own_count;
}

inline const Setting &row(const AmSettings &settings, int i)
{
    constexpr int common = (int)lengthof(kCommonSettings), library = (int)lengthof(kLibrarySettings);
    if (i < common)
        return kCommonSettings[i];
    return i < common + library ? kLibrarySettings[i - common] : settings.own[i - common - library];
}

} // namespace vq::ivf
