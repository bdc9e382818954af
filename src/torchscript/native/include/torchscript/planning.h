// Plans of fused kernels, made from tensors (runtime/plan.cpp).
#pragma once

#include "plan.h"
#include "values.h"

namespace ts {

// What a kernel reads. `is_mask`: bool elements; otherwise the dtype of the kernel.
struct KernelInput {
  const Tensor* tensor;
  bool is_mask;
};

// What a kernel writes: `reads` are the inputs it depends on, as bits. Of a reduced row, there is one element, kept as a
// dimension of size 1 (`keeps`) or not.
struct KernelOutput {
  Tensor* tensor;
  bool is_mask;
  uint64_t reads;
  bool is_reduced = false;
  bool keeps = true;
};

// A dense tensor of this process's memory, with nothing between its elements and us.
bool is_plain(const Tensor& t);

// Makes the outputs and the plan. False where the kernel must not run: gradients are wanted, a tensor is no plain CPU
// tensor, dtypes or shapes are not those that it was written for. `by_rows`: the last dimension is `length`.
// `reduced` are sets of inputs whose operators reduce rows: one input of each must have whole rows.
bool make_plan(Plan& plan, bool by_rows, const KernelInput* inputs, size_t input_count, KernelOutput* outputs,
               size_t output_count, const uint64_t* reduced, size_t reduced_count);

}  // namespace ts
