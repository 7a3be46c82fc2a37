// Where the types are pgvector's, our extension depends on that extension and says so in the catalog. `requires` in the control
// file cannot: it holds for every database. Dependencies of members alone (operator classes on types) are not looked at
// by who creates extensions on another server, in the order of the extensions' dependencies.
#include "pg/postgres_cpp.h"

extern "C" {
#include "catalog/dependency.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
}

// Called by install and upgrade scripts.
VQ_FUNCTION(vq_depend_on_pgvector)
{
    (void)fcinfo;
    if (!creating_extension)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("only the script of an extension can record what it depends on")));
    const Oid pgvector = get_extension_oid("vector", true);
    if (OidIsValid(pgvector)) {
        ObjectAddress own, other;
        ObjectAddressSet(own, ExtensionRelationId, CurrentExtensionObject);
        ObjectAddressSet(other, ExtensionRelationId, pgvector);
        recordDependencyOn(&own, &other, DEPENDENCY_NORMAL);
    }
    PG_RETURN_VOID();
}
