"""`validate`: what it finds, and what it finds sound."""

import json
import time

import pytest

from rlsd_env.cli.common import make_env
from rlsd_env.cli.main import main
from rlsd_env.cli.validate import GENERATED, another_source, validate
from rlsd_env.forms import FORMS, OWN_FORMS, forms_of, written
from rlsd_env.procedural.ids import PROCEDURAL
from tests.conftest import DATA
from tests.rlsd_env.cli.tasks import ME
from tests.rlsd_env.sources.hub_copy import png
from verifiers import official

SUMS = f"{ME}:clitest/Sums-v0"
BROKEN = f"{ME}:clitest/Broken-v0"


def test_sound_tasks(capsys):
    assert main(["validate", SUMS]) == 0
    shown = capsys.readouterr().out
    assert "5 checked in " in shown
    assert "5 pictures decoded" in shown
    assert "gold scores 1  5, of these 5 as asked for (tags)\n" in shown
    assert "failed         0\n" in shown


def test_every_fault_is_named(capsys):
    assert main(["validate", BROKEN]) == 1
    failed = dict(
        line.removeprefix("FAILED ").split(": ", 1)
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("FAILED ")
    )
    assert failed.keys() == {"task number 1", "sound", "no such option", "lost"}
    assert "0 <image> placeholders and 1 images" in failed["task number 1"]
    assert failed["sound"].startswith("the id 'sound' of task number 2 leads to number 0; ids must be unique")
    assert failed["no such option"].startswith("the gold answer 'C' cannot be used: ")
    assert failed["lost"].startswith("the id 'lost' of task number 4 leads to number 0")


def test_what_changes_and_folds_that_share_a_task_fail(capsys):
    assert main(["validate", f"{ME}:clitest/Moody-v0", "--limit", "1"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == [
        "FAILED folds: task number 3 is in both folds, train and heldout; they must have no task in common",
        "FAILED sum-0: item(0) has another reference in a second source made with the same arguments; it may depend on "
        "the source's arguments and the number alone, on nothing of the moment it is made",
    ]


def test_a_verifier_that_fails_is_heard_once(capsys):
    assert main(["validate", SUMS, "--env-kwargs", f"verifier={ME}:Slow"]) == 1
    shown = capsys.readouterr().out
    assert shown.count("timeout: not done within 2 s") == 1
    assert "verifier fails  65 times, timeout: " in shown  # 5 rows: "", and 6 forms twice
    assert 'FAILED sum-0: the verifier fails on "": timeout; ' in shown


def test_a_verifier_that_fails_on_an_odd_answer(capsys):
    assert main(["validate", SUMS, "--env-kwargs", f"verifier={ME}:OnlyNumbers"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "verifier fails  5 times, error: The verifier failed: ValueError: " in "\n".join(lines)
    assert lines[-4] == "FAILED sum-0: the verifier fails on '<answer>-1.5</answer>': error"
    assert lines[-1] == "       and 2 more like it: sum-3, sum-4"


def test_of_many_failures_alike_three_are_printed(tmp_path, capsys):
    path = tmp_path / "train.jsonl"
    path.write_text("\n".join(json.dumps({"q": f"1 + {n}?", "a": ""}) for n in range(23)))
    assert (
        main(["validate", "rlsd/Table-v0", "--env-kwargs", f"path={path}", "columns={question='q', answer='a'}"]) == 1
    )
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("FAILED ") for line in lines) == 3
    assert lines[-1].startswith("       and 20 more like it: task number 3, task number 4, ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([f"verifier={ME}:Fickle"], "the verifier judges '<answer>2</answer>' in two ways"),
        ([f"verifier={ME}:Lenient"], '"" scores 1'),
        (["prompt='{{ choices }}'"], "the prompt does not render: prompt template: it wrote 0 <image>"),
        (["verifier=zerobench", "verifier_kwargs={mode='official'}", "answer_format=none"], None),
    ],
)
def test_faults_of_verifier_and_prompt(arguments, message, capsys):
    assert main(["validate", SUMS, "--limit", "1", "--env-kwargs", *arguments]) == (0 if message is None else 1)
    if message is not None:
        assert f"FAILED sum-0: {message}" in capsys.readouterr().out


def test_a_gold_that_scores_in_another_form_only_fails(capsys):
    words = ["validate", SUMS, "--limit", "2", "--env-kwargs", f"verifier={ME}:Boxed"]
    assert main(words) == 1
    shown = capsys.readouterr().out
    assert "gold scores 1  2, of these 0 as asked for (tags)" in shown
    assert "2 only in the form 'boxed'" in shown
    told = "the gold answer '2' scores 0 as <answer>..</answer>, which is asked for (status no_answer, extracted None)"
    assert f"FAILED sum-0: {told}, and 1 only in the form 'boxed'\n" in shown
    assert main([*words, "--form", "it is {gold}"]) == 1
    told = "the gold answer '2' scores 0 as it is .., which is asked for (status no_answer, extracted None)\n"
    assert told in capsys.readouterr().out
    assert main([*words, "--form", "so \\boxed{{gold}}"]) == 0


def test_rows_known_to_fail(tmp_path, capsys):
    known = tmp_path / "known.txt"
    known.write_text("# rows of an old version\nno such option  # has two\nsound\n")
    assert main(["validate", BROKEN, "--known", str(known)]) == 1
    shown = capsys.readouterr().out
    assert "known to fail: no such option, sound\n" in shown
    assert "FAILED sound" not in shown
    assert main(["validate", BROKEN, "--allow", "sound", "no such option", "no placeholder"]) == 1
    assert capsys.readouterr().out.count("FAILED ") == 1  # "lost" leads to another task, and is not to be excused
    assert main(["validate", SUMS, "--allow", "sum-1", "sum-4", "--limit", "3"]) == 0
    assert "known to fail, but sound: sum-1\n" in capsys.readouterr().out


def test_an_official_rule_may_give_points_for_nothing(tmp_path, capsys):
    row = {
        "pid": "1", "question": "Which?", "choices": ["a", "bcd"], "answer": "a", "question_type": "multi_choice",
        "answer_type": "text", "precision": None, "unit": None,
    }  # fmt: skip
    path = tmp_path / "testmini.jsonl"
    path.write_text(json.dumps(row))
    words = ["validate", "rlsd/MathVista-v0", "--images", "absent", "--env-kwargs", f"path={path}"]
    assert main(words) == 0  # "a" is the choice nearest to ""
    assert '"" scores      1, by the official rule: 1\n' in capsys.readouterr().out
    assert main([*words, "verifier_kwargs={mode='strict'}"]) == 0
    assert '"" scores' not in capsys.readouterr().out


def test_broken_rows_are_named_or_skipped(tmp_path, capsys):
    rows = [{"q": "1 + 1?", "a": "2"}, {"q": "1 + 2?", "a": ""}]
    path = tmp_path / "train.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    words = ["validate", "rlsd/Table-v0", "--env-kwargs", f"path={path}", "columns={question='q', answer='a'}"]
    assert main(words) == 1
    assert "FAILED task number 1: " in (shown := capsys.readouterr().out)
    assert "train-1" in shown
    with pytest.warns(UserWarning, match="1 of 2 rows are broken"):
        assert main([*words, "skip_broken=true"]) == 0
    assert "skipped        1 broken rows: train-1\n" in capsys.readouterr().out
    assert main([*words, "skip_broken=False"]) == 1
    assert main([*words, "skip_broken=no"]) == 2
    assert capsys.readouterr().err == "error: skip_broken is 'no'; it must be true or false (True or False in Python)\n"
    assert main([*words, "max_pixels=None"]) == 2
    assert capsys.readouterr().err == "error: max_pixels is 'None'; it must be a whole number, or left out\n"


@pytest.fixture
def book(tmp_path):
    """Ten questions about three pictures, each question twice: as `a0` to `a9`, and as `b0` to `b9`."""
    for name, colour in enumerate(("red", "green", "blue")):
        (tmp_path / f"{name}.png").write_bytes(png(colour))
        (tmp_path / f"copy{name}.png").write_bytes(png(colour))
    rows = [
        {"id": f"{half}{n}", "question": f"{'' if half == 'a' else ' '}How many in square {n}?", "answer": str(n),
         "images": f"{'copy' if half == 'b' else ''}{n % 3}.png", "pair": f"p{n}"}
        for half in "ab" for n in range(10)
    ]  # fmt: skip
    (tmp_path / "book.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path / "book.jsonl"


def test_tasks_of_two_folds_that_ask_the_same_are_told_of_in_one_line(book, capsys):
    words = ["validate", "rlsd/Table-v0", "--env-kwargs", f"path={book}"]
    folds = make_env("rlsd/Table-v0", {"path": str(book)}).desk.source.fold
    fold_of = {number: name for name in ("train", "tuning", "heldout") for number in folds(name)}
    apart = [n for n in range(10) if fold_of[n] != fold_of[n + 10]]
    assert main(words) == 0
    (warning,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: "))
    n = apart[0]
    assert f"{2 * len(apart)} tasks have the question and pictures of one in another fold, such as" in warning
    assert f"'a{n}' ({fold_of[n]}) and 'b{n}' ({fold_of[n + 10]}); remove" in warning
    columns = "columns={id='id', question='question', answer='answer', images='images', group='pair'}"
    assert main([*words, columns]) == 0
    assert "warning" not in capsys.readouterr().out
    text = book.read_text()
    book.write_text(text.replace("copy0", "1").replace("copy1", "2").replace("copy2", "0"))
    assert main(words) == 0  # the same questions about other pictures
    assert "warning" not in capsys.readouterr().out


def test_every_official_verifier_has_its_form():
    assert OWN_FORMS.keys() == set(official.FACTORIES)
    assert set(OWN_FORMS.values()) <= FORMS.keys()
    assert [written(FORMS[name], "7") for name in ("double angles", "braces", "boxed")] == [
        "<Answer>: <<7>>", "{7}", "\\boxed{7}",
    ]  # fmt: skip


@pytest.mark.parametrize("id", PROCEDURAL)
def test_procedural_families_are_sound(id):
    env = make_env(id, {})
    report = validate(env.desk, range(20), forms_of(env.desk), another_source(env))
    assert report.failures == []
    assert report.folds == []
    assert report.forms == {"tags": 20}
    assert report.checked < GENERATED


def test_mathvision_with_its_pictures_in_well_under_a_minute(mathvision_dir, capsys):
    start = time.process_time()
    assert main(["validate", "rlsd/MathVision-testmini-v0", "--env-kwargs", f"path={mathvision_dir}"]) == 0
    assert time.process_time() - start < 20
    shown = capsys.readouterr().out
    assert "304 pictures decoded" in shown
    assert "gold scores 1  304, of these 304 as asked for (boxed)\n" in shown


@pytest.mark.parametrize(
    ("id", "path", "count"),
    [
        ("rlsd/MathVista-v0", "mathvista/testmini_problems.jsonl.gz", 1000),
        ("rlsd/MMMUPro-v0", "mmmu_pro/problems_standard10.jsonl.gz", 1730),
        ("rlsd/WeMath-v0", "wemath", 1740),
    ],
)
def test_texts_and_golds_without_pictures(id, path, count, capsys):
    if not (DATA / path).exists():
        pytest.skip(f"no real data in ../shared/data/{path}")
    assert main(["validate", id, "--images", "absent", "--env-kwargs", f"path={DATA / path}"]) == 0
    assert f"gold scores 1  {count:,}, of these {count:,} as asked for" in capsys.readouterr().out
