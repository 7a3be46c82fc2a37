// Residual quantization as the literature has it, in float: what ours (core/residual_quantizer.h) is measured against.
//   plain  codewords are centroids of what the layers before left; a layer takes its codeword off
//   unit   codewords are centroids of the unit vectors along it; a layer takes its codeword off times the norm of what is
//          left, a weight a layer and row, which is stored with the code
// The nearest codeword is the one that leaves least. Both are trained layer by layer: the first layers of a quantizer are
// the quantizer of fewer.
#pragma once

#include "npy.h"

#include <vector>

namespace vq::bench {

struct Layered
{
    bool unit;
    std::vector<Matrix> books;   // codewords of each layer
    std::vector<double> seconds; // CPU, of the training up to each layer
};

// rounds of Lloyd's algorithm a layer, all but the first few over all codewords.
Layered train_layered(bool unit, const Matrix &sample, size_t layers, size_t codewords, int rounds);

struct Losses
{
    double whole = 0;         // sum of the rows' squared norms
    std::vector<double> left; // of what each layer leaves of them

    double nmse(size_t layers) const { return left[layers - 1] / whole; }
};

// Encodes rows by the first `layers` layers; the best `beam` beginnings survive a layer. left: what the last layer leaves, as
// many rows as there are; may be null.
Losses encode_layered(const Layered &quantizer, size_t layers, size_t beam, const Matrix &rows, Matrix *left);

} // namespace vq::bench
