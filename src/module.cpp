// Module load: one call per process, before any function of the library runs.
#include "am/access_methods.h"
#include "ivf/index.h"
#include "ivf/settings.h"
#include "pg/postgres_cpp.h"

extern "C" {
VQ_MODULE_MAGIC("vector_quant", "1.0.0");
PGDLLEXPORT void _PG_init(void);
}

// A scan takes some 100 kB and gives them back at its end. glibc returns that much to the system at once, and
// the next scan pays for every page of it again (a tenth of a short query). Freeing one larger block raises
// its thresholds: mallopt(3), M_MMAP_THRESHOLD.
static void keep_freed_memory()
{
    void *volatile block = malloc(1024 * 1024); // volatile: or the compiler drops the pair
    free(block);
}

void _PG_init(void)
{
    keep_freed_memory();
    vq::ivf::define_common_settings();
    vq::init_ivf_rabitq();
    vq::init_scann();
    vq::init_wrvq();
    vq::ivf::init_index_cache();
}
