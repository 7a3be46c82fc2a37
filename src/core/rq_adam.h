// Residual quantizer: codewords of all layers trained together by Adam (Kingma and Ba 2015), after the linear training.
//
// Loss: the mean of ||u - sum over m of e_m[code_m(u)]||^2 over a batch of unit residuals; the beam chooses the codes
// anew, with the codebooks as they would be stored. The gradient of a codeword is -2 / batch times the sum of what the
// codes of its users leave. A layer's codewords are e_k = A c_k, where Adam moves the c_k and the layer's transform A
// (width x width, at first the identity): with the gradients g_k of the e_k, those of the c_k are A^T g_k, that of A is
// the sum of g_k c_k^T. Only e is ever encoded with or stored: the transform is folded into the codewords.
//
// Every kRefitEvery iterations a linear refit moves the codewords to where the rows that they have are nearest: by the
// codes of the batches since the last one, in which every row of the sample was. Then c starts from e, and A from the
// identity again. Some rows of the sample are set aside; what is kept is what leaves least of them, the linear codebooks
// among it.
//
// Measured on rows that were not of the sample: arxiv-minilm-384 at 24 layers .319 linear, .301 trained; at 8 layers
// .545, .4997 without transforms and .4994 with them; fashion-mnist-784 at 8 layers .430, .406 without.
//
// Memory: 12 bytes for each float of codebooks and transforms, and an image: 75 MB for 24 layers of 256 codewords of 384
// dimensions. Time: about 4 minutes for these, on one core with AVX-512, linear training included. What would take more
// than 1 GiB does without transforms, then without the last layers, which only the refits move; what would take more
// time without transforms, then with fewer iterations, or stays linear.
//
// The same seed and rows give the same image on one level of the CPU; on others up to the rounding of dot products, and
// what follows from it.
#pragma once

#include "core/rq_work.h"

namespace vq::rq_detail {

constexpr size_t kRefitEvery = 100; // iterations, as in the paper

struct AdamPlan
{
    size_t batch;      // rows of an iteration
    size_t layers;     // whose codewords Adam moves: the first ones
    bool transform;    // and their transforms
    size_t iterations; // 0: the linear training is all
    size_t set_aside;  // rows of the sample
    size_t scratch;    // bytes
};
AdamPlan adam_plan(const CodecOptions &options, size_t rows) noexcept;

// Rows in scratch are overwritten. Expects plan.set_aside rows behind t.rows in which(). Fills training_gain.
[[nodiscard]] bool train_together(Trainer &t, const AdamPlan &plan, const Part &part) noexcept;

// --- what its two files share ---

// Progress in units of an iteration.
struct Work
{
    const Part &part;
    double all, done;

    double now() const noexcept { return part.from + part.share * std::min(1.0, done / all); }
    bool go_on(double units) const noexcept { return part.go_on(std::min(1.0, (done + units) / all)); }
};

// What Adam moves, and running means of its gradient and of the gradient's square.
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
    float *square;   // width x width
    float *books[3]; // codewords x width, or width x codewords
    uint8_t *best;   // codebooks as in the image
    size_t steps;    // so far
};

// The codewords of the image become those that Adam moves; transforms become the identity.
[[nodiscard]] bool fold_transforms(Adam &a, const Work &work) noexcept;

// One step of all layers along the gradient of the batch of n rows from `first` (in a circle), whose codes are chosen and
// whose rows are what they leave. fade: the learning rate's share, 0..1.
[[nodiscard]] bool step(Adam &a, size_t first, size_t n, double fade, const Work &work) noexcept;

} // namespace vq::rq_detail
