"""A report as one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from agents.runs.samples import Sample
from verifiers.types import Status, outcome

HERE = Path(__file__).parent


def render(context: dict[str, Any], data: dict[str, Any]) -> str:
    """Fill the page.

    Args:
        context: what the template shows.
        data: what the page's script draws, JSON values; numbers that are none become null.

    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"data_uri": data_uri, "verdict": verdict, "verdict_class": verdict_class, "why": why}
    assets = {
        "styles": _asset("uPlot.min.css") + _asset("report.css"),
        "uplot": _asset("uPlot.iife.min.js"),
        "script": _asset("report.js"),
        "data": Markup(json.dumps(plain(data), allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")),
    }
    return environment.get_template("report.html.j2").render(context | assets)


def _asset(name: str) -> Markup:
    return Markup((HERE / name).read_text("utf-8"))


def plain(value: Any) -> Any:
    """Return JSON values: tuples as lists, numbers of five digits, what is no number as null.

    >>> plain({"a": (0.123456789, float("nan"))})
    {'a': [0.12346, None]}
    """
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else None
    return value


def data_uri(picture: bytes) -> str:
    """Write a picture as an address that holds it."""
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def verdict(sample: Sample) -> str:
    """Say what became of an attempt."""
    return outcome(sample.correct, sample.reward, sample.status)


def verdict_class(sample: Sample) -> str:
    """Return the class of a verdict's colour."""
    if Status(sample.status).failed:
        return "failed"
    return "right" if sample.correct else "wrong"


def why(sample: Sample) -> str:
    """Say why: what was taken for the answer, and what the verifier says of it."""
    parts = [f"reward {sample.reward:g}"]
    parts.append("no answer was found" if sample.extracted is None else f"answer read: {sample.extracted}")
    if sample.status not in (Status.OK, Status.NO_ANSWER):
        parts.append(f"status {sample.status}")
    if sample.why:
        parts.append(sample.why)
    if sample.guided:
        parts.append("made with help")
    return "; ".join(parts)
