// Puts the engine's callbacks together.
#include "ivf/api/routine.h"

#include "ivf/api/validate.h"
#include "ivf/build/build.h"
#include "ivf/build/build_phase.h"
#include "ivf/scan/cost.h"
#include "ivf/scan/ordered_scan.h"
#include "ivf/write/insert.h"
#include "ivf/upkeep/cleanup.h"
#include "ivf/write/bulk_delete.h"
#include "ivf/row/opclass.h"

extern "C" {
#include "commands/vacuum.h"
}

namespace vq::ivf {

void init_access_method(const AccessMethod *am, AmSettings *settings)
{
    define_settings(settings, am->name);
    register_access_method(am);
}

IndexAmRoutine *make_routine(const AccessMethod *am)
{
    IndexAmRoutine *r = makeNode(IndexAmRoutine);
    r->amsupport = kSupportProcs;
    r->amcanorderbyop = true;
    r->amcanmulticol = true;
    r->amsearcharray = true;
    r->amsearchnulls = true;
    r->amoptionalkey = true; // or no path without a WHERE clause would be made
    // A VACUUM with parallel workers can neither use up xids nor catch errors (upkeep/attempt.h), and dead rows of so small an index are found
    // in no time: a table whose only other index is its primary key gets none for our sake.
    r->amparallelvacuumoptions = VACUUM_OPTION_NO_PARALLEL;
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
