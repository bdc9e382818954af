// Python's `==` and `<` for values of every type.
#pragma once

#include <torchscript/lang/fail.h>
#include <torchscript/lang/numbers.h>
#include <torchscript/values.h>

#include <tuple>
#include <type_traits>
#include <utility>

namespace ts::lang {

// Tensors are equal where they are the same, or `bool(a == b)`.
bool equal_tensors(const Tensor& a, const Tensor& b);
bool less_tensors(const Tensor& a, const Tensor& b);

// `a == b` as containers ask it of their elements.
template <class T>
bool equal(const T& a, const T& b) {
  if constexpr (std::is_same_v<T, Tensor>) {
    return equal_tensors(a, b);
  } else if constexpr (std::is_same_v<T, Scalar> || std::is_same_v<T, Complex>) {
    return eq_(a, b);
  } else if constexpr (is_list<T>::value) {
    if (a.is(b)) return true;
    if (a.size() != b.size()) return false;
    for (int64_t i = 0; i < a.size(); i++)
      if (!equal<typename T::element>(a.items()[i], b.items()[i])) return false;
    return true;
  } else if constexpr (is_dict<T>::value) {
    if (a.size() != b.size()) return false;
    bool same = true;
    a.each([&](const auto& key, const auto& value) {
      auto* other = b.find(key);
      same = same && other != nullptr && equal<typename T::value>(value, *other);
    });
    return same;
  } else if constexpr (is_optional<T>::value) {
    return a.has_value() == b.has_value() && (!a || equal<typename T::value_type>(*a, *b));
  } else if constexpr (is_tuple<T>::value) {
    return [&]<size_t... I>(std::index_sequence<I...>) {
      return (equal<std::tuple_element_t<I, T>>(std::get<I>(a), std::get<I>(b)) && ...);
    }(std::make_index_sequence<std::tuple_size_v<T>>());
  } else if constexpr (is_variant<T>::value) {
    return a.index() == b.index() && std::visit(
                                         [&](const auto& x) {
                                           using X = std::decay_t<decltype(x)>;
                                           return equal<X>(x, std::get<X>(b));
                                         },
                                         a);
  } else {
    return a == b;
  }
}

// `a < b`. Of objects, the struct's own `less(other)` decides.
template <class T>
bool less(const T& a, const T& b) {
  if constexpr (std::is_same_v<T, Tensor>) {
    return less_tensors(a, b);
  } else if constexpr (std::is_same_v<T, Scalar>) {
    return lt_(a, b);
  } else if constexpr (is_list<T>::value) {
    const auto &x = a.items(), &y = b.items();
    size_t shared = x.size() < y.size() ? x.size() : y.size();
    for (size_t i = 0; i < shared; i++)
      if (!equal<typename T::element>(x[i], y[i])) return less<typename T::element>(x[i], y[i]);
    return x.size() < y.size();
  } else if constexpr (is_tuple<T>::value) {
    bool result = false;
    [&]<size_t... I>(std::index_sequence<I...>) {
      (void)((equal<std::tuple_element_t<I, T>>(std::get<I>(a), std::get<I>(b))
                  ? false
                  : (result = less<std::tuple_element_t<I, T>>(std::get<I>(a), std::get<I>(b)), true)) ||
             ...);
    }(std::make_index_sequence<std::tuple_size_v<T>>());
    return result;
  } else if constexpr (is_ref<T>::value) {
    if constexpr (requires { a->less(b); })
      return a->less(b);
    else
      fail("TypeError", "'<' not supported between instances of this class");
  } else if constexpr (requires { a < b; }) {
    return a < b;
  } else {
    fail("TypeError", "'<' not supported between values of this type");
  }
}

}  // namespace ts::lang
