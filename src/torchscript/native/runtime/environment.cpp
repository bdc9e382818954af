// Warnings, hashes, devices, random numbers.
#include "torchscript/lang/environment.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Version.h>
#include <ATen/autocast_mode.h>
#include <c10/util/Exception.h>

#include <chrono>
#include <cmath>
#include <mutex>

namespace ts::lang {

void (*warn_hook)(const std::string&) = nullptr;

void warn_(const Str& message, int64_t) {
  if (warn_hook != nullptr) return warn_hook(message);
  c10::warn(c10::Warning(c10::UserWarning(), {__func__, __FILE__, static_cast<uint32_t>(__LINE__)}, message, false));
}

void RaiseException_(const Str& message, const std::optional<Str>& qualified_name) {
  Str name = qualified_name.value_or("RuntimeError");
  raise(name.substr(name.rfind('.') + 1).c_str(), message);
}

// -- hashes ----------------------------------------------------------------------------------------------------------

// A number is hashed as itself modulo 2 ** 61 - 1, so that equal numbers of any type have one hash.
int64_t hash_of_float(double x) {
  if (std::isinf(x)) return x > 0 ? 314159 : -314159;
  if (std::isnan(x)) return 0;
  constexpr int bits = 61;
  constexpr uint64_t modulus = (uint64_t(1) << bits) - 1;
  int exponent;
  double mantissa = std::frexp(std::fabs(x), &exponent);
  uint64_t hash = 0;
  while (mantissa != 0.0) {
    hash = ((hash << 28) & modulus) | hash >> (bits - 28);
    mantissa *= 0x1p28;
    exponent -= 28;
    uint64_t digit = static_cast<uint64_t>(mantissa);
    mantissa -= static_cast<double>(digit);
    hash += digit;
    if (hash >= modulus) hash -= modulus;
  }
  exponent = exponent >= 0 ? exponent % bits : bits - 1 - (-1 - exponent) % bits;
  hash = ((hash << exponent) & modulus) | hash >> (bits - exponent);
  int64_t signed_hash = x < 0 ? -static_cast<int64_t>(hash) : static_cast<int64_t>(hash);
  return signed_hash == -1 ? -2 : signed_hash;
}

// Of a tuple: the rounds of xxHash that Python takes.
int64_t hash_of_hashes(const int64_t* hashes, size_t count) {
  constexpr uint64_t first = 11400714785074694791u, second = 14029467366897019727u, fifth = 2870177450012600261u;
  uint64_t sum = fifth;
  for (size_t i = 0; i < count; i++) {
    sum += static_cast<uint64_t>(hashes[i]) * second;
    sum = sum << 31 | sum >> 33;
    sum *= first;
  }
  sum += count ^ (fifth ^ 3527539u);
  return sum == ~uint64_t(0) ? 1546275796 : static_cast<int64_t>(sum);
}

// -- devices ---------------------------------------------------------------------------------------------------------

Device device_(const Str& text) { return Device(c10::Device(text)); }
Device device_(const Str& type, int64_t index) {
  c10::Device device(type);
  if (device.has_index()) fail("RuntimeError", "type (string) must not include an index because index was passed explicitly: " + type);
  return Device(c10::Device(device.type(), static_cast<c10::DeviceIndex>(index)));
}
Str type_(const Device& device) { return c10::DeviceTypeName(device.type(), true); }
std::optional<int64_t> index_(const Device& device) {
  return device.has_index() ? std::optional<int64_t>(device.index()) : std::nullopt;
}

// -- modes -----------------------------------------------------------------------------------------------------------

bool is_autocast_enabled_() { return at::autocast::is_autocast_enabled(at::kCUDA); }
bool is_autocast_cpu_enabled_() { return at::autocast::is_autocast_enabled(at::kCPU); }
at::ScalarType get_autocast_dtype_(const Str& device_type) {
  return at::autocast::get_autocast_dtype(c10::Device(device_type).type());
}

// -- random numbers --------------------------------------------------------------------------------------------------

void manual_seed_(int64_t seed) { at::manual_seed(static_cast<uint64_t>(seed)); }
at::Generator manual_seed_(const at::Generator& generator, int64_t seed) {
  at::Generator same = generator;
  std::lock_guard<std::mutex> lock(same.mutex());
  same.set_current_seed(static_cast<uint64_t>(seed));
  return same;
}
at::Generator Generator_(const std::optional<Device>& device, std::optional<int64_t> seed) {
  at::Generator made;
  if (!device || device->is_cpu())
    made = at::make_generator<at::CPUGeneratorImpl>();
  else
    made = at::globalContext().getAcceleratorHooksInterface(device->type()).getNewGenerator(device->index());
  if (seed) made = manual_seed_(made, *seed);
  return made;
}
int64_t initial_seed_(const at::Generator& generator) { return static_cast<int64_t>(generator.current_seed()); }
int64_t seed_(const at::Generator& generator) {
  at::Generator same = generator;
  std::lock_guard<std::mutex> lock(same.mutex());
  return static_cast<int64_t>(same.seed());
}

// -- how the program runs --------------------------------------------------------------------------------------------

Str _get_cpu_capability_() { return at::get_cpu_capability(); }
int64_t TimePoint_() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace ts::lang
