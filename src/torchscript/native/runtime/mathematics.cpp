// Functions of `math` and `cmath` that are not one call of the C library, and those of numbers of any kind.
#include "torchscript/lang/mathematics.h"

#include <climits>
#include <complex>

namespace ts::lang {

void fail_domain() { fail("ValueError", "math domain error"); }
void fail_range() { fail("OverflowError", "math range error"); }

// -- real numbers ----------------------------------------------------------------------------------------------------

double gamma_(double a) {
  if (std::isnan(a) || a == HUGE_VAL) return a;
  if (a == -HUGE_VAL || (a <= 0.0 && a == std::floor(a))) fail_domain();
  return checked<true>(a, std::tgamma(a));
}
double lgamma_(double a) {
  if (std::isnan(a)) return a;
  if (std::isinf(a)) return HUGE_VAL;
  if (a <= 0.0 && a == std::floor(a)) fail_domain();
  int sign;  // std::lgamma leaves it in a global variable
  return checked<true>(a, ::lgamma_r(a, &sign));
}

double ldexp_(double x, int64_t i) {
  if (x == 0.0 || !std::isfinite(x)) return x;
  if (i > INT_MAX) fail_range();
  if (i < INT_MIN) return std::copysign(0.0, x);
  double result = std::ldexp(x, static_cast<int>(i));
  if (std::isinf(result)) fail_range();
  return result;
}

int64_t gcd_(int64_t a, int64_t b) {
  uint64_t x = a < 0 ? 0 - static_cast<uint64_t>(a) : a, y = b < 0 ? 0 - static_cast<uint64_t>(b) : b;
  while (y != 0) {
    uint64_t rest = x % y;
    x = y;
    y = rest;
  }
  return static_cast<int64_t>(x);
}

int64_t factorial_(int64_t a) {
  if (a < 0) fail("ValueError", "factorial() not defined for negative values");
  if (a > 66) return 0;  // 2 ** 64 divides it
  int64_t result = 1;
  for (int64_t i = 2; i <= a; i++) result *= i;
  return result;
}

std::tuple<double, int64_t> frexp_(double a) {
  if (a == 0.0 || !std::isfinite(a)) return {a, 0};
  int exponent;
  double mantissa = std::frexp(a, &exponent);
  return {mantissa, exponent};
}
std::tuple<double, double> modf_(double a) {
  double whole;
  double fraction = std::modf(a, &whole);
  return {fraction, whole};
}

// -- complex numbers -------------------------------------------------------------------------------------------------

Complex polar_(double length, double angle) {
  if (!std::isfinite(length) || !std::isfinite(angle)) {
    if (std::isinf(angle) && length != 0.0 && !std::isnan(length)) fail_domain();
    if (std::isinf(length) && std::isfinite(angle) && angle != 0.0) {
      double size = length;
      return {std::copysign(size, size * std::cos(angle)), std::copysign(size, size * std::sin(angle))};
    }
    if (length == 0.0) return {0.0, 0.0};
    if (std::isinf(length) && std::isnan(angle)) return {HUGE_VAL, angle};
    if (std::isnan(length) && angle == 0.0) return {length, 0.0};
    if (std::isinf(length) && angle == 0.0) return {length, length < 0 ? -angle : angle};
  }
  if (angle == 0.0) return {length, length * angle};
  return {length * std::cos(angle), length * std::sin(angle)};
}

namespace {

std::complex<double> standard(Complex a) { return {a.real(), a.imag()}; }

// `cmath`: an infinity that finite numbers give is an error, and so is a NaN that numbers give.
template <bool can_overflow>
Complex checked(Complex a, std::complex<double> result) {
  if (isfinite_(a) && !(std::isfinite(result.real()) && std::isfinite(result.imag()))) {
    if (can_overflow) fail_range();
    fail_domain();
  }
  return {result.real(), result.imag()};
}

}  // namespace

#define TS_COMPLEX(NAME, FUNCTION, CAN_OVERFLOW) \
  Complex NAME(Complex a) { return checked<CAN_OVERFLOW>(a, FUNCTION(standard(a))); }
TS_COMPLEX(sqrt_, std::sqrt, false)
TS_COMPLEX(exp_, std::exp, true)
TS_COMPLEX(sin_, std::sin, true)
TS_COMPLEX(cos_, std::cos, true)
TS_COMPLEX(tan_, std::tan, true)
TS_COMPLEX(asin_, std::asin, false)
TS_COMPLEX(acos_, std::acos, false)
TS_COMPLEX(atan_, std::atan, false)
TS_COMPLEX(sinh_, std::sinh, true)
TS_COMPLEX(cosh_, std::cosh, true)
TS_COMPLEX(tanh_, std::tanh, true)
TS_COMPLEX(asinh_, std::asinh, false)
TS_COMPLEX(acosh_, std::acosh, false)
TS_COMPLEX(atanh_, std::atanh, false)

Complex log_(Complex a) {
  if (a.real() == 0.0 && a.imag() == 0.0) fail_domain();
  return checked<false>(a, std::log(standard(a)));
}
// Of the first logarithm `cmath` forgives the infinity, of the second it does not.
Complex log_(Complex a, Complex b) {
  auto log = [](Complex x) -> Complex { return {std::log(std::hypot(x.real(), x.imag())), angle_(x)}; };
  if (b.real() == 0.0 && b.imag() == 0.0) fail_domain();
  Complex base = log(b);
  if (base.real() == 0.0 && base.imag() == 0.0) fail_domain();
  return divide(log(a), base);
}
Complex log10_(Complex a) {
  if (a.real() == 0.0 && a.imag() == 0.0) fail_domain();
  return checked<false>(a, std::log10(standard(a)));
}

// -- numbers of any kind ---------------------------------------------------------------------------------------------

namespace {

double real(const Scalar& a) {
  if (a.isComplex()) fail("TypeError", "must be real number, not complex");
  return Float_(a);
}

}  // namespace

#define TS_ANY_NUMBER(NAME) \
  Scalar NAME(const Scalar& a) { return a.isComplex() ? Scalar(NAME(a.to<Complex>())) : Scalar(NAME(real(a))); }
TS_ANY_NUMBER(sqrt_)
TS_ANY_NUMBER(exp_)
TS_ANY_NUMBER(log10_)
TS_ANY_NUMBER(sin_)
TS_ANY_NUMBER(cos_)
TS_ANY_NUMBER(tan_)
TS_ANY_NUMBER(asin_)
TS_ANY_NUMBER(acos_)
TS_ANY_NUMBER(atan_)
TS_ANY_NUMBER(sinh_)
TS_ANY_NUMBER(cosh_)
TS_ANY_NUMBER(tanh_)
TS_ANY_NUMBER(asinh_)
TS_ANY_NUMBER(acosh_)
TS_ANY_NUMBER(atanh_)
TS_ANY_NUMBER(log_)
TS_ANY_NUMBER(angle_)

#define TS_REAL_NUMBER(NAME) \
  Scalar NAME(const Scalar& a) { return Scalar(NAME(real(a))); }
TS_REAL_NUMBER(expm1_)
TS_REAL_NUMBER(log1p_)
TS_REAL_NUMBER(erf_)
TS_REAL_NUMBER(erfc_)
TS_REAL_NUMBER(gamma_)
TS_REAL_NUMBER(lgamma_)
TS_REAL_NUMBER(degrees_)
TS_REAL_NUMBER(radians_)
TS_REAL_NUMBER(fabs_)

Scalar floor_(const Scalar& a) { return a.isIntegral(true) ? Scalar(Int_(a)) : Scalar(floor_(real(a))); }
Scalar ceil_(const Scalar& a) { return a.isIntegral(true) ? Scalar(Int_(a)) : Scalar(ceil_(real(a))); }

double log_(const Scalar& a, const Scalar& b) { return log_(real(a), real(b)); }
double fmod_(const Scalar& a, const Scalar& b) { return fmod_(real(a), real(b)); }
double mathremainder_(const Scalar& a, const Scalar& b) { return mathremainder_(real(a), real(b)); }
double atan2_(const Scalar& a, const Scalar& b) { return atan2_(real(a), real(b)); }
double copysign_(const Scalar& a, const Scalar& b) { return copysign_(real(a), real(b)); }
Scalar polar_(const Scalar& a, const Scalar& b) { return polar_(real(a), real(b)); }

}  // namespace ts::lang
