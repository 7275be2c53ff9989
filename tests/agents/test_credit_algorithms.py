"""What methods that turn evidence into token advantages make of literal signals, each worked by hand."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import tensor
from torch.testing import assert_close

from agents.algorithms import Signals, make
from agents.policy.thoughts import thought_tokens
from tests.agents.test_algorithms import advantages, signals


def row(A, gain, *, context="answer", **given):
    """Signals of one response."""
    zero = torch.zeros(1, len(gain))
    return Signals(
        A_N1=tensor([[A]]),
        S_NT=zero,
        S_old_NT=zero,
        mask_NT=torch.ones(1, len(gain), dtype=torch.bool),
        step=0,
        logp={context: tensor([gain])},
        shown={context: torch.ones(1, 1, dtype=torch.bool)},
        turn_NT=torch.zeros(1, len(gain), dtype=torch.long),
        **given,
    )


def close(got, expected):
    assert_close(got, tensor(expected), atol=1e-5, rtol=0)


def test_cepo_weighs_by_the_contrast_of_hints():
    """D_c = log P(y | r+) - log P(y | r-): the student's own log-probability has no part in it."""
    both = signals(context=None)
    right, wrong = tensor([[-1.0, -2.0], [-0.5, -1.5]]), tensor([[-1.1, -3.0], [-0.45, -1.5]])
    both = dataclasses.replace(both, logp={"right": right, "wrong_0": wrong})
    # D_c = (.1, 1), (-.05, 0) as above; epsilon .5: .5 + .5 e^.1 = 1.052585; .5 + .5 * 1.5 = 1.25; 1.025636; 1
    expected = tensor([[1.052585, 1.25], [-1.025636, -1.0]])
    assert_close(make("cepo").credit(both).advantages, expected, atol=1e-5, rtol=0)
    # of two wrong hints the mean probability counts: log((e^-1.1 + e^-3.0)/2) = -1.653568 - ..; by hand below
    two = dataclasses.replace(both, logp=both.logp | {"wrong_1": tensor([[-1.1, -1.0], [-0.45, -1.5]])})
    mean = math.log((math.exp(-3.0) + math.exp(-1.0)) / 2)
    weight = min(1.5, math.exp(-2.0 - mean))
    got = make("cepo", {"wrong": 2}).credit(two).advantages
    assert got[0, 1].item() == pytest.approx(0.5 + 0.5 * weight, abs=1e-5)
    assert got[0, 0].item() == pytest.approx(1.052585, abs=1e-5)


def test_where_there_is_no_wrong_hint_the_fallback_is_taken():
    alone = dataclasses.replace(signals(context=None), logp={"right": signals().logp["answer"]})
    rlsd = make("rlsd", {"epsilon": 0.5}).credit(signals()).advantages
    assert torch.equal(make("cepo").credit(alone).advantages, rlsd)
    assert torch.equal(make("cepo", {"fallback": "grpo"}).credit(alone).advantages, alone.A_N1)


def test_rlcsd_adds_and_keeps_the_sign():
    right, wrong = tensor([[-1.0, -2.0], [-0.5, -1.5]]), tensor([[-1.1, -1.0], [-0.501, -3.0]])
    both = dataclasses.replace(signals(context=None), logp={"right": right, "wrong_0": wrong})
    got = make("rlcsd").credit(both).advantages
    # tau .02, lam .5: tanh(5) = .9999, res .49995; tanh(-50) = -1, res -.5; tanh(.05) = .049958, res .024979 > .02
    assert_close(got, tensor([[1.499955, 0.5], [-0.975021, -0.5]]), atol=1e-5, rtol=0)
    small = dataclasses.replace(both, A_N1=tensor([[0.3], [-0.3]]))
    assert_close(make("rlcsd").credit(small).advantages[0, 1], tensor(0.0))  # .3 - .5 would change its sign
    assert_close(make("rlcsd").credit(small).advantages[1, 1], tensor(0.0))
    below = dataclasses.replace(both, logp={"right": right, "wrong_0": right - 0.0005})
    assert torch.equal(make("rlcsd").credit(below).advantages, below.A_N1.expand(2, 2))  # res .0125 is left out


def test_belief_pays_what_moves_the_odds():
    # prior 1/2; D = (ln 3, 0): V = .75, .75, steps (.25, 0): z = (1, -1); A = 1: m = 1.5, .5; lam .5: 1.25, .75
    given = dataclasses.replace(
        signals(), logp={"answer": signals().S_NT + tensor([[math.log(3), 0.0], [0.0, -math.log(3)]])}
    )
    credit = make("belief").credit(given)
    assert_close(credit.per_token["belief_step"], tensor([[0.25, 0.0], [0.0, -0.25]]))
    # A = -1, steps (0, -.25): z = (1, -1), m = 1 - .5 z: .5, 1.5 -> -.75, -1.25
    assert_close(credit.advantages, tensor([[1.25, 0.75], [-0.75, -1.25]]))
    total = credit.per_token["belief_step"].sum(1)
    assert_close(total, tensor([0.25, -0.25]))  # telescopes to V_T - V_0


def test_belief_of_turns_gives_all_tokens_of_a_turn_the_same():
    gain = tensor([[math.log(3), 0.0, 0.0, -math.log(3)]])
    zero = torch.zeros(1, 4)
    given = Signals(
        A_N1=tensor([[1.0]]),
        S_NT=zero,
        S_old_NT=zero,
        mask_NT=torch.ones(1, 4, dtype=torch.bool),
        step=0,
        logp={"answer": gain},
        shown={"answer": torch.ones(1, 1, dtype=torch.bool)},
        success_N1=tensor([[0.5]]),
        turn_NT=tensor([[0, 0, 1, 1]]),
    )
    # turns move belief by +.25 and -.25: z = 1, -1; lam .5, b .5: 1.25 and .75
    assert_close(make("belief", {"unit": "turn"}).credit(given).advantages, tensor([[1.25, 1.25, 0.75, 0.75]]))


def test_a_gate_closes_on_a_teacher_that_is_no_better_than_chance_and_opens_again():
    gated = make("rlsd-gated")
    state = gated.initial()
    assert gated.share(0, state) == 0.5
    # right: D sums to 1.1 > 0, agreed; wrong: D sums to -.05 < 0, agreed
    counts = {name: float(value) for name, value in gated.statistics(signals()).items()}
    assert counts == {"right": 1, "wrong": 1, "right_agreed": 1, "wrong_agreed": 1}
    chance = {"right": 10.0, "wrong": 10.0, "right_agreed": 6.0, "wrong_agreed": 4.0}
    state = gated.observe(state, chance)
    assert state == {"agreement": 0.5, "steps_seen": 1}
    assert gated.share(1, state) == 0
    assert gated.contexts(1, state) == {}
    assert gated.contexts(10, state)  # a look every ten steps
    assert torch.equal(advantages("rlsd-gated", step=10, state=state), signals().A_N1 * torch.ones(2, 2))
    better = gated.observe(state, {"right": 10.0, "wrong": 10.0, "right_agreed": 10.0, "wrong_agreed": 9.0})
    assert better["agreement"] == pytest.approx(0.5 + 0.2 * 0.45)
    assert gated.share(10, better) == pytest.approx(0.4 * 0.18)
    assert gated.observe(better, {}) == better  # a step without evidence


def test_rlsd_weighs_thoughts_only():
    texts = ("<think>", "a", "</think>", "b")
    given = row(1.0, [0.1, 0.1, 0.1, 0.1], ids_NT=tensor([[0, 1, 2, 3]]), texts_V=lambda: texts)
    assert thought_tokens(range(4), texts) == [False, True, False, False]
    # lam .5: .5 + .5 e^.1 = 1.052585 within the thought
    close(make("rlsd", {"thought_only": True}).credit(given).advantages, [[1.0, 1.052585, 1.0, 1.0]])
    # conserving, the one token that is weighed is its own mean
    one = make("rlsd", {"thought_only": True, "conserving": "response"}).credit(given)
    close(one.advantages, [[1.0, 1.0, 1.0, 1.0]])


def test_rlsd_compares_with_the_current_or_the_old_student():
    given = dataclasses.replace(signals(), S_old_NT=signals().S_NT + tensor([[0.05, 0.0], [0.0, 0.1]]))
    old = make("rlsd", {"student": "old"}).credit(given).advantages
    # D_old = (.05, 1), (-.05, -.1): .5 + .5 e^.05 = 1.025636; 1.1; -1.025636; -(.5 + .5 e^.1) = -1.052585
    close(old, [[1.025636, 1.1], [-1.025636, -1.052585]])
    assert torch.equal(make("rlsd").credit(given).advantages, advantages("rlsd"))


def test_rlsd_warms_up_and_then_decays():
    rlsd = make("rlsd", {"warmup_steps": 4})
    assert [rlsd.share(step, {}) for step in (0, 2, 4, 29, 54)] == [0.0, 0.25, 0.5, 0.25, 0.0]
    assert not rlsd.contexts(0, {})  # no teacher for a lam of 0
    assert list(rlsd.contexts(1, {})) == ["answer"]


def test_rlsd_keeps_the_credit_of_each_response():
    got = make("rlsd", {"conserving": "response"}).credit(signals()).advantages
    # w = (1.105171, 1.2) / 1.152585 = (.958863, 1.041137); (1.051271, 1) / 1.025636 = (1.024995, .975005); lam .5
    close(got, [[0.979431, 1.020569], [-1.012498, -0.987502]])
    assert_close(got.sum(1), tensor([2.0, -2.0]))


def test_rlsd_keeps_the_credit_of_each_sign_of_a_group():
    zero = torch.zeros(4, 2)
    two, high = math.log(1.1), 3.0
    given = Signals(
        A_N1=tensor([[1.0], [3.0], [-2.0], [1.0]]),
        S_NT=zero,
        S_old_NT=zero,
        mask_NT=tensor([[True, True], [True, False], [True, True], [True, True]]),
        step=0,
        logp={"answer": tensor([[high, high], [math.log(0.9), 7.0], [-two, -high], [0.0, high]])},
        shown={"answer": torch.ones(4, 1, dtype=torch.bool)},
        group_N1=tensor([[0], [0], [0], [1]]),
    )
    one = make("rlsd", {"lam": 1.0, "conserving": "group"})
    assert one.scope == "batch"
    assert make("rlsd").scope == "part"
    got = one.credit(given).advantages
    # A > 0: w = 1.2, 1.2 (|A| 1) and .9 (|A| 3): 5.1 / 5 = 1.02. A < 0: 1.1, 1.2: 1.15. The other group: 1, 1.2: 1.1
    close(got[0], [1.2 / 1.02, 1.2 / 1.02])
    assert got[1, 0].item() == pytest.approx(3 * 0.9 / 1.02)
    close(got[2], [-2 * 1.1 / 1.15, -2 * 1.2 / 1.15])
    close(got[3], [1 / 1.1, 1.2 / 1.1])
    assert (got[0].sum() + got[1, 0]).item() == pytest.approx(1 + 1 + 3)
    # one that is shown no hint keeps A, whatever its group does
    without = dataclasses.replace(given, shown={"answer": tensor([[True], [False], [True], [True]])})
    without.logp["answer"][1] = 0.0
    got = one.credit(without).advantages
    assert got[1, 0].item() == pytest.approx(3)
    close(got[0], [1.0, 1.0])


def test_rlrt_reverses_the_teacher():
    # w = e^-.1 = .904837, e^-1 -> .8: .952419, .9
    close(make("rlrt").credit(row(1.0, [0.1, 1.0], context="sibling")).advantages, [[0.952419, 0.9]])
    without = dataclasses.replace(row(-1.0, [0.1, 1.0]), logp={})
    assert torch.equal(make("rlrt").credit(without).advantages, without.A_N1)


def test_antisd_goes_away_from_the_teacher():
    state = {"gate": 1.0, "reference": 2.0, "steps_seen": 5.0}
    # phi(.1) = (ln 2.105171 - ln 2) / 2 = .025625, phi(1) = .310057, phi(-.05) = -.012344, phi(0) = 0; lam .1
    close(advantages("antisd", state=state), [[0.997437, 0.968994], [-0.998766, -1.0]])
    for quiet in ({"gate": 0.0}, {"steps_seen": 4.0}):
        assert torch.equal(advantages("antisd", state=state | quiet), signals().A_N1)


def test_antisds_gate_shuts_below_and_opens_above_the_warm_up():
    antisd = make("antisd", {"warmup_steps": 2})
    assert antisd.contexts(0, antisd.initial())["solution"].entropy
    given = dataclasses.replace(
        signals(context="solution"),
        mask_NT=tensor([[True, True], [True, False]]),
        entropy={"solution": tensor([[1.0, 2.0], [4.5, 9.0]])},
    )
    assert {name: float(value) for name, value in antisd.statistics(given).items()} == {"entropy": 7.5, "tokens": 3.0}
    state, seen = antisd.initial(), []
    for entropy in (3.0, 1.0, 1.87, 1.85, 1.99, 2.0, 1.9):  # H = 2 from the first two; low is 1.86
        state = antisd.observe(state, {"entropy": 10 * entropy, "tokens": 10.0})
        seen.append(state["gate"])
    assert state["reference"] == 2.0
    assert seen == [1, 1, 1, 0, 0, 1, 1]
    assert antisd.observe(state, {}) == state
    assert not make("antisd", {"lam": 0.0}).contexts(0, state)


def test_belief_may_be_the_advantage_itself():
    given = dataclasses.replace(
        signals(), logp={"answer": signals().S_NT + tensor([[math.log(3), 0.0], [0.0, -math.log(3)]])}
    )
    # V from 1/2 to 3/4 and to 1/4: steps .25 and -.25, twice for two tokens; A is not used
    close(make("belief", {"form": "replace"}).credit(given).advantages, [[0.5, 0.0], [0.0, -0.5]])
    gain = [math.log(3), 0.0, 0.0, -math.log(3)]
    turns = dataclasses.replace(row(1.0, gain, success_N1=tensor([[0.5]])), turn_NT=tensor([[0, 0, 0, 1]]))
    # turns move it by .25 and -.25, three tokens and one: .25 / 3, -.25, times 4
    got = make("belief", {"form": "replace", "unit": "turn"}).credit(turns).advantages
    close(got, [[1 / 3, 1 / 3, 1 / 3, -1.0]])
    active = make("belief", {"form": "replace"}).active(tensor([1.0, 0.0]), {"answer": tensor([True, True])})
    assert active.tolist() == [True, True]


def test_visual_evidence_is_what_the_picture_adds():
    visual = tensor([[0.4, -0.2], [0.0, 0.6]])
    given = signals()
    given = dataclasses.replace(given, logp={**given.logp, "degraded": given.S_NT - visual})
    # u = D + V / 2 = (.3, .9), (-.05, .3); epsilon .5: .5 + .5 e^.3 = 1.174929; .5 + .75; A = -1: e^.05, e^-.3
    got = make("rlsd-visual", {"epsilon": 0.5}).credit(given).advantages
    close(got, [[1.174929, 1.25], [-1.025636, -0.870409]])
    # half of the tokens, those of the highest V, have D: .1 of the first row, 0 of the second
    got = make("rlsd-visual", {"form": "gate", "top": 0.5}).credit(given).advantages
    close(got, [[1.052585, 1.0], [-1.0, -1.0]])
    assert torch.equal(make("rlsd-visual").credit(signals()).advantages, advantages("rlsd"))  # without a picture


def test_no_degraded_picture_is_asked_for_where_it_has_no_weight():
    contexts = make("rlsd-visual").contexts(0, {})
    assert {name: context.scorer for name, context in contexts.items()} == {"answer": "teacher", "degraded": "student"}
    assert list(make("rlsd-visual", {"k": 0.0}).contexts(0, {})) == ["answer"]
    assert list(make("rlsd-visual", {"form": "gate"}).contexts(0, {})) == ["answer", "degraded"]
    assert not make("rlsd-visual").contexts(50, {})


def test_a_share_that_follows_the_size_of_the_evidence_and_lets_the_teacher_go():
    method = make("rlsd-signal", {"reference_steps": 2, "rate": 0.5, "stop": 0.5, "patience": 2})
    counts = {name: float(value) for name, value in method.statistics(signals()).items()}
    assert counts == pytest.approx({"size": 1.15, "tokens": 4.0})  # .1 + 1 + .05 + 0
    state, shares = method.initial(), []
    for size in (0.4, 0.2, 0.9, 0.0, 0.0, 0.0):
        shares.append(method.share(0, state))
        state = method.observe(state, {"size": 10 * size, "tokens": 10.0})
    # m_0 = .3; m = .4, .3, .6, .3, .15 (half is not below half), .075: one low step
    assert shares == pytest.approx([0.5, 0.5, 0.5, 0.5, 0.5, 0.25])
    assert state == pytest.approx({"size": 0.075, "reference": 0.3, "low_steps": 1, "steps_seen": 6})
    assert method.share(0, state) == pytest.approx(0.125)
    assert method.contexts(1, state)
    assert method.observe(state, {"size": 9.0, "tokens": 10.0})["low_steps"] == 0
    gone = method.observe(state, {"size": 0.0, "tokens": 10.0})
    assert (method.share(0, gone), method.contexts(1, gone)) == (0.0, {})
    assert method.observe(gone, {}) == gone


def test_an_epsilon_that_clips_a_share_of_the_weights():
    method = make("rlsd-clip-target", {"target": 0.25})
    # |w - 1|: e^.1 - 1 = .105171 and e - 1 = 1.718; A = -1: e^.05 - 1 = .051271 and 0; bins of .4 / 64 = .00625
    counts = {name: float(value) for name, value in method.statistics(signals()).items()}
    assert {name: value for name, value in counts.items() if value} == {"bin_0": 2, "bin_1": 1, "bin_65": 1}
    state = method.observe(method.initial(), counts)
    assert state == {"epsilon": pytest.approx(0.10625)}  # three of four are at most that
    assert make("rlsd-clip-target", {"target": 0.5}).observe({}, counts) == {"epsilon": 0.1}
    assert make("rlsd-clip-target").observe({}, counts) == {"epsilon": 0.5}
    assert method.observe(state, {}) == state
    # .5 + .5 e^.1 -> .5 + .5 x 1.105171; 1.10625 at most
    got = method.credit(signals(state=state)).advantages
    close(got, [[1.052585, 1.053125], [-1.025636, -1.0]])


def test_a_share_by_how_divided_a_group_is():
    given = dataclasses.replace(signals(), success_N1=tensor([[0.25], [0.5]]))
    # 4 x 1/4 x 3/4 = .75: lam .375: 1 + .375 x .105171, 1 + .375 x .2; at one half lam stays
    close(make("rlsd-difficulty").credit(given).advantages, [[1.039439, 1.075], [-1.025636, -1.0]])


def test_evidence_is_no_more_than_there_is_to_know():
    # sum D = 1.1 and -.05, -log .5 = .693147: D of the first x .630134 = (.063013, .630134); .5 + .5 e^.063013
    close(advantages("rlsd-capped"), [[1.032520, 1.1], [-1.025636, -1.0]])
    sure = dataclasses.replace(signals(), success_N1=tensor([[1.0], [1.0]]))
    # -log .95 = .051293: D x .046630 = (.004663, .046630)
    close(make("rlsd-capped").credit(sure).advantages[0], [1.002337, 1.023867])


def test_egrsd_believes_a_teacher_as_far_as_it_is_sure():
    given = dataclasses.replace(
        signals(),
        entropy={"answer": tensor([[0.0, math.log(2)], [math.log(4), math.log(4)]])},
        kinds_V=lambda: torch.zeros(4, dtype=torch.long),
    )
    # gate 1, 1/2, .1: 1 + .5 x .105171; 1 + .25 x .2; -(1 + .05 x .051271); -1
    close(make("egrsd").credit(given).advantages, [[1.052585, 1.05], [-1.002564, -1.0]])
    assert make("egrsd").contexts(0, {})["answer"].entropy


def test_credit_takes_off_what_the_hint_says_with_any_input():
    given = signals(context="solution")
    other = given.S_NT + tensor([[0.2, 0.2], [-0.1, 0.4]])
    two = dataclasses.replace(given, logp={**given.logp, "other_0": other})
    # D - D' / 2 = (.1 - .1, 1 - .1), (-.05 + .05, 0 - .2)
    close(make("credit").credit(two).advantages, [[0.0, 0.9], [0.0, -0.2]])
    close(make("credit", {"reward": 2.0}).credit(two).advantages, [[2.0, 2.9], [-2.0, -2.2]])
    more = dataclasses.replace(two, logp={**two.logp, "other_1": given.S_NT + tensor([[0.6, 0.2], [-0.1, 0.4]])})
    assert make("credit", {"others": 2}).credit(more).advantages[0, 0].item() == pytest.approx(0.1 - 0.2)
    close(make("credit").credit(given).advantages, [[0.1, 1.0], [-0.05, 0.0]])  # no other task in the batch
    assert list(make("credit", {"strength": 0.0}).contexts(0, {})) == ["solution"]
    assert list(make("credit", {"others": 2}).contexts(0, {})) == ["solution", "other_0", "other_1"]
    assert make("credit").active(tensor([0.0]), {"solution": tensor([True])}).tolist() == [True]


def test_rlcsd_may_weigh_the_tokens_that_it_changes_by_a_mean_of_their_own():
    right = tensor([[-1.0, -2.0, -2.0], [-0.5, -1.5, -1.5]])
    wrong = right - tensor([[0.1, 0.0002, 0.0], [0.1, 0.1, 0.1]])
    given = dataclasses.replace(row(1.0, [0.0] * 3), A_N1=tensor([[1.0], [-1.0]]), S_NT=right, S_old_NT=right)
    given = dataclasses.replace(
        given, mask_NT=tensor([[True] * 3, [True, True, False]]), logp={"right": right, "wrong_0": wrong}
    )
    got = make("rlcsd", {"means": "two", "eta": 0.5}).credit(given).advantages
    # res .5 tanh(5) = .499955 for one of three tokens: 1.499955 x .5 x 3; the others 3 / 2; then both of two: x .5
    close(got[0], [2.249932, 1.5, 1.5])
    close(got[1, :2], [-0.250023, -0.250023])


def critics(trace, state=None, **options):
    """A right and a wrong response of a group: V goes .5 .75 1 and .5 .25 .025; 1 / std is 2."""
    two = dataclasses.replace(
        signals(context=None),
        A_N1=tensor([[1.0], [-1.0]]),
        S_NT=torch.zeros(2, 2),
        mask_NT=torch.ones(2, 2, dtype=torch.bool),
        logp={"answer": tensor([[math.log(1.5), math.log(4 / 3)], [math.log(0.5), math.log(0.1)]])},
        shown={"answer": torch.ones(2, 1, dtype=torch.bool)},
        success_N1=tensor([[0.5], [0.5]]),
        group_N1=torch.zeros(2, 1, dtype=torch.long),
        state=state or {"cross": 1.0, "square": 1.0},
    )
    return make("rlsd-critic", {"trace": trace, **options}), two


def test_a_critic_is_a_baseline_at_trace_1_and_pays_what_moves_at_trace_0():
    """U: 2 (V - .5): .5 and -.5 after the first token. A - U_{t-1}; U_t - U_{t-1}, to A at the last."""
    for trace, expected in (
        (1.0, [[1.0, 0.5], [-1.0, -0.5]]),
        (0.0, [[0.5, 0.5], [-0.5, -0.5]]),
        (0.5, [[0.75, 0.5], [-0.75, -0.5]]),
    ):
        algorithm, two = critics(trace)
        close(algorithm.credit(two).advantages, expected)


def test_a_critic_is_trusted_as_far_as_its_values_went_with_the_verifiers_word():
    """Values before each token: (0, .5), (0, -.5); times A: .5 + .5; squares .25 + .25: c would be 2, so 1."""
    algorithm, two = critics(1.0)
    told = algorithm.statistics(two)
    assert (told["cross"].item(), told["square"].item()) == pytest.approx((1.0, 0.5))
    state = algorithm.observe(algorithm.initial(), {"cross": 1.0, "square": 4.0})
    assert state == pytest.approx({"cross": 0.2, "square": 0.8})
    quarter = dataclasses.replace(two, state=state)
    close(algorithm.credit(quarter).advantages, [[1.0, 1 - 0.25 * 0.5], [-1.0, -1 + 0.25 * 0.5]])
    for state in (algorithm.initial(), {"cross": -1.0, "square": 1.0}):
        unsure = dataclasses.replace(two, state=state)
        for trace in (0.0, 1.0):
            assert_close(critics(trace)[0].credit(unsure).advantages, unsure.A_N1.expand(2, 2))  # GRPO
        believer, _ = critics(1.0, calibrated=False)
        close(believer.credit(unsure).advantages, [[1.0, 0.5], [-1.0, -0.5]])


def test_a_critics_credit_sums_to_the_advantage_at_trace_0():
    """Whatever the teacher says: what it says of the end is replaced by the verifier's word."""
    generator = torch.Generator().manual_seed(0)
    algorithm, two = critics(0.0)
    wild = dataclasses.replace(two, logp={"answer": 3 * torch.randn(2, 2, generator=generator)})
    assert_close(algorithm.credit(wild).advantages.sum(1, keepdim=True), wild.A_N1)
