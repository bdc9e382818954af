// Products of a few rows and a small matrix, where PyTorch's way to a matrix library takes longer than the product.
#include "torchscript/kernels.h"

#include <ATen/EmptyTensor.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/add_ops.h>
#include <ATen/ops/addmm_ops.h>
#include <ATen/ops/gru_cell_ops.h>
#include <ATen/ops/linear_ops.h>
#include <ATen/ops/matmul_ops.h>
#include <ATen/ops/mm_ops.h>
#include <ATen/ops/mul_ops.h>
#include <c10/core/impl/TorchDispatchModeTLS.h>

#include "torchscript/fast.h"

namespace ts::fast {

namespace {

using V = kernel::Vec<float>;

constexpr int64_t MOST_ROWS = 4;
constexpr int64_t MOST_WEIGHTS = 1 << 17;

float total(const V& v) {
#if defined(__AVX512F__)
  return _mm512_reduce_add_ps(v);
#else
  alignas(64) float items[V::size()];
  v.store(items);
  float sum = 0;
  for (int k = 0; k < V::size(); ++k) sum += items[k];
  return sum;
#endif
}

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
  sums[0] = total(a);
  sums[1] = total(b);
  sums[2] = total(c);
  sums[3] = total(d);
#endif
}

// out[n] = bias[n] + Σ x[k] weight[n, k], the rows of the weight side by side
void rows_product(const float* x, const float* weight, int64_t step, const float* bias, int64_t n, int64_t k,
                  float* out) {
  const int64_t whole = k / V::size() * V::size();
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    const float* w = weight + i * step;
    V a(0.f), b(0.f), c(0.f), d(0.f);
    for (int64_t j = 0; j < whole; j += V::size()) {
      const V v = V::loadu(x + j);
      a = at::vec::fmadd(v, V::loadu(w + j), a);
      b = at::vec::fmadd(v, V::loadu(w + step + j), b);
      c = at::vec::fmadd(v, V::loadu(w + 2 * step + j), c);
      d = at::vec::fmadd(v, V::loadu(w + 3 * step + j), d);
    }
    float sums[4];
    totals(a, b, c, d, sums);
    for (int64_t j = whole; j < k; ++j)
      for (int r = 0; r < 4; ++r) sums[r] += x[j] * w[r * step + j];
    for (int r = 0; r < 4; ++r) out[i + r] = sums[r] + (bias != nullptr ? bias[i + r] : 0.f);
  }
  for (; i < n; ++i) {
    const float* w = weight + i * step;
    V a(0.f);
    for (int64_t j = 0; j < whole; j += V::size()) a = at::vec::fmadd(V::loadu(x + j), V::loadu(w + j), a);
    float sum = total(a);
    for (int64_t j = whole; j < k; ++j) sum += x[j] * w[j];
    out[i] = sum + (bias != nullptr ? bias[i] : 0.f);
  }
}

// out[n] = bias[n] + Σ x[k] weight[k, n], the columns of the weight side by side
void columns_product(const float* x, const float* weight, int64_t step, const float* bias, int64_t n, int64_t k,
                     float* out) {
  int64_t i = 0;
  for (; i + V::size() <= n; i += V::size()) {
    V sum = bias != nullptr ? V::loadu(bias + i) : V(0.f);
    for (int64_t j = 0; j < k; ++j) sum = at::vec::fmadd(V(x[j]), V::loadu(weight + j * step + i), sum);
    sum.store(out + i);
  }
  for (; i < n; ++i) {
    float sum = bias != nullptr ? bias[i] : 0.f;
    for (int64_t j = 0; j < k; ++j) sum += x[j] * weight[j * step + i];
    out[i] = sum;
  }
}

bool wants_gradients(const Tensor& t) { return at::GradMode::is_enabled() && t.requires_grad(); }

// Σ over the last dimension of x with `weight` as [n, k] by its strides; an undefined tensor where this is no case for it.
Tensor product(const Tensor& x, const Tensor& weight, int64_t n_dim, const Tensor* bias) {
  if (is_watched() || !is_plain_float(x) || !is_plain_float(weight) || weight.dim() != 2 || x.dim() < 1) return {};
  const int64_t k_dim = 1 - n_dim, k = x.size(-1), n = weight.size(n_dim);
  if (weight.size(k_dim) != k || k == 0 || n == 0 || n * k > MOST_WEIGHTS) return {};
  const int64_t rows = x.numel() / k;
  if (rows == 0 || rows > MOST_ROWS || (k > 1 && x.stride(-1) != 1)) return {};
  if (x.dim() > 2 && !x.is_contiguous()) return {};
  const bool by_rows = weight.stride(k_dim) == 1, by_columns = weight.stride(n_dim) == 1;
  if (!by_rows && !by_columns) return {};
  if (wants_gradients(x) || wants_gradients(weight)) return {};
  if (bias != nullptr && (!is_plain_float(*bias) || bias->dim() != 1 || bias->size(0) != n || bias->stride(0) != 1 ||
                          wants_gradients(*bias)))
    return {};
  c10::SmallVector<int64_t, 4> sizes(x.sizes().begin(), x.sizes().end());
  sizes.back() = n;
  Tensor out = Tensor(at::detail::empty_cpu(sizes, at::kFloat));
  const float* from = x.const_data_ptr<float>();
  const float* w = weight.const_data_ptr<float>();
  const float* b = bias != nullptr ? bias->const_data_ptr<float>() : nullptr;
  float* to = out.mutable_data_ptr<float>();
  const int64_t step = x.dim() == 2 ? x.stride(0) : k;
  for (int64_t r = 0; r < rows; ++r) {
    if (by_rows)
      rows_product(from + r * step, w, weight.stride(n_dim), b, n, k, to + r * n);
    else
      columns_product(from + r * step, w, weight.stride(k_dim), b, n, k, to + r * n);
  }
  return out;
}

}  // namespace

bool is_plain_float(const Tensor& t) { return is_plain(t) && t.scalar_type() == at::kFloat; }

bool is_watched() { return c10::impl::dispatch_mode_enabled() || at::autocast::is_autocast_enabled(at::kCPU); }

Tensor linear(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
  const bool has_bias = bias.has_value() && bias->defined();
  Tensor out = product(x, weight, 0, has_bias ? &*bias : nullptr);
  return out.defined() ? out : at::_ops::linear::call(x, weight, bias);
}

Tensor mm(const Tensor& x, const Tensor& weight) {
  Tensor out = x.dim() == 2 ? product(x, weight, 1, nullptr) : Tensor();
  return out.defined() ? out : at::_ops::mm::call(x, weight);
}

Tensor matmul(const Tensor& x, const Tensor& weight) {
  Tensor out = x.dim() == 2 ? product(x, weight, 1, nullptr) : Tensor();
  return out.defined() ? out : at::_ops::matmul::call(x, weight);
}

Tensor addmm(const Tensor& bias, const Tensor& x, const Tensor& weight, const Scalar& beta, const Scalar& alpha) {
  Tensor out;
  if (x.dim() == 2 && beta.equal(1) && alpha.equal(1)) out = product(x, weight, 1, &bias);
  return out.defined() ? out : at::_ops::addmm::call(bias, x, weight, beta, alpha);
}

namespace {

constexpr int64_t FEW_ELEMENTS = 1 << 14;

bool are_alike(const Tensor& x, const Tensor& y) {
  return !is_watched() && is_plain_float(x) && is_plain_float(y) && x.numel() <= FEW_ELEMENTS &&
         x.sizes() == y.sizes() && x.is_contiguous() && y.is_contiguous() && !wants_gradients(x) && !wants_gradients(y);
}

template <class F>
Tensor elementwise(const Tensor& x, const Tensor& y, F f) {
  Tensor out = Tensor(at::detail::empty_cpu(x.sizes(), at::kFloat));
  const float* a = x.const_data_ptr<float>();
  const float* b = y.const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  const int64_t n = x.numel();
  int64_t i = 0;
  for (; i + V::size() <= n; i += V::size()) f(V::loadu(a + i), V::loadu(b + i)).store(to + i);
  if (i < n) f(V::loadu(a + i, n - i), V::loadu(b + i, n - i)).store(to + i, static_cast<int>(n - i));
  return out;
}

}  // namespace

Tensor add(const Tensor& x, const Tensor& y, const Scalar& alpha) {
  if (are_alike(x, y) && alpha.equal(1)) return elementwise(x, y, [](const V& a, const V& b) { return a + b; });
  return at::_ops::add_Tensor::call(x, y, alpha);
}

Tensor mul(const Tensor& x, const Tensor& y) {
  if (are_alike(x, y)) return elementwise(x, y, [](const V& a, const V& b) { return a * b; });
  return at::_ops::mul_Tensor::call(x, y);
}

Tensor gru_cell(const Tensor& x, const Tensor& h, const Tensor& w_ih, const Tensor& w_hh,
                const std::optional<Tensor>& b_ih, const std::optional<Tensor>& b_hh) {
  const auto given = [](const std::optional<Tensor>& t) { return t && t->defined() ? &*t : nullptr; };
  if (x.dim() == 2 && h.dim() == 2 && is_plain_float(h) && !wants_gradients(h) && h.stride(1) == 1) {
    const Tensor a = product(x, w_ih, 0, given(b_ih));
    const Tensor b = a.defined() ? product(h, w_hh, 0, given(b_hh)) : Tensor();
    const int64_t n = h.size(1);
    if (b.defined() && a.sizes() == b.sizes() && a.size(1) == 3 * n && a.size(0) == h.size(0)) {
      Tensor out = Tensor(at::detail::empty_cpu(h.sizes(), at::kFloat));
      for (int64_t row = 0; row < h.size(0); ++row) {
        const float* p = a.const_data_ptr<float>() + row * 3 * n;
        const float* q = b.const_data_ptr<float>() + row * 3 * n;
        const float* old = h.const_data_ptr<float>() + row * h.stride(0);
        float* to = out.mutable_data_ptr<float>() + row * n;
        for (int64_t i = 0; i < n; i += V::size()) {
          const int64_t count = std::min<int64_t>(V::size(), n - i);
          const auto load = [&](const float* from) { return V::loadu(from + i, count); };
          const V r = kernel::sigmoid(load(p) + load(q));
          const V z = kernel::sigmoid(load(p + n) + load(q + n));
          const V fresh = kernel::tanh(load(p + 2 * n) + r * load(q + 2 * n));
          ((load(old) - fresh) * z + fresh).store(to + i, static_cast<int>(count));
        }
      }
      return out;
    }
  }
  return at::_ops::gru_cell::call(x, h, w_ih, w_hh, b_ih, b_hh);
}

Tensor Steps::at(int64_t i) {
  const bool is_next = i >= first_ && i < first_ + count_;
  if (!is_next) {
    // a sequence without rows, and places out of order, go the usual way
    if (sequence_.dim() < 2 || weight_.dim() != 2 || i < 0 || i != first_ + count_ || i >= sequence_.size(0))
      return ts::fast::linear(ts::fast::select(sequence_, 0, i), weight_, bias_);
    constexpr int64_t MOST_ELEMENTS = 1 << 16, FIRST = 8;  // what a core keeps near it
    const int64_t steps = sequence_.size(0);
    const int64_t each = std::max<int64_t>(1, sequence_.numel() / steps / std::max<int64_t>(1, sequence_.size(-1)) *
                                                  weight_.size(0));
    const int64_t most = std::max<int64_t>(1, MOST_ELEMENTS / each);
    first_ = i;
    count_ = std::min({std::max<int64_t>(FIRST, 2 * count_), most, steps - i});
    block_ = ts::fast::linear(ts::fast::slice(sequence_, 0, i, i + count_, 1), weight_, bias_);
  }
  return ts::fast::select(block_, 0, i - first_);
}

}  // namespace ts::fast
