// Module load: one call per process, before any function of the library runs.
#include "am/access_methods.h"
#include "ivf/index.h"
#include "ivf/settings.h"
#include "pg/postgres_cpp.h"

extern "C" {
VQ_MODULE_MAGIC("vector_quant", "1.0.0");
PGDLLEXPORT void _PG_init(void);
}

void _PG_init(void)
{
    vq::ivf::define_common_settings();
    vq::init_ivf_rabitq();
    vq::ivf::init_index_cache();
}
