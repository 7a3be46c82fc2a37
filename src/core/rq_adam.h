// Residual quantizer: codewords of all layers trained together by Adam (Kingma and Ba, Adam: a method for stochastic
// optimization, ICLR 2015), after the linear training of rq_layers.cpp and rq_refit.cpp.
//
// Loss: the mean of ||u - sum over m of e_m[code_m(u)]||^2 over a batch of unit residuals u. For each batch the beam search
// chooses codes anew, with the codebooks as they would be stored. The gradient of a codeword is -2 / batch times the sum of
// what the codes leave of the rows that have it. A layer's codewords are e_k = A c_k; Adam moves the c_k and the layer's
// transform A (width x width, at first the identity). If g_k are the gradients of the e_k, those of the c_k are A^T g_k, and
// that of A is the sum of g_k c_k^T. Rows are encoded with e_k, and only e_k is stored: the transform is folded into the
// codewords.
//
// Every kRefitEvery iterations a linear refit (refit_codes) moves each codeword to where it suits the rows that have it, by
// the codes that rows got in their latest batch. Then c starts from e, and A from the identity again. Some rows of the sample
// are set aside: of the codebooks after each refit and the linear ones, those are kept that leave the least of these rows.
//
// Measured, as the share of the square that is left of rows that are not of the sample: arxiv-minilm-384 at 24 layers .319
// linear, .301 trained; at 8 layers .545 linear, .4997 trained without transforms and .4994 with them; fashion-mnist-784 at
// 8 layers .430 linear, .406 trained without transforms.
//
// Memory: 12 bytes for each float of codebooks and transforms, and one image: 75 MB for 24 layers of 256 codewords of 384
// dimensions. Time: about 4 minutes for these, on one core with AVX-512, linear training included. Where all this would take
// more than 1 GiB, transforms are left out, then the last layers, which only the refits move then. Where it would take much
// more time, transforms are left out, then there are fewer iterations; where those would be too few, training stays linear.
//
// The same seed and rows give the same image on CPUs with the same instruction set. On others, dot products round differently,
// and with them what follows.
#pragma once

#include "core/rq_work.h"

namespace vq::rq_detail {

constexpr size_t kRefitEvery = 100; // iterations, as in the paper (docs/formulas.md, [WRVQ])

struct AdamPlan
{
    size_t batch;      // rows of an iteration
    size_t layers;     // whose codewords Adam moves: the first ones
    bool transform;    // whether it moves their transforms too
    size_t iterations; // 0: no training by Adam
    size_t set_aside;  // so many rows of the sample
    size_t scratch;    // bytes
};
AdamPlan adam_plan(const CodecOptions &options, size_t rows) noexcept;

// Overwrites the rows in scratch. Expects that which() names plan.set_aside more rows behind the first t.rows. Fills training
// and training_gain.
[[nodiscard]] bool train_together(Trainer &t, const AdamPlan &plan, const Part &part) noexcept;

// --- what its two files share ---

// Progress, counted in iterations.
struct Work
{
    const Part &part;
    double all, done;

    double now() const noexcept { return part.from + part.share * std::min(1.0, done / all); }
    bool go_on(double units) const noexcept { return part.go_on(std::min(1.0, (done + units) / all)); }
};

// Numbers that Adam moves, and for each the running means of its gradient and of the gradient's square.
struct Moved
{
    float *x, *mean, *mean_sq;
};

// Views into scratch; arrays are layer by layer.
struct Adam
{
    Trainer &t;
    const AdamPlan &plan;
    size_t book; // floats of a codebook: codewords x width
    Moved codewords, transforms;
    float *square;   // scratch: width x width
    float *books[3]; // scratch: codewords x width, or width x codewords
    uint8_t *best;   // the codebooks that are kept, as in the image
    size_t steps;    // of Adam, so far
};

// The codewords of the image become those that Adam moves; transforms become the identity.
[[nodiscard]] bool fold_transforms(Adam &a, const Work &work) noexcept;

// One step of all layers along the gradient of a batch: the n rows from `first` on, after the last row the first again. Their
// codes are chosen, and the rows in scratch are what these leave. fade: factor of the learning rates, 0..1.
[[nodiscard]] bool step(Adam &a, size_t first, size_t n, double fade, const Work &work) noexcept;

} // namespace vq::rq_detail
