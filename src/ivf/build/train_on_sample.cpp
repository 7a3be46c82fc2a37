#include "ivf/build/train_on_sample.h"

#include "ivf/build/outliers.h"
#include "ivf/build/units.h"

namespace vq::ivf {

Sample no_sample(uint32_t dims)
{
    Sample none = {};
    none.dims = dims;
    none.scale = 1;
    return none;
}

bool train_on_sample(Training *t, const AccessMethod *am, const IndexOptions *options,
                     const IndexedColumn &column, Sample *sample, BuildProgress *progress)
{
    scale_sample(sample);
    set_outliers_aside(sample);
    const RefineTraining refine = train_refine(options, *sample);
    if (column.metric == Metric::Cosine) {
        normalize_sample(sample);
        set_outliers_aside(sample);
    }
    train(t, am, options, column, sample, refine, progress);
    if (!t->meta.trained)
        forget_calibration(&t->meta);
    return valid_training(*t, am);
}

} // namespace vq::ivf
