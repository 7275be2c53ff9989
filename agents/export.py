"""Write a trained model as a plain Hugging Face folder: `python -m agents.export RUN_OR_FOLDER --out FOLDER`.

    python -m agents.export runs/lora --out exported --precision bfloat16
    python -m agents.export runs/lora --out adapters --adapter

The folder has the weights (safetensors), with LoRA adapters merged, the configuration, tokenizer and processor, so that
transformers, vLLM and whatever else takes a checkpoint of the architecture read it. With --adapter it has the LoRA
adapters alone, as PEFT and vLLM's --lora-modules read them, which name the model that they belong to.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tyro.conf import Positional

from agents import command_line
from agents.bundled import ADAPTER_CONFIG, checkpoint_of, found_place, has_adapters, whole_model
from agents.foresight import check_writable, policy_config
from agents.options.commands import TrainOptions, from_toml
from agents.options.model import ModelOptions, TrainedModelOptions
from agents.runs.kept import unfinished
from agents.runs.storage import CONFIG
from rlsd_env.errors import ConfigurationError, one_of

STORED = "stored"
PRECISIONS = (STORED, "float32", "bfloat16", "float16")
ADAPTER_WEIGHTS = "adapter_model.safetensors"


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """Options of `python -m agents.export`."""

    policy: Positional[str] = ""
    """A run's folder, of which one that has not ended has a model in its last checkpoint; a checkpoint folder (RUN/best
    is one), a bundled model (tiny, lab-q0.3, ..) or a hub id."""
    out: Path | None = None
    """Folder that is written; it must be empty or not be there."""
    precision: str = STORED
    """Of the weights: stored, float32, bfloat16 or float16. stored: as the checkpoint has them that the training began
    from; of adapters alone as they are."""
    adapter: bool = False
    """Write the LoRA adapters alone, not merged."""

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ConfigurationError(one_of("precision", self.precision, PRECISIONS))


def run(options: ExportOptions) -> Path:
    """Write the folder and return it.

    Raises:
        ConfigurationError: there is no model, it has no adapters to write alone, or the folder cannot be written.

    """
    if not options.policy or options.out is None:
        missing = "folder to write" if options.policy else "run and no checkpoint"
        raise ConfigurationError(f"no {missing} is given; write python -m agents.export RUN_OR_FOLDER --out FOLDER")
    stopped = unfinished(Path(options.policy))
    place = options.policy if stopped else checkpoint_of(options.policy)
    trained = TrainOptions(**from_toml(TrainOptions, Path(place) / CONFIG)) if stopped else None
    policy_config(trained.policy if trained else place)
    adapted = bool(trained.lora_rank) if trained else has_adapters(place)
    if options.adapter and not adapted:
        raise ConfigurationError(
            f"policy {options.policy!r} has no LoRA adapters ({ADAPTER_CONFIG}); leave --adapter out to write the model"
        )
    check_empty(options.out)
    what = "LoRA adapters alone" if options.adapter else f"model{', LoRA adapters merged' if adapted else ''}"
    with tempfile.TemporaryDirectory() as made:
        if trained is not None:
            step = write_stopped(Path(place), trained, Path(made) / "model")
            what = f"{what}, of a run that has not ended, after step {step} of {trained.steps}"
            place = str(Path(made) / "model")
        if options.adapter:
            write_adapters(Path(place), options.out, options.precision)
        else:
            write_model(place, options.out, options.precision, None if trained is None else trained.policy)
    size = sum(path.stat().st_size for path in options.out.rglob("*") if path.is_file())
    print(f"{options.out}: {what}, {size / 1e6:,.1f} MB")
    return options.out


def check_empty(folder: Path) -> None:
    """Refuse a folder that holds something or cannot be made.

    Raises:
        ConfigurationError: see above.

    """
    if folder.is_dir() and any(folder.iterdir()):
        raise ConfigurationError(f"out {str(folder)!r} is not empty; give another --out")
    check_writable(folder)


def write_stopped(run: Path, options: TrainOptions, out: Path) -> int:
    """Write what the checkpoint of a run holds as its model/ would be, in float32, and return the steps done."""
    from agents.policy.loading import load_policy
    from agents.runs.checkpoint import restore_weights

    names = ("lora_rank", "lora_alpha", "lora_targets", "freeze_vision")
    what = TrainedModelOptions(**{name: getattr(options, name) for name in names})
    policy = load_policy(options.policy, "cpu", what)
    step = restore_weights(run, policy)
    policy.stored_dtype = None
    policy.save(out)
    return step


def write_model(place: str, out: Path, precision: str, begun: str | None) -> None:
    """Write a model with its adapters merged, which is done in float32.

    Args:
        place: of the model.
        out: where it is written.
        precision: of its weights.
        begun: the model whose precision is the stored one; None: this one.

    """
    import torch

    from agents.policy.loading import load_policy

    policy = load_policy(place, "cpu", ModelOptions())
    if precision == STORED:
        precision = stored_precision(whole_model(found_place(begun or place)))
    policy.stored_dtype = getattr(torch, precision)
    policy.save(out)


def stored_precision(place: str) -> str:
    """Return the precision of the weights of a checkpoint: that which its configuration has."""
    from transformers import AutoConfig

    dtype = AutoConfig.from_pretrained(place).dtype
    return str(dtype).removeprefix("torch.") if dtype is not None else "float32"


def write_adapters(folder: Path, out: Path, precision: str) -> None:
    """Write LoRA adapters alone, with the tokenizer and processor of the model that they belong to.

    There is no config.json: transformers' auto classes then load the model below the adapters by themselves.

    Raises:
        ConfigurationError: these or the adapters cannot be read.

    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file, save_file
    from transformers import AutoConfig

    from agents.policy.transformers_policy import load_processor

    base = whole_model(str(folder))
    try:
        weights = load_file(folder / ADAPTER_WEIGHTS)
        processor = load_processor(str(folder), AutoConfig.from_pretrained(base))
    except (OSError, ValueError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"the adapters in {str(folder)!r} cannot be read: {reason[:300]}") from error
    if precision != STORED:
        weights = {name: value.to(getattr(torch, precision)) for name, value in weights.items()}
    out.mkdir(parents=True, exist_ok=True)
    save_file(weights, out / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    config = json.loads((folder / ADAPTER_CONFIG).read_text("utf-8"))
    if Path(base).is_dir():  # a relative path is from another folder then
        config["base_model_name_or_path"] = str(Path(base).absolute())
    (out / ADAPTER_CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True), "utf-8")
    processor.save_pretrained(out)


def main(argv: Sequence[str]) -> None:
    """Read the arguments and write."""
    run(command_line.parse(ExportOptions, argv, "python -m agents.export", __doc__ or ""))


def entry() -> None:
    """Console script."""
    command_line.main(main)


if __name__ == "__main__":
    entry()
