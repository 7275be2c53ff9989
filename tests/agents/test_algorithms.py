from __future__ import annotations

import re

import pytest
import torch
from torch import tensor
from torch.testing import assert_close

from agents.algorithms import Signals, find, hyperparameters, make, names, register
from agents.names import check_agent
from rlsd_env import ConfigurationError
from rlsd_env.plugins import resolve as find_unchecked

RLSD = {
    "teacher": "synced(10)",
    "divide_by_std": True,
    "lam": 0.5,
    "warmup_steps": 0,
    "decay_steps": 50,
    "epsilon": 0.2,
    "hint": "answer",
    "negative_only": False,
    "thought_only": False,
    "student": "current",
    "conserving": "none",
}
DEFAULTS = {
    "grpo": {"divide_by_std": True},
    "opsd": {
        "teacher": "frozen",
        "form": "full",
        "beta": 0.5,
        "top_k": 100,
        "support": "teacher",
        "tail": True,
        "entry_clip": 0.0,
    },
    "sdpo": {
        "teacher": "ema(0.05)",
        "form": "top_k",
        "alpha": 0.5,
        "top_k": 100,
        "max_ratio": 2.0,
        "threshold": 0.0,
        "feedback": "without_sibling",
        "own_success": True,
        "grpo_share": 0.0,
    },
    "grpo+opsd": {
        "teacher": "frozen",
        "divide_by_std": True,
        "form": "loss",
        "coefficient": 0.1,
        "beta": 0.5,
        "baseline": "group",
    },
    "sdar": {"teacher": "live", "divide_by_std": True, "hint": "reference", "coefficient": 0.01, "sharpness": 5.0},
    "srpo": {
        "teacher": "ema(0.05)",
        "alpha": 0.5,
        "top_k": 100,
        "max_ratio": 2.0,
        "threshold": 0.0,
        "sharpness": 1.0,
        "divide_by_std": False,
    },
    "demopsd": {
        "teacher": "ema(0.05)",
        "top_k": 100,
        "max_ratio": 2.0,
        "threshold": 0.0,
        "sharpness": 50.0,
        "most": 0.15,
        "least": 1e-8,
        "reference": "teacher",
    },
    "rlsd": RLSD,
    "rlsd-gated": RLSD | {"rate": 0.2, "probe_every": 10},
    "rlsd-signal": RLSD | {"reference_steps": 5, "rate": 0.2, "stop": 0.25, "patience": 5},
    "rlsd-clip-target": RLSD | {"target": 0.05, "least": 0.1, "most": 0.5},
    "rlsd-difficulty": RLSD,
    "rlsd-capped": RLSD | {"least": 0.05},
    "rlsd-visual": RLSD | {"form": "add", "k": 0.5, "top": 0.2, "degrade": "blurred"},
    "egrsd": RLSD | {"floor": 0.1},
    "rlrt": RLSD | {"hint": "sibling"},
    "antisd": {
        "teacher": "live",
        "divide_by_std": True,
        "lam": 0.1,
        "hint": "solution",
        "warmup_steps": 5,
        "low": 0.93,
    },
    "credit": {"teacher": "ema(0.05)", "others": 1, "strength": 0.5, "reward": 0.0},
    "rlsd-critic": {
        "teacher": "live",
        "divide_by_std": True,
        "hint": "answer",
        "trace": 1.0,
        "calibrated": True,
        "rate": 0.2,
    },
    "cepo": {
        "teacher": "live",
        "divide_by_std": True,
        "lam": 0.5,
        "decay_steps": 25,
        "epsilon": 0.5,
        "wrong": 1,
        "fallback": "rlsd",
    },
    "rlcsd": {
        "teacher": "synced(10)",
        "divide_by_std": True,
        "lam": 0.5,
        "decay_steps": 10**9,
        "wrong": 4,
        "fallback": "grpo",
        "tau": 0.02,
        "scale": 1.0,
        "floor": 0.02,
        "means": "one",
        "eta": 1.0,
    },
    "belief": {
        "teacher": "synced(10)",
        "divide_by_std": True,
        "form": "multiply",
        "lam": 0.5,
        "bound": 0.5,
        "unit": "token",
        "least": 0.05,
    },
    "opd": {"teacher": "external(tiny)", "form": "sampled", "top_k": 16, "beta": 0.0, "reward": 0.0},
    "hdpo": {"teacher": "live", "divide_by_std": True, "lam": 0.01, "top_k": 64, "attempts": 0, "mentions": True},
    "npo": {
        "guide": "external(tiny)",
        "divide_by_std": True,
        "gate": 0.6,
        "slots": 1,
        "attempts": 0,
        "until": 10**9,
        "off_policy": False,
    },
}
MUST = {"opd": {"teacher": "external(tiny)"}, "npo": {"guide": "external(tiny)"}}
"""Options without a default."""
CONTEXT = {
    "opsd": "solution",
    "grpo+opsd": "solution",
    "sdpo": "sibling",
    "srpo": "sibling",
    "demopsd": "sibling",
    "sdar": "hint",
    "opd": "question",
    "hdpo": "solution",
}
CONTEXT |= {"rlrt": "sibling", "antisd": "solution", "credit": "solution"}
"""The context of those that have one which is not the answer."""


def signals(step=0, context="answer", state=None):
    """Two responses of two tokens; A = +1 and -1; D = (.1, 1) and (-.05, 0)."""
    student = tensor([[-1.0, -2.0], [-0.5, -1.5]])
    gain = tensor([[0.1, 1.0], [-0.05, 0.0]])
    return Signals(
        A_N1=tensor([[1.0], [-1.0]]),
        S_NT=student,
        S_old_NT=student,
        mask_NT=torch.ones(2, 2, dtype=torch.bool),
        step=step,
        logp={context: student + gain} if context else {},
        shown={context: torch.ones(2, 1, dtype=torch.bool)} if context else {},
        success_N1=tensor([[0.5], [0.5]]),
        turn_NT=torch.zeros(2, 2, dtype=torch.long),
        state=state or {},
    )


def advantages(name, options=None, **given):
    given = {"context": CONTEXT.get(name, "answer")} | given
    credit = make(name, options).credit(signals(**given))
    return None if credit is None else credit.advantages


def test_the_vetted_settings_are_the_defaults():
    made = {name: make(name, MUST.get(name)) for name in names()}
    assert {name: hyperparameters(one) for name, one in made.items()} == DEFAULTS
    assert {name: make(name, options) for name, options in DEFAULTS.items()} == made


def test_token_advantages_by_hand():
    assert_close(advantages("grpo").expand(2, 2), tensor([[1.0, 1.0], [-1.0, -1.0]]))
    # lam .5: .5 + .5 e^.1 = 1.052585; .5 + .5 * 1.2 (clipped) = 1.1; A = -1: -(.5 + .5 e^.05) = -1.025636; -1
    assert_close(advantages("rlsd"), tensor([[1.052585, 1.1], [-1.025636, -1.0]]), atol=1e-5, rtol=0)
    # at step 25 lam is .25: .75 + .25 e^.1 = 1.026293
    assert advantages("rlsd", step=25)[0, 0].item() == pytest.approx(1.026293, abs=1e-5)
    assert_close(advantages("opsd", {"form": "sampled"}), tensor([[0.1, 1.0], [-0.05, 0.0]]))
    assert advantages("opsd") is None
    assert advantages("sdpo") is None
    assert_close(advantages("grpo+opsd").expand(2, 2), tensor([[1.0, 1.0], [-1.0, -1.0]]))
    added = advantages("grpo+opsd", {"form": "advantage", "coefficient": 0.5})
    assert_close(added, tensor([[1.05, 1.5], [-1.025, -1.0]]))
    mixed = advantages("grpo+opsd", {"form": "mix", "coefficient": 0.25})
    assert_close(mixed.expand(2, 2), tensor([[0.75, 0.75], [-0.75, -0.75]]))
    assert_close(advantages("sdpo", {"grpo_share": 0.25}), tensor([[0.25], [-0.25]]))
    assert_close(advantages("sdar"), tensor([[1.0], [-1.0]]))
    assert advantages("srpo") is None  # what has a demonstration
    assert_close(advantages("srpo", context=None), tensor([[1.0], [-1.0]]))


def test_rewards_are_normalised_over_the_batch_where_that_is_asked_for():
    rewards, valid = tensor([[1.0, 1.0], [1.0, 0.0]]), torch.ones(2, 2, dtype=torch.bool)
    # mean 3/4, unbiased variance (3/16 + 9/16) / 3 = 1/4: 1/4 / 1/2 = .5, -3/4 / 1/2 = -1.5
    got = make("grpo+opsd", {"baseline": "batch"}).group_advantages(rewards, valid)
    assert_close(got, tensor([[0.5, 0.5], [0.5, -1.5]]), atol=1e-5, rtol=0)
    got = make("grpo+opsd", {"baseline": "batch", "divide_by_std": False}).group_advantages(rewards, valid)
    assert_close(got, tensor([[0.25, 0.25], [0.25, -0.75]]))
    # within groups the first has no contrast: 0; the second +-1/2 / .70711
    got = make("grpo+opsd").group_advantages(rewards, valid)
    assert_close(got, tensor([[0.0, 0.0], [0.707106, -0.707106]]), atol=1e-5, rtol=0)
    # Dr. GRPO's: +-1/2
    assert_close(make("srpo").group_advantages(rewards, valid), tensor([[0.0, 0.0], [0.5, -0.5]]))


def test_sdar_pushes_by_a_gate_beside_the_surrogate():
    credit = make("sdar").credit(signals(context="hint"))
    # D = .1, 1, -.05, 0: sigmoid(.5) = .622459, sigmoid(5) = .993307, sigmoid(-.25) = .437823, sigmoid(0) = .5
    gate = tensor([[0.622459, 0.993307], [0.437823, 0.5]])
    assert_close(credit.per_token["gate"], gate, atol=1e-6, rtol=0)
    assert_close(credit.unclipped, 0.01 * gate, atol=1e-7, rtol=0)
    assert (credit.unclipped > 0).all()  # never down
    assert make("sdar").credit(signals(context=None)).unclipped is None
    assert not make("sdar", {"coefficient": 0.0}).contexts(0, {})


def test_opd_adds_the_verifier_to_the_other_models_evidence():
    assert_close(advantages("opd", MUST["opd"]), tensor([[0.1, 1.0], [-0.05, 0.0]]))
    assert_close(advantages("opd", MUST["opd"] | {"reward": 2.0}), tensor([[2.1, 3.0], [-2.05, -2.0]]))
    assert advantages("opd", MUST["opd"] | {"form": "full"}) is None


PLAIN = ["grpo", "rlsd", "cepo", "rlcsd", "belief", "rlsd-gated", "rlsd-signal", "rlsd-clip-target", "rlsd-difficulty"]
PLAIN += ["rlsd-capped", "rlsd-visual", "egrsd", "rlrt", "antisd", "credit", "npo"]


@pytest.mark.parametrize("name", PLAIN)
def test_no_distributions_are_asked_for_where_none_are_compared(name):
    made = make(name, MUST.get(name))
    contexts = made.contexts(0, made.initial())
    assert not any(context.full or context.top_k for context in contexts.values())


def test_rlsd_asks_no_teacher_once_lam_is_0():
    rlsd = make("rlsd")
    assert list(rlsd.contexts(49, {})) == ["answer"]
    assert not rlsd.contexts(50, {})
    assert not make("rlsd", {"lam": 0.0}).contexts(0, {})
    assert torch.equal(advantages("rlsd", step=60, context=None), advantages("grpo", step=60, context=None))


def test_who_is_trained_on():
    A_N, has = tensor([1.0, 0.0, -1.0]), tensor([True, True, False])
    expected = {
        "grpo": [True, False, True],
        "rlsd": [True, False, True],
        "opsd": [True, True, False],
        "sdpo": [True, True, False],
        "grpo+opsd": [True, True, True],
        "sdar": [True, True, True],
        "srpo": [True, True, True],
        "demopsd": [True, True, False],
        "opd": [True, True, True],
        "hdpo": [True, True, True],
        "npo": [True, False, True],
    }
    for name, active in expected.items():
        shown = {CONTEXT.get(name, "answer"): has}
        assert make(name, MUST.get(name)).active(A_N, shown).tolist() == active, name
    assert make("grpo+opsd", {"coefficient": 0.0}).active(A_N, {}).tolist() == [True, False, True]
    assert make("sdpo").episode_weights(A_N, {"sibling": has}).tolist() == [1, 1, 0]  # out of the denominator as well
    assert make("demopsd").episode_weights(A_N, {"sibling": has}).tolist() == [1, 1, 0]
    mixed = make("sdpo", {"grpo_share": 0.5})
    assert mixed.active(A_N, {"sibling": has}).tolist() == [True, True, True]
    assert mixed.episode_weights(A_N, {"sibling": has}).tolist() == [1, 1, 1]
    assert make("sdpo", {"grpo_share": 1.0}).active(A_N, {}).tolist() == [True, False, True]
    whole = make("grpo+opsd", {"form": "mix", "coefficient": 1.0})
    assert whole.active(A_N, {"solution": has}).tolist() == [True, True, False]
    assert make("sdar", {"coefficient": 0.0}).active(A_N, {}).tolist() == [True, False, True]
    assert make("srpo").episode_weights(A_N, {"sibling": has}).tolist() == [1, 1, 1]  # one denominator for all
    assert make("grpo").episode_weights(A_N, {}).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("grop", {}, "unknown agent 'grop'; did you mean 'grpo'"),
        ("rlsd", {"lamda": 0.3}, "unknown option of rlsd 'lamda'; did you mean 'lam'"),
        ("rlsd", {"lam": "a lot"}, "lam is 'a lot'; it must be of type float"),
        ("rlsd", {"lam": 1.5}, "between 0 and 1"),
        ("rlsd", {"epsilon": 1.1}, "between 0 and 1"),
        ("rlsd", {"epsilon": 1.0, "conserving": "response"}, "take one below 1"),
        ("rlsd", {"decay_steps": 0}, "at least 1"),
        ("rlsd", {"teacher": "old"}, "allowed are live, frozen"),
        ("opsd", {"form": "token"}, "allowed: full, sampled, student_top1, teacher_top1, top_k"),
        ("opsd", {"form": "mean"}, "allowed: full, sampled"),
        ("opsd", {"top_k": 5}, "top_k of opsd is 5, which form full does not use; forms that do: top_k"),
        ("opsd", {"form": "sampled", "beta": 0.0}, "forms that do: full, top_k, student_top1"),
        ("opsd", {"form": "top_k", "support": "both"}, "allowed: student, teacher"),
        ("opsd", {"form": "top_k", "top_k": 1, "tail": False}, "top_k must be at least 2"),
        ("opsd", {"entry_clip": -0.1}, "entry_clip at least 0"),
        ("opsd", {"beta": 2.0}, "between 0 and 1"),
        ("sdpo", {"feedback": "yes"}, "allowed: always, never, without_sibling"),
        ("sdpo", {"top_k": 0}, "at least 1"),
        ("sdpo", {"max_ratio": -1.0}, "max_ratio at least 0"),
        ("sdpo", {"threshold": 2.0}, "threshold between 0 and 1"),
        ("sdpo", {"grpo_share": 1.5}, "grpo_share of sdpo is 1.5"),
        ("grpo+opsd", {"form": "sum"}, "allowed: advantage, loss, mix"),
        ("grpo+opsd", {"form": "mix", "coefficient": 2.0}, "in form mix it must be between 0 and 1"),
        ("grpo+opsd", {"form": "advantage", "beta": 0.0}, "forms that do: loss, mix"),
        ("grpo+opsd", {"coefficient": -1.0}, "is -1.0, which pushes away from the teacher"),
        ("grpo+opsd", {"baseline": "none"}, "allowed: batch, group"),
        ("sdar", {"hint": "answer"}, "allowed: feedback, reference"),
        ("sdar", {"coefficient": -0.1}, "both must be at least 0"),
        ("srpo", {"sharpness": -1.0}, "sharpness at least 0"),
        ("demopsd", {"most": 1.5}, "most between 0 and 1"),
        ("demopsd", {"reference": "both"}, "allowed: student, teacher"),
        ("grpo", {"divide_by_std": 1}, "of type bool"),
        ("opd", {}, "teacher of opd is ''; give another model"),
        ("opd", {"teacher": "frozen"}, "give another model"),
        ("opd", {"teacher": "external(tiny)", "form": "all"}, "allowed: full, sampled, top_k"),
        ("opd", {"teacher": "external(tiny)", "beta": 0.7}, "form sampled does not use; forms that do: top_k, full"),
        ("opd", {"teacher": "external(tiny)", "form": "full", "top_k": 3}, "which form full does not use"),
        ("cepo", {"fallback": "none"}, "allowed: grpo, rlsd"),
        ("cepo", {"wrong": 0}, "at least 1"),
        ("belief", {"unit": "word"}, "allowed: token, turn"),
        ("belief", {"form": "add"}, "allowed: multiply, replace"),
        ("belief", {"form": "replace", "lam": 0.9}, "lam of belief is 0.9, which form replace does not use"),
        ("belief", {"form": "replace", "bound": 0.1}, "bound of belief is 0.1, which form replace does not use"),
        ("rlsd-gated", {"rate": 0.0}, "above 0"),
        ("rlsd-gated", {"negative_only": True}, "right and wrong episodes; leave it out"),
        ("rlsd", {"hint": "feedback"}, "unknown hint of rlsd 'feedback'; allowed: answer, sibling, solution"),
        ("rlsd", {"student": "new"}, "allowed: current, old"),
        ("rlsd", {"student": "old", "conserving": "group"}, "unknown student of rlsd 'old'; allowed: current"),
        ("rlsd-capped", {"student": "old"}, "unknown student of rlsd-capped 'old'; allowed: current"),
        ("rlsd", {"conserving": "batch"}, "allowed: group, none, response"),
        ("rlsd", {"warmup_steps": -1}, "warmup_steps of rlsd is -1; it must be at least 0"),
        ("rlrt", {"negative_only": True}, "where A > 0 alone; leave the option out"),
        ("antisd", {"hint": "none"}, "allowed: answer, sibling, solution"),
        ("antisd", {"warmup_steps": 0}, "warmup_steps at least 1"),
        ("rlsd-visual", {"form": "multiply"}, "allowed: add, gate"),
        ("rlsd-visual", {"degrade": "noise"}, "allowed: blank, blurred, shuffled"),
        ("rlsd-visual", {"form": "gate", "top": 0.0}, "top above 0"),
        (
            "rlsd-visual",
            {"form": "gate", "k": 9.0},
            "k of rlsd-visual is 9.0, which form gate does not use; forms that",
        ),
        ("rlsd-visual", {"top": 0.5}, "top of rlsd-visual is 0.5, which form add does not use; forms that do: gate"),
        ("rlsd-signal", {"patience": 0}, "at least 1"),
        ("rlsd-clip-target", {"least": 0.5}, "least below most"),
        ("rlsd-capped", {"least": 0.6}, "at most 0.5"),
        ("rlsd-capped", {"hint": "solution"}, "it must be answer"),
        ("egrsd", {"floor": 2.0}, "between 0 and 1"),
        ("rlcsd", {"means": "three"}, "allowed: one, two"),
        ("rlcsd", {"means": "two", "eta": -1.0}, "eta -1.0 of rlcsd"),
        ("rlcsd", {"eta": 3.0}, "eta of rlcsd is 3.0, which means one does not use; means that do: two"),
        ("credit", {"others": 0}, "others must be at least 1"),
        ("grpo", {"teacher": "ema(0.1)"}, "unknown option of grpo 'teacher'"),
        ("no_such_module:Thing", {}, "no module named 'no_such_module'"),
        ("agents.losses:Thing", {}, "unknown name in module 'agents.losses' 'Thing'"),
        ("agents.losses:entropy", {}, "not a class derived from agents.Algorithm"),
    ],
)
def test_what_cannot_be_made_is_named(name, options, message):
    with pytest.raises(ConfigurationError, match=message.replace("(", r"\(")):
        make(name, options)


def test_of_a_module_only_what_may_be_an_agent_is_named(tmp_path, monkeypatch):
    (tmp_path / "my_agents.py").write_text(
        "from typing import ClassVar\nimport torch\nfrom agents import Algorithm\nfrom rlsd_env import TaskSource\n"
        "class Tasks(TaskSource): pass\nclass More(Tasks): pass\nclass Notes: pass\nclass _Base(Algorithm): pass\n"
        "class Mine(_Base): pass\ndef helper(): pass\nOTHER = Mine\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    for asked in (check_agent, find):
        with pytest.raises(ConfigurationError, match=r"'Mien'; did you mean 'Mine'\? allowed: Mine(, OTHER)?$"):
            asked("my_agents:Mien")
    check_agent("my_agents:OTHER")


UNDECORATED = """
from dataclasses import dataclass
from typing import ClassVar
from agents import Algorithm
from agents.algorithms.grpo import GRPO

class Plain(Algorithm):
    name: ClassVar[str] = "plain"
    bonus: float = 0.5

@dataclass(frozen=True)
class Onwards(Plain):
    name: ClassVar[str] = "onwards"

@dataclass(frozen=True)
class Nameless(Algorithm):
    bonus: float = 0.5

@dataclass(frozen=True)
class Variant(GRPO):
    bonus: float = 0.5

class Bare(GRPO):
    name: ClassVar[str] = "bare"
"""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "Plain",
            "is no dataclass, so that bonus would be no option of it; write @dataclass(frozen=True) above class Plain",
        ),
        ("Onwards", "write @dataclass(frozen=True) above class Plain"),
        ("Nameless", 'has no name of its own; write name: ClassVar[str] = "nameless" in class Nameless'),
        ("Variant", 'write name: ClassVar[str] = "variant" in class Variant'),
    ],
)
def test_a_class_that_would_inherit_name_or_options_unseen_is_refused(name, message, tmp_path, monkeypatch):
    (tmp_path / "my_undecorated.py").write_text(UNDECORATED)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigurationError, match=re.escape(message)) as told:
        make(f"my_undecorated:{name}", {"bonus": 0.3})
    assert f"'my_undecorated:{name}'" in str(told.value)
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        register(find_unchecked(f"my_undecorated:{name}"))
    assert make("my_undecorated:Bare", {"divide_by_std": False}).name == "bare"


def test_whole_numbers_are_fine_for_floats():
    assert make("rlsd", {"lam": 0}).lam == 0.0


def test_a_class_of_a_users_own_is_found():
    assert find("agents.algorithms.grpo:GRPO") is find("grpo")
