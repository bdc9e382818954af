// Calls of PyTorch's operators: `ts::call<at::_ops::add_Tensor>(a, b, 1)`.
//
// What each parameter takes follows from the operator's C++ signature, so that no operator needs a table.
#pragma once

#include <ATen/core/IListRef.h>
#include <ATen/core/List.h>
#include <ATen/core/Tensor.h>
#include <ATen/ScalarOps.h>
#include <c10/core/SymIntArrayRef.h>
#include <c10/util/OptionalArrayRef.h>

#include <array>
#include <memory>
#include <string_view>

#include "abi.h"
#include "convert.h"

namespace c10 {
class OperatorHandle;
}

namespace ts {

template <class P>
struct Arg;

// By value: numbers, codes, strings …
template <class P>
struct ArgByConversion {
  P value;
  template <class A>
  explicit ArgByConversion(const A& a) : value(ts::convert<P>(a)) {}
  const P& get() const { return value; }
};

template <>
struct Arg<const Tensor&> {
  const Tensor* value;
  Tensor held;
  explicit Arg(const Tensor& a) : value(&a) {}
  explicit Arg(const std::optional<Tensor>& a) : value(a ? &*a : &held) {}
  explicit Arg(None) : value(&held) {}
  template <class A>
  explicit Arg(const A& number) : value(&held), held(at::native::wrapped_scalar_tensor(ts::convert<Scalar>(number))) {}
  const Tensor& get() const { return *value; }
};
template <>
struct Arg<Tensor&> {
  Tensor value;
  explicit Arg(const Tensor& a) : value(a) {}
  Tensor& get() { return value; }
};
template <>
struct Arg<const std::optional<Tensor>&> {
  std::optional<Tensor> value;
  template <class A>
  explicit Arg(const A& a) : value(ts::convert<std::optional<Tensor>>(a)) {}
  const std::optional<Tensor>& get() const { return value; }
};

template <class P>
struct ArgTensors {
  std::vector<Tensor> held;
  at::ArrayRef<Tensor> value;
  explicit ArgTensors(const List<Tensor>& a) : value(a.items()) {}
  template <size_t N>
  explicit ArgTensors(const std::array<Tensor, N>& a) : value(a) {}
  template <class... T>
  explicit ArgTensors(const std::tuple<T...>& a)
      : held(std::apply([](const auto&... t) { return std::vector<Tensor>{t...}; }, a)), value(held) {}
  template <class T>
  explicit ArgTensors(const List<T>& a) {
    for (const auto& item : a.items()) held.push_back(ts::convert<Tensor>(item));
    value = held;
  }
  P get() const { return value; }
};
template <>
struct Arg<at::ArrayRef<Tensor>> : ArgTensors<at::ArrayRef<Tensor>> {
  using ArgTensors::ArgTensors;
};
template <>
struct Arg<const at::ITensorListRef&> {
  ArgTensors<at::ArrayRef<Tensor>> tensors;
  at::ITensorListRef value;
  template <class A>
  explicit Arg(const A& a) : tensors(a), value(tensors.get()) {}
  const at::ITensorListRef& get() const { return value; }
};
template <>
struct Arg<const c10::List<std::optional<Tensor>>&> {
  c10::List<std::optional<Tensor>> value;
  template <class T>
  explicit Arg(const List<T>& a) {
    value.reserve(a.items().size());
    for (const auto& item : a.items()) value.push_back(ts::convert<std::optional<Tensor>>(item));
  }
  template <class T, size_t N>
  explicit Arg(const std::array<T, N>& a) {
    for (const auto& item : a) value.push_back(ts::convert<std::optional<Tensor>>(item));
  }
  const c10::List<std::optional<Tensor>>& get() const { return value; }
};

// int[], float[] … : a list, a fixed array, or one number for all places
template <class T>
struct ArgArray {
  c10::SmallVector<T, 4> held;
  at::ArrayRef<T> value;
  explicit ArgArray(const List<T>& a) : value(a.items()) {}
  template <size_t N>
  explicit ArgArray(const std::array<T, N>& a) : value(a) {}
  template <class U>
  explicit ArgArray(const List<U>& a) {
    for (const auto& item : a.items()) held.push_back(ts::convert<T>(static_cast<const U&>(item)));
    value = held;
  }
  template <class... U>
  explicit ArgArray(const std::tuple<U...>& a) {
    std::apply([&](const auto&... x) { (held.push_back(ts::convert<T>(x)), ...); }, a);
    value = held;
  }
  template <class A>
  explicit ArgArray(const A& a) {
    held.push_back(ts::convert<T>(a));
    value = held;
  }
  ArgArray(const ArgArray&) = delete;
  at::ArrayRef<T> get() const { return value; }
};
template <class T>
struct Arg<at::ArrayRef<T>> : ArgArray<T> {
  using ArgArray<T>::ArgArray;
};
template <>
struct Arg<c10::SymIntArrayRef> : ArgArray<int64_t> {
  using ArgArray<int64_t>::ArgArray;
  c10::SymIntArrayRef get() const { return c10::fromIntArrayRefSlow(value); }
};
template <class T, class P>
struct ArgOptionalArray {
  std::optional<ArgArray<T>> value;
  template <class A>
  explicit ArgOptionalArray(const A& a) {
    if constexpr (std::is_same_v<A, None>) {
    } else if constexpr (is_optional<A>::value) {
      if (a) value.emplace(*a);
    } else {
      value.emplace(a);
    }
  }
  P get() const {
    if (!value) return std::nullopt;
    if constexpr (std::is_same_v<P, at::OptionalSymIntArrayRef>)
      return c10::fromIntArrayRefSlow(value->get());
    else
      return value->get();
  }
};
template <>
struct Arg<at::OptionalIntArrayRef> : ArgOptionalArray<int64_t, at::OptionalIntArrayRef> {
  using ArgOptionalArray::ArgOptionalArray;
};
template <>
struct Arg<at::OptionalSymIntArrayRef> : ArgOptionalArray<int64_t, at::OptionalSymIntArrayRef> {
  using ArgOptionalArray::ArgOptionalArray;
};
template <class T>
struct Arg<std::optional<at::ArrayRef<T>>> : ArgOptionalArray<T, std::optional<at::ArrayRef<T>>> {
  using ArgOptionalArray<T, std::optional<at::ArrayRef<T>>>::ArgOptionalArray;
};
template <size_t N>
struct Arg<std::array<bool, N>> {
  std::array<bool, N> value{};
  explicit Arg(const List<bool>& a) {
    for (size_t i = 0; i < N; ++i) value[i] = a.items().at(i);
  }
  explicit Arg(const std::array<bool, N>& a) : value(a) {}
  std::array<bool, N> get() const { return value; }
};

#define TS_ARG(PARAMETER, VALUE)                \
  template <>                                   \
  struct Arg<PARAMETER> : ArgByConversion<VALUE> { \
    using ArgByConversion::ArgByConversion;     \
  };
TS_ARG(int64_t, int64_t)
TS_ARG(double, double)
TS_ARG(bool, bool)
TS_ARG(const Scalar&, Scalar)
TS_ARG(const std::optional<Scalar>&, std::optional<Scalar>)
TS_ARG(std::optional<int64_t>, std::optional<int64_t>)
TS_ARG(std::optional<double>, std::optional<double>)
TS_ARG(std::optional<bool>, std::optional<bool>)
TS_ARG(at::ScalarType, at::ScalarType)
TS_ARG(std::optional<at::ScalarType>, std::optional<at::ScalarType>)
TS_ARG(at::Layout, at::Layout)
TS_ARG(std::optional<at::Layout>, std::optional<at::Layout>)
TS_ARG(at::MemoryFormat, at::MemoryFormat)
TS_ARG(std::optional<at::MemoryFormat>, std::optional<at::MemoryFormat>)
TS_ARG(std::optional<at::Generator>, std::optional<at::Generator>)
#undef TS_ARG
template <>
struct Arg<c10::SymInt> : ArgByConversion<int64_t> {
  using ArgByConversion::ArgByConversion;
  c10::SymInt get() const { return value; }
};
template <>
struct Arg<std::optional<c10::SymInt>> : ArgByConversion<std::optional<int64_t>> {
  using ArgByConversion::ArgByConversion;
  std::optional<c10::SymInt> get() const { return value ? std::optional<c10::SymInt>(*value) : std::nullopt; }
};
template <>
struct Arg<at::Device> : ArgByConversion<Device> {
  using ArgByConversion::ArgByConversion;
  at::Device get() const { return value.value; }
};
template <>
struct Arg<std::optional<at::Device>> : ArgByConversion<std::optional<Device>> {
  using ArgByConversion::ArgByConversion;
  std::optional<at::Device> get() const { return value ? std::optional<at::Device>(value->value) : std::nullopt; }
};
template <>
struct Arg<std::string_view> {
  std::string_view value;
  explicit Arg(const Str& a) : value(a) {}
  std::string_view get() const { return value; }
};
template <>
struct Arg<std::optional<std::string_view>> {
  std::optional<std::string_view> value;
  explicit Arg(None) {}
  explicit Arg(const Str& a) : value(a) {}
  explicit Arg(const std::optional<Str>& a) {
    if (a) value = *a;
  }
  std::optional<std::string_view> get() const { return value; }
};

// What an operator returns, as a value of the program.
template <class R>
auto to_value(R&& result) {
  using T = std::decay_t<R>;
  if constexpr (std::is_same_v<T, c10::SymInt>)
    return result.guard_int(__FILE__, __LINE__);
  else if constexpr (std::is_same_v<T, std::vector<Tensor>>)
    return List<Tensor>(std::forward<R>(result));
  else if constexpr (std::is_same_v<T, c10::Device>)
    return Device(result);
  else if constexpr (is_tuple<T>::value)
    return std::apply([](auto&&... x) { return std::make_tuple(to_value(std::forward<decltype(x)>(x))...); },
                      std::forward<R>(result));
  else
    return T(std::forward<R>(result));
}

template <class Op, class R, class... P, class... A>
auto call_with(R (*)(P...), const A&... arguments) {
  static_assert(sizeof...(P) == sizeof...(A), "every argument of the schema is given");
  if constexpr (std::is_void_v<R>)
    Op::call(Arg<P>(arguments).get()...);
  else
    return to_value(Op::call(Arg<P>(arguments).get()...));
}

// Calls an operator of <ATen/ops/…_ops.h> with all arguments of its schema.
template <class Op, class... A>
auto call(const A&... arguments) {
  return call_with<Op>(static_cast<typename Op::schema*>(nullptr), arguments...);
}

// An operator that has no C++ struct (torchvision::nms, a custom operator), found once by its name.
// An operator that has no C++ function; the dispatcher's own header takes long to compile. Throws where there is none.
class Operator {
 public:
  Operator(const char* name, const char* overload);
  void call(Stack& stack) const;

 private:
  std::shared_ptr<const c10::OperatorHandle> handle_;
};

template <class T, class... U>
constexpr bool is_one_of = (std::is_same_v<T, U> || ...);

// As the dispatcher's boxed calls take it: lists have their element type.
template <class T>
c10::IValue to_argument(const T& value) {
  return to_ivalue(value);
}
template <class T>
c10::IValue to_argument(const List<T>& value) {
  if constexpr (std::is_same_v<T, Tensor> || std::is_same_v<T, int64_t> || std::is_same_v<T, double>)
    return c10::IValue(value.items());
  else if constexpr (std::is_same_v<T, std::optional<Tensor>>)
    return Arg<const c10::List<std::optional<Tensor>>&>(value).get();
  else if constexpr (is_one_of<T, bool, Str, Complex, Scalar, std::optional<Scalar>, std::optional<int64_t>>) {
    c10::List<T> items;
    for (const auto& item : value.items()) items.push_back(static_cast<T>(item));
    return items;
  } else
    return to_ivalue(value);
}
template <class T>
c10::IValue to_argument(const std::optional<List<T>>& value) {
  return value ? to_argument(*value) : c10::IValue();
}

template <class R, class... A>
R call_boxed(const Operator& op, const A&... arguments) {
  Stack stack{to_argument(arguments)...};
  op.call(stack);
  if constexpr (std::is_void_v<R>)
    return;
  else if constexpr (is_tuple<R>::value)
    return stack.size() == 1 ? from_ivalue<R>(stack[0])
                             : Box<R>::elements(stack, std::make_index_sequence<std::tuple_size_v<R>>());
  else
    return from_ivalue<R>(stack.at(0));
}

}  // namespace ts
