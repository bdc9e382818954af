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

}  // namespace ts
