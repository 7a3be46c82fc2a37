// Text and binary input and output, type modifier.
#include "types/both.h"

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

template <class V>
[[noreturn]] void syntax_error(const char *text, const char *detail)
{
    ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                    errmsg("invalid input syntax for type %s: \"%s\"", V::Element::kType, text),
                    detail != nullptr ? errdetail("%s", detail) : 0));
    pg_unreachable();
}

// One number at *p; moves *p behind it. strtof rounds once (strtod and a cast would round twice); LC_NUMERIC
// is C in a backend. A value that underflows becomes zero or subnormal, as in float4.
template <class V>
typename V::Stored parse_element(const char *text, const char **p)
{
    char *end;
    errno = 0;
    const float value = strtof(*p, &end);
    if (end == *p)
        syntax_error<V>(text, nullptr);
    if ((errno == ERANGE && std::isinf(value)) || out_of_range<V>(value))
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                        errmsg("\"%s\" is out of range for type %s", pnstrdup(*p, (Size)(end - *p)),
                               V::Element::kType)));
    const typename V::Stored element = V::Element::nearest(value);
    check_element<V>(element);
    *p = end;
    return element;
}

// Room for the elements of text: a well-formed one has exactly one comma fewer.
int count_elements(const char *text)
{
    int n = 1;
    for (; *text != '\0' && n < kVectorMaxDims; text++)
        n += *text == ',';
    return n;
}

// '[1,2,3]', white space allowed around brackets and numbers.
template <class V>
Datum text_in(FunctionCallInfo fcinfo)
{
    const char *text = PG_GETARG_CSTRING(0);
    int32 typmod = PG_GETARG_INT32(2);

    const char *p = skip_space(text);
    if (*p != '[')
        syntax_error<V>(text, "Vector contents must start with \"[\".");
    p = skip_space(p + 1);
    if (*p == ']')
        check_dim<V>(0);

    V *result = new_vector<V>(count_elements(p));
    int dim = 0;
    for (;;) {
        if (dim == kVectorMaxDims)
            check_dim<V>(dim + 1);
        p = skip_space(p);
        result->x[dim++] = parse_element<V>(text, &p);
        p = skip_space(p);
        if (*p == ']')
            break;
        if (*p != ',')
            syntax_error<V>(text, nullptr);
        p++;
    }
    if (*skip_space(p + 1) != '\0')
        syntax_error<V>(text, "Junk after closing right brace.");

    Assert(dim == result->dim);
    check_expected_dim(typmod, dim);
    PG_RETURN_POINTER(result);
}

// Shortest text that reads back as the same elements; of a half, as the same float.
template <class V>
Datum text_out(FunctionCallInfo fcinfo)
{
    V *v = vector_arg<V>(fcinfo, 0);

    // FLOAT_SHORTEST_DECIMAL_LEN counts a terminating zero; its byte takes the comma. Three more: brackets
    // and the end.
    char *text = (char *)palloc((Size)v->dim * FLOAT_SHORTEST_DECIMAL_LEN + 3);
    char *p = text;
    *p++ = '[';
    for (int i = 0; i < v->dim; i++) {
        if (i > 0)
            *p++ = ',';
        p += float_to_shortest_decimal_bufn(v->at(i), p);
    }
    *p++ = ']';
    *p = '\0';
    PG_RETURN_CSTRING(text);
}

template <class V>
Datum typmod_in(FunctionCallInfo fcinfo)
{
    int n;
    int32 *modifier = ArrayGetIntegerTypmods(PG_GETARG_ARRAYTYPE_P(0), &n);

    if (n != 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid type modifier")));
    if (*modifier < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("dimensions for type %s must be at least 1", V::Element::kType)));
    if (*modifier > kVectorMaxDims)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("dimensions for type %s cannot exceed %d", V::Element::kType, kVectorMaxDims)));
    PG_RETURN_INT32(*modifier);
}

void receive_element(StringInfo message, float *element)
{
    *element = pq_getmsgfloat4(message);
}

void receive_element(StringInfo message, uint16 *half)
{
    *half = (uint16)pq_getmsgint(message, sizeof *half);
}

void send_element(StringInfo message, float element)
{
    pq_sendfloat4(message, element);
}

void send_element(StringInfo message, uint16 half)
{
    pq_sendint16(message, half);
}

// Binary form, big-endian: uint16 dimensions, uint16 zero, then the elements.
template <class V>
Datum binary_in(FunctionCallInfo fcinfo)
{
    StringInfo message = (StringInfo)PG_GETARG_POINTER(0);
    int32 typmod = PG_GETARG_INT32(2);
    int16 dim = (int16)pq_getmsgint(message, sizeof(int16));
    int16 unused = (int16)pq_getmsgint(message, sizeof(int16));

    check_dim<V>(dim);
    check_expected_dim(typmod, dim);
    if (unused != 0)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("expected unused to be 0, not %d", unused)));

    V *result = new_vector<V>(dim);
    for (int i = 0; i < dim; i++) {
        receive_element(message, &result->x[i]);
        check_element<V>(result->x[i]);
    }
    PG_RETURN_POINTER(result);
}

template <class V>
Datum binary_out(FunctionCallInfo fcinfo)
{
    V *v = vector_arg<V>(fcinfo, 0);
    StringInfoData message;

    pq_begintypsend(&message);
    enlargeStringInfo(&message, 4 + (int)sizeof(typename V::Stored) * v->dim);
    pq_sendint16(&message, (uint16)v->dim);
    pq_sendint16(&message, (uint16)v->unused);
    for (int i = 0; i < v->dim; i++)
        send_element(&message, v->x[i]);
    PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

} // namespace

VQ_DEFINE_BOTH(vq_vector_in, vq_halfvec_in, text_in)
VQ_DEFINE_BOTH(vq_vector_out, vq_halfvec_out, text_out)
VQ_DEFINE_BOTH(vq_vector_typmod_in, vq_halfvec_typmod_in, typmod_in)
VQ_DEFINE_BOTH(vq_vector_recv, vq_halfvec_recv, binary_in)
VQ_DEFINE_BOTH(vq_vector_send, vq_halfvec_send, binary_out)
