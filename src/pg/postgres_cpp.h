// The one door to PostgreSQL's headers. Every file that calls PostgreSQL includes this and no PostgreSQL
// header before it.
//
// Order in a file: core/ and simd/ headers, then this, then further PostgreSQL headers inside extern "C".
// Standard headers come before postgres.h because it defines Min, Max, Abs, _(), ERROR and the printf family
// as macros. Behind this door: no std:: containers, no exceptions, only trivially destructible locals;
// ereport(ERROR) is a longjmp and runs no destructor.
#pragma once

#include <algorithm>
#include <bit>
#include <cerrno>
#include <climits>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

extern "C" {
#include "postgres.h"

#include "fmgr.h"
#include "pg/compat.h"
}

// Defines a function callable from SQL:   VQ_FUNCTION(vq_vector_in) { ... PG_RETURN_POINTER(result); }
// The export is declared before PG_FUNCTION_INFO_V1: up to 15 that macro declares the function without it.
#define VQ_FUNCTION(name)                                                                                    \
    extern "C" {                                                                                             \
    PGDLLEXPORT Datum name(PG_FUNCTION_ARGS);                                                                \
    PG_FUNCTION_INFO_V1(name);                                                                               \
    }                                                                                                        \
    Datum name(PG_FUNCTION_ARGS)
