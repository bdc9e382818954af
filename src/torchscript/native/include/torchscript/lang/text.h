// `str(x)` and `repr(x)` of values of every type, as Python writes them.
#pragma once

#include <c10/core/Layout.h>
#include <c10/core/MemoryFormat.h>
#include <c10/core/ScalarType.h>
#include <torchscript/values.h>

#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace ts {

// How tensors are written: as PyTorch's C++ does, unless the host sets a function (Python's own, in Python).
extern std::string (*format_tensor_hook)(const at::Tensor&);
// To standard output, or wherever the host wants what is printed.
extern void (*write_stdout_hook)(const std::string&);
void write_stdout(const std::string& text);

namespace lang {

Str format_tensor(const Tensor& tensor);
Str repr_float(double x);
Str repr_complex(Complex x);
Str repr_string(const Str& x);
Str repr_scalar(const Scalar& x);
Str repr_dtype(at::ScalarType x);
Str repr_layout(at::Layout x);
Str repr_memory_format(at::MemoryFormat x);
Str repr_device(const c10::Device& x);
Str repr_object(const char* name, const void* address);

template <class T>
inline constexpr bool no_text = false;

template <class T>
void write_str(Str& out, const T& x);
template <class E>
E enum_of(Enum<E>) {
  return E();
}

// Appends `repr(x)`.
template <class T>
void write_repr(Str& out, const T& x) {
  if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, StoredBool>) {
    out += x ? "True" : "False";
  } else if constexpr (std::is_integral_v<T>) {
    out += std::to_string(x);
  } else if constexpr (std::is_same_v<T, double>) {
    out += repr_float(x);
  } else if constexpr (std::is_same_v<T, Complex>) {
    out += repr_complex(x);
  } else if constexpr (std::is_same_v<T, Str>) {
    out += repr_string(x);
  } else if constexpr (std::is_same_v<T, Scalar>) {
    out += repr_scalar(x);
  } else if constexpr (std::is_same_v<T, Tensor>) {
    out += format_tensor(x);
  } else if constexpr (std::is_same_v<T, None>) {
    out += "None";
  } else if constexpr (std::is_same_v<T, at::ScalarType>) {
    out += repr_dtype(x);
  } else if constexpr (std::is_same_v<T, at::Layout>) {
    out += repr_layout(x);
  } else if constexpr (std::is_same_v<T, at::MemoryFormat>) {
    out += repr_memory_format(x);
  } else if constexpr (std::is_same_v<T, Device> || std::is_base_of_v<c10::Device, T>) {
    out += repr_device(x);
  } else if constexpr (is_optional<T>::value) {
    if (x)
      write_repr(out, *x);
    else
      out += "None";
  } else if constexpr (is_variant<T>::value) {
    std::visit([&](const auto& member) { write_repr(out, member); }, x);
  } else if constexpr (is_list<T>::value) {
    const char* separator = "[";
    for (const auto& item : x.items()) {
      out += separator;
      write_repr<typename T::element>(out, item);
      separator = ", ";
    }
    out += x.size() == 0 ? "[]" : "]";
  } else if constexpr (is_dict<T>::value) {
    const char* separator = "{";
    x.each([&](const auto& key, const auto& value) {
      out += separator;
      write_repr(out, key);
      out += ": ";
      write_repr(out, value);
      separator = ", ";
    });
    out += x.size() == 0 ? "{}" : "}";
  } else if constexpr (is_tuple<T>::value) {
    out += '(';
    [&]<size_t... I>(std::index_sequence<I...>) {
      ((out += I == 0 ? "" : ", ", write_repr(out, std::get<I>(x))), ...);
    }(std::make_index_sequence<std::tuple_size_v<T>>());
    out += std::tuple_size_v<T> == 1 ? ",)" : ")";
  } else if constexpr (is_enum<T>::value) {
    out += '<';
    write_str(out, x);
    out += ": ";
    write_repr(out, enum_of(x).value(x.member));
    out += '>';
  } else if constexpr (is_ref<T>::value) {
    if constexpr (requires { x->repr(); })
      out += x->repr();
    else if constexpr (requires { Str(x->class_name()); })
      out += repr_object(x->class_name(), x.identity());
    else
      out += repr_object("object", x.identity());
  } else if constexpr (requires { Str(x); }) {
    out += repr_string(Str(x));
  } else {
    static_assert(no_text<T>, "values of this type have no text");
  }
}

// Appends `str(x)`.
template <class T>
void write_str(Str& out, const T& x) {
  if constexpr (std::is_same_v<T, Str>) {
    out += x;
  } else if constexpr (std::is_same_v<T, Device> || std::is_base_of_v<c10::Device, T>) {
    out += x.str();
  } else if constexpr (is_optional<T>::value) {
    if (x)
      write_str(out, *x);
    else
      out += "None";
  } else if constexpr (is_variant<T>::value) {
    std::visit([&](const auto& member) { write_str(out, member); }, x);
  } else if constexpr (is_enum<T>::value) {
    using E = decltype(enum_of(x));
    if constexpr (requires { Str(E::class_name()); }) {
      out += E::class_name();
      out += '.';
    }
    out += E::name(x.member);
  } else if constexpr (is_ref<T>::value) {
    if constexpr (requires { x->str(); })
      out += x->str();
    else
      write_repr(out, x);
  } else {
    write_repr(out, x);
  }
}

template <class T>
Str repr(const T& x) {
  Str out;
  write_repr(out, x);
  return out;
}

template <class T>
Str str_(const T& x) {
  Str out;
  write_str(out, x);
  return out;
}

}  // namespace lang
}  // namespace ts
