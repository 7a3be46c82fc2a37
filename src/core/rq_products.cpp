// Residual quantizer: the tables of codewords' products.
#include "core/rq_products.h"

#include <algorithm>

namespace vq::rq {

namespace {

// Sixteen codewords of a layer as rows of bytes.
void put_side_by_side(const RqImage &h, size_t layer, size_t block, int8_t *rows) noexcept
{
    const size_t groups = quads(h.dims);
    const uint8_t *bytes = book(h, layer) + place(h, 16 * block, 0);
    for (size_t q = 0; q < groups; q++)
        for (size_t k = 0; k < 16; k++)
            for (size_t d = 0; d < 4; d++) // zeros are in damaged images only
                rows[(k * groups + q) * 4 + d] =
                    (int8_t)(std::max<uint8_t>(bytes[64 * q + 4 * k + d], 1) - 128);
}

// Products of sixteen codewords of layer j with those of layer m.
void multiply_block(const RqImage &h, size_t j, size_t block, size_t m, const int8_t *rows,
                    uint16_t *products) noexcept
{
    const ProductPlaces p(h);
    int32_t dots[16 * kMostCodewords];
    float twice[kMostCodewords];
    simd::kernels().byte_dots(rows, 16, p.width, book(h, m), p.n / 16, 16 * p.width, p.width / 4, dots, p.n);
    for (size_t k = 0; k < 16; k++) {
        const float scale = 2 * scales(h, j)[16 * block + k];
        for (size_t i = 0; i < p.n; i++)
            twice[i] = scale * scales(h, m)[i] * (float)dots[k * p.n + i];
        simd::kernels().float_to_half(twice, products + p.of(j, 16 * block + k) + p.of_layer(m), p.n);
    }
}

} // namespace

size_t product_table_bytes(size_t dims, size_t layers, size_t codewords) noexcept
{
    const ProductPlaces p(dims, layers, codewords);
    const bool pays = p.n * p.layers <= kMostTerms && dims >= kLeastProductDims && dims <= kMostProductDims &&
                      p.size() <= kMostProductBytes && p.count() * p.width <= kMostProductWork;
    return pays ? p.size() : 0;
}

void make_product_tables(const RqImage &h, void *tables) noexcept
{
    const ProductPlaces p(h);
    for (size_t j = 0; j < p.layers; j++)
        for (size_t block = 0; block < p.n / 16; block++) {
            int8_t *rows = const_cast<int8_t *>(p.bytes(tables, j, 16 * block));
            put_side_by_side(h, j, block, rows);
            for (size_t m = j + 1; m < p.layers; m++)
                multiply_block(h, j, block, m, rows, static_cast<uint16_t *>(tables));
        }
}

} // namespace vq::rq
