// How a fused kernel walks over its tensors: the part that is the same for all kernels.
//
// Kernels are compiled with this and kernels.h alone, which takes a tenth of the time of PyTorch's tensors; who calls them
// makes the plan (planning.h).
#pragma once

#include <c10/core/ScalarType.h>
#include <c10/util/SmallVector.h>

#include <cstdint>

namespace ts {

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

}  // namespace ts
