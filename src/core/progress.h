// How long work reports its progress and is asked to stop.
#pragma once

namespace vq {

struct Progress
{
    // Called every few milliseconds of work with the share done, 0..1; false stops the work.
    bool (*call)(void *arg, double done) = nullptr;
    void *arg = nullptr;

    bool go_on(double done) const noexcept { return call == nullptr || call(arg, done); }
};

} // namespace vq
