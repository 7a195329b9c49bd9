#include "bridge.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <system_error>

namespace legroom {

namespace {

constexpr uint64_t kFrameUs = kFrameMs * 1000;
// pjmedia's clock gives up catching up after this; see pjmedia_clock's max_jump.
constexpr uint64_t kJumpUs = 500'000;
constexpr double kMaxGain = 16.0;

uint64_t now_us() {
  using namespace std::chrono;
  return static_cast<uint64_t>(duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count());
}

// pjmedia counts gain in steps of 1/128 around 0, which is unity.
int adjustment(double gain) {
  if (!(gain >= 0.0 && gain <= kMaxGain)) throw std::invalid_argument("gain must be 0 to 16");
  return static_cast<int>(std::lround(gain * 128.0)) - 128;
}

void raise_to(std::atomic<uint64_t>& maximum, uint64_t value) {
  if (value > maximum.load(std::memory_order_relaxed)) maximum.store(value, std::memory_order_relaxed);
}

}  // namespace

Bridge::Bridge(unsigned rate, unsigned workers, unsigned max_ports) : rate_(rate), max_ports_(max_ports) {
  if (rate != 8000 && rate != 16000 && rate != 48000) {
    throw std::invalid_argument("a bridge runs at 8000, 16000 or 48000 Hz, not " + std::to_string(rate));
  }
  if (max_ports < 2) throw std::invalid_argument("max_ports must be at least 2");
  register_thread();
  event_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (event_fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  try {
    pool_ = pj_pool_create(pool_factory(), "bridge", 4096, 4096, nullptr);
    if (pool_ == nullptr) throw std::bad_alloc();
    pjmedia_conf_param param;
    pjmedia_conf_param_default(&param);
    param.max_slots = max_ports;
    param.sampling_rate = rate;
    param.channel_count = 1;
    param.samples_per_frame = rate * kFrameMs / 1000;
    param.bits_per_sample = 16;
    param.options = PJMEDIA_CONF_NO_DEVICE | PJMEDIA_CONF_NO_MIC | PJMEDIA_CONF_SMALL_FILTER;
    param.worker_threads = workers > 1 ? workers - 1 : 0;
    check(pjmedia_conf_create2(pool_, &param, &conf_), "create conference bridge");

    pj_str_t name = pj_str(const_cast<char*>("tick"));
    pjmedia_port_info_init(&tick_.info, &name, PJMEDIA_SIG_CLASS_APP('T', 'C', 'K'), rate, 1, 16,
                           param.samples_per_frame);
    tick_.port_data.pdata = this;
    tick_.get_frame = &Bridge::on_tick;
    check(pjmedia_null_port_create(pool_, rate, 1, param.samples_per_frame, 16, &sink_), "create clock sink");
    check(pjmedia_master_port_create(pool_, &tick_, sink_, 0, &clock_), "create bridge clock");
    check(pjmedia_master_port_start(clock_), "start bridge clock");
  } catch (...) {
    close();
    throw;
  }
}

Bridge::~Bridge() { close(); }

void Bridge::close() {
  register_thread();
  std::lock_guard<std::mutex> lock(mutex_);
  if (clock_ != nullptr) {
    pjmedia_master_port_stop(clock_);  // joins the clock thread
    pjmedia_master_port_destroy(clock_, PJ_FALSE);
    clock_ = nullptr;
  }
  if (conf_ != nullptr) {
    pjmedia_conf_destroy(conf_);
    conf_ = nullptr;
  }
  if (sink_ != nullptr) {
    pjmedia_port_destroy(sink_);
    sink_ = nullptr;
  }
  members_.clear();
  if (pool_ != nullptr) {
    pj_pool_release(pool_);
    pool_ = nullptr;
  }
  if (event_fd_ >= 0) {
    ::close(event_fd_);
    event_fd_ = -1;
  }
}

pjmedia_conf* Bridge::open_conf() const {
  if (conf_ == nullptr) throw std::runtime_error("the bridge is closed");
  return conf_;
}

void Bridge::check_slot(unsigned slot) const {
  if (slot != kDrain && members_.find(slot) == members_.end()) {
    throw std::invalid_argument("the bridge has no port in slot " + std::to_string(slot));
  }
}

unsigned Bridge::add(const std::shared_ptr<Port>& port) {
  register_thread();
  std::lock_guard<std::mutex> lock(mutex_);
  pjmedia_conf* conf = open_conf();
  Member* member = Member::create(port, port->format());
  unsigned slot = 0;
  const pj_status_t status = pjmedia_conf_add_port(conf, pool_, &member->base, nullptr, &slot);
  if (status == PJ_SUCCESS) port->serve(member);
  pjmedia_port_destroy(&member->base);  // the conference holds its own reference, or it goes now
  check(status, "add port to bridge");
  members_[slot] = port;
  return slot;
}

void Bridge::remove(unsigned slot) {
  register_thread();
  std::lock_guard<std::mutex> lock(mutex_);
  pjmedia_conf* conf = open_conf();
  check_slot(slot);
  if (slot == kDrain) throw std::invalid_argument("slot 0 is the bridge's own");
  check(pjmedia_conf_remove_port(conf, slot), "remove port from bridge");
  members_.erase(slot);
}

void Bridge::connect(unsigned source, unsigned sink, double gain) {
  register_thread();
  std::lock_guard<std::mutex> lock(mutex_);
  pjmedia_conf* conf = open_conf();
  check_slot(source);
  check_slot(sink);
  check(pjmedia_conf_connect_port(conf, source, sink, adjustment(gain)), "connect ports");
}

void Bridge::disconnect(unsigned source, unsigned sink) {
  register_thread();
  std::lock_guard<std::mutex> lock(mutex_);
  pjmedia_conf* conf = open_conf();
  check_slot(source);
  check_slot(sink);
  check(pjmedia_conf_disconnect_port(conf, source, sink), "disconnect ports");
}

void Bridge::set_gain(unsigned source, unsigned sink, double gain) {
  register_thread();
  std::lock_guard<std::mutex> lock(mutex_);
  pjmedia_conf* conf = open_conf();
  check_slot(source);
  check_slot(sink);
  check(pjmedia_conf_adjust_conn_level(conf, source, sink, adjustment(gain)), "set gain");
}

std::pair<unsigned, unsigned> Bridge::levels(unsigned slot) {
  register_thread();
  std::lock_guard<std::mutex> lock(mutex_);
  pjmedia_conf* conf = open_conf();
  check_slot(slot);
  unsigned played = 0, heard = 0;
  check(pjmedia_conf_get_signal_level(conf, slot, &played, &heard), "read levels");
  return {heard, played};
}

unsigned Bridge::ports() {
  std::lock_guard<std::mutex> lock(mutex_);
  return static_cast<unsigned>(members_.size());
}

TickStatistics Bridge::statistics() const { return {count_, late_, jumps_, worst_us_, busy_us_, longest_us_}; }

pj_status_t Bridge::on_tick(pjmedia_port* port, pjmedia_frame* frame) {
  auto* bridge = static_cast<Bridge*>(port->port_data.pdata);
  const uint64_t began = now_us();
  pjmedia_port* mixer = pjmedia_conf_get_master_port(bridge->conf_);
  const pj_status_t status = pjmedia_port_get_frame(mixer, frame);
  bridge->measure(began, now_us());
  const uint64_t one = 1;
  // Fails only when nobody has read for 2^64 ticks.
  if (write(bridge->event_fd_, &one, sizeof one) < 0) return status;
  return status;
}

void Bridge::measure(uint64_t began_us, uint64_t ended_us) {
  if (expected_us_ == 0 || began_us > expected_us_ + kJumpUs) {
    if (expected_us_ != 0) jumps_.fetch_add(1, std::memory_order_relaxed);
    expected_us_ = began_us;
  }
  // The clock sleeps whole milliseconds and so may tick up to one early.
  const uint64_t lateness = began_us > expected_us_ ? began_us - expected_us_ : 0;
  expected_us_ += kFrameUs;
  count_.fetch_add(1, std::memory_order_relaxed);
  busy_us_.fetch_add(ended_us - began_us, std::memory_order_relaxed);
  if (lateness > kLateUs) late_.fetch_add(1, std::memory_order_relaxed);
  raise_to(worst_us_, lateness);
  raise_to(longest_us_, ended_us - began_us);
}

}  // namespace legroom
