// The only place that looks at PG_VERSION_NUM: differences between PostgreSQL 13 and 18.
// Included by pg/postgres_cpp.h after postgres.h, inside extern "C"; never include it directly.
#pragma once

#ifndef PG_VERSION_NUM
#error "include pg/postgres_cpp.h"
#endif

#if PG_VERSION_NUM < 130000
#error "vector_quant needs PostgreSQL 13 or later"
#endif

// 16 moved the varlena macros out of postgres.h.
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

// 18 lets a module name itself; shown by pg_get_loaded_modules().
#if PG_VERSION_NUM >= 180000
#define VQ_MODULE_MAGIC(module_name, module_version)                                                         \
    PG_MODULE_MAGIC_EXT(.name = module_name, .version = module_version)
#else
#define VQ_MODULE_MAGIC(module_name, module_version) PG_MODULE_MAGIC
#endif
