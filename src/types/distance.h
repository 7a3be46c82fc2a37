// The functions behind the ORDER BY operators of our own types.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
PGDLLEXPORT Datum vq_l2_distance(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum vq_vector_negative_inner_product(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum vq_cosine_distance(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum vq_halfvec_l2_distance(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum vq_halfvec_negative_inner_product(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum vq_halfvec_cosine_distance(PG_FUNCTION_ARGS);
}
