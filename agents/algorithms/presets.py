"""Published settings of algorithms by name, `ALGORITHM/WHOSE`: what a paper, its release or another trainer does.

A preset sets an algorithm's options and the learner's options that belong to its loss. Learning rates and batch sizes
are those of models of billions of parameters: `scale` has them, `python -m agents.presets NAME` writes all of it as a
configuration, and nothing of it is taken over by the name alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

RLSD_PAPER = "Self-Distilled RLVR (arXiv 2604.03128)"
RLSD_RELEASE = "its release"
PAPER_SCALE = {"prompts_per_step": 256, "group_size": 8, "temperature": 1.0, "max_tokens": 4096, "lr": 1e-6}
"""Self-Distilled RLVR, Section 5."""
CLIP = {"clip_low": 0.2, "clip_high": 0.28}
SAME = {"clip_low": 0.2, "clip_high": 0.2}
"""What TRL and verl have by default."""
MEAN = {"aggregation": "sequence_mean"}
TOKENS = {"aggregation": "token_mean"}
FOREVER = 10**9


@dataclass(frozen=True)
class Preset:
    """Settings that someone has published.

    Attributes:
        algorithm: the registered algorithm.
        source: where they stand.
        options: the algorithm's.
        learner: the learner's options that are part of the loss.
        scale: further options of a run, for models of the size that the source trains.
        left_out: what the source does that these settings do not reproduce; empty: nothing that is known.

    """

    algorithm: str
    source: str
    options: Mapping[str, Any] = field(default_factory=dict)
    learner: Mapping[str, Any] = field(default_factory=dict)
    scale: Mapping[str, Any] = field(default_factory=dict)
    left_out: str = ""


PRESETS: dict[str, Preset] = {
    "grpo/paper": Preset("grpo", f"{RLSD_PAPER}, Section 5", learner=CLIP | MEAN, scale=PAPER_SCALE),
    "grpo/dapo": Preset(
        "grpo",
        "DAPO (arXiv 2503.14476)",
        learner=CLIP | TOKENS,
        scale={"prompts_per_step": 512, "group_size": 16, "lr": 1e-6},
        left_out="groups without contrast are drawn anew; a penalty on overlong responses",
    ),
    "grpo/dr-grpo": Preset(
        "grpo",
        "Dr. GRPO (arXiv 2503.20783)",
        options={"divide_by_std": False},
        learner=SAME | {"aggregation": "constant"},
    ),
    "grpo/gspo": Preset(
        "grpo", "GSPO (arXiv 2507.18071)", learner={"ratio": "sequence", "clip_low": 3e-4, "clip_high": 4e-4} | MEAN
    ),
    "grpo/verl": Preset("grpo", "verl's defaults", learner=SAME | TOKENS | {"dual_clip": 3.0}),
    "grpo/trl": Preset("grpo", "TRL 1.16's defaults", learner=SAME | TOKENS, scale={"group_size": 8, "lr": 1e-6}),
    "opsd/paper": Preset(
        "opsd",
        "OPSD (arXiv 2601.18734), first scripts",
        options={"teacher": "frozen", "form": "full", "beta": 0.5},
        learner=TOKENS,
        scale={
            "group_size": 1,
            "temperature": 1.1,
            "max_tokens": 2048,
            "lr": 2e-4,
            "lora_rank": 64,
            "lora_alpha": 128.0,
        },
    ),
    "opsd/later-script": Preset(
        "opsd",
        "OPSD's repository, later scripts",
        options={"teacher": "frozen", "form": "full", "beta": 0.0, "entry_clip": 0.05},
        learner=TOKENS,
        scale={"group_size": 1, "temperature": 1.1, "lr": 5e-6},
        left_out="the newest clips at 1e-6",
    ),
    "opsd/rlsd-paper": Preset(
        "opsd",
        f"{RLSD_PAPER}, its baseline",
        options={"teacher": "frozen", "form": "full", "beta": 0.5},
        learner=MEAN,
        scale=PAPER_SCALE | {"lr": 1e-5},
        left_out="the divergence is not stated",
    ),
    "opsd/teacher-top1": Preset(
        "opsd",
        f"{RLSD_PAPER}, Fig. 3",
        options={"form": "teacher_top1"},
        learner=MEAN,
        scale=PAPER_SCALE | {"lr": 1e-5},
        left_out="the formula is not stated",
    ),
    "opsd/student-top1": Preset(
        "opsd",
        f"{RLSD_PAPER}, Fig. 3",
        options={"form": "student_top1"},
        learner=MEAN,
        scale=PAPER_SCALE | {"lr": 1e-5},
        left_out="the formula is not stated",
    ),
    "sdpo/official": Preset(
        "sdpo",
        "SDPO (arXiv 2601.20802) and its release",
        options={"teacher": "ema(0.05)", "alpha": 0.5, "top_k": 100, "max_ratio": 2.0, "feedback": "without_sibling"},
        learner=TOKENS,
        scale={"prompts_per_step": 32, "group_size": 8, "lr": 1e-5},
        left_out="siblings are drawn at random",
    ),
    "sdpo/rich-feedback": Preset(
        "sdpo",
        "SDPO's release, the script for feedback",
        options={"teacher": "ema(0.01)", "alpha": 1.0, "top_k": 20, "max_ratio": 2.0},
        learner=TOKENS,
        scale={"prompts_per_step": 32, "group_size": 8, "lr": 1e-6},
    ),
    "sdpo/trl": Preset(
        "sdpo",
        "TRL 1.16's defaults (trl.experimental.sdpo)",
        options={"teacher": "ema(0.05)", "form": "sampled", "max_ratio": 2.0, "feedback": "never"},
        learner=TOKENS,
        scale={"group_size": 8, "max_tokens": 256},
        left_out="text only there; an episode without a demonstration stays in its denominator",
    ),
    "grpo+opsd/ms-swift": Preset(
        "grpo+opsd",
        "ms-swift's teacher_kl_coef",
        options={"form": "advantage", "coefficient": 1.0},
        learner=SAME | MEAN,
    ),
    "grpo+opsd/rlsd-release": Preset(
        "grpo+opsd",
        f"{RLSD_PAPER}, {RLSD_RELEASE}",
        options={"form": "advantage", "baseline": "batch"},
        learner=TOKENS,
        left_out="its coefficient was not found",
    ),
    "rlsd/paper": Preset(
        "rlsd",
        f"{RLSD_PAPER}, Algorithm 1 and Section 5",
        options={"teacher": "synced(10)", "lam": 0.5, "decay_steps": 50, "epsilon": 0.2},
        learner=CLIP | MEAN,
        scale=PAPER_SCALE,
    ),
    "rlsd/released-script": Preset(
        "rlsd",
        f"{RLSD_PAPER}, {RLSD_RELEASE}'s script",
        options={"teacher": "synced(20)", "lam": 0.5, "decay_steps": 60, "epsilon": 0.2},
        learner=CLIP | TOKENS,
        scale=PAPER_SCALE,
    ),
    "rlsd/released-yaml": Preset(
        "rlsd",
        f"{RLSD_PAPER}, {RLSD_RELEASE}'s YAML",
        options={"teacher": "synced(20)", "lam": 0.5, "decay_steps": FOREVER, "epsilon": 0.2},
        learner=CLIP | TOKENS,
        scale=PAPER_SCALE | {"group_size": 4},
    ),
    "rlsd/ms-swift": Preset(
        "rlsd",
        "ms-swift's defaults",
        options={"teacher": "live", "lam": 0.5, "decay_steps": FOREVER, "epsilon": 0.2, "student": "old"},
        learner=SAME | MEAN,
        left_out="the teacher is what the user names",
    ),
    "rlcsd/paper": Preset(
        "rlcsd",
        "RLCSD (arXiv 2606.11709) and its release",
        options={"tau": 0.02, "lam": 0.5, "floor": 0.02, "wrong": 4, "means": "two", "eta": 1.0},
        left_out="its two means are over a micro-batch",
    ),
    "cepo/paper": Preset(
        "cepo",
        "CEPO (arXiv 2605.19436) and its README",
        options={"teacher": "live", "lam": 0.5, "decay_steps": 25, "epsilon": 0.5, "wrong": 1},
        learner=CLIP,
        scale={"group_size": 8, "lr": 5e-6},
    ),
    "cepo/released": Preset(
        "cepo",
        "CEPO's release, the script of its table",
        options={"teacher": "live", "lam": 0.5, "decay_steps": 25, "epsilon": 0.2, "fallback": "grpo"},
        learner=CLIP,
        scale={"group_size": 8, "lr": 5e-6},
        left_out="the contrast teacher sees no picture and no chat template there",
    ),
    "rlrt/released": Preset(
        "rlrt",
        "RLRT (arXiv 2605.10781), scripts of its release",
        options={"teacher": "live", "lam": 0.5, "decay_steps": FOREVER, "epsilon": 1.0},
        learner=MEAN,
        left_out="responses over 12,000 tokens are masked",
    ),
    "antisd/released": Preset(
        "antisd",
        "AntiSD (arXiv 2605.11609), launcher of its release",
        options={"lam": 0.1, "low": 0.93},
        scale={"steps": 200},
        left_out="the launcher opens the gate at 1.07 H, the paper at H",
    ),
    "sdar/paper": Preset(
        "sdar",
        "SDAR (arXiv 2605.15155)",
        options={"coefficient": 0.01, "sharpness": 5.0},
        learner=SAME | TOKENS,
        left_out="its hints are retrieved skills",
    ),
    "srpo/paper": Preset(
        "srpo",
        "SRPO (arXiv 2604.02288)",
        options={"sharpness": 1.0, "alpha": 0.5, "top_k": 100, "divide_by_std": False},
        learner=TOKENS,
        left_out="weights are normalised by this step's mean",
    ),
    "demopsd/paper": Preset(
        "demopsd",
        "DemoPSD (arXiv 2607.02502)",
        options={"teacher": "ema(0.05)", "most": 0.15, "top_k": 100, "max_ratio": 2.0},
        learner=TOKENS,
        left_out="b is tuned for each domain, 25 to 100",
    ),
    "belief/oppo": Preset("belief", "OPPO (arXiv 2605.21851)", options={"form": "replace", "unit": "token"}),
    "belief/agentopsd": Preset("belief", "AgentOPSD (arXiv 2608.05987)", options={"form": "multiply", "unit": "turn"}),
    "opd/thinking-machines": Preset(
        "opd", "Thinking Machines, On-Policy Distillation (2025)", options={"form": "sampled"}, learner=TOKENS
    ),
    "opd/gkd": Preset(
        "opd",
        "GKD (arXiv 2306.13649), on-policy",
        options={"form": "full", "beta": 0.5},
        learner=TOKENS,
        left_out="a share of its rows are not the student's",
    ),
}
"""By name."""
