// Reads .npy files: 2-d C-order arrays of uint8, float16 or float32 as floats, of int32 or int64 as row numbers.
#pragma once

#include "core/half.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

struct Matrix
{
    size_t rows = 0, dims = 0;
    std::vector<float> data;
    const float *row(size_t i) const { return data.data() + i * dims; }
    float *row(size_t i) { return data.data() + i * dims; }
};

struct Npy
{
    size_t rows = 0, columns = 0;
    char kind = 0; // 'u', 'i' or 'f'
    size_t width = 0;
    std::vector<uint8_t> raw;
};

inline bool read_npy_raw(const char *path, Npy *npy)
{
    std::FILE *file = std::fopen(path, "rb");
    if (!file)
        return false;
    unsigned char head[10];
    bool good = std::fread(head, 1, 10, file) == 10 && std::memcmp(head, "\x93NUMPY\x01", 7) == 0;
    std::string header(good ? (size_t)head[8] | (size_t)head[9] << 8 : 0, ' ');
    good = good && std::fread(header.data(), 1, header.size(), file) == header.size();
    const size_t shape = header.find('('), type = header.find("'descr': '");
    good = good && shape != std::string::npos && type != std::string::npos &&
           std::sscanf(header.c_str() + shape, "(%zu, %zu", &npy->rows, &npy->columns) == 2;
    if (good) {
        npy->kind = header[type + 11];
        npy->width = (size_t)(header[type + 12] - '0');
        npy->raw.resize(npy->rows * npy->columns * npy->width);
        good = std::fread(npy->raw.data(), 1, npy->raw.size(), file) == npy->raw.size();
    }
    std::fclose(file);
    return good;
}

inline bool read_npy(const char *path, Matrix *m)
{
    Npy npy;
    if (!read_npy_raw(path, &npy) || npy.kind == 'i')
        return false;
    m->rows = npy.rows;
    m->dims = npy.columns;
    m->data.resize(npy.rows * npy.columns);
    for (size_t i = 0; i < m->data.size(); i++) {
        uint16_t half;
        if (npy.width == 1)
            m->data[i] = npy.raw[i];
        else if (npy.width == 2)
            std::memcpy(&half, &npy.raw[2 * i], 2), m->data[i] = vq::half_to_float(half);
        else
            std::memcpy(&m->data[i], &npy.raw[4 * i], 4);
    }
    return npy.width == 1 || npy.width == 2 || npy.width == 4;
}

// Row numbers, below 2^32; `columns` of each row.
inline bool read_npy_ids(const char *path, std::vector<uint32_t> *ids, size_t *rows, size_t *columns)
{
    Npy npy;
    if (!read_npy_raw(path, &npy) || npy.kind != 'i' || (npy.width != 4 && npy.width != 8))
        return false;
    *rows = npy.rows;
    *columns = npy.columns;
    ids->resize(npy.rows * npy.columns);
    for (size_t i = 0; i < ids->size(); i++)
        std::memcpy(&(*ids)[i], &npy.raw[npy.width * i], 4); // the low half of an int64
    return true;
}
