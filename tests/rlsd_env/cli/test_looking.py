"""`show`, `overlap` and `bench`: what they say."""

import itertools
import json
import types

import pytest
from PIL import Image

from rlsd_env import GroupVectorEnv, ReasoningEnv
from rlsd_env.cli import bench as bench_module
from rlsd_env.cli.bench import Trivial, measure, peak_mib
from rlsd_env.cli.main import main
from tests.rlsd_env.cli.tasks import ME

SUMS = f"{ME}:clitest/Sums-v0"


def test_show_keeps_the_reference_to_itself(capsys, tmp_path):
    words = ["show", SUMS, "--index", "4", "--image", str(tmp_path / "task.png")]
    assert main(words) == 0
    shown = capsys.readouterr().out
    for line in (
        "task         sum-4, number 4 of 5",
        "image        6 x 4",
        "licence      unknown",
        "verifier     answer, version ",
        "\n<image>What is 4 + 2?\nThink in <think> </think>, then answer in <answer> </answer>.\n",
    ):
        assert line in shown
    assert "6\n" not in shown.replace("6 x 4", "")
    assert main([*words, "--reference"]) == 0
    assert "\nanswer        6\nkind          integer\n" in capsys.readouterr().out
    with Image.open(tmp_path / "task.png") as picture:
        assert picture.size[0] > 100


def test_show_follows_the_arguments(capsys):
    assert main(["show", "rlsd/ShapeCount-v0", "--env-kwargs", "difficulty=3", "answer_format=boxed"]) == 0
    shown = capsys.readouterr().out
    assert "shape_count-d3-0" in shown
    assert "\\boxed{}" in shown
    assert main(["show", "rlsd/ShapeCount-v0", "--env-kwargs", "fold=heldout"]) == 0
    assert f"shape_count-d2-{2**30}," in capsys.readouterr().out


def test_show_tells_solution_steps_and_videos(capsys):
    assert main(["show", "rlsd/BounceCount-v0", "--reference"]) == 0
    shown = capsys.readouterr().out
    assert "frames of" in shown
    assert "hint: solution" in shown
    assert "step: " in shown


def test_the_frames_of_a_video(capsys, tmp_path):
    words = ["show", "rlsd/BounceCount-v0", "--image", str(tmp_path / "task.png"), "--frames", str(tmp_path / "all")]
    assert main(words) == 0
    shown = capsys.readouterr().out
    count = int(shown.partition("video ")[2].split()[0])
    assert count > 6
    assert f"task.png, 6 of {count} frames shown\n" in shown
    frames = sorted(path.name for path in (tmp_path / "all").iterdir())
    assert len(frames) == count
    assert frames[0] == "video0-frame000.png"
    assert main(["show", SUMS, "--frames", str(tmp_path / "none")]) == 2
    assert "task 'sum-0' has no video" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_overlap_of_a_set_with_itself_and_with_another(capsys):
    shapes = "rlsd/ShapeCount-v0"
    assert main(["overlap", shapes, shapes, "--limit", "5", "--json", "--distance", "0"]) == 1  # something was found
    report = json.loads(capsys.readouterr().out)
    assert (report["compared"]["tasks_a"], report["counts"]["tasks_b"], report["counts"]["pixels"]) == (5, 5, 5)
    assert main(["overlap", shapes, "rlsd/Clock-v0", "--limit", "5", "--b-kwargs", "difficulty=4"]) == 0
    assert "0 tasks of the second stand in the first" in capsys.readouterr().out
    folds = ["--a-kwargs", "fold=train", "--b-kwargs", "fold=heldout"]
    assert main(["overlap", shapes, shapes, *folds, "--limit", "40", "--json"]) == 1  # the same questions
    matches = json.loads(capsys.readouterr().out)["matches"]
    numbers = [[int(match[side].rpartition("-")[2]) for match in matches] for side in ("id_a", "id_b")]
    assert max(numbers[0]) < 2**30 <= min(numbers[1])


TICK = 2**-10


@pytest.fixture
def ticking(monkeypatch):
    """A clock of the bench's own, that goes on by one tick whenever it is read."""
    ticks = itertools.count()
    monkeypatch.setattr(bench_module, "time", types.SimpleNamespace(perf_counter=lambda: TICK * next(ticks)))


def test_bench_measures_resets_steps_pictures_and_memory(ticking):
    told = []
    bench = measure(SUMS, {}, sizes=(4, 8), group_size=4, seconds=20 * TICK, progress=told.append)
    for rates in (bench.baseline, bench.single):
        assert (rates.resets_per_second, rates.steps_per_second) == (1 / TICK, 1 / TICK)
    for size, rates in zip((4, 8), bench.vector, strict=True):
        assert (rates.num_envs, rates.resets_per_second, rates.steps_per_second) == (size, size / TICK, size / TICK)
    assert told == ["bare Gymnasium loop", "gymnasium.make", "pictures", "make_vec, num_envs=4", "make_vec, num_envs=8"]
    assert bench.pictures_per_second == 19 / (20 * TICK)  # the clock is read before each picture and at the end
    peaks = [bench.start_mib, *(one.peak_mib for one in bench.vector), peak_mib()]
    assert peaks == sorted(peaks)
    assert 20 < peaks[0] < 100_000


def test_the_time_of_resets_and_of_steps_is_counted_apart(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(bench_module, "time", types.SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(bench_module, "_pictures", lambda source, indices, seconds: None)

    def takes(seconds, owner, name):
        done = getattr(owner, name)

        def slow(*args, **kwargs):
            now[0] += seconds
            return done(*args, **kwargs)

        monkeypatch.setattr(owner, name, slow)

    takes(5.0, Trivial, "reset")
    takes(2.0, Trivial, "step")
    for cls in (ReasoningEnv, GroupVectorEnv):
        takes(4.0, cls, "reset")
        takes(1.0, cls, "step")
    takes(100.0, bench_module, "written")  # which is not counted
    bench = measure(SUMS, {}, sizes=(4,), group_size=4, seconds=10.0)
    found = [(one.resets_per_second, one.steps_per_second) for one in (bench.baseline, bench.single, *bench.vector)]
    assert found == [(1 / 5, 1 / 2), (1 / 4, 1.0), (1.0, 4.0)]


def test_bench_of_several_turns_and_without_pictures(ticking):
    kwargs = {"max_turns": 3, "feedback": "outcome"}
    bench = measure("rlsd/Arithmetic-v0", kwargs, sizes=(2,), group_size=1, seconds=20 * TICK)
    assert bench.pictures_per_second is None


@pytest.mark.parametrize("json_too", [False, True])
def test_bench_prints(json_too, capsys):
    words = ["bench", SUMS, "--num-envs", "2", "--group-size", "2", "--seconds", "0.01", "--env-kwargs", "fold=train"]
    assert main([*words, "--json"] if json_too else words) == 0
    captured = capsys.readouterr()
    assert "measuring make_vec, num_envs=2 .." in captured.err
    if json_too:
        told = json.loads(captured.out)
        assert (told["env_kwargs"], told["vector"][0]["num_envs"]) == ({"fold": "train"}, 2)
        assert "Gymnasium" in told["machine"]
    else:
        assert "bare Gymnasium loop, trivial environment" in captured.out
        assert "make_vec, num_envs=2, group_size=2" in captured.out
