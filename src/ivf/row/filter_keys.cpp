#include "ivf/row/filter_keys.h"

#include "ivf/row/opclass.h"

extern "C" {
#include "access/genam.h"
#include "utils/lsyscache.h"
}

namespace vq::ivf {

void key_maker_open(KeyMaker *m, Relation rel)
{
    m->rel = rel;
    m->columns = (uint32_t)IndexRelationGetNumberOfKeyAttributes(rel) - 1;
    for (uint32_t c = 0; c < m->columns; c++) {
        fmgr_info_copy(&m->functions[c], index_getprocinfo(rel, (AttrNumber)(c + 2), kKeyProc),
                       CurrentMemoryContext);
        m->collations[c] = rel->rd_indcollation[c + 1];
    }
}

static uint64_t call(FmgrInfo *function, Oid collation, Datum value)
{
    return (uint64_t)DatumGetInt64(FunctionCall1Coll(function, collation, value));
}

FilterKeys make_keys(KeyMaker *m, const Datum *values, const bool *nulls)
{
    FilterKeys keys;
    for (uint32_t c = 0; c < m->columns; c++)
        keys.key[c] = nulls[c + 1] ? kNullKey : call(&m->functions[c], m->collations[c], values[c + 1]);
    return keys;
}

KeyKind key_kind(Relation rel, uint32_t column)
{
    FmgrInfo *function = index_getprocinfo(rel, (AttrNumber)(column + 2), kKeyKindProc);
    return (KeyKind)DatumGetInt32(FunctionCall1(function, (Datum)0));
}

uint64_t key_of_value(Relation rel, uint32_t column, Oid type, Datum value)
{
    const Oid own = rel->rd_opcintype[column + 1], collation = rel->rd_indcollation[column + 1];
    if (!OidIsValid(type) || type == own)
        return call(index_getprocinfo(rel, (AttrNumber)(column + 2), kKeyProc), collation, value);
    const Oid function = get_opfamily_proc(rel->rd_opfamily[column + 1], type, type, kKeyProc);
    // Polymorphic classes (enums, arrays) have the functions of their own type alone.
    if (!OidIsValid(function))
        return call(index_getprocinfo(rel, (AttrNumber)(column + 2), kKeyProc), collation, value);
    return (uint64_t)DatumGetInt64(OidFunctionCall1Coll(function, collation, value));
}

} // namespace vq::ivf
