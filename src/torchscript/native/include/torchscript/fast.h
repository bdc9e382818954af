// Quicker forms of a few operators, for small tensors: the same results, without the dispatcher and without what large
// matrices need. Each falls back on PyTorch's operator for whatever it is not written for (runtime/fast_*.cpp).
#pragma once

#include <array>
#include <optional>

#include "convert.h"
#include "values.h"

namespace ts::fast {

// Dense CPU tensors of float, no gradients wanted, no modes that would have to see the operator.
bool is_plain_float(const Tensor& t);
// Whether somebody (autograd, a dispatch mode, autocast) has to be told of operators that run now.
bool is_watched();

// aten::linear, aten::mm, aten::matmul, aten::addmm: few rows times a small matrix
Tensor linear(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias);
Tensor mm(const Tensor& x, const Tensor& weight);
Tensor matmul(const Tensor& x, const Tensor& weight);
Tensor addmm(const Tensor& bias, const Tensor& x, const Tensor& weight, const Scalar& beta, const Scalar& alpha);
// aten::add.Tensor, aten::mul.Tensor: small tensors of one shape
Tensor add(const Tensor& x, const Tensor& y, const Scalar& alpha);
Tensor mul(const Tensor& x, const Tensor& y);
// aten::gru_cell
Tensor gru_cell(const Tensor& x, const Tensor& h, const Tensor& w_ih, const Tensor& w_hh,
                const std::optional<Tensor>& b_ih, const std::optional<Tensor>& b_hh);

// linear(sequence[i], weight, bias) for i = 0, 1, 2, …: several steps at once, which one product computes faster than many.
// The first block is small, since a loop may end early; no block is large, since a sequence may be long.
class Steps {
 public:
  template <class B>
  Steps(const Tensor& sequence, const Tensor& weight, const B& bias)
      : sequence_(sequence), weight_(weight), bias_(ts::convert<std::optional<Tensor>>(bias)) {}
  Tensor at(int64_t i);

 private:
  Tensor sequence_, weight_;
  std::optional<Tensor> bias_;
  Tensor block_;
  int64_t first_ = 0, count_ = 0;
};

// Views that only readers see: no record for autograd, none of the bookkeeping for writing through them.
Tensor select(const Tensor& t, int64_t dim, int64_t index);
Tensor slice(const Tensor& t, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step);
Tensor unsqueeze(const Tensor& t, int64_t dim);
// `count` pieces, as `a, b = t.chunk(2, 1)` takes them. Throws ValueError where there are not so many.
void chunk(const Tensor& t, int64_t count, int64_t dim, Tensor* pieces);

// How generated code calls them: arguments of whatever static type the graph has.
template <class X, class W, class B>
Tensor linear(const X& x, const W& weight, const B& bias) {
  return ts::fast::linear(static_cast<const Tensor&>(x), static_cast<const Tensor&>(weight),
                ts::convert<std::optional<Tensor>>(bias));
}
template <class A, class B>
Tensor gru_cell(const Tensor& x, const Tensor& h, const Tensor& w_ih, const Tensor& w_hh, const A& a, const B& b) {
  return ts::fast::gru_cell(x, h, w_ih, w_hh, ts::convert<std::optional<Tensor>>(a), ts::convert<std::optional<Tensor>>(b));
}
template <class A, class B>
Tensor addmm(const Tensor& bias, const Tensor& x, const Tensor& weight, const A& beta, const B& alpha) {
  return ts::fast::addmm(bias, x, weight, ts::convert<Scalar>(beta), ts::convert<Scalar>(alpha));
}
template <class A, class B>
Tensor slice(const Tensor& t, int64_t dim, const A& start, const B& end, int64_t step) {
  return ts::fast::slice(t, dim, ts::convert<std::optional<int64_t>>(start), ts::convert<std::optional<int64_t>>(end), step);
}

}  // namespace ts::fast
