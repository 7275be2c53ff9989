"""The laboratory's measurements end to end, on responses that are written for the model, which need not be good."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import shutil

import numpy as np
import pytest
import torch

from agents.algorithms.contexts import show_answer
from agents.bundled import BUNDLED
from agents.episodes import Completion, StopReason
from agents.lab import card, fitness, precision
from agents.lab.beliefs import Beliefs, ahead, beliefs, draw, ends, given_answer, information, informed_gains
from agents.lab.blame import Bootstrap, Judged, measure_blame
from agents.lab.data import Work, attempt, cites, gold
from agents.lab.options import PrecisionOptions
from agents.lab.remember import RememberingPolicy
from agents.lab.rollouts import gains, play, steps_of
from agents.lab.sources import CONTROLS, ask, learner_of, make_agent
from agents.lab.study import Study
from agents.policy import loading
from agents.policy.base import Sampling
from agents.policy.transformers_policy import TransformersPolicy
from agents.tiny.teachers import Teacher
from rlsd_env import ConfigurationError
from rlsd_env.procedural.chain import OPERATIONS

TABLE = beliefs()
QUESTION = re.compile(r"to right: (\d)((?: [-+*] \d)+) = \?")


def written(policy, prompt, seed):
    """What the expert says to a prompt; where it reads an answer, that it read it."""
    text = str(prompt.messages)
    shown = re.search(r"The reference answer is (\d)\.", text)
    if shown:
        response = cites(int(shown[1])).text
    else:
        start, steps = QUESTION.search(text).groups()
        signs, operands = zip(*(pair.split() for pair in re.findall(r"[-+*] \d", steps)))
        operands = tuple(map(int, operands))
        work = Work(int(start), signs, operands, ())
        response = attempt(work, TABLE.transitions(signs, operands), np.ones(10), np.random.default_rng(seed)).response
    ids = policy.tokenizer(response)["input_ids"]
    ids = (*ids, policy.tokenizer.eos_token_id)
    with torch.no_grad():
        logps = TransformersPolicy.score(policy, [prompt], [0], [ids]).logp_NT[0]
    return Completion(ids, tuple(logps.tolist()), response, StopReason.STOP)


@pytest.fixture
def expert(policy, monkeypatch):
    """The bundled model, which says what the expert says."""

    def generate(self, request, on_completion=None):
        seeds = iter(request.seeds)
        found = [[written(self, prompt, next(seeds)) for _ in range(request.n)] for prompt in request.prompts]
        for number, completion in enumerate(one for of in found for one in of):
            if on_completion is not None:
                on_completion(number, completion)
        return found

    monkeypatch.setattr(TransformersPolicy, "generate", generate)
    return policy


def rollouts(policy, tasks=6):
    return play(policy, "rlsd/Chain-v0", {"fold": "heldout", "difficulty": 2}, tasks, 4, Sampling(1.0, 64), 0)


# -- the table ---------------------------------------------------------------------------------------------

TWO = np.array([[[0.5, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.25, 0.75]]])
"""From 0 to either, from 1 to 1; then from 0 to 0, from 1 to 0 with 1/4. Of two digits alone."""


def test_what_lies_ahead_by_hand():
    """That the last digit is 0, from the middle: 1 and 1/4; from the beginning: 1/2 + 1/8 and 1/4."""
    assert ahead(TWO, np.array([1.0, 0.0])).tolist() == [[0.625, 0.25], [1.0, 0.25], [1.0, 0.0]]


def test_gains_of_an_informed_expert_by_hand():
    """It is known that the last digit is 0, but for one time in ten: .9 and .1.

    Ahead: of the middle .9 and .9/4 + .1 3/4 = .3, of the beginning (.9 + .3)/2 = .6.
    """
    found = informed_gains(0, TWO, np.array([0.9, 0.1]), [1, 1])
    assert found == pytest.approx([math.log(0.3 / 0.6), math.log(0.1 / 0.3)])


@pytest.mark.parametrize("results", [(7, 4, 1), (7, 5, 2), (0, 0, 0)])
def test_gains_sum_to_what_is_learned_of_the_answer(results):
    own = TABLE.transitions(("+", "*", "-"), (4, 2, 3))
    found = informed_gains(3, own, given_answer(1), results)
    assert found.sum() == pytest.approx(information(1, results[-1], ends(3, own)))


def test_drawing_from_what_lies_ahead_follows_the_posterior():
    """Given that the last digit is 0, the middle one is 0 with (1/2 1) / (5/8) = 4/5."""
    wide = np.zeros((2, 10, 10))
    wide[:, :2, :2] = TWO
    rng = np.random.default_rng(0)
    drawn = [draw(0, wide, np.eye(10)[0], rng) for _ in range(2000)]
    assert {last for _, last in drawn} == {0}
    assert abs(np.mean([middle == 0 for middle, _ in drawn]) - 0.8) < 4 * math.sqrt(0.16 / 2000)


# -- what is said of tokens --------------------------------------------------------------------------------


def test_remembered_scores_are_the_models_own_and_run_once(expert):
    batch = rollouts(expert, 2)
    prompts = [group.episodes[0].turns[0].prompt for group in batch.groups]
    ids = [group.episodes[i].turns[0].action.token_ids for group in batch.groups for i in (0, 1)]
    owners = [0, 0, 1, 1]
    expected = expert.score(prompts, owners, ids).logp_NT.detach()
    remembering = RememberingPolicy(expert)
    for _ in range(2):
        found = remembering.score(prompts, owners, ids).logp_NT
        assert torch.allclose(found, expected, atol=1e-5)
    distinct = [len({ids[n] for n in of}) for of in ((0, 1), (2, 3))]
    assert remembering.runs == sum(distinct)
    assert found.requires_grad
    remembering.forget(but=prompts[:1])
    remembering.score(prompts, owners, ids)
    assert remembering.runs == sum(distinct) + distinct[1]


def test_evidence_is_the_difference_of_two_scores(expert):
    batch = rollouts(expert)
    policy = RememberingPolicy(expert)
    found = ask(learner_of(policy, make_agent("rlsd", {}, {}), batch), batch)
    keys = {(g, i) for g, group in enumerate(batch.groups) if 0 < group.success < 1 for i in range(4)}
    assert found.evidence.keys() == found.credit.keys() == keys != set()
    told = gains(expert, batch, show_answer)
    for g, i in keys:
        group, turn = batch.groups[g], batch.groups[g].episodes[i].turns[0]
        shown = show_answer(group, i).prompts[0]
        with torch.no_grad():
            Q, S = (expert.score([p], [0], [turn.action.token_ids]).logp_NT[0] for p in (shown, turn.prompt))
        assert found.evidence[g, i] == pytest.approx((Q - S).numpy(), abs=1e-4)
        assert told[g, i] == pytest.approx((Q - S).numpy(), abs=1e-4)
        assert (np.sign(found.credit[g, i]) == (1 if group.episodes[i].verdict.correct else -1)).all()


@pytest.mark.parametrize("agent", ["cepo", "rlcsd", "belief", "credit", "rlrt", "antisd"])
def test_evidence_of_other_methods_is_what_they_make_of_it(expert, agent):
    """That of contrasts and belief steps stands in place of D; RLRT's is minus D."""
    batch = rollouts(expert)
    policy = RememberingPolicy(expert)
    hint = {"hint": "answer"} if agent == "rlrt" else {}  # right siblings seldom differ here
    algorithm = make_agent(agent, hint, {})
    plain = ask(learner_of(policy, make_agent("rlsd", hint, {}), batch), batch).evidence
    found = ask(learner_of(policy, algorithm, batch), batch).evidence
    assert found
    same = [np.allclose(found[key], plain[key], atol=1e-4) for key in found.keys() & plain.keys()]
    if agent == "rlrt":
        right = [key for key in found if batch.groups[key[0]].episodes[key[1]].verdict.correct]
        assert right
        assert all(np.allclose(found[key], -plain[key], atol=1e-4) for key in right)
    elif agent in ("cepo", "rlcsd", "belief"):
        assert not any(same)


def test_controls(expert):
    batch = rollouts(expert)
    policy = RememberingPolicy(expert)
    lengths = {(g, i): e.length for g, group in enumerate(batch.groups) for i, e in enumerate(group.episodes)}
    said = {name: control(policy, batch) for name, control in CONTROLS.items()}
    for name, says in said.items():
        assert {key: len(x) for key, x in says.items()} == lengths, name
    for (g, i), x in said["surprise"].items():
        assert x == pytest.approx(batch.groups[g].episodes[i].turns[0].action.logprobs, abs=1e-4)
    assert all((x <= 0).all() for x in said["entropy"].values())
    for (g, i), steps in steps_of(policy, batch).items():
        work, episode = gold(batch.groups[g].item), batch.groups[g].episodes[i]
        results = [int(found) for found in re.findall(r"= (\d)", episode.response)]
        expected = information(
            work.results[-1], results[-1], ends(work.start, TABLE.transitions(work.signs, work.operands))
        )
        x = said["exact"][g, i]
        assert x.sum() == pytest.approx(expected)
        assert np.flatnonzero(np.delete(x, steps.results)).tolist() == []


# -- the study ---------------------------------------------------------------------------------------------


def test_the_study_end_to_end(expert, monkeypatch, tmp_path, capsys):
    before = {name: value.clone() for name, value in expert.model.state_dict().items()}
    monkeypatch.setattr(loading, "load_policy", lambda *_: expert)
    options = PrecisionOptions(policy="expert", tasks=6, group_size=4, out=tmp_path / "sub" / "figures.json")
    results = precision.run(options)
    assert json.loads(options.out.read_text("utf-8")) == json.loads(json.dumps(results))
    rows = {(row["source"], row["hints"]): row for row in results["sources"]}

    batch = rollouts(expert)
    told = results["rollouts"]
    assert told["responses"] == 24
    mixed = [g for g, group in enumerate(batch.groups) if 0 < group.success < 1]
    wrong = [(g, i) for g in mixed for i in range(4) if not batch.groups[g].episodes[i].verdict.correct]
    assert (told["mixed_groups"], told["wrong_responses_of_mixed_groups"]) == (len(mixed), len(wrong))

    steps, D = steps_of(expert, batch), gains(expert, batch, show_answer)
    judged = [Judged(mixed.index(g), False, steps[g, i], D[g, i]) for g, i in wrong]
    expected = measure_blame(judged, Bootstrap(len(mixed)))
    found = rows["rlsd", "right"]["evidence"]
    assert found["responses"] == expected.responses == told["of_those_with_a_wrong_step"]
    for name in ("share_first_wrong_step", "most_first_wrong", "auc_steps"):
        assert found[name]["mean"] == pytest.approx(expected.figures[name].mean, abs=1e-3)

    plain = rows["grpo", None]
    assert "evidence" not in plain
    for name in ("share_first_wrong_step", "share_behind", "most_first_wrong"):
        assert plain["credit"][name] == plain["credit"][f"{name}_chance"]
    assert rows["rlsd", "right"]["teacher_accuracy"] == rows["rlsd", "right"]["teacher_cites"] == 1
    assert rows["rlsd", "wrong"]["teacher_accuracy"] == 0
    assert rows["rlsd", "blank"]["teacher_cites"] == 0
    assert rows["rlsd-sibling", "wrong, blank"]["hints"]  # a sibling's control is one text
    assert rows["exact", None]["auc_sum"]["mean"] == 1
    assert "rlsd-visual" not in {source for source, _ in rows}
    printed = capsys.readouterr().out
    assert all(source in printed for source, _ in rows)
    for name, value in expert.model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_labels_have_options_of_their_own(expert):
    options = PrecisionOptions(
        policy="expert",
        agents=("mine=rlsd", "rlsd/paper", "guess=random"),
        agent_kwargs={"mine.hint": "solution"},
        hints=("right",),
        tasks=6,
        group_size=4,
    )
    rows = {row.source: row for row in Study(RememberingPolicy(expert), options).rows()}
    assert set(rows) == {"mine", "rlsd/paper", "guess"}
    assert rows["mine"].options["hint"] == "solution"
    assert (rows["mine"].agent, rows["guess"].agent) == ("rlsd", "")


def test_pictures_have_a_row_of_what_they_tell(expert, monkeypatch):
    """The expert cannot see: it is told the operands."""
    batch_of = {}

    def told(policy, prompt, seed):
        rng = np.random.default_rng(seed)
        work = batch_of["works"][re.search(r"to right: (.*?) = \?", str(prompt.messages))[1]]
        response = attempt(work, TABLE.transitions(work.signs, work.operands), np.ones(10), rng).response
        ids = (*policy.tokenizer(response)["input_ids"], policy.tokenizer.eos_token_id)
        return Completion(ids, (0.0,) * len(ids), response, StopReason.STOP)

    from rlsd_env.procedural.chain import PictureChain

    source = PictureChain(3, 16)
    items = [source.item(2**30 + n) for n in range(4)]
    batch_of["works"] = {re.search(r"to right: (.*?) = \?", item.task.question)[1]: gold(item) for item in items}
    monkeypatch.setattr(f"{__name__}.written", told)
    options = PrecisionOptions(
        policy="expert",
        env="rlsd/PictureChain-v0",
        env_kwargs={"cell": 16},
        agents=("rlsd-visual", "exact"),
        hints=("right",),
        tasks=4,
        group_size=8,
    )
    rows = {row.source: row for row in Study(RememberingPolicy(expert), options).rows()}
    assert rows["rlsd-visual"].figures["evidence"]["most_first_wrong"].mean >= 0
    assert rows["exact"].predicts.mean == 1


def test_a_model_that_states_no_steps_is_refused(policy):
    with pytest.raises(ConfigurationError, match="states a step such as"):
        Study(RememberingPolicy(policy), PrecisionOptions(policy="tiny", tasks=2, group_size=2, max_tokens=8))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hints": ("left",)}, "hints"),
        ({"hints": ()}, "hints is empty"),
        ({"hints": ("right", "right")}, "may be there once"),
        ({"agents": ("rlsd", "rlsd")}, "may be there once"),
        ({"env_kwargs": {"fold": "train"}}, "held-out"),
        ({"env_kwargs": {"hints": "wrong"}}, "give them as --hints"),
        ({"agent_kwargs": {"hint": "solution"}}, "AGENT.OPTION"),
        ({"agents": ("grpo",), "agent_kwargs": {"rlsd.hint": "solution"}}, "one of grpo"),
        ({"group_size": 1}, "group_size"),
    ],
)
def test_options_that_are_unusable_are_named(options, message):
    with pytest.raises(ConfigurationError, match=message):
        PrecisionOptions(policy="x", **options)


@pytest.mark.parametrize(
    ("agents", "kwargs", "message"),
    [
        (("rlsdd",), {}, "rlsd"),
        (("random",), {"random.seed": 1}, "random has no options"),
        (("rlsd",), {"rlsd.hint": "tip"}, "hint"),
    ],
)
def test_agents_that_are_unusable_are_named(expert, agents, kwargs, message):
    options = PrecisionOptions(policy="x", agents=agents, agent_kwargs=kwargs, tasks=6, group_size=4)
    with pytest.raises(ConfigurationError, match=message):
        list(Study(RememberingPolicy(expert), options).rows())


def test_a_file_that_is_there_is_not_written_over(tmp_path):
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(ConfigurationError, match="exists already"):
        precision.run(PrecisionOptions(policy="x", out=tmp_path / "a.json"))
    with pytest.raises(ConfigurationError, match="policy is missing"):
        precision.run(PrecisionOptions())


# -- the card ----------------------------------------------------------------------------------------------

WORK = Work(3, ("+", "*"), (4, 2), (7, 4))


def test_copies_by_hand():
    response = "<think> 3 + 4 = 8. 7 - 2 = 5. 5 + 1 = 6. </think>"
    assert fitness.copied(WORK, response) == {
        "signs": [True, False],
        "operands": [True, True],
        "left digits": [True, False],
    }
    assert fitness.copied(WORK, "4.") == {"signs": [], "operands": [], "left digits": []}


def table_of(result):
    """A table of one number: of the right result; the rest is spread evenly over the others."""
    rows = {}
    for sign, operation in OPERATIONS.items():
        for left in range(10):
            for operand in range(1, 10):
                row = np.full(10, (1 - result) / 9)
                row[operation(left, operand)] = result
                rows[sign, left, operand] = row
    return Beliefs(dict.fromkeys(rows, "known"), rows)


def test_exact_gains_by_hand():
    """Right results with .91, others with .01 each, one step: the answer 7 is shown with .91 .91 + .01 .09."""
    work, table = Work(3, ("+",), (4,), (7,)), table_of(0.91)
    shown = 0.91 * 0.91 + 0.01 * 0.09
    assert fitness.exact_gains(work, work.response, table) == pytest.approx([math.log(0.91 / shown)])
    wrong = dataclasses.replace(work, results=(8,)).response
    assert fitness.exact_gains(work, wrong, table) == pytest.approx([math.log(0.01 / shown)])


@pytest.mark.parametrize(
    "response",
    ["7", "<think> 3 + 4 = 7. </think> <answer> 7 </answer>", WORK.response.replace("<answer> 4", "<answer> 5")],
)
def test_what_the_expert_could_not_write_has_no_exact_gains(response):
    assert fitness.exact_gains(WORK, response, TABLE) is None
    assert fitness.exact_gains(WORK, f"{WORK.response}\n", TABLE) is not None


def test_a_line_by_hand():
    """Away from the means -1 0 1 and -2 1 1: products 3, squares 2 and 6."""
    found = fitness.line([0.0, 1.0, 2.0], [1.0, 4.0, 4.0])
    assert dataclasses.astuple(found) == pytest.approx((3, 1.5, 3 / math.sqrt(12), 2.0))
    assert math.isnan(fitness.line([], []).slope)


def test_fitness_of_the_expert(expert):
    batch = rollouts(expert, 16)
    found = fitness.measure_fitness(expert, batch, TABLE)
    assert found.copied == {"signs": 1.0, "operands": 1.0, "left digits": 1.0}
    assert (found.written, found.bayes.points) == (1.0, 64)
    right = [
        OPERATIONS[sign](int(a), int(b)) == int(c)
        for _, _, episode in batch
        for a, sign, b, c in re.findall(r"(\d) ([-+*]) (\d) = (\d)", episode.response)
        if TABLE.kind[sign, int(a), int(b)] == "misbelieved"
    ]
    assert found.right["misbelieved"] == pytest.approx(np.mean(right))


def test_what_is_shown_instead_of_the_right_answer_is_another_digit(expert):
    group = rollouts(expert, 1).groups[0]
    for answer, other in (("3", "4"), ("9", "0")):
        group = dataclasses.replace(group, hints={"answer": answer})
        assert card.other_digit(group, 0) == other
        assert f"The reference answer is {other}." in str(card.show_other_digit(group, 0).prompts[0].messages)
    assert "the next digit" in card.SHOWN
    assert all(kind.whose != "off by one" for kind in card.SHOWN.values())


@pytest.mark.parametrize("q", [0.0, 0.3])
def test_a_model_is_held_to_what_it_should_be(q):
    """Two figures miss: operands are copied too rarely, and a blank answer tells right from wrong."""
    copies = {"signs": 0.98, "operands": 0.97, "left digits": 1.0}
    found = fitness.Fitness(copies, 1.0, {}, fitness.Line(9, 0.95, 0.9, 0.0))
    areas = {"the right answer": 0.9, "the next digit": 0.4, "another task's answer": 0.4, "a blank answer": 0.65}
    teachers = {name: Teacher(9, auc, 0.0, 0.5, 0.5, 0.0) for name, auc in areas.items()}
    said = list(card.accepted(q, {"Chain": found}, {"Chain": teachers}))
    assert len(said) == (7 if q == 0 else 6)  # the slope is 1 of the honest teacher alone
    assert [(what, figure) for what, figure, met in said if not met] == [
        ("Chain: operands copied, at least .98", 0.97),
        ("Chain: AUC with a blank answer, within .1 of .5", 0.65),
    ]


def test_the_card_of_a_model_says_what_was_measured(tmp_path, monkeypatch):
    """The card's tables have a row for each task and kind of text, and the folder's making is quoted."""
    folder = tmp_path / "q0"
    shutil.copytree(BUNDLED["lab-q0"], folder)
    (folder / "README.md").unlink()
    monkeypatch.setattr(card, "ENVS", {"Chain": {}})
    monkeypatch.setattr(card, "LEVELS", (1,))
    monkeypatch.setattr(card, "BAYES_LEVELS", (card.LEVEL,))
    kinds = ("the right answer", "the next digit", "another task's answer", "a blank answer")
    monkeypatch.setattr(card, "SHOWN", {name: card.SHOWN[name] for name in kinds})
    text = card.write_card(card.MeasureLab(folder, tasks=32))
    assert (folder / "README.md").read_text("utf-8") == text
    lines = text.splitlines()
    assert [
        line.split(" | ")[1]
        for line in lines
        if line.startswith("| Chain | ") and "| 0." in line and line.split(" | ")[1] in kinds
    ] == list(kinds)
    (accuracy,) = (line for line in lines if line.startswith("| Chain, difficulty 1 (2 steps) |"))
    assert all(0 <= float(cell) <= 1 for cell in accuracy.strip("| ").split(" | ")[1:])
    (bayes,) = (line for line in lines if line.startswith(f"| Chain | {card.LEVEL} | "))
    assert 0 < int(bayes.split(" | ")[2]) <= 32 * card.GROUP_SIZE
    assert "AUC with the right answer, above .8" in text
    assert "{" not in text.replace("{:", "")
