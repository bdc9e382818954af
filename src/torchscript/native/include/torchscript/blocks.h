// Memory of the tensors that kernels make: blocks that were freed are kept for the next call, up to a limit.
//
// A big block that goes back to the kernel costs a page fault for every 4 KB of it when it comes again, which on a virtual machine
// takes longer than computing what is put there; small ones are cheaper from a list than from a heap that aligns.
#pragma once

#include "values.h"

namespace ts {

// A contiguous tensor of this process's memory, not filled. Its storage is PyTorch's in every respect (it can be resized,
// shared, freed on another thread) but where its memory comes from.
Tensor fresh(at::IntArrayRef sizes, at::ScalarType dtype);
// The same with the strides of a tensor that is dense and does not overlap.
Tensor fresh_like(const Tensor& layout, at::ScalarType dtype);

}  // namespace ts
