#include "torchscript/planning.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/impl/TorchDispatchModeTLS.h>

#include "torchscript/blocks.h"

namespace ts {

namespace {

using Sizes = c10::SmallVector<int64_t, 6>;

const c10::DispatchKeySet UNUSUAL = c10::DispatchKeySet(
    {c10::DispatchKey::FuncTorchGradWrapper, c10::DispatchKey::FuncTorchBatched, c10::DispatchKey::Functionalize,
     c10::DispatchKey::Batched, c10::DispatchKey::Python, c10::DispatchKey::Sparse, c10::DispatchKey::SparseCsr,
     c10::DispatchKey::Quantized, c10::DispatchKey::Conjugate, c10::DispatchKey::Negative,
     c10::DispatchKey::ZeroTensor, c10::DispatchKey::NestedTensor});

bool broadcast(Sizes& into, at::IntArrayRef sizes) {
  if (sizes.size() > into.size()) into.insert(into.begin(), sizes.size() - into.size(), 1);
  const size_t shift = into.size() - sizes.size();
  for (size_t d = 0; d < sizes.size(); ++d) {
    int64_t& have = into[shift + d];
    if (have == sizes[d] || sizes[d] == 1) continue;
    if (have != 1) return false;
    have = sizes[d];
  }
  return true;
}

// The strides of a tensor over `shape`, 0 where it is broadcast.
Sizes strides_over(const Tensor& t, const Sizes& shape) {
  Sizes strides(shape.size(), 0);
  const size_t shift = shape.size() - static_cast<size_t>(t.dim());
  for (size_t d = shift; d < shape.size(); ++d)
    if (t.size(static_cast<int64_t>(d - shift)) != 1) strides[d] = t.stride(static_cast<int64_t>(d - shift));
  return strides;
}

// Whether PyTorch would lay a result out in the order of the dimensions, given this input of the full shape.
bool in_order(const Tensor& t) {
  int64_t last = std::numeric_limits<int64_t>::max();
  for (int64_t d = 0; d < t.dim(); ++d) {
    if (t.size(d) == 1) continue;
    if (t.stride(d) > last || t.stride(d) == 0) return false;
    last = t.stride(d);
  }
  return true;
}

// The dimensions of all operands, merged where every operand steps through two of them as through one.
void merge(Sizes& shape, std::vector<Sizes>& strides, size_t keep) {
  for (size_t d = shape.size(); d-- > 1;) {
    if (d >= shape.size() - keep) continue;
    bool one = true;
    for (const auto& s : strides) one = one && (shape[d - 1] == 1 || s[d - 1] == s[d] * shape[d] || shape[d] == 1);
    if (!one) continue;
    for (auto& s : strides) {
      if (shape[d] == 1) s[d] = s[d - 1];
      s.erase(s.begin() + static_cast<int64_t>(d) - 1);
    }
    shape[d] *= shape[d - 1];
    shape.erase(shape.begin() + static_cast<int64_t>(d) - 1);
  }
}

// The most frequent case by far: all inputs have one shape and are contiguous.
bool make_flat_plan(Plan& plan, const KernelInput* inputs, size_t input_count, KernelOutput* outputs, size_t output_count) {
  const Tensor& first = *inputs[0].tensor;
  for (size_t i = 0; i < input_count; ++i)
    if (inputs[i].tensor->sizes() != first.sizes() || !inputs[i].tensor->is_contiguous()) return false;
  for (size_t o = 0; o < output_count; ++o)
    if (outputs[o].reads == 0 || outputs[o].is_reduced) return false;
  const auto place = [](const Tensor& t) {
    return Plan::Place{static_cast<char*>(const_cast<void*>(t.const_data_ptr())), 1, {}, t.element_size()};
  };
  plan.length = first.numel();
  for (size_t i = 0; i < input_count; ++i) plan.inputs.push_back(place(*inputs[i].tensor));
  for (size_t o = 0; o < output_count; ++o) {
    *outputs[o].tensor = fresh(first.sizes(), outputs[o].is_mask ? at::kBool : plan.dtype);
    plan.outputs.push_back(place(*outputs[o].tensor));
  }
  return true;
}

}  // namespace

bool is_plain(const Tensor& t) {
  return t.defined() && t.device().is_cpu() && t.layout() == at::kStrided && !(t.key_set().has_any(UNUSUAL));
}

bool make_plan(Plan& plan, bool by_rows, const KernelInput* inputs, size_t input_count, KernelOutput* outputs,
               size_t output_count, const uint64_t* reduced, size_t reduced_count) {
  if (c10::impl::dispatch_mode_enabled() || at::autocast::is_autocast_enabled(at::kCPU)) return false;
  const bool grad = at::GradMode::is_enabled();
  bool typed = false, anything = false;
  Sizes shape;
  for (size_t i = 0; i < input_count; ++i) {
    const Tensor& t = *inputs[i].tensor;
    if (!is_plain(t) || (grad && t.requires_grad())) return false;
    if (inputs[i].is_mask) {
      if (t.scalar_type() != at::kBool) return false;
    } else if (!typed) {
      plan.dtype = t.scalar_type();
      if (!plan.takes(plan.dtype)) return false;
      typed = true;
    } else if (t.scalar_type() != plan.dtype) {
      return false;
    }
    if (!broadcast(shape, t.sizes())) return false;
    anything = true;
  }
  if (!anything || !typed || (by_rows && shape.empty())) return false;
  if (!by_rows && make_flat_plan(plan, inputs, input_count, outputs, output_count)) return true;
  // every result has the full shape (or that of its rows), and the memory order that PyTorch gives it
  const Tensor* full = nullptr;
  for (size_t i = 0; i < input_count; ++i) {
    const Tensor& t = *inputs[i].tensor;
    if (at::IntArrayRef(shape) != t.sizes()) continue;
    if (full == nullptr) full = &t;
  }
  // one layout that all share is walked as if it were flat
  bool same_layout = full != nullptr && !by_rows && full->is_non_overlapping_and_dense() && !full->is_contiguous();
  if (same_layout)
    for (size_t i = 0; i < input_count; ++i) {
      const Tensor& t = *inputs[i].tensor;
      if (t.numel() != 1 && (t.sizes() != full->sizes() || t.strides() != full->strides())) same_layout = false;
    }
  if (!same_layout && plan.keeps_strides)
    for (size_t i = 0; i < input_count; ++i) {
      const Tensor& t = *inputs[i].tensor;
      if (at::IntArrayRef(shape) == t.sizes() && !t.is_contiguous() && !in_order(t)) return false;
    }
  const int64_t length = by_rows ? shape.back() : 0;
  if (by_rows && length == 0) return false;
  for (size_t r = 0; r < reduced_count; ++r) {
    bool whole = false;
    for (size_t i = 0; i < input_count; ++i)
      if (reduced[r] >> i & 1) {
        const Tensor& t = *inputs[i].tensor;
        whole = whole || (t.dim() > 0 && t.size(-1) == length);
      }
    if (!whole) return false;
  }
  for (size_t o = 0; o < output_count; ++o) {
    Sizes own;
    for (size_t i = 0; i < input_count; ++i)
      if (outputs[o].reads >> i & 1 && !broadcast(own, inputs[i].tensor->sizes())) return false;
    Sizes wanted = shape;
    if (outputs[o].is_reduced) own.back() = wanted.back() = 1;
    if (own != wanted) return false;
  }

  std::vector<Sizes> strides;
  for (size_t i = 0; i < input_count; ++i) {
    const Tensor& t = *inputs[i].tensor;
    if (same_layout)
      strides.push_back({t.numel() == 1 ? 0 : 1});
    else
      strides.push_back(strides_over(t, shape));
  }
  std::vector<Tensor> made;
  for (size_t o = 0; o < output_count; ++o) {
    const auto dtype = outputs[o].is_mask ? at::kBool : plan.dtype;
    Sizes own = shape;
    if (outputs[o].is_reduced) {
      own.back() = 1;
      if (!outputs[o].keeps) own.pop_back();
    }
    *outputs[o].tensor = same_layout ? fresh_like(*full, dtype) : fresh(own, dtype);
    if (same_layout) {
      strides.push_back({1});
    } else if (outputs[o].is_reduced) {
      Sizes s(shape.size(), 0);
      int64_t step = 1;
      for (size_t d = shape.size() - 1; d-- > 0;) {
        s[d] = step;
        step *= shape[d];
      }
      strides.push_back(s);
    } else {
      strides.push_back(strides_over(*outputs[o].tensor, shape));
    }
  }
  if (same_layout) shape = {full->numel()};
  if (shape.empty()) {
    shape.push_back(1);
    for (auto& s : strides) s.push_back(0);
    for (size_t o = 0; o < output_count; ++o) strides[input_count + o].back() = 1;
  }
  merge(shape, strides, by_rows ? 1 : 0);
  plan.length = shape.back();
  plan.outer_sizes.assign(shape.begin(), shape.end() - 1);
  for (int64_t size : plan.outer_sizes) plan.rows *= size;
  for (size_t k = 0; k < strides.size(); ++k) {
    const Tensor& t = k < input_count ? *inputs[k].tensor : *outputs[k - input_count].tensor;
    Plan::Place place{static_cast<char*>(const_cast<void*>(t.const_data_ptr())), strides[k].back(), {}, t.element_size()};
    place.outer.assign(strides[k].begin(), strides[k].end() - 1);
    if (k < input_count) {
      plan.is_dense = plan.is_dense && place.inner == 1;
      plan.inputs.push_back(std::move(place));
    } else {
      plan.outputs.push_back(std::move(place));
    }
  }
  return true;
}

}  // namespace ts
