#include "pj.hpp"

namespace legroom {

namespace {

std::string describe(const std::string& what, pj_status_t status) {
  char text[PJ_ERR_MSG_SIZE];
  pj_str_t message = pj_strerror(status, text, sizeof text);
  return what + ": " + std::string(message.ptr, static_cast<size_t>(message.slen));
}

struct Library {
  pj_caching_pool pools;

  Library() {
    // Nothing is worth printing before the program has set up its own logging.
    pj_log_set_level(0);
    if (pj_init() != PJ_SUCCESS) throw std::runtime_error("pjlib could not be initialised");
    // Little: a leg's port moves from the mixer it waits in to its room's, and what is kept for the next one adds up.
    constexpr pj_size_t kCachedBytes = 512 * 1024;
    pj_caching_pool_init(&pools, nullptr, kCachedBytes);
  }
};

Library& library() {
  // Never destroyed: clock threads may outlive static destruction order.
  static Library* instance = new Library;
  return *instance;
}

}  // namespace

PjError::PjError(const std::string& what, pj_status_t status) : std::runtime_error(describe(what, status)) {}

void check(pj_status_t status, const char* what) {
  if (status != PJ_SUCCESS) throw PjError(what, status);
}

pj_pool_factory* pool_factory() { return &library().pools.factory; }

void register_thread() {
  library();
  if (pj_thread_is_registered()) return;
  // pjlib keeps a pointer to both for as long as the thread runs.
  static thread_local pj_thread_desc description;
  static thread_local pj_thread_t* thread;
  pj_bzero(description, sizeof description);
  check(pj_thread_register("python", description, &thread), "register thread");
}

Log& Log::instance() {
  static Log* log = new Log;
  return *log;
}

void Log::capture(int level) {
  pj_log_set_log_func(&Log::write);
  pj_log_set_decor(PJ_LOG_HAS_SENDER | PJ_LOG_HAS_SPACE);
  pj_log_set_level(level);
}

void Log::write(int level, const char* data, int length) {
  Log& log = instance();
  std::lock_guard<std::mutex> lock(log.mutex_);
  if (log.lines_.size() >= kMaxLines) {
    ++log.dropped_;
    return;
  }
  log.lines_.emplace_back(level, std::string(data, static_cast<size_t>(length)));
}

std::vector<std::pair<int, std::string>> Log::drain() {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::pair<int, std::string>> taken(std::make_move_iterator(lines_.begin()),
                                                 std::make_move_iterator(lines_.end()));
  lines_.clear();
  if (dropped_ > 0) {
    taken.emplace_back(2, "log: " + std::to_string(dropped_) + " lines dropped");
    dropped_ = 0;
  }
  return taken;
}

}  // namespace legroom
