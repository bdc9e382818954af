"""Section "Use of Python Values" of the language reference."""

import cmath
import math
import os.path
import pdb
import warnings

import pytest
import torch
import torch.nn.functional

import torchscript as jit

# --- Functions ---------------------------------------------------------------------------------------


def foo(x):
    print("I am called with {}".format(x))
    import pdb

    pdb.set_trace()
    return x


def test_a_python_function_stays_a_python_call(monkeypatch, capfd, tmp_path, assert_same):
    stops = []
    monkeypatch.setattr(pdb, "set_trace", lambda: stops.append(True))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")

        @jit.script
        def bar(x):  # the document leaves out the colon
            return foo(x + 1)

        x = torch.rand(3)
        assert_same(bar(x), x + 1)
        assert_same(bar(x), x + 1)

    assert len(stops) == 2
    assert capfd.readouterr().out == f"I am called with {x + 1}\n" * 2
    about_foo = [str(warning.message) for warning in caught if "foo" in str(warning.message)]
    assert len(about_foo) == 1, about_foo

    # "Attempting to call save on a ScriptModule that contains calls to Python functions will fail."
    path = tmp_path / "bar.pt"
    for save in (lambda: bar.save(str(path)), lambda: jit.save(bar, str(path))):
        with pytest.raises(jit.Error, match="foo") as refused:
            save()
        assert "return foo(x + 1)" in str(refused.value)
        assert os.path.basename(__file__) in str(refused.value)
        assert not path.exists()


def test_a_graph_shows_a_python_call(check_graph):
    with pytest.warns(Warning, match="foo"):

        @jit.script
        def bar(x):
            return foo(x + 1)

    assert "foo" in str(bar.graph)
    check_graph(bar.graph)


def test_a_python_function_that_is_in_the_language_is_compiled(assert_agrees, tmp_path, recwarn):
    def callee(x, times: int = 3):
        for _ in range(times):
            x = x + x
        return x

    def caller(x):
        return callee(x) + callee(x, times=1)

    scripted = assert_agrees(caller, torch.rand(2))
    assert not [warning for warning in recwarn if "callee" in str(warning.message)]
    assert "prim::Loop" in str(scripted.inlined_graph)
    scripted.save(str(tmp_path / "caller.pt"))


def test_a_mistake_in_a_callee_is_an_error(assert_refused):
    """A mistake in a function that is in the language never turns it into a Python call."""

    def callee(x):
        return x + no_such_name

    def caller(x):
        return callee(x * 2)

    message = assert_refused(caller, line="return x + no_such_name", match="no_such_name")
    # the way to it
    assert "return callee(x * 2)" in message


# --- Attribute lookup on Python modules --------------------------------------------------------------


def test_attribute_lookup_on_modules(assert_agrees):
    def f(x, y):
        return torch.add(x, y), torch.nn.functional.relu(x), math.sqrt(4.0)

    assert_agrees(f, torch.randn(3), torch.rand(3))


def test_a_function_of_another_module_is_called(assert_agrees):
    """ "This allows Torch Script to call functions defined in other modules." """

    def f(x):
        return torch.nn.functional.cosine_similarity(x, x + 1, dim=0) + torch.functional.norm(x)

    assert_agrees(f, torch.rand(3))


def test_an_unknown_attribute_of_a_module_is_refused(assert_refused):
    def f(x):
        return torch.no_such_function(x)

    assert_refused(f, line="return torch.no_such_function(x)", match="no_such_function")


# --- Python-defined constants ------------------------------------------------------------------------


def test_attributes_of_modules_are_constants(assert_agrees):
    def f(r: float):
        return math.pi * r * r, math.e, math.inf

    scripted = assert_agrees(f, 2.0)
    assert "value=3.1415926535897931" in str(scripted.graph)
    assert cmath.pi == math.pi


def test_attributes_of_a_script_module_are_constants(assert_same, check_graph):
    class Foo(jit.ScriptModule):
        __constants__ = ["a"]

        def __init__(self):
            super(Foo, self).__init__(False)
            self.a = 1 + 4

        @jit.script_method  # the document has @torch.jit.ScriptModule
        def forward(self, input):
            return self.a + input

    module = Foo()
    input = torch.rand(2)
    assert_same(module(input), 5 + input)
    assert 'name="a"' not in str(module.graph)
    assert "value=5" in str(module.graph)
    check_graph(module.graph)


CONSTANTS = {
    "int": (5, "input + self.a"),
    "bool": (True, "input + 1 if self.a else input - 1"),
    "torch.device": (torch.device("cpu"), "input.to(self.a)"),
    "torch.layout": (torch.strided, "torch.zeros(2, layout=self.a) + input"),
    "torch.dtype": (torch.double, "input.to(self.a)"),
    "tuple": ((1, 2), "input * self.a[0] + self.a[1]"),
    "nested tuple": ((1, (True, torch.double)), "input.to(self.a[1][1]) if self.a[1][0] else input.double()"),
    # later forms
    "float": (2.5, "input * self.a"),
    "str": ("text", "input * len(self.a)"),
    "None": (None, "input if self.a is None else input * 2"),
}


@pytest.mark.parametrize("kind", CONSTANTS)
def test_constant(define, assert_same, check_graph, kind):
    value, expression = CONSTANTS[kind]
    source = f"""
        import {{base}} as jit

        class Foo(jit.{{kind}}):
            __constants__ = ["a"]

            def __init__(self, a):
                super().__init__()
                self.a = a

            {{decorator}}
            def forward(self, input):
                return {expression}
    """
    scripted = define(source.format(base="torchscript", kind="ScriptModule", decorator="@jit.script_method"))(
        value
    )
    eager = define(source.format(base="torch.nn", kind="Module", decorator=""))(value)
    input = torch.rand(2)

    assert_same(scripted(input), eager(input))
    assert 'name="a"' not in str(scripted.graph)
    check_graph(scripted.graph)


def test_a_constant_module_list_is_iterated(assert_same):
    class Foo(jit.ScriptModule):
        __constants__ = ["mods"]

        def __init__(self):
            super(Foo, self).__init__()
            self.mods = torch.nn.ModuleList([torch.nn.Linear(2, 2), torch.nn.ReLU()])

        @jit.script_method
        def forward(self, input):
            for module in self.mods:
                input = module(input)
            return input

    module = Foo()
    input = torch.rand(3, 2)
    assert_same(module(input), module.mods[0](input).relu())


def test_a_value_that_is_no_constant_is_refused(assert_refused):
    class Opaque:
        pass

    opaque = Opaque()

    def f(x):
        return x + opaque

    assert_refused(f, line="return x + opaque", match="opaque|Opaque")
