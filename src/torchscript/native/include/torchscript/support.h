// Small things that generated statements use.
#pragma once

#include <ATen/core/grad_mode.h>

#include "errors.h"
#include "values.h"

namespace ts {

// A value that no path reads.
template <class T>
T undefined() {
  return T();
}

template <class T>
void check_unpack(const List<T>& list, int64_t count) {
  if (list.size() < count)
    raise("ValueError", "not enough values to unpack (expected " + std::to_string(count) + ", got " +
                            std::to_string(list.size()) + ")");
  if (list.size() > count)
    raise("ValueError", "too many values to unpack (expected " + std::to_string(count) + ")");
}

// An element where it lies in its list: valid until the list changes.
template <class T>
const Stored<T>& item(const List<T>& list, int64_t index) {
  const auto& items = list.items();
  size_t place = static_cast<size_t>(index);
  if (place >= items.size()) [[unlikely]] {
    place += items.size();
    if (index >= 0 || place >= items.size()) raise("IndexError", "list index out of range");
  }
  return items[place];
}

// `with`: runs `leave` once, at the end of the block or when an exception passes.
template <class F>
class Guard {
 public:
  explicit Guard(F leave) : leave_(std::move(leave)) {}
  Guard(const Guard&) = delete;
  ~Guard() {
    if (active_) try {
        leave();
      } catch (...) {  // the exception that is under way goes on
      }
  }
  void leave() {
    active_ = false;
    leave_();
  }

 private:
  F leave_;
  bool active_ = true;
};

// `with torch.no_grad()` and `with torch.enable_grad()`.
class GradMode {
 public:
  explicit GradMode(bool enabled) : before_(at::GradMode::is_enabled()) { at::GradMode::set_enabled(enabled); }
  GradMode(const GradMode&) = delete;
  ~GradMode() {
    if (active_) leave();
  }
  void leave() {
    active_ = false;
    at::GradMode::set_enabled(before_);
  }

 private:
  bool before_;
  bool active_ = true;
};

}  // namespace ts
