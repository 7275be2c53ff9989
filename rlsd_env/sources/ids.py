"""The ids of the benchmarks and data sets, one per split."""

from __future__ import annotations

from typing import Any

_MMMU = "rlsd_env.sources.mmmu:MMMU"
_MMMU_PRO = "rlsd_env.sources.mmmu_pro:MMMUPro"
_MATHVISION = "rlsd_env.sources.mathvision:MathVision"
_ZEROBENCH = "rlsd_env.sources.zerobench:ZeroBench"

BENCHMARKS: dict[str, dict[str, Any]] = {
    "rlsd/MathVista-v0": {"source": "rlsd_env.sources.mathvista:MathVista", "split": "testmini"},
    "rlsd/MMMU-v0": {"source": _MMMU, "split": "validation"},
    "rlsd/MMMU-dev-v0": {"source": _MMMU, "split": "dev"},
    "rlsd/MMMUPro-v0": {"source": _MMMU_PRO, "setting": "standard (10 options)"},
    "rlsd/MMMUPro-standard4-v0": {"source": _MMMU_PRO, "setting": "standard (4 options)"},
    "rlsd/MMMUPro-vision-v0": {"source": _MMMU_PRO, "setting": "vision"},
    "rlsd/MathVision-v0": {"source": _MATHVISION, "split": "test"},
    "rlsd/MathVision-testmini-v0": {"source": _MATHVISION, "split": "testmini"},
    "rlsd/ZeroBench-v0": {"source": _ZEROBENCH, "split": "zerobench"},
    "rlsd/ZeroBench-subquestions-v0": {"source": _ZEROBENCH, "split": "zerobench_subquestions"},
    "rlsd/WeMath-v0": {"source": "rlsd_env.sources.wemath:WeMath", "split": "testmini"},
}
"""The paper's benchmarks, and MMMU-Pro."""

DATASETS: dict[str, dict[str, Any]] = {
    "rlsd/MMFineReason-v0": {"source": "rlsd_env.sources.mmfinereason:MMFineReason"},
    "rlsd/RLSDRelease-v0": {"source": "rlsd_env.sources.rlsd_release:RLSDRelease"},
    "rlsd/RLSDRelease-val-v0": {"source": "rlsd_env.sources.rlsd_release:RLSDRelease", "split": "val"},
    "rlsd/Geometry3K-v0": {"source": "rlsd_env.sources.geometry3k:Geometry3K"},
    "rlsd/Geometry3K-validation-v0": {"source": "rlsd_env.sources.geometry3k:Geometry3K", "split": "validation"},
    "rlsd/Geometry3K-test-v0": {"source": "rlsd_env.sources.geometry3k:Geometry3K", "split": "test"},
    "rlsd/ViRL39K-v0": {"source": "rlsd_env.sources.virl39k:ViRL39K"},
    "rlsd/MMK12-v0": {"source": "rlsd_env.sources.mmk12:MMK12"},
    "rlsd/MMK12-test-v0": {"source": "rlsd_env.sources.mmk12:MMK12", "split": "test"},
    "rlsd/MathVerse-v0": {"source": "rlsd_env.sources.mathverse:MathVerse"},
    "rlsd/MathVerse-text-v0": {"source": "rlsd_env.sources.mathverse:MathVerse", "split": "testmini_text_only"},
    "rlsd/DynaMath-v0": {"source": "rlsd_env.sources.dynamath:DynaMath"},
    "rlsd/LogicVista-v0": {"source": "rlsd_env.sources.logicvista:LogicVista"},
    "rlsd/ChartQA-v0": {"source": "rlsd_env.sources.chartqa:ChartQA"},
    "rlsd/ChartQA-val-v0": {"source": "rlsd_env.sources.chartqa:ChartQA", "split": "val"},
    "rlsd/ChartQA-test-v0": {"source": "rlsd_env.sources.chartqa:ChartQATest"},
    "rlsd/AI2D-v0": {"source": "rlsd_env.sources.ai2d:AI2D"},
    "rlsd/GSM8K-v0": {"source": "rlsd_env.sources.gsm8k:GSM8K"},
    "rlsd/GSM8K-test-v0": {"source": "rlsd_env.sources.gsm8k:GSM8K", "split": "test"},
    "rlsd/MATH500-v0": {"source": "rlsd_env.sources.math500:MATH500"},
    "rlsd/Table-v0": {"source": "rlsd_env.sources.own_table:OwnTable"},
}
"""Training sets and further benchmarks."""
