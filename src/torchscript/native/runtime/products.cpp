#include "torchscript/kernels.h"

#include "torchscript/products.h"

#include <limits>

namespace ts {

namespace {

using V = kernel::Vec<float>;

// The totals of four vectors, by adding pairs of lanes of two vectors at a time.
void totals(const V& a, const V& b, const V& c, const V& d, float* sums) {
#if defined(__AVX512F__)
  const __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  const __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
  const __m512 all = _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xEE));
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all),
                                    _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(all), 1)));
  _mm_storeu_ps(sums, _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1)));
#else
  alignas(64) float items[4][V::size()];
  a.store(items[0]);
  b.store(items[1]);
  c.store(items[2]);
  d.store(items[3]);
  for (int r = 0; r < 4; ++r) {
    sums[r] = 0;
    for (int k = 0; k < V::size(); ++k) sums[r] += items[r][k];
  }
#endif
}

// Four results of each of R rows at a time, so that a weight is loaded once for all of them.
template <int R>
void by_rows(const float* x, int64_t x_step, const SmallMatrix& weight, const float* bias, const float* start,
             int64_t start_step, float* out, int64_t out_step) {
  const int64_t k = weight.k, whole = k / V::size() * V::size();
  for (int64_t i = 0; i < weight.n; i += 4) {
    const float* w[4];  // what is beyond the end is the last row again
    for (int64_t c = 0; c < 4; ++c) w[c] = weight.data + std::min(i + c, weight.n - 1) * weight.step;
    V sums[R][4];
    for (int r = 0; r < R; ++r)
      for (int c = 0; c < 4; ++c) sums[r][c] = V(0.f);
    for (int64_t j = 0; j < whole; j += V::size()) {
      const V v[4] = {V::loadu(w[0] + j), V::loadu(w[1] + j), V::loadu(w[2] + j), V::loadu(w[3] + j)};
      for (int r = 0; r < R; ++r) {
        const V row = V::loadu(x + r * x_step + j);
        for (int c = 0; c < 4; ++c) sums[r][c] = at::vec::fmadd(row, v[c], sums[r][c]);
      }
    }
    if (whole < k) {
      const int64_t left = k - whole;
      for (int r = 0; r < R; ++r) {
        const V row = V::loadu(x + r * x_step + whole, left);
        for (int c = 0; c < 4; ++c) sums[r][c] = at::vec::fmadd(row, V::loadu(w[c] + whole, left), sums[r][c]);
      }
    }
    const int64_t count = std::min<int64_t>(4, weight.n - i);
    for (int r = 0; r < R; ++r) {
      float four[4];
      totals(sums[r][0], sums[r][1], sums[r][2], sums[r][3], four);
      for (int64_t c = 0; c < count; ++c) {
        float sum = four[c];
        if (bias != nullptr) sum += bias[i + c];
        if (start != nullptr) sum += start[r * start_step + i + c];
        out[r * out_step + i + c] = sum;
      }
    }
  }
}

void by_columns(const float* x, const SmallMatrix& weight, const float* bias, const float* start, float* out) {
  for (int64_t i = 0; i < weight.n; i += V::size()) {
    const int64_t count = std::min<int64_t>(V::size(), weight.n - i);
    const auto load = [&](const float* from) {
      return count == V::size() ? V::loadu(from) : V::loadu(from, count);
    };
    V sum = bias != nullptr ? load(bias + i) : V(0.f);
    if (start != nullptr) sum = sum + load(start + i);
    for (int64_t j = 0; j < weight.k; ++j) sum = at::vec::fmadd(V(x[j]), load(weight.data + j * weight.step + i), sum);
    sum.store(out + i, static_cast<int>(count));
  }
}

// C panels for each of R rows at a time: as many sums as there are registers for, each a chain of additions.
template <int R, int C>
void panels_of(const float* x, int64_t x_step, const float* panels, int64_t k, int64_t count, const float* bias,
               const float* start, int64_t start_step, float* out, int64_t out_step) {
  constexpr int64_t W = V::size();
  V sums[R][C];
  for (int c = 0; c < C; ++c) {
    const int64_t here = std::min(W, count - c * W);
    const auto load = [&](const float* from) { return here == W ? V::loadu(from + c * W) : V::loadu(from + c * W, here); };
    const V first = bias != nullptr ? load(bias) : V(0.f);
    for (int r = 0; r < R; ++r) sums[r][c] = start != nullptr ? first + load(start + r * start_step) : first;
  }
  for (int64_t j = 0; j < k; ++j) {
    V w[C];
    for (int c = 0; c < C; ++c) w[c] = V::loadu(panels + (c * k + j) * W);
    for (int r = 0; r < R; ++r) {
      const V number(x[r * x_step + j]);
      for (int c = 0; c < C; ++c) sums[r][c] = at::vec::fmadd(number, w[c], sums[r][c]);
    }
  }
  for (int c = 0; c < C; ++c) {
    const int64_t here = std::min(W, count - c * W);
    for (int r = 0; r < R; ++r) {
      float* to = out + r * out_step + c * W;
      if (here == W)
        sums[r][c].store(to);
      else
        sums[r][c].store(to, static_cast<int>(here));
    }
  }
}

// All rows with C panels, which stay in the nearest cache meanwhile.
template <int C, int MOST_R>
void rows_of(const float* x, int64_t rows, int64_t x_step, const float* panels, int64_t k, int64_t count, const float* bias,
             const float* start, int64_t start_step, float* out, int64_t out_step) {
  while (rows >= MOST_R) {
    panels_of<MOST_R, C>(x, x_step, panels, k, count, bias, start, start_step, out, out_step);
    x += MOST_R * x_step;
    out += MOST_R * out_step;
    if (start != nullptr) start += MOST_R * start_step;
    rows -= MOST_R;
  }
  if constexpr (MOST_R > 1)
    if (rows > 0)
      rows_of<C, MOST_R - 1>(x, rows, x_step, panels, k, count, bias, start, start_step, out, out_step);
}

template <int C, int MOST_R>
void all_panels(const float* x, int64_t rows, int64_t x_step, const float* panels, int64_t n, int64_t k, const float* bias,
                const float* start, int64_t start_step, float* out, int64_t out_step) {
  constexpr int64_t W = V::size();
  const auto from = [](const float* p, int64_t i) { return p != nullptr ? p + i : nullptr; };
  int64_t i = 0;
  for (; i + (C - 1) * W < n; i += C * W)
    rows_of<C, MOST_R>(x, rows, x_step, panels + i * k, k, n - i, from(bias, i), from(start, i), start_step, out + i,
                       out_step);
  if constexpr (C > 1)
    if (i < n)
      all_panels<C / 2, MOST_R>(x, rows, x_step, panels + i * k, n - i, k, from(bias, i), from(start, i), start_step, out + i,
                                out_step);
}

}  // namespace

int64_t panels_size(int64_t n, int64_t k) { return (n + V::size() - 1) / V::size() * V::size() * k; }

void make_panels(const SmallMatrix& weight, float* panels) {
  constexpr int64_t W = V::size();
  for (int64_t i = 0; i < weight.n; i += W) {
    int64_t j = 0;
#if defined(__AVX512F__)
    if (i + W <= weight.n && !weight.by_columns && weight.step < std::numeric_limits<int>::max() / W) {
      const __m512i lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
      const __m512i places = _mm512_mullo_epi32(lanes, _mm512_set1_epi32(static_cast<int>(weight.step)));
      const float* first = weight.data + i * weight.step;
      for (; j < weight.k; ++j, panels += W) _mm512_storeu_ps(panels, _mm512_i32gather_ps(places, first + j, 4));
    }
#endif
    for (; j < weight.k; ++j)
      for (int64_t c = 0; c < W; ++c)
        *panels++ = i + c >= weight.n    ? 0.f
                    : weight.by_columns ? weight.data[j * weight.step + i + c]
                                        : weight.data[(i + c) * weight.step + j];
  }
}

void panel_product(const float* x, int64_t rows, int64_t x_step, const float* panels, int64_t n, int64_t k,
                   const float* bias, const float* start, int64_t start_step, float* out, int64_t out_step) {
  constexpr bool has_many = V::size() == 16;  // registers: 32 of AVX-512, 16 otherwise
  if (rows == 1)
    all_panels<8, 1>(x, rows, x_step, panels, n, k, bias, start, start_step, out, out_step);
  else
    all_panels<has_many ? 4 : 2, has_many ? 6 : 4>(x, rows, x_step, panels, n, k, bias, start, start_step, out, out_step);
}

void small_product(const float* x, int64_t rows, int64_t x_step, const SmallMatrix& weight, const float* bias,
                   const float* start, int64_t start_step, float* out, int64_t out_step) {
  while (rows > 0) {
    const int64_t some = weight.by_columns ? 1 : std::min<int64_t>(rows, 4);
    if (weight.by_columns)
      by_columns(x, weight, bias, start, out);
    else if (some == 4)
      by_rows<4>(x, x_step, weight, bias, start, start_step, out, out_step);
    else if (some == 3)
      by_rows<3>(x, x_step, weight, bias, start, start_step, out, out_step);
    else if (some == 2)
      by_rows<2>(x, x_step, weight, bias, start, start_step, out, out_step);
    else
      by_rows<1>(x, x_step, weight, bias, start, start_step, out, out_step);
    x += some * x_step;
    out += some * out_step;
    if (start != nullptr) start += some * start_step;
    rows -= some;
  }
}

}  // namespace ts
