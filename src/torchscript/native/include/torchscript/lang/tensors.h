// Tensors: attributes, conversion from and to numbers and lists (operators/language/tensors.py).
#pragma once

#include <torchscript/lang/compare.h>
#include <torchscript/lang/fail.h>
#include <torchscript/values.h>

#include <optional>
#include <tuple>
#include <type_traits>
#include <vector>

namespace ts::lang {

// -- attributes ------------------------------------------------------------------------------------------------------

inline at::ScalarType dtype_(const Tensor& a) { return a.scalar_type(); }
inline bool requires_grad_(const Tensor& a) { return a.requires_grad(); }
inline at::Layout layout_(const Tensor& a) { return a.layout(); }
inline Device device_(const Tensor& a) { return Device(a.device()); }
inline int64_t itemsize_(const Tensor& a) { return static_cast<int64_t>(a.itemsize()); }
inline int64_t nbytes_(const Tensor& a) { return static_cast<int64_t>(a.nbytes()); }
inline bool is_cpu_(const Tensor& a) { return a.is_cpu(); }
inline bool is_cuda_(const Tensor& a) { return a.is_cuda(); }
inline bool is_xpu_(const Tensor& a) { return a.is_xpu(); }
inline bool is_xla_(const Tensor& a) { return a.is_xla(); }
inline bool is_mps_(const Tensor& a) { return a.is_mps(); }
inline bool is_mtia_(const Tensor& a) { return a.is_mtia(); }
inline bool is_ipu_(const Tensor& a) { return a.is_ipu(); }
inline bool is_maia_(const Tensor& a) { return a.is_maia(); }
inline bool is_meta_(const Tensor& a) { return a.is_meta(); }
inline bool is_vulkan_(const Tensor& a) { return a.is_vulkan(); }
inline bool is_mkldnn_(const Tensor& a) { return a.is_mkldnn(); }
inline bool is_quantized_(const Tensor& a) { return a.is_quantized(); }
inline bool is_sparse_(const Tensor& a) { return a.is_sparse(); }
inline bool is_sparse_csr_(const Tensor& a) { return a.layout() == at::kSparseCsr; }
inline bool is_nested_(const Tensor& a) { return a.is_nested(); }
Tensor grad_(const Tensor& a);
Tensor data_(const Tensor& a);
std::optional<Str> name_(const Tensor& a);
Tensor numpy_T_(const Tensor& a);
Tensor mT_(const Tensor& a);
Tensor matrix_H_(const Tensor& a);
Tensor mH_(const Tensor& a);

List<int64_t> size_(const Tensor& a);
List<int64_t> stride_(const Tensor& a);
inline List<int64_t> sym_size_(const Tensor& a) { return size_(a); }
inline List<int64_t> sym_stride_(const Tensor& a) { return stride_(a); }
inline int64_t len_(const Tensor& a) {
  if (a.dim() == 0) [[unlikely]]
    fail("TypeError", "len() of a 0-d tensor");
  return a.size(0);
}
inline int64_t element_size_(const Tensor& a) { return static_cast<int64_t>(a.element_size()); }
bool is_non_overlapping_and_dense_(const Tensor& a);
bool is_strides_like_format_(const Tensor& a, at::MemoryFormat format);

// -- numbers out of tensors and into them ----------------------------------------------------------------------------

bool Bool_(const Tensor& a);
int64_t Int_(const Tensor& a);
double Float_(const Tensor& a);
inline int64_t IntImplicit_(const Tensor& a) { return Int_(a); }
inline double FloatImplicit_(const Tensor& a) { return Float_(a); }
Complex ComplexImplicit_(const Tensor& a);
Scalar ScalarImplicit_(const Tensor& a);
Complex complex_of(const Scalar& real, const Scalar& imaginary);
inline Complex Complex_(const Tensor& x, const Tensor& y) { return complex_of(ScalarImplicit_(x), ScalarImplicit_(y)); }
template <class Y>
  requires std::is_arithmetic_v<Y>
inline Complex Complex_(const Tensor& x, Y y) {
  return complex_of(ScalarImplicit_(x), Scalar(y));
}
template <class X>
  requires std::is_arithmetic_v<X>
inline Complex Complex_(X x, const Tensor& y) {
  return complex_of(Scalar(x), ScalarImplicit_(y));
}

// A tensor of the widest type of its kind.
Tensor NumToTensor_(const Scalar& a);
inline Tensor NumToTensor_(bool a) { return NumToTensor_(Scalar(a)); }

// -- lists out of tensors --------------------------------------------------------------------------------------------

// The elements one after another, as int64_t, double, bool or Complex; `dims` is how deep the lists are.
template <class E>
std::vector<E> elements_of(const Tensor& a, int64_t dims) = delete;
template <>
std::vector<int64_t> elements_of(const Tensor& a, int64_t dims);
template <>
std::vector<double> elements_of(const Tensor& a, int64_t dims);
template <>
std::vector<Complex> elements_of(const Tensor& a, int64_t dims);
template <>
std::vector<StoredBool> elements_of(const Tensor& a, int64_t dims);

template <class R>
struct Nested {
  using element = Stored<R>;
  static constexpr int64_t depth = 0;
  static R build(const std::vector<element>& elements, size_t& next, at::IntArrayRef) { return elements[next++]; }
};
template <class T>
struct Nested<List<T>> {
  using element = typename Nested<T>::element;
  static constexpr int64_t depth = Nested<T>::depth + 1;
  static List<T> build(const std::vector<element>& elements, size_t& next, at::IntArrayRef sizes) {
    List<T> out;
    out.items().reserve(sizes[0]);
    for (int64_t i = 0; i < sizes[0]; i++) out.items().push_back(Nested<T>::build(elements, next, sizes.slice(1)));
    return out;
  }
};
// x.tolist() as an R: a number, or lists of lists of numbers.
template <class R>
R tolist_(const Tensor& a) {
  size_t next = 0;
  auto elements = elements_of<typename Nested<R>::element>(a, Nested<R>::depth);
  return Nested<R>::build(elements, next, a.sizes());
}
inline List<int64_t> _tensor_to_list_(const Tensor& a) { return tolist_<List<int64_t>>(a); }

// -- tensors out of lists --------------------------------------------------------------------------------------------

using Dtype = std::optional<at::ScalarType>;

Tensor tensor_of(const int64_t* data, at::IntArrayRef sizes, Dtype dtype, const std::optional<Device>& device, bool grad);
Tensor tensor_of(const double* data, at::IntArrayRef sizes, Dtype dtype, const std::optional<Device>& device, bool grad);
Tensor tensor_of(const Complex* data, at::IntArrayRef sizes, Dtype dtype, const std::optional<Device>& device, bool grad);
Tensor tensor_of(const bool* data, at::IntArrayRef sizes, Dtype dtype, const std::optional<Device>& device, bool grad);
Tensor tensor_of(const Tensor* data, at::IntArrayRef sizes, Dtype dtype, const std::optional<Device>& device, bool grad);
Tensor tensor_of(const Scalar* data, at::IntArrayRef sizes, Dtype dtype, const std::optional<Device>& device, bool grad);
inline Tensor tensor_of(const StoredBool* data, at::IntArrayRef sizes, Dtype dtype, const std::optional<Device>& device,
                        bool grad) {
  return tensor_of(&data->value, sizes, dtype, device, grad);
}

#define TS_TENSOR_OF_NUMBER(TYPE)                                                                            \
  inline Tensor tensor_(TYPE t, Dtype dtype, const std::optional<Device>& device, bool requires_grad) {     \
    return tensor_of(&t, {}, dtype, device, requires_grad);                                                  \
  }                                                                                                          \
  inline Tensor as_tensor_(TYPE t, Dtype dtype, const std::optional<Device>& device) {                      \
    return tensor_of(&t, {}, dtype, device, false);                                                          \
  }
TS_TENSOR_OF_NUMBER(bool)
TS_TENSOR_OF_NUMBER(int64_t)
TS_TENSOR_OF_NUMBER(double)
TS_TENSOR_OF_NUMBER(Complex)
#undef TS_TENSOR_OF_NUMBER

[[noreturn]] void fail_ragged(int64_t wanted, size_t dim, int64_t got);

template <class T>
struct Flattened {
  using element = Stored<T>;
  static void sizes(const T&, std::vector<int64_t>&) {}
  static void append(const T& x, std::vector<element>& out, const std::vector<int64_t>&, size_t) { out.push_back(x); }
};
template <class T>
struct Flattened<List<T>> {
  using element = typename Flattened<T>::element;
  static void sizes(const List<T>& list, std::vector<int64_t>& out) {
    out.push_back(list.size());
    if (list.size() != 0) Flattened<T>::sizes(list.items()[0], out);
  }
  static void append(const List<T>& list, std::vector<element>& out, const std::vector<int64_t>& sizes, size_t dim) {
    // an empty list ends the sizes, whatever it could hold
    int64_t wanted = dim < sizes.size() ? sizes[dim] : 0;
    if (list.size() != wanted) fail_ragged(wanted, dim, list.size());
    for (const auto& item : list.items()) Flattened<T>::append(item, out, sizes, dim + 1);
  }
};
template <class T>
Tensor tensor_(const List<T>& data, Dtype dtype, const std::optional<Device>& device, bool requires_grad) {
  std::vector<int64_t> sizes;
  std::vector<typename Flattened<List<T>>::element> elements;
  Flattened<List<T>>::sizes(data, sizes);
  Flattened<List<T>>::append(data, elements, sizes, 0);
  if (elements.empty()) return tensor_of(static_cast<const double*>(nullptr), sizes, dtype, device, requires_grad);
  return tensor_of(elements.data(), sizes, dtype, device, requires_grad);
}
template <class T>
Tensor as_tensor_(const List<T>& data, Dtype dtype, const std::optional<Device>& device) {
  return tensor_(data, dtype, device, false);
}
Tensor as_tensor_(const Tensor& data, Dtype dtype, const std::optional<Device>& device);
inline Tensor _list_to_tensor_(const List<int64_t>& list) {
  return tensor_(list, std::nullopt, std::nullopt, false);
}

// -- conversion and copies -------------------------------------------------------------------------------------------

Tensor to_device_and_dtype(const Tensor& a, const std::optional<Device>& device, Dtype dtype, bool non_blocking,
                           bool copy);
// `dtype` is an int in the schemas; a dtype will do.
template <class D>
Dtype dtype_of(const std::optional<D>& dtype) {
  return dtype ? Dtype(static_cast<at::ScalarType>(*dtype)) : std::nullopt;
}
template <class D>
Tensor to_(const Tensor& a, const std::optional<Device>& device, const std::optional<D>& dtype, bool non_blocking,
           bool copy) {
  return to_device_and_dtype(a, device, dtype_of(dtype), non_blocking, copy);
}
template <class D>
Tensor to_(const Tensor& a, const std::optional<D>& dtype, bool non_blocking, bool copy) {
  return to_device_and_dtype(a, std::nullopt, dtype_of(dtype), non_blocking, copy);
}
inline Tensor to_(const Tensor& a, bool non_blocking, bool copy) {
  return to_device_and_dtype(a, std::nullopt, std::nullopt, non_blocking, copy);
}
Tensor cpu_(const Tensor& a);
Tensor cuda_(const Tensor& a);
Tensor copy__(const Tensor& a, const Tensor& other);
Tensor copy__(const Tensor& a, int64_t other);
Tensor copy__(const Tensor& a, double other);

// -- gradients -------------------------------------------------------------------------------------------------------

using MaybeTensors = std::optional<List<std::optional<Tensor>>>;

void backward_(const Tensor& a, const std::optional<Tensor>& gradient, std::optional<bool> retain_graph,
               bool create_graph);
void backward_(const List<Tensor>& tensors, const MaybeTensors& gradients, std::optional<bool> retain_graph,
               bool create_graph);
List<std::optional<Tensor>> grad_(const List<Tensor>& outputs, const List<Tensor>& inputs, const MaybeTensors& gradients,
                                  std::optional<bool> retain_graph, bool create_graph, bool allow_unused);

// -- others ----------------------------------------------------------------------------------------------------------

List<int64_t> broadcast_shapes_(const List<int64_t>& a, const List<int64_t>& b);
inline List<int64_t> _infer_size_(const List<int64_t>& a, const List<int64_t>& b) { return broadcast_shapes_(a, b); }
inline List<int64_t> Size_(const List<int64_t>& sizes) { return List<int64_t>(std::vector<int64_t>(sizes.items())); }
List<Tensor> split_(const Tensor& a, const List<int64_t>& sizes, int64_t dim);
Tensor dequantize_(const Tensor& a);
List<Tensor> dequantize_(const List<Tensor>& tensors);

Tensor einsum_of(const std::vector<Tensor>& operands, const std::vector<List<int64_t>>& subscripts);
// einsum(x, [0, 1], y, [1, 2], [0, 2])
template <class... A>
Tensor einsum_(const Tensor& first, const A&... others) {
  std::vector<Tensor> operands{first};
  std::vector<List<int64_t>> subscripts;
  auto take = [&](const auto& argument) {
    if constexpr (std::is_same_v<std::decay_t<decltype(argument)>, Tensor>)
      operands.push_back(argument);
    else
      subscripts.push_back(argument);
  };
  (take(others), ...);
  return einsum_of(operands, subscripts);
}

Tensor _no_grad_uniform__(const Tensor& a, double from, double to, const std::optional<at::Generator>& generator);
Tensor _no_grad_normal__(const Tensor& a, double mean, double std, const std::optional<at::Generator>& generator);
Tensor _no_grad_fill__(const Tensor& a, double value);
Tensor _no_grad_zero__(const Tensor& a);
Tensor _no_grad_embedding_renorm__(const Tensor& weight, const Tensor& input, double max_norm, double norm_type);

}  // namespace ts::lang
