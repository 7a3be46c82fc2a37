// Rows within the limit are counted by their codes, in some of the lists: the nearest ones, and of farther ones the fewer the
// farther they are, as long as any are met.
#include "ivf/scan/limited_rows.h"

#include "ivf/row/vector_datum.h"
#include "ivf/scan/batch.h"
#include "ivf/scan/collect.h"
#include "ivf/scan/twins.h"

extern "C" {
#include "access/sysattr.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
}

namespace vq::ivf {

namespace {

// Where nothing is known before the plan runs. Thresholds are there to leave few rows; and if it is many, the search still ends
// with one pass over the table (sweep.h).
constexpr double kGuessedRows = 100, kGuessedLooks = 400;
// Where that share of the rows is within, an exact scan is the better way to have them all; and LIMIT takes the same share of the
// cost for the same share of the rows.
constexpr double kEnoughShare = 0.1;
constexpr uint32_t kNearest = 4; // lists that are all counted
// Rows that an ordinary index finds and an exact path compares in less time than counting takes.
constexpr double kFewRows = 200;
constexpr uint32_t kMostCounted = 1 << 14; // rows of the lists of a step; 900 kB
constexpr uint32_t kSampled =
    2; // lists in the middle of each further step, which is twice as long as the one before

// --- what the planner knows of expressions

struct PlannedOrder
{
    DistanceOrder order; // first: the functions get a pointer to it
    PlannerInfo *root;
    const Const *query; // null: known later, or nobody has asked
    bool asked;         // for it: that may call a function of the user's, so not without need
    bool known_later;   // something that was asked for is
};

const Const *known_value(PlannerInfo *root, Node *expression)
{
    Node *value = estimate_expression_value(root, expression);
    return IsA(value, Const) ? (const Const *)value : nullptr;
}

Known value_of(DistanceOrder *order, Node *expression, Datum *value)
{
    PlannedOrder *o = (PlannedOrder *)order;
    const Const *known = known_value(o->root, expression);
    if (known == nullptr) {
        o->known_later = true;
        return Known::No;
    }
    *value = known->constvalue;
    return known->constisnull ? Known::Null : Known::Value;
}

const Const *query_of(PlannedOrder *o)
{
    if (!o->asked)
        o->query = known_value(o->root, o->order.query);
    o->asked = true;
    return o->query;
}

// Two that nobody knows yet are taken to be equal.
Known is_query(DistanceOrder *order, Node *expression)
{
    PlannedOrder *o = (PlannedOrder *)order;
    const Const *query = query_of(o), *other = known_value(o->root, expression);
    if (query && other)
        return equal(query, other) ? Known::Value : Known::No;
    return Known::Value;
}

PlannedOrder planned_order(PlannerInfo *root, const OpExpr *order_by, double least)
{
    PlannedOrder o = {};
    o.order.value = value_of;
    o.order.is_query = is_query;
    set_distance(&o.order, order_by, least);
    o.root = root;
    return o;
}

// --- counting

ScanKeyData scan_key(const PlannedOrder &o, const OpExpr *order_by)
{
    ScanKeyData key = {};
    fmgr_info(o.order.function, &key.sk_func);
    key.sk_collation = order_by->inputcollid;
    key.sk_argument = o.query->constvalue;
    return key;
}

struct Counter
{
    Relation rel;
    const ScanQuery *query;
    double epsilon; // of a search for few rows
    Router router;
    Candidates within; // reused
};

struct Counted
{
    double rows;  // within the limit, by their codes' estimates
    double looks; // rows whose bounds are: so many a search looks at
    double deep;  // the same of a search that goes deep
};

// Of the next lists.
Counted count_lists(Counter *counter, uint32_t lists)
{
    ScanStats stats = {};
    const Batch *batch = open_batch(counter->rel, *counter->query, &counter->router, lists, &stats);
    Candidates *within = &counter->within;
    within->count = 0;
    within->error_sum = 0;
    within->error_count = 0;
    const Twins none = {};
    collect(counter->rel, *counter->query, *batch, none, within, &stats);
    // Bounds are those of a deep search.
    const double most = counter->query->limit_score, error = within->mean_error();
    const double width = (double)counter->query->epsilon * error, narrower = width - counter->epsilon * error;
    Counted counted = {};
    for (uint32_t i = 0; i < within->count; i++) {
        const double lower = within->items[i].lower;
        counted.deep += lower <= most;
        counted.looks += lower + narrower <= most;
        counted.rows += lower + width <= most;
    }
    if (within->truncated) { // so many that it does not matter
        const double all = (double)stats.codes;
        counted = {all, all, all};
        within->truncated = false;
        within->threshold = (float)counter->query->limit_score;
    }
    return counted;
}

void add(Counted *sum, const Counted &counted, double times)
{
    sum->rows += counted.rows * times;
    sum->looks += counted.looks * times;
    sum->deep += counted.deep * times;
}

// epsilon: that of a search for few rows; the query's is that of a deep one.
Counted count_within(Relation rel, const ScanQuery &query, double epsilon)
{
    Counter counter = {rel, &query, epsilon, {}, {}};
    route_open(&counter.router, rel, query.index);
    route_begin(&counter.router, query.about);
    candidates_begin(&counter.within);
    candidates_open(&counter.within, kMostCounted, kMostCounted);
    counter.within.threshold = (float)query.limit_score;
    const uint32_t lists = query.index->meta.nlist;
    const double enough = kEnoughShare * query.index->meta.build_rows;
    RoutedList *skipped = (RoutedList *)palloc_extended(lists * sizeof(RoutedList), MCXT_ALLOC_HUGE);
    uint32_t seen = Min(kNearest, lists), empty = 0;
    Counted sum = count_lists(&counter, seen), last = sum;
    double last_share = seen; // lists that `last` is of
    for (uint32_t step = kNearest; seen < lists && empty < 2 && sum.rows < enough; step *= 2) {
        step = Min(step, lists - seen);
        const uint32_t sampled = Min(kSampled, step), before = (step - sampled) / 2;
        route_next(&counter.router, before, skipped);
        last = count_lists(&counter, sampled);
        last_share = sampled;
        route_next(&counter.router, step - sampled - before, skipped);
        add(&sum, last, (double)step / sampled);
        empty = last.rows > 0 ? 0 : empty + 1;
        seen += step;
    }
    if (sum.rows >= enough) // the others hold rows, too, and fewer of them
        add(&sum, last, (lists - seen) / last_share / 2);
    return sum;
}

Counted rows_within(const PlannedOrder &o, const OpExpr *order_by, const DistanceLimit &limit, Relation rel)
{
    const Index *index = open_index(rel, CurrentMemoryContext);
    if (dims_of_datum(o.query->constvalue, index->element()) != index->meta.options.dims)
        return {}; // an error, when it runs
    ScanQuery query;
    prepare_query(&query, rel, scan_key(o, order_by));
    set_limit(&query, limit);
    if (query.wants_nothing)
        return {};
    if (!is_limited(query.limit)) {
        const double all = (double)index->meta.build_rows;
        return {all, all, all};
    }
    const double epsilon = query.epsilon;
    query.epsilon = Max(query.epsilon, (float)kDeepEpsilon);
    return count_within(rel, query, epsilon);
}

List *conditions_of(const IndexPath *path, PlannedOrder *o, List **others)
{
    List *limiting = NIL;
    ListCell *cell;
    foreach (cell, path->indexinfo->indrestrictinfo) {
        RestrictInfo *info = lfirst_node(RestrictInfo, cell);
        if (limits_distance(&o->order, (Node *)info->clause))
            limiting = lappend(limiting, info->clause);
        else
            *others = lappend(*others, info);
    }
    return limiting;
}

// Whether another index begins with a column that the conditions read.
bool has_other_index(const IndexPath *path, List *others)
{
    const RelOptInfo *table = path->indexinfo->rel;
    Bitmapset *columns = nullptr;
    ListCell *cell;
    foreach (cell, others)
        pull_varattnos((Node *)lfirst_node(RestrictInfo, cell)->clause, table->relid, &columns);
    foreach (cell, table->indexlist) {
        const IndexOptInfo *index = lfirst_node(IndexOptInfo, cell);
        if (index->amcanorderbyop || index->indexkeys[0] == 0)
            continue;
        if (bms_is_member(index->indexkeys[0] - FirstLowInvalidHeapAttributeNumber, columns))
            return true;
    }
    return false;
}

} // namespace

LimitedRows limited_rows(PlannerInfo *root, const IndexPath *path, Relation rel)
{
    const RelOptInfo *table = path->indexinfo->rel;
    const OpExpr *order_by = (const OpExpr *)linitial(path->indexorderbys);
    if (list_length(path->indexorderbys) != 1 || !IsA(order_by, OpExpr) ||
        path->indexinfo->indrestrictinfo == NIL)
        return {};
    const Metric metric = (Metric)open_index(rel, CurrentMemoryContext)->meta.metric;
    PlannedOrder o = planned_order(root, order_by, least_distance(metric));
    List *others = NIL, *limiting = conditions_of(path, &o, &others);
    if (limiting == NIL)
        return {};
    query_of(&o);
    LimitedRows result = {true, kGuessedRows, kGuessedLooks, 1, false};
    result.others = clauselist_selectivity(root, others, (int)table->relid, JOIN_INNER, nullptr);
    const DistanceLimit limit = distance_limit(&o.order, limiting);
    if (!is_limited(limit) && !o.known_later)
        return {};
    const bool null = o.query && o.query->constisnull;
    result.other_index = has_other_index(path, others);
    const bool counts = result.others * table->tuples > kFewRows || !result.other_index;
    Counted counted = {kGuessedRows, kGuessedLooks, kGuessedLooks};
    if (null || limit.most == kNothingPasses.most)
        counted = {};
    else if (is_limited(limit) && o.query && counts)
        counted = rows_within(o, order_by, limit, rel);
    const double most = Max(table->tuples, 1.0);
    result.rows = std::clamp(counted.rows, 1.0, most);
    const double looks = counted.rows < (double)kDeepSearch ? counted.looks : counted.deep;
    result.looks = std::clamp(looks, result.rows, most);
    return result;
}

} // namespace vq::ivf
