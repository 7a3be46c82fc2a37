// Text and binary input and output, type modifier.
#include "types/vector.h"

extern "C" {
#include "common/shortest_dec.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
}

using namespace vq;

namespace {

// The white space of PostgreSQL's scanner in every version, whatever the locale.
bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

const char *skip_space(const char *p)
{
    while (is_space(*p))
        p++;
    return p;
}

[[noreturn]] void syntax_error(const char *text, const char *detail)
{
    ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                    errmsg("invalid input syntax for type vector: \"%s\"", text),
                    detail != nullptr ? errdetail("%s", detail) : 0));
    pg_unreachable();
}

// One number at *p; moves *p behind it. strtof rounds once (strtod and a cast would round twice); LC_NUMERIC
// is C in a backend. A value that underflows becomes zero or subnormal, as in float4.
float parse_element(const char *text, const char **p)
{
    char *end;
    errno = 0;
    float value = strtof(*p, &end);
    if (end == *p)
        syntax_error(text, nullptr);
    if (errno == ERANGE && std::isinf(value))
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                        errmsg("\"%s\" is out of range for type vector", pnstrdup(*p, (Size)(end - *p)))));
    check_element(value);
    *p = end;
    return value;
}

// Room for the elements of text: a well-formed one has exactly one comma fewer.
int count_elements(const char *text)
{
    int n = 1;
    for (; *text != '\0' && n < kVectorMaxDims; text++)
        n += *text == ',';
    return n;
}

} // namespace

// '[1,2,3]', white space allowed around brackets and numbers.
VQ_FUNCTION(vq_vector_in)
{
    const char *text = PG_GETARG_CSTRING(0);
    int32 typmod = PG_GETARG_INT32(2);

    const char *p = skip_space(text);
    if (*p != '[')
        syntax_error(text, "Vector contents must start with \"[\".");
    p = skip_space(p + 1);
    if (*p == ']')
        check_dim(0);

    Vector *result = new_vector(count_elements(p));
    int dim = 0;
    for (;;) {
        if (dim == kVectorMaxDims)
            check_dim(dim + 1);
        p = skip_space(p);
        result->x[dim++] = parse_element(text, &p);
        p = skip_space(p);
        if (*p == ']')
            break;
        if (*p != ',')
            syntax_error(text, nullptr);
        p++;
    }
    if (*skip_space(p + 1) != '\0')
        syntax_error(text, "Junk after closing right brace.");

    Assert(dim == result->dim);
    check_expected_dim(typmod, dim);
    PG_RETURN_POINTER(result);
}

// Shortest text that reads back as the same floats.
VQ_FUNCTION(vq_vector_out)
{
    Vector *v = PG_GETARG_VECTOR(0);

    // FLOAT_SHORTEST_DECIMAL_LEN counts a terminating zero; its byte takes the comma. Three more: brackets
    // and the end.
    char *text = (char *)palloc((Size)v->dim * FLOAT_SHORTEST_DECIMAL_LEN + 3);
    char *p = text;
    *p++ = '[';
    for (int i = 0; i < v->dim; i++) {
        if (i > 0)
            *p++ = ',';
        p += float_to_shortest_decimal_bufn(v->x[i], p);
    }
    *p++ = ']';
    *p = '\0';
    PG_RETURN_CSTRING(text);
}

VQ_FUNCTION(vq_vector_typmod_in)
{
    int n;
    int32 *modifier = ArrayGetIntegerTypmods(PG_GETARG_ARRAYTYPE_P(0), &n);

    if (n != 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid type modifier")));
    if (*modifier < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("dimensions for type vector must be at least 1")));
    if (*modifier > kVectorMaxDims)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("dimensions for type vector cannot exceed %d", kVectorMaxDims)));
    PG_RETURN_INT32(*modifier);
}

// Binary form, big-endian: uint16 dimensions, uint16 zero, then the floats.
VQ_FUNCTION(vq_vector_recv)
{
    StringInfo message = (StringInfo)PG_GETARG_POINTER(0);
    int32 typmod = PG_GETARG_INT32(2);
    int dim = (int)pq_getmsgint(message, sizeof(int16));
    int unused = (int)pq_getmsgint(message, sizeof(int16));

    check_dim(dim);
    check_expected_dim(typmod, dim);
    if (unused != 0)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("expected unused to be 0, not %d", unused)));

    Vector *result = new_vector(dim);
    for (int i = 0; i < dim; i++) {
        result->x[i] = pq_getmsgfloat4(message);
        check_element(result->x[i]);
    }
    PG_RETURN_POINTER(result);
}

VQ_FUNCTION(vq_vector_send)
{
    Vector *v = PG_GETARG_VECTOR(0);
    StringInfoData message;

    pq_begintypsend(&message);
    enlargeStringInfo(&message, 4 + 4 * v->dim);
    pq_sendint16(&message, (uint16)v->dim);
    pq_sendint16(&message, (uint16)v->unused);
    for (int i = 0; i < v->dim; i++)
        pq_sendfloat4(&message, v->x[i]);
    PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}
