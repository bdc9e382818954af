// The matrix library inside of PyTorch, where it is the one that has these functions (Intel's MKL); null pointers otherwise.
#pragma once

#include <ATen/Context.h>

#include <cstddef>

extern "C" {
__attribute__((weak)) void sgemm_(const char* transa, const char* transb, const int* m, const int* n, const int* k,
                                  const float* alpha, const float* a, const int* lda, const float* b, const int* ldb,
                                  const float* beta, float* c, const int* ldc);
__attribute__((weak)) size_t cblas_sgemm_pack_get_size(int identifier, int m, int n, int k);
__attribute__((weak)) void cblas_sgemm_pack(int layout, int identifier, int trans, int m, int n, int k, float alpha,
                                            const float* source, int step, float* packed);
__attribute__((weak)) void cblas_sgemm_compute(int layout, int transa, int transb, int m, int n, int k, const float* a,
                                               int lda, const float* b, int ldb, float beta, float* c, int ldc);
}

namespace ts::mkl {

constexpr int ROW_MAJOR = 101, AS_IT_IS = 111, TRANSPOSED = 112, PACKED = 151, B_MATRIX = 162;

inline bool has_products() {
  static const bool has = at::hasMKL() && sgemm_ != nullptr;
  return has;
}
inline bool has_packing() {
  static const bool has = at::hasMKL() && cblas_sgemm_pack_get_size != nullptr && cblas_sgemm_pack != nullptr &&
                          cblas_sgemm_compute != nullptr;
  return has;
}

}  // namespace ts::mkl
