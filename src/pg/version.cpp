#include "pg/version.h"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
}

namespace vq::pg {

const char kLibraryVersion[] = VQ_VERSION;

// extversion of the extension in this database, allocated; null where it is not installed.
static char *installed_version()
{
    Relation extensions = table_open(ExtensionRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
                CStringGetDatum("vector_quant"));
    SysScanDesc scan = systable_beginscan(extensions, ExtensionNameIndexId, true, nullptr, 1, &key);
    HeapTuple row = systable_getnext(scan);
    char *version = nullptr;
    if (HeapTupleIsValid(row)) {
        bool isnull;
        const Datum value =
            heap_getattr(row, Anum_pg_extension_extversion, RelationGetDescr(extensions), &isnull);
        version = isnull ? nullptr : TextDatumGetCString(value);
    }
    systable_endscan(scan);
    table_close(extensions, AccessShareLock);
    return version;
}

// The next number of a dotted version; 0 where there is none.
static long next_part(const char **version)
{
    char *end;
    const long part = strtol(*version, &end, 10);
    *version = *end == '.' ? end + 1 : "";
    return part;
}

static bool is_older(const char *a, const char *b)
{
    while (*a || *b) {
        const long x = next_part(&a), y = next_part(&b);
        if (x != y)
            return x < y;
    }
    return false;
}

void require_library_not_older()
{
    // While a session starts (session_preload_libraries) an error would lock its user out.
    if (!IsNormalProcessingMode() || !IsTransactionState())
        return;
    char *version = installed_version();
    if (!version)
        return;
    if (is_older(kLibraryVersion, version))
        ereport(
            ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("extension \"vector_quant\" version %s needs a library of that version or newer, this "
                    "session has version %s",
                    version, kLibraryVersion),
             errhint("Install the files of vector_quant %s on this server and reconnect.", version)));
    pfree(version);
}

} // namespace vq::pg

// Called by every install and upgrade script before it creates anything; a session may still have the library
// that was there before the files were replaced.
VQ_FUNCTION(vq_require_library)
{
    (void)fcinfo;
    vq::pg::require_library_not_older();
    PG_RETURN_VOID();
}
