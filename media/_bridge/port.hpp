// Ports: what plays into a bridge and hears from it.
//
// A Port is what Python holds. Adding it to a bridge makes a Member, the pjmedia_port that the conference sees.
// The conference lets go of a member only at a later tick; a port in the meantime may already be in another bridge,
// or its stream gone. So a member asks its port on every frame, and a port serves only its newest member.
#pragma once

#include <pjmedia.h>

#include <atomic>
#include <memory>
#include <mutex>

#include "pj.hpp"
#include "ring.hpp"

namespace legroom {

constexpr unsigned kFrameMs = 20;

// What a port's frames look like.
struct Format {
  unsigned rate;      // Hz
  unsigned channels;  // 1 or 2
  unsigned samples;   // per frame, all channels
};

struct Member;

class Port {
 public:
  explicit Port(Format format) : format_(format) {}
  virtual ~Port() = default;
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  const Format& format() const { return format_; }

  // Serve this member from now on, and no other. Null: serve none.
  void serve(const Member* member);

  // Called by members on a clock thread.
  pj_status_t get(const Member* member, pjmedia_frame* frame);
  pj_status_t put(const Member* member, pjmedia_frame* frame);

 protected:
  // Called with mutex_ held, on a clock thread.
  virtual pj_status_t produce(pjmedia_frame* frame) = 0;
  virtual pj_status_t consume(pjmedia_frame* frame) = 0;

  // Held for a frame's work, and by others only to change a pointer: the clock never waits for Python.
  std::mutex mutex_;

 private:
  const Format format_;
  const Member* serving_ = nullptr;
};

// A port over two rings: Python reads what the bridge plays to it and writes what it plays to the bridge.
class RingPort : public Port {
 public:
  // read_ms and write_ms are the rings' depths; 0 leaves that direction out. Throws std::invalid_argument.
  RingPort(unsigned rate, unsigned read_ms, unsigned write_ms);

  size_t readable() const { return from_bridge_.readable(); }
  size_t writable() const { return to_bridge_.writable(); }
  void read(int16_t* target, size_t count) { from_bridge_.take(target, count); }
  size_t write(const int16_t* source, size_t count);

  // Samples that the bridge played and that found the ring full.
  uint64_t overrun_samples() const { return overrun_samples_.load(std::memory_order_relaxed); }
  // Times that the bridge wanted a frame and the ring ran dry in mid-flow.
  uint64_t underruns() const { return underruns_.load(std::memory_order_relaxed); }

 protected:
  pj_status_t produce(pjmedia_frame* frame) override;
  pj_status_t consume(pjmedia_frame* frame) override;

 private:
  Ring from_bridge_;
  Ring to_bridge_;
  bool flowing_ = false;  // the last frame was whole
  std::atomic<uint64_t> overrun_samples_{0};
  std::atomic<uint64_t> underruns_{0};
};

// A SIP stream's own port, taken from pjsua.
class StreamPort : public Port {
 public:
  explicit StreamPort(pjmedia_port* stream);
  ~StreamPort() override;

  // The stream is about to go: touch it no more.
  void detach();

 protected:
  pj_status_t produce(pjmedia_frame* frame) override;
  pj_status_t consume(pjmedia_frame* frame) override;

 private:
  pjmedia_port* stream_;
  pj_grp_lock_t* lifetime_;
};

// A pjmedia_port in a pool of its own, freed when its last reference goes. Without a port it is silent: that is what
// pjsua gets in place of a stream that was taken.
struct Member {
  pjmedia_port base;
  pj_pool_t* pool;
  std::shared_ptr<Port> port;

  // The caller owns one reference, given back with pjmedia_port_destroy().
  static Member* create(std::shared_ptr<Port> port, Format format);
};

}  // namespace legroom
