"""The pages of algorithms show what algorithms do: the same responses, each asked through a learner."""

from __future__ import annotations

import json
import re

import pytest
import torch

from agents.algorithms import names
from agents.lab import pages
from agents.lab.credit_picture import Row, number, picture
from agents.lab.example import RIGHT, WRONG, Example, load
from tests.conftest import ROOT

FOLDER = ROOT / "docs" / "algorithms"
NUMBER = re.compile(r"-?\d*\.?\d+")
RENEW = "run python -m agents.lab.pages"


@pytest.fixture(scope="module")
def policy():
    torch.set_num_threads(1)
    return load()


@pytest.fixture(scope="module")
def asked(policy):
    return {name: Example(name, policy) for name in names()}


@pytest.fixture(scope="module")
def made(asked):
    return dict(pages.pages(asked))


def test_the_committed_pages_are_up_to_date(made):
    """Pictures up to what another machine rounds differently."""
    assert {path.name for path in FOLDER.iterdir()} == made.keys(), RENEW
    for name, text in made.items():
        committed = (FOLDER / name).read_text("utf-8")
        if name.endswith(".svg"):
            assert NUMBER.sub("#", committed) == NUMBER.sub("#", text), f"{name}: {RENEW}"
            stored, found = ([*map(float, NUMBER.findall(one))] for one in (committed, text))
            assert stored == pytest.approx(found, abs=0.3, rel=0.02), f"{name}: {RENEW}"
        else:
            assert committed == text, f"{name}: {RENEW}"


def test_what_reports_show_of_them_is_up_to_date(asked):
    kept = json.loads((ROOT / pages.PagesOptions.rows).read_text("utf-8"))
    found = json.loads(json.dumps(pages.rows(asked)))
    assert [one["correct"] for one in found] == [True, False]
    for stored, new in zip(kept, found, strict=True):
        assert {"grpo", "opsd", "rlsd", "cepo", "rlcsd"} <= new["agents"].keys() == stored["agents"].keys(), RENEW
        for name, said in new["agents"].items():
            committed = stored["agents"][name]
            assert said["advantage"] == pytest.approx(committed["advantage"], abs=1e-3), RENEW
            assert said["values"].keys() == committed["values"].keys(), RENEW
            for of, values in said["values"].items():
                assert values == pytest.approx(committed["values"][of], abs=1e-3, rel=1e-2), f"{name} {of}: {RENEW}"


def test_grpo_pays_all_tokens_the_same(asked):
    """2 of 8 are right: mean 1/4, unbiased variance 3/14, so A = .75 / .4629 = 1.62 and -.25 / .4629 = -.54."""
    for member, advantage in ((RIGHT, 1.6202), (WRONG, -0.5401)):
        paid = asked["grpo"].paid(member)
        assert paid.credit == pytest.approx([advantage] * 24, abs=1e-3)
        assert paid.evidence is None


def test_opsd_has_evidence_where_results_stand_and_no_credit(asked):
    paid = asked["opsd"].paid(WRONG)
    assert paid.credit is None
    tokens = asked["opsd"].tokens(WRONG)
    loud = [t for t, known in enumerate(paid.evidence) if abs(known) > 0.3]
    assert [tokens[t - 1] for t in loud] == [" ="] * 3  # each behind an equals sign
    assert min(range(24), key=paid.evidence.__getitem__) == 11  # 4 - 3 = 4
    assert tokens[7:12] == [" 4", " -", " 3", " =", " 4"]


def test_rlsd_keeps_the_sign_and_clips(asked):
    """lam = .5, e = .2: between .9 and 1.1 times A, and at both ends somewhere."""
    for member in (RIGHT, WRONG):
        paid = asked["rlsd"].paid(member)
        ratios = [one / paid.advantage for one in paid.credit]
        assert max(ratios) == pytest.approx(1.1, abs=1e-4)
        assert min(ratios) >= 0.9 - 1e-4
        evidence = max(paid.evidence) if member == RIGHT else min(paid.evidence)
        assert ratios[paid.evidence.index(evidence)] == pytest.approx(1.1, abs=1e-4)


def test_contrast_differs_from_a_single_teacher(asked):
    """CEPO's wrong answer says more against the last result than the right one does for or against it."""
    single, contrast = (asked[name].paid(WRONG).evidence for name in ("rlsd", "cepo"))
    assert contrast[17] < single[17] < 0
    assert contrast[11] < -2


def test_the_visual_method_has_a_picture(asked):
    example = asked["rlsd-visual"]
    assert [one.context for one in example.seen(WRONG)] == ["answer", "degraded"]
    assert all(one.prompt.startswith("user: <image>Work modulo 10") for one in example.seen(WRONG))


@pytest.mark.parametrize("name", names())
def test_what_teachers_are_shown_stands_on_the_page(name, asked, made):
    page = made[f"{name.replace('+', '-')}.md"]
    example = asked[name]
    assert example.group.episodes[RIGHT].verdict.correct
    assert not example.group.episodes[WRONG].verdict.correct
    for member in (RIGHT, WRONG):
        for one in example.seen(member):
            assert f"Context `{one.context}`, weights `{one.scorer}`" in page
            assert f"```text\n{one.prompt}\n```" in page


def test_a_picture_has_a_bar_and_the_numbers_of_each_token():
    drawn = picture([Row("a <title>", (" x", " y"), (1.0, -0.5), (3.0, 0.0)), Row("none", ("z",), None, None)], "what")
    assert "a &lt;title&gt;" in drawn
    assert "<title>&#x27; x&#x27;, earns 1.00, evidence 3.00</title>" in drawn
    assert "<title>&#x27; y&#x27;, earns -.50, evidence .00</title>" in drawn
    assert "<title>&#x27;z&#x27;</title>" in drawn
    heights = re.findall(r'height="([\d.]+)" fill="#(?:1b8a5a|c8453c)"', drawn)
    assert heights == ["56", "28", "0"]
    assert 'fill="#2f6fb7" fill-opacity="1.00"' in drawn
    assert [number(value) for value in (-0.004, 0.125, -10.5)] == [".00", ".12", "-10.50"]


def test_the_command_writes_what_has_changed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pages, "examples", lambda: {})
    monkeypatch.setattr(pages, "pages", lambda asked: iter([("a.md", "A"), ("b.svg", "B")]))
    monkeypatch.setattr(pages, "rows", lambda asked: [])
    options = pages.PagesOptions(tmp_path / "made", tmp_path / "rows.json")
    assert pages.run(options) == 3
    (tmp_path / "made" / "a.md").write_text("old")
    assert pages.run(options) == 1
    assert capsys.readouterr().out.endswith("made: 3 files, 1 written\n")
    (tmp_path / "file").write_text("")
    with pytest.raises(pages.ConfigurationError, match="file' cannot be written"):
        pages.run(pages.PagesOptions(tmp_path / "file"))
