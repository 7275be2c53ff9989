"""Verifiers made of verifiers, and verifiers of what is rewarded beside a right answer.

`WeightedVerifier` adds rewards, `AllOfVerifier` asks for everything at once, `FirstMatchVerifier` asks one verifier
after the other. `FormatVerifier` and `LengthVerifier` look at the response alone.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from verifiers.base import Verifier
from verifiers.feedback import DEFAULT_FEEDBACK_LEVEL, checked_level
from verifiers.types import Reference, Status, Verdict

_TAGS = ("<think>", "</think>", "<answer>", "</answer>")
_UNITS = ("characters", "words")
_UNDECIDED = (Status.NO_ANSWER, Status.UNPARSABLE, Status.AMBIGUOUS)


class FormatVerifier(Verifier):
    """1.0 if the response is exactly `<think>..</think> <answer>..</answer>`, each tag once, else 0.0.

    Space around the two blocks is allowed, text is not. The answer itself is not looked at.
    """

    name = "format"

    def verify(self, response: str, reference: Reference) -> Verdict:
        """Judge the format of one response."""
        fits = isinstance(response, str) and _fits(response)
        verdict = Verdict(float(fits), fits, None, Status.OK)
        return replace(verdict, feedback=self.feedback(response, reference, verdict))

    def feedback(
        self, response: str, reference: Reference, verdict: Verdict, *, level: str = DEFAULT_FEEDBACK_LEVEL
    ) -> str:
        """What the format is, unless it is met; the same at every level."""
        checked_level(level)
        return "Correct." if verdict.correct else "Write exactly <think> ... </think> <answer> ... </answer>."


def _fits(response: str) -> bool:
    text = response.strip()
    if any(text.count(tag) != 1 for tag in _TAGS):
        return False
    think_end, answer_start = text.find("</think>"), text.find("<answer>")
    return (
        text.startswith("<think>")
        and text.endswith("</answer>")
        and think_end < answer_start
        and not text[think_end + len("</think>") : answer_start].strip()
    )


class LengthVerifier(Verifier):
    """1.0 up to `soft` characters or words, from there linearly down to 0.0 at `hard` and beyond.

    The soft overlong punishment of DAPO (arXiv 2503.14476, equation 13) with L_max = hard and L_max - L_cache = soft,
    except that

    1. it is a reward of 0 to 1, the punishment of -1 to 0 plus 1; a group's baseline cancels the constant;
    2. it counts characters or words, of the whole response: a verifier knows no tokenizer;
    3. `WeightedVerifier` gives it a weight, where DAPO adds it as it is.

    As in DAPO, what the response says does not matter: a short wrong answer has the whole of this reward, so let it
    weigh less than the accuracy. `Verdict.correct` is true within `soft`.

    Args:
        soft: the length up to which the reward is full.
        hard: the length from which on there is none.
        unit: "characters", or "words" (what spaces separate).

    Raises:
        ValueError: not 0 < soft < hard, or an unknown unit.

    """

    name = "length"

    def __init__(self, soft: int, hard: int, unit: str = "characters") -> None:
        if not 0 < soft < hard:
            raise ValueError(f"soft is {soft!r} and hard is {hard!r}; it must be 0 < soft < hard")
        if unit not in _UNITS:
            raise ValueError(f"unit is {unit!r}; it must be one of {', '.join(map(repr, _UNITS))}")
        self.soft, self.hard, self.unit = soft, hard, unit

    def verify(self, response: str, reference: Reference) -> Verdict:
        """Judge the length of one response; one that is not a string gets `Status.ERROR`."""
        if not isinstance(response, str):
            return Verdict(0.0, False, None, Status.ERROR, f"the response is a {type(response).__name__}, not a string")
        length = len(response) if self.unit == "characters" else len(response.split())
        reward = min(1.0, max(0.0, (self.hard - length) / (self.hard - self.soft)))
        verdict = Verdict(reward, length <= self.soft, None, Status.OK)
        return replace(verdict, feedback=self.feedback(response, reference, verdict))

    def feedback(
        self, response: str, reference: Reference, verdict: Verdict, *, level: str = DEFAULT_FEEDBACK_LEVEL
    ) -> str:
        """How long a response may be, unless it is within that; the same at every level."""
        checked_level(level)
        return "Correct." if verdict.correct else f"Write at most {self.soft} {self.unit}."


class _Composite(Verifier):
    """Made of verifiers, one of which, the speaker, says what is shown of a reference and to a model."""

    def __init__(self, speaker: Verifier) -> None:
        self._speaker = speaker

    def privileged(self, reference: Reference, level: str) -> str | None:
        """What the part "accuracy", or else the first, would show."""
        return self._speaker.privileged(reference, level)

    def feedback(
        self, response: str, reference: Reference, verdict: Verdict, *, level: str = DEFAULT_FEEDBACK_LEVEL
    ) -> str:
        """The feedback of the part "accuracy", or else of the first."""
        return self._speaker.feedback(response, reference, verdict, level=level)


class _EveryPart(_Composite):
    """Asks every part, of a batch all at once, and makes one verdict of theirs."""

    def __init__(self, verifiers: Mapping[str, Verifier], speaker: Verifier) -> None:
        super().__init__(speaker)
        self._verifiers = dict(verifiers)

    @abc.abstractmethod
    def _whole(self, verdicts: Mapping[str, Verdict]) -> Verdict:
        """The verdict on the whole from those of the parts."""

    def warm_up(self) -> None:
        """Warm up every part."""
        for one in self._verifiers.values():
            one.warm_up()

    def verify(self, response: str, reference: Reference) -> Verdict:
        """Judge one response by every part."""
        return self._whole({part: one.verify(response, reference) for part, one in self._verifiers.items()})

    def verify_batch(self, responses: Sequence[str], references: Sequence[Reference]) -> list[Verdict]:
        """Judge responses[i] against references[i], in order; every part is given the whole batch.

        Raises:
            BadReference: a gold answer cannot be used; a broken item stops the batch.
            ValueError: the two sequences differ in length.

        """
        columns = [one.verify_batch(responses, references) for one in self._verifiers.values()]
        return [self._whole(dict(zip(self._verifiers, verdicts))) for verdicts in zip(*columns)]


class WeightedVerifier(_EveryPart):
    """A weighted sum of verifiers' rewards.

    Whether the response is correct, what was extracted and the status come from the part called
    "accuracy", so that a shaped reward never counts as a success; but where another part fails (`TIMEOUT`
    or `ERROR`), so does the whole. `Verdict.parts` holds each part's own reward, unweighted.

    Args:
        parts: (verifier, weight) by name, with one called "accuracy".

    Raises:
        ValueError: there is no part "accuracy", or a weight is not finite.

    """

    name = "weighted"

    def __init__(self, parts: Mapping[str, tuple[Verifier, float]]) -> None:
        if "accuracy" not in parts:
            raise ValueError(f"parts are {sorted(parts)}; one must be called 'accuracy'")
        for part, (_, weight) in parts.items():
            if not math.isfinite(weight):
                raise ValueError(f"the weight of {part!r} is {weight!r}; it must be finite")
        self.parts = dict(parts)
        self.version = "+".join(f"{part}:{verifier.version}" for part, (verifier, _) in parts.items())
        super().__init__({part: verifier for part, (verifier, _) in parts.items()}, parts["accuracy"][0])

    def _whole(self, verdicts: Mapping[str, Verdict]) -> Verdict:
        accuracy = verdicts["accuracy"]
        failed = [verdict.status for verdict in verdicts.values() if verdict.status.failed]
        texts = [accuracy.feedback]
        texts += [v.feedback for part, v in verdicts.items() if part != "accuracy" and not v.correct]
        return replace(
            accuracy,
            reward=sum(self.parts[part][1] * verdict.reward for part, verdict in verdicts.items()),
            status=failed[0] if failed else accuracy.status,
            feedback=" ".join(texts),
            parts={part: verdict.reward for part, verdict in verdicts.items()},
        )


class AllOfVerifier(_EveryPart):
    """1.0 and correct only if every part says correct, else 0.0.

    Every part is asked. The status is that of the first part that failed (`TIMEOUT` or `ERROR`), else of the first
    that is not correct; what was extracted, and how, comes from the first part. `Verdict.parts` holds each part's
    own reward.

    Args:
        parts: verifiers by name.

    Raises:
        ValueError: there are no parts.

    """

    name = "all_of"

    def __init__(self, parts: Mapping[str, Verifier]) -> None:
        if not parts:
            raise ValueError("parts are empty; there must be one or more")
        self.name, self.version = _composed("all_of", list(parts.values()))
        super().__init__(parts, next(iter(parts.values())))

    def _whole(self, verdicts: Mapping[str, Verdict]) -> Verdict:
        lacking = [verdict for verdict in verdicts.values() if verdict.status.failed or not verdict.correct]
        first = next(iter(verdicts.values()))
        failed = [verdict.status for verdict in lacking if verdict.status.failed]
        return replace(
            first,
            reward=float(not lacking),
            correct=not lacking,
            status=[*failed, *(verdict.status for verdict in lacking), Status.OK][0],
            feedback=" ".join(verdict.feedback for verdict in lacking) or "Correct.",
            parts={part: verdict.reward for part, verdict in verdicts.items()},
        )


class FirstMatchVerifier(_Composite):
    """Asks its parts in order until one decides; that part's verdict is the whole's, unchanged.

    A part decides unless its status is in `undecided`: by default `NO_ANSWER` and `UNPARSABLE`. So right and wrong
    answers decide; so do `TIMEOUT` and `ERROR`, as a later part must not reward what an earlier one failed on; and so
    does `AMBIGUOUS`, as several different answers are not one answer because a later part sees only one of them.
    Where no part decides, the first part's verdict stands.

    Args:
        parts: verifiers, the most trusted first.
        undecided: the statuses with which the next part is asked, out of `NO_ANSWER`, `UNPARSABLE`, `AMBIGUOUS`.

    Raises:
        ValueError: there are no parts, or `undecided` holds another status.

    """

    name = "first_match"

    def __init__(self, parts: Sequence[Verifier], undecided: Collection[Status] = _UNDECIDED[:2]) -> None:
        if not parts:
            raise ValueError("parts are empty; there must be one or more")
        if wrong := [status for status in undecided if status not in _UNDECIDED]:
            raise ValueError(f"undecided holds {wrong[0]!r}; it may hold {', '.join(map(repr, map(str, _UNDECIDED)))}")
        self.parts, self.undecided = tuple(parts), frozenset(undecided)
        self.name, self.version = _composed("first_match", parts)
        super().__init__(parts[0])

    def verify(self, response: str, reference: Reference) -> Verdict:
        """Judge one response by the first part that decides."""
        verdicts = []
        for part in self.parts:
            verdicts.append(part.verify(response, reference))
            if verdicts[-1].status not in self.undecided:
                return verdicts[-1]
        return verdicts[0]

    def verify_batch(self, responses: Sequence[str], references: Sequence[Reference]) -> list[Verdict]:
        """Judge responses[i] against references[i], in order; each part is given what is still open, at once.

        Raises:
            BadReference: a gold answer cannot be used; a broken item stops the batch.
            ValueError: the two sequences differ in length.

        """
        verdicts = self.parts[0].verify_batch(responses, references)
        rest = [i for i, verdict in enumerate(verdicts) if verdict.status in self.undecided]
        for part in self.parts[1:]:
            later = part.verify_batch([responses[i] for i in rest], [references[i] for i in rest])
            decided = {i: verdict for i, verdict in zip(rest, later) if verdict.status not in self.undecided}
            verdicts = [decided.get(i, verdict) for i, verdict in enumerate(verdicts)]
            rest = [i for i in rest if i not in decided]
        return verdicts


def _composed(name: str, parts: Sequence[Verifier]) -> tuple[str, str]:
    """A composite's name and version, from those of its parts."""
    return f"{name}({', '.join(part.name for part in parts)})", "+".join(f"{p.name}:{p.version}" for p in parts)
