"""The paper's statements on worlds of several sizes, and wrong formulas in the project's functions that make one fail.

The statements are in `agents.diagnostics.theory`: one side by the project's functions, the other by counting.
"""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from agents import credit as credit_functions
from agents import losses
from agents.algorithms import contexts
from agents.diagnostics.theory import __main__ as command
from agents.diagnostics.theory import credit, distillation, training
from agents.diagnostics.theory.proofs import PROOFS, prove
from agents.diagnostics.theory.statement import at_most, equal
from agents.diagnostics.theory.tabular import Tabular
from rlsd_env import ConfigurationError
from tests.conftest import ROOT


def float64(*rows):
    return torch.tensor(rows, dtype=torch.float64)


@pytest.fixture(scope="module")
def world():
    return Tabular.draw(0)


# -- the world ---------------------------------------------------------------------------------------------


def test_a_world_by_hand():
    # One task, two hints at .25 and .75, P_T(. | empty) = (.8, .2) and (.4, .6), then always (.5, .5) and (.9, .1).
    first, then = float64([0.8, 0.2], [0.4, 0.6]), float64([0.5, 0.5], [0.9, 0.1])
    teacher_XRPV = torch.stack([first, then, then], dim=1)[None].log()
    one = Tabular(
        float64(1.0), float64([0.25, 0.75]), teacher_XRPV, float64([1, 0, 0, 1]), torch.zeros(1, 3, 2).double()
    )
    assert one.ids_YT.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert one.prefix_YT.tolist() == [[0, 1], [0, 1], [0, 2], [0, 2]]
    # P(r, y): .25 x .8 x .5 = .1, .1, .25 x .2 x .5 = .025, .025; .75 x .4 x .9 = .27, .03, .75 x .6 x .9 = .405, .045
    assert_close(one.joint_XRY, float64([[0.1, 0.1, 0.025, 0.025], [0.27, 0.03, 0.405, 0.045]]))
    # P_S(0 | empty) = .2 + .3 = .5; P(r | 0) = (.4, .6), P(r | 1) = (.1, .9)
    # P_S(0 | 0) = .4 x .5 + .6 x .9 = .74, P_S(0 | 1) = .1 x .5 + .9 x .9 = .86
    assert_close(one.posterior_XRP, float64([[0.25, 0.4, 0.1], [0.75, 0.6, 0.9]]))
    assert_close(one.student_XPV.exp(), float64([[0.5, 0.5], [0.74, 0.26], [0.86, 0.14]]))
    assert_close(one.reached_XP(one.student_XPV), float64([1.0, 0.5, 0.5]))
    # two right of four: mean 1/2, unbiased deviation sqrt(1/3): A = .5 x 1.7320508
    assert_close(one.advantage_XY, float64([0.8660254, -0.8660254, -0.8660254, 0.8660254]), atol=2e-6, rtol=0)
    rows = one.signals(one.student_XPV, one.teacher_XRPV)
    assert_close(
        rows.logp["answer"].exp(),
        float64([0.8, 0.5], [0.8, 0.5], [0.2, 0.5], [0.2, 0.5], [0.4, 0.9], [0.4, 0.1], [0.6, 0.9], [0.6, 0.1]),
    )
    assert_close(rows.S_NT[:4].exp(), float64([0.5, 0.74], [0.5, 0.26], [0.5, 0.86], [0.5, 0.14]))
    assert_close(
        one.gathered(one.along(one.student_XPV)),
        torch.stack([2 * one.student_XPV[0, 0], *one.student_XPV[0, 1:]])[None],
    )


def test_a_seed_is_a_world():
    assert torch.equal(Tabular.draw(3).teacher_XRPV, Tabular.draw(3).teacher_XRPV)
    assert not torch.equal(Tabular.draw(3).teacher_XRPV, Tabular.draw(4).teacher_XRPV)


@pytest.mark.parametrize(
    ("sizes", "says"),
    [
        ({"tasks": 0}, "tasks is 0; it must be at least 1"),
        ({"hints": 1}, "hints is 1; it must be at least 2"),
        ({"entries": 2}, "entries is 2; it must be at least 3"),
        ({"tokens": 1}, "tokens is 1; it must be at least 2"),
        ({"tokens": 12}, r"3\^12 responses are 38,263,752 numbers"),
    ],
)
def test_sizes_that_are_refused(sizes, says):
    with pytest.raises(ConfigurationError, match=says):
        Tabular.draw(0, **sizes)


# -- the statements ----------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**31),
    st.integers(1, 3),
    st.integers(2, 4),
    st.integers(3, 4),
    st.integers(2, 3),
    st.floats(0.5, 2.5),
)
def test_every_statement(seed, tasks, hints, entries, tokens, spread):
    torch.set_num_threads(1)
    found = prove(Tabular.draw(seed, tasks, hints, entries, tokens, spread))
    assert [(one.source, one.says, one.excess) for one in found if not one.as_expected] == []
    assert sum(one.true for one in found) > 30


def test_statements_that_must_not_hold_are_told_apart(world):
    false = [one for one in prove(world) if not one.true]
    assert {one.source for one in false} == {
        "Eq. 7, 9", "Eq. 9", "Proposition 1", "Theorem 5 (i)", "Theorem 5 (ii)", "Eq. 16", "Algorithm 1",
    }  # fmt: skip
    assert all(one.verdict == "does not hold" for one in false)


def test_literal_figures(world):
    # 3 (log 2 - H(.01)) = 3 (.693147 - .056002); e^2; e^10; see distillation.py for .3087 and .18
    found = {(one.left, one.right) for one in prove(world) if not one.true}
    for figures in ((1.911437, 0.693147), (-7.389056, -1.2), (22026.465795, 1.2), (0.3087, 0.18)):
        assert any(pair == pytest.approx(figures, abs=1e-6) for pair in found), figures
    # the counter-example to Proposition 1 (ii), number by number
    student, one, other = (0.05, 0.05, 0.9), (0.75, 0.15, 0.1), (0.15, 0.75, 0.1)
    variance = [((a - b) / 2) ** 2 for a, b in zip(one, other)]
    sizes = [1 - 2 * p + sum(q * q for q in student) for p in student]
    assert sum(variance) == pytest.approx(0.18)
    assert sum(v * size for v, size in zip(variance, sizes)) == pytest.approx(0.3087)


def test_the_page_has_the_statements(world):
    lines = (ROOT / "docs" / "theory.md").read_text("utf-8").splitlines()
    for one in prove(world):
        assert any(one.source in line and one.says in line and line.endswith(one.verdict) for line in lines), one.says


def test_sides():
    assert equal("", "", float64(1.0, 2.0), float64(1.0, 2.0 + 1e-12)).holds
    one = equal("", "", float64(1.0, 2.0, 3.0), float64(1.0, 2.5, 3.0))
    assert (one.left, one.right, one.excess, one.verdict) == (2.0, 2.5, 0.2, "does not hold, and SHOULD")
    assert at_most("", "", float64(1.0, 2.0), 2.0).holds
    assert at_most("", "", float64(1.0, 2.0), 2.5, true=False).verdict == "holds, and SHOULD NOT"
    assert not equal("", "", math.nan, 0.0).holds
    assert not at_most("", "", float64(0.0, math.nan), 1.0).holds


# -- wrong formulas ----------------------------------------------------------------------------------------


def gain_with_gradient(student_logp, teacher_logp):
    return teacher_logp - student_logp


def weighed_by_eq_16(advantages, gain, lam, epsilon, conserve=None):
    weight = credit_functions.evidence_weight(advantages, gain)
    printed = torch.minimum(weight * advantages, weight.clamp(1 - epsilon, 1 + epsilon) * advantages)
    return (1 - lam) * advantages + lam * printed, {}


def weighed_without_guard(advantages, gain, lam, epsilon, conserve=None):
    weight = torch.exp(torch.sign(advantages) * gain).clamp(1 - epsilon, 1 + epsilon)
    return advantages * (1 - lam + lam * weight), {}


def weighed_without_clip(advantages, gain, lam, epsilon, conserve=None):
    return advantages * (1 - lam + lam * credit_functions.evidence_weight(advantages, gain)), {}


def surrogate_without_guard(logp, old_logp, advantages, low, high, **others):
    return -torch.exp(logp - old_logp) * advantages


def surrogate_upside_down(logp, old_logp, advantages, low, high, **others):
    return torch.exp(logp - old_logp) * advantages


def swapped_kl(logp_MV, logq_MV):
    return (logq_MV.exp() * (logq_MV - logp_MV)).sum(-1)


def swapped_ends(student_MV, teacher_MV, beta):
    return losses.kl_divergence(*((student_MV, teacher_MV) if beta == 0 else (teacher_MV, student_MV)))


def detached_trap(student_MV, teacher_MV, beta, entry_clip):
    return (teacher_MV.exp().detach() * teacher_MV).sum(-1) - student_MV.mean(-1)


def without_tail(logp_MV, index_MK):
    return logp_MV.gather(-1, index_MK)


def without_tail_renormalised(logp_MV, index_MK, *, tail):
    return logp_MV.gather(-1, index_MK).log_softmax(-1)


def equal_references(*logp_MV, weights_KM=None):
    together = torch.stack(logp_MV).logsumexp(0) - math.log(len(logp_MV))
    return losses.entropy(together) - torch.stack([losses.entropy(one) for one in logp_MV]).mean(0)


def length_forgotten(weights_N, lengths_N, *others, **more):
    return weights_N / weights_N.sum()


WRONG = {
    "Eq. 16 for Algorithm 1": (
        {"agents.algorithms.rlsd.weighed_credit": weighed_by_eq_16},
        (credit.template_of_rlsd, credit.theorem_5, training.learner),
    ),
    "Eq. 16 in the pure function": ({"agents.credit.weighed_credit": weighed_by_eq_16}, (credit.equation_16,)),
    "a weight that is not clipped": (
        {"agents.algorithms.rlsd.weighed_credit": weighed_without_clip},
        (credit.template_of_rlsd, credit.theorem_5, training.learner),
    ),
    "a weight with a gradient": (
        {
            "agents.algorithms.rlsd.information_gain": gain_with_gradient,
            "agents.algorithms.rlsd.weighed_credit": weighed_without_guard,
            "agents.losses.clipped_surrogate": surrogate_without_guard,
        },
        (credit.template_of_rlsd,),
    ),
    "Eq. 16 with a gradient": ({"agents.credit.information_gain": gain_with_gradient}, (credit.equation_16,)),
    "D upside down": (
        {"agents.algorithms.base.information_gain": lambda S, Q: (S - Q).detach()},
        (credit.theorem_4, distillation.template_of_opsd),
    ),
    "a weight that does not look at sign(A)": (
        {"agents.credit.evidence_weight": lambda A, gain: torch.exp(gain) * torch.ones_like(A)},
        (credit.template_of_rlsd, credit.equation_16, credit.sum_of_credit, training.learner),
    ),
    "a dropped tail": ({"agents.divergences.with_tail": without_tail}, (distillation.theorem_1,)),
    "a dropped tail, the rest made to sum to 1": (
        {"agents.algorithms.opsd.on_support": without_tail_renormalised},
        (distillation.theorem_1,),
    ),
    "a swapped KL": (
        {"agents.losses.kl_divergence": swapped_kl},
        (distillation.theorem_1, distillation.proposition_1, distillation.template_of_opsd, credit.sum_of_credit),
    ),
    "the ends of beta swapped": (
        {"agents.divergences.generalised_jsd": swapped_ends},
        (distillation.theorem_1, distillation.proposition_1, distillation.template_of_opsd, training.learner),
    ),
    "a loss whose gradient does not know the teacher": (
        {"agents.algorithms.opsd.clipped_divergence": detached_trap},
        (distillation.theorem_1, distillation.proposition_1, distillation.template_of_opsd),
    ),
    "references alike whatever was said before": (
        {"agents.diagnostics.information.mutual_information": equal_references},
        (distillation.budget,),
    ),
    "credit that is not conserved": ({"agents.algorithms.rlsd.conserved": lambda w, *_: w}, (credit.sum_of_credit,)),
    "a cap that is too low": (
        {"agents.credit.capped_gain": lambda gain, mask, most: gain.clamp(max=float(most.min()) / 9)},
        (credit.theorem_4,),
    ),
    "a surrogate upside down": (
        {"agents.losses.clipped_surrogate": surrogate_upside_down},
        (distillation.template_of_opsd, credit.template_of_rlsd),
    ),
    "the learner's surrogate upside down": (
        {"agents.learner.step.clipped_surrogate": surrogate_upside_down},
        (training.learner,),
    ),
    "a mean over tokens that is a sum": (
        {"agents.learner.plan.row_coefficients": length_forgotten},
        (training.learner,),
    ),
    "advantages without the deviation": (
        {"agents.algorithms.grpo.group_advantages": lambda r, v, **_: r - r.mean(1, keepdim=True)},
        (training.learner,),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_formula_makes_a_statement_fail(name, world, monkeypatch):
    replacements, proofs = WRONG[name]
    for proof in proofs:
        assert all(one.as_expected for one in proof(world))
    for target, wrong in replacements.items():
        monkeypatch.setattr(target, wrong)
    for proof in proofs:
        assert not all(one.as_expected for one in proof(world)), proof.__name__


def test_a_teacher_that_is_not_shown_the_hint_makes_a_statement_fail(world, monkeypatch):
    monkeypatch.setitem(contexts.HINTS, "answer", contexts.show_question)
    assert [one.says for one in training.learner(world) if not one.as_expected] == [
        "its gradient of rlsd is -mean Ahat_t grad log P_S(y_t)"
    ]


@pytest.mark.parametrize(
    ("target", "proof"),
    [
        ("agents.algorithms.rlsd.information_gain", credit.template_of_rlsd),
        ("agents.algorithms.base.information_gain", distillation.template_of_opsd),
    ],
)
def test_credit_with_a_gradient_is_refused(target, proof, world, monkeypatch):
    monkeypatch.setattr(target, gain_with_gradient)
    with pytest.raises(ValueError, match="carry a gradient"):
        list(proof(world))


# -- the command -------------------------------------------------------------------------------------------


def test_command(capsys):
    command.main(["--seed", "5", "--tasks", "1", "--hints", "2"])
    out = capsys.readouterr().out
    assert "Theorem 1 " in out
    assert " -7.38906 " in out
    assert f"{len(prove(Tabular.draw(5, 1, 2)))} statements, 0 of them not as they should be" in out


def test_command_tells_what_does_not_hold_by_its_exit_status(capsys, monkeypatch):
    monkeypatch.setattr("agents.losses.kl_divergence", swapped_kl)
    with pytest.raises(SystemExit) as stop:
        command.main([])
    assert stop.value.code == 1
    assert "does not hold, and SHOULD" in capsys.readouterr().out


def test_every_proof_is_in_the_list():
    found = {
        getattr(module, name)
        for module in (credit, distillation, training)
        for name in dir(module)
        if getattr(getattr(module, name), "__annotations__", {}).get("return") == "Iterator[Statement]"
    }
    assert found == set(PROOFS)
