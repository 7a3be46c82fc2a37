// Residual quantizer: codewords of all layers trained together: how long, and what is kept of it.
#include "core/rq_adam.h"

#include <cmath>
#include <cstring>

namespace vq::rq_detail {

namespace {

constexpr size_t kMostIterations = 1000; // as in the paper on this quantizer
constexpr size_t kMostEpochs = 32;       // rounds over the sample; more would overfit a small one
constexpr size_t kUsers = 4;             // rows in a batch for each codeword of a layer
constexpr size_t kLeastBatch = 128;
constexpr size_t kLeastIterations = 40; // fewer are not worth the memory
constexpr size_t kMostScratch = (size_t)1 << 30;
constexpr size_t kMostTransform = 1024; // width; with wider ones, calls of progress would be too far apart
constexpr size_t kLeastRowsPerCodeword = 64; // fewer would be overfitted
constexpr size_t kMostSetAside = 2048;
constexpr size_t kSetAsideShare = 16; // one row of so many is set aside
// Beginnings of a code that survive a layer in training: half the time of kBeam. (Two leave .3 % more than five.) Rows set
// aside are encoded with kBeam.
constexpr size_t kTrainingBeam = 3;
constexpr double kEncodeShare = .6; // of an iteration's time
constexpr int kPatience = 3;        // after so many refits without gain, in the second half, training ends
constexpr double kCheckWork = 6;    // time of a refit and what belongs to it, in iterations

// Costs, in units of the product of two bytes (10 ps on one core with AVX-512). kMostCost is 3 minutes there, which 1,000
// iterations of 24 layers of 256 codewords of 384 dimensions take.
constexpr double kMostCost = 1.8e13;
constexpr double kFloatProduct = 2.5;
constexpr double kParameter = 400; // a number that Adam moves, once
constexpr double kTakeOff = 30;    // subtracting one coordinate of a codeword

size_t rounded_floats(size_t floats) noexcept
{
    return padded(floats * sizeof(float));
}

struct Sizes
{
    size_t layers, codewords, width, book, square, best;

    explicit Sizes(const CodecOptions &o) noexcept
        : layers((size_t)o.value[ResidualQuantizer::kLayers]),
          codewords((size_t)o.value[ResidualQuantizer::kCodewords]), width(4 * quads(o.dims)),
          book(codewords * width), square(width * width), best(layers * layer_bytes(o.dims, codewords))
    {
    }
    size_t scratch(const AdamPlan &p) const noexcept
    {
        size_t bytes = padded(best) + 3 * rounded_floats(p.layers * book);
        if (p.transform)
            bytes +=
                3 * rounded_floats(p.layers * square) + rounded_floats(square) + 3 * rounded_floats(book);
        return bytes;
    }
    double cost(const AdamPlan &p) const noexcept // of an iteration
    {
        const double K = 16.0 * (double)blocks(codewords), W = (double)width,
                     encode = (double)p.batch * kTrainingBeam * W * (K + kTakeOff) * (double)layers,
                     codebooks = (double)(p.layers * book) * kParameter,
                     transforms = (double)p.layers * W * W * (3 * K * kFloatProduct + kParameter);
        return encode + codebooks + (p.transform ? transforms : 0);
    }
    size_t iterations(const AdamPlan &p, size_t rows) const noexcept
    {
        return std::min({kMostIterations, (size_t)(kMostCost / cost(p)), kMostEpochs * rows / p.batch});
    }
};

// --- rows ---

// Chooses the batch's codes; its rows become what they leave.
bool encode_batch(Trainer &t, size_t first, size_t n, const Work &work) noexcept
{
    const size_t together = rows_together(*t.h);
    remake_tables(t, n);
    for (size_t done = 0, some; done < n; done += some) {
        const size_t at = (first + done) % t.rows;
        some = std::min({together, n - done, t.rows - at});
        encode_together(t, at, some, kTrainingBeam);
        if (!work.go_on(kEncodeShare * (double)done / (double)n))
            return false;
    }
    return true;
}

// All rows become what their latest codes leave, with the codewords as they are now.
bool take_codes_off(Trainer &t, const Work &work) noexcept
{
    const size_t some = rows_between_calls(t, 32 * t.h->layers);
    for (size_t i = 0; i < t.rows; i++) {
        (void)read_unit(t, t.which()[i], t.row(i));
        for (size_t m = 0; m < t.h->layers; m++)
            (void)take_off(*t.h, m, t.codes(i)[m], t.row(i), t.row(i));
        if ((i + 1) % some == 0 && !work.go_on(0))
            return false;
    }
    return true;
}

// Mean squared length that codes leave of the rows set aside.
bool energy_left(Trainer &t, const AdamPlan &plan, const Work &work, double *energy) noexcept
{
    const size_t together = rows_together(*t.h);
    remake_tables(t, plan.set_aside);
    float left[kBatchFloats];
    uint8_t codes[kMostTogether * kMostLayers];
    double sum = 0;
    for (size_t i = 0, some; i < plan.set_aside; i += some) {
        some = std::min(together, plan.set_aside - i);
        for (size_t j = 0; j < some; j++)
            (void)read_unit(t, t.which()[t.rows + i + j], left + j * t.width);
        choose_codes(*t.h, t.tables, some, left, kBeam, codes);
        for (size_t j = 0; j < some; j++) {
            const double norm = residual_norm(left + j * t.width, t.width);
            sum += norm * norm;
        }
        if (!work.go_on(0))
            return false;
    }
    *energy = sum / (double)plan.set_aside;
    return true;
}

// --- the course of it ---

Adam views(Trainer &t, const AdamPlan &plan) noexcept
{
    const Sizes s(t.options);
    uint8_t *at = t.scratch + t.l.adam;
    const auto floats = [&at](size_t n) {
        float *p = reinterpret_cast<float *>(at);
        at += rounded_floats(n);
        return p;
    };
    const auto moved = [&](size_t n) { return Moved{floats(n), floats(n), floats(n)}; };
    Adam a = {t, plan, s.book, moved(plan.layers * s.book), {}, nullptr, {}, nullptr, 0};
    if (plan.transform) {
        a.transforms = moved(plan.layers * s.square);
        a.square = floats(s.square);
        for (float *&book : a.books)
            book = floats(s.book);
    }
    a.best = at;
    return a;
}

// Running means before the first gradient.
bool clear_means(Adam &a, const Work &work) noexcept
{
    const auto clear = [](const Moved &moved, size_t layer, size_t n) {
        std::fill_n(moved.mean + layer * n, n, 0.0f);
        std::fill_n(moved.mean_sq + layer * n, n, 0.0f);
    };
    for (size_t m = 0; m < a.plan.layers; m++) {
        clear(a.codewords, m, a.book);
        if (a.plan.transform)
            clear(a.transforms, m, a.t.width * a.t.width);
        if (!work.go_on(0))
            return false;
    }
    return true;
}

// The best codebooks so far.
struct Kept
{
    double energy;
    int since; // refits since then, which left more

    void look(Adam &a, double left) noexcept
    {
        since++;
        if (!(left < energy))
            return;
        energy = left;
        since = 0;
        std::memcpy(a.best, a.t.h + 1, Sizes(a.t.options).best);
    }
};

// Refits, folds the transforms, and keeps the codebooks if they are the best so far.
bool refit_and_look(Adam &a, const Work &work, Kept *kept) noexcept
{
    double energy;
    if (!take_codes_off(a.t, work) || !refit_codes(a.t, {a.t.progress, work.now(), 0}) ||
        !fold_transforms(a, work) || !energy_left(a.t, a.plan, work, &energy))
        return false;
    kept->look(a, energy);
    return true;
}

bool iterate(Adam &a, Work &work, Kept *kept) noexcept
{
    const size_t n = std::min(a.plan.batch, a.t.rows), all = a.plan.iterations;
    for (size_t i = 0, first = 0; i < all; i++, first = (first + n) % a.t.rows) {
        const double fade = .5 * (1 + std::cos(3.14159265358979 * (double)i / (double)all));
        const Work rest = {work.part, work.all, work.done + kEncodeShare};
        if (!encode_batch(a.t, first, n, work) || !step(a, first, n, fade, rest))
            return false;
        work.done++;
        if ((i + 1) % kRefitEvery != 0 && i + 1 != all)
            continue;
        if (!refit_and_look(a, work, kept))
            return false;
        work.done += kCheckWork;
        if (kept->since >= kPatience && 2 * i > all)
            return true;
    }
    return true;
}

} // namespace

AdamPlan adam_plan(const CodecOptions &o, size_t rows) noexcept
{
    AdamPlan none = {}, p = {};
    const Sizes s(o);
    if (o.value[ResidualQuantizer::kTraining] != ResidualQuantizer::kTrained ||
        rows < kLeastRowsPerCodeword * s.codewords)
        return none;
    p.batch = std::max(kUsers * s.codewords, kLeastBatch);
    p.layers = s.layers;
    p.transform = true;
    if (s.width > kMostTransform || s.scratch(p) > kMostScratch ||
        kMostCost / s.cost(p) < kMostIterations / 4)
        p.transform = false;
    while (p.layers > 0 && s.scratch(p) > kMostScratch)
        p.layers--;
    p.iterations = s.iterations(p, rows);
    if (p.layers == 0 || p.iterations < kLeastIterations)
        return none;
    p.set_aside = std::min(rows / kSetAsideShare, kMostSetAside);
    p.scratch = s.scratch(p);
    return p;
}

bool train_together(Trainer &t, const AdamPlan &plan, const Part &part) noexcept
{
    const double checks = 1 + std::ceil((double)plan.iterations / kRefitEvery);
    Work work = {part, (double)plan.iterations + kCheckWork * checks, 0};
    Adam a = views(t, plan);
    double linear;
    if (!energy_left(t, plan, work, &linear) || !clear_means(a, work) || !fold_transforms(a, work))
        return false;
    work.done += kCheckWork;
    Kept kept = {INFINITY, 0};
    kept.look(a, linear);
    if (!iterate(a, work, &kept))
        return false;
    std::memcpy(t.h + 1, a.best, Sizes(t.options).best);
    t.h->training = ResidualQuantizer::kTrained;
    t.h->training_gain = linear > 0 ? (float)(1 - kept.energy / linear) : 0;
    return true;
}

} // namespace vq::rq_detail
