// CRC-32C of a block of memory, as PostgreSQL's own files have it.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "port/pg_crc32c.h"
}

namespace vq::pg {

inline uint32_t checksum(const void *data, size_t bytes)
{
    pg_crc32c crc;
    INIT_CRC32C(crc);
    COMP_CRC32C(crc, data, bytes);
    FIN_CRC32C(crc);
    return crc;
}

} // namespace vq::pg
