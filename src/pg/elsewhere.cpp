#include "pg/elsewhere.h"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_namespace.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

namespace vq::pg {

// By its catalog, which has a row for each such table, on every node that knows of it; shards have none.
bool is_distributed(Oid table)
{
    const Oid catalog = get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE);
    const AttrNumber column =
        OidIsValid(catalog) ? get_attnum(catalog, "logicalrelid") : (AttrNumber)InvalidAttrNumber;
    if (column == InvalidAttrNumber)
        return false;
    Relation rel = table_open(catalog, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(table));
    SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, nullptr, 1, &key);
    const bool found = systable_getnext(scan) != nullptr;
    systable_endscan(scan);
    table_close(rel, AccessShareLock);
    return found;
}

} // namespace vq::pg
