"""Look at one response of a run, token by token: `python -m agents.inspect RUN --task ID`.

RUN is the folder of a training or a comparison. Every training keeps, of some tasks at its first and last step
(--evidence-every, --evidence-tasks), what the student and each scorer read, what they said of every token and what
the token earned: exactly the numbers that the learner's first update of that step had. Without --task it lists what
there is to look at.
"""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional

from agents import command_line
from agents.evidence import FOLDER, TokenEvidence, read_evidence
from agents.report.folders import Run, find_runs
from agents.terminal import counted, terminal
from rlsd_env.errors import ConfigurationError, one_of
from verifiers.types import outcome

if TYPE_CHECKING:
    from rich.text import Text

SORTS = ("position", "credit", "D", "weight")
CLIPPED = {"weight_clip_low": "low", "weight_clip_high": "high"}
"""`agents.credit.CLIPPED`, and what the table says."""
OF_ONE = ("member", "turn", "side_by_side", "sort", "top", "no_prompts", "csv")
"""Options that say something of one response only."""
UP, DOWN = (37, 99, 235), (217, 95, 14)
"""Colours of tokens that are made more likely, and less."""


@dataclasses.dataclass(frozen=True)
class InspectOptions:
    """Options of `python -m agents.inspect`."""

    run: Positional[Path] = Path("runs/compare")
    """Folder of a training or a comparison."""
    task: str = ""
    """Of the task with this id, or else the first whose id has this in it; "": list what there is."""
    agent: str = ""
    """Of this agent of a comparison; "": the first that has kept the response."""
    seed: int | None = None
    """Of the run with this seed; by default the first."""
    step: int | None = None
    """Of this training step; by default the first that was kept."""
    member: int | None = None
    """Of this attempt of its group; by default the first."""
    turn: int = 0
    """Of this action of an attempt of several."""
    side_by_side: bool = False
    """The credit of every agent that sampled this very response, as all with the same seed did at step 0; D where a
    method pays no single token."""
    sort: str = "position"
    """Order of the tokens in the table: position, or the largest credit, D (of the first context) or weight first; side
    by side the largest of any agent."""
    top: int = 0
    """Rows of the table at most; 0: all."""
    no_prompts: bool = False
    """Leave out what student and scorers read."""
    csv: Path | None = None
    """File for the table, with all digits."""

    def __post_init__(self) -> None:
        if self.sort not in SORTS:
            raise ConfigurationError(one_of("sort", self.sort, SORTS))
        if self.top < 0:
            raise ConfigurationError(f"top is {self.top}; it must be 0 or more")
        if self.csv is not None and self.csv.exists():
            raise ConfigurationError(f"csv {str(self.csv)!r} exists already; give another file")
        if self.csv is not None and not self.csv.parent.is_dir():
            raise ConfigurationError(
                f"csv {str(self.csv)!r}: there is no folder {str(self.csv.parent)!r}; make it or give another file"
            )
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        of_one = [name for name in OF_ONE if getattr(self, name) != defaults[name]]
        if of_one and not self.task:
            raise ConfigurationError(f"{of_one[0]} is of one response; give --task as well")

    def wants(self, run: Run) -> bool:
        """Tell whether a run is looked at; side by side another agent's may be too."""
        return (self.seed is None or run.seed == self.seed) and (self.side_by_side or self.agent in ("", run.agent))


Kept = tuple[Run, TokenEvidence]


def find(options: InspectOptions) -> list[Kept]:
    """Return what the chosen runs have kept, of the chosen step where one is.

    Raises:
        ConfigurationError: there is no such agent or seed, or nothing was kept.

    """
    found = find_runs([options.run])
    if options.agent and options.agent not in found.agents:
        raise ConfigurationError(one_of("agent", options.agent, found.agents))
    seeds = [str(seed) for seed in sorted({run.seed for run in found.runs})]
    if options.seed is not None and str(options.seed) not in seeds:
        raise ConfigurationError(one_of("seed", str(options.seed), seeds))
    kept = [
        (run, one)
        for run in found.runs
        if options.wants(run) and any((run.folder / FOLDER).glob("step-*.parquet"))
        for one in read_evidence(run.folder)
        if options.step in (None, one.step)
    ]
    if not any(options.agent in ("", run.agent) for run, _ in kept):
        where = f" of {options.agent}" if options.agent else ""
        where += "" if options.step is None else f" of step {options.step}"
        raise ConfigurationError(
            f"run {str(options.run)!r} has kept no tokens{where}; train with --evidence-tasks N and --evidence-every N"
        )
    return kept


def choose(kept: Sequence[Kept], options: InspectOptions) -> Kept:
    """Return the response that is asked for.

    Raises:
        ConfigurationError: none fits; the message says what there is.

    """
    kept = [(run, one) for run, one in kept if options.agent in ("", run.agent)]
    of_task = [(run, one) for run, one in kept if options.task == one.task_id]
    of_task = of_task or [(run, one) for run, one in kept if options.task in one.task_id]
    if not of_task:
        raise ConfigurationError(one_of("task", options.task, sorted({one.task_id for _, one in kept})))
    run, first = of_task[0]
    group = [
        (run, one)
        for other, one in of_task
        if (other.folder, one.step, one.task_id, one.group) == (run.folder, first.step, first.task_id, first.group)
    ]
    member = first.member if options.member is None else options.member
    members = sorted({one.member for _, one in group})
    if member not in members:
        raise ConfigurationError(one_of("member", str(member), list(map(str, members))))
    turns = {one.turn: one for _, one in group if one.member == member}
    if options.turn not in turns:
        raise ConfigurationError(one_of("turn", str(options.turn), list(map(str, sorted(turns)))))
    return run, turns[options.turn]


def alike(kept: Sequence[Kept], run: Run, chosen: TokenEvidence) -> list[Kept]:
    """Return the same response as every agent with the same seed has kept it, the chosen one among them."""

    def key(one: TokenEvidence) -> tuple[object, ...]:
        return one.step, one.task_id, one.member, one.turn, one.token_ids

    return [(other, one) for other, one in kept if other.seed == run.seed and key(one) == key(chosen)]


def rows(one: TokenEvidence) -> list[dict[str, float | int | str | None]]:
    """Return a row per token: its number and text, log p of the student, D of each context, w, A, credit, and more.

    `clipped` is the bound that w was cut at, low or high; "" where it was not.

    What a method does not have is not there.
    """
    contexts = one.contexts
    gains = {name: one.gain(name) for name in contexts}
    known = {"student", "weight", "credit", *CLIPPED, *(f"logp_{name}" for name in contexts)}
    more = [name for name in one.values if name not in known]
    table: list[dict[str, float | int | str | None]] = []
    for t, text in enumerate(one.tokens):
        row: dict[str, float | int | str | None] = {"token": t, "text": text, "log p": one.values["student"][t]}
        row |= {f"D {name}": gain[t] for name, gain in gains.items()}
        row |= {"w": one.values["weight"][t]} if "weight" in one.values else {}
        sides = [side for name, side in CLIPPED.items() if any(one.values.get(name, ())[t : t + 1])]
        row |= {"clipped": "".join(sides)} if one.values.keys() & CLIPPED.keys() else {}
        row["A"] = one.advantage
        row |= {"credit": one.values["credit"][t]} if "credit" in one.values else {}
        table.append(row | {name: one.values[name][t] for name in more})
    return table


def ordered(
    table: Sequence[dict[str, float | int | str | None]], sort: str, top: int
) -> list[dict[str, float | int | str | None]]:
    """Put a table's rows in order and leave out those behind the first `top`; 0: none.

    Raises:
        ConfigurationError: the table has no such number.

    """
    chosen = list(table)
    if sort != "position":
        wanted = {"credit": "credit", "weight": "w", "D": "D"}[sort]
        columns: dict[str, str] = {}  # by agent, of a table without agents by ""
        for name in table[0]:
            agent, _, number = name.rpartition(", ")
            if number.split(" ")[0] == wanted:
                columns.setdefault(agent, name)
        if not columns:
            raise ConfigurationError(f"sort is {sort!r}, which is not in the table; it has {'; '.join(table[0])}")
        chosen.sort(key=lambda row: -max(_size(row[name]) for name in columns.values()))
    return chosen[: top or None]


def _size(value: float | int | str | None) -> float:
    """Return an absolute value; what is no number is smaller than all."""
    return abs(value) if isinstance(value, float) and not math.isnan(value) else -1.0


def shown(one: TokenEvidence) -> tuple[str, tuple[float, ...]]:
    """Return what tokens are coloured by, with its name: credit, else D of the first context, else log p."""
    if "credit" in one.values:
        return "credit", one.values["credit"]
    first = next(iter(one.contexts), None)
    return ("log p", one.values["student"]) if first is None else (f"D {first}", one.gain(first))


def coloured(tokens: Sequence[str], values: Sequence[float]) -> Text:
    """Write tokens in the colours of numbers: blue above 0, orange below, fuller the larger."""
    from rich.text import Text

    largest = max(map(abs, values), default=0.0) or 1.0
    text = Text()
    for token, value in zip(tokens, values):
        share = abs(value) / largest
        red, green, blue = (round(share * part) for part in (UP if value > 0 else DOWN))
        text.append(token, style=f"white on rgb({red},{green},{blue})" if share > 0.02 else "")
    return text


def lines(run: Run, one: TokenEvidence) -> Iterator[str]:
    """Say which response it is and what became of it."""
    yield f"{run.agent}, seed {run.seed}, step {one.step} | {one.task_id}, attempt {one.member}, turn {one.turn}"
    told = [outcome(one.correct, one.reward, one.status), f"reward {one.reward:g}", f"advantage {one.advantage:+.4f}"]
    told.append("no answer found" if one.extracted is None else f"answer read: {one.extracted}")
    told += [one.why] if one.why else []
    told += ["made with help"] if one.guided else []
    yield f"the attempt, as its last turn ended it: {'; '.join(told)}"


def run(options: InspectOptions) -> TokenEvidence | None:
    """Print, and return the response that was shown; None: a list was.

    Raises:
        ConfigurationError: there is no such response.

    """
    kept = find(options)
    if not options.task:
        _print_list(kept, options)
        return None
    chosen_run, one = choose(kept, options)
    console = terminal(width=140)
    for line in lines(chosen_run, one):
        console.print(line, highlight=False)
    if not options.no_prompts:
        for name, read in sorted(one.prompts.items(), key=lambda told: told[0] != "student"):
            who = "the student" if name == "student" else f"the scorer in context {name}"
            others = ", with pictures other than the student's" if name in one.other_pictures else ""
            console.print(f"\n{who} read{others}:", style="bold")
            console.print("\n".join(f"  > {line}" for line in read.splitlines()), highlight=False, soft_wrap=True)
    together = alike(kept, chosen_run, one) if options.side_by_side else [(chosen_run, one)]
    for other, same in together:
        name, values = shown(same)
        scale = f"{name} from {min(values):+.4f} to {max(values):+.4f}"
        console.print(f"\n{other.agent}: {scale}; blue up, orange down", style="bold", highlight=False)
        console.print(coloured(same.tokens, values), soft_wrap=True)
    if options.side_by_side and len(together) == 1:
        console.print("\nno other agent has kept this very response; those of one seed sample the same at step 0")
    table = _side_by_side(together) if options.side_by_side else rows(one)
    chosen = ordered(table, options.sort, options.top)
    console.print("")
    _print_table(chosen)
    if options.csv is not None:
        with options.csv.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(chosen)
        print(f"table: {options.csv}")
    return one


def _side_by_side(together: Sequence[Kept]) -> list[dict[str, float | int | str | None]]:
    """Return a row per token with what each agent paid it."""
    columns = {f"{run.agent}, {shown(one)[0]}": shown(one)[1] for run, one in together}
    tokens = together[0][1].tokens
    return [
        {"token": t, "text": text, **{name: values[t] for name, values in columns.items()}}
        for t, text in enumerate(tokens)
    ]


def _print_table(table: Sequence[dict[str, float | int | str | None]]) -> None:
    from rich.table import Table

    made = Table(box=None, pad_edge=False)
    for name in table[0] if table else ():
        made.add_column(name, justify="left" if name == "text" else "right", no_wrap=True)
    for row in table:
        made.add_row(*(_cell(name, value) for name, value in row.items()))
    terminal(width=140).print(made)


def _cell(name: str, value: float | int | str | None) -> str:
    if isinstance(value, str):
        return repr(value) if name == "text" else value or "-"
    if isinstance(value, int):
        return str(value)
    if value is None or math.isnan(value):
        return "-"
    rounded = round(value, 4) + 0.0  # no -0
    return f"{rounded:.4f}" if name in ("log p", "w") else f"{rounded:+.4f}"


def _print_list(kept: Sequence[Kept], options: InspectOptions) -> None:
    """Print which responses there are, a line for each agent's task."""
    groups: dict[tuple[str, int, int, str], list[TokenEvidence]] = {}
    for run, one in kept:
        groups.setdefault((run.agent, run.seed, one.step, one.task_id), []).append(one)
    for (agent, seed, step, task), ones in groups.items():
        members = {one.member: one for one in ones}
        right = sum(one.correct for one in members.values())
        told = f"{counted(len(members), 'attempt')}, {right} right"
        print(f"{agent} seed {seed} step {step}  {task}  {told}")
    example = next(iter(groups))[3]
    print(f"\none of them: python -m agents.inspect {options.run} --task {example}")


def main(argv: Sequence[str]) -> None:
    """Read the arguments and show."""
    run(command_line.parse(InspectOptions, argv, "python -m agents.inspect", __doc__ or ""))


def entry() -> None:
    """Console script."""
    command_line.main(main)


if __name__ == "__main__":
    entry()
