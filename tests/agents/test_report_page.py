"""The page of a real comparison in a real browser: it is whole, asks the network for nothing, and answers to a pointer.

Needs Chromium and the package playwright; where either is absent these tests are skipped, saying so.
"""

from __future__ import annotations

import json
import re
import shutil

import pytest

from agents.report.laboratory import ASKED
from tests.agents.commands import call

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; make setup installs it")
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
SECTIONS = ["summary", "curves", "examples", "credit", "leakage", "laboratory", "cost", "setup"]
RUN = "--agents grpo,opsd,rlsd,cepo --seeds 0,1 --steps 3 --prompts-per-step 8 --group-size 4 --eval-tasks 8".split()
RUN += "--eval-samples 2 --eval-every 2 --evidence-every 1 --samples-every 1".split()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    out = tmp_path_factory.mktemp("page")
    call("agents.compare", *RUN, "--out", out / "run")
    return out / "run" / "report.html"


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed; .ci/run installs Debian's")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser, page_file):
    opened = browser.new_page(viewport={"width": 1200, "height": 900}, color_scheme="light")
    opened.heard = []
    opened.on("console", lambda message: opened.heard.append(message.text))
    opened.on("pageerror", lambda error: opened.heard.append(str(error)))
    opened.on("request", lambda request: opened.heard.append(request.url))
    opened.goto(page_file.as_uri())
    yield opened
    # the page itself, and pictures that it holds: nothing else was asked for, no error was told of
    assert {said for said in opened.heard if not said.startswith("data:")} == {page_file.as_uri()}
    opened.close()


def test_every_part_is_there(page, page_file):
    assert [page.locator(f"#{name}").count() for name in SECTIONS] == [1] * len(SECTIONS)
    links = page.locator("nav a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert links == [f"#{name}" for name in SECTIONS]
    assert page.locator(".card").count() == 3
    assert page_file.stat().st_size < 10_000_000
    assert page.locator("#examples img").first.evaluate("picture => picture.naturalWidth") > 10
    drawn = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(x => x > 0)"
    assert all(page.locator(".chart canvas").nth(i).evaluate(drawn) for i in range(page.locator(".chart").count()))


def test_a_curve_tells_its_numbers_and_agents_can_be_hidden(page):
    chart = page.locator(".chart", has_text="Reward of the training rollouts")
    chart.scroll_into_view_if_needed()
    chart.locator(".u-over").hover()
    told = chart.locator(".tip").inner_text()
    assert re.match(r"step [123]\n", told)
    assert [name in told for name in ("grpo", "opsd", "rlsd", "cepo")] == [True] * 4
    page.locator("button[data-agent=opsd]").click()
    assert page.locator("button[data-agent=opsd]").get_attribute("aria-pressed") == "false"
    chart.locator(".u-over").hover(position={"x": 20, "y": 60})
    assert "opsd" not in chart.locator(".tip").inner_text()
    page.locator("#smooth").click()
    assert page.locator("#smooth").get_attribute("aria-pressed") == "false"


def test_a_token_tells_what_it_earned_in_the_numbers_of_the_learner(page, page_file):
    from agents.evidence import read_evidence

    page.locator("#heat").scroll_into_view_if_needed()
    option = page.locator("#response option").first.inner_text()
    task, step, seed, member = re.search(r"1: (\S+), step (\d+), seed (\d+), attempt (\d+)", option).groups()
    for agent in ("grpo", "opsd", "rlsd", "cepo"):
        kept = read_evidence(page_file.parent / "runs" / agent / f"seed{seed}", int(step))
        one = next(one for one in kept if (one.task_id, one.member) == (task, int(member)))
        for number in (1, len(one.tokens) - 1):
            page.locator(f"#heat span[data-agent={agent}][data-i='{number}']").hover()
            lines = dict(line.split("\t") for line in page.locator("#heat .tip tr").all_inner_texts())
            assert float(lines["log p, student"]) == pytest.approx(one.values["student"][number], abs=6e-5)
            assert float(lines["A"]) == pytest.approx(one.advantage, abs=6e-5)
            for name in (name.removeprefix("logp_") for name in one.values if name.startswith("logp_")):
                assert float(lines[f"D, {name}"].replace(",", "")) == pytest.approx(
                    one.gain(name)[number], rel=1e-3, abs=6e-5
                )
            if "credit" in one.values:
                assert float(lines["credit"]) == pytest.approx(one.values["credit"][number], abs=6e-5)
            else:
                assert lines["credit"].startswith("none")
    page.locator("#by").select_option("weight")
    assert "has none" in page.locator("#heat .row", has_text="grpo").inner_text()


def test_all_methods_stand_side_by_side_on_a_stored_response(page):
    page.locator("#by").select_option("credit")
    page.locator("#response").select_option(label=page.locator("#response option").last.inner_text())
    stored = json.loads(ASKED.read_text("utf-8"))[-1]
    assert not stored["correct"]
    assert page.locator("#heat .row").count() == len(stored["agents"]) > 20
    for agent in ("opsd", "rlcsd"):
        page.locator(f"#heat span[data-agent={agent}][data-i='11']").hover()
        lines = dict(line.split("\t") for line in page.locator("#heat .tip tr").all_inner_texts())
        values = stored["agents"][agent]["values"]
        context = next(name.removeprefix("logp_") for name in values if name.startswith("logp_"))
        gain = values[f"logp_{context}"][11] - values["student"][11]
        assert float(lines[f"D, {context}"].replace(",", "")) == pytest.approx(gain, rel=1e-3, abs=6e-5)


def test_it_is_dark_where_that_is_wanted_and_fits_a_phone(page):
    def paper():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert paper() == "rgb(255, 255, 255)"
    page.locator("#theme").click()
    assert paper() == "rgb(20, 23, 28)"
    page.locator("#theme").click()
    page.emulate_media(color_scheme="dark")
    assert paper() == "rgb(255, 255, 255)"  # what was chosen stays
    page.set_viewport_size({"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 400


def test_what_is_beside_the_page(page_file):
    folder = page_file.parent
    told = (folder / "report.md").read_text()
    for heading in ("Accuracy", "Examples", "Leakage", "Laboratory", "Cost", "How these runs were made"):
        assert f"## {heading}\n" in told
    assert (folder / "report.csv").read_text().startswith("agent,other,measure,mean,low,high\nuntrained,,")
    assert "reward,rlsd,3," in (folder / "curves.csv").read_text()
    assert (folder / "figures" / "accuracy.pdf").read_bytes().startswith(b"%PDF")
    assert (folder / "figures" / "curves.png").stat().st_size > 20_000
