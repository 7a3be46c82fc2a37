// vector_quant_index_stats: the shape of an index, from its directory and open pages; how well it still fits, from rows of
// the table; and what to do about it.
#include "ivf/store/page_offers.h"
#include "ivf/inspect/inspect.h"
#include "ivf/inspect/partition_stats.h"
#include "ivf/inspect/rounding.h"
#include "ivf/scan/probes.h"
#include "ivf/store/generation.h"
#include "ivf/upkeep/condition.h"
#include "pg/elsewhere.h"

extern "C" {
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

struct Stats
{
    uint64_t rows; // live
    uint64_t rows_max;
    double rows_squared; // sum over lists
    uint64_t open_rows;
    uint64_t dead_rows;
    uint64_t tile_pages;
    uint64_t open_pages;
    uint64_t fine_pages;
    uint64_t sublist_pages;
    uint64_t pages;      // of the file
    uint64_t free_pages; // may be reused, now or when old snapshots are gone
    uint64_t lost_pages; // neither in use nor offered for reuse, which VACUUM will change
};

void add_group(Relation rel, const Index &index, uint32_t g, Group *group, uint64_t *rows_of_list, Stats *s)
{
    read_group(rel, index, g, group);
    const GroupRows c = count_group(rel, index, group, false, rows_of_list, nullptr, nullptr);
    s->rows += c.live();
    s->rows_max = Max(s->rows_max, c.most);
    s->rows_squared += c.squared;
    s->open_rows += c.open;
    s->dead_rows += c.dead + c.open_dead;
    s->open_pages += c.open_pages;
    s->tile_pages += group->record.tile_pages;
    s->fine_pages += group->record.fine_pages;
    s->sublist_pages += group->record.sublist_pages;
}

Stats count_all(Relation rel, const Index &index)
{
    Stats s = {};
    Group *group = (Group *)palloc(group_bytes(index));
    uint64_t *rows_of_list = (uint64_t *)palloc(index.meta.group_lists * sizeof(uint64_t));
    for (uint32_t g = 0; g < index.groups; g++)
        add_group(rel, index, g, group, rows_of_list, &s);
    return s;
}

// What no group has. A standby does not know which pages are offered.
void count_free(Relation rel, const MetaPage &meta, Stats *s)
{
    const uint64_t used =
        fixed_pages(meta) + s->tile_pages + s->open_pages + s->fine_pages + s->sublist_pages;
    s->pages = RelationGetNumberOfBlocks(rel);
    const uint64_t rest = s->pages - Min(used, s->pages);
    s->free_pages = RecoveryInProgress() ? rest : Min(rest, (uint64_t)offered_pages(rel, 1));
    // Those of a generation under way are neither; whether its maker is gone, VACUUM finds out.
    s->lost_pages = read_generations(rel).next != 0 ? 0 : rest - s->free_pages;
}

double share(uint64_t part, uint64_t rest)
{
    return part + rest > 0 ? (double)part / (double)(part + rest) : 0;
}

// --- advice

constexpr uint32_t kOtherLists = 2; // times more or fewer: queries of a kind may need other ones
constexpr double kMuchDead = 0.3;   // VACUUM leaves up to a quarter
constexpr double kMuchOpen = 0.3;   // the same
constexpr double kMuchLost = 0.1;
constexpr double kMuchFree = 0.7; // two thirds, where all rows were updated before the last VACUUM
constexpr uint64_t kMegabyte = 1024 * 1024 / BLCKSZ; // pages
constexpr uint64_t kFewPages = 16;                   // lost, be they half of an index

void advise(StringInfo text, const char *remedy, const char *reason)
{
    appendStringInfo(text, "%s%s: %s", text->len > 0 ? "; " : "", remedy, reason);
}

// How the rows lie: of few rows, however they do, there is nothing to gain.
void advise_on_rows(StringInfo text, const MetaPage &meta, const Stats &s, const Condition &condition,
                    bool auto_maintenance)
{
    if (s.rows + s.dead_rows < kFewRows)
        return;
    const Cause cause = cause_of(meta, condition);
    if (cause != Cause::None)
        advise(text, auto_maintenance ? "VACUUM" : "vector_quant_maintain", describe_cause(cause, condition));
    if (share(s.dead_rows, s.rows) >= kMuchDead)
        advise(text, "VACUUM", psprintf("%.0f %% of its rows are dead", 100 * share(s.dead_rows, s.rows)));
    if (share(s.open_rows, s.rows - s.open_rows) >= kMuchOpen)
        advise(text, "VACUUM",
               psprintf("%.0f %% of its rows are not sorted into lists yet",
                        100 * share(s.open_rows, s.rows - s.open_rows)));
}

// Pages without rows, however few rows there are.
void advise_on_pages(StringInfo text, const Stats &s)
{
    if (s.lost_pages > kFewPages && share(s.lost_pages, s.pages - s.lost_pages) >= kMuchLost)
        advise(text, "VACUUM",
               psprintf("%.0f %% of its pages are neither in use nor free",
                        100 * share(s.lost_pages, s.pages - s.lost_pages)));
    if (s.free_pages >= kMegabyte && share(s.free_pages, s.pages - s.free_pages) >= kMuchFree)
        advise(text, "VACUUM, else REINDEX",
               psprintf("%.0f MB of it, %.0f %%, are free", (double)s.free_pages / kMegabyte,
                        100 * share(s.free_pages, s.pages - s.free_pages)));
}

// What vector_quant_calibrate measured is carried over to other lists, but not measured there.
void advise_on_calibration(StringInfo text, const MetaPage &meta, const QueryKind &kind)
{
    if (kind.date == 0 || !meta.trained)
        return;
    if (meta.nlist >= kOtherLists * kind.nlist || kind.nlist >= kOtherLists * meta.nlist)
        advise(text, "vector_quant_calibrate",
               psprintf("it has %u lists, and had %u when it was calibrated", meta.nlist, kind.nlist));
}

// Null if all is well.
const char *advice_for(const MetaPage &meta, const QueryKind &kind, const Stats &s,
                       const Condition &condition, bool auto_maintenance)
{
    StringInfoData text;
    initStringInfo(&text);
    advise_on_rows(&text, meta, s, condition, auto_maintenance);
    advise_on_calibration(&text, meta, kind);
    advise_on_pages(&text, s);
    return text.len > 0 ? text.data : nullptr;
}

Datum date_of(const QueryKind &kind)
{
    const int day = date2j(kind.date / 10000, kind.date / 100 % 100, kind.date % 100);
    return DateADTGetDatum(day - POSTGRES_EPOCH_JDATE);
}

} // namespace

} // namespace vq::ivf

VQ_FUNCTION(vq_index_stats)
{
    using namespace vq::ivf;
    const TupleDesc desc = result_row_type(fcinfo);
    const Oid index_id = PG_GETARG_OID(0);
    if (get_rel_relkind(index_id) == RELKIND_PARTITIONED_INDEX)
        return partition_stats(index_id, fcinfo->flinfo->fn_oid, desc);
    const Inspected target = inspect_open(index_id, AccessShareLock, true);
    const vq::ivf::Index &index = *open_index(target.rel, target.memory);
    const MetaPage &meta = index.meta;
    Stats s = count_all(target.rel, index);
    count_free(target.rel, meta, &s);
    const double lists = meta.nlist, rows = (double)s.rows;
    const double imbalance = imbalance_of(meta.nlist, s.rows_squared, rows);
    Condition condition = condition_of(meta, rows, s.rows_squared);
    condition.drift = drift_since_build(target.heap, target.rel, index);
    const IndexOptions *options = copy_options(target.rel);
    const vq::QueryKind kind = options->calibration;
    const Oid table = RelationGetRelid(target.heap);
    const char *advice = vq::pg::is_distributed(table)
                             ? psprintf("its rows are in shards: %s", shards_query(table))
                             : advice_for(meta, kind, s, condition, options->auto_maintenance);
    const char *cause = name_of_cause((Cause)meta.cause);
    char codes[100];
    index.codec->describe(index.space().image, codes, sizeof codes);

    Datum values[] = {Int32GetDatum((int32)meta.nlist),
                      Int64GetDatum((int64)s.rows),
                      Float8GetDatum(rounded_mean(rows / lists)),
                      Int64GetDatum((int64)s.rows_max),
                      Float8GetDatum(rounded_ratio(imbalance)),
                      Int64GetDatum((int64)s.open_rows),
                      Float8GetDatum(rounded_share(share(s.open_rows, s.rows - s.open_rows))),
                      Int64GetDatum((int64)s.dead_rows),
                      Float8GetDatum(rounded_share(share(s.dead_rows, s.rows))),
                      Int64GetDatum((int64)(s.pages * BLCKSZ)),
                      Int64GetDatum((int64)fixed_pages(meta) * BLCKSZ),
                      Int64GetDatum((int64)(s.tile_pages * BLCKSZ)),
                      Int64GetDatum((int64)(s.open_pages * BLCKSZ)),
                      Int64GetDatum((int64)(s.fine_pages * BLCKSZ)),
                      Int64GetDatum((int64)(s.sublist_pages * BLCKSZ)),
                      Int64GetDatum((int64)(s.free_pages * BLCKSZ)),
                      Int64GetDatum((int64)(s.lost_pages * BLCKSZ)),
                      Int32GetDatum((int32)meta.options.dims),
                      Int32GetDatum((int32)meta.version),
                      BoolGetDatum(meta.trained != 0),
                      Int64GetDatum((int64)meta.build_rows),
                      Float8GetDatum(rounded_ratio(condition.growth)),
                      Float8GetDatum(significant(meta.residual_norm / meta.scale, 4)),
                      Float8GetDatum(rounded_ratio(condition.drift)),
                      Int32GetDatum((int32)usual_lists(index, target_of(options->query))),
                      Float4GetDatum((float)rounded_ratio(meta.error_scale)),
                      CStringGetTextDatum(codes),
                      Int32GetDatum((int32)meta.sublist_layers),
                      Float4GetDatum((float)rounded_share(meta.sublist_share)),
                      kind.date > 0 ? date_of(kind) : (Datum)0,
                      Int32GetDatum((int32)kind.queries),
                      advice ? CStringGetTextDatum(advice) : (Datum)0,
                      Float8GetDatum(rounded_ratio(condition.crowding)),
                      TimestampTzGetDatum(meta.trained_at),
                      cause ? CStringGetTextDatum(cause) : (Datum)0,
                      Float8GetDatum(rounded_time(1e-3 * meta.trained_ms))};
    constexpr int kGrowth = 21, kDrift = 23, kCalibrated = 29, kAdvice = 31, kCrowding = 32, kMaintained = 33;
    bool nulls[lengthof(values)] = {};
    nulls[kGrowth] = condition.growth == 0;
    nulls[kDrift] = condition.drift == 0;
    nulls[kCalibrated] = nulls[kCalibrated + 1] = kind.date == 0;
    nulls[kAdvice] = advice == nullptr;
    nulls[kCrowding] = condition.crowding == 0;
    nulls[kMaintained] = nulls[kMaintained + 1] = nulls[kMaintained + 2] = meta.generation == 0;
    return inspect_return(target, desc, values, nulls);
}
