// The values of a compiled program: what each static type of the language is in C++.
//
//   Tensor       at::Tensor                    List[T]            ts::List<T>      (shared, as in Python)
//   int          int64_t                       Dict[K, V]         ts::Dict<K, V>   (shared, in insertion order)
//   float        double                        Tuple[A, B]        std::tuple<A, B>
//   bool         bool                          Optional[T]        std::optional<T>
//   complex      c10::complex<double>          Union[A, B]        std::variant<A, B>
//   number       at::Scalar                    None               ts::None
//   str          std::string (UTF-8)           an object          ts::Ref<C> of a struct C : ts::Object
//   torch.dtype  at::ScalarType                a member of an enum   ts::Enum<E>
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/Scalar.h>
#include <c10/util/complex.h>
#include <c10/util/intrusive_ptr.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace ts {

using at::Scalar;
using at::Tensor;
using Complex = c10::complex<double>;
using Str = std::string;

// Python's None where it is the whole type. It turns into any empty Optional.
struct None {
  template <class T>
  operator std::optional<T>() const {
    return std::nullopt;
  }
  bool operator==(None) const { return true; }
};

// A device that can be declared before it is known.
struct Device {
  c10::Device value{c10::kCPU};
  Device() = default;
  Device(c10::Device device) : value(device) {}
  operator c10::Device() const { return value; }
  c10::DeviceType type() const { return value.type(); }
  c10::DeviceIndex index() const { return value.index(); }
  bool has_index() const { return value.has_index(); }
  bool is_cpu() const { return value.is_cpu(); }
  bool is_cuda() const { return value.is_cuda(); }
  bool is_meta() const { return value.is_meta(); }
  std::string str() const { return value.str(); }
  bool operator==(const Device& other) const { return value == other.value; }
  bool operator!=(const Device& other) const { return value != other.value; }
  bool operator==(const c10::Device& other) const { return value == other; }
  bool operator!=(const c10::Device& other) const { return value != other; }
};

// -- lists -----------------------------------------------------------------------------------------------------------

// How a list stores an element: std::vector<bool> has no addresses, and a byte would alias everything.
struct StoredBool {
  bool value;
  StoredBool(bool v = false) : value(v) {}
  operator bool() const { return value; }
};
template <class T>
struct StoredAs {
  using type = T;
};
template <>
struct StoredAs<bool> {
  using type = StoredBool;
};
template <class T>
using Stored = typename StoredAs<T>::type;

template <class T>
struct ListData : c10::intrusive_ptr_target {
  std::vector<Stored<T>> items;
};

// A list that shares its elements with its copies, as a variable of Python does.
template <class T>
class List {
 public:
  using element = T;
  List() : data_(c10::make_intrusive<ListData<T>>()) {}
  List(std::initializer_list<T> items) : List() { data_->items.assign(items.begin(), items.end()); }
  explicit List(std::vector<Stored<T>> items) : List() { data_->items = std::move(items); }

  std::vector<Stored<T>>& items() const { return data_->items; }
  int64_t size() const { return static_cast<int64_t>(data_->items.size()); }
  bool is(const List& other) const { return data_ == other.data_; }
  const void* identity() const { return data_.get(); }

 private:
  c10::intrusive_ptr<ListData<T>> data_;
};

// -- dictionaries ----------------------------------------------------------------------------------------------------

template <class K>
struct KeyHash {
  size_t operator()(const K& key) const { return std::hash<K>()(key); }
};
template <>
struct KeyHash<Complex> {
  size_t operator()(const Complex& key) const {
    return std::hash<double>()(key.real()) * 31 + std::hash<double>()(key.imag());
  }
};
// Tensors are keys by identity, as in Python.
template <>
struct KeyHash<Tensor> {
  size_t operator()(const Tensor& key) const { return std::hash<void*>()(key.unsafeGetTensorImpl()); }
};
template <class K>
struct KeyEqual {
  bool operator()(const K& a, const K& b) const { return a == b; }
};
template <>
struct KeyEqual<Tensor> {
  bool operator()(const Tensor& a, const Tensor& b) const { return a.is_same(b); }
};

// Entries in insertion order with an index beside them. A deleted entry leaves a gap until the next rehash.
template <class K, class V>
struct DictData : c10::intrusive_ptr_target {
  std::vector<std::optional<std::pair<K, V>>> entries;
  std::unordered_map<K, size_t, KeyHash<K>, KeyEqual<K>> index;
};

template <class K, class V>
class Dict {
 public:
  using key = K;
  using value = V;
  Dict() : data_(c10::make_intrusive<DictData<K, V>>()) {}
  Dict(std::initializer_list<std::pair<K, V>> items) : Dict() {
    for (const auto& [k, v] : items) set(k, v);
  }

  int64_t size() const { return static_cast<int64_t>(data_->index.size()); }
  const void* identity() const { return data_.get(); }

  // The value of a key, or null.
  V* find(const K& k) const {
    auto found = data_->index.find(k);
    return found == data_->index.end() ? nullptr : &data_->entries[found->second]->second;
  }
  void set(const K& k, V v) const {
    auto [found, is_new] = data_->index.try_emplace(k, data_->entries.size());
    if (is_new)
      data_->entries.emplace_back(std::in_place, k, std::move(v));
    else
      data_->entries[found->second]->second = std::move(v);
  }
  // Whether the key was there.
  bool erase(const K& k) const {
    auto found = data_->index.find(k);
    if (found == data_->index.end()) return false;
    data_->entries[found->second].reset();
    data_->index.erase(found);
    if (data_->entries.size() > 16 && data_->entries.size() > 2 * data_->index.size()) compact();
    return true;
  }
  // Takes out the entry that came last; there must be one.
  std::pair<K, V> pop_last() const {
    auto& entries = data_->entries;
    while (!entries.back()) entries.pop_back();
    std::pair<K, V> last = std::move(*entries.back());
    entries.pop_back();
    data_->index.erase(last.first);
    return last;
  }
  void clear() const {
    data_->entries.clear();
    data_->index.clear();
  }
  // f(key, value) for every entry, in insertion order.
  template <class F>
  void each(F&& f) const {
    for (const auto& entry : data_->entries)
      if (entry) f(entry->first, entry->second);
  }

 private:
  void compact() const {
    std::vector<std::optional<std::pair<K, V>>> kept;
    for (auto& entry : data_->entries)
      if (entry) {
        data_->index[entry->first] = kept.size();
        kept.push_back(std::move(entry));
      }
    data_->entries = std::move(kept);
  }
  c10::intrusive_ptr<DictData<K, V>> data_;
};

// -- objects and enums -----------------------------------------------------------------------------------------------

// Every module and script class of a program is a struct on top of this.
struct Object : c10::intrusive_ptr_target {};

// A reference to an object; C may be declared only, so that classes can refer to each other.
template <class C>
class Ref {
 public:
  Ref() = default;
  static Ref make() {
    Ref made;
    made.object_ = c10::make_intrusive<C>();
    return made;
  }
  template <class D>
  static Ref cast(const Ref<D>& other) {
    Ref out;
    out.object_ = other.object();
    return out;
  }
  static Ref of(c10::intrusive_ptr<c10::intrusive_ptr_target> object) {
    Ref out;
    out.object_ = std::move(object);
    return out;
  }
  C* operator->() const { return static_cast<C*>(object_.get()); }
  C* get() const { return static_cast<C*>(object_.get()); }
  const c10::intrusive_ptr<c10::intrusive_ptr_target>& object() const { return object_; }
  const void* identity() const { return object_.get(); }
  bool operator==(const Ref& other) const { return object_ == other.object_; }

 private:
  c10::intrusive_ptr<c10::intrusive_ptr_target> object_;
};

// A member of an enum class by its place; E has `static const Str name(int)` and `static value(int)`.
template <class E>
struct Enum {
  int member = 0;
  bool operator==(Enum other) const { return member == other.member; }
};
template <class E>
struct KeyHash<Enum<E>> {
  size_t operator()(Enum<E> key) const { return key.member; }
};

// -- what a type is --------------------------------------------------------------------------------------------------

template <class T>
struct is_list : std::false_type {};
template <class T>
struct is_list<List<T>> : std::true_type {};
template <class T>
struct is_dict : std::false_type {};
template <class K, class V>
struct is_dict<Dict<K, V>> : std::true_type {};
template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};
template <class T>
struct is_variant : std::false_type {};
template <class... T>
struct is_variant<std::variant<T...>> : std::true_type {};
template <class T>
struct is_tuple : std::false_type {};
template <class... T>
struct is_tuple<std::tuple<T...>> : std::true_type {};
template <class T>
struct is_ref : std::false_type {};
template <class C>
struct is_ref<Ref<C>> : std::true_type {};
template <class T>
struct is_enum : std::false_type {};
template <class E>
struct is_enum<Enum<E>> : std::true_type {};

}  // namespace ts
