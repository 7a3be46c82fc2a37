#include "ivf/scan/probes.h"

namespace vq::ivf {

uint32_t usual_lists(const Index &index, double target, double depth)
{
    const MetaPage &meta = index.meta;
    const double lists = std::ceil((double)recall_target(index.targets, target, depth).lists);
    return wider_by_sublists(meta, (uint32_t)std::clamp(lists, 1.0, (double)meta.nlist));
}

uint32_t calibrated_nprobe(const MetaPage &meta)
{
    constexpr float kGoodRecall = 0.995f;
    for (uint32_t i = 0; i < kCalibrationPoints; i++)
        if (kCalibrationRecall[i] >= kGoodRecall)
            return Max(meta.calibration[i], 1u);
    return meta.nlist;
}

// Where lists are read in part, so many times the lists are worth a look: of 344 lists of arxiv-minilm-384 20 to 30 % instead
// of the 7 that hold .95 of the neighbours (bench/README.md, the fuzzy layer).
uint32_t wider_by_sublists(const MetaPage &meta, uint32_t lists)
{
    constexpr uint64_t kTimes = 3;
    return meta.sublist_layers > 0 ? (uint32_t)Min(kTimes * lists, (uint64_t)meta.nlist) : lists;
}

double epsilon_of(const Index &index, const ScanSettings &settings)
{
    return settings.epsilon >= 0 ? settings.epsilon
                                 : (double)recall_target(index.targets, settings.target_recall, 10).epsilon;
}

double read_share(const MetaPage &meta, const ScanSettings &settings)
{
    if (meta.sublist_layers == 0)
        return 1;
    return settings.sublist_share > 0 ? settings.sublist_share : meta.sublist_share;
}

} // namespace vq::ivf
