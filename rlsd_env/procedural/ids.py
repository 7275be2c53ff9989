"""The ids of the procedural families."""

from __future__ import annotations

from typing import Any

PROCEDURAL: dict[str, dict[str, Any]] = {
    "rlsd/ShapeCount-v0": {"source": "rlsd_env.procedural.shape_count:ShapeCount"},
    "rlsd/BarChart-v0": {"source": "rlsd_env.procedural.bar_chart:BarChart"},
    "rlsd/DotSum-v0": {"source": "rlsd_env.procedural.dot_sum:DotSum"},
    "rlsd/Angle-v0": {"source": "rlsd_env.procedural.angle:Angle"},
    "rlsd/FunctionPlot-v0": {"source": "rlsd_env.procedural.function_plot:FunctionPlot"},
    "rlsd/TableReading-v0": {"source": "rlsd_env.procedural.table_reading:TableReading"},
    "rlsd/Clock-v0": {"source": "rlsd_env.procedural.clock:Clock"},
    "rlsd/Maze-v0": {"source": "rlsd_env.procedural.maze:Maze"},
    "rlsd/GraphReading-v0": {"source": "rlsd_env.procedural.graph_reading:GraphReading"},
    "rlsd/Matrix-v0": {"source": "rlsd_env.procedural.matrix:Matrix"},
    "rlsd/Arithmetic-v0": {"source": "rlsd_env.procedural.arithmetic:Arithmetic"},
    "rlsd/Algebra-v0": {"source": "rlsd_env.procedural.algebra:Algebra"},
    "rlsd/BounceCount-v0": {"source": "rlsd_env.procedural.bounce_count:BounceCount"},
    "rlsd/FirstColour-v0": {"source": "rlsd_env.procedural.first_colour:FirstColour"},
    "rlsd/Chain-v0": {"source": "rlsd_env.procedural.chain:Chain"},
    "rlsd/PictureChain-v0": {"source": "rlsd_env.procedural.chain:PictureChain"},
}
