#include "torchscript/recording.h"

#include <ATen/ExpandUtils.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>
#include <c10/core/impl/TorchDispatchModeTLS.h>
#include <torch/csrc/autograd/anomaly_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include "torchscript/planning.h"

namespace ts {

namespace {

namespace autograd = torch::autograd;
using Sizes = c10::SmallVector<int64_t, 6>;

// One node for a fusion group. It keeps the tensors that the gradients in demand are computed from, and no others: of what
// it does not keep, the elements play no part, and zeros take their place.
class FusedBackward final : public autograd::Node {
 public:
  FusedBackward(const Gradient& gradient, BackwardKernel backward, Operators operators)
      : gradient_(gradient), backward_(std::move(backward)), operators_(std::move(operators)) {}

  std::string name() const override { return "TorchscriptFusedBackward"; }

  // Remembers the inputs, before there are outputs.
  void keep(at::ArrayRef<const Tensor*> inputs) {
    uint64_t needed = 0;
    autograd::edge_list edges(inputs.size());
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Tensor& t = *inputs[i];
      if (gradient_.sources[i] == Gradient::NOT_DIFFERENTIABLE || !t.requires_grad()) continue;
      edges[i] = autograd::impl::gradient_edge(t);
      needed |= gradient_.reads[i];
    }
    set_next_edges(std::move(edges));
    sizes_.reserve(inputs.size());
    saved_.resize(inputs.size());
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Tensor& t = *inputs[i];
      if (gradient_.sources[i] != Gradient::NOT_DIFFERENTIABLE) dtype_ = t.scalar_type();
      sizes_.emplace_back(t.sizes().begin(), t.sizes().end());
      is_mask_.push_back(t.scalar_type() == at::kBool);
      shape_ = i == 0 ? Sizes(t.sizes()) : Sizes(at::infer_size_dimvector(shape_, t.sizes()));
      is_saved_.push_back(needed >> i & 1);
      if (is_saved_[i]) saved_[i] = autograd::SavedVariable(t, false);
    }
  }

  autograd::variable_list apply(autograd::variable_list&& gradients) override {
    std::vector<Tensor> saved(saved_.size());
    {
      std::lock_guard<std::mutex> lock(mutex_);
      for (size_t i = 0; i < saved.size(); ++i)
        if (is_saved_[i]) saved[i] = saved_[i].unpack();
    }
    autograd::variable_list out(saved_.size());
    bool any = false;
    for (const Tensor& g : gradients) any = any || g.defined();
    if (!any) return out;
    bool computed = false;
    for (size_t i = 0; i < out.size(); ++i) computed = computed || (is_wanted(i) && gradient_.sources[i] >= 0 &&
                                                                     gradient_.sources[i] < Gradient::PASSED);
    std::vector<Tensor> results(gradient_.results);
    if (computed && (at::GradMode::is_enabled() || !run_kernel(saved, gradients, results.data())))
      return differentiate_operators(saved, gradients);
    for (size_t i = 0; i < out.size(); ++i) {
      if (!is_wanted(i)) continue;
      const int source = gradient_.sources[i];
      if (source == Gradient::ZERO) {
        out[i] = at::zeros(sizes_[i], dtype_);
      } else if (source >= Gradient::PASSED) {
        const Tensor& g = gradients[static_cast<size_t>(source - Gradient::PASSED)];
        if (g.defined()) out[i] = fitted(whole(g, static_cast<size_t>(source - Gradient::PASSED)), i);
      } else {
        out[i] = fitted(results[static_cast<size_t>(source)], i);
      }
    }
    return out;
  }

  void release_variables() override {
    std::lock_guard<std::mutex> lock(mutex_);
    for (auto& one : saved_) one.reset_data();
  }

 private:
  bool is_wanted(size_t i) const {
    return gradient_.sources[i] != Gradient::NOT_DIFFERENTIABLE && next_edge(i).is_valid() && task_should_compute_output(i);
  }

  // The gradient of a result as one of the full shape: that of a row stands for each of its elements.
  Tensor whole(const Tensor& g, size_t result) const {
    if (gradient_.reduced[result] == 0) return g;
    return (gradient_.reduced[result] == 'f' ? g.unsqueeze(-1) : g).expand(shape_);
  }

  // A gradient of the full shape as one of an input that was broadcast.
  Tensor fitted(const Tensor& g, size_t i) const {
    return g.sizes() == at::IntArrayRef(sizes_[i]) ? g : at::sum_to(g, at::IntArrayRef(sizes_[i]));
  }

  Tensor zeros(at::IntArrayRef sizes, at::ScalarType dtype) const { return at::zeros({}, dtype).expand(sizes); }

  bool run_kernel(const std::vector<Tensor>& saved, const autograd::variable_list& gradients, Tensor* results) const {
    std::vector<Tensor> tensors(saved.size()), given(gradients.size());
    for (size_t i = 0; i < saved.size(); ++i)
      tensors[i] = is_saved_[i] ? saved[i] : zeros({}, is_mask_[i] ? at::kBool : dtype_);
    for (size_t k = 0; k < gradients.size(); ++k)
      given[k] = gradients[k].defined() ? whole(gradients[k], k) : zeros(shape_, dtype_);
    return backward_(tensors.data(), given.data(), results);
  }

  // The gradients by PyTorch's own operators, with a record of their own where somebody differentiates them again.
  autograd::variable_list differentiate_operators(const std::vector<Tensor>& saved,
                                                  const autograd::variable_list& gradients) const {
    const bool again = at::GradMode::is_enabled();
    at::AutoGradMode recording(true);
    std::vector<Tensor> inputs(saved.size()), outputs(gradients.size());
    autograd::variable_list leaves, results, given;
    std::vector<size_t> places;
    for (size_t i = 0; i < saved.size(); ++i) {
      const Tensor t = is_saved_[i] ? saved[i] : zeros(sizes_[i], is_mask_[i] ? at::kBool : dtype_);
      if (!is_wanted(i)) {
        inputs[i] = t;
        continue;
      }
      // a name of its own for each: one input may have been computed from another
      inputs[i] = again && t.requires_grad() ? t.view_as(t) : t.detach().requires_grad_();
      leaves.push_back(inputs[i]);
      places.push_back(i);
    }
    operators_(inputs.data(), outputs.data());
    for (size_t k = 0; k < outputs.size(); ++k)
      if (gradients[k].defined() && outputs[k].requires_grad()) {
        results.push_back(outputs[k]);
        given.push_back(gradients[k]);
      }
    autograd::variable_list out(saved.size());
    if (results.empty()) return out;
    const auto found = autograd::grad(results, leaves, given, again, again, /*allow_unused=*/true);
    for (size_t n = 0; n < places.size(); ++n) out[places[n]] = found[n];
    return out;
  }

  const Gradient& gradient_;
  BackwardKernel backward_;
  Operators operators_;
  std::vector<Sizes> sizes_;
  std::vector<bool> is_mask_, is_saved_;
  std::vector<autograd::SavedVariable> saved_;
  Sizes shape_;
  at::ScalarType dtype_ = at::kFloat;
};

}  // namespace

bool record(const Gradient& gradient, at::ArrayRef<const Tensor*> inputs, at::ArrayRef<Tensor*> outputs,
            c10::function_ref<bool()> forward, BackwardKernel backward, Operators operators) {
  if (!at::GradMode::is_enabled()) return false;
  uint64_t wanted = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& t = *inputs[i];
    if (!is_plain(t) || t.is_inference() || t._fw_grad(0).defined() || t.element_size() == 2) return false;
    if (t.requires_grad() && gradient.sources[i] != Gradient::NOT_DIFFERENTIABLE) wanted |= uint64_t(1) << i;
  }
  if (wanted == 0 || c10::impl::dispatch_mode_enabled() || at::autocast::is_autocast_enabled(at::kCPU) ||
      autograd::AnomalyMode::is_enabled())
    return false;
  {
    at::AutoGradMode off(false);
    if (!forward()) return false;
  }
  auto node = c10::make_intrusive<FusedBackward>(gradient, std::move(backward), std::move(operators));
  node->keep(inputs);
  for (size_t k = 0; k < outputs.size(); ++k) {
    if (gradient.origins[k] & wanted)
      autograd::set_history(*outputs[k], node);
    else
      node->add_input_metadata(autograd::Node::undefined_input());
  }
  return true;
}

}  // namespace ts
