// What a build tells the user who gave it too few rows. One message at most for an index.
#pragma once

#include "ivf/format.h"
#include "ivf/sample.h"

namespace vq::ivf {

struct Trained
{
    const CodecOps *codec;
    const MetaPage *meta;
    const uint8_t *codec_image;
    size_t codec_rows; // that the codec was trained on
    bool nlist_given;  // by the user; else it follows from the rows
};

// A NOTICE where an index is built on too few rows to be good, with what to do about it; a WARNING where more was asked for
// than the rows can have.
void report_shortage(const Trained &trained, const Sample &sample, Relation index);

} // namespace vq::ivf
