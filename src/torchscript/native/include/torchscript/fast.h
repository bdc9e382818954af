// Quicker forms of a few operators, for small tensors: the same results, without the dispatcher and without what large
// matrices need. Each falls back on PyTorch's operator for whatever it is not written for (runtime/fast_*.cpp).
#pragma once

#include <ATen/ops/index_ops.h>

#include <array>
#include <optional>

#include "call.h"
#include "convert.h"
#include "values.h"

namespace ts::fast {

// Dense CPU tensors of float, no gradients wanted, no modes that would have to see the operator.
bool is_plain_float(const Tensor& t);
bool wants_gradients(const Tensor& t);
// How many elements a tensor has at most for what is quicker here than through the dispatcher.
constexpr int64_t FEW_ELEMENTS = 1 << 14;
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
// aten::lstm_cell, aten::gru_cell
std::tuple<Tensor, Tensor> lstm_cell(const Tensor& x, at::TensorList state, const Tensor& w_ih, const Tensor& w_hh,
                                     const std::optional<Tensor>& b_ih, const std::optional<Tensor>& b_hh);
Tensor gru_cell(const Tensor& x, const Tensor& h, const Tensor& w_ih, const Tensor& w_hh,
                const std::optional<Tensor>& b_ih, const std::optional<Tensor>& b_hh);

// start + linear(x, weight, bias), where `start` is no tensor that the sum has to be broadcast with, or is
Tensor linear_add(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias, const Tensor& start);

// A linear layer whose weight does not change while a loop runs: arranged for the product when it is used again, a small
// one in panels, others as the matrix library wants them.
class Layer {
 public:
  template <class B>
  Layer(const Tensor& weight, const B& bias) : weight_(weight), bias_(ts::convert<std::optional<Tensor>>(bias)) {}
  Tensor at(const Tensor& x);
  // start + linear(x)
  Tensor at(const Tensor& x, const Tensor& start);
  // (start +) linear(x) without the dispatcher; undefined where that cannot be. `start` may be null.
  Tensor product(const Tensor& x, const Tensor* start);
  // More products are coming: small weights become panels for the first.
  void expect_more() {
    if (rows_ == 0) rows_ = -1;
  }
  const Tensor& weight() const { return weight_; }
  const std::optional<Tensor>& bias() const { return bias_; }

 private:
  Tensor packed(const Tensor& x, const Tensor* start);
  Tensor weight_;
  std::optional<Tensor> bias_;
  Tensor packed_;
  int64_t rows_ = 0;  // of the last product, which what the library packed is for; -1: none yet, but more will come
};

// A cell of a recurrent network whose weights do not change while a loop runs.
class Cell {
 public:
  template <class A, class B>
  Cell(const Tensor& w_ih, const Tensor& w_hh, const A& b_ih, const B& b_hh) : x_(w_ih, b_ih), h_(w_hh, b_hh) {}
  Tensor at(const Tensor& x, const Tensor& h);                                       // aten::gru_cell
  std::tuple<Tensor, Tensor> at(const Tensor& x, const List<Tensor>& state);         // aten::lstm_cell

 private:
  Layer x_, h_;
};

// linear(sequence[i], weight, bias) for i = 0, 1, 2, …: several steps at once, which one product computes faster than many.
// The first block is small, since a loop may end early; no block is large, since a sequence may be long.
class Steps {
 public:
  template <class B>
  Steps(const Tensor& sequence, const Tensor& weight, const B& bias) : sequence_(sequence), layer_(weight, bias) {}
  Tensor at(int64_t i);

 private:
  Tensor sequence_;
  Layer layer_;
  Tensor block_;
  int64_t first_ = 0, count_ = 0;
};

// aten::conv1d: few places of a short signal. relu: aten::relu of a small tensor
Tensor conv1d(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias, at::IntArrayRef stride,
              at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups);
Tensor relu(const Tensor& x);

// aten::embedding, aten::cat, aten::topk, aten::argmax, aten::log_softmax.int: a few rows
Tensor embedding(const Tensor& weight, const Tensor& places, int64_t padding, bool scales, bool sparse);
Tensor cat(at::TensorList tensors, int64_t dim);
std::tuple<Tensor, Tensor> topk(const Tensor& x, int64_t k, int64_t dim, bool largest, bool sorted);
Tensor argmax(const Tensor& x, std::optional<int64_t> dim, bool keepdim);
Tensor log_softmax(const Tensor& x, int64_t dim, std::optional<at::ScalarType> dtype);
// x[index] for numbers of rows or a mask of rows; an undefined tensor where this is no case for it
Tensor take_rows(const Tensor& x, const Tensor& index);

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
template <class W, class B>
Tensor linear_add(const Tensor& x, const W& weight, const B& bias, const Tensor& start) {
  return ts::fast::linear_add(x, static_cast<const Tensor&>(weight), ts::convert<std::optional<Tensor>>(bias), start);
}
template <class A, class B>
std::tuple<Tensor, Tensor> lstm_cell(const Tensor& x, const List<Tensor>& state, const Tensor& w_ih, const Tensor& w_hh,
                                     const A& a, const B& b) {
  return ts::fast::lstm_cell(x, at::TensorList(state.items()), w_ih, w_hh, ts::convert<std::optional<Tensor>>(a),
                             ts::convert<std::optional<Tensor>>(b));
}
template <class A, class B>
Tensor gru_cell(const Tensor& x, const Tensor& h, const Tensor& w_ih, const Tensor& w_hh, const A& a, const B& b) {
  return ts::fast::gru_cell(x, h, w_ih, w_hh, ts::convert<std::optional<Tensor>>(a), ts::convert<std::optional<Tensor>>(b));
}
template <class B, class S, class P, class D>
Tensor conv1d(const Tensor& x, const Tensor& weight, const B& bias, const S& stride, const P& padding, const D& dilation,
              int64_t groups) {
  return ts::fast::conv1d(x, weight, ts::convert<std::optional<Tensor>>(bias), Arg<at::IntArrayRef>(stride).get(),
                          Arg<at::IntArrayRef>(padding).get(), Arg<at::IntArrayRef>(dilation).get(), groups);
}
template <class A, class B>
Tensor addmm(const Tensor& bias, const Tensor& x, const Tensor& weight, const A& beta, const B& alpha) {
  return ts::fast::addmm(bias, x, weight, ts::convert<Scalar>(beta), ts::convert<Scalar>(alpha));
}
template <class L>
Tensor index(const Tensor& x, const List<L>& indices) {
  if (indices.size() == 1) {
    const auto only = ts::convert<std::optional<Tensor>>(indices.items()[0]);
    Tensor out = only ? take_rows(x, *only) : Tensor();
    if (out.defined()) return out;
  }
  return ts::call<at::_ops::index_Tensor>(x, indices);
}
template <class L, size_t N>
Tensor index(const Tensor& x, const std::array<L, N>& indices) {
  if constexpr (N == 1) {
    const auto only = ts::convert<std::optional<Tensor>>(indices[0]);
    Tensor out = only ? take_rows(x, *only) : Tensor();
    if (out.defined()) return out;
  }
  return ts::call<at::_ops::index_Tensor>(x, indices);
}
template <class L>
Tensor cat(const L& tensors, int64_t dim) {
  return ts::fast::cat(Arg<at::TensorList>(tensors).get(), dim);
}
template <class D>
Tensor argmax(const Tensor& x, const D& dim, bool keepdim) {
  return ts::fast::argmax(x, ts::convert<std::optional<int64_t>>(dim), keepdim);
}
template <class D>
Tensor log_softmax(const Tensor& x, int64_t dim, const D& dtype) {
  return ts::fast::log_softmax(x, dim, ts::convert<std::optional<at::ScalarType>>(dtype));
}
template <class A, class B>
Tensor slice(const Tensor& t, int64_t dim, const A& start, const B& end, int64_t step) {
  return ts::fast::slice(t, dim, ts::convert<std::optional<int64_t>>(start), ts::convert<std::optional<int64_t>>(end), step);
}

}  // namespace ts::fast
