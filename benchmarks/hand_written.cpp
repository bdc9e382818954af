// Some of the programs of workloads.py as a C++ programmer would write them, over plain arrays: what is there to reach.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

extern "C" {

int64_t collatz(int64_t limit) {
  int64_t longest = 0;
  for (int64_t start = 1; start < limit; ++start) {
    int64_t n = start, steps = 0;
    while (n != 1) {
      n = n % 2 == 0 ? n / 2 : 3 * n + 1;
      ++steps;
    }
    longest = std::max(longest, steps);
  }
  return longest;
}

int64_t sieve(int64_t n) {
  std::vector<int64_t> flags(static_cast<size_t>(n) + 1, 1);
  flags[0] = flags[1] = 0;
  for (int64_t i = 2; i * i <= n; ++i)
    if (flags[static_cast<size_t>(i)] == 1)
      for (int64_t j = i * i; j <= n; j += i) flags[static_cast<size_t>(j)] = 0;
  int64_t count = 0;
  for (int64_t flag : flags) count += flag;
  return count;
}

int64_t edit_distance(const int64_t* a, int64_t la, const int64_t* b, int64_t lb) {
  std::vector<int64_t> above(static_cast<size_t>(lb) + 1), row(above.size());
  for (int64_t j = 0; j <= lb; ++j) above[j] = j;
  for (int64_t i = 1; i <= la; ++i) {
    row[0] = i;
    for (int64_t j = 1; j <= lb; ++j)
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
    std::swap(above, row);
  }
  return above[static_cast<size_t>(lb)];
}

void gelu(const float* x, float* out, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i)
    out[i] = 0.5f * x[i] * (1.f + tanhf(0.79788456080286536f * (x[i] + 0.044715f * x[i] * x[i] * x[i])));
}

void swiglu(const float* a, const float* b, float* out, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = a[i] / (1.f + expf(-a[i])) * b[i];
}

void chain(const float* x, const float* y, float* out, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    float z = sqrtf(fabsf((x[i] + y[i]) * x[i] - 0.5f) + 1.f) * y[i];
    z = std::max(z, x[i]) / (1.f + fabsf(y[i]));
    z = z > 0.25f ? z : x[i];
    z = z * z + x[i];
    z = std::min(std::max(z, -3.f), 3.f) * 0.125f;
    z = std::min(expf(z) - y[i], x[i] + 2.f);
    out[i] = z * z + y[i];
  }
}

// One sequence; weights as nn.Linear holds them, transposed here once, so that a step walks over them in order.
void lstm(const float* sequence, int64_t steps, int64_t n, const float* wx, const float* bx, const float* wh,
          const float* bh, float* hidden, float* cell) {
  const int64_t m = 4 * n;
  std::vector<float> tx(m * n), th(m * n), gates(m);
  for (int64_t r = 0; r < m; ++r)
    for (int64_t c = 0; c < n; ++c) {
      tx[c * m + r] = wx[r * n + c];
      th[c * m + r] = wh[r * n + c];
    }
  for (int64_t t = 0; t < steps; ++t) {
    for (int64_t r = 0; r < m; ++r) gates[r] = bx[r] + bh[r];
    for (int64_t c = 0; c < n; ++c) {
      const float x = sequence[t * n + c], h = hidden[c];
      const float *px = &tx[c * m], *ph = &th[c * m];
#pragma omp simd
      for (int64_t r = 0; r < m; ++r) gates[r] += x * px[r] + h * ph[r];
    }
    const float *i = gates.data(), *f = i + n, *g = f + n, *o = g + n;
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) {
      cell[k] = cell[k] / (1.f + expf(-f[k])) + tanhf(g[k]) / (1.f + expf(-i[k]));
      hidden[k] = tanhf(cell[k]) / (1.f + expf(-o[k]));
    }
  }
}
}
