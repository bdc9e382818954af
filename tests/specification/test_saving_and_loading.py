"""`save(filename)` and `jit.load(f, map_location=None)`, of the section "Creating Torch Script Code"."""

import io
import pdb

import pytest
import torch
import torch.nn as nn
import torchvision

import torchscript as jit


class MyModule(jit.ScriptModule):
    def __init__(self, N, M):
        super(MyModule, self).__init__()
        self.weight = torch.nn.Parameter(torch.rand(N, M))
        self.register_buffer("calls", torch.zeros(2, dtype=torch.long))

    @jit.script_method
    def forward(self, input):
        return self.weight.mv(input)

    @jit.script_method
    def scaled(self, input, factor: float = 2.0):
        return self.forward(input) * factor


@jit.script
def foo(x, y):
    if x.max() > y.max():
        r = x
    else:
        r = y
    return r


@jit.script
def doubled_until(x, bound: float, at_most: int):
    steps = 0
    while steps < at_most and bool(x.sum() < bound):
        x = x + x
        steps += 1
    return x, steps


@pytest.fixture
def saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = MyModule(2, 3)
    module.save("scriptmodule.pt")
    return module


def test_load_from_a_file_name(saved, assert_same_run):
    loaded = jit.load("scriptmodule.pt")

    assert isinstance(loaded, jit.ScriptModule)
    assert_same_run(loaded, saved, torch.rand(3))
    assert_same_run(loaded.scaled, saved.scaled, torch.rand(3), 0.5)


def test_load_from_a_bytes_io_object(saved, assert_same_run):
    # Load ScriptModule from io.BytesIO object
    with open("scriptmodule.pt", "rb") as f:
        buffer = io.BytesIO(f.read())

    # Load all tensors to the original device
    assert_same_run(jit.load(buffer), saved, torch.rand(3))

    # Load all tensors onto CPU, using a device
    # (the document loads from the buffer three times without rewinding it)
    buffer.seek(0)
    assert_same_run(jit.load(buffer, map_location=torch.device("cpu")), saved, torch.rand(3))

    # Load all tensors onto CPU, using a string
    buffer.seek(0)
    assert_same_run(jit.load(buffer, map_location="cpu"), saved, torch.rand(3))


def test_load_from_an_open_file(saved, assert_same_run):
    with open("scriptmodule.pt", "rb") as f:
        assert_same_run(jit.load(f), saved, torch.rand(3))


def test_all_parameters_are_saved(saved, assert_same):
    loaded = jit.load("scriptmodule.pt")

    assert_same(dict(loaded.state_dict()), dict(saved.state_dict()))
    assert [name for name, _ in loaded.named_parameters()] == ["weight"]
    assert loaded.weight is not saved.weight


def test_a_loaded_module_trains(saved, assert_same):
    loaded = jit.load("scriptmodule.pt")
    input = torch.rand(3)
    loaded(input).sum().backward()

    assert_same(loaded.weight.grad, input.expand(2, 3))


def test_a_loaded_module_saves_again(saved, assert_same_run):
    jit.load("scriptmodule.pt").save("again.pt")

    assert_same_run(jit.load("again.pt").scaled, saved.scaled, torch.rand(3))


def test_a_loaded_module_prints_its_graph(saved, check_graph):
    check_graph(jit.load("scriptmodule.pt").graph)
    check_graph(jit.load("scriptmodule.pt").scaled.graph)


FUNCTIONS = {
    "if": (foo, (torch.tensor([1.0, 2.0]), torch.tensor([3.0, 0.0]))),
    "while": (doubled_until, (torch.tensor([1.0, 2.0]), 100.0, 10)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_saved(name, tmp_path, assert_same_run):
    function, inputs = FUNCTIONS[name]
    path = str(tmp_path / "function.pt")
    jit.save(function, path)

    assert_same_run(jit.load(path), function, *inputs)
    function.save(path)
    assert_same_run(jit.load(path), function, *inputs)


# --- PyTorch's own reader and writer, from outside ---------------------------------------------------


def test_torch_reads_the_script_module(saved, assert_same_run, assert_same):
    theirs = torch.jit.load("scriptmodule.pt")

    assert_same_run(theirs, saved, torch.rand(3))
    assert_same_run(theirs.scaled, saved.scaled, torch.rand(3), 0.25)
    assert_same(dict(theirs.state_dict()), dict(saved.state_dict()))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_torch_reads_functions(name, tmp_path, assert_same_run):
    function, inputs = FUNCTIONS[name]
    path = str(tmp_path / "function.pt")
    jit.save(function, path)

    assert_same_run(torch.jit.load(path), function, *inputs)


@pytest.mark.parametrize("compile", ["script", "trace"])
def test_torch_reads_resnet18(compile, tmp_path, assert_same_run):
    net = torchvision.models.resnet18().eval()
    ours = jit.script(net) if compile == "script" else jit.trace(net, torch.rand(1, 3, 64, 64))
    path = str(tmp_path / "resnet18.pt")
    ours.save(path)

    assert_same_run(torch.jit.load(path), net, torch.rand(2, 3, 64, 64))
    assert_same_run(jit.load(path), net, torch.rand(2, 3, 64, 64))


def test_torch_reads_a_traced_function(tmp_path, assert_same_run):
    def bar(x, y, z):
        return foo(x, y) + z

    traced_bar = jit.trace(bar, (torch.rand(3), torch.rand(3), torch.rand(3)))
    path = str(tmp_path / "traced.pt")
    jit.save(traced_bar, path)

    for x, y in [(torch.zeros(4), torch.ones(4)), (torch.ones(4), torch.zeros(4))]:
        assert_same_run(torch.jit.load(path), bar, x, y, torch.rand(4))


def test_archives_of_torch_are_read(tmp_path, assert_same_run):
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU()).eval()
    path = str(tmp_path / "theirs.pt")
    torch.jit.script(net).save(path)

    assert_same_run(jit.load(path), net, torch.rand(2, 3))


# --- What cannot be saved or loaded ------------------------------------------------------------------


def uses_the_debugger(x):
    import pdb

    pdb.set_trace()
    return x


def test_a_module_that_calls_a_python_function_cannot_be_saved(tmp_path, monkeypatch):
    """ "To be able to save a module, it must not make any calls to native python functions." """
    monkeypatch.setattr(pdb, "set_trace", lambda: None)

    class Debugged(jit.ScriptModule):
        @jit.script_method
        def forward(self, input):
            return uses_the_debugger(input + 1)

    with pytest.warns(Warning, match="uses_the_debugger"):
        module = Debugged()
        assert torch.equal(module(torch.zeros(2)), torch.ones(2))

    path = tmp_path / "module.pt"
    with pytest.raises(jit.Error, match="uses_the_debugger") as refused:
        module.save(str(path))
    assert "return uses_the_debugger(input + 1)" in str(refused.value)
    assert not path.exists()


def test_submodules_may_be_plain_modules(tmp_path, assert_same_run):
    """ "This means that all submodules must be subclasses of ScriptModules as well": plain ones are compiled since
    PyTorch 1.2."""

    class Scaled(jit.ScriptModule):
        def __init__(self):
            super(Scaled, self).__init__()
            self.linear = nn.Linear(3, 4)

        @jit.script_method
        def forward(self, input):
            return self.linear(input) * 2

    module = Scaled()
    path = str(tmp_path / "module.pt")
    module.save(path)

    assert_same_run(jit.load(path), module, torch.rand(2, 3))
    assert_same_run(torch.jit.load(path), module, torch.rand(2, 3))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(jit.Error, match=r"no_such_file\.pt"):
        jit.load(str(tmp_path / "no_such_file.pt"))


def test_a_foreign_file_is_named(tmp_path):
    path = tmp_path / "notes.pt"
    path.write_text("not an archive")
    with pytest.raises(jit.Error, match=r"notes\.pt"):
        jit.load(str(path))
