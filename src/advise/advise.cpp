// vector_quant_advise: which index for a column, how large it would be, how long a build takes, and why.
#include "advise/cost.h"
#include "advise/queries.h"
#include "ivf/inspect/inspect.h"
#include "ivf/inspect/rounding.h"
#include "ivf/row/vector_datum.h"

extern "C" {
#include "access/relation.h"
#include "catalog/namespace.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
}

namespace vq::advise {

namespace {

constexpr uint32_t kFewDims = 300;  // one bit a dimension says little of so few
constexpr double kFewRows = 1000;   // below, VACUUM trains no index
constexpr double kUnitError = 2e-3; // of the length of a unit vector, as half numbers have it
constexpr double kMegabyte = 1024 * 1024;
constexpr Size kPageRoom = 8000; // of a row that is kept whole

constexpr int kChoices = 3;

struct Choice
{
    Metric metric;
    const char *why;
    const char *names[kChoices]; // of access methods, the best first
    const char *reasons[kChoices];
    bool refine;
};

struct Advice
{
    Relation table;
    Oid function;
    Column column;
    Queries queries;
    Choice choice;
    Cost costs[kChoices];
};

const char *type_name(const Column &c)
{
    return c.element == simd::Element::FP16 ? "halfvec" : "vector";
}

const char *filter_name(const Advice &a, int i)
{
    return quote_identifier(get_attname(a.column.table, a.queries.filter[i].column, false));
}

// --- the metric

bool unit_lengths(const Sampled &s)
{
    return s.vectors > s.zero && s.shortest > 1 - kUnitError && s.longest < 1 + kUnitError;
}

void choose_metric(Choice *choice, const Column &c, const Queries &q)
{
    const Sampled &s = c.sample;
    const double *by = std::max_element(q.by_metric, q.by_metric + lengthof(q.by_metric));
    choice->metric = Metric::L2;
    if (*by > 0) {
        choice->metric = (Metric)(by - q.by_metric);
        choice->why = psprintf("queries order by %s", kOperators[(int)choice->metric]);
    } else if (c.index) {
        choice->metric = c.index_metric;
        choice->why = psprintf("the metric is that of index %s", c.index);
    } else if (unit_lengths(s)) {
        choice->metric = Metric::Cosine;
        choice->why = "the vectors have length 1: cosine (<=>); by <-> and <#> the order is the same";
    } else if (s.vectors == s.zero)
        choice->why = psprintf(
            "no vector to look at: Euclidean distance (<->), unless your model wants cosine (%s_cosine_ops)",
            type_name(c));
    else if (s.whole)
        choice->why = "the numbers are bytes: Euclidean distance (<->)";
    else
        choice->why = psprintf("lengths go from %.3g to %.3g: Euclidean distance (<->), unless your model "
                               "wants cosine (%s_cosine_ops) "
                               "or the inner product (%s_ip_ops)",
                               s.shortest, s.longest, type_name(c), type_name(c));
}

// --- the access method

void set_order(Choice *choice, std::initializer_list<const char *> names)
{
    std::copy(names.begin(), names.end(), choice->names);
}

const char *trait(const char *access_method)
{
    if (strcmp(access_method, "scann") == 0)
        return "scann: codes that follow the data, for embeddings of a stable kind";
    if (strcmp(access_method, "wrvq") == 0)
        return "wrvq: few bytes a row however many dimensions; looks at more rows of the table, inserts are "
               "dearer";
    return "ivf_rabitq: where data drift or inserts outnumber queries; nothing is learnt but the lists";
}

void choose_access_method(Choice *choice, const Column &c, const Queries &q)
{
    for (int i = 0; i < kChoices; i++)
        choice->reasons[i] = nullptr;
    if (c.dims < kFewDims) {
        set_order(choice, {"scann", "wrvq", "ivf_rabitq"});
        choice->reasons[0] =
            psprintf("scann: %u dimensions are few, and one bit of each would say little", c.dims);
        choice->reasons[2] = psprintf(
            "ivf_rabitq: for drifting data only, since one bit a dimension says little of %u", c.dims);
    } else if (q.calls > 0 && q.inserts > q.calls) {
        set_order(choice, {"ivf_rabitq", "scann", "wrvq"});
        choice->reasons[0] =
            psprintf("ivf_rabitq: inserts (%.0f calls) outnumber queries (%.0f)", q.inserts, q.calls);
    } else
        set_order(choice, {"scann", "ivf_rabitq", "wrvq"});
    for (int i = 0; i < kChoices; i++)
        if (choice->reasons[i] == nullptr)
            choice->reasons[i] = trait(choice->names[i]);
    choice->refine = c.bytes > (double)effective_cache_size * BLCKSZ;
}

// --- CREATE INDEX

// Operator classes are looked up by search_path; where that does not lead to ours, their schema is named.
const char *operator_class(const Advice &a, const char *access_method)
{
    const char *name = psprintf("%s_%s_ops", type_name(a.column), kMetricNames[(int)a.choice.metric]);
    if (OidIsValid(OpclassnameGetOpcid(get_am_oid(access_method, false), name)))
        return name;
    return quote_qualified_identifier(get_namespace_name(get_func_namespace(a.function)), name);
}

const char *indexed_expression(const Advice &a)
{
    const Column &c = a.column;
    const Oid type = TupleDescAttr(RelationGetDescr(a.table), c.number - 1)->atttypid;
    return c.dims_typed ? c.name : psprintf("(%s::%s(%u))", c.name, format_type_be(type), c.dims);
}

const char *create_index(const Advice &a, const char *access_method)
{
    StringInfoData text;
    initStringInfo(&text);
    appendStringInfo(&text, "CREATE INDEX ON %s USING %s (%s %s", a.column.table_name, access_method,
                     indexed_expression(a), operator_class(a, access_method));
    for (int i = 0; i < a.queries.filters; i++)
        appendStringInfo(&text, ", %s", filter_name(a, i));
    appendStringInfo(&text, ")%s", a.choice.refine ? " WITH (refine = true)" : "");
    return text.data;
}

// --- reasons

void add(StringInfo text, const char *reason)
{
    appendStringInfo(text, "%s%s", text->len > 0 ? "\n" : "", reason);
}

void explain_rows(StringInfo text, const Column &c, Metric metric)
{
    const Sampled &s = c.sample;
    if (s.rows == 0)
        add(text, "the table is empty: advice by the column's type alone");
    else if (s.nulls == s.rows)
        add(text, "no sampled row has a vector: advice by the column's type alone");
    if (s.rows > 0 && s.nulls < s.rows && c.rows < kFewRows)
        add(text, "few rows yet: an index built now is trained when VACUUM finds 1,000");
    if (s.zero > 0 && metric == Metric::Cosine)
        add(text,
            psprintf("%u of %u sampled vectors are zero: cosine indexes leave them out", s.zero, s.vectors));
    if (c.parts > 1)
        add(text, psprintf("each of %.0f partitions gets its own index", c.parts));
}

void explain_filters(StringInfo text, const Advice &a)
{
    const Queries &q = a.queries;
    if (!q.known)
        add(text, "name columns that queries filter by behind the vector: without pg_stat_statements they "
                  "are not known");
    else if (q.calls == 0)
        add(text, "pg_stat_statements has no query that orders by a distance from this column");
    for (int i = 0; i < q.filters; i++) {
        if (i == 0)
            add(text, psprintf("of %.0f queries in pg_stat_statements", q.calls));
        appendStringInfo(text, "%s %.0f %% filter by %s", i > 0 ? "," : "", 100 * q.filter[i].calls / q.calls,
                         filter_name(a, i));
    }
}

// What to do before or beside.
void explain_table(StringInfo text, const Column &c, const Choice &choice, const Cost &cost)
{
    if (choice.refine)
        add(text,
            "the table is larger than effective_cache_size: with refine = true few of its rows are read");
    if (c.out_of_line && ivf::vector_datum_bytes(c.element, c.dims) < kPageRoom)
        add(text, psprintf("vectors of %u dimensions are moved out of the rows; queries are a third faster "
                           "where they are not: "
                           "ALTER TABLE %s ALTER COLUMN %s SET STORAGE PLAIN before the rows come",
                           c.dims, c.table_name, c.name));
    if (!c.dims_typed)
        add(text, psprintf("the column has no number of dimensions: queries have to repeat the cast, or "
                           "ALTER TABLE %s ALTER COLUMN %s "
                           "TYPE ...(%u) first",
                           c.table_name, c.name, c.dims));
    if (cost.memory > maintenance_work_mem * 1024.0 || cost.lists < cost.lists_wanted)
        add(text,
            psprintf("SET maintenance_work_mem = '%.0fMB' lets the build sample all that it has use for",
                     std::ceil(cost.memory / kMegabyte)));
    if (c.index_ours)
        add(text, psprintf("index %s of the column is there already", c.index));
}

bool smallest(const Advice &a, int place)
{
    return std::all_of(a.costs, a.costs + kChoices,
                       [&](const Cost &c) { return a.costs[place].bytes <= c.bytes; });
}

const char *reasons_for(const Advice &a, int place)
{
    StringInfoData text;
    initStringInfo(&text);
    add(&text, a.choice.reasons[place]);
    if (a.column.rows >= kFewRows && smallest(a, place))
        add(&text, "the smallest of the three");
    if (place > 0)
        return text.data; // the rest holds for all
    add(&text, a.choice.why);
    explain_rows(&text, a.column, a.choice.metric);
    explain_filters(&text, a);
    explain_table(&text, a.column, a.choice, a.costs[place]);
    return text.data;
}

// --- the function

void check_dims(const Column &c)
{
    if (c.sample.other_dims > 0 && !c.dims_typed)
        ereport(ERROR,
                (errcode(ERRCODE_DATA_EXCEPTION),
                 errmsg("column %s has vectors of %u and of %u dimensions", c.name, c.sample.dims,
                        c.sample.other_dims),
                 errhint("Make a partial expression index for each: see docs/queries.md, Several kinds of "
                         "embedding.")));
    if (c.dims == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("column does not have dimensions"),
                        errdetail("Neither its type nor a row says how many."),
                        errhint("Give the column's type a number of dimensions, as in vector(384) or "
                                "halfvec(384).")));
}

void put_advice(const ivf::ResultRows &out, const Advice &a, int place)
{
    const Cost &cost = a.costs[place];
    Datum values[] = {
        CStringGetTextDatum(create_index(a, a.choice.names[place])), Int64GetDatum((int64)cost.bytes),
        Float8GetDatum(ivf::significant(cost.build_seconds, 2)), CStringGetTextDatum(reasons_for(a, place))};
    bool nulls[lengthof(values)] = {};
    tuplestore_putvalues(out.store, out.desc, values, nulls);
}

} // namespace

} // namespace vq::advise

VQ_FUNCTION(vq_advise)
{
    using namespace vq::advise;
    const vq::ivf::ResultRows out = vq::ivf::begin_rows(fcinfo);
    Relation table = relation_open(PG_GETARG_OID(0), AccessShareLock);
    Advice a = {table, fcinfo->flinfo->fn_oid, look_at_column(table, NameStr(*PG_GETARG_NAME(1))), {}, {},
                {}};
    check_dims(a.column);
    a.queries = look_at_queries(table, a.column);
    choose_metric(&a.choice, a.column, a.queries);
    choose_access_method(&a.choice, a.column, a.queries);
    for (int i = 0; i < kChoices; i++)
        a.costs[i] =
            expected_cost(a.choice.names[i], a.choice.refine, a.column, a.choice.metric, a.queries, table);
    for (int i = 0; i < kChoices; i++)
        put_advice(out, a, i);
    relation_close(table, AccessShareLock);
    return (Datum)0;
}
