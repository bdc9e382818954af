// `with torch.autocast(…)`: the state of the thread, as torch.amp sets and restores it (runtime/autocast.cpp).
#pragma once

#include <c10/core/ScalarType.h>

#include <string>

namespace ts {

class Autocast {
 public:
  Autocast(const std::string& device, at::ScalarType dtype, bool enabled);
  Autocast(const Autocast&) = delete;
  ~Autocast() {
    if (active_) leave();
  }
  void leave();

 private:
  c10::DeviceType device_;
  bool enabled_before_, cache_before_;
  at::ScalarType dtype_before_;
  bool active_ = true;
};

}  // namespace ts
