// What an access method gives to the engine: its codec, and what settings and options say. One constant per file in am/.
#pragma once

#include "core/codec.h"
#include "core/query_kind.h"
#include "pg/postgres_cpp.h"

extern "C" {
#include "access/amapi.h"
#include "access/reloptions.h"
#include "utils/rel.h"
}

namespace vq::ivf {

enum class IterativeScan : int
{
    Off = 0,
    RelaxedOrder = 1,
    StrictOrder = 2
};

constexpr double kDefaultEpsilon = 2.2;

// What a query is run with: settings, options of the index and defaults put together.
struct ScanSettings
{
    double target_recall; // 0 = off; above it, the calibration says how far each query looks
    int nprobe;           // 0 = from the calibration
    int max_probes;       // 0 = all lists
    IterativeScan iterative;
    double refine_k;      // 0 = until the bound decides
    double epsilon;       // bound width in standard errors; -1 = from the target
    int reorder_k;        // rows looked at exactly before the bounds are believed, 0 = until they decide
    int query_bits;       // 0 = finest
    double sublist_share; // of the visited lists' rows to be read, 0 = from the calibration
};

// Parsed WITH (...) options. Only in memory: each backend parses pg_class.reloptions anew.
struct IndexOptions
{
    int32 vl_len_; // varlena header, set by build_reloptions
    int nlist;     // 0 = from the row count
    bool refine;
    int refine_type;       // simd::Element
    int sublist_layers;    // -1 = chosen at build; 0 for an access method without sub-lists
    int codec[6];          // codec-specific, same order as CodecOptions::value
    QueryKind calibration; // vector_quant_calibrate
    bool auto_maintenance; // VACUUM trains the index anew where there is a cause
    // This index's own defaults: -1 = unset, 0 where the access method has no such option.
    ScanSettings query;
};

struct AccessMethod
{
    const char *name; // as in USING name
    const CodecOps *codec;
    bytea *(*parse_options)(Datum, bool); // the routine's amoptions; also how an index is told from others
    ScanSettings (*settings)(const IndexOptions *options); // options may be null
};

// Makes an access method known; from _PG_init. `am` lives forever.
void register_access_method(const AccessMethod *am);

// Whether VACUUM may train the index anew.
inline bool looks_after_itself(Relation index)
{
    return index->rd_options == nullptr || ((const IndexOptions *)index->rd_options)->auto_maintenance;
}

// By name; null if there is none.
const AccessMethod *access_method_named(const char *name);

// The access method of an open index.
const AccessMethod *access_method(Relation index);

// Its options; a copy in the current context, because the relcache may replace its own meanwhile.
const IndexOptions *copy_options(Relation index);

} // namespace vq::ivf
