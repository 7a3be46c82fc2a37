// Residual quantizer: products of codewords with one another. With them a beam search needs no residuals. For a row u and a
// beginning e_1, .., e_m of its code,
//
//   ||u - e_1 - .. - e_m - e||^2 = ||u - e_1 - .. - e_m||^2 + (||e||^2 - 2 <u, e>) + sum over j of 2 <e_j, e>
//
// where the first term is the score that the beginning had, the second one is the row's alone, once for every codeword, and the
// products 2 <e_j, e> lie in a table. A residual of 384 floats costs more than all this.
//
// The tables:
//   products  for each layer j but the last, for each of its n = 16 * blocks(K) codewords, for each later layer, for each of its n
//             codewords e: the product, as IEEE half. 1 MB for 64 layers of 16 codewords
//   bytes     of each codeword, side by side: 4 * quads of them. In the image a codeword's bytes lie among those of fifteen others,
//             and all these would be fetched into the cache to take it off
//
// Making them costs as much as encoding some 40 rows without.
#pragma once

#include "core/rq_image.h"

namespace vq::rq {

constexpr size_t kMostProductBytes = 4 << 20;        // beyond, they would not stay in the cache
constexpr size_t kMostProductWork = (size_t)1 << 30; // products of bytes; some 6 ms of one core with AVX-512
constexpr size_t kMostTerms = 2048;                  // codewords of all layers
constexpr size_t kMostProductDims = 8192;            // which work of so many products leaves to a few layers
// In few dimensions residuals are short, and codes leave so little of a row that it drowns in the rounding of sums and halfs:
// 8 layers in 4 dimensions leave a tenth more of it.
constexpr size_t kLeastProductDims = 64;

// Where in the tables everything lies.
struct ProductPlaces
{
    size_t layers, n, width;

    ProductPlaces(size_t dims, size_t m, size_t codewords) noexcept
        : layers(m), n(16 * blocks(codewords)), width(4 * quads(dims))
    {
    }
    explicit ProductPlaces(const RqImage &h) noexcept : ProductPlaces(h.dims, h.layers, h.codewords) {}

    // The products of layer j's codeword k with layer m > j begin at of(j, k) + of_layer(m).
    uint32_t of(size_t j, size_t k) const noexcept { return (uint32_t)(first(j) + k * later(j) - n * j); }
    size_t of_layer(size_t m) const noexcept { return n * (m - 1); }
    size_t count() const noexcept { return first(layers - 1); } // of products
    const int8_t *bytes(const void *tables, size_t layer, size_t k) const noexcept
    {
        return static_cast<const int8_t *>(tables) + padded(count() * sizeof(uint16_t)) +
               (layer * n + k) * width;
    }
    size_t size() const noexcept { return padded(count() * sizeof(uint16_t)) + layers * n * width; }

private:
    size_t later(size_t j) const noexcept { return n * (layers - 1 - j); } // products of one codeword
    size_t first(size_t j) const noexcept { return n * n * (j * (2 * layers - 1 - j) / 2); }
};

// 0 where the search does better without: with many codewords, or very many or few dimensions.
size_t product_table_bytes(size_t dims, size_t layers, size_t codewords) noexcept;
void make_product_tables(const RqImage &h, void *tables) noexcept;

// As choose_codes, with the tables.
void choose_by_products(const RqImage &h, const void *tables, size_t n, float *rows, size_t wanted,
                        uint8_t *codes) noexcept;

} // namespace vq::rq
