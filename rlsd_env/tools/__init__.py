"""Tools that a student may call within an episode: text in, text and pictures out.

A response that ends with one or more

    <tool_call>{"name": "crop", "arguments": {"image": 1, "box": [0, 0, 500, 500]}}</tool_call>

calls tools; their results are the next observation. A tool sees the arguments and what the student has seen,
never the reference. Write one by deriving from `Tool`; name it "package.module:Name".
"""

from rlsd_env.tools.base import Seen, Tool, ToolError, ToolResult
from rlsd_env.tools.calls import ToolBox
from rlsd_env.tools.registry import find, names

__all__ = ["Seen", "Tool", "ToolBox", "ToolError", "ToolResult", "find", "names"]
