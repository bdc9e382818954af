// Cells of recurrent networks, for a few rows.
#include "torchscript/kernels.h"

#include <ATen/ops/gru_cell_ops.h>
#include <ATen/ops/lstm_cell_ops.h>

#include "torchscript/blocks.h"
#include "torchscript/fast.h"
#include "torchscript/products.h"

namespace ts::fast {

namespace {

using V = kernel::Vec<float>;

const Tensor* given(const std::optional<Tensor>& t) { return t && t->defined() ? &*t : nullptr; }

bool is_state(const Tensor& h, const Tensor& x) {
  return h.dim() == 2 && is_plain_float(h) && !wants_gradients(h) && h.stride(1) == 1 && h.size(0) == x.size(0);
}

bool has_few_rows(const Tensor& x, const Tensor& weight) {
  return x.dim() == 2 && x.size(0) <= 4 * MOST_ROWS && weight.dim() == 2;
}

// product_x(start) and product_h(start) are the two products of a cell, with `start` added; undefined where they cannot be.
template <class X, class H>
Tensor gru_of(const Tensor& x, const Tensor& h, const Tensor& w_ih, const X& product_x, const H& product_h) {
  if (!has_few_rows(x, w_ih) || !is_state(h, x)) return {};
  const Tensor a = product_x(nullptr);
  const Tensor b = a.defined() ? product_h(nullptr) : Tensor();
  const int64_t n = h.size(1);
  if (!b.defined() || a.sizes() != b.sizes() || a.size(1) != 3 * n) return {};
  Tensor out = fresh(h.sizes(), at::kFloat);
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

template <class X, class H>
std::tuple<Tensor, Tensor> lstm_of(const Tensor& x, at::TensorList state, const Tensor& w_ih, const X& product_x,
                                   const H& product_h) {
  if (state.size() != 2 || !has_few_rows(x, w_ih) || !is_state(state[0], x) || !is_state(state[1], x) ||
      state[0].sizes() != state[1].sizes())
    return {};
  const Tensor &h = state[0], &c = state[1];
  const int64_t n = h.size(1);
  const Tensor a = product_x(nullptr);
  const Tensor gates = a.defined() ? product_h(&a) : Tensor();
  if (!gates.defined() || gates.size(1) != 4 * n) return {};
  Tensor hidden = fresh(h.sizes(), at::kFloat), cell = fresh(c.sizes(), at::kFloat);
  for (int64_t row = 0; row < h.size(0); ++row) {
    const float* p = gates.const_data_ptr<float>() + row * 4 * n;
    const float* old = c.const_data_ptr<float>() + row * c.stride(0);
    float* to_hidden = hidden.mutable_data_ptr<float>() + row * n;
    float* to_cell = cell.mutable_data_ptr<float>() + row * n;
    for (int64_t i = 0; i < n; i += V::size()) {
      const int64_t count = std::min<int64_t>(V::size(), n - i);
      const auto load = [&](const float* from) { return V::loadu(from + i, count); };
      const V kept = kernel::sigmoid(load(p + n)) * load(old);
      const V now = kept + kernel::sigmoid(load(p)) * kernel::tanh(load(p + 2 * n));
      now.store(to_cell + i, static_cast<int>(count));
      (kernel::sigmoid(load(p + 3 * n)) * kernel::tanh(now)).store(to_hidden + i, static_cast<int>(count));
    }
  }
  return {std::move(hidden), std::move(cell)};
}

}  // namespace

Tensor gru_cell(const Tensor& x, const Tensor& h, const Tensor& w_ih, const Tensor& w_hh,
                const std::optional<Tensor>& b_ih, const std::optional<Tensor>& b_hh) {
  Tensor out = gru_of(
      x, h, w_ih, [&](const Tensor* start) { return product(x, w_ih, 0, given(b_ih), start); },
      [&](const Tensor* start) { return product(h, w_hh, 0, given(b_hh), start); });
  return out.defined() ? out : at::_ops::gru_cell::call(x, h, w_ih, w_hh, b_ih, b_hh);
}

std::tuple<Tensor, Tensor> lstm_cell(const Tensor& x, at::TensorList state, const Tensor& w_ih, const Tensor& w_hh,
                                     const std::optional<Tensor>& b_ih, const std::optional<Tensor>& b_hh) {
  auto out = lstm_of(
      x, state, w_ih, [&](const Tensor* start) { return product(x, w_ih, 0, given(b_ih), start); },
      [&](const Tensor* start) { return product(state[0], w_hh, 0, given(b_hh), start); });
  return std::get<0>(out).defined() ? out : at::_ops::lstm_cell::call(x, state, w_ih, w_hh, b_ih, b_hh);
}

Tensor Cell::at(const Tensor& x, const Tensor& h) {
  Tensor out = gru_of(
      x, h, x_.weight(), [&](const Tensor* start) { return x_.product(x, start); },
      [&](const Tensor* start) { return h_.product(h, start); });
  return out.defined() ? out : at::_ops::gru_cell::call(x, h, x_.weight(), h_.weight(), x_.bias(), h_.bias());
}

std::tuple<Tensor, Tensor> Cell::at(const Tensor& x, const List<Tensor>& items) {
  const at::TensorList state(items.items());
  auto out = lstm_of(
      x, state, x_.weight(), [&](const Tensor* start) { return x_.product(x, start); },
      [&](const Tensor* start) { return h_.product(state[0], start); });
  return std::get<0>(out).defined()
             ? out
             : at::_ops::lstm_cell::call(x, state, x_.weight(), h_.weight(), x_.bias(), h_.bias());
}

}  // namespace ts::fast
