// Index options that all access methods share, and the parser behind their WITH clause.
#pragma once

#include "ivf/store/access_method.h"

namespace vq::ivf {

// Registers the common options for a new kind; from _PG_init.
relopt_kind register_options();

// Parses a WITH clause: the common options and `own` ones, whose offsets are fields of IndexOptions::codec.
bytea *parse_options(Datum reloptions, bool validate, relopt_kind kind, const relopt_parse_elt *own,
                     int own_count);

constexpr int codec_option(int i)
{
    return (int)(offsetof(IndexOptions, codec) + (size_t)i * sizeof(int));
}

constexpr int kUnset = -1;

} // namespace vq::ivf
