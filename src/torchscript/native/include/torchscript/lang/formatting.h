// `"…".format(…)`, `"…" % (…)` and `print`, of values of any types (operators/language/strings.py, environment.py).
#pragma once

#include <torchscript/lang/text.h>
#include <torchscript/values.h>

#include <cstdint>
#include <initializer_list>

namespace ts::lang {

// An argument, as formatting wants it: what it is, if formatting knows it, and how to write it.
struct Argument {
  enum Kind { other, integer, boolean, real, complex, string } kind = other;
  const char* type = "object";  // the name of its class in Python
  int64_t integer_value = 0;
  double real_value = 0.0;
  Complex complex_value;
  const void* value = nullptr;
  void (*write_str)(Str& out, const void* value) = nullptr;
  void (*write_repr)(Str& out, const void* value) = nullptr;
  const Tensor* tensor = nullptr;

  Str str() const {
    Str out;
    write_str(out, value);
    return out;
  }
  Str repr() const {
    Str out;
    write_repr(out, value);
    return out;
  }
};

Argument argument_of_scalar(const Scalar& x);

template <class T>
Argument argument_of(const T& x) {
  Argument a;
  a.value = &x;
  a.write_str = [](Str& out, const void* value) { lang::write_str(out, *static_cast<const T*>(value)); };
  a.write_repr = [](Str& out, const void* value) { lang::write_repr(out, *static_cast<const T*>(value)); };
  if constexpr (std::is_same_v<T, bool>) {
    a.kind = Argument::boolean;
    a.type = "bool";
    a.integer_value = x;
  } else if constexpr (std::is_integral_v<T>) {
    a.kind = Argument::integer;
    a.type = "int";
    a.integer_value = x;
  } else if constexpr (std::is_same_v<T, double>) {
    a.kind = Argument::real;
    a.type = "float";
    a.real_value = x;
  } else if constexpr (std::is_same_v<T, Complex>) {
    a.kind = Argument::complex;
    a.type = "complex";
    a.complex_value = x;
  } else if constexpr (std::is_same_v<T, Str>) {
    a.kind = Argument::string;
    a.type = "str";
  } else if constexpr (is_enum<T>::value) {
    a.kind = Argument::string;
    a.type = "Enum";
  } else if constexpr (std::is_same_v<T, Tensor>) {
    a.type = "Tensor";
    a.tensor = &x;
  } else if constexpr (std::is_same_v<T, Scalar>) {
    Argument inner = argument_of_scalar(x);
    inner.value = a.value;
    inner.write_str = a.write_str;
    inner.write_repr = a.write_repr;
    return inner;
  } else if constexpr (is_optional<T>::value) {
    if (x) return argument_of(*x);
    a.type = "NoneType";
  } else if constexpr (is_variant<T>::value) {
    return std::visit([](const auto& member) { return argument_of(member); }, x);
  } else if constexpr (is_list<T>::value) {
    a.type = "list";
  } else if constexpr (is_dict<T>::value) {
    a.type = "dict";
  } else if constexpr (is_tuple<T>::value) {
    a.type = "tuple";
  } else if constexpr (std::is_same_v<T, None>) {
    a.type = "NoneType";
  }
  return a;
}

Str format_arguments(const Str& text, std::initializer_list<Argument> arguments);
Str percent_format_arguments(const Str& text, std::initializer_list<Argument> arguments);

template <class... T>
Str format_(const Str& text, const T&... arguments) {
  return format_arguments(text, {argument_of(arguments)...});
}
template <class... T>
Str percentFormat_(const Str& text, const T&... arguments) {
  return percent_format_arguments(text, {argument_of(arguments)...});
}
template <class... T>
void Print_(const T&... values) {
  Str line;
  size_t left = sizeof...(values);
  ((write_str(line, values), line += --left == 0 ? "" : " "), ...);
  write_stdout(line + "\n");
}
template <class... T>
void print_(const T&... values) {
  Print_(values...);
}

}  // namespace ts::lang
