// Dicts: the methods of `dict` (operators/language/dicts.py).
#pragma once

#include <torchscript/lang/fail.h>
#include <torchscript/lang/lists.h>
#include <torchscript/lang/text.h>
#include <torchscript/values.h>

#include <optional>
#include <tuple>
#include <type_traits>

namespace ts::lang {

// A KeyError has the key: a string as it is, all else as its repr.
template <class K>
[[noreturn, gnu::cold, gnu::noinline]] void fail_key(const K& key) {
  if constexpr (std::is_same_v<K, Str>)
    fail("KeyError", key);
  else
    throw Error("KeyError", repr(key), true);
}

template <class K, class V>
V& value_of(const Dict<K, V>& dict, const K& key) {
  V* found = dict.find(key);
  if (found == nullptr) [[unlikely]]
    fail_key(key);
  return *found;
}

template <class K, class V>
inline Element<V> __getitem___(const Dict<K, V>& dict, Same<K> key) {
  return value_of<K, V>(dict, key);
}
template <class K, class V>
inline void _set_item_(const Dict<K, V>& dict, Same<K> key, std::type_identity_t<V> value) {
  dict.set(key, std::move(value));
}
template <class K, class V>
void Delete_(const Dict<K, V>& dict, Same<K> key) {
  if (!dict.erase(key)) [[unlikely]]
    fail_key<K>(key);
}
template <class K, class V>
inline bool __contains___(const Dict<K, V>& dict, Same<K> key) {
  return dict.find(key) != nullptr;
}
template <class K, class V>
inline int64_t len_(const Dict<K, V>& dict) {
  return dict.size();
}

template <class K, class V>
List<K> keys_(const Dict<K, V>& dict) {
  List<K> out;
  out.items().reserve(dict.size());
  dict.each([&](const K& key, const V&) { out.items().push_back(key); });
  return out;
}
template <class K, class V>
List<V> values_(const Dict<K, V>& dict) {
  List<V> out;
  out.items().reserve(dict.size());
  dict.each([&](const K&, const V& value) { out.items().push_back(value); });
  return out;
}
template <class K, class V>
List<std::tuple<K, V>> items_(const Dict<K, V>& dict) {
  List<std::tuple<K, V>> out;
  out.items().reserve(dict.size());
  dict.each([&](const K& key, const V& value) { out.items().emplace_back(key, value); });
  return out;
}

// `Optional[T]`; what can be None already stays what it is.
template <class T>
using Maybe = std::conditional_t<is_optional<T>::value || std::is_same_v<T, None>, T, std::optional<T>>;

template <class K, class V>
Maybe<V> get_(const Dict<K, V>& dict, Same<K> key) {
  const V* found = dict.find(key);
  return found == nullptr ? Maybe<V>() : Maybe<V>(*found);
}
template <class K, class V>
V get_(const Dict<K, V>& dict, Same<K> key, Same<V> otherwise) {
  const V* found = dict.find(key);
  return found == nullptr ? otherwise : *found;
}
template <class K, class V>
V setdefault_(const Dict<K, V>& dict, Same<K> key, Same<V> otherwise) {
  if (const V* found = dict.find(key)) return *found;
  dict.set(key, otherwise);
  return otherwise;
}
template <class K, class V>
V pop_(const Dict<K, V>& dict, Same<K> key) {
  V value = std::move(value_of<K, V>(dict, key));
  dict.erase(key);
  return value;
}
template <class K, class V>
V pop_(const Dict<K, V>& dict, Same<K> key, Same<V> otherwise) {
  return dict.find(key) == nullptr ? otherwise : pop_(dict, key);
}
template <class K, class V>
std::tuple<K, V> popitem_(const Dict<K, V>& dict) {
  if (dict.size() == 0) [[unlikely]]
    fail("KeyError", "popitem(): dictionary is empty");
  auto [key, value] = dict.pop_last();
  return {std::move(key), std::move(value)};
}
template <class K, class V>
void clear_(const Dict<K, V>& dict) {
  dict.clear();
}
template <class K, class V>
void update_(const Dict<K, V>& dict, const Dict<K, V>& other) {
  if (dict.identity() == other.identity()) return;
  other.each([&](const K& key, const V& value) { dict.set(key, value); });
}

template <class K, class V>
Dict<K, V> copy_(const Dict<K, V>& dict) {
  Dict<K, V> out;
  dict.each([&](const K& key, const V& value) { out.set(key, value); });
  return out;
}
template <class K, class V>
Dict<K, V> dict_(const Dict<K, V>& dict) {
  return copy_(dict);
}
template <class K, class V>
Dict<K, V> dict_(const List<std::tuple<K, V>>& items) {
  Dict<K, V> out;
  for (const auto& [key, value] : items.items()) out.set(key, value);
  return out;
}
inline Dict<Str, Tensor> dict_() { return {}; }

}  // namespace ts::lang
