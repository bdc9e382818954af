// The functions of Python's `math`, and of `cmath` for complex numbers (operators/language/mathematics.py).
//
// Where `math` raises (math.log(0.0)), so do these.
#pragma once

#include <torchscript/lang/fail.h>
#include <torchscript/lang/numbers.h>
#include <torchscript/values.h>

#include <cmath>
#include <cstdint>
#include <tuple>

namespace ts::lang {

[[noreturn, gnu::cold]] void fail_domain();
[[noreturn, gnu::cold]] void fail_range();

// What `math` makes of a result of the C library: a NaN out of a number is an error, and so is an infinity.
template <bool can_overflow>
inline double checked(double x, double result) {
  if (!std::isfinite(result)) [[unlikely]] {
    if (std::isnan(result) && !std::isnan(x)) fail_domain();
    if (std::isinf(result) && std::isfinite(x)) {
      if constexpr (can_overflow)
        fail_range();
      else
        fail_domain();
    }
  }
  return result;
}

#define TS_REAL(NAME, FUNCTION, CAN_OVERFLOW)                                                   \
  inline double NAME(double a) { return checked<CAN_OVERFLOW>(a, FUNCTION(a)); }                \
  inline double NAME(int64_t a) { return NAME(static_cast<double>(a)); }                        \
  Scalar NAME(const Scalar& a);
#define TS_REAL_AND_COMPLEX(NAME, FUNCTION, CAN_OVERFLOW) \
  TS_REAL(NAME, FUNCTION, CAN_OVERFLOW)                   \
  Complex NAME(Complex a);
TS_REAL_AND_COMPLEX(sqrt_, std::sqrt, false)
TS_REAL_AND_COMPLEX(exp_, std::exp, true)
TS_REAL_AND_COMPLEX(log10_, std::log10, false)
TS_REAL_AND_COMPLEX(sin_, std::sin, false)
TS_REAL_AND_COMPLEX(cos_, std::cos, false)
TS_REAL_AND_COMPLEX(tan_, std::tan, false)
TS_REAL_AND_COMPLEX(asin_, std::asin, false)
TS_REAL_AND_COMPLEX(acos_, std::acos, false)
TS_REAL_AND_COMPLEX(atan_, std::atan, false)
TS_REAL_AND_COMPLEX(sinh_, std::sinh, true)
TS_REAL_AND_COMPLEX(cosh_, std::cosh, true)
TS_REAL_AND_COMPLEX(tanh_, std::tanh, false)
TS_REAL_AND_COMPLEX(asinh_, std::asinh, false)
TS_REAL_AND_COMPLEX(acosh_, std::acosh, false)
TS_REAL_AND_COMPLEX(atanh_, std::atanh, false)
TS_REAL_AND_COMPLEX(log_, std::log, false)
TS_REAL(expm1_, std::expm1, true)
TS_REAL(log1p_, std::log1p, false)
TS_REAL(erf_, std::erf, false)
TS_REAL(erfc_, std::erfc, false)
#undef TS_REAL_AND_COMPLEX
#undef TS_REAL

double gamma_(double a);
double lgamma_(double a);
inline double degrees_(double a) { return a * (180.0 / 3.141592653589793238462643); }
inline double radians_(double a) { return a * (3.141592653589793238462643 / 180.0); }
inline double fabs_(double a) { return std::fabs(a); }
#define TS_OF_INT(NAME)                                                  \
  inline double NAME(int64_t a) { return NAME(static_cast<double>(a)); } \
  Scalar NAME(const Scalar& a);
TS_OF_INT(gamma_)
TS_OF_INT(lgamma_)
TS_OF_INT(degrees_)
TS_OF_INT(radians_)
TS_OF_INT(fabs_)
#undef TS_OF_INT

// math.log(x, base)
inline double log_(double a, double b) { return div_(log_(a), log_(b)); }
inline double log_(int64_t a, int64_t b) { return div_(log_(a), log_(b)); }
inline double log_(int64_t a, double b) { return div_(log_(a), log_(b)); }
inline double log_(double a, int64_t b) { return div_(log_(a), log_(b)); }
Complex log_(Complex a, Complex b);
inline Complex log_(int64_t a, Complex b) { return log_(as_complex(a), b); }
inline Complex log_(Complex a, int64_t b) { return log_(a, as_complex(b)); }
inline Complex log_(double a, Complex b) { return log_(as_complex(a), b); }
inline Complex log_(Complex a, double b) { return log_(a, as_complex(b)); }
double log_(const Scalar& a, const Scalar& b);

inline int64_t floor_(int64_t a) { return a; }
inline int64_t floor_(double a) { return float_to_int(std::floor(a)); }
Scalar floor_(const Scalar& a);
inline int64_t ceil_(int64_t a) { return a; }
inline int64_t ceil_(double a) { return float_to_int(std::ceil(a)); }
Scalar ceil_(const Scalar& a);

inline bool isnan_(double a) { return std::isnan(a); }
inline bool isnan_(Complex a) { return std::isnan(a.real()) || std::isnan(a.imag()); }
inline bool isinf_(double a) { return std::isinf(a); }
inline bool isinf_(Complex a) { return std::isinf(a.real()) || std::isinf(a.imag()); }
inline bool isfinite_(double a) { return std::isfinite(a); }
inline bool isfinite_(Complex a) { return std::isfinite(a.real()) && std::isfinite(a.imag()); }

inline double fmod_(double a, double b) {
  double result = std::fmod(a, b);
  if (std::isnan(result) && !std::isnan(a) && !std::isnan(b)) [[unlikely]]
    fail_domain();
  return result;
}
inline double mathremainder_(double a, double b) {
  double result = std::remainder(a, b);
  if (std::isnan(result) && !std::isnan(a) && !std::isnan(b)) [[unlikely]]
    fail_domain();
  return result;
}
inline double atan2_(double a, double b) { return std::atan2(a, b); }
inline double copysign_(double a, double b) { return std::copysign(a, b); }
Complex polar_(double length, double angle);

#define TS_PAIRS(RESULT, SCALAR_RESULT, NAME)                                                                         \
  inline RESULT NAME(int64_t a, int64_t b) { return NAME(static_cast<double>(a), static_cast<double>(b)); }           \
  inline RESULT NAME(int64_t a, double b) { return NAME(static_cast<double>(a), b); }                                 \
  inline RESULT NAME(double a, int64_t b) { return NAME(a, static_cast<double>(b)); }                                 \
  SCALAR_RESULT NAME(const Scalar& a, const Scalar& b);
TS_PAIRS(double, double, fmod_)
TS_PAIRS(double, double, mathremainder_)
TS_PAIRS(double, double, atan2_)
TS_PAIRS(double, double, copysign_)
TS_PAIRS(Complex, Scalar, polar_)
#undef TS_PAIRS

double ldexp_(double x, int64_t i);
int64_t gcd_(int64_t a, int64_t b);
int64_t factorial_(int64_t a);
std::tuple<double, int64_t> frexp_(double a);
std::tuple<double, double> modf_(double a);

inline double angle_(double a) { return std::atan2(0.0, a); }
inline double angle_(int64_t a) { return angle_(static_cast<double>(a)); }
inline double angle_(Complex a) { return std::atan2(a.imag(), a.real()); }
Scalar angle_(const Scalar& a);

}  // namespace ts::lang
