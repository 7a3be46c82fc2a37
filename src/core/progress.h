// How long work reports its progress and is asked to stop.
#pragma once

#include <algorithm>

namespace vq {

struct Progress
{
    // Called every few milliseconds of work with the share done, 0..1; false stops the work.
    bool (*call)(void *arg, double done) = nullptr;
    void *arg = nullptr;

    bool go_on(double done) const noexcept { return call == nullptr || call(arg, done); }
};

// Work that is a share of a whole: it reports 0..1, the whole is told from .. from + share.
struct Part
{
    const Progress &whole;
    double from, share;

    bool go_on(double done) const noexcept { return whole.go_on(std::min(1.0, from + share * done)); }
    static bool call(void *part, double done) noexcept { return static_cast<Part *>(part)->go_on(done); }
};

} // namespace vq
