// Linear layers in loops: what is worth preparing once, since it is used again and again.
#include "torchscript/kernels.h"

#include <ATen/EmptyTensor.h>
#include <ATen/ops/add_ops.h>
#include <ATen/ops/linear_ops.h>

#include "torchscript/blocks.h"
#include "torchscript/fast.h"
#include "torchscript/matrix_library.h"
#include "torchscript/products.h"

namespace ts::fast {

namespace {

// As many rows as packing pays for, and weights that it takes a moment to pack.
constexpr int64_t MOST_PACKED_ROWS = 512, MOST_PACKED_WEIGHTS = 1 << 24;
// What panels take on: beyond it the library, which arranges the rows as well, is as fast.
constexpr int64_t MOST_PANEL_WEIGHTS = 1 << 17;
// Multiplications that are worth another thread.
constexpr int64_t WORK_OF_THREAD = 1 << 20;

}  // namespace

Tensor linear_add(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias, const Tensor& start) {
  const Tensor* b = bias.has_value() && bias->defined() ? &*bias : nullptr;
  Tensor out = product(x, weight, 0, b, &start);
  return out.defined() ? out : ts::fast::add(start, ts::fast::linear(x, weight, bias), Scalar(1));
}

Tensor Layer::packed(const Tensor& x, const Tensor* start) {
  if (x.dim() < 2 || weight_.dim() != 2) return {};
  const int64_t k = x.size(-1), n = weight_.size(0), rows = k == 0 ? 0 : x.numel() / k;
  if (rows == 0 || n == 0 || weight_.size(1) != k) return {};
  const bool has_panels = n * k <= MOST_PANEL_WEIGHTS;
  if (!has_panels && (rows <= MOST_ROWS || rows > MOST_PACKED_ROWS || !mkl::has_packing() || n * k > MOST_PACKED_WEIGHTS))
    return {};
  const bool is_used_again = has_panels ? rows_ != 0 : rows_ == rows;  // then it may be used a third time
  if (!is_used_again) {
    packed_.reset();
    rows_ = rows;
    return {};
  }
  if (is_watched() || !is_plain_float(x) || wants_gradients(x)) return {};
  if (x.dim() == 2 ? x.stride(1) != 1 || x.stride(0) < k : !x.is_contiguous()) return {};
  const int64_t x_step = x.dim() == 2 ? x.stride(0) : k;
  if (!is_plain_float(weight_) || wants_gradients(weight_) || weight_.stride(1) != 1 || weight_.stride(0) < k) return {};
  const Tensor* bias = bias_.has_value() && bias_->defined() ? &*bias_ : nullptr;
  if (bias != nullptr &&
      (!is_plain_float(*bias) || wants_gradients(*bias) || bias->dim() != 1 || bias->size(0) != n || !bias->is_contiguous()))
    return {};
  c10::SmallVector<int64_t, 4> sizes(x.sizes().begin(), x.sizes().end());
  sizes.back() = n;
  if (start != nullptr && (!is_plain_float(*start) || wants_gradients(*start) || start->sizes() != at::IntArrayRef(sizes) ||
                           !start->is_contiguous()))
    return {};
  const float *from = x.const_data_ptr<float>(), *w = weight_.const_data_ptr<float>();
  const float* b = bias != nullptr ? bias->const_data_ptr<float>() : nullptr;
  const float* s = start != nullptr ? start->const_data_ptr<float>() : nullptr;
  if (has_panels) {
    if (!packed_.defined()) {
      packed_ = Tensor(at::detail::empty_cpu({panels_size(n, k)}, at::kFloat));
      make_panels({w, n, k, weight_.stride(0), false}, packed_.mutable_data_ptr<float>());
    }
    Tensor out = fresh(sizes, at::kFloat);
    float* to = out.mutable_data_ptr<float>();
    const float* panels = packed_.const_data_ptr<float>();
    at::parallel_for(0, rows, std::max<int64_t>(1, WORK_OF_THREAD / (n * k)), [&](int64_t first, int64_t last) {
      panel_product(from + first * x_step, last - first, x_step, panels, n, k, b, s != nullptr ? s + first * n : nullptr, n,
                    to + first * n, n);
    });
    return out;
  }
  at::internal::lazy_init_num_threads();
  const int n_ = static_cast<int>(n), k_ = static_cast<int>(k), rows_now = static_cast<int>(rows);
  if (!packed_.defined()) {
    const auto bytes = cblas_sgemm_pack_get_size(mkl::B_MATRIX, rows_now, n_, k_);
    if (bytes == 0) return {};
    packed_ = Tensor(at::detail::empty_cpu({static_cast<int64_t>(bytes)}, at::kByte));
    cblas_sgemm_pack(mkl::ROW_MAJOR, mkl::B_MATRIX, mkl::TRANSPOSED, rows_now, n_, k_, 1.f, w,
                     static_cast<int>(weight_.stride(0)), reinterpret_cast<float*>(packed_.mutable_data_ptr<uint8_t>()));
  }
  Tensor out = fresh(sizes, at::kFloat);
  float* to = out.mutable_data_ptr<float>();
  const bool has_start = fill_rows(to, rows, n, b, s);
  cblas_sgemm_compute(mkl::ROW_MAJOR, mkl::AS_IT_IS, mkl::PACKED, rows_now, n_, k_, from,
                      static_cast<int>(x_step), reinterpret_cast<const float*>(packed_.const_data_ptr<uint8_t>()), n_,
                      has_start ? 1.f : 0.f, to, n_);
  return out;
}

Tensor Layer::product(const Tensor& x, const Tensor* start) {
  Tensor out = packed(x, start);
  if (out.defined()) return out;
  return ts::fast::product(x, weight_, 0, bias_.has_value() && bias_->defined() ? &*bias_ : nullptr, start);
}

Tensor Layer::at(const Tensor& x) {
  Tensor out = packed(x, nullptr);
  return out.defined() ? out : ts::fast::linear(x, weight_, bias_);
}

Tensor Layer::at(const Tensor& x, const Tensor& start) {
  Tensor out = packed(x, &start);
  return out.defined() ? out : ts::fast::linear_add(x, weight_, bias_, start);
}

Tensor Steps::at(int64_t i) {
  const bool is_next = i >= first_ && i < first_ + count_;
  if (!is_next) {
    const Tensor& weight = layer_.weight();
    // a sequence without rows, and places out of order, go the usual way
    if (sequence_.dim() < 2 || weight.dim() != 2 || i < 0 || i != first_ + count_ || i >= sequence_.size(0))
      return layer_.at(ts::fast::select(sequence_, 0, i));
    constexpr int64_t MOST_ELEMENTS = 1 << 16, FIRST = 8;  // what a core keeps near it
    const int64_t steps = sequence_.size(0);
    const int64_t each = std::max<int64_t>(1, sequence_.numel() / steps / std::max<int64_t>(1, sequence_.size(-1)) *
                                                  weight.size(0));
    const int64_t most = std::max<int64_t>(1, MOST_ELEMENTS / each);
    first_ = i;
    count_ = std::min({std::max<int64_t>(FIRST, 2 * count_), most, steps - i});
    if (count_ == 1) return layer_.at(ts::fast::select(sequence_, 0, i));
    if (i + count_ < steps) layer_.expect_more();
    block_ = layer_.at(ts::fast::slice(sequence_, 0, i, i + count_, 1));
  }
  if (count_ == 1) return layer_.at(ts::fast::select(sequence_, 0, i));
  return ts::fast::select(block_, 0, i - first_);
}

}  // namespace ts::fast
