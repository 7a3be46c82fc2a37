#include "ivf/inspect/inspect.h"

#include "ivf/build/build.h"
#include "pg/elsewhere.h"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"
}

namespace vq::ivf {

TupleDesc result_row_type(FunctionCallInfo fcinfo)
{
    TupleDesc desc;
    if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    return desc;
}

ResultRows begin_rows(FunctionCallInfo fcinfo)
{
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    if (result == nullptr || !IsA(result, ReturnSetInfo) || !(result->allowedModes & SFRM_Materialize))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("set-valued function called in context that cannot accept a set"),
                        errhint("Call it in FROM.")));
    ResultRows out;
    MemoryContext old = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
    out.desc = result_row_type(fcinfo);
    out.store = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
    MemoryContextSwitchTo(old);
    result->returnMode = SFRM_Materialize;
    result->setResult = out.store;
    result->setDesc = out.desc;
    return out;
}

// Every access method of the engine has the engine's build callback.
bool is_ours(Relation index)
{
    return index->rd_indam->ambuild == build;
}

static constexpr const char *kWhichIndexes =
    "Function vector_quant_indexes() lists the indexes of this extension.";

void check_is_ours(Relation index)
{
    if (!is_ours(index))
        ereport(ERROR,
                (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                 errmsg("\"%s\" is not an index of vector_quant", RelationGetRelationName(index)),
                 errdetail("It is an index of access method \"%s\".", get_am_name(index->rd_rel->relam)),
                 errhint("%s", kWhichIndexes)));
}

const char *qualified_name(Oid rel)
{
    return quote_qualified_identifier(get_namespace_name(get_rel_namespace(rel)), get_rel_name(rel));
}

const char *shards_query(Oid table)
{
    return psprintf(
        "SELECT * FROM run_command_on_shards(%s, $$SELECT json_agg(s) FROM vector_quant_indexes() i, "
        "vector_quant_index_stats(i.index) s WHERE i.\"table\" = '%%s'::regclass$$)",
        quote_literal_cstr(qualified_name(table)));
}

namespace {

[[noreturn]] void missing(Oid index)
{
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("index with OID %u does not exist", index),
                    errhint("%s", kWhichIndexes)));
    pg_unreachable();
}

// What can be said without a lock, before one is taken.
void check_target(Oid index)
{
    const char kind = get_rel_relkind(index);
    const char *name = get_rel_name(index);
    if (kind == '\0' || name == nullptr)
        missing(index);
    if (kind == RELKIND_PARTITIONED_INDEX)
        ereport(ERROR,
                (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is a partitioned index", name),
                 errdetail("Its rows are in the indexes of its partitions."),
                 errhint("Call the function for those: SELECT relid FROM pg_partition_tree(%s) WHERE isleaf.",
                         quote_literal_cstr(qualified_name(index)))));
    if (kind != RELKIND_INDEX)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not an index", name),
                        errhint("%s", kWhichIndexes)));
    if (!compat_class_ownercheck(index, GetUserId()))
        aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_INDEX, name);
}

void check_opened(Relation rel)
{
    const char *name = RelationGetRelationName(rel);
    check_is_ours(rel);
    if (RELATION_IS_OTHER_TEMP(rel))
        ereport(
            ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
             errmsg("cannot access temporary indexes of other sessions"),
             errhint("Its pages are in the memory of the session that made it: call the function there.")));
    if (!rel->rd_index->indisvalid)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("index \"%s\" is not valid", name), errhint("Please REINDEX it.")));
    if (rel->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED && RecoveryInProgress())
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("cannot access unlogged index \"%s\" during recovery", name)));
}

void check_has_rows_here(Relation heap, Relation rel)
{
    if (pg::is_distributed(RelationGetRelid(heap)))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("rows of index \"%s\" are not here", RelationGetRelationName(rel)),
                        errdetail("Citus has distributed its table: the rows are in indexes of the shards."),
                        errhint("Call the function at the shards, as in: %s",
                                shards_query(RelationGetRelid(heap)))));
}

} // namespace

Inspected inspect_open(Oid index, LOCKMODE heap_lock, bool empty_shells)
{
    check_target(index);
    // Table before index, as everybody locks them. Either may be gone once the lock is ours.
    const Oid owner_table = IndexGetRelation(index, true);
    Relation heap = OidIsValid(owner_table) ? try_relation_open(owner_table, heap_lock) : nullptr;
    Relation rel = heap ? try_relation_open(index, AccessShareLock) : nullptr;
    if (rel == nullptr || rel->rd_rel->relkind != RELKIND_INDEX ||
        rel->rd_index->indrelid != RelationGetRelid(heap))
        missing(index);
    check_opened(rel);
    if (!empty_shells)
        check_has_rows_here(heap, rel);

    Inspected target = {};
    target.heap = heap;
    target.rel = rel;
    target.heap_lock = heap_lock;
    GetUserIdAndSecContext(&target.user, &target.security);
    SetUserIdAndSecContext(heap->rd_rel->relowner, target.security | SECURITY_RESTRICTED_OPERATION);
    target.guc_level = NewGUCNestLevel();
    compat_restrict_search_path();
    target.memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant inspection", ALLOCSET_DEFAULT_SIZES);
    target.outer = MemoryContextSwitchTo(target.memory);
    return target;
}

void inspect_close(const Inspected &target)
{
    MemoryContextSwitchTo(target.outer);
    MemoryContextDelete(target.memory);
    AtEOXact_GUC(false, target.guc_level);
    SetUserIdAndSecContext(target.user, target.security);
    relation_close(target.rel, AccessShareLock);
    relation_close(target.heap, target.heap_lock);
}

Datum inspect_return(const Inspected &target, TupleDesc desc, const Datum *values, const bool *nulls)
{
    MemoryContextSwitchTo(target.outer);
    HeapTuple row =
        heap_form_tuple(BlessTupleDesc(desc), const_cast<Datum *>(values), const_cast<bool *>(nulls));
    inspect_close(target);
    return HeapTupleGetDatum(row);
}

Snapshot inspect_snapshot(Relation rel)
{
    Snapshot snapshot = RegisterSnapshot(GetTransactionSnapshot());
    if (IsolationUsesXactSnapshot() && rel->rd_index->indcheckxmin &&
        !TransactionIdPrecedes(HeapTupleHeaderGetXmin(rel->rd_indextuple->t_data), snapshot->xmin))
        ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                        errmsg("index \"%s\" cannot be verified using transaction snapshot",
                               RelationGetRelationName(rel)),
                        errhint("Begin a new transaction.")));
    return snapshot;
}

} // namespace vq::ivf
