#include "torchscript/autocast.h"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <c10/core/Device.h>

namespace ts {

namespace {

// PyTorch warns of a device that is not there, and of a dtype that the device's autocast does not have, and goes on without.
bool is_available(c10::DeviceType device, at::ScalarType dtype) {
  if (device == at::kCUDA) return at::hasCUDA();
  return dtype == at::kBFloat16 || dtype == at::kHalf;
}

}  // namespace

Autocast::Autocast(const std::string& device, at::ScalarType dtype, bool enabled)
    : device_(c10::Device(device).type()),
      enabled_before_(at::autocast::is_autocast_enabled(device_)),
      cache_before_(at::autocast::is_autocast_cache_enabled()),
      dtype_before_(at::autocast::get_autocast_dtype(device_)) {
  at::autocast::set_autocast_enabled(device_, enabled && is_available(device_, dtype));
  at::autocast::set_autocast_dtype(device_, dtype);
  at::autocast::increment_nesting();
}

void Autocast::leave() {
  active_ = false;
  // what was cast is kept for the region: its end is the end of the copies
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, enabled_before_);
  at::autocast::set_autocast_dtype(device_, dtype_before_);
  at::autocast::set_autocast_cache_enabled(cache_before_);
}

}  // namespace ts
