// Convolutions with so few results that preparing one takes PyTorch longer than computing it.
#include "torchscript/kernels.h"

#include <ATen/ops/conv1d_ops.h>
#include <ATen/ops/relu_ops.h>
#include <c10/core/SymIntArrayRef.h>

#include "torchscript/blocks.h"
#include "torchscript/fast.h"
#include "torchscript/products.h"

namespace ts::fast {

namespace {

using V = kernel::Vec<float>;

constexpr int64_t MOST_PLACES = 16;

// The one number of a parameter that is given for each dimension, of which there is one.
std::optional<int64_t> only(at::IntArrayRef values) {
  return values.size() == 1 ? std::optional<int64_t>(values[0]) : std::nullopt;
}

Tensor few_places(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias, int64_t stride,
                  int64_t padding, int64_t dilation) {
  if (is_watched() || !is_plain_float(x) || !is_plain_float(weight) || x.dim() != 3 || weight.dim() != 3) return {};
  if (wants_gradients(x) || wants_gradients(weight) || !weight.is_contiguous() || x.stride(2) != 1) return {};
  const int64_t batch = x.size(0), channels = x.size(1), length = x.size(2), n = weight.size(0), taps = weight.size(2);
  const int64_t k = channels * taps, span = dilation * (taps - 1) + 1;
  if (weight.size(1) != channels || k == 0 || n == 0 || batch == 0 || stride < 1 || dilation < 1 || padding < 0) return {};
  if (n * k > MOST_WEIGHTS || length + 2 * padding < span) return {};
  const int64_t places = (length + 2 * padding - span) / stride + 1;
  if (batch * places > MOST_PLACES) return {};
  const float* b = nullptr;
  if (bias.has_value() && bias->defined()) {
    if (!is_plain_float(*bias) || bias->dim() != 1 || bias->size(0) != n || bias->stride(0) != 1 || wants_gradients(*bias))
      return {};
    b = bias->const_data_ptr<float>();
  }
  Tensor out = fresh({batch, n, places}, at::kFloat);
  const bool by_place = places == 1;  // then results lie as the product gives them
  float* buffer = kernel::scratch<float>(batch * places * (k + (by_place ? 0 : n)));
  float* patches = buffer;
  const float* data = x.const_data_ptr<float>();
  const int64_t row_step = x.stride(0), channel_step = x.stride(1);
  for (int64_t r = 0; r < batch; ++r)
    for (int64_t place = 0; place < places; ++place) {
      const int64_t first = place * stride - padding;
      const float* from = data + r * row_step + first;
      // the taps that meet the signal
      const int64_t low = first >= 0 ? 0 : (-first + dilation - 1) / dilation;
      const int64_t high = std::min(taps, (length - first + dilation - 1) / dilation);
      if (dilation == 1 && low == 0 && high == taps && taps >= V::size()) {
        for (int64_t c = 0; c < channels; ++c, from += channel_step, patches += taps) std::copy_n(from, taps, patches);
        continue;
      }
      for (int64_t c = 0; c < channels; ++c, from += channel_step, patches += taps)
        for (int64_t t = 0; t < taps; ++t) patches[t] = t >= low && t < high ? from[t * dilation] : 0.f;
    }
  const SmallMatrix matrix{weight.const_data_ptr<float>(), n, k, k, false};
  float* to = out.mutable_data_ptr<float>();
  if (by_place) {
    small_product(buffer, batch, k, matrix, b, nullptr, 0, to, n);
    return out;
  }
  small_product(buffer, batch * places, k, matrix, b, nullptr, 0, patches, n);
  for (int64_t r = 0; r < batch; ++r)
    for (int64_t i = 0; i < n; ++i)
      for (int64_t place = 0; place < places; ++place) *to++ = patches[(r * places + place) * n + i];
  return out;
}

}  // namespace

Tensor conv1d(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias, at::IntArrayRef stride,
              at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups) {
  const auto s = only(stride), p = only(padding), d = only(dilation);
  if (s && p && d && groups == 1) {
    Tensor out = few_places(x, weight, bias, *s, *p, *d);
    if (out.defined()) return out;
  }
  return at::_ops::conv1d::call(x, weight, bias, c10::fromIntArrayRefSlow(stride), c10::fromIntArrayRefSlow(padding),
                                c10::fromIntArrayRefSlow(dilation), groups);
}

Tensor relu(const Tensor& x) {
  if (is_watched() || !is_plain_float(x) || x.numel() > FEW_ELEMENTS || !x.is_contiguous() || wants_gradients(x))
    return at::_ops::relu::call(x);
  Tensor out = fresh(x.sizes(), at::kFloat);
  const float* from = x.const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  const int64_t n = x.numel();
  for (int64_t i = 0; i < n; i += V::size()) {
    const int64_t count = std::min<int64_t>(V::size(), n - i);
    kernel::relu(V::loadu(from + i, count)).store(to + i, static_cast<int>(count));
  }
  return out;
}

}  // namespace ts::fast
