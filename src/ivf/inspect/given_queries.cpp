#include "ivf/inspect/given_queries.h"

#include "ivf/inspect/trial.h"
#include "ivf/row/table_rows.h"
#include "ivf/row/vector_datum.h"
#include "pg/arrays.h"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/builtins.h"
}

namespace vq::ivf {

namespace {

constexpr const char *kExample = "Give them as an array: queries => ARRAY(SELECT embedding FROM query_log)";

void check_type(ArrayType *array, Relation rel)
{
    const Oid given = getBaseType(ARR_ELEMTYPE(array)), indexed = rel->rd_opcintype[0];
    if (given != indexed)
        ereport(ERROR,
                (errcode(ERRCODE_DATATYPE_MISMATCH),
                 errmsg("queries are of type %s, index \"%s\" is about %s", format_type_be(given),
                        RelationGetRelationName(rel), format_type_be(indexed)),
                 errhint("Cast them: ARRAY(SELECT embedding::%s FROM query_log)", format_type_be(indexed))));
}

void check_count(int count)
{
    if (count < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there are no queries"),
                        errhint("%s", kExample)));
    if (count > kMostTrialQueries)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("there must be at most %d queries, not %d", kMostTrialQueries, count),
                        errhint("A few hundred are enough.")));
}

Datum checked_query(const Index &index, Relation rel, Datum value, int number)
{
    const uint32_t dims = index.meta.options.dims;
    const Datum copy = copy_vector_datum(value, index.element(), dims);
    if (!belongs_in_index(index, vector_of_datum(copy, index.element(), dims, rel)))
        ereport(ERROR,
                (errcode(ERRCODE_DATA_EXCEPTION), errmsg("query %d is a zero vector", number),
                 errdetail("It has no cosine distance from any row."), errhint("Leave such queries out.")));
    return copy;
}

} // namespace

void check_arguments(FunctionCallInfo fcinfo, int n)
{
    for (int i = 0; i < n; i++)
        if (PG_ARGISNULL(i))
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("arguments must not be NULL"),
                            errhint("%s", kExample)));
}

GivenQueries given_queries(FunctionCallInfo fcinfo, int n, const Inspected &target, const Index &index)
{
    ArrayType *array = PG_GETARG_ARRAYTYPE_P(n);
    check_type(array, target.rel);
    const pg::ArrayElements all = pg::array_elements(array);
    check_count(all.count);
    for (int i = 0; i < all.count; i++) {
        if (all.nulls[i])
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("query %d is NULL", i + 1),
                            errhint("Leave them out: ARRAY(SELECT ... WHERE embedding IS NOT NULL).")));
        all.values[i] = checked_query(index, target.rel, all.values[i], i + 1);
    }
    return {(uint32_t)all.count, all.values};
}

} // namespace vq::ivf
