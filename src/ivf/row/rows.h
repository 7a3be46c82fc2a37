// From a vector to what an index stores of it: its list, code, factors and record.
#pragma once

#include "ivf/store/index.h"
#include "ivf/row/route.h"
#include "ivf/store/stored_row.h"

namespace vq::ivf {

struct EncodedRow
{
    uint32_t list;
    ItemPointerData tid;
    RowFactors factors;
    const uint8_t *code;   // code_bytes
    const uint8_t *record; // fine_record_bytes, or null
    FilterKeys keys;       // filled by whoever knows the row's other columns (filter_keys.h)
};

// Scratch of one encoder. Memory: allocated in the context current at encoder_open; encoder_row leaves
// nothing behind.
struct RowEncoder
{
    Relation rel;
    const Index *index;
    MemoryContext route_memory;
    Router router;      // also for others of the encoder's owner, while no row is encoded
    AboutOrigins about; // the row, where it comes alone
    float *centre;
    float *residual;
    float *direction; // inner product and cosine only
    uint8_t *code;
    uint8_t *codec_fine;
    uint8_t *record;
    uint8_t *centroid; // bfloat16
    double distance;   // |y - c| of the last row
};

void encoder_open(RowEncoder *encoder, Relation rel, const Index *index);

// Rows that are encoded together: a codec whose codebooks do not fit the cache is several times faster so. A row's code
// does not depend on the others.
constexpr uint32_t kBatchRows = 3 * kBoundTogether;

struct RowBatch
{
    RowEncoder *encoder;
    uint32_t count;
    AboutOrigins about[kBoundTogether]; // of rows that are routed together
    float *bounds;                      // of their lists
    ItemPointerData tids[kBatchRows];
    FilterKeys keys[kBatchRows];
    // Once the rows are placed:
    uint32_t lists[kBatchRows];
    double distances[kBatchRows]; // |y - c|
    bool overflow[kBatchRows];
    RowCode found[kBatchRows]; // once they are encoded
    float *vectors;            // as given; kBatchRows of each array
    float *residuals, *centres, *directions;
    uint8_t *codes, *fine;
};

// Memory: in the current context.
void batch_open(RowBatch *batch, RowEncoder *encoder);
// Adds a row; there must be room. False if it is not to be indexed.
bool batch_add(RowBatch *batch, const float *x, const ItemPointerData &tid, const FilterKeys &keys = {});
// Finds each row's list.
void batch_place(RowBatch *batch);
// Places and encodes what was added. The batch is empty again when batch_row has been asked for what is wanted and count is set to 0.
void batch_encode(RowBatch *batch);
// Row i of an encoded batch; pointers are valid until the next call.
void batch_row(RowBatch *batch, uint32_t i, EncodedRow *row);

// Encodes x (dims floats). False if the row is not to be indexed (zero vector under cosine). Pointers in
// `row` are valid until the next call.
bool encode_row(RowEncoder *encoder, const float *x, EncodedRow *row);

// A row's distance as statistics take it: at most so many times the usual one that a few rows do not decide a mean.
double usual_distance(const Index &index, double distance);

// Nearest list of x, not zero under cosine, without encoding.
uint32_t nearest_list(RowEncoder *encoder, const float *x);

} // namespace vq::ivf
