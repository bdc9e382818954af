"""Tensors: attributes, conversion from and to Python's numbers and lists."""

from __future__ import annotations

from .builtin import table

TABLE = table(r"""
# x.device, x.requires_grad, …; `dtype` is an int in PyTorch's text
prim::dtype(Tensor a) -> ScalarType  := {0}.dtype
prim::requires_grad(Tensor a) -> bool  := {0}.requires_grad
prim::is_cuda(Tensor a) -> bool  := {0}.is_cuda
prim::is_cpu(Tensor a) -> bool  := {0}.is_cpu
prim::is_xpu(Tensor a) -> bool  := {0}.is_xpu
prim::is_xla(Tensor a) -> bool  := {0}.is_xla
prim::is_mps(Tensor a) -> bool  := {0}.is_mps
prim::is_mtia(Tensor a) -> bool  := {0}.is_mtia
prim::is_ipu(Tensor a) -> bool  := {0}.is_ipu
prim::is_maia(Tensor a) -> bool  := {0}.is_maia
prim::is_meta(Tensor a) -> bool  := {0}.is_meta
prim::is_vulkan(Tensor a) -> bool  := {0}.is_vulkan
prim::is_mkldnn(Tensor a) -> bool  := {0}.is_mkldnn
prim::is_quantized(Tensor a) -> bool  := {0}.is_quantized
prim::is_sparse(Tensor a) -> bool  := {0}.is_sparse
prim::is_sparse_csr(Tensor a) -> bool  := {0}.is_sparse_csr
prim::is_nested(Tensor a) -> bool  := {0}.is_nested
prim::layout(Tensor a) -> Layout  := {0}.layout
prim::device(Tensor a) -> Device  := {0}.device
prim::grad(Tensor a) -> Tensor(*)  := {0}.grad
prim::data(Tensor(a) a) -> Tensor(a)  := helpers.data_of({0})
prim::itemsize(Tensor a) -> int  := {0}.itemsize
prim::nbytes(Tensor a) -> int  := {0}.nbytes
prim::name(Tensor a) -> str?  := {0}.name

# x.T, x.mT, x.H, x.mH
aten::numpy_T.a(Tensor(a) self) -> Tensor(a)  := {0}.T
aten::mT.a(Tensor(a) self) -> Tensor(a)  := {0}.mT
aten::matrix_H.a(Tensor(a) self) -> Tensor(a)  := {0}.H
aten::mH.a(Tensor(a) self) -> Tensor(a)  := {0}.mH

# x.size(), x.stride(), len(x), x.element_size()
aten::size(Tensor self) -> int[]  := {0}.size()
aten::stride(Tensor self) -> int[]  := {0}.stride()
aten::sym_size(Tensor self) -> SymInt[]  := {0}.size()
aten::sym_stride(Tensor self) -> SymInt[]  := {0}.stride()
aten::len.Tensor(Tensor t) -> int  := len({0})
aten::element_size(Tensor self) -> int  := {0}.element_size()
aten::is_non_overlapping_and_dense(Tensor self) -> bool
    := torch.ops.aten.is_non_overlapping_and_dense.default({0})
aten::is_strides_like_format(Tensor self, MemoryFormat memory_format) -> bool
    := torch.ops.aten.is_strides_like_format.default({0}, {1})

# bool(x), int(x), float(x), complex(x, y)
aten::Bool.Tensor(Tensor a) -> bool  := bool({0})
aten::Int.Tensor(Tensor a) -> int  := int({0})
aten::Float.Tensor(Tensor a) -> float  := float({0})
aten::Complex.Tensor_Tensor(Tensor a, Tensor b) -> complex  := helpers.complex_of({0}, {1})
aten::Complex.Tensor_float(Tensor x, float y) -> complex  := helpers.complex_of({0}, {1})
aten::Complex.float_Tensor(float x, Tensor y) -> complex  := helpers.complex_of({0}, {1})
aten::Complex.Tensor_int(Tensor x, int y) -> complex  := helpers.complex_of({0}, {1})
aten::Complex.int_Tensor(int x, Tensor y) -> complex  := helpers.complex_of({0}, {1})
aten::Complex.Tensor_bool(Tensor x, bool y) -> complex  := helpers.complex_of({0}, {1})
aten::Complex.bool_Tensor(bool x, Tensor y) -> complex  := helpers.complex_of({0}, {1})

# a tensor given where a number is asked for
aten::IntImplicit(Tensor a) -> int  := int({0})
aten::FloatImplicit(Tensor a) -> float  := float({0})
aten::ComplexImplicit(Tensor a) -> complex  := complex({0})
aten::ScalarImplicit(Tensor a) -> Scalar  := {0}.item()

# a number given where a tensor is asked for
prim::NumToTensor.Scalar(Scalar a) -> Tensor  := helpers.number_to_tensor({0})
prim::NumToTensor.bool(bool a) -> Tensor  := helpers.number_to_tensor({0})

# x.tolist()
prim::tolist(...) -> ...  := {0}.tolist()
aten::_tensor_to_list(Tensor self) -> int[]  := {0}.tolist()
aten::_list_to_tensor(int[] self) -> Tensor  := torch.tensor({0})

# torch.tensor(x), torch.as_tensor(x)
aten::tensor.bool(bool t, *, ScalarType? dtype=None, Device? device=None,
    bool requires_grad=False) -> Tensor
    := torch.tensor({0}, dtype={1}, device={2}, requires_grad={3})
aten::tensor.float(float t, *, ScalarType? dtype=None, Device? device=None,
    bool requires_grad=False) -> Tensor
    := torch.tensor({0}, dtype={1}, device={2}, requires_grad={3})
aten::tensor.int(int t, *, ScalarType? dtype=None, Device? device=None,
    bool requires_grad=False) -> Tensor
    := torch.tensor({0}, dtype={1}, device={2}, requires_grad={3})
aten::tensor.complex(complex t, *, ScalarType? dtype=None, Device? device=None,
    bool requires_grad=False) -> Tensor
    := torch.tensor({0}, dtype={1}, device={2}, requires_grad={3})
aten::tensor(t[] data, *, ScalarType? dtype=None, Device? device=None,
    bool requires_grad=False) -> Tensor
    := torch.tensor({0}, dtype={1}, device={2}, requires_grad={3})
aten::as_tensor.bool(bool t, *, ScalarType? dtype=None, Device? device=None) -> Tensor
    := torch.as_tensor({0}, dtype={1}, device={2})
aten::as_tensor.float(float t, *, ScalarType? dtype=None, Device? device=None) -> Tensor
    := torch.as_tensor({0}, dtype={1}, device={2})
aten::as_tensor.int(int t, *, ScalarType? dtype=None, Device? device=None) -> Tensor
    := torch.as_tensor({0}, dtype={1}, device={2})
aten::as_tensor.complex(complex t, *, ScalarType? dtype=None, Device? device=None) -> Tensor
    := torch.as_tensor({0}, dtype={1}, device={2})
aten::as_tensor(Tensor(a) data, *, ScalarType? dtype=None, Device? device=None) -> Tensor(b|a)
    := torch.as_tensor({0}, dtype={1}, device={2})
aten::as_tensor.list(t[] data, *, ScalarType? dtype=None, Device? device=None) -> Tensor
    := torch.as_tensor({0}, dtype={1}, device={2})

# x.to(…), x.cpu(), x.cuda()
aten::to.prim_Device(Tensor(a) self, Device? device, int? dtype=None, bool non_blocking=False,
    bool copy=False) -> Tensor(b|a)
    := {0}.to(device={1}, dtype={2}, non_blocking={3}, copy={4})
aten::to.prim_dtype(Tensor(a) self, int? dtype=None, bool non_blocking=False,
    bool copy=False) -> Tensor(b|a)
    := {0}.to(dtype={1}, non_blocking={2}, copy={3})
aten::to.prim_other(Tensor(a) self, bool non_blocking=False, bool copy=False) -> Tensor(b|a)
    := {0}.to(device=None, non_blocking={1}, copy={2})
aten::cpu(Tensor(a) self) -> Tensor(b|a)  := {0}.cpu()
aten::cuda(Tensor(a) self) -> Tensor(b|a)  := {0}.cuda()

# x.copy_(y)
aten::copy_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)  := {0}.copy_({1})
aten::copy_.int(Tensor(a!) self, int other) -> Tensor(a!)  := {0}.fill_({1})
aten::copy_.float(Tensor(a!) self, float other) -> Tensor(a!)  := {0}.fill_({1})

# x.backward(), torch.autograd
aten::backward(Tensor self, Tensor? gradient=None, bool? retain_graph=None,
    bool create_graph=False) -> ()
    :=! {0}.backward({1}, {2}, {3})
aten::backward.TensorList(Tensor[] tensors, Tensor?[]? grad_tensors=None, bool? retain_graph=None,
    bool create_graph=False) -> ()
    :=! torch.autograd.backward({0}, {1}, {2}, {3})
aten::grad(Tensor[] outputs, Tensor[] inputs, Tensor?[]? grad_outputs=None, bool? retain_graph=None,
    bool create_graph=False, bool allow_unused=False) -> Tensor?[]
    :=! helpers.gradients({0}, {1}, {2}, {3}, {4}, {5})

# torch.broadcast_shapes(x, y), torch.Size(x)
aten::broadcast_shapes(int[] a, int[] b) -> int[]  := torch.broadcast_shapes({0}, {1})
aten::_infer_size(int[] a, int[] b) -> int[]  := torch.broadcast_shapes({0}, {1})
aten::Size(int[] sizes) -> int[]  := torch.Size({0})

# torch.split(x, sizes)
aten::split(Tensor(a -> *) self, int[] split_sizes, int dim=0) -> Tensor(a)[]  := torch.split({0}, {1}, {2})

# torch.dequantize(x)
aten::dequantize.tensor(Tensor qtensor) -> Tensor  := {0}.dequantize()
aten::dequantize.list(Tensor[] qtensors) -> Tensor[]  := torch.dequantize({0})
aten::dequantize.any(Any tensors) -> Any  := torch.dequantize({0})

# torch.einsum(x, [0, 1], …)
aten::einsum.sublist(Tensor a, ...) -> Tensor  := torch.einsum({0}, {*})

# torch.nn.init
aten::_no_grad_uniform_(Tensor(a!) tensor, float a, float b, Generator? generator=None) -> Tensor(a!)
    :=! torch.nn.init._no_grad_uniform_({0}, {1}, {2}, {3})
aten::_no_grad_normal_(Tensor(a!) tensor, float mean, float std,
    Generator? generator=None) -> Tensor(a!)
    :=! torch.nn.init._no_grad_normal_({0}, {1}, {2}, {3})
aten::_no_grad_fill_(Tensor(a!) tensor, float val) -> Tensor(a!)  := torch.nn.init._no_grad_fill_({0}, {1})
aten::_no_grad_zero_(Tensor(a!) tensor) -> Tensor(a!)  := torch.nn.init._no_grad_zero_({0})
aten::_no_grad_embedding_renorm_(Tensor weight, Tensor input, float max_norm, float norm_type) -> Tensor
    := torch.nn.functional._no_grad_embedding_renorm_({0}, {1}, {2}, {3})
""")
