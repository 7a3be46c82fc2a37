// Support functions 3 and 4 of filter columns' operator classes: the key of a value of each type, and what keys say.
#include "ivf/row/filter_keys.h"
#include "pg/arrays.h"

extern "C" {
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
}

namespace vq::ivf {

namespace {

constexpr uint64_t kSign = (uint64_t)1 << 63;
// Of what is compared again anyway, so much of the value makes the key: it takes a byte less on pages (store/extent_keys.h).
constexpr int kCheckedBytes = 7;

Datum key_datum(uint64_t key)
{
    return Int64GetDatum((int64)Max(key, kNullKey + 1));
}

// The least number shares its key with the next one, which scans know (filter.cpp).
Datum key_of_integer(int64 n)
{
    return key_datum((uint64_t)n ^ kSign);
}

// In the order of numbers, -0 as 0, NaN behind all.
Datum key_of_double(double x)
{
    if (std::isnan(x))
        return key_datum(PG_UINT64_MAX);
    const uint64_t bits = std::bit_cast<uint64_t>(x == 0 ? 0.0 : x);
    return key_datum(bits & kSign ? ~bits : bits | kSign);
}

uint64_t hash_of(const void *bytes, int n)
{
    return DatumGetUInt64(hash_any_extended((const unsigned char *)bytes, n, 0));
}

uint64_t hash_of_text(Datum value)
{
    const struct varlena *text = (const struct varlena *)PG_DETOAST_DATUM_PACKED(value);
    return hash_of(VARDATA_ANY(text), (int)VARSIZE_ANY_EXHDR(text));
}

// Of one element.
uint64_t signature_bit(Oid type, Datum value)
{
    uint64_t hash;
    if (type == TEXTOID)
        hash = hash_of_text(value);
    else if (type == UUIDOID)
        hash = hash_of(DatumGetUUIDP(value)->data, UUID_LEN);
    else {
        const int64 n = type == INT4OID ? DatumGetInt32(value) : DatumGetInt64(value);
        hash = hash_of(&n, sizeof n);
    }
    return (uint64_t)1 << hash % kSignatureBits;
}

} // namespace

} // namespace vq::ivf

VQ_FUNCTION(vq_key_bool)
{
    return vq::ivf::key_of_integer(PG_GETARG_BOOL(0));
}
VQ_FUNCTION(vq_key_int2)
{
    return vq::ivf::key_of_integer(PG_GETARG_INT16(0));
}
VQ_FUNCTION(vq_key_int4)
{
    return vq::ivf::key_of_integer(PG_GETARG_INT32(0));
}
VQ_FUNCTION(vq_key_int8) // and timestamps
{
    return vq::ivf::key_of_integer(PG_GETARG_INT64(0));
}
VQ_FUNCTION(vq_key_float4)
{
    return vq::ivf::key_of_double(PG_GETARG_FLOAT4(0));
}
VQ_FUNCTION(vq_key_float8)
{
    return vq::ivf::key_of_double(PG_GETARG_FLOAT8(0));
}
VQ_FUNCTION(vq_key_numeric)
{
    return vq::ivf::key_of_double(
        DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, PG_GETARG_DATUM(0))));
}
VQ_FUNCTION(vq_key_uuid)
{
    const pg_uuid_t *uuid = PG_GETARG_UUID_P(0);
    uint64_t first = 0;
    for (int i = 0; i < vq::ivf::kCheckedBytes; i++)
        first = first << 8 | uuid->data[i];
    return vq::ivf::key_datum(first);
}
VQ_FUNCTION(vq_key_text)
{
    using namespace vq::ivf;
    return key_datum(hash_of_text(PG_GETARG_DATUM(0)) >> 8 * (sizeof(uint64_t) - kCheckedBytes));
}
VQ_FUNCTION(vq_key_enum)
{
    return vq::ivf::key_of_integer(PG_GETARG_OID(0));
}
VQ_FUNCTION(vq_key_array)
{
    ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
    const vq::pg::ArrayElements all = vq::pg::array_elements(array);
    uint64_t key = vq::ivf::kArrayKey;
    for (int i = 0; i < all.count; i++)
        if (!all.nulls[i])
            key |= vq::ivf::signature_bit(all.type, all.values[i]);
    PG_FREE_IF_COPY(array, 0);
    return vq::ivf::key_datum(key);
}

VQ_FUNCTION(vq_key_exact)
{
    (void)fcinfo;
    PG_RETURN_INT32((int32)vq::ivf::KeyKind::Exact);
}
VQ_FUNCTION(vq_key_ordered)
{
    (void)fcinfo;
    PG_RETURN_INT32((int32)vq::ivf::KeyKind::Ordered);
}
VQ_FUNCTION(vq_key_hashed)
{
    (void)fcinfo;
    PG_RETURN_INT32((int32)vq::ivf::KeyKind::Hashed);
}
VQ_FUNCTION(vq_key_signature)
{
    (void)fcinfo;
    PG_RETURN_INT32((int32)vq::ivf::KeyKind::Signature);
}
