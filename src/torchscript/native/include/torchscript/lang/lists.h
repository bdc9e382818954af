// Lists: the methods of `list`, indexing, comparison, and the functions of Python that take lists
// (operators/language/lists.py). Indexing checks once and allocates nothing.
#pragma once

#include <torchscript/lang/compare.h>
#include <torchscript/lang/fail.h>
#include <torchscript/lang/numbers.h>
#include <torchscript/lang/text.h>
#include <torchscript/values.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <type_traits>
#include <vector>

namespace ts::lang {

// An element as functions give it back: numbers by value, all else where it is.
template <class T>
using Element = std::conditional_t<std::is_trivially_copyable_v<T>, T, const T&>;
// The other arguments of a function on a list, which do not decide what it is a list of.
template <class T>
using Same = const std::type_identity_t<T>&;

// -- indexing --------------------------------------------------------------------------------------------------------

// The place of element `index` in a sequence of `size`, negative ones counted from the end.
inline size_t place_of(int64_t index, size_t size, const char* message) {
  size_t place = static_cast<size_t>(index);
  if (place >= size) [[unlikely]] {  // one comparison where the place is counted from the front
    place += size;
    if (index >= 0 || place >= size) fail("IndexError", message);
  }
  return place;
}

template <class T>
inline Element<T> __getitem___(const List<T>& list, int64_t index) {
  auto& items = list.items();
  return items[place_of(index, items.size(), "list index out of range")];
}
template <class T>
inline Element<T> select_(const List<T>& list, int64_t index) {
  return __getitem___(list, index);
}
template <class T>
inline const List<T>& _set_item_(const List<T>& list, int64_t index, std::type_identity_t<T> value) {
  auto& items = list.items();
  items[place_of(index, items.size(), "list assignment index out of range")] = std::move(value);
  return list;
}
template <class T>
void Delete_(const List<T>& list, int64_t index) {
  auto& items = list.items();
  items.erase(items.begin() + place_of(index, items.size(), "list assignment index out of range"));
}

// The indices start, start + step, … that x[start:end:step] selects from a sequence.
struct Range {
  int64_t start, step, count;
};
inline Range range_of(std::optional<int64_t> start, std::optional<int64_t> end, int64_t step, int64_t size) {
  if (step == 0) [[unlikely]]
    fail("ValueError", "slice step cannot be zero");
  int64_t low = step < 0 ? -1 : 0, high = step < 0 ? size - 1 : size;
  auto clamped = [&](int64_t i) { return i < 0 ? std::max(i + size, low) : std::min(i, high); };
  int64_t first = start ? clamped(*start) : step < 0 ? high : low;
  int64_t last = end ? clamped(*end) : step < 0 ? low : high;
  return {first, step, __range_length_(first, last, step)};
}

template <class T>
List<T> slice_(const List<T>& list, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step) {
  auto& items = list.items();
  Range range = range_of(start, end, step, list.size());
  List<T> out;
  auto& chosen = out.items();
  if (range.step == 1) {
    chosen.assign(items.begin() + range.start, items.begin() + range.start + range.count);
    return out;
  }
  chosen.reserve(range.count);
  for (int64_t i = 0; i < range.count; i++) chosen.push_back(items[range.start + i * range.step]);
  return out;
}

// -- growing and shrinking -------------------------------------------------------------------------------------------

template <class T>
inline const List<T>& append_(const List<T>& list, std::type_identity_t<T> value) {
  list.items().push_back(std::move(value));
  return list;
}
template <class T>
void extend_(const List<T>& list, const List<T>& other) {
  auto& items = list.items();
  size_t count = other.items().size();
  if (items.capacity() < items.size() + count) items.reserve(std::max(items.size() + count, 2 * items.capacity()));
  for (size_t i = 0; i < count; i++) items.push_back(other.items()[i]);  // `other` may be `list`
}
template <class T>
inline const List<T>& add__(const List<T>& list, const List<T>& other) {
  extend_(list, other);
  return list;
}
template <class T>
void insert_(const List<T>& list, int64_t index, std::type_identity_t<T> value) {
  auto& items = list.items();
  int64_t size = list.size();
  index = index < 0 ? std::max<int64_t>(index + size, 0) : std::min(index, size);
  items.insert(items.begin() + index, std::move(value));
}
template <class T>
inline T pop_(const List<T>& list, int64_t index) {
  auto& items = list.items();
  if (items.empty()) [[unlikely]]
    fail("IndexError", "pop from empty list");
  size_t place = place_of(index, items.size(), "pop index out of range");
  T value = std::move(items[place]);
  if (place + 1 == items.size())
    items.pop_back();
  else
    items.erase(items.begin() + place);
  return value;
}
template <class T>
inline void clear_(const List<T>& list) {
  // elements may refer to the list
  std::vector<Stored<T>> gone;
  gone.swap(list.items());
}
template <class T>
void reverse_(const List<T>& list) {
  std::reverse(list.items().begin(), list.items().end());
}

template <class T>
List<T> copy_(const List<T>& list) {
  return List<T>(std::vector<Stored<T>>(list.items()));
}
template <class T>
List<T> list_(const List<T>& list) {
  return copy_(list);
}
template <class T>
List<T> add_(const List<T>& a, const List<T>& b) {
  List<T> out;
  auto& items = out.items();
  items.reserve(a.items().size() + b.items().size());
  items.insert(items.end(), a.items().begin(), a.items().end());
  items.insert(items.end(), b.items().begin(), b.items().end());
  return out;
}
template <class T>
List<T> mul_(const List<T>& list, int64_t count) {
  List<T> out;
  auto &items = out.items(), &from = list.items();
  if (count <= 0 || from.empty()) return out;
  if (from.size() == 1) {
    items.assign(count, from[0]);
    return out;
  }
  items.reserve(from.size() * count);
  for (int64_t i = 0; i < count; i++) items.insert(items.end(), from.begin(), from.end());
  return out;
}
template <class T>
List<T> mul_(int64_t count, const List<T>& list) {
  return mul_(list, count);
}
template <class T>
const List<T>& mul__(const List<T>& list, int64_t count) {
  list.items() = std::move(mul_(list, count).items());
  return list;
}

// -- searching -------------------------------------------------------------------------------------------------------

// The place of the first element that equals `value`; the size of the list where there is none.
template <class T>
size_t place_in(const List<T>& list, Same<T> value) {
  size_t i = 0;
  while (i < list.items().size() && !equal<T>(list.items()[i], value)) i++;
  return i;
}
template <class T>
void remove_(const List<T>& list, Same<T> value) {
  size_t place = place_in(list, value);
  if (place == list.items().size()) [[unlikely]]
    fail("ValueError", "list.remove(x): x not in list");
  list.items().erase(list.items().begin() + place);
}
template <class T>
int64_t count_(const List<T>& list, Same<T> value) {
  int64_t count = 0;
  for (size_t i = 0; i < list.items().size(); i++) count += equal<T>(list.items()[i], value);
  return count;
}
template <class T>
int64_t index_(const List<T>& list, Same<T> value) {
  size_t place = place_in(list, value);
  if (place == list.items().size()) [[unlikely]]
    fail("ValueError", repr<T>(value) + " is not in list");
  return static_cast<int64_t>(place);
}
template <class T>
bool __contains___(const List<T>& list, Same<T> value) {
  return place_in(list, value) < list.items().size();
}
template <class T>
bool eq_(const List<T>& a, const List<T>& b) {
  return equal(a, b);
}
template <class T>
bool ne_(const List<T>& a, const List<T>& b) {
  return !equal(a, b);
}

// -- sorting ---------------------------------------------------------------------------------------------------------

// Stable, as Python's. Short runs are sorted by CPython's own steps, so that lists that have no order (NaN) come out
// the same.
template <class T>
void sort_items(std::vector<Stored<T>>& items) {
  size_t size = items.size();
  if constexpr (std::is_integral_v<T>) {
    std::sort(items.begin(), items.end());
    return;
  }
  auto before = [](const Stored<T>& a, const Stored<T>& b) { return less<T>(a, b); };
  if (size >= 64) {
    std::stable_sort(items.begin(), items.end(), before);
    return;
  }
  if (size < 2) return;
  size_t sorted = 2;  // the length of the run that the list begins with
  if (before(items[1], items[0])) {
    while (sorted < size && before(items[sorted], items[sorted - 1])) sorted++;
    std::reverse(items.begin(), items.begin() + sorted);
  } else {
    while (sorted < size && !before(items[sorted], items[sorted - 1])) sorted++;
  }
  for (; sorted < size; sorted++) {
    size_t left = 0, right = sorted;
    while (left < right) {
      size_t middle = left + (right - left) / 2;
      if (before(items[sorted], items[middle]))
        right = middle;
      else
        left = middle + 1;
    }
    std::rotate(items.begin() + left, items.begin() + sorted, items.begin() + sorted + 1);
  }
}
template <class T>
void sort_(const List<T>& list, bool reverse) {
  auto& items = list.items();
  if (reverse) std::reverse(items.begin(), items.end());
  sort_items<T>(items);
  if (reverse) std::reverse(items.begin(), items.end());
}
template <class T>
List<T> sorted_(const List<T>& list) {
  List<T> out = copy_(list);
  sort_items<T>(out.items());
  return out;
}

// -- the functions of Python -----------------------------------------------------------------------------------------

template <class T>
inline int64_t len_(const List<T>& list) {
  return list.size();
}
template <class T>
auto sum_(const List<T>& list) {
  using Sum = std::conditional_t<std::is_same_v<T, bool>, int64_t, T>;
  Sum sum{};
  for (const T& item : list.items()) sum = add_(sum, static_cast<Sum>(item));
  return sum;
}
inline bool truth(bool x) { return x; }
inline bool truth(int64_t x) { return x != 0; }
inline bool truth(double x) { return x != 0.0; }
inline bool truth(const Str& x) { return !x.empty(); }
template <class T>
bool any_(const List<T>& list) {
  for (const T& item : list.items())
    if (truth(item)) return true;
  return false;
}
template <class T>
bool all_(const List<T>& list) {
  for (const T& item : list.items())
    if (!truth(item)) return false;
  return true;
}
template <class T>
List<T> min_(const List<T>& a, const List<T>& b) {
  return less(b, a) ? b : a;
}
template <class T>
List<T> max_(const List<T>& a, const List<T>& b) {
  return less(a, b) ? b : a;
}
template <class T>
T min_(const List<T>& list) {
  auto& items = list.items();
  if (items.empty()) [[unlikely]]
    fail("ValueError", "min() arg is an empty sequence");
  T found = items[0];
  for (size_t i = 1; i < items.size(); i++)
    if (static_cast<T>(items[i]) < found) found = items[i];
  return found;
}
template <class T>
T max_(const List<T>& list) {
  auto& items = list.items();
  if (items.empty()) [[unlikely]]
    fail("ValueError", "max() arg is an empty sequence");
  T found = items[0];
  for (size_t i = 1; i < items.size(); i++)
    if (static_cast<T>(items[i]) > found) found = items[i];
  return found;
}
inline List<int64_t> rangelist_(int64_t count) {
  List<int64_t> out;
  for (int64_t i = 0; i < count; i++) out.items().push_back(i);
  return out;
}

}  // namespace ts::lang
