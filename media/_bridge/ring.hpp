// A lock-free ring of samples between one producer thread and one consumer thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <vector>

namespace legroom {

class Ring {
 public:
  explicit Ring(size_t capacity) : samples_(capacity) {}

  size_t capacity() const { return samples_.size(); }

  // Samples that can be taken. Exact for the consumer, a lower bound for others.
  size_t readable() const { return written_.load(std::memory_order_acquire) - taken_.load(std::memory_order_relaxed); }

  // Samples that can be put. Exact for the producer, a lower bound for others.
  size_t writable() const {
    return capacity() - (written_.load(std::memory_order_relaxed) - taken_.load(std::memory_order_acquire));
  }

  // Producer only; count must not exceed writable(). A null source puts silence.
  void put(const int16_t* source, size_t count) {
    if (count == 0) return;
    const size_t start = written_.load(std::memory_order_relaxed) % capacity();
    const size_t first = std::min(count, capacity() - start);
    if (source == nullptr) {
      std::memset(&samples_[start], 0, first * sizeof(int16_t));
      std::memset(&samples_[0], 0, (count - first) * sizeof(int16_t));
    } else {
      std::memcpy(&samples_[start], source, first * sizeof(int16_t));
      std::memcpy(&samples_[0], source + first, (count - first) * sizeof(int16_t));
    }
    written_.fetch_add(count, std::memory_order_release);
  }

  // Consumer only; count must not exceed readable().
  void take(int16_t* target, size_t count) {
    if (count == 0) return;
    const size_t start = taken_.load(std::memory_order_relaxed) % capacity();
    const size_t first = std::min(count, capacity() - start);
    std::memcpy(target, &samples_[start], first * sizeof(int16_t));
    std::memcpy(target + first, &samples_[0], (count - first) * sizeof(int16_t));
    taken_.fetch_add(count, std::memory_order_release);
  }

 private:
  std::vector<int16_t> samples_;
  // Totals since creation; their difference is the fill level, so full and empty never look alike.
  std::atomic<size_t> written_{0};
  std::atomic<size_t> taken_{0};
};

}  // namespace legroom
