// Costs from pages and codes, not from tuples: a code costs nanoseconds, a page look-up and a rerank cost
// what PostgreSQL's constants say.
#include "ivf/scan/cost.h"

#include "ivf/scan/probes.h"
#include "ivf/scan/table_costs.h"
#include "ivf/store/index.h"

extern "C" {
#include "utils/float.h"
#include "utils/memutils.h"
#include "access/genam.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"
}

namespace vq::ivf {

namespace {

constexpr double kCodeCost = 0.01; // of cpu_operator_cost: one code in a tile, about two nanoseconds
constexpr double kRerankRows = 60; // rows looked at exactly before the first comes out
constexpr double kDistanceCost =
    20; // of cpu_operator_cost: one exact distance. The operators' COST is less (types/type.sql.in)
// Looks of that cost for each further row, against a pass over the table: the price of a search that goes a thousand rows deep
// (bench/run.sh --only filters --k 10, 100 and 1000).
constexpr double kLooksPerRow = 30;

struct CostInputs
{
    double lists;
    double probed;
    double list_pages;
    double rows;
    double share; // of the probed lists' rows that are read
    VectorTimes times;
};

CostInputs cost_inputs(const IndexOptInfo *info, MemoryContext memory)
{
    Relation rel = index_open(info->indexoid, NoLock);
    const Index *index = open_index(rel, memory);
    const MetaPage &meta = index->meta;
    const ScanSettings settings = access_method(rel)->settings((const IndexOptions *)rel->rd_options);
    CostInputs s;
    s.lists = meta.nlist;
    const double target = settings.target_recall > 0 ? settings.target_recall : (double)kDefaultTarget;
    s.probed = settings.nprobe > 0 ? settings.nprobe : usual_lists(*index, target);
    s.probed = Min(s.probed, s.lists);
    s.list_pages = Max(1.0, (double)info->pages - (double)meta.first_list_block);
    s.rows = Max(info->tuples, 1.0);
    s.share = read_share(meta, settings);
    s.times = vector_times(*index);
    index_close(rel, NoLock);
    return s;
}

// How many times longer than PostgreSQL thinks an exact path takes: it prices a pass over the table, but hardly the distances of the
// rows that the filter leaves (COST of the operators, which is low so that postgres_fdw sends LIMIT). Prices are compared, so ours
// have to be too low by as much.
double exact_path_underpriced(const IndexPath *path, const VectorTimes &times)
{
    const RelOptInfo *rel = path->indexinfo->rel;
    const double left = path->path.param_info ? path->path.param_info->ppi_rows : rel->rows;
    return 1 + left * times.in_order / pass_time(rel->pages, Max(rel->tuples, 1.0));
}

} // namespace

// One level, the lists, above the rows.
int tree_height(Relation)
{
    return 1;
}

void estimate_cost(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup, Cost *total,
                   Selectivity *selectivity, double *correlation, double *pages)
{
    *correlation = 0;
    if (path->indexorderbys == NIL) // can only order, never filter
    {
        *startup = *total = get_float8_infinity();
        *selectivity = 0;
        *pages = 0;
        compat_disable_path(path);
        return;
    }
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant cost", ALLOCSET_SMALL_SIZES);
    const IndexOptInfo *info = path->indexinfo;
    CostInputs s = {1, 1, Max(1.0, (double)info->pages), Max(info->tuples, 1.0), 1, kInlineTimes};
    if (!info->hypothetical)
        s = cost_inputs(info, memory);
    MemoryContextDelete(memory);

    double random_page, sequential_page;
    get_tablespace_page_costs(info->reltablespace, &random_page, &sequential_page);
    const double share = s.probed / s.lists * s.share;
    const double probed_pages = Max(share * s.list_pages, Min(s.probed, s.list_pages));
    const double code = kCodeCost * cpu_operator_cost;
    const double rerank = kDistanceCost * cpu_operator_cost + cpu_index_tuple_cost;
    // Rows come in the order of distances: each is on another page of the table. Vectors out of line are not counted,
    // as PostgreSQL does not for the exact paths.
    const double table_pages = Min(1.0, info->rel->pages / Max(info->rel->tuples, 1.0));
    const double look = rerank + table_pages * random_page;
    // Repeated scans (a LATERAL join) find the index's upper parts cached.
    const double page = loop_count > 1 ? sequential_page : (random_page + sequential_page) / 2;

    *startup = cpu_operator_cost * 400                                // preparing the query
               + s.lists * code + s.probed * 2 * cpu_index_tuple_cost // ranking the lists
               + Min(probed_pages, 1000.0) * page * 0.1 +
               probed_pages * sequential_page * 0.05 // mostly in memory
               + share * s.rows * code + Min(kRerankRows, share * s.rows) * rerank;
    // All rows in order: every list, and every row looked at.
    *selectivity = 1.0;
    *total = *startup + (s.list_pages - probed_pages) * sequential_page +
             s.rows * kLooksPerRow * look / exact_path_underpriced(path, s.times);
    *pages = s.list_pages;
    (void)root;
}

} // namespace vq::ivf
