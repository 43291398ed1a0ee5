"""Settings of a study that cannot be meant are refused in words, before anything is computed."""

import pytest

from experiments.process import config, contexts, formula, learning, settings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('objective = "max(cap)"', "two or more"),
        ('objective = "sqrt(cap, 2)"', "sqrt"),
        ('objective = "abs(cap, 1)"', "abs"),
        ('objective = "log(cap, 10)"', "log"),
        (f'objective = "cap * 1{"0" * 400}"', "holds"),
        ('objective = "cap * 1e400"', "holds"),
        ('objective = "' + "-" * 490 + 'cap"', "nested|cannot be read"),
        ("kappa = inf", "kappa"),
        ("kappa = nan", "kappa"),
        ("kappa = 1" + "0" * 400, "kappa"),
        ("seed = 12345678901234567890123", "seed"),
        ("seed = " + "[" * 5000 + "]" * 5000, "cannot be read"),
        ("objective = " + "[" * 300 + "]" * 300, "objective|cannot be read"),
        ("[limits]\ntemp = { above = 0, below = inf }", "temp"),
        ("[limits]\ntemp = { above = nan }", "temp"),
        ("[limits]\ntemp = { above = 1" + "0" * 400 + " }", "temp"),
        ('[limits]\n"\u00b5" = { above = 0 }\n"\u03bc" = { above = 1 }', "twice"),
        ("[context]\nday = { low = 0, high = 1" + "0" * 400 + " }", "day"),
        ("[context]\nday = { low = -inf, high = 1 }", "day"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(tmp_path, text, words):
    (tmp_path / settings.FILE).write_text(text)
    with pytest.raises(ValueError, match=words) as error:
        settings.read(tmp_path)
    assert str(tmp_path / settings.FILE) in str(error.value)


def test_a_folder_in_place_of_the_settings_is_named(tmp_path):
    (tmp_path / settings.FILE).mkdir()
    with pytest.raises(ValueError, match="cannot be read"):
        settings.read(tmp_path)


def test_names_are_spelled_alike_everywhere(tmp_path):
    micro, mu = "\u00b5", "\u03bc"  # two signs of Unicode for one letter
    text = f'objective = "{micro} + 1"\n[limits]\n"{micro}" = {{ below = 3 }}\n'
    text += f'[context]\n"d{micro}" = {{ low = 0, high = 1 }}'
    (tmp_path / settings.FILE).write_text(text, "utf-8")
    plan = settings.read(tmp_path)
    assert plan.objectives[0].names == {mu} == plan.limits.keys() and plan.objectives[0].text == f"{mu} + 1"
    assert contexts.given(plan.context, f"d{micro}=1") == contexts.given(plan.context, f"d{mu}=1")


def test_formulas_of_many_terms_and_arguments_are_read():
    long = formula.parse(" + ".join(["cap"] * 80))
    assert formula.evaluate(long, {"cap": 1.0}) == 80.0
    assert formula.evaluate(formula.parse("max(a, b, 1) - min(a, b) + log(exp(b))"), {"a": 3.0, "b": 2.0}) == 3.0


@pytest.mark.parametrize("options", [{"cells": -5}, {"cells": 10**9}, {"epochs": -1}, {"step": 0.0}, {"latent": 4}])
def test_learn_refuses_options_before_it_reads_the_file(tmp_path, options):
    with pytest.raises(ValueError, match=f"--{next(iter(options))} "):
        learning.learn(config.Learn(tmp_path, tmp_path / "missing.csv", **options))
