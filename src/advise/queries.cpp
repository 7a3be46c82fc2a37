#include "advise/queries.h"

#include "advise/query_text.h"
#include "ivf/row/opclass.h"
#include "ivf/upkeep/attempt.h"

extern "C" {
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
}

namespace vq::advise {

namespace {

static_assert(kMostFilters == ivf::kMostFilterColumns);

// A column that fewer of the queries name is left out of the index: each takes bytes in every row.
constexpr double kFewQueries = 0.05;
constexpr int kMostTexts = 1000;

// --- which columns an index can have

bool can_filter(Relation table, AttrNumber number, int strategy)
{
    const Form_pg_attribute a = TupleDescAttr(RelationGetDescr(table), number - 1);
    const Oid opclass = GetDefaultOpClass(getBaseType(a->atttypid), some_access_method());
    if (!OidIsValid(opclass))
        return false;
    if (OidIsValid(a->attcollation) && !get_collation_isdeterministic(a->attcollation))
        return false;
    const Oid family = get_opclass_family(opclass), input = get_opclass_input_type(opclass);
    const Oid operand = type_is_array(input) ? ANYARRAYOID : input; // arrays share their operators
    return OidIsValid(get_opfamily_proc(family, input, input, ivf::kKeyProc)) &&
           (strategy == 0 || OidIsValid(get_opfamily_member(family, operand, operand, (int16)strategy)));
}

// --- counting

struct Counting
{
    Relation table;
    const char *column; // its bare name
    Queries *found;
    double *calls; // of each column of the table, as a filter
    // The statement at hand
    const char *text;
    Statement statement;
};

void count_conditions(Counting *c, double calls)
{
    Bitmapset *counted = nullptr; // BETWEEN as two conditions is one
    ListCell *lc;
    foreach (lc, c->statement.conditions) {
        const Condition *condition = (Condition *)lfirst(lc);
        const AttrNumber number = get_attnum(RelationGetRelid(c->table), condition->column);
        if (number <= 0 || bms_is_member(number, counted) ||
            !can_filter(c->table, number, condition->strategy))
            continue;
        c->calls[number] += calls;
        counted = bms_add_member(counted, number);
    }
}

void parse(void *arg)
{
    Counting *c = (Counting *)arg;
    c->statement = read_statement(c->text, c->table, c->column);
}

void nothing(void *) {}

void count_statement(Counting *c, double calls)
{
    c->statement = {};
    if (ivf::attempt(parse, nothing, c) != nullptr)
        return; // it is no SQL that can be read, such as a text that was cut
    if (c->statement.inserts)
        c->found->inserts += calls;
    if (!c->statement.orders)
        return;
    c->found->calls += calls;
    c->found->by_metric[(int)c->statement.metric] += calls;
    count_conditions(c, calls);
}

// Where the view is; null if the extension is not installed.
const char *schema_of_statistics()
{
    if (SPI_execute("SELECT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_extension e JOIN "
                    "pg_catalog.pg_namespace n"
                    " ON n.oid OPERATOR(pg_catalog.=) e.extnamespace WHERE e.extname OPERATOR(pg_catalog.=) "
                    "'pg_stat_statements'",
                    true, 1) != SPI_OK_SELECT ||
        SPI_processed == 0)
        return nullptr;
    return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

// The statements of this database whose text the caller may see, the most frequent first.
void read_texts(Counting *c, const char *schema)
{
    const char *query = psprintf("SELECT s.query, s.calls::pg_catalog.float8 FROM %s.pg_stat_statements s"
                                 " WHERE s.dbid OPERATOR(pg_catalog.=) $1 AND "
                                 "pg_catalog.strpos(pg_catalog.lower(s.query), pg_catalog.lower($2))"
                                 " OPERATOR(pg_catalog.>) 0 ORDER BY s.calls USING OPERATOR(pg_catalog.>)",
                                 schema);
    Oid types[] = {OIDOID, TEXTOID};
    Datum values[] = {ObjectIdGetDatum(MyDatabaseId), CStringGetTextDatum(RelationGetRelationName(c->table))};
    if (SPI_execute_with_args(query, 2, types, values, nullptr, true, kMostTexts) != SPI_OK_SELECT)
        elog(ERROR, "cannot read statistics");
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant statement", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    const SPITupleTable *texts = SPI_tuptable;
    for (uint64 i = 0, n = SPI_processed; i < n; i++) {
        CHECK_FOR_INTERRUPTS();
        bool null;
        c->text = SPI_getvalue(texts->vals[i], texts->tupdesc, 1);
        const Datum calls = SPI_getbinval(texts->vals[i], texts->tupdesc, 2, &null);
        if (c->text && !null)
            count_statement(c, DatumGetFloat8(calls));
        MemoryContextReset(memory);
    }
    MemoryContextSwitchTo(old);
    MemoryContextDelete(memory);
}

void read_statistics(void *arg)
{
    Counting *c = (Counting *)arg;
    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "cannot read statistics");
    if (const char *schema = schema_of_statistics()) {
        read_texts(c, schema);
        c->found->known = true;
    }
    SPI_finish();
}

void choose_filters(const Counting &c)
{
    Queries *q = c.found;
    for (int n = 0; n < kMostFilters; n++) {
        int best = 0;
        for (int i = 1; i <= RelationGetNumberOfAttributes(c.table); i++)
            if (c.calls[i] > c.calls[best])
                best = i;
        if (c.calls[best] == 0 || c.calls[best] < kFewQueries * q->calls)
            return;
        q->filter[q->filters++] = {(AttrNumber)best, c.calls[best]};
        c.calls[best] = 0;
    }
}

} // namespace

Queries look_at_queries(Relation table, const Column &column)
{
    Queries found = {};
    Counting c = {};
    c.table = table;
    c.column = get_attname(column.table, column.number, false);
    c.found = &found;
    c.calls = (double *)palloc0((RelationGetNumberOfAttributes(table) + 1) * sizeof(double));
    if (ivf::attempt(read_statistics, nothing, &c) != nullptr || !found.known)
        return {};
    choose_filters(c);
    return found;
}

} // namespace vq::advise
