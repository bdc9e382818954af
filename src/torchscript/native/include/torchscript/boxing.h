// Values across the border of a program: to and from c10::IValue, which PyTorch's dispatcher passes.
#pragma once

#include <ATen/core/ivalue.h>
#include <ATen/core/jit_type.h>

#include "errors.h"
#include "values.h"

namespace ts {

template <class T>
struct Box;

template <class T>
c10::IValue to_ivalue(const T& value) {
  return Box<T>::to(value);
}
template <class T>
T from_ivalue(const c10::IValue& value) {
  return Box<T>::from(value);
}
template <class T>
bool ivalue_is(const c10::IValue& value) {
  return Box<T>::test(value);
}

// in runtime/boxing.cpp, which compiles once what every program would
#define TS_BOX(TYPE)                             \
  template <>                                    \
  struct Box<TYPE> {                             \
    static c10::IValue to(const TYPE& v);        \
    static TYPE from(const c10::IValue& v);      \
    static bool test(const c10::IValue& v);      \
  };
TS_BOX(Tensor)
TS_BOX(int64_t)
TS_BOX(bool)
TS_BOX(double)
TS_BOX(Str)
TS_BOX(Complex)
TS_BOX(Scalar)
TS_BOX(at::Generator)
#undef TS_BOX

template <>
struct Box<c10::IValue> {
  static c10::IValue to(const c10::IValue& v) { return v; }
  static c10::IValue from(const c10::IValue& v) { return v; }
  static bool test(const c10::IValue&) { return true; }
};
template <>
struct Box<None> {
  static c10::IValue to(None) { return {}; }
  static None from(const c10::IValue&) { return {}; }
  static bool test(const c10::IValue& v) { return v.isNone(); }
};
template <>
struct Box<Device> {
  static c10::IValue to(const Device& v) { return c10::IValue(v.value); }
  static Device from(const c10::IValue& v) { return v.toDevice(); }
  static bool test(const c10::IValue& v) { return v.isDevice(); }
};
// codes cross the border as ints
#define TS_BOX_CODE(TYPE)                                                                              \
  template <>                                                                                          \
  struct Box<TYPE> {                                                                                   \
    static c10::IValue to(TYPE v) { return static_cast<int64_t>(v); }                                  \
    static TYPE from(const c10::IValue& v) { return static_cast<TYPE>(v.toInt()); }                    \
    static bool test(const c10::IValue& v) { return v.isInt(); }                                       \
  };
TS_BOX_CODE(at::ScalarType)
TS_BOX_CODE(at::Layout)
TS_BOX_CODE(at::MemoryFormat)
#undef TS_BOX_CODE

template <class E>
struct Box<Enum<E>> {
  static c10::IValue to(Enum<E> v) { return static_cast<int64_t>(v.member); }
  static Enum<E> from(const c10::IValue& v) { return {static_cast<int>(v.toInt())}; }
  static bool test(const c10::IValue& v) { return v.isInt(); }
};

template <class U>
struct Box<std::optional<U>> {
  static c10::IValue to(const std::optional<U>& v) { return v ? Box<U>::to(*v) : c10::IValue(); }
  static std::optional<U> from(const c10::IValue& v) {
    if (v.isNone()) return std::nullopt;
    return Box<U>::from(v);
  }
  static bool test(const c10::IValue& v) { return v.isNone() || Box<U>::test(v); }
};

template <class... M>
struct Box<std::variant<M...>> {
  using V = std::variant<M...>;
  static c10::IValue to(const V& v) {
    return std::visit([](const auto& m) { return to_ivalue(m); }, v);
  }
  static V from(const c10::IValue& v) {
    std::optional<V> out;
    (void)((Box<M>::test(v) && (out.emplace(std::in_place_type<M>, Box<M>::from(v)), true)) || ...);
    if (!out) raise("TypeError", "a value is no member of the union");
    return *out;
  }
  static bool test(const c10::IValue& v) { return (Box<M>::test(v) || ...); }
};

template <class T>
struct Box<List<T>> {
  static c10::IValue to(const List<T>& v);
  static List<T> from(const c10::IValue& v);
  static bool test(const c10::IValue& v);
};
template <class T>
c10::IValue Box<List<T>>::to(const List<T>& v) {
  c10::impl::GenericList out(c10::AnyType::get());
  out.reserve(v.items().size());
  for (const auto& item : v.items()) out.push_back(to_ivalue<T>(item));
  return out;
}
template <class T>
List<T> Box<List<T>>::from(const c10::IValue& v) {
  List<T> out;
  auto& items = out.items();
  if (v.isTuple()) {
    for (const auto& item : v.toTupleRef().elements()) items.push_back(Box<T>::from(item));
    return out;
  }
  auto list = v.toListRef();
  items.reserve(list.size());
  for (const auto& item : list) items.push_back(Box<T>::from(item));
  return out;
}
template <class T>
bool Box<List<T>>::test(const c10::IValue& v) {
  if (v.isTuple()) {  // what Python sends
    const auto& items = v.toTupleRef().elements();
    return items.empty() || Box<T>::test(items[0]);
  }
  if (!v.isList()) return false;
  auto list = v.toListRef();
  return list.empty() || Box<T>::test(list[0]);
}
extern template struct Box<List<Tensor>>;
extern template struct Box<List<int64_t>>;
extern template struct Box<List<double>>;
extern template struct Box<List<bool>>;
extern template struct Box<List<Str>>;

template <class K, class V>
struct Box<Dict<K, V>> {
  static c10::IValue to(const Dict<K, V>& v) {
    c10::impl::GenericDict out(c10::AnyType::get(), c10::AnyType::get());
    v.each([&](const K& k, const V& x) { out.insert(to_ivalue(k), to_ivalue(x)); });
    return out;
  }
  static Dict<K, V> from(const c10::IValue& v) {
    Dict<K, V> out;
    if (v.isTuple()) {  // of (key, value): what Python sends
      for (const auto& entry : v.toTupleRef().elements()) {
        const auto& pair = entry.toTupleRef().elements();
        out.set(Box<K>::from(pair.at(0)), Box<V>::from(pair.at(1)));
      }
      return out;
    }
    for (const auto& entry : v.toGenericDict()) out.set(Box<K>::from(entry.key()), Box<V>::from(entry.value()));
    return out;
  }
  static bool test(const c10::IValue& v) { return v.isGenericDict() || v.isTuple(); }
};

template <class... T>
struct Box<std::tuple<T...>> {
  using Tuple = std::tuple<T...>;
  static c10::IValue to(const Tuple& v) {
    return std::apply(
        [](const auto&... x) { return c10::IValue(c10::ivalue::Tuple::create(std::vector<c10::IValue>{to_ivalue(x)...})); }, v);
  }
  static Tuple from(const c10::IValue& v) {
    if (v.isList()) return elements(v.toListRef(), std::index_sequence_for<T...>());
    return elements(v.toTupleRef().elements(), std::index_sequence_for<T...>());
  }
  template <class Items, size_t... I>
  static Tuple elements(const Items& items, std::index_sequence<I...>) {
    if (items.size() != sizeof...(T)) raise("ValueError", "a tuple has the wrong number of elements");
    return Tuple(Box<T>::from(items[I])...);
  }
  static bool test(const c10::IValue& v) {
    return v.isTuple() && v.toTupleRef().elements().size() == sizeof...(T) &&
           tests(v.toTupleRef().elements(), std::index_sequence_for<T...>());
  }
  template <class Items, size_t... I>
  static bool tests(const Items& items, std::index_sequence<I...>) {
    return (Box<T>::test(items[I]) && ...);
  }
};

// Objects of script classes cross the border as the tuple of their attributes: C has `to_fields()` and `from_fields`.
template <class C>
struct Box<Ref<C>> {
  static c10::IValue to(const Ref<C>& v) { return v->to_fields(); }
  static Ref<C> from(const c10::IValue& v) { return C::from_fields(v); }
  static bool test(const c10::IValue& v) { return v.isTuple(); }
};

}  // namespace ts
