// Operators that Python code does not reach any more, and archives of earlier versions contain
// (operators/language/archived.py).
#pragma once

#include <torchscript/values.h>

#include <optional>
#include <tuple>
#include <vector>

namespace ts::lang {

// A size or a scale: absent, one number for all dimensions, or one for each.
template <class T>
struct PerDimension {
  std::vector<T> values;
  bool given = false, is_list = false;

  template <class U>
  PerDimension(const std::optional<U>& value) : given(value.has_value()) {
    if (value) values.push_back(static_cast<T>(*value));
  }
  template <class U>
  PerDimension(const std::optional<List<U>>& list) : given(list.has_value()), is_list(true) {
    if (list) values.assign(list->items().begin(), list->items().end());
  }
};

Tensor interpolated(const Tensor& input, PerDimension<int64_t> size, PerDimension<double> scale, const Str& mode,
                    std::optional<bool> align_corners, std::optional<bool> recompute_scale_factor, bool antialias);

template <class S, class F>
Tensor __interpolate_(const Tensor& input, const S& size, const F& scale, const Str& mode,
                      std::optional<bool> align_corners, std::optional<bool> recompute_scale_factor, bool antialias) {
  return interpolated(input, size, scale, mode, align_corners, recompute_scale_factor, antialias);
}
template <class S, class F>
Tensor __upsample_(const Tensor& input, const S& size, const F& scale, const Str& mode,
                   std::optional<bool> align_corners) {
  return interpolated(input, size, scale, mode, align_corners, std::nullopt, false);
}
template <class S, class F>
Tensor __upsample_nearest_(const Tensor& input, const S& size, const F& scale) {
  return interpolated(input, size, scale, "nearest", std::nullopt, std::nullopt, false);
}
template <class S, class F>
Tensor __upsample_bilinear_(const Tensor& input, const S& size, const F& scale) {
  return interpolated(input, size, scale, "bilinear", true, std::nullopt, false);
}

// Indexing with lists that cannot hold None.
Tensor index_(const Tensor& a, const List<Tensor>& indices);
Tensor _unsafe_index_(const Tensor& a, const List<Tensor>& indices);
Tensor index_put_(const Tensor& a, const List<Tensor>& indices, const Tensor& values, bool accumulate);
Tensor index_put__(const Tensor& a, const List<Tensor>& indices, const Tensor& values, bool accumulate);
Tensor _unsafe_index_put_(const Tensor& a, const List<Tensor>& indices, const Tensor& values, bool accumulate);
Tensor _index_put_impl__(const Tensor& a, const List<Tensor>& indices, const Tensor& values, bool accumulate,
                         bool unsafe);

inline std::tuple<Tensor, Tensor, std::optional<Tensor>, std::optional<Tensor>> _pack_sequence_(
    const Tensor& output, const Tensor& batch_sizes, const std::optional<Tensor>& sorted_indices,
    const std::optional<Tensor>& unsorted_indices) {
  return {output, batch_sizes, sorted_indices, unsorted_indices};
}

}  // namespace ts::lang
