// The only place that looks at PG_VERSION_NUM: differences between PostgreSQL 13 and 19.
// Included by pg/postgres_cpp.h after postgres.h, inside extern "C"; never include it directly.
#pragma once

#ifndef PG_VERSION_NUM
#error "include pg/postgres_cpp.h"
#endif

#if PG_VERSION_NUM < 130000
#error "vector_quant needs PostgreSQL 13 or later"
#endif

// 16 moved the varlena macros out of postgres.h.
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

// Until 19 the header of the wait events came with pgstat.h.
#if PG_VERSION_NUM >= 190000
#include "utils/wait_event.h"
#endif

// 18 lets a module name itself; shown by pg_get_loaded_modules().
#if PG_VERSION_NUM >= 180000
#define VQ_MODULE_MAGIC(module_name, module_version)                                                         \
    PG_MODULE_MAGIC_EXT(.name = module_name, .version = module_version)
#else
#define VQ_MODULE_MAGIC(module_name, module_version) PG_MODULE_MAGIC
#endif

// Reuse of deleted pages: the visibility test came in 14; the record's fields were renamed in 16. Macros, so
// that only the file that uses them needs the headers.
#if PG_VERSION_NUM >= 140000
#define compat_xid_removable(heap, fxid) GlobalVisCheckRemovableFullXid(heap, fxid)
#else
#define compat_xid_removable(heap, fxid)                                                                     \
    ((void)(heap), TransactionIdPrecedes(XidFromFullTransactionId(fxid), RecentGlobalXmin))
#endif
// No snapshot, but those of other VACUUMs, is older. The caller includes storage/procarray.h.
#if PG_VERSION_NUM >= 140000
#define compat_oldest_xid(heap) GetOldestNonRemovableTransactionId(heap)
#else
#define compat_oldest_xid(heap) GetOldestXmin(heap, PROCARRAY_FLAGS_VACUUM)
#endif
// The latest xid whose snapshots miss a dead row that is left out. The caller includes access/heapam_xlog.h.
#if PG_VERSION_NUM >= 160000
#define compat_advance_horizon(tuple, xid) HeapTupleHeaderAdvanceConflictHorizon(tuple, xid)
#else
#define compat_advance_horizon(tuple, xid) HeapTupleHeaderAdvanceLatestRemovedXid(tuple, xid)
#endif
#if PG_VERSION_NUM >= 160000
#define compat_fill_reuse_record(record, index, heap, blk, fxid)                                             \
    ((record).locator = (index)->rd_locator, (record).block = (blk),                                         \
     (record).snapshotConflictHorizon = (fxid),                                                              \
     (record).isCatalogRel = RelationIsAccessibleInLogicalDecoding(heap))
#elif PG_VERSION_NUM >= 140000
#define compat_fill_reuse_record(record, index, heap, blk, fxid)                                             \
    ((void)(heap), (record).node = (index)->rd_node, (record).block = (blk),                                 \
     (record).latestRemovedFullXid = (fxid))
#else
#define compat_fill_reuse_record(record, index, heap, blk, fxid)                                             \
    ((void)(heap), (record).node = (index)->rd_node, (record).block = (blk),                                 \
     (record).latestRemovedXid = XidFromFullTransactionId(fxid))
#endif

// Pins the buffer if it holds that block of the relation's main fork: since 14. The caller includes storage/bufmgr.h and utils/rel.h.
#if PG_VERSION_NUM >= 160000
#define compat_read_recent_buffer(rel, block, buf)                                                           \
    ReadRecentBuffer((rel)->rd_locator, MAIN_FORKNUM, block, buf)
#elif PG_VERSION_NUM >= 140000
#define compat_read_recent_buffer(rel, block, buf) ReadRecentBuffer((rel)->rd_node, MAIN_FORKNUM, block, buf)
#else
#define compat_read_recent_buffer(rel, block, buf) ((void)(rel), (void)(block), (void)(buf), false)
#endif

// 19 made an enumeration of the ways to lock a buffer. Its header is storage/bufmgr.h.
#if PG_VERSION_NUM < 190000
typedef int BufferLockMode;
#endif

// Scans of tables take flags from 19 on. The caller includes access/tableam.h.
#if PG_VERSION_NUM >= 190000
#define compat_table_index_fetch_begin(table) table_index_fetch_begin(table, SO_NONE)
#define compat_table_beginscan(table, snap) table_beginscan(table, snap, 0, nullptr, SO_NONE)
#define compat_table_beginscan_parallel(table, scan) table_beginscan_parallel(table, scan, SO_NONE)
#else
#define compat_table_index_fetch_begin(table) table_index_fetch_begin(table)
#define compat_table_beginscan(table, snap) table_beginscan(table, snap, 0, nullptr)
#define compat_table_beginscan_parallel(table, scan) table_beginscan_parallel(table, scan)
#endif

// 19 computes the columns' offsets once, after the last TupleDescInitEntry; tuples of a descriptor without them can't be read. The caller
// includes access/tupdesc.h.
#if PG_VERSION_NUM >= 190000
#define compat_tuple_desc_finalize(desc) TupleDescFinalize(desc)
#else
#define compat_tuple_desc_finalize(desc) ((void)(desc))
#endif

// Whether a table's options, or settings, let VACUUM truncate its files. The caller includes utils/rel.h and commands/vacuum.h.
#if PG_VERSION_NUM >= 190000
#define compat_vacuum_truncates(table)                                                                       \
    ((table)->rd_options && ((StdRdOptions *)(table)->rd_options)->vacuum_truncate != PG_TERNARY_UNSET       \
         ? ((StdRdOptions *)(table)->rd_options)->vacuum_truncate == PG_TERNARY_TRUE                         \
         : vacuum_truncate)
#elif PG_VERSION_NUM >= 180000
#define compat_vacuum_truncates(table)                                                                       \
    ((table)->rd_options && ((StdRdOptions *)(table)->rd_options)->vacuum_truncate_set                       \
         ? ((StdRdOptions *)(table)->rd_options)->vacuum_truncate                                            \
         : vacuum_truncate)
#else
#define compat_vacuum_truncates(table)                                                                       \
    ((table)->rd_options == nullptr || ((StdRdOptions *)(table)->rd_options)->vacuum_truncate)
#endif

// 14 tells an insert whether the update it belongs to left the indexed columns alone.
#if PG_VERSION_NUM >= 140000
#define compat_aminsert(insert) insert
#else
#define compat_aminsert(insert)                                                                              \
    [](Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap, IndexUniqueCheck check,  \
       IndexInfo *info) { return insert(index, values, isnull, tid, heap, check, false, info); }
#endif

// Whether this is a VACUUM, whose xid, should it have one, no snapshot counts as running. The caller includes storage/proc.h.
#if PG_VERSION_NUM >= 140000
#define compat_in_vacuum() ((MyProc->statusFlags & PROC_IN_VACUUM) != 0)
#else
#define compat_in_vacuum() ((MyPgXact->vacuumFlags & PROC_IN_VACUUM) != 0)
#endif

#if PG_VERSION_NUM >= 180000
#define compat_vacuum_delay_point() vacuum_delay_point(false)
#else
#define compat_vacuum_delay_point() vacuum_delay_point()
#endif

// Whether this is a process of autovacuum. The caller includes miscadmin.h and postmaster/autovacuum.h.
#if PG_VERSION_NUM >= 170000
#define compat_is_autovacuum() AmAutoVacuumWorkerProcess()
#else
#define compat_is_autovacuum() IsAutoVacuumWorkerProcess()
#endif

#if PG_VERSION_NUM >= 180000
#define compat_disable_path(index_path) ((index_path)->path.disabled_nodes = 2)
#else
#define compat_disable_path(index_path) ((void)(index_path))
#endif

// What a check hook leaves in *extra is freed by PostgreSQL with the allocator of its version.
#if PG_VERSION_NUM >= 160000
#define compat_guc_malloc(size) guc_malloc(LOG, size)
#else
#define compat_guc_malloc(size) malloc(size)
#endif

#if PG_VERSION_NUM >= 150000
#define compat_reserve_prefix(prefix) MarkGUCPrefixReserved(prefix)
#else
#define compat_reserve_prefix(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

// Ownership of a relation; the caller includes utils/acl.h and catalog/pg_class.h.
#if PG_VERSION_NUM >= 160000
#define compat_class_ownercheck(relation, user) object_ownercheck(RelationRelationId, relation, user)
#else
#define compat_class_ownercheck(relation, user) pg_class_ownercheck(relation, user)
#endif

// A sorted datum, of a type passed by value; false at the end.
#if PG_VERSION_NUM >= 160000
#define compat_tuplesort_getdatum(sort, value, isnull)                                                       \
    tuplesort_getdatum(sort, true, false, value, isnull, nullptr)
#else
#define compat_tuplesort_getdatum(sort, value, isnull) tuplesort_getdatum(sort, true, value, isnull, nullptr)
#endif

// Before expressions of an index run: from 17 on maintenance looks names up in pg_catalog only.
#if PG_VERSION_NUM >= 170000
#define compat_restrict_search_path() RestrictSearchPath()
#else
#define compat_restrict_search_path() ((void)0)
#endif

// 18 shows in EXPLAIN ANALYZE how often an index was searched.
#if PG_VERSION_NUM >= 180000
#define compat_count_search(scan) ((scan)->instrument ? (void)(scan)->instrument->nsearches++ : (void)0)
#else
#define compat_count_search(scan) ((void)(scan))
#endif

// TOAST: the snapshot became a function's result in 18, where index_beginscan also takes instrumentation; 19 adds flags.
#if PG_VERSION_NUM >= 180000
#define compat_init_toast_snapshot(snap) ((snap) = *get_toast_snapshot())
#else
#define compat_init_toast_snapshot(snap) init_toast_snapshot(&(snap))
#endif
#if PG_VERSION_NUM >= 190000
#define compat_index_beginscan(table, index, snap, nkeys, norderbys)                                         \
    index_beginscan(table, index, snap, nullptr, nkeys, norderbys, SO_NONE)
#elif PG_VERSION_NUM >= 180000
#define compat_index_beginscan(table, index, snap, nkeys, norderbys)                                         \
    index_beginscan(table, index, snap, nullptr, nkeys, norderbys)
#else
#define compat_index_beginscan(table, index, snap, nkeys, norderbys)                                         \
    index_beginscan(table, index, snap, nkeys, norderbys)
#endif

// 17 reads ahead in large pieces; 18 wants to be told that a stream's callback may be asked for many blocks at once.
#if PG_VERSION_NUM >= 170000
#define COMPAT_READ_STREAM 1
#else
#define COMPAT_READ_STREAM 0
#endif
#if PG_VERSION_NUM >= 180000
#define COMPAT_READ_STREAM_FLAGS (READ_STREAM_FULL | READ_STREAM_USE_BATCHING)
#else
#define COMPAT_READ_STREAM_FLAGS READ_STREAM_FULL
#endif

// 17 tells an index when the statement that inserted into it is over.
#if PG_VERSION_NUM >= 170000
#define compat_set_insert_cleanup(routine, callback) ((void)((routine)->aminsertcleanup = (callback)))
#else
#define compat_set_insert_cleanup(routine, callback) ((void)(routine), (void)(callback))
#endif

// 18 asks any access method for the height of its index, for amcostestimate.
#if PG_VERSION_NUM >= 180000
#define compat_set_tree_height(routine, callback) ((void)((routine)->amgettreeheight = (callback)))
#else
#define compat_set_tree_height(routine, callback) ((void)(routine), (void)(callback))
#endif

// 18 lets a module add lines to a node of EXPLAIN.
#if PG_VERSION_NUM >= 180000
#define COMPAT_EXPLAIN_HOOK 1
#else
#define COMPAT_EXPLAIN_HOOK 0
#endif

// Walks the states of a plan, bool walker(PlanState *, void *), and an expression or what the parser makes of a text, bool walker(Node *, void *). Up to 15 the walker is
// declared without parameters, which C++ takes for none. The caller includes nodes/nodeFuncs.h.
#if PG_VERSION_NUM >= 160000
#define compat_planstate_walk(state, walker, arg) planstate_tree_walker(state, walker, arg)
#define compat_expression_walk(node, walker, arg) expression_tree_walker(node, walker, arg)
#define compat_raw_walk(node, walker, arg) raw_expression_tree_walker(node, walker, arg)
#else
#define compat_walker(walker) reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(walker))
#define compat_planstate_walk(state, walker, arg) planstate_tree_walker(state, compat_walker(walker), arg)
#define compat_expression_walk(node, walker, arg) expression_tree_walker(node, compat_walker(walker), arg)
#define compat_raw_walk(node, walker, arg) raw_expression_tree_walker(node, compat_walker(walker), arg)
#endif

// Workers of an index build: from 17 on PostgreSQL plans them itself for access methods that say so; before, the caller does,
// and includes its header.
#if PG_VERSION_NUM >= 170000
#define compat_set_parallel_build(routine) ((routine)->amcanbuildparallel = true)
#define compat_build_workers(info, heap, index) ((void)(heap), (void)(index), (info)->ii_ParallelWorkers)
#else
#define compat_set_parallel_build(routine) ((void)(routine))
#define compat_build_workers(info, heap, index)                                                              \
    ((void)(info), plan_create_index_workers(RelationGetRelid(heap), RelationGetRelid(index)))
#endif

// What this backend reports of itself, to read; null up to 13, which does not show it. The caller includes pgstat.h.
#if PG_VERSION_NUM >= 140000
#define compat_own_status() MyBEEntry
#else
#define compat_own_status() ((PgBackendStatus *)nullptr)
#endif

// The command whose progress this backend reports; the caller includes pgstat.h and miscadmin.h. Up to 13 a backend's own entry
// is seen only as others see it, as of the transaction's first look.
#if PG_VERSION_NUM >= 140000
#define compat_progress_command() (MyBEEntry ? MyBEEntry->st_progress_command : PROGRESS_COMMAND_INVALID)
#else
#define compat_progress_command()                                                                            \
    [] {                                                                                                     \
        for (int i = pgstat_fetch_stat_numbackends(); i > 0; i--)                                            \
            if (const PgBackendStatus *entry = pgstat_fetch_stat_beentry(i); entry->st_procpid == MyProcPid) \
                return entry->st_progress_command;                                                           \
        return PROGRESS_COMMAND_INVALID;                                                                     \
    }()
#endif
