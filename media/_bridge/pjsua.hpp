// Where this extension meets pjsua: taking a stream's port, waking its event loop, answering what it would drop.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "port.hpp"

namespace legroom {

// Inside Call.onStreamCreated: take the stream's port and leave pjsua a silent one that it destroys itself.
// `param` is the address of the callback's pj::OnStreamCreatedParam.
std::shared_ptr<StreamPort> take_stream_port(uintptr_t param);

// Answer the requests that nothing else does: 481 within a dialog that does not exist, 405 otherwise (RFC 3261 sections
// 8.2.1 and 12.2.2). pjsua drops them, and the peer would repeat them until it gives up. After libInit.
void answer_unhandled_requests();

// Ends the wait of the thread that runs Endpoint::libHandleEvents(), from any thread, at once.
// Make and close it on that thread, after libInit and before libDestroy.
class Waker {
 public:
  Waker();
  ~Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  void wake();
  void close();

 private:
  static void on_read(pj_ioqueue_key_t* key, pj_ioqueue_op_key_t* operation, pj_ssize_t count);
  void read();

  pj_pool_t* pool_ = nullptr;
  pj_ioqueue_key_t* key_ = nullptr;
  pj_ioqueue_op_key_t operation_{};
  char buffer_[16];
  int far_end_ = -1;
  std::atomic<bool> pending_{false};
};

}  // namespace legroom
