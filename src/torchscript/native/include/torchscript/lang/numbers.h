// Numbers and bools: arithmetic, comparison, bits, and conversion into each other (operators/language/numbers.py).
//
// An int has 64 bits and wraps; all else is as in Python. Where Python leaves the reals ((-8.0) ** 0.5) or what 64 bits
// hold (int(1e30)), these raise. Functions of at::Scalar look at what the scalar holds, and are compiled once.
#pragma once

#include <torchscript/lang/fail.h>
#include <torchscript/values.h>

#include <cmath>
#include <cstdint>
#include <tuple>
#include <type_traits>

namespace ts::lang {

// -- arithmetic ------------------------------------------------------------------------------------------------------

Complex divide(Complex a, Complex b);
Complex power(Complex a, Complex b);
double power(double a, double b);
double power(int64_t a, int64_t b);
int64_t integer_power(int64_t a, int64_t b);

inline Complex as_complex(double x) { return Complex(x, 0.0); }
inline Complex as_complex(int64_t x) { return Complex(static_cast<double>(x), 0.0); }
inline Complex as_complex(Complex x) { return x; }

// One operator of C++ for every pair of number types that the tables have; ints and floats become complex as in
// Python, with an imaginary part of 0.
#define TS_ARITHMETIC(NAME, OP)                                                                     \
  inline int64_t NAME(int64_t a, int64_t b) { return a OP b; }                                      \
  inline double NAME(double a, double b) { return a OP b; }                                         \
  inline double NAME(int64_t a, double b) { return static_cast<double>(a) OP b; }                   \
  inline double NAME(double a, int64_t b) { return a OP static_cast<double>(b); }                   \
  inline Complex NAME(Complex a, Complex b) { return a OP b; }                                      \
  inline Complex NAME(int64_t a, Complex b) { return as_complex(a) OP b; }                          \
  inline Complex NAME(Complex a, int64_t b) { return a OP as_complex(b); }                          \
  inline Complex NAME(double a, Complex b) { return as_complex(a) OP b; }                           \
  inline Complex NAME(Complex a, double b) { return a OP as_complex(b); }                           \
  Scalar NAME(const Scalar& a, const Scalar& b);
TS_ARITHMETIC(add_, +)
TS_ARITHMETIC(sub_, -)
TS_ARITHMETIC(mul_, *)
#undef TS_ARITHMETIC

inline double div_(double a, double b) {
  if (b == 0.0) [[unlikely]]
    fail("ZeroDivisionError", "float division by zero");
  return a / b;
}
inline double div_(int64_t a, int64_t b) {
  if (b == 0) [[unlikely]]
    fail("ZeroDivisionError", "division by zero");
  // ints that doubles hold; else with more digits than a double has
  if (static_cast<uint64_t>(a) + (1ull << 53) <= 1ull << 54 && static_cast<uint64_t>(b) + (1ull << 53) <= 1ull << 54)
    [[likely]]
    return static_cast<double>(a) / static_cast<double>(b);
  return static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b));
}
inline Complex div_(Complex a, Complex b) { return divide(a, b); }
double div_(const Scalar& a, const Scalar& b);

// Whether the compiler knows, where this is inlined, that b is a power of 2: then floors are shifts.
#define TS_IS_POWER_OF_TWO(b) (__builtin_constant_p(b) && (b) > 0 && ((b) & ((b) - 1)) == 0)

// Floor division and its remainder. The least int divided by -1 wraps, where the processor would trap.
inline int64_t floordiv_(int64_t a, int64_t b) {
  if (TS_IS_POWER_OF_TWO(b)) return a >> __builtin_ctzll(static_cast<uint64_t>(b));
  if (static_cast<uint64_t>(b) + 1 <= 1) [[unlikely]] {
    if (b == 0) fail("ZeroDivisionError", "integer division or modulo by zero");
    return -a;
  }
  int64_t quotient = a / b;
  return quotient - ((a % b != 0) & ((a ^ b) < 0));
}
inline int64_t remainder_(int64_t a, int64_t b) {
  if (TS_IS_POWER_OF_TWO(b)) return a & (b - 1);
  if (static_cast<uint64_t>(b) + 1 <= 1) [[unlikely]] {
    if (b == 0) fail("ZeroDivisionError", "integer modulo by zero");
    return 0;
  }
  int64_t rest = a % b;
  return rest + (((rest != 0) & ((rest ^ b) < 0)) ? b : 0);
}
#undef TS_IS_POWER_OF_TWO
inline std::tuple<int64_t, int64_t> divmod_(int64_t a, int64_t b) {
  if (b == 0) [[unlikely]]
    fail("ZeroDivisionError", "integer division or modulo by zero");
  return {floordiv_(a, b), remainder_(a, b)};
}
inline int64_t __round_to_zero_floordiv_(int64_t a, int64_t b) {
  if (static_cast<uint64_t>(b) + 1 <= 1) [[unlikely]] {
    if (b == 0) fail("ZeroDivisionError", "integer division or modulo by zero");
    return -a;
  }
  return a / b;
}

inline double remainder_(double a, double b) {
  if (b == 0.0) [[unlikely]]
    fail("ZeroDivisionError", "float modulo");
  double rest = std::fmod(a, b);
  if (rest == 0.0) return std::copysign(0.0, b);
  return (rest < 0.0) != (b < 0.0) ? rest + b : rest;
}
std::tuple<double, double> divmod_(double a, double b);
inline double floordiv_(double a, double b) {
  if (b == 0.0) [[unlikely]]
    fail("ZeroDivisionError", "float floor division by zero");
  return std::get<0>(divmod_(a, b));
}

#define TS_MIXED(RESULT, NAME)                                                                       \
  inline RESULT NAME(int64_t a, double b) { return NAME(static_cast<double>(a), b); }                \
  inline RESULT NAME(double a, int64_t b) { return NAME(a, static_cast<double>(b)); }
using TwoFloats = std::tuple<double, double>;
TS_MIXED(double, floordiv_)
TS_MIXED(double, remainder_)
TS_MIXED(TwoFloats, divmod_)
Scalar floordiv_(const Scalar& a, const Scalar& b);
Scalar remainder_(const Scalar& a, const Scalar& b);

inline double pow_(double a, double b) { return power(a, b); }
inline double pow_(int64_t a, int64_t b) { return power(a, b); }
inline int64_t pow_int_to_int_(int64_t a, int64_t b) { return integer_power(a, b); }
TS_MIXED(double, pow_)
#undef TS_MIXED
inline Complex pow_(Complex a, Complex b) { return power(a, b); }
inline Complex pow_(double a, Complex b) { return power(as_complex(a), b); }
inline Complex pow_(Complex a, double b) { return power(a, as_complex(b)); }
double pow_(const Scalar& a, const Scalar& b);

inline int64_t neg_(int64_t a) { return -a; }
inline double neg_(double a) { return -a; }
inline Complex neg_(Complex a) { return Complex(-a.real(), -a.imag()); }
Scalar neg_(const Scalar& a);
inline int64_t abs_(int64_t a) { return a < 0 ? -a : a; }
inline double abs_(double a) { return std::fabs(a); }
double abs_(Complex a);
Scalar abs_(const Scalar& a);
Tensor abs_(const Tensor& a);

// An int from a float that has no fraction; `what cannot be one` raises as in Python, or for lack of bits.
[[noreturn, gnu::cold]] void fail_to_int(double x);
inline int64_t float_to_int(double x) {
  if (!(x >= -0x1p63 && x < 0x1p63)) [[unlikely]]
    fail_to_int(x);
  return static_cast<int64_t>(x);
}

// Half to even. Python's result is an int, so there is no -0.0.
inline double round_(int64_t a) { return static_cast<double>(a); }
inline double round_(double a) {
  if (!std::isfinite(a)) [[unlikely]]
    fail_to_int(a);
  return std::nearbyint(a) + 0.0;
}
Scalar round_(const Scalar& a);

// -- comparison ------------------------------------------------------------------------------------------------------

// How an int compares with the float that it rounds to: Python compares the exact values.
inline int compare_tied(int64_t a, double b) {
  if (b == 0x1p63) return -1;
  int64_t exact = static_cast<int64_t>(b);
  return (a > exact) - (a < exact);
}

#define TS_COMPARISON(NAME, OP, SWAPPED)                                                             \
  inline bool NAME(int64_t a, int64_t b) { return a OP b; }                                          \
  inline bool NAME(double a, double b) { return a OP b; }                                            \
  inline bool NAME(int64_t a, double b) {                                                            \
    double x = static_cast<double>(a);                                                               \
    return x == b ? compare_tied(a, b) OP 0 : x OP b;                                                \
  }                                                                                                  \
  inline bool NAME(double a, int64_t b) {                                                            \
    double x = static_cast<double>(b);                                                               \
    return x == a ? compare_tied(b, a) SWAPPED 0 : a OP x;                                           \
  }                                                                                                  \
  bool NAME(const Scalar& a, const Scalar& b);
TS_COMPARISON(eq_, ==, ==)
TS_COMPARISON(ne_, !=, !=)
TS_COMPARISON(lt_, <, >)
TS_COMPARISON(le_, <=, >=)
TS_COMPARISON(gt_, >, <)
TS_COMPARISON(ge_, >=, <=)
#undef TS_COMPARISON

inline bool eq_(bool a, bool b) { return a == b; }
inline bool ne_(bool a, bool b) { return a != b; }
inline bool eq_(Complex a, Complex b) { return a.real() == b.real() && a.imag() == b.imag(); }
inline bool eq_(double a, Complex b) { return a == b.real() && b.imag() == 0.0; }
inline bool eq_(Complex a, double b) { return eq_(b, a); }
inline bool eq_(int64_t a, Complex b) { return eq_(a, b.real()) && b.imag() == 0.0; }
inline bool eq_(Complex a, int64_t b) { return eq_(b, a); }
inline bool ne_(Complex a, Complex b) { return !eq_(a, b); }
inline bool ne_(double a, Complex b) { return !eq_(a, b); }
inline bool ne_(Complex a, double b) { return !eq_(a, b); }

// The first of equals, as min and max of Python.
#define TS_EXTREME(NAME, COMES_FIRST)                                                                \
  inline int64_t NAME(int64_t a, int64_t b) { return COMES_FIRST(b, a) ? b : a; }                    \
  inline double NAME(double a, double b) { return COMES_FIRST(b, a) ? b : a; }                       \
  inline double NAME(int64_t a, double b) { return COMES_FIRST(b, a) ? b : static_cast<double>(a); } \
  inline double NAME(double a, int64_t b) { return COMES_FIRST(b, a) ? static_cast<double>(b) : a; } \
  Scalar NAME(const Scalar& a, const Scalar& b);
TS_EXTREME(min_, lt_)
TS_EXTREME(max_, gt_)
#undef TS_EXTREME

// -- bits ------------------------------------------------------------------------------------------------------------

inline bool __and___(bool a, bool b) { return a && b; }
inline int64_t __and___(int64_t a, int64_t b) { return a & b; }
inline bool __or___(bool a, bool b) { return a || b; }
inline int64_t __or___(int64_t a, int64_t b) { return a | b; }
inline bool __xor___(bool a, bool b) { return a != b; }
inline int64_t __xor___(int64_t a, int64_t b) { return a ^ b; }
inline int64_t __lshift___(int64_t a, int64_t b) {
  if (b < 0) [[unlikely]]
    fail("ValueError", "negative shift count");
  return b < 64 ? a << b : 0;
}
inline int64_t __rshift___(int64_t a, int64_t b) {
  if (b < 0) [[unlikely]]
    fail("ValueError", "negative shift count");
  return a >> (b < 64 ? b : 63);
}
inline bool __not___(bool a) { return !a; }

// -- conversion ------------------------------------------------------------------------------------------------------

inline int64_t Int_(bool a) { return a; }
inline int64_t Int_(int64_t a) { return a; }
inline int64_t Int_(double a) { return float_to_int(a); }
int64_t Int_(const Scalar& a);
int64_t Int_(const Str& a);
inline double Float_(double a) { return a; }
inline double Float_(int64_t a) { return static_cast<double>(a); }
inline double Float_(bool a) { return a ? 1.0 : 0.0; }
double Float_(const Scalar& a);
double Float_(const Str& a);
inline bool Bool_(bool a) { return a; }
inline bool Bool_(int64_t a) { return a != 0; }
inline bool Bool_(double a) { return a != 0.0; }
Complex Complex_(const Scalar& a);
// complex(x, y) of an int, a float or a bool each.
template <class X, class Y>
  requires(std::is_arithmetic_v<X> && std::is_arithmetic_v<Y>)
inline Complex Complex_(X x, Y y) {
  return Complex(static_cast<double>(x), static_cast<double>(y));
}

Str chr_(int64_t i);
Str bin_(int64_t i);
Str oct_(int64_t i);
Str hex_(int64_t i);

// -- loops -----------------------------------------------------------------------------------------------------------

inline int64_t __range_length_(int64_t low, int64_t high, int64_t step) {
  if (step == 0) [[unlikely]]
    fail("ValueError", "range() arg 3 must not be zero");
  // Distances as unsigned numbers: they can be greater than an int.
  if (step > 0 ? low >= high : low <= high) return 0;
  uint64_t distance = step > 0 ? static_cast<uint64_t>(high) - low : static_cast<uint64_t>(low) - high;
  uint64_t count = (distance - 1) / (step > 0 ? step : 0 - static_cast<uint64_t>(step)) + 1;
  if (count > INT64_MAX) [[unlikely]]
    fail("OverflowError", "Python int too large to convert to C ssize_t");
  return static_cast<int64_t>(count);
}
inline int64_t __derive_index_(int64_t index, int64_t start, int64_t step) { return start + index * step; }

template <class T>
inline T IfThenElse_(bool condition, const T& x, const std::type_identity_t<T>& y) {
  return condition ? x : y;
}

}  // namespace ts::lang
