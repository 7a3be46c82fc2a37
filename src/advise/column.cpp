#include "advise/column.h"

#include "core/random.h"
#include "ivf/row/opclass.h"
#include "ivf/row/vector_datum.h"
#include "ivf/store/access_method.h"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "optimizer/plancat.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
}

namespace vq::advise {

namespace {

constexpr double kSampleBlocks = 400;
constexpr uint64_t kSeed = 42;
constexpr uint64_t kSampleVectors = 1000; // looked at: lengths and dimensions of all, in milliseconds
// PostgreSQL moves values out of rows beyond TOAST_TUPLE_THRESHOLD.
constexpr Size kToastedBytes = 2032;

// --- the column

const char *vector_columns(Relation table)
{
    StringInfoData text;
    initStringInfo(&text);
    simd::Element element;
    for (int i = 0; i < RelationGetNumberOfAttributes(table); i++) {
        const Form_pg_attribute a = TupleDescAttr(RelationGetDescr(table), i);
        if (!a->attisdropped && is_vector_type(a->atttypid, &element))
            appendStringInfo(&text, "%s%s", text.len > 0 ? ", " : "", quote_identifier(NameStr(a->attname)));
    }
    return text.len > 0 ? psprintf("Its columns of vectors: %s.", text.data) : "It has no column of vectors.";
}

void check_table(Relation table)
{
    const char kind = table->rd_rel->relkind;
    if (kind != RELKIND_RELATION && kind != RELKIND_MATVIEW && kind != RELKIND_PARTITIONED_TABLE)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("\"%s\" cannot have an index", RelationGetRelationName(table)),
                        errhint("Name a table or materialized view.")));
}

Form_pg_attribute find_column(Relation table, const char *name, simd::Element *element)
{
    const AttrNumber number = get_attnum(RelationGetRelid(table), name);
    if (number <= 0)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                        errmsg("column \"%s\" of relation \"%s\" does not exist", name,
                               RelationGetRelationName(table)),
                        errhint("%s", vector_columns(table))));
    const Form_pg_attribute a = TupleDescAttr(RelationGetDescr(table), number - 1);
    if (!is_vector_type(a->atttypid, element))
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("column \"%s\" is of type %s, not vector or halfvec", name,
                               format_type_with_typemod(a->atttypid, a->atttypmod)),
                        errhint("%s", vector_columns(table))));
    return a;
}

// --- files

struct Files
{
    double blocks;
    double bytes;
    double rows; // by ANALYZE and VACUUM; -1 = not known
    double count;
};

void add_files(Relation table, Files *f)
{
    if (!RELKIND_HAS_STORAGE(table->rd_rel->relkind))
        return;
    f->count++;
    const BlockNumber blocks = RelationGetNumberOfBlocks(table);
    f->blocks += blocks;
    f->bytes += (double)blocks * BLCKSZ;
    if (OidIsValid(table->rd_rel->reltoastrelid)) {
        Relation toast = table_open(table->rd_rel->reltoastrelid, AccessShareLock);
        f->bytes += (double)RelationGetNumberOfBlocks(toast) * BLCKSZ;
        table_close(toast, AccessShareLock);
    }
    if (blocks > 0 && !(table->rd_rel->reltuples > 0))
        f->rows = -1;
    if (f->rows < 0 || blocks == 0)
        return;
    BlockNumber pages;
    double rows, all_visible;
    estimate_rel_size(table, nullptr, &pages, &rows, &all_visible);
    f->rows += rows;
}

Files files_of(Relation table)
{
    Files f = {};
    if (table->rd_rel->relkind != RELKIND_PARTITIONED_TABLE) {
        add_files(table, &f);
        return f;
    }
    ListCell *lc;
    foreach (lc, find_all_inheritors(RelationGetRelid(table), AccessShareLock, nullptr)) {
        Relation part = table_open(lfirst_oid(lc), NoLock);
        add_files(part, &f);
        table_close(part, NoLock);
    }
    return f;
}

// --- the sample

void look_at_vector(Sampled *s, Datum value, simd::Element element)
{
    s->out_of_line += VARATT_IS_EXTERNAL(DatumGetPointer(value));
    const uint32_t dims = ivf::dims_of_datum(value, element);
    if (s->vectors++ == 0)
        s->dims = dims;
    if (dims != s->dims)
        s->other_dims = dims;
    const float *x = ivf::as_floats(ivf::elements_of_query(value, element, dims), element, dims);
    double square = 0;
    for (uint32_t i = 0; i < dims; i++) {
        square += (double)x[i] * x[i];
        s->whole &= x[i] >= 0 && x[i] <= 255 && x[i] == std::floor(x[i]);
    }
    const double length = std::sqrt(square);
    if (length == 0) {
        s->zero++;
        return;
    }
    s->shortest = Min(s->shortest, length);
    s->longest = Max(s->longest, length);
}

// Of row i that SPI has.
Datum vector_of_row(uint64_t i, bool *null)
{
    return SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, null);
}

// Some of the rows that SPI has, drawn: every second or third one could be of one kind.
void look_at_rows(Sampled *s, simd::Element element)
{
    bool null;
    s->rows = SPI_processed;
    for (uint64_t i = 0; i < s->rows; i++, s->nulls += null)
        (void)vector_of_row(i, &null);
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant advice", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    Random random(kSeed);
    for (uint64_t i = 0, there = s->rows - s->nulls; i < s->rows; i++) {
        CHECK_FOR_INTERRUPTS();
        const Datum value = vector_of_row(i, &null);
        if (!null && (there <= kSampleVectors || random.below(there) < kSampleVectors))
            look_at_vector(s, value, element);
        MemoryContextReset(memory);
    }
    MemoryContextSwitchTo(old);
    MemoryContextDelete(memory);
}

// `percent` of the blocks, read as the caller.
Sampled read_sample(const Column &c, double percent)
{
    Sampled s = {};
    s.shortest = std::numeric_limits<double>::infinity();
    s.whole = true;
    const char *from = psprintf("SELECT %s FROM %s%s", c.name, c.partitioned ? "" : "ONLY ", c.table_name);
    if (percent < 100)
        from = psprintf("%s TABLESAMPLE pg_catalog.system (%.6f) REPEATABLE (42)", from, percent);
    if (SPI_connect() != SPI_OK_CONNECT || SPI_execute(from, true, 0) != SPI_OK_SELECT)
        elog(ERROR, "cannot read a sample");
    look_at_rows(&s, c.element);
    SPI_finish();
    return s;
}

void sample_column(Column *c, Relation table)
{
    const Files files = files_of(table);
    const double percent = files.blocks > kSampleBlocks ? 100 * kSampleBlocks / files.blocks : 100;
    c->bytes = files.bytes;
    c->parts = Max(files.count, 1.0);
    c->sample = read_sample(*c, percent);
    const Sampled &s = c->sample;
    const double all = percent < 100 && files.rows > 0 ? files.rows : (double)s.rows * 100 / percent;
    c->rows = s.rows > 0 ? all * (double)(s.rows - s.nulls) / (double)s.rows : 0;
    if (c->dims == 0)
        c->dims = s.dims;
}

// --- indexes

// The metric of an index's operator class, by its name: ours, pgvector's and others' are alike in this.
bool metric_of_class(Oid opclass, Metric *metric)
{
    HeapTuple tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclass));
    if (!HeapTupleIsValid(tuple))
        return false;
    const char *name = NameStr(((Form_pg_opclass)GETSTRUCT(tuple))->opcname);
    bool found = false;
    for (int m = (int)Metric::L2; m <= (int)Metric::Cosine && !found; m++)
        if (strstr(name, psprintf("_%s_ops", kMetricNames[m]))) {
            *metric = (Metric)m;
            found = true;
        }
    ReleaseSysCache(tuple);
    return found;
}

void find_index(Column *c, Relation table)
{
    ListCell *lc;
    foreach (lc, RelationGetIndexList(table)) {
        Relation index = index_open(lfirst_oid(lc), AccessShareLock);
        const Form_pg_index form = index->rd_index;
        Datum classes;
        bool null;
        classes = SysCacheGetAttr(INDEXRELID, index->rd_indextuple, Anum_pg_index_indclass, &null);
        Metric metric;
        if (form->indkey.values[0] == c->number && !null &&
            metric_of_class(((oidvector *)DatumGetPointer(classes))->values[0], &metric)) {
            c->index = quote_identifier(pstrdup(RelationGetRelationName(index)));
            c->index_metric = metric;
            c->index_ours = ivf::access_method_named(get_am_name(index->rd_rel->relam)) != nullptr;
        }
        index_close(index, AccessShareLock);
    }
}

// Most of the sampled values are, or, without any, what is so long will be.
bool out_of_line(const Column &c, char storage)
{
    if (c.sample.vectors > 0)
        return 2 * c.sample.out_of_line > c.sample.vectors;
    return (storage == TYPSTORAGE_EXTERNAL || storage == TYPSTORAGE_EXTENDED) && c.dims > 0 &&
           ivf::vector_datum_bytes(c.element, c.dims) > kToastedBytes;
}

// As regclass shows it.
const char *table_name(Relation table)
{
    const char *name = pstrdup(RelationGetRelationName(table));
    return RelationIsVisible(RelationGetRelid(table))
               ? quote_identifier(name)
               : quote_qualified_identifier(get_namespace_name(RelationGetNamespace(table)), name);
}

} // namespace

Oid some_access_method()
{
    return get_am_oid("scann", false);
}

bool is_vector_type(Oid type, simd::Element *element)
{
    const Oid opclass = GetDefaultOpClass(getBaseType(type), some_access_method());
    if (!OidIsValid(opclass))
        return false;
    const Oid input = get_opclass_input_type(opclass);
    const Oid proc = get_opfamily_proc(get_opclass_family(opclass), input, input, ivf::kElementProc);
    if (!OidIsValid(proc))
        return false;
    *element = (simd::Element)DatumGetInt32(OidFunctionCall1(proc, (Datum)0));
    return true;
}

Column look_at_column(Relation table, const char *name)
{
    check_table(table);
    Column c = {};
    const Form_pg_attribute a = find_column(table, name, &c.element);
    const int32 typmod = a->atttypmod;
    int32 base_typmod = typmod;
    (void)getBaseTypeAndTypmod(a->atttypid, &base_typmod);
    c.table = RelationGetRelid(table);
    c.number = a->attnum;
    c.table_name = table_name(table);
    c.name = quote_identifier(pstrdup(NameStr(a->attname)));
    c.dims = base_typmod > 0 ? (uint32_t)base_typmod : 0;
    c.dims_typed = c.dims > 0;
    c.partitioned = table->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
    const char storage = a->attstorage;
    sample_column(&c, table);
    c.out_of_line = out_of_line(c, storage);
    find_index(&c, table);
    return c;
}

} // namespace vq::advise
