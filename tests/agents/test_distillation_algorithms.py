"""What distilling methods compare, on literal distributions, and that it depends on the teacher."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import tensor
from torch.testing import assert_close

from agents.algorithms import make
from agents.policy.scores import TopK
from tests.agents.test_algorithms import CONTEXT, MUST, signals


def distributions():
    generator = torch.Generator().manual_seed(5)
    return torch.randn(2, 4, 6, generator=generator, dtype=torch.float64).log_softmax(-1)


def auxiliary(name, options=None):
    """The further loss of a method whose only context has these teacher log-probabilities."""
    method = make(name, options)
    return lambda student, teacher, given: method.auxiliary(student, {CONTEXT[name]: teacher}, given)


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
