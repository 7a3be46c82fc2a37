// From a vector to what an index stores of it: its list, code, factors and record.
#pragma once

#include "ivf/index.h"
#include "ivf/route.h"

namespace vq::ivf {

struct EncodedRow
{
    uint32_t list;
    ItemPointerData tid;
    RowFactors factors;
    const uint8_t *code;   // code_bytes
    const uint8_t *record; // fine_record_bytes, or null
};

// Scratch of one encoder. Memory: allocated in the context current at encoder_open; encoder_row leaves
// nothing behind.
struct RowEncoder
{
    Relation rel;
    const Index *index;
    MemoryContext route_memory;
    float *unit; // normalized vector, cosine only
    float *scratch;
    float *moved;
    float *centre;
    float *residual;
    float *direction; // inner product and cosine only
    uint8_t *code;
    uint8_t *codec_fine;
    uint8_t *record;
    uint8_t *centroid; // bfloat16
    void *state;
    double distance; // |y - c| of the last row
    bool overflow;   // the last row does not fit float in codec space
};

void encoder_open(RowEncoder *encoder, Relation rel, const Index *index);

// Encodes x (dims floats). False if the row is not to be indexed (zero vector under cosine). Pointers in
// `row` are valid until the next call.
bool encode_row(RowEncoder *encoder, const float *x, EncodedRow *row);

// Centroid of a list, as floats. stored: scratch, space_dims * 2 bytes. Both space_dims long.
void read_centre(Relation rel, const Index &index, uint32_t list, uint8_t *stored, float *centre);

// Nearest list of x, already normalized for cosine, without encoding (leaves encoder->moved filled).
uint32_t nearest_list(RowEncoder *encoder, const float *x);

} // namespace vq::ivf
