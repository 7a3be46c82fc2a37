#include "ivf/inspect/partition_stats.h"

#include "ivf/inspect/inspect.h"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
}

namespace vq::ivf {

namespace {

// A column for each of the function's, in their order: sums of what can be added up; else what is alike in all parts, or the part
// that is worst off. Before them: parts that are counted, and partitions that are foreign tables. %s: the function.
constexpr const char *kQuery = R"(
SELECT count(*),
    (SELECT count(*) FROM pg_index i, pg_partition_tree(i.indrelid) t JOIN pg_class c ON c.oid = t.relid
        WHERE i.indexrelid = $1 AND c.relkind = 'f'),
    sum(s.lists)::int, sum(s.rows)::bigint, (sum(s.rows) / sum(s.lists))::float8, max(s.rows_per_list_max), max(s.imbalance),
    sum(s.open_rows)::bigint, coalesce(sum(s.open_rows) / nullif(sum(s.rows), 0), 0)::float8,
    sum(s.dead_rows)::bigint, coalesce(sum(s.dead_rows) / nullif(sum(s.rows) + sum(s.dead_rows), 0), 0)::float8,
    sum(s.bytes)::bigint, sum(s.fixed_bytes)::bigint, sum(s.tile_bytes)::bigint, sum(s.open_bytes)::bigint,
    sum(s.fine_bytes)::bigint, sum(s.sublist_bytes)::bigint, sum(s.free_bytes)::bigint, sum(s.lost_bytes)::bigint,
    max(s.dims), min(s.format_version), bool_and(s.trained), sum(s.build_rows)::bigint, max(s.growth),
    max(s.residual_norm), max(s.drift), sum(s.nprobe_default)::int, max(s.error_scale),
    CASE WHEN count(DISTINCT s.codes) = 1 THEN min(s.codes) END, max(s.sublist_layers), max(s.sublist_share),
    min(s.calibrated), min(s.calibration_queries), string_agg(p.relid::regclass || ': ' || s.advice, '; ' ORDER BY p.relid),
    max(s.crowding), max(s.maintained),
    CASE WHEN count(DISTINCT s.maintained_because) = 1 THEN min(s.maintained_because) END, sum(s.maintained_seconds)
FROM pg_partition_tree($1) p JOIN pg_class c ON c.oid = p.relid JOIN pg_index x ON x.indexrelid = p.relid, %s(p.relid) s
WHERE c.relkind = 'i' AND x.indisvalid)";
constexpr int kBefore = 2;

void check_partitioned(Oid index)
{
    Relation rel = index_open(index, AccessShareLock);
    if (!compat_class_ownercheck(index, GetUserId()))
        aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_INDEX, RelationGetRelationName(rel));
    check_is_ours(rel);
    index_close(rel, NoLock);
}

void run_query(Oid index, Oid function)
{
    Oid types[] = {REGCLASSOID};
    Datum values[] = {ObjectIdGetDatum(index)};
    const char *name =
        quote_qualified_identifier(get_namespace_name(get_func_namespace(function)), get_func_name(function));
    if (SPI_connect() != SPI_OK_CONNECT ||
        SPI_execute_with_args(psprintf(kQuery, name), 1, types, values, nullptr, true, 0) != SPI_OK_SELECT)
        elog(ERROR, "cannot sum up the parts of a partitioned index");
}

int64 count_in_column(int column)
{
    bool isnull;
    return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull));
}

void check_parts(Oid index, int64 parts, int64 foreign)
{
    if (parts == 0)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("no partition of index \"%s\" is here", get_rel_name(index)),
                 foreign > 0
                     ? errhint("The indexes of partitions that are foreign tables are on their own servers: "
                               "call the function there.")
                     : 0));
    if (foreign > 0)
        ereport(
            NOTICE,
            (errmsg_plural(INT64_FORMAT " partition is a foreign table and not counted",
                           INT64_FORMAT " partitions are foreign tables and not counted",
                           (unsigned long)foreign, foreign),
             errhint("The indexes of such partitions are on their own servers: call the function there.")));
}

// The row of the query as the function's, in `memory`.
HeapTuple result_row(TupleDesc desc, MemoryContext memory)
{
    Datum values[MaxTupleAttributeNumber];
    bool nulls[MaxTupleAttributeNumber];
    Assert(SPI_tuptable->tupdesc->natts == desc->natts + kBefore);
    for (int i = 0; i < desc->natts; i++)
        values[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1 + kBefore, &nulls[i]);
    MemoryContext old = MemoryContextSwitchTo(memory);
    HeapTuple row = heap_form_tuple(BlessTupleDesc(desc), values, nulls);
    MemoryContextSwitchTo(old);
    return row;
}

} // namespace

Datum partition_stats(Oid index, Oid function, TupleDesc desc)
{
    check_partitioned(index);
    MemoryContext memory = CurrentMemoryContext;
    const int level = NewGUCNestLevel();
    (void)set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
                            true, 0, false);
    run_query(index, function);
    check_parts(index, count_in_column(1), count_in_column(2));
    HeapTuple row = result_row(desc, memory);
    SPI_finish();
    AtEOXact_GUC(false, level);
    return HeapTupleGetDatum(row);
}

} // namespace vq::ivf
