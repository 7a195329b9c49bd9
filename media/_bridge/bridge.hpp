// One conference bridge with a clock of its own.
#pragma once

#include <pjmedia.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "port.hpp"

namespace legroom {

struct TickStatistics {
  uint64_t count;       // ticks since the start
  uint64_t late;        // ticks that began more than kLateUs after their time
  uint64_t jumps;       // times that the schedule had to be started anew
  uint64_t worst_us;    // the worst lateness
  uint64_t busy_us;     // time spent mixing, all ticks together
  uint64_t longest_us;  // the longest tick
};

// Mono, 20 ms a tick. Changes take effect at the next tick, in the order they were asked for. Any thread may ask.
class Bridge {
 public:
  static constexpr uint64_t kLateUs = 5000;
  // Slot 0 takes audio to nowhere: a stream must be drained even when nobody listens, or it would be heard late.
  static constexpr unsigned kDrain = 0;

  Bridge(unsigned rate, unsigned workers, unsigned max_ports);
  ~Bridge();
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

  unsigned rate() const { return rate_; }
  unsigned add(const std::shared_ptr<Port>& port);
  void remove(unsigned slot);
  void connect(unsigned source, unsigned sink, double gain);
  void disconnect(unsigned source, unsigned sink);
  void set_gain(unsigned source, unsigned sink, double gain);
  // What was last heard from a slot and played to it, 0 to 255 on a logarithmic scale.
  std::pair<unsigned, unsigned> levels(unsigned slot);
  TickStatistics statistics() const;
  unsigned ports();
  // Readable after each tick; Python waits on it, the clock never does.
  int event_fd() const { return event_fd_; }
  void close();

 private:
  static pj_status_t on_tick(pjmedia_port* port, pjmedia_frame* frame);
  void measure(uint64_t began_us, uint64_t ended_us);
  pjmedia_conf* open_conf() const;
  void check_slot(unsigned slot) const;

  const unsigned rate_;
  const unsigned max_ports_;
  int event_fd_ = -1;
  std::mutex mutex_;
  pj_pool_t* pool_ = nullptr;
  pjmedia_conf* conf_ = nullptr;
  pjmedia_master_port* clock_ = nullptr;
  pjmedia_port* sink_ = nullptr;
  pjmedia_port tick_{};
  std::unordered_map<unsigned, std::shared_ptr<Port>> members_;

  uint64_t expected_us_ = 0;  // clock thread only
  std::atomic<uint64_t> count_{0}, late_{0}, jumps_{0}, worst_us_{0}, busy_us_{0}, longest_us_{0};
};

}  // namespace legroom
