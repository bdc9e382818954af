"""What reaches outside a program: printing, warnings, exceptions, seeds, gradient mode, devices."""

from __future__ import annotations

from .builtin import table

TABLE = table(r"""
# print(x), warnings.warn(x), raise
prim::Print(...) -> ()  :=! print({*})
aten::warn(str message, int stacklevel=2) -> ()  :=! helpers.warn({0}, {1})
prim::RaiseException(str msg, str? cls=None) -> ()  :=! helpers.raise_exception({0}, {1})

# x is y, hash(x), id(x)
aten::__is__(t1 self, t2 obj) -> bool  := {0} is {1}
aten::__isnot__(t1 self, t2 obj) -> bool  := {0} is not {1}
aten::hash.generic(t value) -> int  := hash({0})
prim::id(AnyClassType? x) -> int  := id({0})

# enum members
prim::EnumName(AnyEnumType enum) -> str  := {0}.name
prim::EnumValue.int(AnyEnumType enum) -> int  := {0}.value
prim::EnumValue.float(AnyEnumType enum) -> float  := {0}.value
prim::EnumValue.str(AnyEnumType enum) -> str  := {0}.value
aten::eq.enum(AnyEnumType a, AnyEnumType b) -> bool  := {0} == {1}
aten::ne.enum(AnyEnumType a, AnyEnumType b) -> bool  := {0} != {1}

# torch.device(x), its attributes
aten::device(str a) -> Device  := torch.device({0})
aten::device.with_index(str type, int index) -> Device  := torch.device({0}, {1})
prim::type(Device self) -> str  := {0}.type
prim::index(Device self) -> int?  := {0}.index
aten::eq.device(Device a, Device b) -> bool  := {0} == {1}
aten::ne.device(Device a, Device b) -> bool  := {0} != {1}

# refinement of types: the value stays what it is
prim::unchecked_cast(t x) -> t  := {0}
prim::unchecked_unwrap_optional(t(a)? optional) -> t(a)  := {0}
aten::_unwrap_optional(t(a)? optional) -> t(a)  := helpers.unwrap_optional({0})
prim::Uninitialized() -> Any  := None

# x[i] of a tuple
prim::TupleIndex(Any tup, int i) -> Any  := {0}[{1}]
prim::ModuleContainerIndex.list(Any self, int ind) -> Any  := {0}[{1}]
prim::ModuleContainerIndex.dict(Any self, str ind) -> Any  := {0}[{1}]

# futures
aten::wait(Future(t) self) -> t  :=! {0}.wait()

# torch.set_grad_enabled(x), autocast
aten::set_grad_enabled(bool val) -> ()  :=! torch._C._set_grad_enabled({0})
aten::is_grad_enabled() -> bool  :=! torch.is_grad_enabled()
aten::is_autocast_enabled() -> bool  :=! torch.is_autocast_enabled()
aten::is_autocast_cpu_enabled() -> bool  :=! torch.is_autocast_enabled("cpu")
aten::get_autocast_dtype(str device_type) -> ScalarType  :=! torch.get_autocast_dtype({0})

# random numbers
aten::manual_seed(int seed) -> ()  :=! torch.manual_seed({0})
aten::manual_seed.generator(Generator(a!) self, int seed) -> Generator(a!)  :=! {0}.manual_seed({1})
aten::Generator(*, Device? device=None, int? seed=None) -> Generator  :=! helpers.generator({0}, {1})
aten::initial_seed(Generator self) -> int  :=! {0}.initial_seed()
aten::seed(Generator(a!) self) -> int  :=! {0}.seed()

# how the program runs
aten::is_scripting() -> bool  := True
aten::has_torch_function(...) -> bool  := False
aten::_get_tracing_state() -> bool  := False
aten::_get_cpu_capability() -> str  := torch.backends.cpu.get_cpu_capability()
prim::TimePoint() -> int  :=! time.perf_counter_ns()
""")
