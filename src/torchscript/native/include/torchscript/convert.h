// Conversions between the C++ types of static types: where a `T` is used as an Optional[T], an int as a float, a member
// as a Union, and back where the program has tested what a value is.
#pragma once

#include <ATen/core/ivalue.h>

#include <type_traits>

#include "boxing.h"
#include "errors.h"
#include "values.h"

namespace ts {

[[noreturn]] inline void bad_cast(const char* wanted) {
  raise("RuntimeError", std::string("a value is not the ") + wanted + " that it was tested to be");
}

template <class To>
struct Convert;

// `value` as a `To`; the value itself where it is one already.
template <class To, class From>
decltype(auto) convert(From&& value) {
  if constexpr (std::is_same_v<std::decay_t<From>, To>)
    return std::forward<From>(value);
  else
    return Convert<To>::from(std::forward<From>(value));
}

template <class To, class... M, class V>
To from_variant(V&& value) {
  return std::visit(
      [](auto&& member) -> To {
        using Member = std::decay_t<decltype(member)>;
        if constexpr (std::is_same_v<Member, To>)
          return member;
        else if constexpr (std::is_same_v<Member, None> && is_optional<To>::value)
          return To();
        else if constexpr (is_optional<To>::value && std::is_constructible_v<To, Member>)
          return To(member);
        else
          bad_cast("member");
      },
      std::forward<V>(value));
}

template <class To>
struct Convert {
  template <class From>
  static To from(From&& value) {
    using F = std::decay_t<From>;
    if constexpr (is_variant<F>::value) {
      return from_variant<To>(std::forward<From>(value));
    } else if constexpr (std::is_same_v<F, c10::IValue>) {
      return from_ivalue<To>(value);
    } else if constexpr (is_optional<F>::value) {
      if (!value) bad_cast("value");
      return ts::convert<To>(*std::forward<From>(value));
    } else if constexpr (is_list<To>::value && is_list<F>::value) {
      To out;
      for (const auto& item : value.items())
        out.items().push_back(ts::convert<typename To::element>(static_cast<const typename F::element&>(item)));
      return out;
    } else if constexpr (is_ref<To>::value && is_ref<F>::value) {
      return To::cast(value);
    } else {
      return static_cast<To>(std::forward<From>(value));
    }
  }
};

// a dict or tuple of narrower members
template <class K, class V>
struct Convert<Dict<K, V>> {
  template <class From>
  static Dict<K, V> from(From&& value) {
    using F = std::decay_t<From>;
    if constexpr (is_dict<F>::value) {
      Dict<K, V> out;
      value.each([&](const auto& k, const auto& v) { out.set(ts::convert<K>(k), ts::convert<V>(v)); });
      return out;
    } else if constexpr (is_variant<F>::value) {
      return from_variant<Dict<K, V>>(std::forward<From>(value));
    } else if constexpr (is_optional<F>::value) {
      if (!value) bad_cast("value");
      return ts::convert<Dict<K, V>>(*std::forward<From>(value));
    } else {
      return from_ivalue<Dict<K, V>>(value);
    }
  }
};
template <class... T>
struct Convert<std::tuple<T...>> {
  using To = std::tuple<T...>;
  template <class From>
  static To from(From&& value) {
    using F = std::decay_t<From>;
    if constexpr (is_tuple<F>::value)
      return each(value, std::index_sequence_for<T...>());
    else if constexpr (is_variant<F>::value)
      return from_variant<To>(std::forward<From>(value));
    else if constexpr (is_optional<F>::value) {
      if (!value) bad_cast("value");
      return ts::convert<To>(*std::forward<From>(value));
    } else
      return from_ivalue<To>(value);
  }
  template <class F, size_t... I>
  static To each(const F& value, std::index_sequence<I...>) {
    return To(ts::convert<T>(std::get<I>(value))...);
  }
};

template <class U>
struct Convert<std::optional<U>> {
  template <class From>
  static std::optional<U> from(From&& value) {
    using F = std::decay_t<From>;
    if constexpr (std::is_same_v<F, None>) {
      return std::nullopt;
    } else if constexpr (is_optional<F>::value) {
      if (!value) return std::nullopt;
      return std::optional<U>(ts::convert<U>(*std::forward<From>(value)));
    } else if constexpr (is_variant<F>::value) {
      return from_variant<std::optional<U>>(std::forward<From>(value));
    } else if constexpr (std::is_same_v<F, c10::IValue>) {
      return from_ivalue<std::optional<U>>(value);
    } else {
      return std::optional<U>(ts::convert<U>(std::forward<From>(value)));
    }
  }
};

template <class T, class V>
struct holds;
template <class T, class... M>
struct holds<T, std::variant<M...>> : std::disjunction<std::is_same<T, M>...> {};

template <class... M>
struct Convert<std::variant<M...>> {
  using To = std::variant<M...>;
  template <class From>
  static To from(From&& value) {
    using F = std::decay_t<From>;
    if constexpr (holds<F, To>::value) {
      return To(std::in_place_type<F>, std::forward<From>(value));
    } else if constexpr (is_variant<F>::value) {
      return std::visit(
          [](auto&& member) -> To {
            using Member = std::decay_t<decltype(member)>;
            if constexpr (holds<Member, To>::value)
              return To(std::in_place_type<Member>, member);
            else
              bad_cast("member of the union");
          },
          std::forward<From>(value));
    } else if constexpr (is_optional<F>::value) {
      if constexpr (holds<None, To>::value)
        if (!value) return To(std::in_place_type<None>);
      if (!value) bad_cast("member of the union");
      return Convert<To>::from(*std::forward<From>(value));
    } else if constexpr (std::is_same_v<F, c10::IValue>) {
      return from_ivalue<To>(value);
    } else {
      return To(std::forward<From>(value));
    }
  }
};

template <>
struct Convert<c10::IValue> {
  template <class From>
  static c10::IValue from(const From& value) {
    return to_ivalue(value);
  }
};

template <>
struct Convert<Scalar> {
  template <class From>
  static Scalar from(From&& value) {
    using F = std::decay_t<From>;
    if constexpr (is_optional<F>::value) {
      if (!value) bad_cast("number");
      return Convert<Scalar>::from(*value);
    } else if constexpr (is_variant<F>::value) {
      return std::visit(
          [](auto&& member) -> Scalar {
            if constexpr (std::is_constructible_v<Scalar, decltype(member)>)
              return Scalar(member);
            else
              bad_cast("number");
          },
          value);
    } else if constexpr (std::is_same_v<F, c10::IValue>) {
      return value.toScalar();
    } else {
      return Scalar(value);
    }
  }
};

template <>
struct Convert<None> {
  template <class From>
  static None from(const From&) {
    return {};
  }
};

// Whether a value of a wider type is a `T`: `isinstance`, `is None`.
template <class T, class V>
bool is(const V& value) {
  if constexpr (std::is_same_v<V, T>) {
    return true;
  } else if constexpr (is_optional<V>::value) {
    if constexpr (std::is_same_v<T, None>)
      return !value.has_value();
    else
      return value.has_value() && is<T>(*value);
  } else if constexpr (is_variant<V>::value) {
    return std::visit([](const auto& member) { return is<T>(member); }, value);
  } else if constexpr (std::is_same_v<V, c10::IValue>) {
    return ivalue_is<T>(value);
  } else {
    return false;
  }
}

// Gives up what a variable holds before its scope ends, so that memory is free when Python's would be.
template <class T>
void drop(T& value) {
  T gone = std::move(value);
  (void)gone;
}

}  // namespace ts
