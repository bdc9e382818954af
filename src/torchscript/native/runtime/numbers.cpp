// Numbers whose functions are too long to be inlined: powers, complex division, at::Scalar, text of ints.
#include "torchscript/lang/numbers.h"

#include <cfloat>
#include <limits>

#include "torchscript/lang/text.h"

namespace ts::lang {

void fail_to_int(double x) {
  if (std::isnan(x)) fail("ValueError", "cannot convert float NaN to integer");
  if (std::isinf(x)) fail("OverflowError", "cannot convert float infinity to integer");
  fail("OverflowError", "Python int too large to convert to C long");
}

std::tuple<double, double> divmod_(double a, double b) {
  if (b == 0.0) fail("ZeroDivisionError", "float divmod()");
  double rest = std::fmod(a, b);
  double quotient = (a - rest) / b;  // nearly a whole number, from below or above
  if (rest == 0.0) {
    rest = std::copysign(0.0, b);
  } else if ((rest < 0.0) != (b < 0.0)) {
    rest += b;
    quotient -= 1.0;
  }
  if (quotient == 0.0) return {std::copysign(0.0, a / b), rest};
  double whole = std::floor(quotient);
  return {quotient - whole > 0.5 ? whole + 1.0 : whole, rest};
}

// -- powers ----------------------------------------------------------------------------------------------------------

double power(double a, double b) {
  if (a == 0.0 && b < 0.0 && std::isfinite(b)) fail("ZeroDivisionError", "0.0 cannot be raised to a negative power");
  if (a < 0.0 && std::isfinite(a) && std::isfinite(b) && b != std::floor(b))
    fail("ValueError", "(" + repr_float(a) + ") ** " + repr_float(b) +
                           " is a complex number, where compiled code needs a float");
  double result = std::pow(a, b);
  if (std::isinf(result) && std::isfinite(a) && std::isfinite(b))
    fail("OverflowError", "(34, 'Numerical result out of range')");
  return result;
}

double power(int64_t a, int64_t b) {
  if (b < 0) return power(static_cast<double>(a), static_cast<double>(b));
  // the exact power, or one of more digits than a double has
  int64_t exact = 1, base = a;
  bool fits = true;
  for (int64_t left = b; left != 0 && fits; left >>= 1) {
    if (left & 1) fits = !__builtin_mul_overflow(exact, base, &exact);
    if (left > 1 && fits) fits = !__builtin_mul_overflow(base, base, &base);
  }
  if (fits) return static_cast<double>(exact);
  double result = static_cast<double>(std::pow(static_cast<long double>(a), static_cast<long double>(b)));
  if (std::isinf(result)) fail("OverflowError", "int too large to convert to float");
  return result;
}

int64_t integer_power(int64_t a, int64_t b) {
  if (b < 0) {
    std::string base = std::to_string(a);
    fail("ValueError", base + " ** " + std::to_string(b) +
                           " is a float, where compiled code needs an int: write float(" + base + ") ** " +
                           std::to_string(b));
  }
  int64_t result = 1;
  for (; b != 0; b >>= 1, a *= a)
    if (b & 1) result *= a;
  return result;
}

// -- complex numbers -------------------------------------------------------------------------------------------------

Complex divide(Complex a, Complex b) {
  double x = std::fabs(b.real()), y = std::fabs(b.imag());
  if (x >= y) {
    if (x == 0.0) fail("ZeroDivisionError", "complex division by zero");
    double ratio = b.imag() / b.real(), scale = b.real() + b.imag() * ratio;
    return {(a.real() + a.imag() * ratio) / scale, (a.imag() - a.real() * ratio) / scale};
  }
  if (y >= x) {
    double ratio = b.real() / b.imag(), scale = b.real() * ratio + b.imag();
    return {(a.real() * ratio + a.imag()) / scale, (a.imag() * ratio - a.real()) / scale};
  }
  double nan = std::numeric_limits<double>::quiet_NaN();
  return {nan, nan};
}

Complex power(Complex a, Complex b) {
  if (b.real() == 0.0 && b.imag() == 0.0) return {1.0, 0.0};
  if (a.real() == 0.0 && a.imag() == 0.0) {
    if (b.imag() != 0.0 || b.real() < 0.0)
      fail("ZeroDivisionError", "0.0 to a negative or complex power");
    return {0.0, 0.0};
  }
  Complex result;
  if (b.imag() == 0.0 && b.real() == std::floor(b.real()) && std::fabs(b.real()) <= 100.0) {
    // a small integer: by squaring, which is exact where it can be
    Complex factor = a;
    result = {1.0, 0.0};
    for (int left = static_cast<int>(std::fabs(b.real())); left != 0; left >>= 1, factor = factor * factor)
      if (left & 1) result = result * factor;
    if (b.real() < 0.0) result = divide({1.0, 0.0}, result);
  } else {
    double length = std::hypot(a.real(), a.imag()), angle = std::atan2(a.imag(), a.real());
    double size = std::pow(length, b.real()), phase = angle * b.real();
    if (b.imag() != 0.0) {
      size *= std::exp(-angle * b.imag());
      phase += b.imag() * std::log(length);
    }
    result = {size * std::cos(phase), size * std::sin(phase)};
  }
  if (std::isinf(result.real()) || std::isinf(result.imag())) fail("OverflowError", "complex exponentiation");
  return result;
}

double abs_(Complex a) {
  double result = std::hypot(a.real(), a.imag());
  if (std::isinf(result) && std::isfinite(a.real()) && std::isfinite(a.imag()))
    fail("OverflowError", "absolute value too large");
  return result;
}

// -- numbers of any kind ---------------------------------------------------------------------------------------------

namespace {

// f of what the scalar holds: an int (bools are ints in arithmetic), a float or a complex number.
template <class F>
auto visit(const Scalar& a, F&& f) {
  if (a.isComplex()) return f(a.to<Complex>());
  if (a.isFloatingPoint()) return f(a.toDouble());
  return f(static_cast<int64_t>(a.isBoolean() ? a.toBool() : a.toLong()));
}
template <class F>
auto visit(const Scalar& a, const Scalar& b, F&& f) {
  return visit(a, [&](auto x) { return visit(b, [&](auto y) { return f(x, y); }); });
}
const char* kind_of(const Scalar& a) {
  return a.isComplex() ? "complex" : a.isFloatingPoint() ? "float" : a.isBoolean() ? "bool" : "int";
}
[[noreturn]] void fail_operands(const std::string& operation, const Scalar& a, const Scalar& b) {
  fail("TypeError", operation + "'" + kind_of(a) + "' and '" + kind_of(b) + "'");
}
template <class X>
constexpr bool is_complex = std::is_same_v<X, Complex>;

}  // namespace

#define TS_ARITHMETIC(NAME)                                                        \
  Scalar NAME(const Scalar& a, const Scalar& b) {                                  \
    return visit(a, b, [](auto x, auto y) -> Scalar { return NAME(x, y); });       \
  }
TS_ARITHMETIC(add_)
TS_ARITHMETIC(sub_)
TS_ARITHMETIC(mul_)

double div_(const Scalar& a, const Scalar& b) {
  return visit(a, b, [&](auto x, auto y) -> double {
    if constexpr (is_complex<decltype(x)> || is_complex<decltype(y)>)
      fail("TypeError", "a quotient is complex, where compiled code needs a float");
    else if constexpr (std::is_same_v<decltype(x), decltype(y)>)
      return div_(x, y);
    else
      return div_(static_cast<double>(x), static_cast<double>(y));
  });
}

#define TS_REAL_ARITHMETIC(NAME, OPERATOR)                                             \
  Scalar NAME(const Scalar& a, const Scalar& b) {                                      \
    return visit(a, b, [&](auto x, auto y) -> Scalar {                                 \
      if constexpr (is_complex<decltype(x)> || is_complex<decltype(y)>)                \
        fail_operands("unsupported operand type(s) for " OPERATOR ": ", a, b);         \
      else                                                                             \
        return NAME(x, y);                                                             \
    });                                                                                \
  }
TS_REAL_ARITHMETIC(floordiv_, "//")
TS_REAL_ARITHMETIC(remainder_, "%")

double pow_(const Scalar& a, const Scalar& b) {
  return visit(a, b, [&](auto x, auto y) -> double {
    if constexpr (is_complex<decltype(x)> || is_complex<decltype(y)>)
      fail("TypeError", "a power is complex, where compiled code needs a float");
    else
      return pow_(x, y);
  });
}

Scalar neg_(const Scalar& a) {
  return visit(a, [](auto x) -> Scalar { return neg_(x); });
}
Scalar abs_(const Scalar& a) {
  return visit(a, [](auto x) -> Scalar { return abs_(x); });
}
Scalar round_(const Scalar& a) {
  return visit(a, [](auto x) -> Scalar {
    if constexpr (is_complex<decltype(x)>)
      fail("TypeError", "type complex doesn't define __round__ method");
    else if constexpr (std::is_same_v<decltype(x), double>)
      return float_to_int(round_(x));
    else
      return x;
  });
}

#define TS_EQUALITY(NAME)                                                                                       \
  bool NAME(const Scalar& a, const Scalar& b) {                                                                 \
    return visit(a, b, [](auto x, auto y) -> bool {                                                             \
      if constexpr (is_complex<decltype(x)> && !is_complex<decltype(y)>)                                        \
        return NAME(x, as_complex(y));                                                                          \
      else if constexpr (is_complex<decltype(y)> && !is_complex<decltype(x)>)                                   \
        return NAME(as_complex(x), y);                                                                          \
      else                                                                                                      \
        return NAME(x, y);                                                                                      \
    });                                                                                                         \
  }
TS_EQUALITY(eq_)
TS_EQUALITY(ne_)

#define TS_ORDER(NAME, OPERATOR)                                                                        \
  bool NAME(const Scalar& a, const Scalar& b) {                                                         \
    return visit(a, b, [&](auto x, auto y) -> bool {                                                    \
      if constexpr (is_complex<decltype(x)> || is_complex<decltype(y)>)                                 \
        fail_operands("'" OPERATOR "' not supported between instances of ", a, b);                      \
      else                                                                                              \
        return NAME(x, y);                                                                              \
    });                                                                                                 \
  }
TS_ORDER(lt_, "<")
TS_ORDER(le_, "<=")
TS_ORDER(gt_, ">")
TS_ORDER(ge_, ">=")

Scalar min_(const Scalar& a, const Scalar& b) { return lt_(b, a) ? b : a; }
Scalar max_(const Scalar& a, const Scalar& b) { return gt_(b, a) ? b : a; }

int64_t Int_(const Scalar& a) {
  return visit(a, [](auto x) -> int64_t {
    if constexpr (is_complex<decltype(x)>)
      fail("TypeError", "int() argument must be a string, a bytes-like object or a real number, not 'complex'");
    else
      return Int_(x);
  });
}
double Float_(const Scalar& a) {
  return visit(a, [](auto x) -> double {
    if constexpr (is_complex<decltype(x)>)
      fail("TypeError", "float() argument must be a string or a real number, not 'complex'");
    else
      return static_cast<double>(x);
  });
}
Complex Complex_(const Scalar& a) {
  return visit(a, [](auto x) { return as_complex(x); });
}

// -- text ------------------------------------------------------------------------------------------------------------

namespace {

Str digits(int64_t i, unsigned bits, const char* prefix) {
  uint64_t left = i < 0 ? 0 - static_cast<uint64_t>(i) : static_cast<uint64_t>(i);
  Str reversed;
  do {
    reversed += "0123456789abcdef"[left & ((1u << bits) - 1)];
    left >>= bits;
  } while (left != 0);
  return Str(i < 0 ? "-" : "") + prefix + Str(reversed.rbegin(), reversed.rend());
}

}  // namespace

Str bin_(int64_t i) { return digits(i, 1, "0b"); }
Str oct_(int64_t i) { return digits(i, 3, "0o"); }
Str hex_(int64_t i) { return digits(i, 4, "0x"); }

}  // namespace ts::lang
