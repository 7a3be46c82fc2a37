// amvalidate: does an operator class hold together; amproperty: what the index can do.
#include "ivf/api/validate.h"
#include "ivf/row/opclass.h"

extern "C" {
#include "access/amvalidate.h"
#include "access/htup_details.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type_d.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
}

namespace vq::ivf {

namespace {

struct Opclass
{
    Oid family;
    Oid input_type;
    NameData name;
};

Opclass read_opclass(Oid oid)
{
    HeapTuple tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(oid));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for operator class %u", oid);
    const Form_pg_opclass form = (Form_pg_opclass)GETSTRUCT(tuple);
    Opclass result = {form->opcfamily, form->opcintype, form->opcname};
    ReleaseSysCache(tuple);
    return result;
}

bool complain(const Opclass &c, const char *what)
{
    ereport(INFO, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                   errmsg("operator class \"%s\": %s", NameStr(c.name), what)));
    return false;
}

// Exactly one operator, strategy 1, ordering by a float8 distance of two values of the type.
bool operators_valid(const Opclass &c)
{
    CatCList *list = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(c.family));
    bool valid = true;
    int found = 0;
    for (int i = 0; i < list->n_members; i++) {
        const Form_pg_amop op = (Form_pg_amop)GETSTRUCT(&list->members[i]->tuple);
        if (op->amopstrategy != 1)
            valid = complain(c, "operators other than strategy 1");
        else if (op->amoppurpose != AMOP_ORDER)
            valid = complain(c, "operator is not FOR ORDER BY");
        else if (!check_amop_signature(op->amopopr, FLOAT8OID, op->amoplefttype, op->amoprighttype))
            valid = complain(c, "operator has a wrong signature");
        found += op->amoplefttype == c.input_type && op->amoprighttype == c.input_type;
    }
    ReleaseCatCacheList(list);
    return found == 1 ? valid : complain(c, "needs exactly one operator on its type");
}

// Exactly one support function 1, which says the metric, and one 2, which says what the type's values hold.
bool procs_valid(const Opclass &c)
{
    CatCList *list = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(c.family));
    bool valid = true;
    int found[kSupportProcs + 1] = {};
    for (int i = 0; i < list->n_members; i++) {
        const Form_pg_amproc proc = (Form_pg_amproc)GETSTRUCT(&list->members[i]->tuple);
        if (proc->amprocnum != kMetricProc && proc->amprocnum != kElementProc)
            valid = complain(c, "support functions other than numbers 1 and 2");
        else if (!check_amproc_signature(proc->amproc, INTERNALOID, true, 1, 1, INTERNALOID))
            valid = complain(c, "support function has a wrong signature");
        else
            found[proc->amprocnum] +=
                proc->amproclefttype == c.input_type && proc->amprocrighttype == c.input_type;
    }
    ReleaseCatCacheList(list);
    if (found[kMetricProc] != 1 || found[kElementProc] != 1)
        return complain(c, "needs support functions 1 and 2 on its type");
    return valid;
}

// Of a filter column: operators of known strategies that search, one on the type itself at least.
bool filter_operators_valid(const Opclass &c)
{
    CatCList *list = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(c.family));
    bool valid = true;
    for (int i = 0; i < list->n_members; i++) {
        const Form_pg_amop op = (Form_pg_amop)GETSTRUCT(&list->members[i]->tuple);
        if (op->amopstrategy < 1 || op->amopstrategy > kStrategies)
            valid = complain(c, "operators other than strategies 1 to 7");
        else if (op->amoppurpose != AMOP_SEARCH)
            valid = complain(c, "operator of a filter column is FOR ORDER BY");
        else if (!check_amop_signature(op->amopopr, BOOLOID, op->amoplefttype, op->amoprighttype))
            valid = complain(c, "operator has a wrong signature");
    }
    if (list->n_members == 0)
        valid = complain(c, "needs an operator");
    ReleaseCatCacheList(list);
    return valid;
}

// Exactly one support function 3, which makes a value's key, and one 4, which says what keys tell.
bool filter_procs_valid(const Opclass &c)
{
    CatCList *list = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(c.family));
    bool valid = true;
    int found[kSupportProcs + 1] = {};
    for (int i = 0; i < list->n_members; i++) {
        const Form_pg_amproc proc = (Form_pg_amproc)GETSTRUCT(&list->members[i]->tuple);
        const bool key = proc->amprocnum == kKeyProc;
        if (!key && proc->amprocnum != kKeyKindProc)
            valid = complain(c, "support functions other than numbers 3 and 4");
        else if (!check_amproc_signature(proc->amproc, key ? INT8OID : INTERNALOID, false, 1, 1,
                                         key ? proc->amproclefttype : INTERNALOID))
            valid = complain(c, "support function has a wrong signature");
        else
            found[proc->amprocnum] +=
                proc->amproclefttype == c.input_type && proc->amprocrighttype == c.input_type;
    }
    ReleaseCatCacheList(list);
    if (found[kKeyProc] != 1 || found[kKeyKindProc] != 1)
        return complain(c, "needs support functions 3 and 4 on its type");
    return valid;
}

// What orders is a vector's, what searches a filter column's.
bool is_filter(const Opclass &c)
{
    return OidIsValid(get_opfamily_proc(c.family, c.input_type, c.input_type, kKeyProc)) ||
           OidIsValid(get_opfamily_proc(c.family, c.input_type, c.input_type, kKeyKindProc));
}

} // namespace

bool validate(Oid opclass)
{
    const Opclass c = read_opclass(opclass);
    const bool operators = is_filter(c) ? filter_operators_valid(c) : operators_valid(c);
    return (is_filter(c) ? filter_procs_valid(c) : procs_valid(c)) && operators;
}

// Only the access method can say that its distances order, of the first column alone; the rest PostgreSQL works out itself.
bool property(Oid, int attno, IndexAMProperty prop, const char *, bool *res, bool *)
{
    if (prop != AMPROP_DISTANCE_ORDERABLE || attno == 0)
        return false;
    *res = attno == 1;
    return true;
}

} // namespace vq::ivf
