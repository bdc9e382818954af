// How a fused kernel walks over its tensors: the part that is the same for all kernels (runtime/plan.cpp).
#pragma once

#include <c10/util/SmallVector.h>

#include <cstdint>

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

struct Plan {
  struct Place {
    char* data;
    int64_t inner;                        // stride of the innermost dimension, in elements; 0 where it is broadcast
    c10::SmallVector<int64_t, 4> outer;   // strides of the others, in elements
    int64_t item;                         // bytes of an element
  };
  at::ScalarType dtype = at::kFloat;
  bool takes_low = false;       // the kernel was written for bfloat16 and half, too
  bool takes_integers = false;  // and for int32 and int64
  bool is_dense = true;  // every input has inner stride 1
  bool keeps_strides = true;  // results lie in memory as PyTorch's operators would lay them out
  int64_t rows = 1, length = 0;
  c10::SmallVector<int64_t, 4> outer_sizes;  // product: rows
  c10::SmallVector<Place, 8> inputs, outputs;

  bool takes(at::ScalarType type) const {
    return type == at::kFloat || type == at::kDouble || (takes_low && (type == at::kBFloat16 || type == at::kHalf)) ||
           (takes_integers && (type == at::kInt || type == at::kLong));
  }

  // The first element of a row.
  char* at(const Place& place, int64_t row) const {
    int64_t offset = 0;
    for (size_t d = outer_sizes.size(); d-- > 0;) {
      const int64_t size = outer_sizes[d];
      if (d == 0) {
        offset += row * place.outer[0];
        break;
      }
      offset += (row % size) * place.outer[d];
      row /= size;
    }
    return place.data + offset * place.item;
  }
};

// A dense tensor of this process's memory, with nothing between its elements and us.
bool is_plain(const Tensor& t);

// Makes the outputs and the plan. False where the kernel must not run: gradients are wanted, a tensor is no plain CPU
// tensor, dtypes or shapes are not those that it was written for. `by_rows`: the last dimension is `length`.
// `reduced` are sets of inputs whose operators reduce rows: one input of each must have whole rows.
bool make_plan(Plan& plan, bool by_rows, const KernelInput* inputs, size_t input_count, KernelOutput* outputs,
               size_t output_count, const uint64_t* reduced, size_t reduced_count);

}  // namespace ts
