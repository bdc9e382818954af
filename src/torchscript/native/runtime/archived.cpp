// torch.nn.functional.interpolate as one operator, and indexing with lists of tensors.
#include "torchscript/lang/archived.h"

#include <ATen/core/List.h>
#include <ATen/core/ivalue.h>
#include <ATen/ops/_index_put_impl_ops.h>
#include <ATen/ops/_unsafe_index_ops.h>
#include <ATen/ops/_unsafe_index_put_ops.h>
#include <ATen/ops/_upsample_bicubic2d_aa_ops.h>
#include <ATen/ops/_upsample_bilinear2d_aa_ops.h>
#include <ATen/ops/_upsample_nearest_exact1d_ops.h>
#include <ATen/ops/_upsample_nearest_exact2d_ops.h>
#include <ATen/ops/_upsample_nearest_exact3d_ops.h>
#include <ATen/ops/adaptive_avg_pool1d_ops.h>
#include <ATen/ops/adaptive_avg_pool2d_ops.h>
#include <ATen/ops/adaptive_avg_pool3d_ops.h>
#include <ATen/ops/index_ops.h>
#include <ATen/ops/index_put_ops.h>
#include <ATen/ops/upsample_bicubic2d_ops.h>
#include <ATen/ops/upsample_bilinear2d_ops.h>
#include <ATen/ops/upsample_linear1d_ops.h>
#include <ATen/ops/upsample_nearest1d_ops.h>
#include <ATen/ops/upsample_nearest2d_ops.h>
#include <ATen/ops/upsample_nearest3d_ops.h>
#include <ATen/ops/upsample_trilinear3d_ops.h>

#include <cmath>

#include "torchscript/lang/fail.h"

namespace ts::lang {

namespace {

using Sizes = at::OptionalSymIntArrayRef;
using Scales = std::optional<at::ArrayRef<double>>;
using Resize = Tensor (*)(const Tensor&, Sizes, Scales);
using AlignedResize = Tensor (*)(const Tensor&, Sizes, bool, Scales);

struct Mode {
  const char* name;
  int64_t dims;  // of the tensor
  Resize plain;
  AlignedResize aligned;
};
const Mode modes[] = {
    {"nearest", 3, at::_ops::upsample_nearest1d_vec::call, nullptr},
    {"nearest", 4, at::_ops::upsample_nearest2d_vec::call, nullptr},
    {"nearest", 5, at::_ops::upsample_nearest3d_vec::call, nullptr},
    {"nearest-exact", 3, at::_ops::_upsample_nearest_exact1d_vec::call, nullptr},
    {"nearest-exact", 4, at::_ops::_upsample_nearest_exact2d_vec::call, nullptr},
    {"nearest-exact", 5, at::_ops::_upsample_nearest_exact3d_vec::call, nullptr},
    {"linear", 3, nullptr, at::_ops::upsample_linear1d_vec::call},
    {"bilinear", 4, nullptr, at::_ops::upsample_bilinear2d_vec::call},
    {"bicubic", 4, nullptr, at::_ops::upsample_bicubic2d_vec::call},
    {"trilinear", 5, nullptr, at::_ops::upsample_trilinear3d_vec::call},
};
const Mode smoothed_modes[] = {
    {"bilinear", 4, nullptr, at::_ops::_upsample_bilinear2d_aa_vec::call},
    {"bicubic", 4, nullptr, at::_ops::_upsample_bicubic2d_aa_vec::call},
};

template <class T>
void fill_dimensions(PerDimension<T>& x, int64_t dims, const char* name) {
  if (!x.given) return;
  if (!x.is_list) x.values.assign(dims, x.values[0]);
  if (static_cast<int64_t>(x.values.size()) != dims)
    fail("ValueError", Str("interpolate() of a tensor with ") + std::to_string(dims) + " spatial dimensions got a " + name +
                           " of " + std::to_string(x.values.size()));
}

}  // namespace

Tensor interpolated(const Tensor& input, PerDimension<int64_t> size, PerDimension<double> scale, const Str& mode,
                    std::optional<bool> align_corners, std::optional<bool> recompute_scale_factor, bool antialias) {
  bool nearest = mode == "nearest" || mode == "nearest-exact" || mode == "area";
  if (nearest && align_corners)
    fail("ValueError", "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear");
  int64_t dims = input.dim() - 2;
  if (size.given && scale.given) fail("ValueError", "only one of size or scale_factor should be defined");
  if (!size.given && !scale.given) fail("ValueError", "either size or scale_factor should be defined");
  bool recompute = recompute_scale_factor.value_or(false);
  if (recompute && size.given) fail("ValueError", "recompute_scale_factor is not meaningful with an explicit size.");
  fill_dimensions(size, dims, "size");
  fill_dimensions(scale, dims, "scale_factor");
  if (scale.given && (recompute || mode == "area")) {
    for (int64_t i = 0; i < dims; i++)
      size.values.push_back(static_cast<int64_t>(std::floor(static_cast<double>(input.size(i + 2)) * scale.values[i])));
    size.given = true;
    scale.given = false;
  }
  if (antialias && !((mode == "bilinear" || mode == "bicubic") && input.dim() == 4))
    fail("ValueError", "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as input");
  auto sizes = c10::fromIntArrayRefSlow(size.values);
  if (mode == "area") {
    if (dims == 1) return at::_ops::adaptive_avg_pool1d::call(input, size.values);
    if (dims == 2) return at::_ops::adaptive_avg_pool2d::call(input, sizes);
    if (dims == 3) return at::_ops::adaptive_avg_pool3d::call(input, sizes);
  }
  Sizes wanted = size.given ? Sizes(sizes) : Sizes();
  Scales scales = scale.given ? Scales(scale.values) : std::nullopt;
  auto find = [&](const Mode& known) { return mode == known.name && input.dim() == known.dims; };
  if (antialias)
    for (const Mode& known : smoothed_modes)
      if (find(known)) return known.aligned(input, wanted, align_corners.value_or(false), scales);
  for (const Mode& known : modes)
    if (find(known))
      return known.plain != nullptr ? known.plain(input, wanted, scales)
                                    : known.aligned(input, wanted, align_corners.value_or(false), scales);
  fail("NotImplementedError", "Input Error: " + std::to_string(input.dim()) + "D input tensor with mode '" + mode + "'");
}

namespace {

c10::List<std::optional<Tensor>> optional_tensors(const List<Tensor>& tensors) {
  c10::List<std::optional<Tensor>> out;
  for (const Tensor& tensor : tensors.items()) out.push_back(tensor);
  return out;
}

}  // namespace

Tensor index_(const Tensor& a, const List<Tensor>& indices) {
  return at::_ops::index_Tensor::call(a, optional_tensors(indices));
}
Tensor _unsafe_index_(const Tensor& a, const List<Tensor>& indices) {
  return at::_ops::_unsafe_index_Tensor::call(a, optional_tensors(indices));
}
Tensor index_put_(const Tensor& a, const List<Tensor>& indices, const Tensor& values, bool accumulate) {
  return at::_ops::index_put::call(a, optional_tensors(indices), values, accumulate);
}
Tensor index_put__(const Tensor& a, const List<Tensor>& indices, const Tensor& values, bool accumulate) {
  Tensor self = a;
  return at::_ops::index_put_::call(self, optional_tensors(indices), values, accumulate);
}
Tensor _unsafe_index_put_(const Tensor& a, const List<Tensor>& indices, const Tensor& values, bool accumulate) {
  return at::_ops::_unsafe_index_put::call(a, optional_tensors(indices), values, accumulate);
}
Tensor _index_put_impl__(const Tensor& a, const List<Tensor>& indices, const Tensor& values, bool accumulate,
                         bool unsafe) {
  Tensor self = a;
  return at::_ops::_index_put_impl_::call(self, optional_tensors(indices), values, accumulate, unsafe);
}

}  // namespace ts::lang
