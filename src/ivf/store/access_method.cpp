#include "ivf/store/access_method.h"

namespace vq::ivf {

static const AccessMethod *registered[8];
static int registered_count = 0;

void register_access_method(const AccessMethod *am)
{
    registered[registered_count++] = am;
}

const AccessMethod *access_method_named(const char *name)
{
    for (int i = 0; i < registered_count; i++)
        if (strcmp(registered[i]->name, name) == 0)
            return registered[i];
    return nullptr;
}

const AccessMethod *access_method(Relation index)
{
    for (int i = 0; i < registered_count; i++)
        if (index->rd_indam->amoptions == registered[i]->parse_options)
            return registered[i];
    elog(ERROR, "\"%s\" is not an index of this extension", RelationGetRelationName(index));
    pg_unreachable();
}

const IndexOptions *copy_options(Relation index)
{
    if (index->rd_options == nullptr)
        return (const IndexOptions *)access_method(index)->parse_options(
            (Datum)0, false); // no WITH clause: all defaults
    void *copy = palloc(VARSIZE(index->rd_options));
    memcpy(copy, index->rd_options, VARSIZE(index->rd_options));
    return (const IndexOptions *)copy;
}

} // namespace vq::ivf
