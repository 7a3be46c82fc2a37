// Module load: one call per process, before any function of the library runs.
#include "simd/kernels.h"
#include "pg/postgres_cpp.h"

extern "C" {
VQ_MODULE_MAGIC("vector_quant", "1.0.0");
PGDLLEXPORT void _PG_init(void);
}

void _PG_init(void)
{
    vq::simd::select_level("auto");
}
