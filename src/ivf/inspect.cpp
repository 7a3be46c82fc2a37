#include "ivf/inspect.h"

#include "ivf/callbacks.h"

extern "C" {
#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
}

namespace vq::ivf {

// Every access method of the engine has the engine's build callback.
bool is_ours(Relation index)
{
    return index->rd_indam->ambuild == build;
}

namespace {

// What can be said without a lock, before one is taken.
void check_target(Oid index)
{
    const char kind = get_rel_relkind(index);
    const char *name = get_rel_name(index);
    if (kind == '\0' || name == nullptr)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("index with OID %u does not exist", index)));
    if (kind == RELKIND_PARTITIONED_INDEX)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is a partitioned index", name),
                        errhint("Name the index of one partition.")));
    if (kind != RELKIND_INDEX)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not an index", name)));
    if (!compat_class_ownercheck(index, GetUserId()))
        aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_INDEX, name);
}

void check_opened(Relation rel)
{
    const char *name = RelationGetRelationName(rel);
    if (!is_ours(rel))
        ereport(ERROR,
                (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not an index of vector_quant", name),
                 errdetail("It is an index of access method \"%s\".", get_am_name(rel->rd_rel->relam))));
    if (RELATION_IS_OTHER_TEMP(rel))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot access temporary indexes of other sessions")));
    if (!rel->rd_index->indisvalid)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("index \"%s\" is not valid", name), errhint("Please REINDEX it.")));
    if (rel->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED && RecoveryInProgress())
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("cannot access unlogged index \"%s\" during recovery", name)));
}

} // namespace

Inspected inspect_open(Oid index, LOCKMODE heap_lock)
{
    check_target(index);
    const Oid heap = IndexGetRelation(index, true);
    if (heap == InvalidOid) // dropped a moment ago
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("index with OID %u does not exist", index)));
    // Table before index, as everybody locks them.
    Inspected target = {table_open(heap, heap_lock), index_open(index, AccessShareLock), heap_lock};
    if (heap != IndexGetRelation(index, false))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_TABLE),
                 errmsg("could not open parent table of index \"%s\"", RelationGetRelationName(target.rel))));
    check_opened(target.rel);
    return target;
}

void inspect_close(const Inspected &target)
{
    index_close(target.rel, AccessShareLock);
    table_close(target.heap, target.heap_lock);
}

} // namespace vq::ivf
