"""Script, trace, save and load in a process where every entry point of torch.jit raises.

Run by test_torch_jit_is_not_used.py, in its own process: `poisoned_program.py <a directory to save into>`.
Prints one JSON object: for each job, what went wrong in it (or null), and the entry points that it called.
"""

import io
import json
import sys
import traceback
import types
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F

sys.path.append(str(Path(__file__).parents[1]))

from torchvision_operators import define_missing

define_missing()

import torchvision  # noqa: E402

# --- The poison --------------------------------------------------------------------------------------

touched: list[str] = []


def poisoned_function(name):
    def refuse(*args, **kwargs):
        touched.append(name)
        raise AssertionError(f"{name} was called")

    return refuse


class PoisonedClass(type):
    """Classes of torch.jit: torch asks isinstance of them, which nothing is; making or using one raises."""

    def __instancecheck__(cls, instance):
        return False

    def __call__(cls, *args, **kwargs):
        touched.append(cls.__name__)
        raise AssertionError(f"{cls.__name__} was made")

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        touched.append(f"{cls.__name__}.{name}")
        raise AssertionError(f"{cls.__name__}.{name} was used")


def poison(module, name):
    value = getattr(module, name)
    full_name = f"{module.__name__}.{name}"
    setattr(
        module,
        name,
        PoisonedClass(full_name, (), {}) if isinstance(value, type) else poisoned_function(full_name),
    )


# Marks that libraries leave for torch.jit, questions that eager code asks, and what runs in eager code.
MARKS = set(
    """
    Attribute Final _IgnoreContextManager _drop _overload _overload_method annotate export ignore interface
    is_scripting is_tracing isinstance script_if_tracing strict_fusion unused
""".split()
)

# torch._C: the compiler, the tracer, the interpreter, the archive and the passes of torch.jit.
POISONED_PREFIXES = tuple(
    """
    _create_ _debug_set_autodiff _export _freeze_module _generate_upgraders _get_graph_executor
    _get_value_trace _import_ir _jit_ _last_executed _load_jit _save_jit _set_graph_executor
    _set_tracing_state _set_value_trace _tracer_ import_ir_module parse_ir parse_type_comment
""".split()
)
POISONED_CLASSES = set(
    """
    Block Code CompilationUnit ConcreteModuleType ConcreteModuleTypeBuilder Graph GraphExecutorState
    LiteScriptModule Node ScriptClass ScriptFunction ScriptMethod ScriptModule ScriptModuleSerializer
    ScriptObject TracingState Value
""".split()
)
# Lookups in the dispatcher that carry torch.jit's name, and switches: `torch.ops.aten.add` needs the first.
DISPATCHER = {"_jit_get_operation", "_jit_resolve_packet"}
# What `torch.ops.aten` itself calls when an operator is looked up for the first time, whoever asks.
REGISTRATION = {"_register_builtin", "_get_builtin_table"}


def poison_torch_jit():
    for name in sorted(dir(torch._C)):
        value = getattr(torch._C, name)
        if name in POISONED_CLASSES or (
            name.startswith(POISONED_PREFIXES)
            and name not in DISPATCHER
            and callable(value)
            and not isinstance(value, types.ModuleType)
        ):
            poison(torch._C, name)
    for name, value in vars(torch._C._jit_tree_views).copy().items():
        if isinstance(value, type):
            poison(torch._C._jit_tree_views, name)

    modules = [module for name, module in sys.modules.items() if f"{name}.".startswith("torch.jit.")]
    for module in modules:
        for name, value in vars(module).copy().items():
            belongs = getattr(value, "__module__", "") or ""
            if (
                name in MARKS
                or name in REGISTRATION
                or name.startswith("__")
                or isinstance(value, types.ModuleType)
            ):
                continue
            if belongs.startswith("torch.jit") and (isinstance(value, type) or callable(value)):
                poison(module, name)
            elif name in POISONED_CLASSES:
                poison(module, name)


# --- The programs ------------------------------------------------------------------------------------


def loop(x, n: int):
    for i in range(n):
        if bool(x.sum() > 10):
            x = x - i
        else:
            x = x * 2
    return x


def straight(x, y):
    return torch.relu(x) * 2 + F.softmax(y, dim=0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, x):
        return F.log_softmax(self.layers(x), dim=1)


def there_and_back(jit, compiled, path):
    """Saved and loaded, through a file and through memory."""
    jit.save(compiled, str(path))
    buffer = io.BytesIO()
    jit.save(compiled, buffer)
    buffer.seek(0)
    return [jit.load(str(path)), jit.load(buffer, map_location="cpu")]


def compare(compiled, eager, *inputs):
    torch.manual_seed(0)
    wanted = eager(*inputs)
    torch.manual_seed(0)
    torch.testing.assert_close(compiled(*inputs), wanted)


def run_jobs(directory):
    """One function per job; all take `jit`, the library under test."""

    def script_function(jit):
        scripted = jit.script(loop)
        assert "prim::Loop" in str(scripted.graph) and "def loop" in scripted.code
        for compiled in [scripted, *there_and_back(jit, scripted, directory / "loop.pt")]:
            compare(compiled, loop, torch.rand(3), 7)

    def trace_function(jit):
        inputs = (torch.randn(3), torch.randn(3))
        traced = jit.trace(straight, inputs)
        for compiled in [traced, *there_and_back(jit, traced, directory / "straight.pt")]:
            compare(compiled, straight, torch.randn(3), torch.randn(3))

    def compile_module(jit, compile, net, example):
        compiled = jit.script(net) if compile == "script" else jit.trace(net, example)
        path = directory / f"{type(net).__name__}_{compile}.pt"
        for module in [compiled, *there_and_back(jit, compiled, path)]:
            compare(module, net, torch.rand(3, *example.shape[1:]))

    def script_module_class(jit):
        class Scaled(jit.ScriptModule):
            def __init__(self):
                super().__init__()
                self.weight = nn.Parameter(torch.rand(3))

            @jit.script_method
            def forward(self, x):
                return self.weight * x

        module = Scaled()
        for compiled in [module, *there_and_back(jit, module, directory / "scaled.pt")]:
            compare(compiled, lambda x: module.weight * x, torch.rand(3))

    def refuse_a_wrong_program(jit):
        def wrong(x):
            return x + no_such_name

        try:
            jit.script(wrong)
        except jit.CompileError:
            pass
        else:
            raise RuntimeError("a wrong program was compiled")

    net, resnet = Net(), torchvision.models.resnet18().eval()
    jobs = {
        "script a function": script_function,
        "trace a function": trace_function,
        "script a module": lambda jit: compile_module(jit, "script", net, torch.rand(2, 4)),
        "trace a module": lambda jit: compile_module(jit, "trace", net, torch.rand(2, 4)),
        "script resnet18": lambda jit: compile_module(jit, "script", resnet, torch.rand(1, 3, 64, 64)),
        "trace resnet18": lambda jit: compile_module(jit, "trace", resnet, torch.rand(1, 3, 64, 64)),
        "a subclass of ScriptModule": script_module_class,
        "refuse a wrong program": refuse_a_wrong_program,
    }
    outcomes = {}
    for name, job in jobs.items():
        touched.clear()
        error = None
        try:
            import torchscript

            job(torchscript)
        except BaseException:
            error = traceback.format_exc()
        outcomes[name] = {"error": error, "touched": list(touched)}
    return outcomes


def use_torch_jit(directory):
    """The poison works: each of these raises, and says so in `touched`."""
    uses = {
        "torch.jit.script": lambda: torch.jit.script(loop),
        "torch.jit.trace": lambda: torch.jit.trace(straight, (torch.rand(3), torch.rand(3))),
        "torch.jit.load": lambda: torch.jit.load("x.pt"),
        "torch.jit.save": lambda: torch.jit.save(None, "x.pt"),
        "torch.jit.ScriptModule": lambda: torch.jit.ScriptModule(),
        "torch.jit.CompilationUnit": lambda: torch.jit.CompilationUnit(),
        "torch.jit.frontend.get_jit_def": lambda: torch.jit.frontend.get_jit_def(loop, "loop"),
        "torch._C.Graph": lambda: torch._C.Graph(),
        "torch._C.parse_ir": lambda: torch._C.parse_ir("graph():\n  return ()\n"),
        "torch._C.ScriptModule": lambda: torch._C.ScriptModule("x"),
        "torch._C.CompilationUnit": lambda: torch._C.CompilationUnit(),
        "torch._C._jit_script_compile": lambda: torch._C._jit_script_compile(),
        "torch._C._create_function_from_trace": lambda: torch._C._create_function_from_trace(),
        "torch._C.import_ir_module": lambda: torch._C.import_ir_module(),
        "torch._C._jit_get_all_schemas": lambda: torch._C._jit_get_all_schemas(),
        "torch._C._jit_get_schemas_for_operator": lambda: torch._C._jit_get_schemas_for_operator("aten::add"),
    }
    outcomes = {}
    for name, use in uses.items():
        touched.clear()
        try:
            use()
        except AssertionError as error:
            outcomes[name] = {"error": str(error), "touched": list(touched)}
        else:
            outcomes[name] = {"error": None, "touched": list(touched)}
    return outcomes


def use_torch_without_jit(directory):
    """The poison hurts nothing else: what eager PyTorch does goes on working."""
    import copy
    import pickle

    touched.clear()
    net = torchvision.models.resnet18()
    net(torch.rand(2, 3, 32, 32)).sum().backward()
    torch.optim.SGD(net.parameters(), lr=0.1).step()
    torch.save(net.state_dict(), directory / "state.pth")
    net.load_state_dict(torch.load(directory / "state.pth"))
    pickle.loads(pickle.dumps(copy.deepcopy(Net())))(torch.rand(2, 4))
    nn.LSTM(3, 4)(torch.rand(5, 1, 3))
    nn.TransformerEncoderLayer(8, 2)(torch.rand(3, 1, 8))
    F.max_pool2d(F.interpolate(torch.rand(1, 1, 4, 4), scale_factor=2.0), 2)
    str(torch.ops.aten.add.Tensor._schema), torch.ops.aten.hardswish.overloads()
    torch.fx.symbolic_trace(Net())(torch.rand(2, 4))
    with torch.overrides.BaseTorchFunctionMode():
        F.linear(torch.rand(2, 3), torch.rand(4, 3))
    with torch.autocast("cpu"):
        torch.mm(torch.rand(2, 2), torch.rand(2, 2))
    list(torch.utils.data.DataLoader([torch.rand(2)] * 4, batch_size=2))
    str(torch.rand(3)), repr(Net())
    return {"touched": list(touched)}


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    poison_torch_jit()
    json.dump(
        {
            "torch without jit": use_torch_without_jit(directory),
            "torch.jit": use_torch_jit(directory),
            "torchscript": run_jobs(directory),
        },
        sys.stdout,
    )
