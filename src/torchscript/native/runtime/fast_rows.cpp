// Operators on a few rows: taking them, joining them, and what is largest in them.
#include "torchscript/kernels.h"

#include <ATen/native/TopKImpl.h>
#include <ATen/ops/argmax_ops.h>
#include <ATen/ops/cat_ops.h>
#include <ATen/ops/embedding_ops.h>
#include <ATen/ops/log_softmax_ops.h>
#include <ATen/ops/topk_ops.h>

#include <cstring>

#include "torchscript/blocks.h"
#include "torchscript/fast.h"

namespace ts::fast {

namespace {

using Sizes = c10::SmallVector<int64_t, 6>;
using V = kernel::Vec<float>;

constexpr int64_t FEW_TO_SORT = 1 << 16;

bool is_private(const Tensor& t) { return is_plain(t) && !wants_gradients(t); }

// The elements of one row, if rows lie apart and each is contiguous; else 0.
int64_t row_length(const Tensor& t) {
  int64_t length = 1;
  for (int64_t d = t.dim() - 1; d > 0; --d) {
    if (t.size(d) != 1 && t.stride(d) != length) return 0;
    length *= t.size(d);
  }
  return t.size(0) <= 1 || t.stride(0) >= length ? length : 0;
}

bool is_last(int64_t dim, const Tensor& t) { return dim == -1 || dim == t.dim() - 1; }

// Rows of floats, all of one length, side by side.
bool is_rows(const Tensor& x, int64_t dim, int64_t most) {
  return !is_watched() && is_plain_float(x) && (x.dim() == 1 || x.dim() == 2) && is_last(dim, x) && x.numel() > 0 &&
         x.numel() <= most && x.is_contiguous() && !wants_gradients(x);
}

// out[i] = rows[place(i)], or false at the first place that is none
template <class F>
bool copy_rows(const Tensor& rows, int64_t length, int64_t count, const F& place, Tensor& out) {
  const size_t bytes = static_cast<size_t>(length) * rows.element_size();
  const char* from = static_cast<const char*>(rows.const_data_ptr());
  const int64_t step = rows.stride(0) * static_cast<int64_t>(rows.element_size()), size = rows.size(0);
  char* to = static_cast<char*>(out.mutable_data_ptr());
  for (int64_t i = 0; i < count; ++i, to += bytes) {
    const int64_t at = place(i);
    if (at < 0 || at >= size) return false;
    if (bytes == 4)
      std::memcpy(to, from + at * step, 4);
    else if (bytes == 8)
      std::memcpy(to, from + at * step, 8);
    else
      std::memcpy(to, from + at * step, bytes);
  }
  return true;
}

}  // namespace

Tensor take_rows(const Tensor& x, const Tensor& index) {
  if (is_watched() || !is_private(x) || !is_plain(index) || x.dim() < 1 || index.dim() > 1) return {};
  const int64_t length = row_length(x), size = x.size(0);
  if (length == 0 || size == 0) return {};
  Sizes sizes(x.sizes().begin() + 1, x.sizes().end());
  if (index.scalar_type() == at::kBool) {
    if (index.dim() != 1 || index.size(0) != size || size * length > FEW_ELEMENTS) return {};
    const bool* mask = index.const_data_ptr<bool>();
    const int64_t step = index.stride(0);
    int64_t* chosen = kernel::scratch<int64_t>(size);
    int64_t count = 0;
    for (int64_t i = 0; i < size; ++i) {
      chosen[count] = i;
      count += mask[i * step];
    }
    sizes.insert(sizes.begin(), count);
    Tensor out = fresh(sizes, x.scalar_type());
    copy_rows(x, length, count, [&](int64_t i) { return chosen[i]; }, out);
    return out;
  }
  if (index.scalar_type() != at::kLong) return {};
  const int64_t count = index.numel(), step = index.dim() == 1 ? index.stride(0) : 0;
  if (count * length > FEW_ELEMENTS) return {};
  if (index.dim() == 1) sizes.insert(sizes.begin(), count);
  Tensor out = fresh(sizes, x.scalar_type());
  const int64_t* places = index.const_data_ptr<int64_t>();
  const auto place = [&](int64_t i) { return places[i * step] < 0 ? places[i * step] + size : places[i * step]; };
  return copy_rows(x, length, count, place, out) ? out : Tensor();
}

Tensor embedding(const Tensor& weight, const Tensor& places, int64_t padding, bool scales, bool sparse) {
  if (!is_watched() && is_private(weight) && is_plain(places) && weight.dim() == 2 && weight.size(0) > 0 &&
      places.scalar_type() == at::kLong && (places.dim() == 1 || (places.dim() == 2 && places.is_contiguous())) &&
      places.numel() * weight.size(1) <= FEW_ELEMENTS && row_length(weight) > 0) {
    Sizes sizes(places.sizes().begin(), places.sizes().end());
    sizes.push_back(weight.size(1));
    Tensor out = fresh(sizes, weight.scalar_type());
    const int64_t* from = places.const_data_ptr<int64_t>();
    const int64_t step = places.dim() == 1 ? places.stride(0) : 1;
    if (copy_rows(weight, weight.size(1), places.numel(), [&](int64_t i) { return from[i * step]; }, out)) return out;
  }
  return at::_ops::embedding::call(weight, places, padding, scales, sparse);
}

Tensor cat(at::TensorList tensors, int64_t dim) {
  const auto usual = [&] { return at::_ops::cat::call(tensors, dim); };
  if (tensors.empty() || is_watched()) return usual();
  const Tensor& first = tensors[0];
  const int64_t dims = first.defined() ? first.dim() : 0, d = dim < 0 ? dim + dims : dim;
  if (dims < 1 || dims > 3 || d < 0 || d >= dims) return usual();
  Sizes sizes(first.sizes().begin(), first.sizes().end());
  sizes[d] = 0;
  int64_t elements = 0;
  for (const Tensor& t : tensors) {
    if (!is_private(t) || t.scalar_type() != first.scalar_type() || t.dim() != dims || t.numel() == 0 || !t.is_contiguous())
      return usual();
    for (int64_t k = 0; k < dims; ++k)
      if (k != d && t.size(k) != sizes[k]) return usual();
    sizes[d] += t.size(d);
    elements += t.numel();
  }
  if (elements > FEW_ELEMENTS) return usual();
  int64_t outer = 1;
  for (int64_t k = 0; k < d; ++k) outer *= sizes[k];
  Tensor out = fresh(sizes, first.scalar_type());
  char* start = static_cast<char*>(out.mutable_data_ptr());
  const size_t step = static_cast<size_t>(elements / outer) * first.element_size();
  for (const Tensor& t : tensors) {
    const size_t bytes = static_cast<size_t>(t.numel() / outer) * t.element_size();
    const char* from = static_cast<const char*>(t.const_data_ptr());
    for (int64_t i = 0; i < outer; ++i) std::memcpy(start + static_cast<size_t>(i) * step, from + static_cast<size_t>(i) * bytes, bytes);
    start += bytes;
  }
  return out;
}

std::tuple<Tensor, Tensor> topk(const Tensor& x, int64_t k, int64_t dim, bool largest, bool sorted) {
  if (x.dim() == 0 || k < 1 || !is_rows(x, dim, FEW_TO_SORT) || k > x.size(-1))
    return at::_ops::topk::call(x, k, dim, largest, sorted);
  const int64_t n = x.size(-1), rows = x.numel() / n;
  Sizes sizes(x.sizes().begin(), x.sizes().end());
  sizes.back() = k;
  Tensor values = fresh(sizes, at::kFloat), places = fresh(sizes, at::kLong);
  char* data[] = {static_cast<char*>(values.mutable_data_ptr()), static_cast<char*>(places.mutable_data_ptr()),
                  static_cast<char*>(const_cast<void*>(x.const_data_ptr()))};
  const int64_t steps[] = {k * int64_t(sizeof(float)), k * int64_t(sizeof(int64_t)), n * int64_t(sizeof(float))};
  // PyTorch's own loop, so that equal numbers come in its order
  at::native::topk_impl_loop<float, float>(1, 1, 1, k, n, largest, sorted, data, steps, rows);
  return {std::move(values), std::move(places)};
}

// f(part, i, vector, count) over the vectors of a row.
template <class F>
static void each_vector(const float* row, int64_t n, const F& f) {
  kernel::each_vector<float, kernel::PARTS>(0, n, [&](auto part, int64_t i, int64_t count) {
    f(part, i, count == V::size() ? V::loadu(row + i) : V::loadu(row + i, count), count);
  });
}

Tensor argmax(const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
  if (!dim || !is_rows(x, *dim, FEW_ELEMENTS)) return at::_ops::argmax::call(x, dim, keepdim);
  const int64_t n = x.size(-1), rows = x.numel() / n;
  Sizes sizes(x.sizes().begin(), x.sizes().end() - 1);
  if (keepdim) sizes.push_back(1);
  Tensor out = fresh(sizes, at::kLong);
  const float* row = x.const_data_ptr<float>();
  for (int64_t r = 0; r < rows; ++r, row += n) {
    kernel::Extremum<float, true> extremum;
    each_vector(row, n, [&](auto part, int64_t, const V& v, int64_t count) { extremum.add(part, v, count); });
    const float best = extremum.result();
    int64_t at = 0;  // the first of those that are equal, or that are no numbers
    while (at < n - 1 && !(row[at] == best || (row[at] != row[at] && best != best))) ++at;
    out.mutable_data_ptr<int64_t>()[r] = at;
  }
  return out;
}

Tensor log_softmax(const Tensor& x, int64_t dim, std::optional<at::ScalarType> dtype) {
  if ((dtype && *dtype != at::kFloat) || x.dim() == 0 || !is_rows(x, dim, FEW_ELEMENTS))
    return at::_ops::log_softmax_int::call(x, dim, dtype);
  const int64_t n = x.size(-1), rows = x.numel() / n;
  Tensor out = fresh(x.sizes(), at::kFloat);
  const float* row = x.const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  for (int64_t r = 0; r < rows; ++r, row += n, to += n) {
    kernel::Extremum<float, true> extremum;
    each_vector(row, n, [&](auto part, int64_t, const V& v, int64_t count) { extremum.add(part, v, count); });
    const V largest(extremum.result());
    kernel::Sum<float> sum;
    each_vector(row, n, [&](auto part, int64_t, const V& v, int64_t count) {
      sum.add(part, kernel::exp(v - largest), count);
    });
    const V log(std::log(sum.result()));
    each_vector(row, n, [&](auto, int64_t i, const V& v, int64_t count) {
      (v - largest - log).store(to + i, static_cast<int>(count));
    });
  }
  return out;
}

}  // namespace ts::fast
