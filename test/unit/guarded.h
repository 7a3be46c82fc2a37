// Memory whose end is exact: the byte behind it cannot be read or written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

#include <span>

// `count` elements, zero at first, that end `slack` bytes before an unreadable page. With slack 0 an access
// behind the last element faults; slack 1..3 gives floats a misaligned start (and canary bytes instead of the
// fault).
template <class T>
class Guarded
{
public:
    explicit Guarded(size_t count, size_t slack = 0) : count_(count), slack_(slack)
    {
        const size_t page = (size_t)sysconf(_SC_PAGESIZE);
        const size_t bytes = count * sizeof(T) + slack;
        body_ = (bytes + page - 1) / page * page;
        total_ = body_ + 2 * page; // one unreadable page in front as well
        void *memory = mmap(nullptr, total_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            std::abort();
        base_ = static_cast<uint8_t *>(memory);
        if (body_ && mprotect(base_ + page, body_, PROT_READ | PROT_WRITE) != 0)
            std::abort();
        data_ = base_ + page + body_ - bytes;
        std::memset(base_ + page, kCanary, body_);
        std::memset(data_, 0, count * sizeof(T));
        before_ = (size_t)(data_ - (base_ + page));
    }
    Guarded(std::span<const T> values, size_t slack = 0) : Guarded(values.size(), slack)
    {
        if (!values.empty())
            std::memcpy(data_, values.data(), values.size_bytes());
    }
    Guarded(const Guarded &) = delete;
    Guarded &operator=(const Guarded &) = delete;
    ~Guarded() { munmap(base_, total_); }

    // Not always aligned: for passing on, not for reading through.
    T *data() { return reinterpret_cast<T *>(data_); }
    size_t size() const { return count_; }

    T operator[](size_t i) const
    {
        T value;
        std::memcpy(&value, data_ + i * sizeof(T), sizeof value);
        return value;
    }
    void set(size_t i, T value) { std::memcpy(data_ + i * sizeof(T), &value, sizeof value); }

    // True if nothing was written to the bytes around the elements that the pages leave writable.
    bool intact() const
    {
        for (size_t i = 1; i <= before_; i++)
            if (data_[-(ptrdiff_t)i] != kCanary)
                return false;
        for (size_t i = 0; i < slack_; i++)
            if (data_[count_ * sizeof(T) + i] != kCanary)
                return false;
        return true;
    }

private:
    static constexpr uint8_t kCanary = 0xC5;
    size_t count_, slack_, body_, total_, before_;
    uint8_t *base_, *data_;
};
