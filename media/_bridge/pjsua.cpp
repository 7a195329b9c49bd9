#include "pjsua.hpp"

#include <pjsua-lib/pjsua.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <pjsua2.hpp>
#include <system_error>

namespace legroom {

std::shared_ptr<StreamPort> take_stream_port(uintptr_t param) {
  register_thread();
  auto* created = reinterpret_cast<pj::OnStreamCreatedParam*>(param);
  auto stream = std::make_shared<StreamPort>(static_cast<pjmedia_port*>(created->pPort));
  // The format of pjsua's own bridge, so that it makes no resampler for a port that nobody hears.
  pjsua_conf_port_info own;
  check(pjsua_conf_get_port_info(0, &own), "ask for the format of pjsua's bridge");
  Member* silent = Member::create(nullptr, {own.clock_rate, own.channel_count, own.samples_per_frame});
  created->pPort = &silent->base;
  created->destroyPort = true;
  return stream;
}

namespace {

pj_bool_t on_unhandled_request(pjsip_rx_data* rdata) {
  const pjsip_method& method = rdata->msg_info.msg->line.req.method;
  if (method.id == PJSIP_ACK_METHOD) return PJ_TRUE;  // never answered
  const bool in_dialog = rdata->msg_info.to != nullptr && rdata->msg_info.to->tag.slen > 0;
  if (in_dialog || method.id == PJSIP_CANCEL_METHOD) {
    pjsip_endpt_respond_stateless(pjsua_get_pjsip_endpt(), rdata, PJSIP_SC_CALL_TSX_DOES_NOT_EXIST, nullptr, nullptr,
                                  nullptr);
    return PJ_TRUE;
  }
  pjsip_hdr headers;
  pj_list_init(&headers);
  const pjsip_hdr* allow = pjsip_endpt_get_capability(pjsua_get_pjsip_endpt(), PJSIP_H_ALLOW, nullptr);
  if (allow != nullptr) pj_list_push_back(&headers, pjsip_hdr_clone(rdata->tp_info.pool, allow));
  pjsip_endpt_respond_stateless(pjsua_get_pjsip_endpt(), rdata, PJSIP_SC_METHOD_NOT_ALLOWED, nullptr, &headers,
                                nullptr);
  return PJ_TRUE;
}

}  // namespace

void answer_unhandled_requests() {
  register_thread();
  static char name[] = "mod-legroom-unhandled";
  static pjsip_module module;
  pj_bzero(&module, sizeof module);
  module.name = pj_str(name);
  module.id = -1;
  module.priority = PJSIP_MOD_PRIORITY_APPLICATION + 99;  // after everything else
  module.on_rx_request = &on_unhandled_request;
  check(pjsip_endpt_register_module(pjsua_get_pjsip_endpt(), &module), "register SIP module");
}

Waker::Waker() {
  register_thread();
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
    throw std::system_error(errno, std::generic_category(), "socketpair");
  }
  far_end_ = ends[1];
  pool_ = pj_pool_create(pool_factory(), "waker", 512, 512, nullptr);
  pj_ioqueue_callback callback{};
  callback.on_read_complete = &Waker::on_read;
  const pj_status_t status = pj_ioqueue_register_sock(pool_, pjsip_endpt_get_ioqueue(pjsua_get_pjsip_endpt()), ends[0],
                                                      this, &callback, &key_);
  if (status != PJ_SUCCESS) {
    ::close(ends[0]);
    close();
    throw PjError("register waker", status);
  }
  read();
}

Waker::~Waker() { close(); }

void Waker::close() {
  register_thread();
  if (key_ != nullptr) pj_ioqueue_unregister(key_);  // closes the near end
  key_ = nullptr;
  if (far_end_ >= 0) ::close(far_end_);
  far_end_ = -1;
  if (pool_ != nullptr) pj_pool_release(pool_);
  pool_ = nullptr;
}

void Waker::wake() {
  if (far_end_ < 0 || pending_.exchange(true)) return;
  const char byte = 0;
  if (send(far_end_, &byte, 1, MSG_DONTWAIT) < 0) pending_ = false;
}

void Waker::on_read(pj_ioqueue_key_t* key, pj_ioqueue_op_key_t*, pj_ssize_t) {
  static_cast<Waker*>(pj_ioqueue_get_user_data(key))->read();
}

void Waker::read() {
  for (;;) {
    pending_ = false;
    pj_ssize_t length = sizeof buffer_;
    const pj_status_t status = pj_ioqueue_recv(key_, &operation_, buffer_, &length, 0);
    if (status != PJ_SUCCESS) return;  // PJ_EPENDING: on_read comes with the next wake
  }
}

}  // namespace legroom
