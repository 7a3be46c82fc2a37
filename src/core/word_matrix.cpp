#include "core/word_matrix.h"

#include "core/magnitude.h"
#include "simd/kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace vq {

namespace {

constexpr int kDigitBits = 11;
constexpr size_t kDigits = 2;
constexpr float kDigitBase = 1 << kDigitBits;
constexpr float kMostUnits =
    1 << (2 * kDigitBits - 1); // of the largest coordinate: the first digit is then 1,024
// So large may the absolute words of a row be together: times a digit that fits 31 bits.
constexpr double kMostOfRow = (double)(std::numeric_limits<int32_t>::max() >> (kDigitBits - 1));
constexpr double kMostWord = std::numeric_limits<int16_t>::max();

constexpr size_t padded_rows(size_t rows) noexcept
{
    return (rows + 15) / 16 * 16;
}

constexpr size_t pairs_of(size_t columns) noexcept
{
    return (columns + 1) / 2;
}

const uint8_t *book(const uint8_t *m, size_t rows) noexcept
{
    return m + padded_rows(rows) * sizeof(float);
}

const float *scales(const uint8_t *m) noexcept
{
    return reinterpret_cast<const float *>(m);
}

// Adding and taking off this rounds a float below 2^22 to the nearest whole number, which compilers do not do for many at a time.
constexpr float kRounding = 0x1.8p23f;

// The digits of x, each in its own row of 2 * pairs. Returns the unit; no number where x is not finite.
float take_digits(const float *x, size_t columns, int16_t *first, int16_t *second) noexcept
{
    const float most = std::bit_cast<float>(largest_bits(x, columns));
    const bool usable = most > simd::kLeastRounded && most <= std::numeric_limits<float>::max();
    const float inverse = usable ? kMostUnits / most : 0;
    for (size_t j = 0; j < columns; j++) {
        const float rounded = (usable ? x[j] : 0) * inverse + kRounding;
        const int32_t units = (int32_t)(rounded - kRounding);
        const int32_t high = (units + (1 << (kDigitBits - 1))) >> kDigitBits;
        first[j] = (int16_t)high;
        second[j] = (int16_t)(units - (high << kDigitBits));
    }
    if (columns % 2 == 1)
        first[columns] = second[columns] = 0;
    return most <= std::numeric_limits<float>::max() ? most / kMostUnits
                                                     : std::numeric_limits<float>::quiet_NaN();
}

} // namespace

size_t word_matrix_bytes(size_t rows, size_t columns) noexcept
{
    return padded_rows(rows) * (sizeof(float) + 2 * pairs_of(columns) * sizeof(int16_t));
}

float round_to_words(const float *row, size_t columns, int16_t *words) noexcept
{
    double most = 0, sum = 0, square = 0, rounded_square = 0;
    for (size_t j = 0; j < columns; j++) {
        most = std::max(most, std::fabs((double)row[j]));
        sum += std::fabs((double)row[j]);
        square += (double)row[j] * row[j];
    }
    // Rounding may add half a unit to each.
    const double times = most > 0 ? std::min(kMostWord / most, (kMostOfRow - (double)columns) / sum) : 0;
    for (size_t j = 0; j < columns; j++) {
        words[j] = (int16_t)std::nearbyint(row[j] * times);
        rounded_square += (double)words[j] * words[j];
    }
    return rounded_square > 0 ? (float)std::sqrt(square / rounded_square) : 0;
}

void word_matrix_put(uint8_t *m, size_t rows, size_t columns, size_t i, const int16_t *words,
                     float scale) noexcept
{
    std::memcpy(m + i * sizeof(float), &scale, sizeof scale);
    uint8_t *to = const_cast<uint8_t *>(book(m, rows)) + i / 16 * 64 * pairs_of(columns) + i % 16 * 4;
    for (size_t j = 0; j < columns; j++)
        std::memcpy(to + j / 2 * 64 + j % 2 * 2, words + j, sizeof *words);
}

bool word_matrix_valid(const uint8_t *m, size_t rows) noexcept
{
    return all_finite(scales(m), padded_rows(rows));
}

void word_matrix_times(const uint8_t *m, size_t rows, size_t columns, const float *const *x, size_t n,
                       float *const *y) noexcept
{
    if (n == 0)
        return;
    const size_t stride = 2 * pairs_of(columns), padded = padded_rows(rows);
    int16_t digits[kTimesTogether * kDigits * kMostSide];
    int32_t dots[kTimesTogether * kDigits * padded_rows(kMostSide)];
    float unit[kTimesTogether];
    for (size_t v = 0; v < n; v++) {
        int16_t *first = digits + kDigits * v * stride;
        unit[v] = take_digits(x[v], columns, first, first + stride);
    }
    simd::kernels().word_dots(digits, kDigits * n, stride, book(m, rows), padded / 16, stride / 2, dots,
                              padded);
    const float *scale = scales(m);
    for (size_t v = 0; v < n; v++) {
        const int32_t *first = dots + kDigits * v * padded, *second = first + padded;
        for (size_t i = 0; i < rows; i++)
            y[v][i] = ((float)first[i] * kDigitBase + (float)second[i]) * scale[i] * unit[v];
    }
}

} // namespace vq
