from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import tensor
from torch.testing import assert_close

from agents.algorithms import Signals, find, hyperparameters, make, names
from agents.policy.scores import TopK
from rlsd_env import ConfigurationError

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
    "opsd": {"teacher": "frozen", "form": "full", "beta": 0.5},
    "sdpo": {"teacher": "ema(0.05)", "alpha": 0.5, "top_k": 100, "max_ratio": 2.0, "feedback": "without_sibling"},
    "grpo+opsd": {"teacher": "frozen", "divide_by_std": True, "form": "loss", "coefficient": 0.1, "beta": 0.5},
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
}
MUST = {"opd": {"teacher": "external(tiny)"}}
"""Options without a default."""
CONTEXT = {"opsd": "solution", "grpo+opsd": "solution", "sdpo": "sibling", "opd": "question"}
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


def distributions():
    generator = torch.Generator().manual_seed(5)
    return torch.randn(2, 4, 6, generator=generator, dtype=torch.float64).log_softmax(-1)


def auxiliary(name, options=None):
    """The further loss of a method whose only context has these teacher log-probabilities."""
    method = make(name, options)
    return lambda student, teacher, given: method.auxiliary(student, {CONTEXT[name]: teacher}, given)


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


def test_opd_adds_the_verifier_to_the_other_models_evidence():
    assert_close(advantages("opd", MUST["opd"]), tensor([[0.1, 1.0], [-0.05, 0.0]]))
    assert_close(advantages("opd", MUST["opd"] | {"reward": 2.0}), tensor([[2.1, 3.0], [-2.05, -2.0]]))
    assert advantages("opd", MUST["opd"] | {"form": "full"}) is None


def test_auxiliary_losses_are_the_divergences_of_the_papers():
    student, teacher = distributions()
    mixture = (0.5 * student.exp() + 0.5 * teacher.exp()).log()

    def kl(p, q):
        return (p.exp() * (p - q)).sum(-1)

    jsd = 0.5 * kl(teacher, mixture) + 0.5 * kl(student, mixture)
    assert_close(auxiliary("opsd")(student, teacher, signals()), jsd)
    assert_close(auxiliary("opsd", {"beta": 0.0})(student, teacher, signals()), kl(teacher, student))
    assert_close(auxiliary("opsd", {"beta": 1.0})(student, teacher, signals()), kl(student, teacher))
    assert_close(auxiliary("sdpo")(student, teacher, signals()), jsd)  # top-100 of 6 is all, ratio 1
    assert_close(auxiliary("grpo+opsd")(student, teacher, signals()), 0.1 * jsd)
    opd = {"form": "full", "beta": 1.0} | MUST["opd"]
    assert_close(auxiliary("opd", opd)(student, teacher, signals()), kl(student, teacher))


def test_opd_compares_the_teachers_likeliest_entries_and_a_tail():
    student, teacher = distributions()
    found = teacher.topk(2, dim=-1)
    got = make("opd", {"form": "top_k", "top_k": 2} | MUST["opd"]).auxiliary(
        student, {"question": TopK(found.indices, found.values)}, signals()
    )
    p, q = (one.exp().gather(-1, found.indices) for one in (teacher, student))
    p, q = (torch.cat([one, 1 - one.sum(-1, keepdim=True)], dim=-1) for one in (p, q))
    assert_close(got, (p * (p / q).log()).sum(-1))  # forward KL of three buckets


PLAIN = ["grpo", "rlsd", "cepo", "rlcsd", "belief", "rlsd-gated", "rlsd-signal", "rlsd-clip-target", "rlsd-difficulty"]
PLAIN += ["rlsd-capped", "rlsd-visual", "egrsd", "rlrt", "antisd", "credit"]


@pytest.mark.parametrize("name", PLAIN)
def test_no_distributions_are_asked_for_where_none_are_compared(name):
    contexts = make(name).contexts(0, make(name).initial())
    assert not any(context.full or context.top_k for context in contexts.values())


def test_sdpo_bounds_its_ratio_and_compares_the_top_k_with_a_tail():
    student, teacher = distributions()
    far = dataclasses.replace(signals(), S_old_NT=signals().S_NT - tensor([[0.0, 0.5], [3.0, -1.0]]))
    plain = auxiliary("sdpo")(student, teacher, signals())
    # exp(0) = 1, exp(.5) = 1.648721, exp(3) = 20 -> 2, exp(-1) = .367879
    assert_close(
        auxiliary("sdpo")(student, teacher, far),
        plain * tensor([1.0, 1.648721, 2.0, 0.367879]).double(),
        atol=1e-6,
        rtol=1e-5,
    )
    coarse = auxiliary("sdpo", {"top_k": 2})(student, teacher, signals())
    assert (coarse <= plain + 1e-12).all()  # merging entries can only lose divergence
    assert (coarse > 0).all()


@pytest.mark.parametrize(
    ("name", "options"),
    [("opsd", {}), ("opsd", {"beta": 0.0}), ("opsd", {"beta": 1.0}), ("sdpo", {}), ("grpo+opsd", {})],
)
def test_the_distillation_gradient_depends_on_the_teacher(name, options):
    student, teacher = distributions()
    gradients = []
    for target in (teacher, teacher.flip(-1)):
        logits = student.clone().requires_grad_()
        auxiliary(name, options)(logits.log_softmax(-1), target, signals()).sum().backward()
        gradients.append(logits.grad)
    assert not torch.allclose(gradients[0], gradients[1], atol=1e-3)


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
        "opd": [True, True, True],
    }
    for name, active in expected.items():
        shown = {CONTEXT.get(name, "answer"): has}
        assert make(name, MUST.get(name)).active(A_N, shown).tolist() == active, name
    assert make("grpo+opsd", {"coefficient": 0.0}).active(A_N, {}).tolist() == [True, False, True]
    assert make("sdpo").episode_weights(A_N, {"sibling": has}).tolist() == [1, 1, 0]  # out of the denominator as well
    assert make("grpo").episode_weights(A_N, {}).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("grop", {}, "unknown agent 'grop'; did you mean 'grpo'"),
        ("rlsd", {"lamda": 0.3}, "unknown option of rlsd 'lamda'; did you mean 'lam'"),
        ("rlsd", {"lam": "a lot"}, "lam is 'a lot'; it must be of type float"),
        ("rlsd", {"lam": 1.5}, "between 0 and 1"),
        ("rlsd", {"epsilon": 1.0}, "below 1"),
        ("rlsd", {"decay_steps": 0}, "at least 1"),
        ("rlsd", {"teacher": "old"}, "allowed are live, frozen"),
        ("opsd", {"form": "token"}, "allowed: full, sampled"),
        ("opsd", {"beta": 2.0}, "between 0 and 1"),
        ("sdpo", {"feedback": "yes"}, "allowed: always, never, without_sibling"),
        ("sdpo", {"top_k": 0}, "at least 1"),
        ("grpo", {"divide_by_std": 1}, "of type bool"),
        ("opd", {}, "teacher of opd is ''; give another model"),
        ("opd", {"teacher": "frozen"}, "give another model"),
        ("cepo", {"fallback": "none"}, "allowed: grpo, rlsd"),
        ("cepo", {"wrong": 0}, "at least 1"),
        ("belief", {"unit": "word"}, "allowed: token, turn"),
        ("belief", {"form": "add"}, "allowed: multiply, replace"),
        ("rlsd-gated", {"rate": 0.0}, "above 0"),
        ("rlsd-gated", {"negative_only": True}, "right and wrong episodes; leave it out"),
        ("rlsd", {"hint": "feedback"}, "unknown hint of rlsd 'feedback'; allowed: answer, sibling, solution"),
        ("rlsd", {"student": "new"}, "allowed: current, old"),
        ("rlsd", {"conserving": "batch"}, "allowed: group, none, response"),
        ("rlsd", {"warmup_steps": -1}, "warmup_steps of rlsd is -1; it must be at least 0"),
        ("rlrt", {"negative_only": True}, "where A > 0 alone; leave the option out"),
        ("antisd", {"hint": "none"}, "allowed: answer, sibling, solution"),
        ("antisd", {"warmup_steps": 0}, "warmup_steps at least 1"),
        ("rlsd-visual", {"form": "multiply"}, "allowed: add, gate"),
        ("rlsd-visual", {"degrade": "noise"}, "allowed: blank, blurred, shuffled"),
        ("rlsd-visual", {"top": 0.0}, "top above 0"),
        ("rlsd-signal", {"patience": 0}, "at least 1"),
        ("rlsd-clip-target", {"least": 0.5}, "least below most"),
        ("rlsd-capped", {"least": 0.6}, "at most 0.5"),
        ("rlsd-capped", {"hint": "solution"}, "it must be answer"),
        ("egrsd", {"floor": 2.0}, "between 0 and 1"),
        ("rlcsd", {"means": "three"}, "allowed: one, two"),
        ("rlcsd", {"eta": -1.0}, "eta -1.0 of rlcsd"),
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


def test_whole_numbers_are_fine_for_floats():
    assert make("rlsd", {"lam": 0}).lam == 0.0


def test_a_class_of_a_users_own_is_found():
    assert find("agents.algorithms.grpo:GRPO") is find("grpo")
