"""A summary to read: plain text, aligned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from verifiers.cli.common import shown


def text(data: Mapping[str, Any]) -> str:
    """What `Summary.data` says, one line a number."""
    return "\n".join(_aligned([*_counts(data), *_oddities(data), *_agreement(data), *_metrics(data), *_errors(data)]))


def _counts(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    name, version, mode = (data["verifier"][key] for key in ("name", "version", "mode"))
    yield "verifier", f"{shown(name)}, version {shown(version)}" + (f", mode {shown(mode)}" if mode else "")
    yield "rows", str(data["rows"])
    if not data["rows"]:
        return
    yield "correct", _share(data["correct"], data["rows"])
    if abs(data["reward"] - data["accuracy"]) > 1e-9:
        yield "mean reward", f"{data['reward']:.4f}"
    for status, count in data["statuses"].items():
        yield f"status {status}", str(count)
    seconds = data["seconds"]
    slowest = f"slowest {seconds['slowest']['seconds']:.3f} (row {shown(seconds['slowest']['id'])})"
    yield "seconds", f"total {seconds['total']:.3f}, p50 {seconds['p50']:.6f}, p99 {seconds['p99']:.6f}, {slowest}"


def _oddities(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for warning, count in data["warnings"].items():
        yield "warning", f"{shown(warning, 200)}: {count} row{'' if count == 1 else 's'}"
    for row in data["failures"]["first"]:
        yield f"line {row['line']}", f"{row['status']}: {shown(row['error'], 300)}"
    more = data["failures"]["rows"] - len(data["failures"]["first"])
    if more > 0:
        yield "", f"and {more} more rows with an error"


def _agreement(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "agreement" not in data:
        return
    agreement = data["agreement"]
    yield "agreement", _agreed(agreement)
    categories = agreement["by_category"]
    if set(categories) != {""}:
        for name, part in categories.items():
            yield f"  {shown(name) or '(none)'}", _agreed(part)


def _agreed(part: Mapping[str, int]) -> str:
    decided = part["rows"] - part["undecided"]
    counts = f"{part['false_positives']} false positives, {part['false_negatives']} false negatives"
    undecided = f", {part['undecided']} undecided" if part["undecided"] else ""
    return f"{part['agree']} of {_share(decided, decided, part['agree'])}, {counts}{undecided}"


def _share(count: int, of: int, part: int | None = None) -> str:
    return f"{count} ({100 * (count if part is None else part) / of:.1f} %)" if of else str(count)


def _metrics(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in _flat(data.get("metrics", {})):
        yield f"metric {shown(name)}", _number(value)


def _number(value: Any) -> str:
    if not isinstance(value, float):
        return shown(str(value))
    return f"{value:.0f}" if value.is_integer() and value > 1 else f"{value:.4f}"  # counts are often floats


def _flat(metrics: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _errors(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for row in data.get("agreement", {}).get("errors", ()):
        verdict = "right" if row["correct"] else f"not right ({row['status']})"
        extracted = "nothing" if row["extracted"] is None else shown(row["extracted"])
        yield (
            f"error {shown(row['id'])}",
            f"gold {row['gold']} | prediction {row['prediction']} | extracted {extracted} | {verdict}",
        )


def _aligned(table: Sequence[tuple[str, str]]) -> list[str]:
    width = max(len(name) for name, _ in table)
    return [f"{name:<{width}}  {value}" for name, value in table]
