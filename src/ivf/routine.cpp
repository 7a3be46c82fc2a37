// Puts the engine's callbacks together, and finds the access method of an index again.
#include "ivf/callbacks.h"
#include "ivf/opclass.h"

extern "C" {
#include "commands/vacuum.h"
}

namespace vq::ivf {

static const AccessMethod *registered[8];
static int registered_count = 0;

void register_access_method(const AccessMethod *am)
{
    registered[registered_count++] = am;
}

const AccessMethod *access_method(Relation index)
{
    for (int i = 0; i < registered_count; i++)
        if (index->rd_indam->amoptions == registered[i]->parse_options)
            return registered[i];
    elog(ERROR, "\"%s\" is not an index of this extension", RelationGetRelationName(index));
    pg_unreachable();
}

IndexAmRoutine *make_routine(const AccessMethod *am)
{
    IndexAmRoutine *r = makeNode(IndexAmRoutine);
    r->amsupport = kSupportProcs;
    r->amcanorderbyop = true;
    r->amoptionalkey = true; // or no path without a WHERE clause would be made
    r->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;
    compat_set_parallel_build(r);
    r->amkeytype = InvalidOid;
    r->ambuild = build;
    r->ambuildempty = build_empty;
    r->aminsert = compat_aminsert(insert);
    r->ambulkdelete = bulk_delete;
    r->amvacuumcleanup = vacuum_cleanup;
    r->amcostestimate = estimate_cost;
    r->amoptions = am->parse_options;
    r->amproperty = property;
    r->ambuildphasename = build_phase_name;
    r->amvalidate = validate;
    r->ambeginscan = begin_scan;
    r->amrescan = rescan;
    r->amgettuple = get_tuple;
    r->amendscan = end_scan;
    compat_set_insert_cleanup(r, insert_cleanup);
    compat_set_tree_height(r, tree_height);
    return r;
}

} // namespace vq::ivf
