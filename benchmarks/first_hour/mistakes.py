"""The mistakes, as commands; {} is the folder that they are made in."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Mistake:
    """A command that goes wrong.

    Attributes:
        name: what is wrong.
        command: the words behind "python".
        model: whether it takes a model to find out.

    """

    name: str
    command: tuple[str, ...]
    model: bool = False


def _train(name: str, *words: str, model: bool = False) -> Mistake:
    out = () if "--out" in words else ("--out", "{}/new")
    return Mistake(name, ("-m", "agents.train", *words, *out), model)


def _compare(name: str, *words: str) -> Mistake:
    out = () if "--out" in words else ("--out", "{}/new")
    return Mistake(name, ("-m", "agents.compare", *words, *out))


def _own(name: str, part: str, fault: str) -> Mistake:
    """Train on an environment of one's own, whose source or verifier has a fault."""
    given = {
        "source": (f"fault={fault}",),
        "verifier": ("verifier=my_tasks:Marks", f"verifier_kwargs={{fault='{fault}'}}", "grading_seconds=2"),
    }
    env = ("--env", "my_tasks:mine/Sums-v0", "--env-kwargs", *given[part])
    small = ("--steps", "1", "--prompts-per-step", "2", "--group-size", "2", "--eval-tasks", "2", "--max-tokens", "8")
    return _train(name, *env, *small)


WRONG = ("--agent", "my_agents:Wrong", "--steps", "1")
CHAIN, PICTURES = ("--env", "rlsd/Chain-v0"), ("--env", "rlsd/PictureChain-v0")
MISTAKES = (
    _train("agent: a letter wrong", "--agent", "rsld"),
    _train("agent: preset, a letter wrong", "--agent", "rlsd/papr"),
    _train("agent: a module that is not there", "--agent", "no.such:Agent"),
    _train("agent: a class that is not there", "--agent", "my_agents:Rigth"),
    _compare("agents: one of two has a letter wrong", *CHAIN, "--agents", "grpo,rsld"),
    _compare("agents: the same twice", *CHAIN, "--agents", "grpo,grpo"),
    _train("hyperparameter: a letter wrong", "--agent-kwargs", "lamm=0.2"),
    _train("hyperparameter: out of range", "--agent-kwargs", "lam=2"),
    _train("hyperparameter: of another type", "--agent-kwargs", "lam=high"),
    _train("option: a letter wrong", "--lerning-rate", "1e-3"),
    _train("option: of another type", "--lr", "high"),
    _train("option: out of range", "--steps", "-1"),
    _train("option: one of a few, a letter wrong", "--log", "csv,tensorbord"),
    _train("option: no such device", "--device", "gpu"),
    _train("option: no such sampler", "--sampler", "vlm"),
    _train("config: no such file", "--config", "{}/no.toml"),
    _train("config: not TOML", "--config", "{}/broken.toml"),
    _train("config: a key with a letter wrong", "--config", "{}/key.toml"),
    _train("out: a run is there", "--out", "{}/taken"),
    _train("out: something else is there", "--out", "{}"),
    _train("out: a file", "--out", "{}/file"),
    _train("out: cannot be made", "--out", "{}/file/run"),
    _train("out: resumed with another option", "--out", "{}/taken", "--resume", "--lr", "0.5"),
    _compare("env: a letter wrong", "--env", "rlsd/Chian-v0"),
    _train("env: argument out of range", *CHAIN, "--env-kwargs", "difficulty=9"),
    _train("env: argument with a letter wrong", *CHAIN, "--env-kwargs", "dificulty=2"),
    _train("env: a benchmark is no training set", "--env", "rlsd/ZeroBench-v0", "--env-kwargs", "path={}/zero"),
    _train("env: a benchmark that is not here", "--env", "rlsd/MMMU-v0"),
    _train("env: an argument of another type", *CHAIN, "--env-kwargs", "verifier_kwargs={fault=high}"),
    _train("env: a fold that is not there", *CHAIN, "--eval-fold", "test"),
    _train("policy: no such folder", *CHAIN, "--policy", "{}/no"),
    _train("policy: a folder of something else", *CHAIN, "--policy", "{}/empty"),
    _train("policy: a text-only model and pictures", *PICTURES, "--policy", "{}/text"),
    _train("policy: an architecture that is not supported", *CHAIN, "--policy", "{}/other"),
    Mistake("evaluate: the file is there", ("-m", "agents.evaluate", *CHAIN, "--out", "{}/file")),
    Mistake("samples: of a folder without", ("-m", "agents.samples", "{}/empty")),
    Mistake("validate: a letter wrong", ("-m", "rlsd_env", "validate", "rlsd/Chian-v0")),
    Mistake("grade: no such file", ("-m", "verifiers", "grade", "{}/no.jsonl")),
    Mistake(
        "make_vec: a mode that resets by itself",
        ("-c", "import gymnasium as g, rlsd_env; g.make_vec('rlsd/Chain-v0', 2, vectorization_mode='sync')"),
    ),
    _own("item: returns None", "source", "none"),
    _own("item: returns text", "source", "text"),
    _own("item: raises", "source", "raises"),
    _own("picture: a PIL image", "source", "pil"),
    _own("picture: without pixels", "source", "empty"),
    _own("picture: 900 x 2", "source", "line"),
    _own("picture: 20,000 x 20,000", "source", "huge"),
    _own("verify: returns a float", "verifier", "float"),
    _own("verify: returns None", "verifier", "none"),
    _own("verify: returns a tuple", "verifier", "tuple"),
    _own("verify: fields of other types", "verifier", "fields"),
    _own("verify: a reward that is NaN", "verifier", "nan"),
    _own("verify: raises", "verifier", "raises"),
    _own("verify: never returns", "verifier", "hangs"),
    _train("credit: raises", *CHAIN, *WRONG, model=True),
    _train("credit: of another shape", *CHAIN, *WRONG, "--agent-kwargs", "fault=shape", model=True),
)


def prepare(folder: Path) -> None:
    """Put what the mistakes need into an empty folder."""
    for name in ("my_tasks.py", "my_agents.py"):
        (folder / name).write_bytes((HERE / name).read_bytes())
    with (folder / "my_tasks.py").open("a") as tasks:  # not in the file itself, which tools import from this package
        tasks.write('\n\nimport rlsd_env\n\nrlsd_env.register("mine/Sums-v0", source="my_tasks:Sums")\n')
    for name in ("taken", "empty", "text", "other"):
        (folder / name).mkdir()
    (folder / "taken" / "config.toml").write_text("lr = 0.001\n")
    (folder / "text" / "config.json").write_text(json.dumps({"model_type": "qwen3"}))
    (folder / "other" / "config.json").write_text(json.dumps({"model_type": "whisper", "is_encoder_decoder": True}))
    for name in ("text", "other"):
        (folder / name / "model.safetensors").write_bytes(b"")
    (folder / "zero").mkdir()
    Image.new("RGB", (64, 64)).save(folder / "zero" / "picture.png")
    row = {"question_text": "What is it?", "question_answer": "1", "question_images": ["picture.png"]}
    rows = (json.dumps({"question_id": str(number), **row}) for number in range(100))
    (folder / "zero" / "zerobench.jsonl").write_text("\n".join(rows))
    (folder / "file").write_text("")
    (folder / "broken.toml").write_text("lr = = 1\n")
    (folder / "key.toml").write_text("lerning_rate = 1e-3\n")
