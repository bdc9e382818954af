// Calls functions with samples of their arguments, and prints a line for each: key, place among the calls, what came
// back or was raised, and the arguments afterwards.
#pragma once

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/zeros.h>
#include <ATen/ScalarOps.h>
#include <torchscript/program.h>

#include <cstdio>

namespace driver {

using namespace ts;

inline std::string written(const at::Tensor& tensor) {
  if (!tensor.defined()) return "undefined";
  if (tensor.is_meta()) return "meta";
  std::string out = "made('" + lang::repr(tensor.scalar_type()) + "', [";
  for (int64_t size : tensor.sizes()) out += std::to_string(size) + ", ";
  out += "], [";
  if (at::isIntegralType(tensor.scalar_type(), true)) {
    at::Tensor flat = tensor.reshape({-1}).to(at::kLong);
    for (int64_t i = 0; i < flat.numel(); i++) out += std::to_string(flat[i].item().toLong()) + ", ";
    return out + "])";
  }
  at::Tensor flat = tensor.detach().to_dense().reshape({-1}).to(at::kComplexDouble);
  for (int64_t i = 0; i < flat.numel(); i++) out += lang::repr(flat[i].item().to<Complex>()) + ", ";
  return out + "])";
}

struct Color {
  static Str class_name() { return "Color"; }
  static Str name(int i) { return i == 0 ? "RED" : "BLUE"; }
  static int64_t value(int i) { return i + 1; }
};

template <class F>
auto with_list(F f) {
  return f(List<int64_t>{1, 2});
}
template <class F>
auto with_leaf(F f) {
  return f(lang::tensor_(List<double>{1.0, 2.0}, lang::Dtype(), std::optional<Device>(), true));
}
template <class F>
Tensor gradient(F f) {
  return with_leaf([&](Tensor x) {
    f(x);
    return lang::grad_(x);
  });
}
template <class F>
bool without_grad(F f) {
  lang::set_grad_enabled_(false);
  bool found = f();
  lang::set_grad_enabled_(true);
  return found;
}
template <class F>
None nothing(F f) {
  f();
  return {};
}
inline Str heard;
template <class F>
Str printed(F f) {
  write_stdout_hook = [](const std::string& text) { heard = text; };
  f();
  write_stdout_hook = nullptr;
  return heard;
}
template <class F>
Str warned(F f) {
  struct Handler : c10::WarningHandler {
    void process(const c10::Warning& warning) override { heard = warning.msg(); }
  } handler;
  c10::WarningUtils::WarningHandlerGuard guard(&handler);
  f();
  return heard;
}

template <class T>
T copied(const T& x) {
  if constexpr (is_list<T>::value || is_dict<T>::value)
    return lang::copy_(x);
  else if constexpr (std::is_same_v<T, Tensor>)
    return x.clone();
  else
    return x;
}

inline std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\\')
      out += "\\\\";
    else
      out += c;
  }
  return out;
}

template <class R, class... A>
void call(const char* key, size_t place, R (*function)(A...), A... arguments) {
  std::string result;
  try {
    if constexpr (std::is_void_v<R>) {
      function(arguments...);
      result = "None";
    } else {
      result = lang::repr(function(arguments...));
    }
  } catch (const Error& error) {
    result = "!" + error.kind() + ":" + error.message();
  } catch (const std::exception&) {
    try {
      static const Place nowhere{"", 0, "", -1};
      rethrow_at(&nowhere, 0);
    } catch (const Error& error) {
      result = "!" + error.kind() + ":" + error.message().substr(0, 80);
    }
  }
  std::string after = lang::repr(std::tuple<A...>(arguments...));
  std::printf("%s\t%zu\t%s\t%s\n", key, place, escaped(result).c_str(), escaped(after).c_str());
}

template <class F>
void call(const char* key, size_t place, F function) {
  call<std::decay_t<decltype(function())>>(key, place, +[]() -> std::decay_t<decltype(function())> { return F()(); });
}

// Some of all combinations of the samples: the last argument changes first.
template <class R, class... A>
void run(const char* key, size_t most, R (*function)(A...), const std::type_identity_t<std::vector<A>>&... samples) {
  constexpr size_t count = sizeof...(A);
  size_t sizes[count + 1] = {samples.size()..., 1}, total = 1;
  for (size_t i = 0; i < count; i++) total *= sizes[i];
  size_t step = total / most + 1;
  for (size_t place = 0; place < total; place += step) {
    size_t chosen[count + 1] = {}, rest = place;
    for (size_t i = count; i-- > 0; rest /= sizes[i]) chosen[i] = rest % sizes[i];
    [&]<size_t... I>(std::index_sequence<I...>) {
      call<R, A...>(key, place, function, copied<A>(samples[chosen[I]])...);
    }(std::index_sequence_for<A...>());
  }
}

}  // namespace driver
