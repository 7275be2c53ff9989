from __future__ import annotations

import dataclasses
import math

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


def test_srpo_weighs_by_the_teachers_certainty():
    student, teacher = distributions()
    entropy = -(teacher.exp() * teacher).sum(-1)
    given = dataclasses.replace(
        signals(context="sibling"), entropy={"sibling": entropy.view(2, 2)}, state={"certainty": 0.5}
    )
    got = auxiliary("srpo", {"sharpness": 2.0})(student, teacher, given)
    # w = exp(-2 H) / .5, times SDPO's divergence
    assert_close(got, torch.exp(-2 * entropy) / 0.5 * auxiliary("sdpo")(student, teacher, given))


def test_srpo_remembers_the_mean_certainty_of_the_tokens_it_distils():
    srpo = make("srpo")
    given = dataclasses.replace(
        signals(context="sibling"),
        entropy={"sibling": tensor([[0.0, math.log(2)], [math.log(4), 7.0]])},
        shown={"sibling": tensor([[True], [True]])},
        mask_NT=tensor([[True, True], [True, False]]),
    )
    # exp(-H) = 1, 1/2, 1/4 over three tokens
    counted = {name: float(value) for name, value in srpo.statistics(given).items()}
    assert counted == {"tokens": 3.0, "certainty": 1.75}
    assert srpo.observe({"certainty": 1.0}, counted) == pytest.approx({"certainty": 1.75 / 3})
    one = dataclasses.replace(given, shown={"sibling": tensor([[False], [True]])})
    assert {name: float(value) for name, value in srpo.statistics(one).items()} == {"tokens": 1.0, "certainty": 0.25}
    assert srpo.observe({"certainty": 0.3}, {"tokens": 0.0, "certainty": 0.0}) == {"certainty": 0.3}


def demopsd(student, informed, plain, **options):
    given = {"sibling": informed, "question": plain}
    return make("demopsd", options).auxiliary(student, given, signals(context="sibling"))


def test_demopsds_target_is_between_both_teachers():
    """Written out in probabilities, one token: numbers of tests/agents/test_divergences.py."""
    informed, plain = tensor([[0.1, 0.6, 0.3]]).double().log(), tensor([[0.5, 0.3, 0.2]]).double().log()
    student = tensor([[0.25, 0.25, 0.5]]).double().log()
    a = 0.148295  # at JSD .103294 with b = 50
    target = [p ** (1 - a) * q**a for p, q in ((0.1, 0.5), (0.6, 0.3), (0.3, 0.2))]
    expected = sum(s * math.log(s / (t / sum(target))) for s, t in zip((0.25, 0.25, 0.5), target))
    one = dataclasses.replace(
        signals(context="sibling"), **{name: tensor([[1.0]]) for name in ("A_N1", "S_NT", "S_old_NT")}
    )
    one = dataclasses.replace(one, mask_NT=torch.ones(1, 1, dtype=torch.bool))
    others = {"sibling": informed, "question": plain}
    assert make("demopsd").auxiliary(student, others, one).item() == pytest.approx(expected, abs=1e-5)


def test_demopsd_at_its_ends():
    student, informed = distributions()
    plain = distributions()[0].flip(-1)

    def kl(p, q):
        return (p.exp() * (p - q)).sum(-1)

    assert_close(demopsd(student, informed, plain, most=0.0), kl(student, informed))  # SDPO's reverse KL
    far = demopsd(student, informed, plain, most=1.0, sharpness=1e9)  # a = 1 wherever they differ at all
    assert_close(far, kl(student, plain))
    alone = demopsd(student, informed, plain, reference="student", most=1.0, sharpness=1e9)
    assert alone.abs().max() < 1e-9
    rare = informed + tensor([0.0, 0.0, -60.0, 0.0, 0.0, 0.0])
    floored, not_floored = (demopsd(student, rare, plain, most=0.0, least=least) for least in (1e-8, 0.0))
    assert (floored < not_floored - 1).all()


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
    assert_close(auxiliary("hdpo", {"top_k": 0})(student, teacher, signals()), 0.01 * jsd)
    assert_close(auxiliary("grpo+opsd", {"form": "mix"})(student, teacher, signals()), 0.1 * jsd)
    assert_close(auxiliary("sdpo", {"grpo_share": 0.25})(student, teacher, signals()), 0.75 * jsd)
    opd = {"form": "full", "beta": 1.0} | MUST["opd"]
    assert_close(auxiliary("opd", opd)(student, teacher, signals()), kl(student, teacher))


def test_opsd_compares_what_its_form_says():
    """Written out in probabilities: two buckets or three, each by itself, for every token."""
    student, teacher = distributions()
    p, q = teacher.exp(), student.exp()

    def forward_kl(pairs):
        return sum(a * math.log(a / b) for a, b in pairs)

    def opsd(**options):
        return auxiliary("opsd", options)(student, teacher, signals())

    for m in range(4):
        of_teacher = sorted(range(6), key=lambda v: -p[m, v])[:2]
        of_student = sorted(range(6), key=lambda v: -q[m, v])[:2]
        for support, ids in (("teacher", of_teacher), ("student", of_student)):
            pairs = [(p[m, v].item(), q[m, v].item()) for v in ids]
            rest = tuple(1 - sum(side) for side in zip(*pairs))
            got = opsd(form="top_k", top_k=2, support=support, beta=0.0)
            assert got[m].item() == pytest.approx(forward_kl([*pairs, rest]), abs=1e-9)
            total = [sum(side) for side in zip(*pairs)]
            alone = [(a / total[0], b / total[1]) for a, b in pairs]
            got = opsd(form="top_k", top_k=2, support=support, beta=0.0, tail=False)
            assert got[m].item() == pytest.approx(forward_kl(alone), abs=1e-9)
        assert opsd(form="teacher_top1")[m].item() == pytest.approx(-math.log(q[m, of_teacher[0]]), abs=1e-9)
        a, b = p[m, of_student[0]].item(), q[m, of_student[0]].item()
        reverse = b * math.log(b / a) + (1 - b) * math.log((1 - b) / (1 - a))
        assert opsd(form="student_top1", beta=1.0)[m].item() == pytest.approx(reverse, abs=1e-9)
        entries = [min(0.05, x * math.log(x / y)) for x, y in zip(p[m].tolist(), q[m].tolist())]
        assert opsd(beta=0.0, entry_clip=0.05)[m].item() == pytest.approx(sum(entries), abs=1e-9)
    assert opsd(form="top_k", top_k=6) == pytest.approx(opsd(), abs=1e-9)


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
PLAIN += ["rlsd-capped", "rlsd-visual", "egrsd", "rlrt", "antisd", "credit", "npo"]


@pytest.mark.parametrize("name", PLAIN)
def test_no_distributions_are_asked_for_where_none_are_compared(name):
    made = make(name, MUST.get(name))
    contexts = made.contexts(0, made.initial())
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
    assert_close(auxiliary("sdpo", {"max_ratio": 0.0})(student, teacher, far), plain)
    coarse = auxiliary("sdpo", {"top_k": 2})(student, teacher, signals())
    assert (coarse <= plain + 1e-12).all()  # merging entries can only lose divergence
    assert (coarse > 0).all()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("opsd", {}),
        ("opsd", {"beta": 0.0}),
        ("opsd", {"beta": 1.0}),
        ("opsd", {"form": "top_k", "top_k": 3}),
        ("opsd", {"form": "top_k", "top_k": 3, "tail": False}),
        ("opsd", {"form": "top_k", "top_k": 3, "support": "student"}),
        ("opsd", {"form": "top_k", "top_k": 3, "support": "student", "tail": False}),
        ("opsd", {"form": "teacher_top1"}),
        ("opsd", {"form": "student_top1"}),
        ("opsd", {"entry_clip": 0.05}),
        ("sdpo", {}),
        ("grpo+opsd", {}),
        ("hdpo", {"lam": 1.0, "top_k": 0}),
        ("grpo+opsd", {"form": "mix"}),
        ("srpo", {}),
        ("demopsd", {"reference": "student"}),
    ],
)
def test_the_distillation_gradient_depends_on_the_teacher(name, options):
    student, teacher = distributions()
    given = dataclasses.replace(signals(), entropy={"sibling": torch.ones(2, 2)}, state={"certainty": 1.0})
    gradients = []
    for target in (teacher, teacher.flip(-1)):
        logits = student.clone().requires_grad_()
        auxiliary(name, options)(logits.log_softmax(-1), target, given).sum().backward()
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


def test_whole_numbers_are_fine_for_floats():
    assert make("rlsd", {"lam": 0}).lam == 0.0


def test_a_class_of_a_users_own_is_found():
    assert find("agents.algorithms.grpo:GRPO") is find("grpo")
