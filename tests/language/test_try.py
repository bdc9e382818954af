"""`try`: what the handlers catch is Python's, in process and through archives."""

import pytest
import torch
from torch import nn

import torchscript as jit


def integer(text: str):
    try:
        return int(text)
    except ValueError:
        return -1


def number(text: str):
    try:
        return float(text)
    except ValueError as error:
        return -float(len(str(error)))


def lookup(d: dict[str, int], key: str):
    try:
        return d[key]
    except KeyError:
        return 0


def element(xs: list[int], i: int):
    try:
        v = xs[i]
    except IndexError:
        v = -1
    return v


def quotients(d: dict[str, int], keys: list[str]):
    found: list[str] = []
    for k in keys:
        try:
            v = 10 // d[k]
        except KeyError:
            found.append("missing " + k)
        except (ZeroDivisionError, ValueError) as error:
            found.append("zero: " + str(error))
        else:
            found.append(str(v))
    return found


def parsed(words: list[str]):
    out: list[int] = []
    tries = 0
    for w in words:
        try:
            n = int(w)
            out.append(n * 2)
        except ValueError:
            continue
        finally:
            tries += 1
        if n > 100:
            break
    return out, tries


def raised_in_a_loop(xs: list[int]):
    total = 0
    try:
        for v in xs:
            if v == 0:
                raise ValueError(f"zero after {total}")
            total += v
    except ValueError as error:
        return -total, str(error)
    return total, "fine"


def asserted(n: int):
    try:
        assert n < 4, "too big"
        result = 1
    except AssertionError:
        result = -1
    return result


def returned_through_finally(n: int):
    steps: list[int] = []
    try:
        if n > 3:
            return steps
        n += 1
    finally:
        steps.append(n)
    return steps


def harmless(x):
    try:
        y = torch.relu(x) + 1
    except KeyError:
        y = x
    return y


def passed_on(x):
    try:
        y = x @ x.t()
    except RuntimeError as error:
        print(error)
        raise
    return y


X = torch.arange(6.0).reshape(2, 3)
CASES = [
    *((integer, t) for t in ("12", "", "-3", "x1", "1.5", "--1")),
    *((number, t) for t in ("12", "", "-3.5e-3", ".5", "1.", "1e", "e5", ".", "1 2", "inf")),
    (lookup, {"a": 1}, "a"), (lookup, {"a": 1}, "b"), (element, [1, 2], 5), (element, [1, 2], -2), (element, [1, 2], -3),
    (quotients, {"a": 1, "b": 0}, ["a", "zz", "b"]), (parsed, ["1", "x", "200", "3"]),
    (raised_in_a_loop, [3, 0, 1]), (raised_in_a_loop, [3, 1]), (asserted, 2), (asserted, 5),
    (returned_through_finally, 2), (returned_through_finally, 5), (harmless, X), (passed_on, X),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0].__name__)
def test_agrees(case, assert_everywhere):
    assert_everywhere(*case)


class Chosen(nn.Module):
    """What surely raises chooses the handler while compiling."""

    def __init__(self):
        super().__init__()
        self.config = {"a": 1}
        self.layer = nn.Linear(3, 3)

    def forward(self, x):
        try:
            y = self.missing(x)
        except AttributeError:
            y = self.layer(x)
        try:
            n = self.config["b"]
        except KeyError:
            n = 5
        try:
            import a_package_that_is_not_there

            y = a_package_that_is_not_there.run(y)
        except ImportError:
            y = y + n
        try:
            z = not_defined_anywhere + 1
        except NameError:
            z = 2
        return y * z


def test_certain_exceptions_choose_the_handler(assert_everywhere):
    assert_everywhere(Chosen(), X)


def test_exceptions_that_no_handler_catches_pass():
    def f(n: int):
        try:
            if n > 2:
                raise KeyError("other")
            r = n
        except ValueError:
            r = -1
        return r

    assert jit.script(f)(1) == 1
    with pytest.raises(KeyError):
        jit.script(f)(3)


def test_what_cannot_be_tested_before_is_refused(assert_refused):
    def f(x, y):
        try:
            z = x @ y
        except RuntimeError:
            z = x
        return z

    message = assert_refused(f, "z = x @ y")
    assert "matmul" in message and "'if'" in message


def test_a_handler_cannot_read_what_may_not_be_assigned(assert_refused):
    def f(d: dict[str, int], k: str):
        try:
            v = d[k]
        except KeyError:
            v = v + 1
        return v

    assert "may have no value" in assert_refused(f, "v = v + 1")
