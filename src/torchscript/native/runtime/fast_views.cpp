// Views that are only read: a tensor over the same storage, made directly.
#include <ATen/ops/chunk_ops.h>
#include <ATen/ops/select_ops.h>
#include <ATen/ops/slice_ops.h>
#include <ATen/ops/unsqueeze_ops.h>

#include "torchscript/fast.h"
#include "torchscript/planning.h"
#include "torchscript/support.h"

namespace ts::fast {

namespace {

using Sizes = c10::SmallVector<int64_t, 6>;

// Whether a view can be made without anybody else knowing.
bool is_private(const Tensor& t) {
  return is_plain(t) && !is_watched() && !wants_gradients(t);
}

Tensor view_of(const Tensor& t, at::IntArrayRef sizes, at::IntArrayRef strides, int64_t offset) {
  auto key_set = t.key_set();
  auto made = c10::make_intrusive<c10::TensorImpl>(c10::TensorImpl::VIEW, c10::Storage(t.storage()), key_set, t.dtype());
  made->set_sizes_and_strides(sizes, strides, t.storage_offset() + offset);
  if (!t.is_inference()) made->set_version_counter(t.unsafeGetTensorImpl()->version_counter());
  return Tensor(std::move(made));
}

}  // namespace

Tensor select(const Tensor& t, int64_t dim, int64_t index) {
  const int64_t dims = t.dim();
  if (dim < 0) dim += dims;
  if (!is_private(t) || dim < 0 || dim >= dims) return at::_ops::select_int::call(t, dim, index);
  const int64_t size = t.size(dim), place = index < 0 ? index + size : index;
  if (place < 0 || place >= size) return at::_ops::select_int::call(t, dim, index);
  Sizes sizes(t.sizes().begin(), t.sizes().end()), strides(t.strides().begin(), t.strides().end());
  const int64_t offset = place * strides[dim];
  sizes.erase(sizes.begin() + dim);
  strides.erase(strides.begin() + dim);
  return view_of(t, sizes, strides, offset);
}

Tensor slice(const Tensor& t, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step) {
  const int64_t dims = t.dim();
  const int64_t d = dim < 0 ? dim + dims : dim;
  if (!is_private(t) || d < 0 || d >= dims || step <= 0) {
    const auto symbol = [](std::optional<int64_t> v) { return v ? std::optional<c10::SymInt>(*v) : std::nullopt; };
    return at::_ops::slice_Tensor::call(t, dim, symbol(start), symbol(end), step);
  }
  const int64_t size = t.size(d);
  const auto place = [&](int64_t v) { return std::clamp<int64_t>(v < 0 ? v + size : v, 0, size); };
  const int64_t first = place(start.value_or(0)), last = std::max(first, place(end.value_or(size)));
  Sizes sizes(t.sizes().begin(), t.sizes().end()), strides(t.strides().begin(), t.strides().end());
  const int64_t offset = first * strides[d];
  sizes[d] = (last - first + step - 1) / step;
  strides[d] *= step;
  return view_of(t, sizes, strides, offset);
}

Tensor unsqueeze(const Tensor& t, int64_t dim) {
  const int64_t d = dim < 0 ? dim + t.dim() + 1 : dim;
  if (!is_private(t) || d < 0 || d > t.dim()) return at::_ops::unsqueeze::call(t, dim);
  Sizes sizes(t.sizes().begin(), t.sizes().end()), strides(t.strides().begin(), t.strides().end());
  const int64_t stride = d < t.dim() ? sizes[d] * strides[d] : 1;
  sizes.insert(sizes.begin() + d, 1);
  strides.insert(strides.begin() + d, stride);
  return view_of(t, sizes, strides, 0);
}

void chunk(const Tensor& t, int64_t count, int64_t dim, Tensor* pieces) {
  const int64_t d = dim < 0 ? dim + t.dim() : dim;
  if (!is_private(t) || d < 0 || d >= t.dim() || t.size(d) % count != 0 || t.size(d) == 0) {
    auto made = List<Tensor>(at::_ops::chunk::call(t, count, dim));
    check_unpack(made, count);
    for (int64_t i = 0; i < count; ++i) pieces[i] = made.items()[i];
    return;
  }
  Sizes sizes(t.sizes().begin(), t.sizes().end());
  const int64_t each = sizes[d] / count;
  sizes[d] = each;
  for (int64_t i = 0; i < count; ++i) pieces[i] = view_of(t, sizes, t.strides(), i * each * t.stride(d));
}

}  // namespace ts::fast
