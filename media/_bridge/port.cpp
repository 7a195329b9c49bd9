#include "port.hpp"

#include <new>

namespace legroom {

namespace {

constexpr unsigned kSignature = PJMEDIA_SIG_CLASS_APP('L', 'E', 'G');

Member* member_of(pjmedia_port* base) { return static_cast<Member*>(base->port_data.pdata); }

pj_status_t no_frame(pjmedia_frame* frame) {
  frame->type = PJMEDIA_FRAME_TYPE_NONE;
  frame->size = 0;
  return PJ_SUCCESS;
}

pj_status_t member_get(pjmedia_port* base, pjmedia_frame* frame) {
  Member* member = member_of(base);
  return member->port ? member->port->get(member, frame) : no_frame(frame);
}

pj_status_t member_put(pjmedia_port* base, pjmedia_frame* frame) {
  Member* member = member_of(base);
  return member->port ? member->port->put(member, frame) : PJ_SUCCESS;
}

pj_status_t member_destroy(pjmedia_port* base) {
  Member* member = member_of(base);
  pj_pool_t* pool = member->pool;
  member->~Member();
  pj_pool_release(pool);
  return PJ_SUCCESS;
}

size_t ring_samples(unsigned rate, unsigned depth_ms) {
  return depth_ms == 0 ? 0 : static_cast<size_t>(rate) * std::max(depth_ms, 2 * kFrameMs) / 1000;
}

Format mono(unsigned rate) {
  if (rate < 8000 || rate > 48000 || rate % (1000 / kFrameMs) != 0) {
    throw std::invalid_argument("rate must be 8000 to 48000 Hz and a multiple of 50, not " + std::to_string(rate));
  }
  return {rate, 1, rate * kFrameMs / 1000};
}

Format format_of(const pjmedia_port* port) {
  return {PJMEDIA_PIA_SRATE(&port->info), PJMEDIA_PIA_CCNT(&port->info), PJMEDIA_PIA_SPF(&port->info)};
}

}  // namespace

void Port::serve(const Member* member) {
  std::lock_guard<std::mutex> lock(mutex_);
  serving_ = member;
}

pj_status_t Port::get(const Member* member, pjmedia_frame* frame) {
  std::lock_guard<std::mutex> lock(mutex_);
  return member == serving_ ? produce(frame) : no_frame(frame);
}

pj_status_t Port::put(const Member* member, pjmedia_frame* frame) {
  std::lock_guard<std::mutex> lock(mutex_);
  return member == serving_ ? consume(frame) : PJ_SUCCESS;
}

RingPort::RingPort(unsigned rate, unsigned read_ms, unsigned write_ms)
    : Port(mono(rate)), from_bridge_(ring_samples(rate, read_ms)), to_bridge_(ring_samples(rate, write_ms)) {}

size_t RingPort::write(const int16_t* source, size_t count) {
  const size_t accepted = std::min(count, to_bridge_.writable());
  to_bridge_.put(source, accepted);
  return accepted;
}

pj_status_t RingPort::produce(pjmedia_frame* frame) {
  const size_t wanted = format().samples;
  const size_t available = std::min(wanted, to_bridge_.readable());
  if (flowing_ && available < wanted) underruns_.fetch_add(1, std::memory_order_relaxed);
  flowing_ = available == wanted;
  if (available == 0) return no_frame(frame);
  auto* samples = static_cast<int16_t*>(frame->buf);
  to_bridge_.take(samples, available);
  std::fill(samples + available, samples + wanted, static_cast<int16_t>(0));
  frame->type = PJMEDIA_FRAME_TYPE_AUDIO;
  frame->size = wanted * sizeof(int16_t);
  return PJ_SUCCESS;
}

pj_status_t RingPort::consume(pjmedia_frame* frame) {
  if (from_bridge_.capacity() < format().samples) return PJ_SUCCESS;  // write-only
  const size_t count = format().samples;
  if (from_bridge_.writable() < count) {
    overrun_samples_.fetch_add(count, std::memory_order_relaxed);
    return PJ_SUCCESS;
  }
  // A sink hears silence as zeros: its time goes on.
  const bool audio = frame->type == PJMEDIA_FRAME_TYPE_AUDIO && frame->buf != nullptr;
  from_bridge_.put(audio ? static_cast<const int16_t*>(frame->buf) : nullptr, count);
  return PJ_SUCCESS;
}

StreamPort::StreamPort(pjmedia_port* stream) : Port(format_of(stream)), stream_(stream), lifetime_(stream->grp_lock) {
  if (lifetime_ != nullptr) pj_grp_lock_add_ref(lifetime_);
}

StreamPort::~StreamPort() {
  register_thread();
  if (lifetime_ != nullptr) pj_grp_lock_dec_ref(lifetime_);
}

void StreamPort::detach() {
  std::lock_guard<std::mutex> lock(mutex_);
  stream_ = nullptr;
}

pj_status_t StreamPort::produce(pjmedia_frame* frame) {
  return stream_ != nullptr ? pjmedia_port_get_frame(stream_, frame) : no_frame(frame);
}

pj_status_t StreamPort::consume(pjmedia_frame* frame) {
  return stream_ != nullptr ? pjmedia_port_put_frame(stream_, frame) : PJ_SUCCESS;
}

Member* Member::create(std::shared_ptr<Port> port, Format format) {
  constexpr pj_size_t kPoolBytes = 512;
  pj_pool_t* pool = pj_pool_create(pool_factory(), "member", kPoolBytes, kPoolBytes, nullptr);
  if (pool == nullptr) throw std::bad_alloc();
  auto* member = new (pj_pool_zalloc(pool, sizeof(Member))) Member{};
  member->pool = pool;
  member->port = std::move(port);
  pj_str_t name = pj_str(const_cast<char*>("legroom"));
  pjmedia_port_info_init(&member->base.info, &name, kSignature, format.rate, format.channels, 16, format.samples);
  member->base.port_data.pdata = member;
  member->base.get_frame = &member_get;
  member->base.put_frame = &member_put;
  member->base.on_destroy = &member_destroy;
  const pj_status_t status = pjmedia_port_init_grp_lock(&member->base, pool, nullptr);
  if (status != PJ_SUCCESS) {
    member_destroy(&member->base);
    throw PjError("create port", status);
  }
  return member;
}

}  // namespace legroom
