// Numbers and lists out of tensors and into them, and what else the language does with tensors.
#include "torchscript/lang/tensors.h"

#include <ATen/ExpandUtils.h>
#include <ATen/ScalarOps.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/abs_ops.h>
#include <ATen/ops/einsum_ops.h>
#include <ATen/ops/embedding_renorm_ops.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eq_ops.h>
#include <ATen/ops/lt_ops.h>
#include <c10/core/DefaultDtype.h>
#include <torch/csrc/autograd/autograd.h>

#include <cstring>
#include <limits>

#include "torchscript/lang/numbers.h"
#include "torchscript/lang/text.h"

namespace ts::lang {

// -- comparison ------------------------------------------------------------------------------------------------------

bool equal_tensors(const Tensor& a, const Tensor& b) {
  return a.is_same(b) || Bool_(at::_ops::eq_Tensor::call(a, b));
}
bool less_tensors(const Tensor& a, const Tensor& b) { return Bool_(at::_ops::lt_Tensor::call(a, b)); }
Tensor abs_(const Tensor& a) { return at::_ops::abs::call(a); }

// -- attributes ------------------------------------------------------------------------------------------------------

Tensor grad_(const Tensor& a) { return a.grad(); }
Tensor data_(const Tensor& a) { return a.variable_data(); }
std::optional<Str> name_(const Tensor& a) {
  const Str& name = a.name();
  return name.empty() ? std::nullopt : std::optional<Str>(name);
}
Tensor numpy_T_(const Tensor& a) { return a.numpy_T(); }
Tensor mT_(const Tensor& a) { return a.mT(); }
Tensor matrix_H_(const Tensor& a) { return a.matrix_H(); }
Tensor mH_(const Tensor& a) { return a.mH(); }
List<int64_t> size_(const Tensor& a) { return List<int64_t>(a.sizes().vec()); }
List<int64_t> stride_(const Tensor& a) { return List<int64_t>(a.strides().vec()); }
bool is_non_overlapping_and_dense_(const Tensor& a) { return a.is_non_overlapping_and_dense(); }
bool is_strides_like_format_(const Tensor& a, at::MemoryFormat format) {
  return a.unsafeGetTensorImpl()->is_strides_like(format);
}

// -- numbers out of tensors and into them ----------------------------------------------------------------------------

namespace {

// Whether a tensor is one element of this process's memory, which can be read without asking the dispatcher.
bool is_plain_element(const Tensor& a) {
  if (!a.defined() || a.numel() != 1 || !a.has_storage()) return false;
  constexpr c10::DispatchKeySet usual({c10::DispatchKey::CPU, c10::DispatchKey::AutogradCPU,
                                       c10::DispatchKey::AutocastCPU, c10::DispatchKey::ADInplaceOrView});
  return (a.key_set() - usual).empty() &&
         (c10::impl::tls_local_dispatch_key_set().included_ - usual).empty();
}

Scalar only_element(const Tensor& a) {
  if (a.numel() != 1) fail("ValueError", "only one element tensors can be converted to Python scalars");
  return a.item();
}

}  // namespace

bool Bool_(const Tensor& a) {
  if (is_plain_element(a)) {
    if (a.scalar_type() == at::kBool) return *static_cast<const bool*>(a.const_data_ptr());
    if (a.scalar_type() == at::kLong) return *static_cast<const int64_t*>(a.const_data_ptr()) != 0;
    if (a.scalar_type() == at::kFloat) return *static_cast<const float*>(a.const_data_ptr()) != 0.0f;
  }
  return a.is_nonzero();
}
int64_t Int_(const Tensor& a) {
  if (is_plain_element(a) && a.scalar_type() == at::kLong) return *static_cast<const int64_t*>(a.const_data_ptr());
  return Int_(only_element(a));
}
double Float_(const Tensor& a) {
  if (is_plain_element(a)) {
    if (a.scalar_type() == at::kFloat) return *static_cast<const float*>(a.const_data_ptr());
    if (a.scalar_type() == at::kDouble) return *static_cast<const double*>(a.const_data_ptr());
  }
  return Float_(only_element(a));
}
Scalar ScalarImplicit_(const Tensor& a) {
  if (is_plain_element(a)) {
    if (a.scalar_type() == at::kFloat) return Scalar(static_cast<double>(*static_cast<const float*>(a.const_data_ptr())));
    if (a.scalar_type() == at::kDouble) return Scalar(*static_cast<const double*>(a.const_data_ptr()));
    if (a.scalar_type() == at::kLong) return Scalar(*static_cast<const int64_t*>(a.const_data_ptr()));
    if (a.scalar_type() == at::kBool) return Scalar(*static_cast<const bool*>(a.const_data_ptr()));
  }
  return a.item();
}
Complex ComplexImplicit_(const Tensor& a) { return Complex_(only_element(a)); }
Complex complex_of(const Scalar& real, const Scalar& imaginary) {
  Complex x = Complex_(real), y = Complex_(imaginary);
  return {x.real() - y.imag(), x.imag() + y.real()};
}
Tensor NumToTensor_(const Scalar& a) { return at::scalar_to_tensor(a); }

// -- lists out of tensors --------------------------------------------------------------------------------------------

namespace {

template <class E, class C>
std::vector<E> read_elements(const Tensor& a, int64_t dims, at::ScalarType dtype, bool fits, const char* name) {
  if (a.dim() != dims)
    fail("RuntimeError", "tolist() of a tensor with " + std::to_string(a.dim()) + " dimensions as " +
                             (dims == 0 ? Str("a number") : "lists " + std::to_string(dims) + " deep"));
  if (!fits) fail("RuntimeError", Str("tolist() of a ") + repr_dtype(a.scalar_type()) + " tensor as values of type " + name);
  Tensor plain = a.detach().to(at::kCPU, dtype).resolve_conj().resolve_neg().contiguous();
  const C* data = static_cast<const C*>(plain.const_data_ptr());
  return std::vector<E>(data, data + plain.numel());
}

}  // namespace

template <>
std::vector<int64_t> elements_of(const Tensor& a, int64_t dims) {
  bool fits = c10::isIntegralType(a.scalar_type(), false);
  return read_elements<int64_t, int64_t>(a, dims, at::kLong, fits, "int");
}
template <>
std::vector<double> elements_of(const Tensor& a, int64_t dims) {
  return read_elements<double, double>(a, dims, at::kDouble, a.is_floating_point(), "float");
}
template <>
std::vector<Complex> elements_of(const Tensor& a, int64_t dims) {
  return read_elements<Complex, Complex>(a, dims, at::kComplexDouble, a.is_complex(), "complex");
}
template <>
std::vector<StoredBool> elements_of(const Tensor& a, int64_t dims) {
  return read_elements<StoredBool, bool>(a, dims, at::kBool, a.scalar_type() == at::kBool, "bool");
}

// -- tensors out of lists --------------------------------------------------------------------------------------------

void fail_ragged(int64_t wanted, size_t dim, int64_t got) {
  fail("ValueError", "expected sequence of length " + std::to_string(wanted) + " at dim " + std::to_string(dim) +
                         " (got " + std::to_string(got) + ")");
}

namespace {

// How many bytes of int64 elements an int of `dtype` leaves out: PyTorch refuses what does not fit.
void check_range(const int64_t* data, int64_t count, at::ScalarType dtype) {
  auto check = [&](int64_t low, int64_t high, const char* name) {
    for (int64_t i = 0; i < count; i++)
      if (data[i] < low || data[i] > high)
        fail("RuntimeError", Str("value cannot be converted to type ") + name + " without overflow");
  };
  switch (dtype) {
    case at::kByte: return check(-255, 255, "uint8_t");
    case at::kChar: return check(-128, 127, "int8_t");
    case at::kShort: return check(-32768, 32767, "int16_t");
    case at::kInt: return check(INT32_MIN, INT32_MAX, "int");
    default: return;
  }
}

int64_t count_of(at::IntArrayRef sizes) {
  int64_t count = 1;
  for (int64_t size : sizes) count *= size;
  return count;
}

template <class E>
Tensor copy_in(const E* data, at::IntArrayRef sizes, at::ScalarType held, at::ScalarType dtype,
               const std::optional<Device>& device, bool grad) {
  at::NoGradGuard no_grad;
  Tensor out = at::empty(sizes, at::TensorOptions().dtype(held).device(at::kCPU));
  if (out.numel() != 0) std::memcpy(out.mutable_data_ptr(), data, out.numel() * sizeof(E));
  if (dtype != held || (device && c10::Device(*device) != c10::Device(at::kCPU)))
    out = out.to(at::TensorOptions().dtype(dtype).device(device ? c10::Device(*device) : c10::Device(at::kCPU)));
  if (grad) out.set_requires_grad(true);
  return out;
}

}  // namespace

Tensor tensor_of(const int64_t* data, at::IntArrayRef sizes, Dtype dtype, const std::optional<Device>& device, bool grad) {
  if (dtype) check_range(data, count_of(sizes), *dtype);
  return copy_in(data, sizes, at::kLong, dtype.value_or(at::kLong), device, grad);
}
Tensor tensor_of(const double* data, at::IntArrayRef sizes, Dtype dtype, const std::optional<Device>& device, bool grad) {
  return copy_in(data, sizes, at::kDouble, dtype.value_or(c10::get_default_dtype_as_scalartype()), device, grad);
}
Tensor tensor_of(const Complex* data, at::IntArrayRef sizes, Dtype dtype, const std::optional<Device>& device, bool grad) {
  at::ScalarType usual = c10::toComplexType(c10::get_default_dtype_as_scalartype());
  return copy_in(data, sizes, at::kComplexDouble, dtype.value_or(usual), device, grad);
}
Tensor tensor_of(const bool* data, at::IntArrayRef sizes, Dtype dtype, const std::optional<Device>& device, bool grad) {
  return copy_in(data, sizes, at::kBool, dtype.value_or(at::kBool), device, grad);
}
Tensor tensor_of(const Scalar* data, at::IntArrayRef sizes, Dtype dtype, const std::optional<Device>& device, bool grad) {
  std::vector<Complex> values;
  bool is_complex = false, is_real = false, is_int = false;
  for (int64_t i = 0; i < count_of(sizes); i++) {
    values.push_back(Complex_(data[i]));
    is_complex |= data[i].isComplex();
    is_real |= data[i].isFloatingPoint();
    is_int |= data[i].isIntegral(false);
  }
  at::ScalarType real = c10::get_default_dtype_as_scalartype();
  at::ScalarType usual = is_complex ? c10::toComplexType(real) : is_real ? real : is_int ? at::kLong : at::kBool;
  return copy_in(values.data(), sizes, at::kComplexDouble, dtype.value_or(usual), device, grad);
}
// Tensors of one element each, as `torch.tensor` takes them.
Tensor tensor_of(const Tensor* data, at::IntArrayRef sizes, Dtype dtype, const std::optional<Device>& device, bool grad) {
  int64_t count = count_of(sizes);
  at::ScalarType usual = count == 0 ? c10::get_default_dtype_as_scalartype() : data[0].scalar_type();
  for (int64_t i = 0; i < count; i++) {
    if (data[i].numel() != 1 || data[i].dim() != 0)
      fail("ValueError", "only one element tensors can be converted to Python scalars");
    usual = c10::promoteTypes(usual, data[i].scalar_type());
  }
  at::NoGradGuard no_grad;
  Tensor out = at::empty({count}, at::TensorOptions().dtype(dtype.value_or(usual)).device(at::kCPU));
  for (int64_t i = 0; i < count; i++) out.select(0, i).copy_(data[i]);
  out = out.reshape(sizes);
  if (device) out = out.to(c10::Device(*device));
  if (grad) out.set_requires_grad(true);
  return out;
}
Tensor as_tensor_(const Tensor& data, Dtype dtype, const std::optional<Device>& device) {
  return to_device_and_dtype(data, device, dtype, false, false);
}

// -- conversion and copies -------------------------------------------------------------------------------------------

Tensor to_device_and_dtype(const Tensor& a, const std::optional<Device>& device, Dtype dtype, bool non_blocking,
                           bool copy) {
  if (!device && !dtype) return copy ? a.to(a.scalar_type(), non_blocking, true) : a;
  if (!device) return a.to(*dtype, non_blocking, copy);
  return a.to(c10::Device(*device), dtype.value_or(a.scalar_type()), non_blocking, copy);
}
Tensor cpu_(const Tensor& a) { return a.to(at::kCPU); }
Tensor cuda_(const Tensor& a) { return a.to(at::kCUDA); }
Tensor copy__(const Tensor& a, const Tensor& other) { return a.copy_(other); }
Tensor copy__(const Tensor& a, int64_t other) { return a.fill_(other); }
Tensor copy__(const Tensor& a, double other) { return a.fill_(other); }

// -- gradients -------------------------------------------------------------------------------------------------------

namespace {

std::vector<Tensor> tensors_of(const MaybeTensors& list) {
  std::vector<Tensor> out;
  if (list)
    for (const auto& item : list->items()) out.push_back(item.value_or(Tensor()));
  return out;
}

}  // namespace

void backward_(const Tensor& a, const std::optional<Tensor>& gradient, std::optional<bool> retain_graph,
               bool create_graph) {
  a.backward(gradient.value_or(Tensor()), retain_graph, create_graph);
}
void backward_(const List<Tensor>& tensors, const MaybeTensors& gradients, std::optional<bool> retain_graph,
               bool create_graph) {
  torch::autograd::backward(tensors.items(), tensors_of(gradients), retain_graph, create_graph);
}
List<std::optional<Tensor>> grad_(const List<Tensor>& outputs, const List<Tensor>& inputs, const MaybeTensors& gradients,
                                  std::optional<bool> retain_graph, bool create_graph, bool allow_unused) {
  List<std::optional<Tensor>> out;
  for (Tensor& found : torch::autograd::grad(outputs.items(), inputs.items(), tensors_of(gradients), retain_graph,
                                             create_graph, allow_unused))
    out.items().push_back(found.defined() ? std::optional<Tensor>(std::move(found)) : std::nullopt);
  return out;
}

// -- others ----------------------------------------------------------------------------------------------------------

List<int64_t> broadcast_shapes_(const List<int64_t>& a, const List<int64_t>& b) {
  return List<int64_t>(at::infer_size(a.items(), b.items()));
}
List<Tensor> split_(const Tensor& a, const List<int64_t>& sizes, int64_t dim) {
  return List<Tensor>(a.split_with_sizes(sizes.items(), dim));
}
Tensor dequantize_(const Tensor& a) { return a.dequantize(); }
List<Tensor> dequantize_(const List<Tensor>& tensors) {
  List<Tensor> out;
  for (const Tensor& tensor : tensors.items()) out.items().push_back(tensor.dequantize());
  return out;
}

Tensor einsum_of(const std::vector<Tensor>& operands, const std::vector<List<int64_t>>& subscripts) {
  if (subscripts.size() < operands.size() || subscripts.size() > operands.size() + 1)
    fail("ValueError", "einsum(): operands and their subscripts must alternate");
  Str equation;
  for (size_t i = 0; i < subscripts.size(); i++) {
    if (i > 0) equation += i == operands.size() ? "->" : ",";
    for (int64_t subscript : subscripts[i].items()) {
      if (subscript < 0 || subscript >= 52)
        fail("ValueError", "einsum(): subscript " + std::to_string(subscript) + " is not within the valid range [0, 52)");
      equation += static_cast<char>(subscript < 26 ? 'A' + subscript : 'a' + subscript - 26);
    }
  }
  return at::_ops::einsum::call(equation, operands, std::nullopt);
}

Tensor _no_grad_uniform__(const Tensor& a, double from, double to, const std::optional<at::Generator>& generator) {
  at::NoGradGuard no_grad;
  return a.uniform_(from, to, generator);
}
Tensor _no_grad_normal__(const Tensor& a, double mean, double std, const std::optional<at::Generator>& generator) {
  at::NoGradGuard no_grad;
  return a.normal_(mean, std, generator);
}
Tensor _no_grad_fill__(const Tensor& a, double value) {
  at::NoGradGuard no_grad;
  return a.fill_(value);
}
Tensor _no_grad_zero__(const Tensor& a) {
  at::NoGradGuard no_grad;
  return a.zero_();
}
Tensor _no_grad_embedding_renorm__(const Tensor& weight, const Tensor& input, double max_norm, double norm_type) {
  at::NoGradGuard no_grad;
  Tensor changed = weight.detach();
  return at::_ops::embedding_renorm_::call(changed, input, max_norm, norm_type);
}

}  // namespace ts::lang
