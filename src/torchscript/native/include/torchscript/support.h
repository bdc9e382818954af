// Small things that generated statements use.
#pragma once

#include "errors.h"
#include "values.h"

namespace ts {

// A value that no path reads.
template <class T>
T undefined() {
  return T();
}

template <class T>
void check_unpack(const List<T>& list, int64_t count) {
  if (list.size() < count)
    raise("ValueError", "not enough values to unpack (expected " + std::to_string(count) + ", got " +
                            std::to_string(list.size()) + ")");
  if (list.size() > count)
    raise("ValueError", "too many values to unpack (expected " + std::to_string(count) + ")");
}

// An element where it lies in its list: valid until the list changes.
template <class T>
const Stored<T>& item(const List<T>& list, int64_t index) {
  const auto& items = list.items();
  size_t place = static_cast<size_t>(index);
  if (place >= items.size()) [[unlikely]] {
    place += items.size();
    if (index >= 0 || place >= items.size()) raise("IndexError", "list index out of range");
  }
  return items[place];
}

}  // namespace ts
