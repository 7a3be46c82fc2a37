// Costs from pages and codes, not from tuples: a code costs nanoseconds, a page look-up and a rerank cost
// what PostgreSQL's constants say.
#include "ivf/scan/cost.h"

#include "ivf/scan/executor_keys.h"
#include "ivf/scan/limited_rows.h"
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
// A search within a limit is priced by its time, in the units of table_costs.h, and what PostgreSQL thinks of as much time that an
// exact path takes. What it takes before the first look:
constexpr double kSearchTime = 150;

struct CostInputs
{
    double lists;
    double probed;
    double list_pages;
    double rows;
    double share; // of the probed lists' rows that are read
    VectorTimes times;
    bool has_fine;
    LimitedRows limit;
};

// passing: the share of the rows that the index's own columns let pass.
CostInputs cost_inputs(PlannerInfo *root, const IndexPath *path, double passing, MemoryContext memory)
{
    const IndexOptInfo *info = path->indexinfo;
    Relation rel = index_open(info->indexoid, NoLock);
    const Index *index = open_index(rel, memory);
    const MetaPage &meta = index->meta;
    const ScanSettings settings = access_method(rel)->settings((const IndexOptions *)rel->rd_options);
    CostInputs s;
    s.lists = meta.nlist;
    const double target = target_of(settings);
    // Ten rows of a filter's are among so many times more of all.
    const double depth = 10 / Max(passing, 10 / Max(info->tuples, 10.0));
    s.probed = usual_lists(*index, target, depth);
    if (settings.nprobe > 0)
        s.probed *= (double)settings.nprobe / Max(usual_lists(*index, target), 1u);
    s.probed = Min(s.probed, s.lists);
    s.list_pages = Max(1.0, (double)info->pages - (double)fixed_pages(meta));
    s.rows = Max(info->tuples, 1.0);
    s.share = read_share(meta, settings);
    s.times = vector_times(*index);
    s.has_fine = index->has_fine();
    s.limit = limited_rows(root, path, rel);
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

struct ExactPath
{
    double time; // table_costs.h
    double cost; // PostgreSQL's
};

// The faster one of those that there may be: a pass over the table, or another index that finds what the conditions beside the limit
// leave.
ExactPath exact_path(const RelOptInfo *rel, const CostInputs &s, double random_page, double sequential_page)
{
    const double pages = Max(1.0, (double)rel->pages), rows = Max(rel->tuples, 1.0);
    const double left = s.limit.others * rows;
    const double row = cpu_tuple_cost + 2 * cpu_operator_cost;
    const ExactPath pass = {pass_time(pages, rows) + left * s.times.in_order,
                            pages * sequential_page + rows * row};
    if (!s.limit.other_index)
        return pass;
    // Pages of a bitmap scan: the nearer to all of them, the more they are read in order.
    const double read = Min(pages, left);
    const double page = random_page - (random_page - sequential_page) * std::sqrt(read / pages);
    const ExactPath found = {pass_time(read, left) + left * s.times.in_order, read * page + left * row};
    return found.time < pass.time ? found : pass;
}

// From the first row to the last one within the limit. Where that takes longer than a third of a pass that compares all rows, such a
// pass makes the end (sweep.h).
double limited_time(const RelOptInfo *rel, const CostInputs &s, double random_page, double sequential_page)
{
    CostInputs alone = s;
    alone.limit.other_index = false;
    const double pass = exact_path(rel, alone, random_page, sequential_page).time;
    alone.limit.others = 1;
    const double third = exact_path(rel, alone, random_page, sequential_page).time / 3;
    const double looks = s.has_fine ? kFineLookTime * s.limit.looks + s.times.look * s.limit.rows
                                    : s.times.look * s.limit.looks;
    const double given_out =
        (kGivenOutTime + s.times.in_order) * s.limit.rows; // and asked about, which reads the vector
    return looks + given_out <= third ? looks + given_out : third + pass + kKeptTime * s.limit.rows;
}

void price_limited(const IndexPath *path, const CostInputs &s, double random_page, double sequential_page,
                   Cost *startup, Cost *total)
{
    const RelOptInfo *rel = path->indexinfo->rel;
    const ExactPath exact = exact_path(rel, s, random_page, sequential_page);
    const double unit = exact.cost / exact.time;
    *startup = Max(*startup, kSearchTime * unit);
    *total = *startup + limited_time(rel, s, random_page, sequential_page) * unit;
}

// Whether the planner knows how many rows are wanted: then the total cost is what it takes a share of, which is right for as many.
bool knows_how_many(const PlannerInfo *root)
{
    return root->limit_tuples > 0 || root->tuple_fraction >= 1;
}

// All rows in order, with the visits to the table: a pass over it makes the end (sweep.h), however many looks there would be. That is as long as the exact
// path to three times as long (src/README.md, "The end of a deep scan"); two is what a server behind postgres_fdw still takes the index for.
double all_rows_cost(const RelOptInfo *rel, double sequential_page)
{
    constexpr double kPasses = 2;
    const double rows = Max(rel->tuples, 2.0), sorted = Max(rel->rows, 2.0);
    const double pass = rel->pages * sequential_page + rows * (cpu_tuple_cost + 2 * cpu_operator_cost);
    return kPasses * (pass + sorted * (2 * std::log2(sorted) + 1) * cpu_operator_cost);
}

// What PostgreSQL adds to a scan's cost for its visits to the table.
double visits_cost(PlannerInfo *root, const IndexPath *path, double selectivity, double random_page)
{
    const IndexOptInfo *info = path->indexinfo;
    const double rows = clamp_row_est(selectivity * info->rel->tuples);
    return index_pages_fetched(rows, info->rel->pages, info->pages, root) * random_page +
           rows * cpu_tuple_cost;
}

// What is read of a list's rows.
struct ReadShares
{
    double codes;
    double pages;
};

// Of the lists' tiles those with a row that passes are read, and the keys of all rows.
ReadShares read_shares(double passing)
{
    if (passing >= 1)
        return {1, 1};
    constexpr double kKeyCost = 0.1;  // of a code's: to test a key
    constexpr double kKeyPages = 0.2; // of a list's pages: those with its keys
    const double tiles = 1 - std::pow(1 - passing, (double)simd::kTileRows);
    return {Min(1.0, tiles + kKeyCost), Min(1.0, tiles + kKeyPages)};
}

// The share of the rows that the index's own columns let pass.
double filter_share(PlannerInfo *root, const IndexPath *path)
{
    List *conditions =
        list_union_ptr(get_quals_from_indexclauses(path->indexclauses), executor_conditions(path->indexinfo));
    return clauselist_selectivity(root, conditions, (int)path->indexinfo->rel->relid, JOIN_INNER, nullptr);
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
    const double passing = filter_share(root, path);
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant cost", ALLOCSET_SMALL_SIZES);
    const IndexOptInfo *info = path->indexinfo;
    CostInputs s = {1, 1, Max(1.0, (double)info->pages), Max(info->tuples, 1.0), 1, kInlineTimes, false, {}};
    if (!info->hypothetical) {
        MemoryContext old = MemoryContextSwitchTo(memory);
        s = cost_inputs(root, path, passing, memory);
        MemoryContextSwitchTo(old);
    }
    MemoryContextDelete(memory);

    double random_page, sequential_page;
    get_tablespace_page_costs(info->reltablespace, &random_page, &sequential_page);
    const double share = s.probed / s.lists * s.share;
    const ReadShares read = read_shares(passing);
    const double probed_pages = Max(share * s.list_pages * read.pages, Min(s.probed, s.list_pages));
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
               + share * s.rows * read.codes * code + Min(kRerankRows, share * s.rows * passing) * rerank;
    // All rows in order: every list, and every row looked at that passes.
    *selectivity = passing;
    *total = *startup + (s.list_pages - probed_pages) * sequential_page +
             s.rows * *selectivity * kLooksPerRow * look / exact_path_underpriced(path, s.times);
    *pages = s.list_pages;
    if (!s.limit.limited) {
        const double all = *startup + all_rows_cost(info->rel, sequential_page);
        if (!knows_how_many(root) && all < *total + visits_cost(root, path, *selectivity, random_page)) {
            *total = all;
            *selectivity = 1 / s.rows; // visits to the table are in the price
        }
        return;
    }
    price_limited(path, s, random_page, sequential_page, startup, total);
    *selectivity = 1 / s.rows; // as above
    // What LIMIT takes a share of. PostgreSQL's own estimate is a third of what the other conditions leave.
    if (path->path.param_info == nullptr)
        path->path.rows = clamp_row_est(s.limit.rows * s.limit.others);
}

} // namespace vq::ivf
