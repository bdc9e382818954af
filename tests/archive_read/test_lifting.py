"""Byte code that PyTorch does not make: what it stands for is bounded, and every number in it is checked."""

import time

import pytest
import torch

import torchscript as jit
from torchscript.archive.mobile.bytecode import Instruction, Method, Parameter
from torchscript.archive.mobile.source import source_of
from torchscript.archive.unpickler import EnumMember, ScriptObject

from .mobile_archives import without_source


def lifted(*instructions: tuple[str, int, int], constants=(), types=(), operators=(), **changes) -> str:
    """The code of one method; it takes the object and an int, which are registers 1 and 2."""
    parameters = (Parameter("self", "__torch__.M"), Parameter("n", "int"))
    method = Method(
        "__torch__.M.forward",
        tuple(Instruction(*i) for i in (("STOREN", 1, 2), *instructions, ("RET", 0, 0))),
        operators,
        constants,
        types,
        changes.get("parameters", parameters),
        "Any",
    )
    annotations = changes.get("annotations", {})
    state = changes.get("state", {"a": 1})
    texts, _ = source_of(ScriptObject("__torch__.M", state), [method], "file", annotations, file_size=1000)
    return texts.read_text("code/__torch__.py")


LOAD_N = ("LOAD", 2, 0)


@pytest.mark.parametrize(
    "instructions, problem",
    [
        ([("LOADC", -1, 0)], "names constant -1, where there are 1"),
        ([("LIST_CONSTRUCT", 3, 0)], "names type 3, where there are 0"),
        ([LOAD_N, ("ISINSTANCE", 0, 1)], "names type 0, where there are 0"),
        ([("OP", 7, 0)], "names operator 7, where there are 0"),
        ([("INTERFACE_CALL", 0, 0)], "calls a method of no object"),
        ([("TUPLE_CONSTRUCT", 5, 0)], "takes 5 values, where there are 0"),
        ([("DROP", 0, 0)], "takes 1 values, where there are 0"),
        ([LOAD_N, ("LIST_UNPACK", -3, 0)], "unpacks -3 values"),
        ([LOAD_N, ("LIST_UNPACK", 0x7FFFFFFF, 0)], "stands for far more code"),
        ([("LOAD", 9, 0)], "reads register 9, which holds nothing"),
        ([LOAD_N, ("JF", 2**31 - 1, 0)], "jumps from"),
        # a side of a branch that leaves one value more
        ([LOAD_N, ("JF", 3, 0), LOAD_N, ("JMP", 1, 0)], "has a branch whose sides leave different numbers of values"),
        # a loop that takes the value below what it was given
        (
            [LOAD_N, LOAD_N, LOAD_N, ("LOADC", 0, 0), ("LOOP", 8, 2), ("DROP", 0, 0), ("DROP", 0, 0),
             ("DROP", 0, 0), ("DROP", 0, 0), LOAD_N, LOAD_N, ("JMP", -7, 0)],
            "has a loop that does not leave the values it began with",
        ),
    ],
)  # fmt: skip
def test_numbers_that_do_not_fit(instructions, problem: str) -> None:
    with pytest.raises(jit.ArchiveError, match=f"^file: the byte code of '__torch__.M.forward' {problem}"):
        lifted(*instructions, constants=("text",))


def test_a_branch_replaces_what_was_below_it() -> None:
    """Each side takes the value that stood there before, and leaves another."""
    code = lifted(
        ("LOADC", 0, 0), LOAD_N, ("JF", 4, 0),
        ("DROP", 0, 0), ("LOADC", 1, 0), ("JMP", 3, 0),
        ("DROP", 0, 0), ("LOADC", 2, 0),
        constants=("below", "then", "else"),
    )  # fmt: skip
    assert code.endswith(
        """(self: __torch__.M, n: int) -> Any:
    if n:
      _1 = "then"
    else:
      _1 = "else"
    return _1
"""
    )


def test_a_branch_replaces_nothing() -> None:
    """One side takes the value below and puts it back; the other leaves it alone."""
    code = lifted(
        LOAD_N, LOAD_N, ("JF", 4, 0), ("STORE", 3, 0), LOAD_N, ("JMP", 1, 0),
    )  # fmt: skip
    assert code.endswith("    if n:\n      pass\n    else:\n      pass\n    return n\n")


@pytest.mark.parametrize("text", ["x" * 60_000, ["x"] * 20_000], ids=["string", "list"])
def test_a_constant_that_is_used_very_often(text) -> None:
    uses = [("LOADC", 0, 0), ("DROP", 0, 0)] * 1000
    with pytest.raises(jit.ArchiveError, match="stands for far more code than a file of its size holds"):
        lifted(*uses, constants=(text,))


def test_many_branches_over_a_deep_stack() -> None:
    """Two hundred million copies of values, if each branch copied the stack."""
    deep, many = 20_000, 10_000
    branch = [LOAD_N, ("JF", 2, 0), ("JMP", 1, 0)]
    begin = time.process_time()
    code = lifted(*[LOAD_N] * deep, *branch * many)
    assert time.process_time() - begin < 4
    assert code.count("if n:") == many


def test_a_type_of_many_blanks() -> None:
    text = "__torch__.P[NamedTuple, [[a," + " " * 60_000 + "]]"
    begin = time.process_time()
    lifted(("LIST_CONSTRUCT", 0, 0), types=(text + "]",))
    assert time.process_time() - begin < 2


def test_a_list_that_was_saved_with_a_damaged_type() -> None:
    items = [1]
    with pytest.raises(
        jit.ArchiveError, match=r"^file: a list was saved with its type: 'List\[int' is no type"
    ):
        lifted(state={"items": items}, annotations={id(items): (items, "List[int")})


@pytest.mark.filterwarnings("ignore:Lite Interpreter")
def test_text_outside_of_ascii() -> None:
    class Greeting(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> str:
            return "grüße 😀 Ã©\x07 \"'\\"

    script = torch.jit.script(Greeting())
    loaded = jit.load(without_source(bytes(script._save_to_buffer_for_lite_interpreter())))
    assert loaded(torch.ones(1)) == Greeting()(torch.ones(1))


def test_many_values_of_one_long_type() -> None:
    """A hundred million characters, if the type of each tuple were written out."""
    inner = tuple(range(3000))
    with pytest.raises(jit.ArchiveError, match=r"^file: an attribute has a type of too many parts"):
        lifted(state={f"a{i}": (inner, i) for i in range(5000)})
    with pytest.raises(jit.ArchiveError, match=r"^file: an attribute has a type of too many parts"):
        lifted(state={"a": (inner,) * 10_000})


def test_many_members_of_one_enum() -> None:
    members = [EnumMember("__torch__.E", i) for i in range(30_000)]
    begin = time.process_time()
    lifted(state={"a": members})
    assert time.process_time() - begin < 2
