// What fused kernels are made of: vectors of floats, masks, and the functions of operators on them.
//
// A kernel computes what PyTorch's own operators compute, to within a few units in the last place; NaN and infinity
// come out as there. Masks are vectors whose lanes are all ones or all zeros.
//
// T is what a kernel computes in, S what its tensors hold: float for bfloat16 and half, the same for all other dtypes.
#pragma once

#include "kernel_memory.h"  // first: it says which instructions ATen/cpu/vec is compiled for

#include <ATen/Parallel.h>

#include <cmath>

#include "errors.h"
#include "plan.h"

namespace ts::kernel {

// -- sums and extrema over a row -------------------------------------------------------------------------------------

// A loop adds to PARTS sums in turn, each with a number that the compiler knows, so that they stay in registers and no
// addition waits for the one before.
constexpr int PARTS = 4;
template <int N>
using Part = std::integral_constant<int, N>;

// step(part, i, count) for each vector from element i on; WAYS vectors are written out one after the other.
template <class T, int WAYS, class F>
inline __attribute__((always_inline)) void each_vector(int64_t from, int64_t to, const F& step) {
  constexpr int64_t size = Vec<T>::size();
  int64_t i = from;
  if constexpr (WAYS > 1)
    for (; i + WAYS * size <= to; i += WAYS * size)
      [&]<int... K>(std::integer_sequence<int, K...>) __attribute__((always_inline)) {
        (step(Part<K>(), i + K * size, size), ...);
      }(std::make_integer_sequence<int, WAYS>());
  for (; i + size <= to; i += size) step(Part<0>(), i, size);
  if (i < to) step(Part<0>(), i, to - i);
}

template <class T>
struct Sum {
  Vec<T> parts[PARTS] = {Vec<T>(T(0)), Vec<T>(T(0)), Vec<T>(T(0)), Vec<T>(T(0))};
  template <class P>
  void add(P, const Vec<T>& x, int64_t count) {
    parts[P::value] = parts[P::value] + (count == Vec<T>::size() ? x : Vec<T>::set(Vec<T>(T(0)), x, count));
  }
  T result() const {
    alignas(64) T items[Vec<T>::size()];
    ((parts[0] + parts[1]) + (parts[2] + parts[3])).store(items);
    for (int64_t step = Vec<T>::size() / 2; step > 0; step /= 2)
      for (int64_t k = 0; k < step; ++k) items[k] += items[k + step];
    return items[0];
  }
};

// The larger (smaller) of two vectors, NaN where either is NaN.
template <class T, bool LARGEST>
struct Extremum {
  static constexpr T NEUTRAL = LARGEST ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::infinity();
  Vec<T> parts[PARTS] = {Vec<T>(NEUTRAL), Vec<T>(NEUTRAL), Vec<T>(NEUTRAL), Vec<T>(NEUTRAL)};
  template <class P>
  void add(P, const Vec<T>& x, int64_t count) {
    Vec<T>& best = parts[P::value];
    best = of(best, count == Vec<T>::size() ? x : Vec<T>::set(best, x, count));
  }
  T result() const {
    alignas(64) T items[Vec<T>::size()];
    of(of(parts[0], parts[1]), of(parts[2], parts[3])).store(items);
    T out = items[0];
    for (int64_t k = 1; k < Vec<T>::size(); ++k) {
      if (std::isnan(items[k])) return items[k];
      if (std::isnan(out)) return out;
      out = LARGEST ? std::max(out, items[k]) : std::min(out, items[k]);
    }
    return out;
  }
  static Vec<T> of(const Vec<T>& best, const Vec<T>& x) {
    return LARGEST ? at::vec::maximum(best, x) : at::vec::minimum(best, x);
  }
};

// -- functions -------------------------------------------------------------------------------------------------------

// Any function of numbers, lane by lane: for what has no vector form.
template <class T, class F, class... V>
inline Vec<T> lanes(F f, const V&... x) {
  constexpr size_t N = sizeof...(V);
  alignas(64) T in[N][Vec<T>::size()];
  size_t n = 0;
  ((x.store(in[n++])), ...);
  alignas(64) T out[Vec<T>::size()];
  for (int64_t k = 0; k < Vec<T>::size(); ++k)
    out[k] = [&]<size_t... I>(std::index_sequence<I...>) { return f(in[I][k]...); }(std::make_index_sequence<N>());
  return Vec<T>::loadu(out);
}

// Division of integers wraps, and refuses zero, as PyTorch's does.
template <class T>
inline T divided(T a, T b) {
  if (b == 0) [[unlikely]]
    raise("RuntimeError", "ZeroDivisionError");
  using U = std::make_unsigned_t<T>;
  return b == T(-1) ? static_cast<T>(U(0) - static_cast<U>(a)) : static_cast<T>(a / b);
}
template <class T>
inline T modulo(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return b == T(-1) ? T(0) : static_cast<T>(a - divided(a, b) * b);
  else
    return std::fmod(a, b);
}
template <class T>
inline Vec<T> whole_quotient(const Vec<T>& x, const Vec<T>& y) {
  if constexpr (std::is_integral_v<T>)
    return lanes<T>([](T a, T b) { return divided(a, b); }, x, y);
  else
    return (x / y).trunc();
}

template <class T>
inline Vec<T> exp(const Vec<T>& x) {
  return x.exp();
}
// exp(x - n ln 2), for the whole number n that makes it nearly 1: ln 2 in two parts, and a polynomial of degree 6
// (minimax of the relative error, by weighted least squares); below 1.1 units in the last place.
inline Vec<float> exp_near_one(const Vec<float>& x, const Vec<float>& n) {
  using V = Vec<float>;
  V r = at::vec::fmadd(n, V(-0.693359375f), x);
  r = at::vec::fmadd(n, V(2.12194440e-4f), r);
  V p = V(1.3843607157e-3f);
  p = at::vec::fmadd(p, r, V(8.3741955459e-3f));
  p = at::vec::fmadd(p, r, V(4.1668005288e-2f));
  p = at::vec::fmadd(p, r, V(1.6666430235e-1f));
  p = at::vec::fmadd(p, r, V(4.9999994040e-1f));
  p = at::vec::fmadd(p, r, V(1.f));
  return at::vec::fmadd(p, r, V(1.f));
}
#if defined(__AVX512F__)
template <bool NEGATIVE>
inline Vec<float> exp_within(const Vec<float>& given) {
  using V = Vec<float>;
  // min and max keep a NaN that is their second operand
  const V upper = NEGATIVE ? given : V(_mm512_min_ps(_mm512_set1_ps(89.f), given));
  const V x(_mm512_max_ps(_mm512_set1_ps(-104.f), upper));
  const V shift(12582912.f);  // 1.5 · 2^23: sums with it are rounded to whole numbers
  const V n(_mm512_sub_ps(_mm512_fmadd_ps(x, _mm512_set1_ps(1.44269504088896341f), shift), shift));
  return V(_mm512_scalef_ps(exp_near_one(x, n), n));
}
inline Vec<float> exp(const Vec<float>& x) {
  return exp_within<false>(x);
}
#else
inline Vec<float> exp(const Vec<float>& given) {
  using V = Vec<float>;
  const V x = at::vec::minimum(at::vec::maximum(given, V(-87.3365478f)), V(88.7228394f));
  const V n = (x * V(1.44269504088896341f)).round();
  // 2^n in two steps, since 2^128 is no float
  const auto whole = at::vec::convert_to_int_of_same_size(n - V(1.f)) + Vec<int32_t>(127);
  const V result = exp_near_one(x, n) * at::vec::cast<float>(whole << Vec<int32_t>(23)) * V(2.f);
  const V upper = select(given > V(88.7228394f), V(std::numeric_limits<float>::infinity()), result);
  return select(given != given, given, select(given < V(-87.3365478f), V(0.f), upper));
}
#endif

// a / b where b is neither huge nor tiny: a division takes as long as fifteen products; this is four, and off by one unit
// in the last place at most.
template <class T>
inline Vec<T> quotient(const Vec<T>& a, const Vec<T>& b) {
  return a / b;
}
#if defined(__AVX512F__)
inline Vec<float> quotient(const Vec<float>& a, const Vec<float>& b) {
  const Vec<float> inverse(_mm512_rcp14_ps(b));
  const Vec<float> near = a * inverse;
  const Vec<float> excess(_mm512_fmsub_ps(near, b, a));
  return Vec<float>(_mm512_fnmadd_ps(excess, inverse, near));  // this way around -0 / b stays -0
}
#endif

template <class T>
inline Vec<T> tanh(const Vec<T>& x) {
  return x.tanh();
}
// The nearest number between -limit and limit; NaN stays.
inline Vec<float> within(const Vec<float>& x, float limit) {
#if defined(__AVX512F__)
  return Vec<float>(_mm512_max_ps(_mm512_set1_ps(-limit), _mm512_min_ps(_mm512_set1_ps(limit), x)));
#else
  return at::vec::minimum(at::vec::maximum(x, Vec<float>(-limit)), Vec<float>(limit));
#endif
}
// x P(x²) / Q(x²), a minimax fit of the relative error on [0, 9]; within 6 units in the last place. At 9 the quotient
// comes out above 1, so that all that is larger gives 1, and nothing gives more.
inline Vec<float> tanh(const Vec<float>& given) {
  using V = Vec<float>;
  const V x = within(given, 9.f);
  const V z = x * x;
  V p = at::vec::fmadd(z, V(1.3319080949258932e-08f), V(2.058348763966933e-05f));
  p = at::vec::fmadd(z, p, V(3.4940349869430065e-03f));
  p = at::vec::fmadd(z, p, V(1.3379718363285065e-01f));
  p = at::vec::fmadd(z, p, V(1.f));
  V q = at::vec::fmadd(z, V(7.762022846691252e-07f), V(3.283093392383307e-04f));
  q = at::vec::fmadd(z, q, V(2.5871073827147484e-02f));
  q = at::vec::fmadd(z, q, V(4.671303331851959e-01f));
  q = at::vec::fmadd(z, q, V(1.f));
  return within(quotient(x * p, q), 1.f);
}

template <class T>
inline Vec<T> sigmoid(const Vec<T>& x) {
  return Vec<T>(T(1)) / (Vec<T>(T(1)) + exp(x.neg()));
}
inline Vec<float> sigmoid(const Vec<float>& x) {
  using V = Vec<float>;
  const V one(1.f);
#if defined(__AVX512F__)
  const V e = exp_within<true>(V(_mm512_or_ps(x, _mm512_set1_ps(-0.f))));  // at most 1, so nothing overflows
  return quotient(V(_mm512_mask_mov_ps(one, _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ), e)), one + e);
#else
  const V e = exp(x.abs().neg());
  return quotient(select(x < V(0.f), e, one), one + e);
#endif
}

#define TS_UNARY(NAME, EXPRESSION)            \
  template <class T>                          \
  inline Vec<T> NAME(const Vec<T>& x) {       \
    using V [[maybe_unused]] = Vec<T>;        \
    return EXPRESSION;                        \
  }
#define TS_BINARY(NAME, EXPRESSION)                               \
  template <class T>                                              \
  inline Vec<T> NAME(const Vec<T>& x, const Vec<T>& y) {          \
    using V [[maybe_unused]] = Vec<T>;                            \
    return EXPRESSION;                                            \
  }
TS_UNARY(neg, x.neg())
TS_UNARY(abs, x.abs())
TS_UNARY(sign, select(x != x, V(T(0)), number(x > V(T(0))) - number(x < V(T(0)))))
TS_UNARY(square, x * x)
TS_UNARY(floor, x.floor())
TS_UNARY(ceil, x.ceil())
TS_UNARY(trunc, x.trunc())
TS_UNARY(round, x.round())
TS_UNARY(frac, x - x.trunc())
TS_UNARY(reciprocal, V(T(1)) / x)
TS_UNARY(sqrt, x.sqrt())
TS_UNARY(std_of, x.sqrt())
TS_UNARY(rsqrt, V(T(1)) / x.sqrt())
TS_UNARY(exp2, x.exp2())
TS_UNARY(expm1, x.expm1())
TS_UNARY(log, x.log())
TS_UNARY(log2, x.log2())
TS_UNARY(log10, x.log10())
TS_UNARY(log1p, x.log1p())
TS_UNARY(sin, x.sin())
TS_UNARY(cos, x.cos())
TS_UNARY(tan, x.tan())
TS_UNARY(asin, x.asin())
TS_UNARY(acos, x.acos())
TS_UNARY(atan, x.atan())
TS_UNARY(sinh, x.sinh())
TS_UNARY(cosh, x.cosh())
TS_UNARY(asinh, lanes<T>([](T a) { return std::asinh(a); }, x))
TS_UNARY(acosh, lanes<T>([](T a) { return std::acosh(a); }, x))
TS_UNARY(atanh, lanes<T>([](T a) { return std::atanh(a); }, x))
TS_UNARY(erf, x.erf())
TS_UNARY(erfc, x.erfc())
TS_UNARY(relu, at::vec::clamp_min(x, V(T(0))))
TS_UNARY(relu6, at::vec::clamp(x, V(T(0)), V(T(6))))
TS_UNARY(silu, x * sigmoid(x))
TS_UNARY(gelu, x * V(T(0.5)) * (V(T(1)) + (x * V(T(0.70710678118654752440))).erf()))
TS_UNARY(gelu_tanh, x * V(T(0.5)) *
                        (V(T(1)) + tanh(V(T(0.79788456080286535588)) * (x + V(T(0.044715)) * x * x * x))))
TS_UNARY(hardsigmoid, at::vec::clamp(x + V(T(3)), V(T(0)), V(T(6))) / V(T(6)))
TS_UNARY(hardswish, x * at::vec::clamp(x + V(T(3)), V(T(0)), V(T(6))) / V(T(6)))
TS_UNARY(isnan, x != x)
TS_UNARY(isinf, x.abs() == V(std::numeric_limits<T>::infinity()))
TS_UNARY(isfinite, (x - x) == V(T(0)))
TS_UNARY(copy, x)
TS_UNARY(fill_zero, V(T(0)))
TS_UNARY(fill_one, V(T(1)))
TS_BINARY(mul, x * y)
TS_BINARY(div, x / y)
TS_BINARY(maximum, at::vec::maximum(x, y))
TS_BINARY(minimum, at::vec::minimum(x, y))
TS_BINARY(fmax, lanes<T>([](T a, T b) { return std::fmax(a, b); }, x, y))
TS_BINARY(fmin, lanes<T>([](T a, T b) { return std::fmin(a, b); }, x, y))
TS_BINARY(clamp_min, at::vec::maximum(x, y))
TS_BINARY(clamp_max, at::vec::minimum(x, y))
TS_BINARY(fmod, lanes<T>([](T a, T b) { return modulo(a, b); }, x, y))
TS_BINARY(div_trunc, whole_quotient(x, y))
TS_BINARY(pow, x.pow(y))
TS_BINARY(copysign, x.copysign(y))
TS_BINARY(atan2, x.atan2(y))
TS_BINARY(hypot, x.hypot(y))
TS_BINARY(eq, x == y)
TS_BINARY(ne, x != y)
TS_BINARY(lt, x < y)
TS_BINARY(le, x <= y)
TS_BINARY(gt, x > y)
TS_BINARY(ge, x >= y)
TS_BINARY(logical_and, select(x, y, V(T(0))))
TS_BINARY(logical_or, select(x, x, y))
TS_BINARY(logical_xor, select(x, invert(y), y))
TS_BINARY(leaky_relu, select(x > V(T(0)), x, x * y))
TS_BINARY(fill, y)
// Python's remainder and floor division: the sign is the divisor's
TS_BINARY(remainder, lanes<T>(
                         [](T a, T b) -> T {
                           T m = modulo(a, b);
                           return m != 0 && (b < 0) != (m < 0) ? m + b : m;
                         },
                         x, y))
TS_BINARY(div_floor, lanes<T>(
                         [](T a, T b) -> T {
                           if constexpr (std::is_integral_v<T>) {
                             const T q = divided(a, b);
                             return modulo(a, b) != 0 && (a < 0) != (b < 0) ? q - 1 : q;
                           } else {
                             if (b == 0) return a / b;
                             T m = std::fmod(a, b), d = (a - m) / b;
                             if (m != 0 && (b < 0) != (m < 0)) d -= 1;
                             if (d == 0) return std::copysign(T(0), a / b);
                             T f = std::floor(d);
                             return d - f > T(0.5) ? f + 1 : f;
                           }
                         },
                         x, y))
#undef TS_UNARY
#undef TS_BINARY

template <class T>
inline Vec<T> add(const Vec<T>& x, const Vec<T>& y) {
  return x + y;
}
template <class T>
inline Vec<T> add(const Vec<T>& x, const Vec<T>& y, const Vec<T>& alpha) {
  return at::vec::fmadd(y, alpha, x);
}
template <class T>
inline Vec<T> sub(const Vec<T>& x, const Vec<T>& y) {
  return x - y;
}
template <class T>
inline Vec<T> sub(const Vec<T>& x, const Vec<T>& y, const Vec<T>& alpha) {
  return x - y * alpha;
}
template <class T>
inline Vec<T> rsub(const Vec<T>& x, const Vec<T>& y, const Vec<T>& alpha) {
  return y - x * alpha;
}
template <class T>
inline Vec<T> rsub(const Vec<T>& x, const Vec<T>& y) {
  return y - x;
}
template <class T>
inline Vec<T> addcmul(const Vec<T>& x, const Vec<T>& a, const Vec<T>& b, const Vec<T>& value) {
  return x + value * a * b;
}
template <class T>
inline Vec<T> addcdiv(const Vec<T>& x, const Vec<T>& a, const Vec<T>& b, const Vec<T>& value) {
  return x + value * a / b;
}
template <class T>
inline Vec<T> lerp(const Vec<T>& x, const Vec<T>& end, const Vec<T>& weight) {
  const Vec<T> step = end - x;
  return select(weight.abs() < Vec<T>(T(0.5)), x + weight * step, end - step * (Vec<T>(T(1)) - weight));
}
template <class T>
inline Vec<T> where(const Vec<T>& mask, const Vec<T>& yes, const Vec<T>& no) {
  return select(mask, yes, no);
}
template <class T>
inline Vec<T> masked_fill(const Vec<T>& x, const Vec<T>& mask, const Vec<T>& value) {
  return select(mask, value, x);
}
template <class T>
inline Vec<T> clamp(const Vec<T>& x, const Vec<T>& low, const Vec<T>& high) {
  return at::vec::minimum(at::vec::maximum(x, low), high);
}
template <class T>
inline Vec<T> hardtanh(const Vec<T>& x, const Vec<T>& low, const Vec<T>& high) {
  return ts::kernel::clamp(x, low, high);
}
template <class T>
inline Vec<T> elu(const Vec<T>& x, const Vec<T>& alpha, const Vec<T>& scale, const Vec<T>& input_scale) {
  return select(x > Vec<T>(T(0)), x * scale, (x * input_scale).expm1() * alpha * scale);
}
template <class T>
inline Vec<T> softplus(const Vec<T>& x, const Vec<T>& beta, const Vec<T>& threshold) {
  const Vec<T> scaled = x * beta;
  return select(scaled > threshold, x, exp(scaled).log1p() / beta);
}
template <class T>
inline Vec<T> threshold(const Vec<T>& x, const Vec<T>& at, const Vec<T>& value) {
  return select(x <= at, value, x);
}

// A buffer of this thread, for one row at a time.
template <class T>
T* scratch(int64_t count) {
  static thread_local std::vector<T> buffer;
  if (static_cast<int64_t>(buffer.size()) < count) buffer.resize(count);
  return buffer.data();
}

// How much one thread takes on at least, in elements.
constexpr int64_t GRAIN = 16384;

template <class F>
void each_row(const Plan& plan, const F& f) {
  const int64_t grain = std::max<int64_t>(1, GRAIN / std::max<int64_t>(1, plan.length));
  at::parallel_for(0, plan.rows, grain, [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to; ++row) f(row);
  });
}

// f(row, from, to) over the elements of a plan: whole rows, or parts of the only one.
template <class F>
void each(const Plan& plan, const F& f) {
  if (plan.rows * plan.length <= GRAIN || at::get_num_threads() == 1) {
    for (int64_t row = 0; row < plan.rows; ++row) f(row, int64_t(0), plan.length);
  } else if (plan.rows == 1) {
    at::parallel_for(0, plan.length, GRAIN, [&](int64_t from, int64_t to) { f(int64_t(0), from, to); });
  } else {
    each_row(plan, [&](int64_t row) { f(row, int64_t(0), plan.length); });
  }
}
}  // namespace ts::kernel
