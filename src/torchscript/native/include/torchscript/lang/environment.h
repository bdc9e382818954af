// What reaches outside a program, identity, enums, devices, gradient mode, seeds (operators/language/environment.py).
#pragma once

#include <c10/core/GradMode.h>
#include <torchscript/lang/fail.h>
#include <torchscript/lang/lists.h>
#include <torchscript/values.h>

#include <optional>
#include <tuple>
#include <type_traits>

namespace ts::lang {

// Where warnings go; without it, to the handler that the host has given PyTorch.
extern void (*warn_hook)(const std::string&);
void warn_(const Str& message, int64_t stacklevel);
[[noreturn]] void RaiseException_(const Str& message, const std::optional<Str>& qualified_name);

// -- identity --------------------------------------------------------------------------------------------------------

template <class A, class B>
bool __is___(const A& a, const B& b) {
  if constexpr (is_optional<A>::value) {
    if constexpr (is_optional<B>::value)
      return a && b ? __is___(*a, *b) : !a && !b;
    else if constexpr (std::is_same_v<B, None>)
      return !a;
    else
      return a && __is___(*a, b);
  } else if constexpr (is_optional<B>::value) {
    return __is___(b, a);
  } else if constexpr (is_variant<A>::value) {
    return std::visit([&](const auto& member) { return __is___(member, b); }, a);
  } else if constexpr (is_variant<B>::value) {
    return __is___(b, a);
  } else if constexpr (!std::is_same_v<A, B>) {
    return false;
  } else if constexpr (std::is_same_v<A, Tensor>) {
    return a.is_same(b);
  } else if constexpr (requires { a.identity(); }) {
    return a.identity() == b.identity();
  } else if constexpr (is_tuple<A>::value) {
    return [&]<size_t... I>(std::index_sequence<I...>) {
      return (__is___(std::get<I>(a), std::get<I>(b)) && ...);
    }(std::make_index_sequence<std::tuple_size_v<A>>());
  } else {
    return equal(a, b);
  }
}
template <class A, class B>
bool __isnot___(const A& a, const B& b) {
  return !__is___(a, b);
}

int64_t hash_of_float(double x);
inline int64_t hash_of_int(int64_t x) {
  constexpr uint64_t prime = (uint64_t(1) << 61) - 1;
  int64_t rest = static_cast<int64_t>((x < 0 ? 0 - static_cast<uint64_t>(x) : x) % prime);
  return x >= 0 ? rest : rest == 1 ? -2 : -rest;
}
int64_t hash_of_hashes(const int64_t* hashes, size_t count);
// Python's, but of strings, whose hash Python makes anew in every process.
template <class T>
int64_t hash_(const T& x) {
  if constexpr (std::is_integral_v<T>) {
    return hash_of_int(x);
  } else if constexpr (std::is_same_v<T, double>) {
    return hash_of_float(x);
  } else if constexpr (is_tuple<T>::value) {
    return [&]<size_t... I>(std::index_sequence<I...>) {
      int64_t hashes[sizeof...(I) + 1] = {hash_(std::get<I>(x))..., 0};
      return hash_of_hashes(hashes, sizeof...(I));
    }(std::make_index_sequence<std::tuple_size_v<T>>());
  } else if constexpr (is_list<T>::value) {
    fail("TypeError", "unhashable type: 'list'");
  } else if constexpr (is_dict<T>::value) {
    fail("TypeError", "unhashable type: 'dict'");
  } else if constexpr (is_optional<T>::value) {
    return x ? hash_(*x) : 0;
  } else if constexpr (requires { x.identity(); }) {
    return reinterpret_cast<intptr_t>(x.identity()) >> 4;
  } else {
    return static_cast<int64_t>(KeyHash<T>()(x));
  }
}
template <class T>
int64_t id_(const T& x) {
  if constexpr (is_optional<T>::value)
    return x ? id_(*x) : 0;
  else if constexpr (requires { x.identity(); })
    return reinterpret_cast<intptr_t>(x.identity());
  else
    return 0;
}

// -- enums, optionals ------------------------------------------------------------------------------------------------

template <class E>
Str EnumName_(Enum<E> member) {
  return E::name(member.member);
}
template <class E>
auto EnumValue_(Enum<E> member) {
  return E::value(member.member);
}
template <class E>
bool eq_(Enum<E> a, Enum<E> b) {
  return a == b;
}
template <class E>
bool ne_(Enum<E> a, Enum<E> b) {
  return !(a == b);
}
template <class T>
inline const T& _unwrap_optional_(const std::optional<T>& value) {
  if (!value) [[unlikely]]
    fail("ValueError", "a value is None where it must not be");
  return *value;
}
template <class T>
inline const T& unchecked_unwrap_optional_(const std::optional<T>& value) {
  return _unwrap_optional_(value);
}
template <class T>
inline const T& unchecked_cast_(const T& value) {
  return value;
}

// -- devices ---------------------------------------------------------------------------------------------------------

Device device_(const Str& text);
Device device_(const Str& type, int64_t index);
Str type_(const Device& device);
std::optional<int64_t> index_(const Device& device);
inline bool eq_(const Device& a, const Device& b) { return a == b; }
inline bool ne_(const Device& a, const Device& b) { return !(a == b); }

// -- modes -----------------------------------------------------------------------------------------------------------

inline void set_grad_enabled_(bool enabled) { c10::GradMode::set_enabled(enabled); }
inline bool is_grad_enabled_() { return c10::GradMode::is_enabled(); }
bool is_autocast_enabled_();
bool is_autocast_cpu_enabled_();
at::ScalarType get_autocast_dtype_(const Str& device_type);

// -- random numbers --------------------------------------------------------------------------------------------------

void manual_seed_(int64_t seed);
at::Generator manual_seed_(const at::Generator& generator, int64_t seed);
at::Generator Generator_(const std::optional<Device>& device, std::optional<int64_t> seed);
int64_t initial_seed_(const at::Generator& generator);
int64_t seed_(const at::Generator& generator);

// -- how the program runs --------------------------------------------------------------------------------------------

inline bool is_scripting_() { return true; }
template <class... A>
inline bool has_torch_function_(const A&...) {
  return false;
}
inline bool _get_tracing_state_() { return false; }
Str _get_cpu_capability_();
int64_t TimePoint_();

}  // namespace ts::lang
