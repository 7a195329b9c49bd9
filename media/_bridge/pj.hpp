// What every part needs of pjlib: its start-up, its errors as exceptions, its threads, its log.
#pragma once

#include <pjlib.h>

#include <deque>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace legroom {

// A pjlib call failed: says which, and pjlib's own words.
class PjError : public std::runtime_error {
 public:
  PjError(const std::string& what, pj_status_t status);
};

// Throws PjError unless status is PJ_SUCCESS.
void check(pj_status_t status, const char* what);

// Start pjlib once for the process and return the pool factory that everything here allocates from.
// pjlib counts its users, so pjsua may start and stop beside it.
pj_pool_factory* pool_factory();

// pjlib refuses calls from threads it does not know. Every entry point calls this first; it is cheap.
void register_thread();

// pjlib's log, kept in a bounded buffer: media threads log without touching Python, the SIP thread drains it.
class Log {
 public:
  static Log& instance();

  // Route pjlib's log here; level 0 is off, 1 errors, 2 warnings, 3 information, 4 and 5 debugging.
  void capture(int level);

  // Take the lines logged since the last call, oldest first, each with its level.
  std::vector<std::pair<int, std::string>> drain();

 private:
  static void write(int level, const char* data, int length);

  static constexpr size_t kMaxLines = 2000;
  std::mutex mutex_;
  std::deque<std::pair<int, std::string>> lines_;
  size_t dropped_ = 0;
};

}  // namespace legroom
