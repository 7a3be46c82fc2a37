// Module load: one call per process, before any function of the library runs.
#include "am/access_methods.h"
#include "ivf/inspect/explain.h"
#include "ivf/scan/discard.h"
#include "ivf/scan/executor_filter.h"
#include "ivf/store/index.h"
#include "ivf/store/page_offers.h"
#include "ivf/write/truncate.h"
#include "ivf/api/settings.h"
#include "pg/version.h"

extern "C" {
VQ_MODULE_MAGIC("vector_quant", VQ_VERSION);
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
    vq::pg::require_library_not_older(); // before anything is registered: a library refused is loaded again
    keep_freed_memory();
    vq::ivf::define_library_settings();
    vq::init_ivf_rabitq();
    vq::init_scann();
    vq::init_wrvq();
    vq::ivf::init_index_cache();
    vq::ivf::init_page_offers();
    vq::ivf::init_truncation();
    vq::ivf::init_explain();
    vq::ivf::init_executor_filter();
    vq::ivf::init_discard();
}
