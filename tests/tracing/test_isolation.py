"""Recording leaves nothing behind, and threads do not see each other's."""

import builtins
import gc
import random
import sys
import threading
import weakref

import pytest
import torch
import torch._functorch.vmap
from torch import nn

import torchscript as jit


def helper(x):
    return x * int(x.size(0) / 2)


def switches():
    return (
        nn.Module.__call__,
        builtins.len,
        torch._functorch.vmap.vmap_impl,
        torch._C._is_tracing,
        torch._C._get_tracing_state,
        torch.autograd.Function.apply.__func__,
        random.random,
        torch.FloatTensor,
        "__new__" in vars(torch.Tensor),
        list(sys.meta_path),
        torch.overrides._get_current_function_mode(),
        jit.is_tracing(),
        gc.get_threshold(),
        helper.__code__.co_names,
        torch.is_grad_enabled(),
    )


def test_nothing_is_left_switched_on():
    before = switches()

    jit.trace(nn.Sequential(nn.Linear(3, 3)), torch.rand(2, 3))
    jit.trace(helper, torch.rand(2, 3))

    assert switches() == before


@pytest.mark.parametrize(
    "fails", ["at once", "in a module", "in an operator", "in a transform", "without gradients"]
)
def test_errors_leave_nothing_switched_on(fails):
    class Fails(nn.Module):
        def forward(self, x):
            raise ValueError("no")

    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.fails = Fails()

        def forward(self, x):
            return self.fails(x)

    def without_gradients(x):
        with torch.no_grad():
            raise ValueError("no")

    def at_once(x):
        raise ValueError("no")

    failing = {
        "at once": at_once,
        "in a module": Outer(),
        "in an operator": lambda x: nn.functional.linear(x, torch.rand(7, 7)),
        "in a transform": lambda x: torch.vmap(at_once)(x),
        "without gradients": without_gradients,
    }[fails]
    before = switches()

    with pytest.raises((ValueError, RuntimeError)):
        jit.trace(failing, torch.rand(2, 3))

    assert switches() == before
    assert str(jit.trace(lambda x: x + 1, torch.rand(2)).graph).count("aten::") == 1


def test_an_error_that_the_code_catches(assert_same):
    class Falls(nn.Module):
        def __init__(self):
            super().__init__()
            self.wrong, self.right = nn.Linear(3, 3), nn.Linear(4, 4)

        def forward(self, x):
            try:
                return self.wrong(x)
            except RuntimeError:
                return self.right(x)

    module = Falls()
    traced = jit.trace(module, torch.rand(2, 4))

    x = torch.rand(3, 4)
    assert_same(traced(x), module(x))


def test_threads_record_side_by_side():
    x = torch.rand(2, 4)
    found = {}
    stop = threading.Event()

    def trace(number):
        module = nn.Sequential(*(nn.Linear(4, 4) for _ in range(number + 1)))
        graphs = {
            str(jit.trace(module, x, check_trace=False).inlined_graph).count("aten::linear")
            for _ in range(10)
        }
        found[number] = graphs

    def run():
        module = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        while not stop.is_set():
            module(x)
            assert not jit.is_tracing() and len(x) == 2

    before = switches()
    bystander = threading.Thread(target=run)
    threads = [threading.Thread(target=trace, args=(i,)) for i in range(3)]
    for thread in (bystander, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    bystander.join()

    assert found == {0: {1}, 1: {2}, 2: {3}}
    assert switches() == before


def test_is_tracing():
    seen = []

    def f(x):
        seen.append(jit.is_tracing())
        return x

    jit.trace(f, torch.rand(2), check_trace=False)
    assert seen == [True] and not jit.is_tracing()


def test_what_is_imported_meanwhile_finds_the_originals(tmp_path, monkeypatch):
    (tmp_path / "imported_meanwhile.py").write_text(
        "import torch\nfound = len, torch.nn.Module.__call__, torch.FloatTensor, torch._C._is_tracing\n"
        "table = torch.tensor([1.0, 2.0])\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    before = len, nn.Module.__call__, torch.FloatTensor, torch._C._is_tracing

    def f(x):
        from imported_meanwhile import found, table

        assert found == before and found != (len, nn.Module.__call__, torch.FloatTensor, torch._C._is_tracing)
        return x + table

    traced = jit.trace(f, torch.rand(2), check_trace=False)

    assert torch.equal(traced(torch.zeros(2)), torch.tensor([1.0, 2.0]))
    assert "exec_module" not in vars(sys.modules["imported_meanwhile"].__loader__)


@pytest.mark.parametrize("check", [False, True])
def test_traced_modules_are_not_kept_alive(check):
    module = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    traced = jit.trace(module, torch.rand(2, 3), check_trace=check)
    traced(torch.rand(4, 3))
    alive = [weakref.ref(module), weakref.ref(module[0].weight), weakref.ref(traced)]

    del module, traced
    gc.collect()

    assert [reference() for reference in alive] == [None] * 3
