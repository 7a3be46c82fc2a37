#include "ivf/store/access_method.h"

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

} // namespace vq::ivf
