// Which products of matrices are made here, and how.
#include "torchscript/kernels.h"

#include "torchscript/blocks.h"
#include "torchscript/fast.h"
#include "torchscript/matrix_library.h"
#include "torchscript/products.h"

namespace ts::fast {

namespace {

using V = kernel::Vec<float>;

// Beyond it, what PyTorch does around a product no longer matters.
constexpr int64_t MOST_WORK = int64_t(1) << 28;

bool is_vector_of(const Tensor& t, int64_t n) {
  return is_plain_float(t) && t.dim() == 1 && t.size(0) == n && (t.stride(0) == 1 || n == 1) && !wants_gradients(t);
}

}  // namespace

bool fill_rows(float* out, int64_t rows, int64_t n, const float* bias, const float* start) {
  if (bias == nullptr && start == nullptr) return false;
  for (int64_t r = 0; r < rows; ++r, out += n) {
    if (start == nullptr) {
      std::copy_n(bias, n, out);
      continue;
    }
    const float* from = start + r * n;
    if (bias == nullptr) {
      std::copy_n(from, n, out);
      continue;
    }
    for (int64_t i = 0; i < n; ++i) out[i] = from[i] + bias[i];
  }
  return true;
}

Tensor product(const Tensor& x, const Tensor& weight, int64_t n_dim, const Tensor* bias, const Tensor* start) {
  if (is_watched() || !is_plain_float(x) || !is_plain_float(weight) || weight.dim() != 2 || x.dim() < 1) return {};
  const int64_t k_dim = 1 - n_dim, k = x.size(-1), n = weight.size(n_dim);
  if (weight.size(k_dim) != k || k == 0 || n == 0) return {};
  const int64_t rows = x.numel() / k;
  if (rows == 0 || (k > 1 && x.stride(-1) != 1) || (x.dim() > 2 && !x.is_contiguous())) return {};
  const bool is_small = rows <= MOST_ROWS && n * k <= MOST_WEIGHTS;
  if (!is_small && (!mkl::has_products() || rows * n * k > MOST_WORK)) return {};
  const bool by_rows = weight.stride(k_dim) == 1 && weight.stride(n_dim) >= k;
  const bool by_columns = weight.stride(n_dim) == 1 && weight.stride(k_dim) >= n;
  if (!by_rows && !by_columns) return {};
  constexpr int64_t MOST_STEP = std::numeric_limits<int>::max();
  const int64_t w_step = weight.stride(by_rows ? n_dim : k_dim), x_step = x.dim() == 2 ? x.stride(0) : k;
  if (!is_small && (w_step > MOST_STEP || x_step > MOST_STEP || (x_step < k && rows > 1))) return {};
  if (wants_gradients(x) || wants_gradients(weight)) return {};
  if (bias != nullptr && !is_vector_of(*bias, n)) return {};
  c10::SmallVector<int64_t, 4> sizes(x.sizes().begin(), x.sizes().end());
  sizes.back() = n;
  if (start != nullptr && (!is_plain_float(*start) || start->sizes() != at::IntArrayRef(sizes) ||
                           !start->is_contiguous() || wants_gradients(*start)))
    return {};
  Tensor out = fresh(sizes, at::kFloat);
  const float* from = x.const_data_ptr<float>();
  const float* w = weight.const_data_ptr<float>();
  const float* b = bias != nullptr ? bias->const_data_ptr<float>() : nullptr;
  const float* s = start != nullptr ? start->const_data_ptr<float>() : nullptr;
  float* to = out.mutable_data_ptr<float>();
  if (is_small) {
    small_product(from, rows, x_step, {w, n, k, w_step, !by_rows}, b, s, n, to, n);
    return out;
  }
  // the library counts by columns: the transposed product of the transposed matrices
  const int n_ = static_cast<int>(n), k_ = static_cast<int>(k), rows_ = static_cast<int>(rows);
  const int w_ = static_cast<int>(w_step), x_ = static_cast<int>(rows > 1 ? x_step : k);
  const float one = 1, beta = fill_rows(to, rows, n, b, s) ? 1 : 0;
  at::internal::lazy_init_num_threads();  // what a new thread has to know about threads
  sgemm_(by_rows ? "T" : "N", "N", &n_, &rows_, &k_, &one, w, &w_, from, &x_, &beta, to, &n_);
  return out;
}

}  // namespace ts::fast
