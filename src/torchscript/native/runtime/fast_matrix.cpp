// Products of a few rows and a small matrix, where PyTorch's way to a matrix library takes longer than the product.
#include "torchscript/kernels.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/add_ops.h>
#include <ATen/ops/addmm_ops.h>
#include <ATen/ops/linear_ops.h>
#include <ATen/ops/matmul_ops.h>
#include <ATen/ops/mm_ops.h>
#include <ATen/ops/mul_ops.h>
#include <c10/core/impl/TorchDispatchModeTLS.h>

#include "torchscript/blocks.h"
#include "torchscript/fast.h"
#include "torchscript/products.h"

namespace ts::fast {

namespace {

using V = kernel::Vec<float>;

}  // namespace

bool is_plain_float(const Tensor& t) { return is_plain(t) && t.scalar_type() == at::kFloat; }

bool wants_gradients(const Tensor& t) { return at::GradMode::is_enabled() && t.requires_grad(); }

bool is_watched() { return c10::impl::dispatch_mode_enabled() || at::autocast::is_autocast_enabled(at::kCPU); }

Tensor linear(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
  const bool has_bias = bias.has_value() && bias->defined();
  Tensor out = product(x, weight, 0, has_bias ? &*bias : nullptr, nullptr);
  return out.defined() ? out : at::_ops::linear::call(x, weight, bias);
}

Tensor mm(const Tensor& x, const Tensor& weight) {
  Tensor out = x.dim() == 2 ? product(x, weight, 1, nullptr, nullptr) : Tensor();
  return out.defined() ? out : at::_ops::mm::call(x, weight);
}

Tensor matmul(const Tensor& x, const Tensor& weight) {
  Tensor out = x.dim() == 2 ? product(x, weight, 1, nullptr, nullptr) : Tensor();
  return out.defined() ? out : at::_ops::matmul::call(x, weight);
}

Tensor addmm(const Tensor& bias, const Tensor& x, const Tensor& weight, const Scalar& beta, const Scalar& alpha) {
  Tensor out;
  if (x.dim() == 2 && beta.equal(1) && alpha.equal(1)) out = product(x, weight, 1, &bias, nullptr);
  return out.defined() ? out : at::_ops::addmm::call(bias, x, weight, beta, alpha);
}

namespace {

bool are_alike(const Tensor& x, const Tensor& y) {
  return !is_watched() && is_plain_float(x) && is_plain_float(y) && x.numel() <= FEW_ELEMENTS &&
         x.sizes() == y.sizes() && x.is_contiguous() && y.is_contiguous() && !wants_gradients(x) && !wants_gradients(y);
}

template <class F>
Tensor elementwise(const Tensor& x, const Tensor& y, F f) {
  Tensor out = fresh(x.sizes(), at::kFloat);
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

}  // namespace ts::fast
