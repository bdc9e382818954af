// How fused kernels read and write tensors, and what they round. T is what they compute in, S what tensors hold.
//
// Kernels of bfloat16 and half compute in float, as PyTorch's operators do, and round what each operator of theirs gives.
#pragma once

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define CPU_CAPABILITY AVX512
#define CPU_CAPABILITY_AVX512
#elif defined(__AVX2__) && defined(__FMA__)
#define CPU_CAPABILITY AVX2
#define CPU_CAPABILITY_AVX2
#else
#define CPU_CAPABILITY DEFAULT
#endif

#include <ATen/cpu/vec/functional.h>
#include <ATen/cpu/vec/vec.h>

#include <algorithm>
#include <type_traits>

#include "plan.h"

namespace ts::kernel {

template <class T>
using Vec = at::vec::Vectorized<T>;

template <class T>
inline Vec<T> select(const Vec<T>& mask, const Vec<T>& yes, const Vec<T>& no) {
  return Vec<T>::blendv(no, yes, mask);
}
template <class T>
inline Vec<T> number(const Vec<T>& mask) {
  return select(mask, Vec<T>(T(1)), Vec<T>(T(0)));
}
template <class T>
inline Vec<T> truth(const Vec<T>& x) {
  return x != Vec<T>(T(0));
}
template <class T>
inline Vec<T> invert(const Vec<T>& mask) {
  return select(mask, Vec<T>(T(0)), Vec<T>(T(0)) == Vec<T>(T(0)));
}

// -- bfloat16 and half -----------------------------------------------------------------------------------------------

// The nearest number that S has; of two, the one with an even last digit.
template <class S, class T>
inline Vec<T> rounded(const Vec<T>& x) {
  if constexpr (std::is_same_v<S, T>) {
    return x;
  } else if constexpr (std::is_same_v<S, at::BFloat16>) {
    // half of what is cut off, and its last digit, carry into what stays; NaN would become a number
#if defined(__AVX512F__)
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i even = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(even, _mm512_set1_epi32(0x7fff)));
    const __m512 kept = _mm512_castsi512_ps(_mm512_and_si512(up, _mm512_set1_epi32(static_cast<int>(0xffff0000))));
    return Vec<float>(_mm512_mask_mov_ps(kept, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), x));
#else
    using I = Vec<int32_t>;
    const I bits = at::vec::cast<int32_t>(x);
    const I even = (bits >> I(16)) & I(1);
    const I up = (bits + I(0x7fff) + even) & I(static_cast<int32_t>(0xffff0000));
    return select(x != x, x, at::vec::cast<float>(up));
#endif
  } else {
#if defined(__AVX512F__)
    return Vec<float>(_mm512_cvtph_ps(_mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)));
#elif defined(__F16C__)
    return Vec<float>(_mm256_cvtph_ps(_mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)));
#else
    return std::get<0>(at::vec::convert_to_float(at::vec::convert_from_float<S>(x, x)));
#endif
  }
}

template <class T, class S>
inline Vec<T> load(const S* data) {
  if constexpr (std::is_same_v<S, T>) {
    return Vec<T>::loadu(data);
  } else {
    Vec<T> out;
    at::vec::load_to_float<S>(data, out);
    return out;
  }
}
// Lanes from `count` on repeat the first, so that whatever is computed of them is computed anyway.
template <class T, class S>
inline Vec<T> load(const S* data, int64_t stride, int64_t count) {
  alignas(64) S items[Vec<T>::size()];
  for (int64_t k = 0; k < Vec<T>::size(); ++k) items[k] = data[(k < count ? k : 0) * stride];
  return load<T>(items);
}
template <class S, class T>
inline void store(S* data, const Vec<T>& value, int64_t count) {
  if constexpr (std::is_same_v<S, T>) {
    if (count == Vec<T>::size())
      value.store(data);
    else
      value.store(data, static_cast<int>(count));
  } else {
#if defined(__AVX512F__)
    if (count == Vec<T>::size()) {
      __m256i bits;
      if constexpr (std::is_same_v<S, at::BFloat16>)  // it was rounded already
        bits = _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(value), 16));
      else
        bits = _mm512_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(data), bits);
      return;
    }
#endif
    at::vec::convert_from_float<S>(value, value).store(data, static_cast<int>(count));
  }
}

// -- rows of tensors -------------------------------------------------------------------------------------------------

// One row of an input. DENSE: the elements lie side by side; otherwise any stride, 0 for a value that is repeated.
template <class T, class S, bool DENSE>
struct In {
  const S* data;
  int64_t stride;
  In(const Plan& plan, size_t index, int64_t row)
      : data(reinterpret_cast<const S*>(plan.at(plan.inputs[index], row))), stride(plan.inputs[index].inner) {}
  // Elements of the row after this one, which is to be read soon.
  static const S* next(const Plan& plan, size_t index, int64_t row) {
    return reinterpret_cast<const S*>(plan.at(plan.inputs[index], std::min(row + 1, plan.rows - 1)));
  }
  Vec<T> load(int64_t i, int64_t count) const {
    if (DENSE || stride == 1) {
      if (count == Vec<T>::size()) return kernel::load<T>(data + i);
      if constexpr (std::is_same_v<S, T> && std::is_floating_point_v<T>) return Vec<T>::loadu(data + i, count);
    }
    if (!DENSE && stride == 0) return Vec<T>(static_cast<T>(*data));
    return kernel::load<T>(data + i * (DENSE ? 1 : stride), DENSE ? 1 : stride, count);
  }
};
template <class T>
struct InMask {
  const bool* data;
  int64_t stride;
  InMask(const Plan& plan, size_t index, int64_t row)
      : data(reinterpret_cast<const bool*>(plan.at(plan.inputs[index], row))), stride(plan.inputs[index].inner) {}
  Vec<T> load(int64_t i, int64_t count) const {
    alignas(64) T items[Vec<T>::size()];
    for (int64_t k = 0; k < Vec<T>::size(); ++k) items[k] = T(data[(i + (k < count ? k : 0)) * stride]);
    return truth(Vec<T>::loadu(items));
  }
};
template <class T, class S>
struct Out {
  S* data;
  Out(const Plan& plan, size_t index, int64_t row)
      : data(reinterpret_cast<S*>(plan.at(plan.outputs[index], row))) {}
  void store(int64_t i, const Vec<T>& value, int64_t count) const { kernel::store(data + i, value, count); }
};
template <class T>
struct OutMask {
  bool* data;
  OutMask(const Plan& plan, size_t index, int64_t row)
      : data(reinterpret_cast<bool*>(plan.at(plan.outputs[index], row))) {}
  void store(int64_t i, const Vec<T>& mask, int64_t count) const {
    alignas(64) T items[Vec<T>::size()];
    number(mask).store(items);
    for (int64_t k = 0; k < count; ++k) data[i + k] = items[k] != T(0);
  }
};

}  // namespace ts::kernel
