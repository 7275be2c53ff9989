"""Published settings: each preset's loss on literal arrays against its source's formula, worked out here by itself."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import pytest
import torch
from torch import tensor

import agents
from agents import command_line
from agents.algorithms import Signals, make
from agents.algorithms.presets import PRESETS
from agents.entrants import resolve
from agents.losses import clipped_surrogate, row_coefficients
from agents.methods import learner_options
from agents.options.commands import CompareOptions, TrainOptions, from_toml
from agents.options.learner import LearnerOptions
from agents.policy.loading import load_policy
from agents.presets import markdown, toml
from rlsd_env import ConfigurationError

# fmt: off
# Two responses of one group, of 3 and 2 tokens: the first right, the second wrong. Four vocabulary entries.
LENGTHS = (3, 2)
REWARDS = (1.0, 0.0)
CHOSEN = (0, 1, 2, 1, 3)
STUDENT = (
    (0.5, 0.2, 0.2, 0.1),
    (0.1, 0.4, 0.3, 0.2),
    (0.25, 0.25, 0.3, 0.2),
    (0.32, 0.28, 0.2, 0.2),
    (0.1, 0.2, 0.6, 0.1),
)
TEACHER = ((0.6, 0.1, 0.2, 0.1), (0.2, 0.3, 0.4, 0.1), (0.3, 0.1, 0.5, 0.1), (0.5, 0.1, 0.2, 0.2), (0.1, 0.1, 0.3, 0.5))
WRONG = ((0.4, 0.3, 0.2, 0.1), (0.1, 0.6, 0.2, 0.1), (0.3, 0.3, 0.2, 0.2), (0.1, 0.6, 0.2, 0.1), (0.2, 0.2, 0.4, 0.2))
RATIO = (1.0, 1.5, 0.7, 1.1, 4.0)  # exp(S - S_old)
ENTROPY = (0.3, 0.6, 0.9, 1.2, 0.1)  # of the teacher, where a method asks for it
# fmt: on
STEP = 20
MAX_TOKENS = 10
S = [math.log(row[v]) for row, v in zip(STUDENT, CHOSEN)]
D = [math.log(q[v] / p[v]) for p, q, v in zip(STUDENT, TEACHER, CHOSEN)]
WHO = (0, 0, 0, 1, 1)
A = (0.5 / (math.sqrt(0.5) + 1e-6), -0.5 / (math.sqrt(0.5) + 1e-6))
"""Of rewards 1 and 0: by the unbiased deviation, .7071."""


# -- the sources' formulas, in plain numbers ---------------------------------------------------------------


def surrogate(advantages, low, high, dual=None, ratios=RATIO):
    losses = []
    for rho, a in zip(ratios, advantages):
        gain = min(rho * a, min(max(rho, 1 - low), 1 + high) * a)
        losses.append(-(max(gain, dual * a) if dual and a < 0 else gain))
    return losses


def sequence_mean(losses):
    return (sum(losses[:3]) / 3 + sum(losses[3:]) / 2) / 2


def token_mean(losses):
    return sum(losses) / 5


def each(by_response):
    return [by_response[n] for n in WHO]


def jsd(p, q, beta):
    """beta KL(q || m) + (1 - beta) KL(p || m); p the student."""
    if beta == 0:
        return sum(b * math.log(b / a) for a, b in zip(p, q))
    if beta == 1:
        return sum(a * math.log(a / b) for a, b in zip(p, q))
    m = [(1 - beta) * a + beta * b for a, b in zip(p, q)]
    return beta * jsd(m, q, 0) + (1 - beta) * jsd(m, p, 0)


def divergences(beta, cut=None):
    def one(p, q):
        if cut is None:
            return jsd(p, q, beta)
        assert beta == 0
        return sum(min(cut, b * math.log(b / a)) for a, b in zip(p, q))

    return [one(p, q) for p, q in zip(STUDENT, TEACHER)]


def weighed(evidence, lam, epsilon, signs=(1, -1)):
    found = []
    for e, n in zip(evidence, WHO):
        w = min(max(math.exp(signs[n] * e), 1 - epsilon), 1 + epsilon)
        found.append(A[n] * ((1 - lam) + lam * w))
    return found


def contrasts():
    return [math.log(q[v] / w[v]) for q, w, v in zip(TEACHER, WRONG, CHOSEN)]


def rlcsd():
    """Residues, the sign of A kept, and two means within a response."""
    found = []
    for n in (0, 1):
        tokens = [m for m in range(5) if WHO[m] == n]
        residue = {m: 0.5 * math.tanh(contrasts()[m] / 0.02) for m in tokens}
        residue = {m: r if abs(r) > 0.02 else 0.0 for m, r in residue.items()}
        chosen = [m for m in tokens if residue[m]]
        for m in tokens:
            a = A[n] + residue[m]
            a = max(a, 0.0) if A[n] > 0 else min(a, 0.0)
            group = chosen if m in chosen else [k for k in tokens if k not in chosen]
            found.append(a * len(tokens) / len(group))
    return found


def oppo():
    found = []
    for n, length in enumerate(LENGTHS):
        odds, before = 0.0, 0.5  # half of the group is right
        for m in (m for m in range(5) if WHO[m] == n):
            odds += D[m]
            now = 1 / (1 + math.exp(-odds))
            found.append(length * (now - before))
            before = now
    return found


def srpo(losses):
    """The wrong response is distilled, by exp(-H) over the mean of an earlier step; the right one is reinforced."""
    taught = [math.exp(-ENTROPY[m]) / 0.5 * min(RATIO[m], 2) * jsd(STUDENT[m], TEACHER[m], 0.5) for m in (3, 4)]
    return token_mean([*losses[:3], *taught])


def demopsd():
    """KL(S || target), target = T^(1-a) R^a / Z, a = 2 .15 (sigmoid(50 d) - 1/2); R is the wrong hint's row here."""
    found = []
    for p, q, r, rho in zip(STUDENT, TEACHER, WRONG, RATIO):
        a = 0.3 * (1 / (1 + math.exp(-50 * jsd(r, q, 0.5))) - 0.5)
        target = [x ** (1 - a) * y**a for x, y in zip(q, r)]
        found.append(min(rho, 2) * jsd(p, [x / sum(target) for x in target], 1))
    return found


def geometric_ratios():
    logs = [math.log(rho) for rho in RATIO]
    return each((math.exp(sum(logs[:3]) / 3), math.exp(sum(logs[3:]) / 2)))


EXPECTED = {
    "grpo/paper": lambda: sequence_mean(surrogate(each(A), 0.2, 0.28)),
    "grpo/dapo": lambda: token_mean(surrogate(each(A), 0.2, 0.28)),
    "grpo/dr-grpo": lambda: sum(surrogate(each((0.5, -0.5)), 0.2, 0.2)) / (2 * MAX_TOKENS),
    "grpo/gspo": lambda: sequence_mean(surrogate(each(A), 3e-4, 4e-4, ratios=geometric_ratios())),
    "grpo/verl": lambda: token_mean(surrogate(each(A), 0.2, 0.2, dual=3.0)),
    "grpo/trl": lambda: token_mean(surrogate(each(A), 0.2, 0.2)),
    "opsd/paper": lambda: token_mean(divergences(0.5)),
    "opsd/later-script": lambda: token_mean(divergences(0.0, cut=0.05)),
    "opsd/rlsd-paper": lambda: sequence_mean(divergences(0.5)),
    # argmax of the teacher: entries 0, 2, 2, 0, 3
    "opsd/teacher-top1": lambda: sequence_mean([-math.log(x) for x in (0.5, 0.3, 0.3, 0.32, 0.1)]),
    # argmax of the student: entries 0, 1, 2, 0, 2, each against the rest
    "opsd/student-top1": lambda: sequence_mean(
        [jsd((p, 1 - p), (q, 1 - q), 0.5) for p, q in ((0.5, 0.6), (0.4, 0.3), (0.3, 0.5), (0.32, 0.5), (0.6, 0.3))]
    ),
    "sdpo/official": lambda: token_mean([min(rho, 2) * d for rho, d in zip(RATIO, divergences(0.5))]),
    "sdpo/rich-feedback": lambda: token_mean([min(rho, 2) * d for rho, d in zip(RATIO, divergences(1.0))]),
    "sdpo/trl": lambda: token_mean([-min(rho, 2) * d * s for rho, d, s in zip(RATIO, D, S)]),
    # A + (Q - S_old), and Q - S_old = D + log rho
    "grpo+opsd/ms-swift": lambda: sequence_mean(
        surrogate([a + d + math.log(rho) for a, d, rho in zip(each(A), D, RATIO)], 0.2, 0.2)
    ),
    "grpo+opsd/rlsd-release": lambda: token_mean(
        surrogate([a + 0.1 * (d + math.log(rho)) for a, d, rho in zip(each(A), D, RATIO)], 0.2, 0.28)
    ),
    "rlsd/paper": lambda: sequence_mean(surrogate(weighed(D, 0.5 * 30 / 50, 0.2), 0.2, 0.28)),
    "rlsd/released-script": lambda: token_mean(surrogate(weighed(D, 0.5 * 40 / 60, 0.2), 0.2, 0.28)),
    "rlsd/released-yaml": lambda: token_mean(surrogate(weighed(D, 0.5, 0.2), 0.2, 0.28)),
    "rlsd/ms-swift": lambda: sequence_mean(
        surrogate(weighed([d + math.log(rho) for d, rho in zip(D, RATIO)], 0.5, 0.2), 0.2, 0.2)
    ),
    "rlcsd/paper": lambda: sequence_mean(surrogate(rlcsd(), 0.2, 0.28)),
    "cepo/paper": lambda: sequence_mean(surrogate(weighed(contrasts(), 0.5 * 5 / 25, 0.5), 0.2, 0.28)),
    "cepo/released": lambda: sequence_mean(surrogate(weighed(contrasts(), 0.5 * 5 / 25, 0.2), 0.2, 0.28)),
    # where A > 0 the teacher reversed, elsewhere A
    "rlrt/released": lambda: sequence_mean(surrogate([*weighed([-d for d in D], 0.5, 1.0)[:3], A[1], A[1]], 0.2, 0.28)),
    "antisd/released": lambda: sequence_mean(
        surrogate([a - 0.1 * 0.5 * (math.log1p(math.exp(d)) - math.log(2)) for a, d in zip(each(A), D)], 0.2, 0.28)
    ),
    "sdar/paper": lambda: token_mean(
        [loss - 0.01 / (1 + math.exp(-5 * d)) * s for loss, d, s in zip(surrogate(each(A), 0.2, 0.2), D, S)]
    ),
    "srpo/paper": lambda: srpo(surrogate(each((0.5, -0.5)), 0.2, 0.28)),
    "demopsd/paper": lambda: token_mean(demopsd()),
    "belief/oppo": lambda: sequence_mean(surrogate(oppo(), 0.2, 0.28)),
    # one turn: nothing is above its own mean, z = 0, the multiplier 1
    "belief/agentopsd": lambda: sequence_mean(surrogate(each(A), 0.2, 0.28)),
    "opd/thinking-machines": lambda: token_mean(surrogate(D, 0.2, 0.28)),
    "opd/gkd": lambda: token_mean(divergences(0.5)),
}
MUST = {"opd/thinking-machines": {"teacher": "external(tiny)"}, "opd/gkd": {"teacher": "external(tiny)"}}


# -- this project's, put together as the learner does ------------------------------------------------------


def padded(values):
    rows = [list(values[:3]), [*values[3:], 0.0]]
    return tensor(rows, dtype=torch.float64)


def said(algorithm, context):
    """What a context's scorer says: the second row of evidence for wrong hints, and for DemoPSD without any."""
    return WRONG if context == "wrong_0" or (algorithm.name, context) == ("demopsd", "question") else TEACHER


def ours(name):
    algorithm = make(name, MUST.get(name))
    learner = LearnerOptions(
        **{**learner_options(name)} | ({"constant_length": MAX_TOKENS} if "dr-grpo" in name else {})
    )
    mask_NT = tensor([[True, True, True], [True, True, False]])
    rewards, valid = tensor([REWARDS], dtype=torch.float64), tensor([[True, True]])
    A_N = algorithm.group_advantages(rewards, valid).flatten()
    state = dict(algorithm.initial())
    if name == "srpo/paper":
        state["certainty"] = 0.5
    if name == "antisd/released":
        state |= {"steps_seen": 99.0, "gate": 1.0}
    contexts = list(algorithm.contexts(STEP, state))
    logp = {
        context: padded([math.log(row[v]) for row, v in zip(said(algorithm, context), CHOSEN)])
        for context in contexts
        if not (context.startswith("wrong_") and context != "wrong_0")
    }
    if name == "rlrt/released":  # the learner asks part by part; the wrong response is in one that is shown nothing
        return by_part(name, algorithm, learner, A_N, state)
    if name == "srpo/paper":
        return by_part(name, algorithm, learner, A_N, state, taught=1)
    return loss_of(algorithm, learner, A_N, state, logp, mask_NT, range(2))


def by_part(name, algorithm, learner, A_N, state, taught=0):
    (context,) = algorithm.contexts(STEP, state)
    logp = padded([math.log(row[v]) for row, v in zip(TEACHER, CHOSEN)])
    mask_NT = tensor([[True, True, True], [True, True, False]])
    return sum(
        loss_of(
            algorithm, learner, A_N[n : n + 1], state, {context: logp[n : n + 1]} if n == taught else {},
            mask_NT[n : n + 1], [n],
        )
        for n in (0, 1)
    )  # fmt: skip


def loss_of(algorithm, learner, A_N, state, logp, mask_NT, rows):
    rows = list(rows)
    S_NT = padded(S)[rows]
    S_old_NT = S_NT - padded([math.log(rho) for rho in RATIO])[rows]
    signals = Signals(
        A_N1=A_N[:, None],
        S_NT=S_NT,
        S_old_NT=S_old_NT,
        mask_NT=mask_NT,
        step=STEP,
        logp=logp,
        entropy={name: padded(ENTROPY)[rows] for name in logp},
        shown={name: torch.ones(len(rows), 1, dtype=torch.bool) for name in logp},
        success_N1=torch.full((len(rows), 1), 0.5, dtype=torch.float64),
        turn_NT=torch.zeros_like(mask_NT, dtype=torch.long),
        state=state,
    )
    loss_NT = torch.zeros_like(S_NT)
    credit = algorithm.credit(signals)
    if credit is not None:
        loss_NT = clipped_surrogate(
            S_NT,
            S_old_NT,
            credit.advantages.expand_as(S_NT),
            learner.clip_low,
            learner.clip_high,
            negative_cap=learner.dual_clip,
            mask_NT=mask_NT if learner.ratio == "sequence" else None,
        )
        if credit.unclipped is not None:
            loss_NT = loss_NT - credit.unclipped * S_NT
    contexts = algorithm.contexts(STEP, state)
    full = [name for name in logp if contexts[name].full]
    if full:
        tokens = [m for m in range(5) if WHO[m] in rows]
        others = {name: tensor([said(algorithm, name)[m] for m in tokens], dtype=torch.float64).log() for name in full}
        student = tensor([STUDENT[m] for m in tokens], dtype=torch.float64).log()
        auxiliary_M = algorithm.auxiliary(student, others, signals)
        loss_NT = loss_NT + torch.zeros_like(S_NT).masked_scatter(mask_NT, auxiliary_M)
    lengths, divisor = tensor(LENGTHS), learner.constant_length
    coefficients = row_coefficients(
        torch.ones(2, dtype=torch.float64), lengths, learner.aggregation, constant_length=divisor
    )
    return (coefficients[rows][:, None] * torch.where(mask_NT, loss_NT, 0.0)).sum().item()


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_computes_what_its_source_says(name):
    assert ours(name) == pytest.approx(EXPECTED[name](), abs=1e-7)


def test_no_preset_is_without_a_formula_of_its_own():
    assert set(EXPECTED) == set(PRESETS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("rlsd/paper", "rlsd/released-script"),
        ("rlsd/paper", "rlsd/ms-swift"),
        ("sdpo/official", "sdpo/trl"),
        ("cepo/paper", "cepo/released"),
        ("opsd/paper", "opsd/later-script"),
        ("grpo/paper", "grpo/trl"),
    ],
)
def test_presets_of_one_method_are_not_the_same(one, other):
    assert abs(ours(one) - ours(other)) > 1e-4


# -- how they are used ---------------------------------------------------------------------------------------


def test_a_preset_brings_its_loss_and_not_its_scale():
    options = CompareOptions(
        agents=("rlsd/released-script", "grpo"), agent_kwargs={"rlsd/released-script.epsilon": 0.1}
    )
    _, (preset, plain) = resolve(options)
    assert preset.name == "rlsd-released-script"
    assert preset.kwargs["decay_steps"] == 60
    assert preset.kwargs["epsilon"] == 0.1
    run = preset.train_options(options, 0, Path("x"))
    assert run.aggregation == "token_mean"
    assert run.lr == options.lr
    assert plain.train_options(options, 0, Path("y")).aggregation == "sequence_mean"


def test_options_of_an_agent_override_its_preset():
    options = CompareOptions(agents=("rlsd/released-script",), agent_options={"rlsd/released-script.clip_high": 0.5})
    _, (preset,) = resolve(options)
    run = preset.train_options(options, 0, Path("x"))
    assert (run.clip_high, run.aggregation) == (0.5, "token_mean")


def test_what_all_agents_were_given_and_a_preset_has_otherwise_must_be_said():
    shared = {"agents": ("grpo/paper", "grpo"), "clip_low": 0.05}
    with pytest.raises(ConfigurationError, match=r"clip_low is 0.05 for all agents and 0.2 in the preset grpo/paper"):
        resolve(CompareOptions(**shared))
    _, (preset, plain) = resolve(CompareOptions(**shared, agent_options={"grpo/paper.clip_low": 0.2}))
    found = [one.train_options(CompareOptions(**shared), 0, Path("x")).clip_low for one in (preset, plain)]
    assert found == [0.2, 0.05]


def test_the_constant_of_dr_grpo_can_be_given():
    options = CompareOptions(agents=("grpo/dr-grpo",), agent_options={"grpo/dr-grpo.constant_length": 48})
    _, (preset,) = resolve(options)
    run = preset.train_options(options, 0, Path("x"))
    assert (run.aggregation, run.constant_length) == ("constant", 48)
    shared = {"aggregation": "constant", "constant_length": 48}
    own = {"grpo/paper.aggregation": "sequence_mean"}
    options = CompareOptions(agents=("grpo", "grpo/paper"), agent_options=own, **shared)
    _, found = resolve(options)
    runs = [one.train_options(options, 0, Path("x")) for one in found]
    assert [run.constant_length for run in runs] == [48, 0]


def test_an_agent_made_in_code_has_the_presets_loss_too():
    policy = load_policy("tiny", "cpu")
    assert agents.make("grpo/gspo", policy).learner.options.ratio == "sequence"
    assert agents.make("grpo/gspo", policy, learner=LearnerOptions()).learner.options.ratio == "token"


def parsed(*argv):
    return command_line.parse(TrainOptions, argv, "train", "", learner_options)


def test_train_takes_a_presets_loss_unless_told_otherwise(tmp_path):
    assert parsed("--agent", "rlsd/released-script").aggregation == "token_mean"
    assert parsed("--agent=rlsd/released-script").aggregation == "token_mean"
    assert parsed("--agent", "rlsd/released-script", "--aggregation", "sequence_mean").aggregation == "sequence_mean"
    file = tmp_path / "run.toml"
    file.write_text('agent = "rlsd/released-script"\nclip_high = 0.4\n')
    found = parsed("--config", str(file))
    assert (found.aggregation, found.clip_high) == ("token_mean", 0.4)
    assert parsed("--agent", "rlsd").aggregation == "sequence_mean"


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_configuration(name, tmp_path):
    file = tmp_path / "preset.toml"
    file.write_text(toml(name))
    found = from_toml(TrainOptions, file)
    if PRESETS[name].learner.get("aggregation") == "constant":
        assert tomllib.loads(toml(name))["aggregation"] == "constant"
    options = TrainOptions(**found)
    make(options.agent, options.agent_kwargs | MUST.get(name, {}))
    for key, value in (*PRESETS[name].learner.items(), *PRESETS[name].scale.items()):
        assert getattr(options, key) == value


def test_the_page_shows_what_there_is():
    page = Path(__file__).parents[2] / "docs" / "presets.md"
    assert page.read_text("utf-8") == markdown(), "run python -m agents.presets --markdown > docs/presets.md"


def test_an_unknown_preset_is_named():
    with pytest.raises(ConfigurationError, match="unknown preset 'rlsd/papers'; did you mean 'rlsd/paper'"):
        make("rlsd/papers")
    with pytest.raises(ConfigurationError, match="unknown preset 'rlsd/papers'"):
        toml("rlsd/papers")
