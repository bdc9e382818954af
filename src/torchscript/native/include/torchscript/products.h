// Products of a few rows and a small matrix, in vectors (runtime/products.cpp).
#pragma once

#include <cstdint>

#include "values.h"

namespace ts {

// What the vector kernels take on; beyond it a matrix library is faster.
constexpr int64_t MOST_ROWS = 4, MOST_WEIGHTS = 1 << 17;

// A matrix of floats of which either the rows or the columns lie side by side.
struct SmallMatrix {
  const float* data;
  int64_t n, k;        // results, and numbers that each sums over
  int64_t step;        // from one row (or column) to the next
  bool by_columns;     // weight[k, n] lies side by side over n
};

// out[r, n] = start[r, n] + bias[n] + Σ x[r, k] weight[n, k]. `bias` and `start` may be null.
void small_product(const float* x, int64_t rows, int64_t x_step, const SmallMatrix& weight, const float* bias,
                   const float* start, int64_t start_step, float* out, int64_t out_step);

// A matrix in panels: some results side by side for each of the numbers that they sum over, so that nothing is left to
// total, and each weight is loaded once for all rows.
int64_t panels_size(int64_t n, int64_t k);  // in floats
void make_panels(const SmallMatrix& weight, float* panels);
void panel_product(const float* x, int64_t rows, int64_t x_step, const float* panels, int64_t n, int64_t k,
                   const float* bias, const float* start, int64_t start_step, float* out, int64_t out_step);

namespace fast {

// start + x · weight + bias, with `weight` as [n, k] by its strides, its dimension of n being `n_dim`: a small product in
// vectors, a bigger one straight by the matrix library that PyTorch uses. `bias` and `start` (which has the shape of the
// result) may be null. An undefined tensor where this is no case for either.
Tensor product(const Tensor& x, const Tensor& weight, int64_t n_dim, const Tensor* bias, const Tensor* start);

// out[rows, n] = start + bias in each row, which products are added to. False if there is neither.
bool fill_rows(float* out, int64_t rows, int64_t n, const float* bias, const float* start);

}  // namespace fast

}  // namespace ts
