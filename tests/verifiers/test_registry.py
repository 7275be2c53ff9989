"""Verifiers by object, by name and by import path."""

import re

import pytest

import verifiers
from rlsd_env import ConfigurationError
from rlsd_env.plugins import resolve
from verifiers import registry


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    monkeypatch.setattr(registry, "_FACTORIES", dict(registry._FACTORIES))


def test_by_object_by_name_and_by_path():
    verifier = verifiers.AnswerVerifier()
    assert verifiers.make(verifier) is verifier
    assert isinstance(verifiers.make("answer"), verifiers.AnswerVerifier)
    assert isinstance(verifiers.make("verifiers.composite:FormatVerifier"), verifiers.FormatVerifier)


def test_arguments_reach_the_class():
    policy = verifiers.ExtractionPolicy(("boxed",))
    assert verifiers.make("answer", policy=policy).policy is policy
    with pytest.raises(TypeError, match="policy"):
        verifiers.make(verifiers.AnswerVerifier(), policy=policy)


def test_register_as_call_and_as_decorator():
    verifiers.register("strict", lambda: verifiers.AnswerVerifier(verifiers.ExtractionPolicy(("answer_tag",))))

    @verifiers.register("mine")
    class Mine(verifiers.AnswerVerifier):
        pass

    assert verifiers.make("strict").policy.methods == ("answer_tag",)
    assert type(verifiers.make("mine")) is Mine
    assert {"answer", "mine", "strict"} <= set(verifiers.names())
    assert list(verifiers.names()) == sorted(verifiers.names())


def test_a_taken_name_is_only_replaced_on_demand():
    with pytest.raises(ValueError, match=r"'answer' is already registered.*replace=True"):
        verifiers.register("answer", verifiers.FormatVerifier)
    verifiers.register("answer", verifiers.AnswerVerifier)  # the same again is no conflict
    verifiers.register("answer", verifiers.FormatVerifier, replace=True)
    assert isinstance(verifiers.make("answer"), verifiers.FormatVerifier)


@pytest.mark.parametrize("name", ["", "  ", "a:b", 7])
def test_a_name_that_is_none(name):
    with pytest.raises(ValueError, match="must be a non-empty string"):
        verifiers.register(name, verifiers.AnswerVerifier)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("anwser", "'anwser'.*'answer'.*did you mean 'answer'?"),
        ("xyz", "'xyz'.*'answer', 'format'.*package.module:Name"),
        ("verifiers.nothing:Verifier", "no module 'verifiers.nothing'"),
        ("no_such_package.module:Verifier", "no module 'no_such_package.module'"),
        ("verifiers:AnswerVerifer", "no 'AnswerVerifer'.*did you mean 'AnswerVerifier'?"),
        (":Verifier", "no module ''"),
    ],
)
def test_an_unknown_verifier_is_named(spec, message):
    with pytest.raises(ValueError, match=message):
        verifiers.make(spec)


def test_source_that_cannot_be_read_is_told_in_one_line(tmp_path, monkeypatch):
    (tmp_path / "half_written.py").write_text("class Exact:\n    def verify(self)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    message = r"^'half_written:Exact': .*half_written.py, line 2, cannot be read, expected ':': def verify\(self\)$"
    with pytest.raises(ValueError, match=message):
        verifiers.make("half_written:Exact")
    with pytest.raises(ConfigurationError, match=message):
        resolve("half_written:Exact")


def test_of_a_module_only_what_may_be_a_verifier_is_named(tmp_path, monkeypatch):
    (tmp_path / "my_verifiers.py").write_text(
        "import math\nfrom typing import Any\nfrom verifiers import AnswerVerifier, Verdict\nLIMIT = 3\n"
        "class Exact(AnswerVerifier): pass\nclass Notes: pass\ndef made(): return Exact()\ndef _helper(): pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(
        ValueError, match=r"has no 'Exat'; did you mean 'Exact'\?; verifiers and functions in it: Exact, made$"
    ):
        verifiers.make("my_verifiers:Exat")


def test_a_missing_dependency_of_a_module_is_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "needs_more.py").write_text("import no_such_dependency\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        verifiers.make("needs_more:Anything")


class OnlyVerify:
    """Not a verifier: it has no name and cannot judge a batch."""

    def verify(self, response, reference):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("spec", "lacks"),
    [
        (OnlyVerify(), "verify_batch(), privileged(), feedback(), name, version"),
        (f"{__name__}:OnlyVerify", "verify_batch()"),
        ("math:pi", "verify()"),
        (verifiers.AnswerVerifier, "this is a class"),
        (None, "verify()"),
    ],
)
def test_what_is_no_verifier_is_refused_with_what_it_lacks(spec, lacks):
    with pytest.raises(TypeError, match=re.escape(lacks)):
        verifiers.make(spec)


class Switched(verifiers.FormatVerifier):
    def __init__(self, on: bool = True, *, maybe: bool | None = None, of_default=False, mode: str = "") -> None:
        self.given = (on, maybe, of_default, mode)


def test_a_boolean_is_no_text():
    given = {"on": False, "maybe": None, "of_default": True, "mode": "False"}
    assert verifiers.make(f"{__name__}:Switched", **given).given == (False, None, True, "False")
    for name in ("on", "maybe", "of_default"):
        with pytest.raises(TypeError, match=f"{name} is 'False'; it must be true or false"):
            verifiers.make(f"{__name__}:Switched", **{name: "False"})
    with pytest.raises(TypeError, match="on is None; it must be true or false"):
        verifiers.make(f"{__name__}:Switched", on=None)
