"""Operators that Python code does not reach any more, and archives of earlier versions contain."""

from __future__ import annotations

from .builtin import table

TABLE = table(r"""
# torch.nn.functional.interpolate and upsample, as one operator
aten::__interpolate.scale_list(Tensor input, int? size=None, float[]? scale_factor=None,
    str mode="nearest", bool? align_corners=None, bool? recompute_scale_factor=None,
    bool antialias=False) -> Tensor
    := torch.nn.functional.interpolate({0}, {1}, {2}, {3}, {4}, {5}, {6})
aten::__interpolate.size_list_scale_list(Tensor input, int[]? size=None, float[]? scale_factor=None,
    str mode="nearest", bool? align_corners=None, bool? recompute_scale_factor=None,
    bool antialias=False) -> Tensor
    := torch.nn.functional.interpolate({0}, {1}, {2}, {3}, {4}, {5}, {6})
aten::__interpolate(Tensor input, int? size=None, float? scale_factor=None, str mode="nearest",
    bool? align_corners=None, bool? recompute_scale_factor=None, bool antialias=False) -> Tensor
    := torch.nn.functional.interpolate({0}, {1}, {2}, {3}, {4}, {5}, {6})
aten::__interpolate.size_list(Tensor input, int[]? size=None, float? scale_factor=None,
    str mode="nearest", bool? align_corners=None, bool? recompute_scale_factor=None,
    bool antialias=False) -> Tensor
    := torch.nn.functional.interpolate({0}, {1}, {2}, {3}, {4}, {5}, {6})
aten::__upsample(Tensor input, int? size=None, int? scale_factor=None, str mode="nearest",
    bool? align_corners=None) -> Tensor
    := torch.nn.functional.interpolate({0}, {1}, {2}, {3}, {4})
aten::__upsample.size_list(Tensor input, int[]? size=None, int? scale_factor=None, str mode="nearest",
    bool? align_corners=None) -> Tensor
    := torch.nn.functional.interpolate({0}, {1}, {2}, {3}, {4})
aten::__upsample_nearest(Tensor input, int? size=None, int? scale_factor=None) -> Tensor
    := torch.nn.functional.interpolate({0}, {1}, {2}, "nearest")
aten::__upsample_nearest.size_list(Tensor input, int[]? size=None, int? scale_factor=None) -> Tensor
    := torch.nn.functional.interpolate({0}, {1}, {2}, "nearest")
aten::__upsample_bilinear(Tensor input, int? size=None, int? scale_factor=None) -> Tensor
    := torch.nn.functional.interpolate({0}, {1}, {2}, "bilinear", True)
aten::__upsample_bilinear.size_list(Tensor input, int[]? size=None, int? scale_factor=None) -> Tensor
    := torch.nn.functional.interpolate({0}, {1}, {2}, "bilinear", True)
aten::__upsample_bilinear.scale_list(Tensor input, int? size=None, int[]? scale_factor=None) -> Tensor
    := torch.nn.functional.interpolate({0}, {1}, {2}, "bilinear", True)
aten::__upsample_bilinear.size_list_scale_list(Tensor input, int[]? size=None,
    int[]? scale_factor=None) -> Tensor
    := torch.nn.functional.interpolate({0}, {1}, {2}, "bilinear", True)

# indexing with a list that cannot hold None
aten::index.Tensor_hacked_twin(Tensor self, Tensor[] indices) -> Tensor
    := torch.ops.aten.index.Tensor({0}, {1})
aten::_unsafe_index.Tensor_hacked_twin(Tensor self, Tensor[] indices) -> Tensor
    := torch.ops.aten._unsafe_index.Tensor({0}, {1})
aten::index_put.hacked_twin(Tensor self, Tensor[] indices, Tensor values,
    bool accumulate=False) -> Tensor
    := torch.ops.aten.index_put.default({0}, {1}, {2}, {3})
aten::index_put_.hacked_twin(Tensor(a!) self, Tensor[] indices, Tensor values,
    bool accumulate=False) -> Tensor(a!)
    := torch.ops.aten.index_put_.default({0}, {1}, {2}, {3})
aten::_unsafe_index_put.hacked_twin(Tensor self, Tensor[] indices, Tensor values,
    bool accumulate=False) -> Tensor
    := torch.ops.aten._unsafe_index_put.default({0}, {1}, {2}, {3})
aten::_index_put_impl_.hacked_twin(Tensor(a!) self, Tensor[] indices, Tensor values,
    bool accumulate=False, bool unsafe=False) -> Tensor(a!)
    := torch.ops.aten._index_put_impl_.default({0}, {1}, {2}, {3}, {4})

# packed sequences
aten::_pack_sequence(Tensor output, Tensor batch_sizes, Tensor? sorted_indices,
    Tensor? unsorted_indices) -> (Tensor, Tensor, Tensor?, Tensor?)
    := ({0}, {1}, {2}, {3})
""")
