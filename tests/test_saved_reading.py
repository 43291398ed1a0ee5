"""What the code of a function reads: submodules that it imports in a call, properties, derivatives of its own."""

import sys

import jax
import pytest

from ferro_jax import identity
from ferro_jax.identity import REACHED


def mark(value):
    return identity.digest(value), identity.attributes(value), identity.reached(value).get(REACHED, "")


def forget():
    for name in [name for name in sys.modules if name.partition(".")[0] == "simulators"]:
        del sys.modules[name]


def from_package(key, x):
    from simulators import film  # pyright: ignore[reportMissingImports]

    return film.thick(x)


def by_name(key, x):
    import simulators.film as film  # pyright: ignore[reportMissingImports]

    return film.thick(x)


@pytest.mark.parametrize("function", [from_package, by_name])
def test_submodules_that_are_imported_in_a_call_count(function, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    package = tmp_path / "simulators"
    package.mkdir()
    (package / "__init__.py").touch()
    found = []
    for text in ("x", "x", "2 * x"):
        (package / "film.py").write_text(f"def thick(x): return {text}")
        forget()
        found.append(mark(function))
    forget()
    assert found[0] == found[1] != found[2]


def test_a_module_that_is_not_there_counts_by_its_name():
    def objective(key, x):
        import surely_no_module_of_this_name as none  # pyright: ignore[reportMissingImports]

        return none.film(x)

    assert REACHED not in identity.reached(objective)


def test_a_property_that_is_read_counts():
    def instance(share):
        class Film:
            @property
            def half(self):
                return share

        Film.__qualname__ = "Film"
        return Film()

    def of(one):
        return lambda key, x: one.half * x

    assert mark(of(instance(0.5))) == mark(of(instance(0.5))) != mark(of(instance(0.4)))


def test_a_derivative_of_the_users_own_counts():
    def function(by):
        @jax.custom_jvp
        def plain(x):
            return x

        plain.defjvp(lambda primals, tangents: (primals[0], by * tangents[0]))
        return lambda key, x: plain(x[0])

    assert mark(function(1.0)) == mark(function(1.0)) != mark(function(2.0))
