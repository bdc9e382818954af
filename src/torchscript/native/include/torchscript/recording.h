// How a fused kernel takes part in autograd: one node for the whole group, whose backward is a kernel as well
// (runtime/recording.cpp).
#pragma once

#include <c10/util/ArrayRef.h>
#include <c10/util/FunctionRef.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "values.h"

namespace ts {

// What the program knows of a group's gradients. Tensors are numbered as the group takes them.
struct Gradient {
  static constexpr int NOT_DIFFERENTIABLE = -1, ZERO = -2, PASSED = 1000;
  std::vector<int> sources;       // per tensor: a result of the backward kernel, ZERO, or PASSED + a result of the group
  std::vector<uint64_t> reads;    // per tensor: the tensors that its gradient is computed from, as bits
  std::vector<uint64_t> origins;  // per result of the group: the tensors whose gradients it reaches, as bits
  std::vector<char> reduced;      // per result: 0, or one number of each row, 'k'ept as a dimension or 'f'lat
  size_t results;                 // of the backward kernel
};

// The backward kernel: saved tensors (at their numbers), gradients of the group's results, what it computes.
// False where it cannot run.
using BackwardKernel = std::function<bool(const Tensor* saved, const Tensor* gradients, Tensor* results)>;
// The group's operators one by one.
using Operators = std::function<void(const Tensor* inputs, Tensor* outputs)>;

// Runs the forward kernel where gradients are wanted, and records the group as one node. False where the operators have
// to run one by one: no gradients are wanted, somebody watches each operator, or the kernel cannot run.
bool record(const Gradient& gradient, at::ArrayRef<const Tensor*> inputs, at::ArrayRef<Tensor*> outputs,
            c10::function_ref<bool()> forward, BackwardKernel backward, Operators operators);

}  // namespace ts
