"""`ToolBox`: reads tool calls out of a response, runs them and says how to write them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rlsd_env.errors import ConfigurationError
from rlsd_env.task import Image, without_placeholders
from rlsd_env.tools.base import Seen, Tool, ToolError, ToolResult
from rlsd_env.tools.registry import find

MOST_CALLS = 8
"""Further calls of one response are refused, not run."""
_BEGIN, _END = "<tool_call>", "</tool_call>"


class ToolBox:
    """The tools of one environment.

    Args:
        specs: names of tools, or "package.module:Name" of the user's own.

    Raises:
        ConfigurationError: a tool is unknown, or two have one name.

    """

    def __init__(self, specs: Sequence[str]) -> None:
        self.tools: dict[str, Tool] = {}
        for spec in specs:
            tool = find(spec)
            if tool.name in self.tools:
                raise ConfigurationError(f"two tools are called {tool.name!r}; give one of them")
            self.tools[tool.name] = tool

    def __bool__(self) -> bool:
        return bool(self.tools)

    def instructions(self) -> str:
        """Tell a student which tools there are and how to call them; "" where there are none."""
        if not self.tools:
            return ""
        lines = [
            'Before you answer you may call tools: end with <tool_call>{"name": NAME, "arguments": {..}}</tool_call> '
            "and wait for the result. Tools:"
        ]
        for tool in self.tools.values():
            meanings = "; ".join(f"{name}: {meaning}" for name, meaning in tool.parameters.items())
            lines.append(f"- {tool.name}: {tool.description}. Arguments: {meanings}.")
        return "\n".join(lines)

    def calls(self, response: str) -> list[str]:
        """Return the bodies of the calls that a response ends with; none if it ends otherwise.

        What stands inside an unclosed thought is no call, and neither is a call that is followed by more text.
        """
        if not self.tools or not response.rstrip().endswith(_END):
            return []
        rest = response.rpartition("</think>")[2]
        if "<think>" in rest:
            return []
        bodies: list[str] = []
        while (rest := rest.rstrip()).endswith(_END) and _BEGIN in rest:
            rest, _, body = rest.removesuffix(_END).rpartition(_BEGIN)
            if _END in body:
                break
            bodies.append(body)
        return bodies[::-1]

    def run(self, calls: Sequence[str], seen: Sequence[Image]) -> ToolResult:
        """Run calls in their order and join what they return; a wrong call returns what is wrong with it."""
        texts: list[str] = []
        images: list[Image] = []
        for number, call in enumerate(calls):
            try:
                if number >= MOST_CALLS:
                    raise ToolError(f"at most {MOST_CALLS} calls are run at a time; the others were left out")
                tool, arguments = self._read(call)
                result = tool(arguments, Seen((*seen, *images)))
            except ToolError as error:
                texts.append(f"Error: {without_placeholders(str(error))}")  # it may quote the student
                if number >= MOST_CALLS:
                    break
            else:
                texts.append(result.text)
                images.extend(result.images)
        return ToolResult("\n".join(texts), tuple(images))

    def _read(self, call: str) -> tuple[Tool, dict[str, Any]]:
        form = 'write {"name": NAME, "arguments": {..}} as JSON'
        try:
            value = json.loads(call)
        except (ValueError, RecursionError) as error:
            raise ToolError(f"the call cannot be read; {form}") from error
        if not isinstance(value, dict) or set(value) - {"name", "arguments"}:
            raise ToolError(f"the call is not of the right form; {form}")
        name, arguments = value.get("name"), value.get("arguments", {})
        if not isinstance(name, str) or name not in self.tools:
            raise ToolError(f"there is no tool {name!r}; there are {', '.join(self.tools)}")
        tool = self.tools[name]
        if not isinstance(arguments, dict):
            raise ToolError(f"the arguments of {name} are not a JSON object; {form}")
        unknown = sorted(set(arguments) - set(tool.parameters))
        if unknown:
            raise ToolError(
                f"{name} has no argument {', '.join(map(repr, unknown))}; it has {', '.join(tool.parameters)}"
            )
        return tool, arguments
