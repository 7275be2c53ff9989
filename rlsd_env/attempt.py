"""`Attempt`: the state of one attempt at a task, turn by turn; the environments drive it.

An action is a tool call if it ends with one, else an answer. An answer ends the attempt if it is right, if the
verifier failed, if the environment gives no feedback, or if it was made in the last turn. What ends without having
ended so, for want of turns or tokens, is truncated; its reward is that of its last answer, and 0 if it has none. An
action that goes beyond the token budget is neither run nor graded. With feedback every wrong answer is told of, the
last one too.
"""

from __future__ import annotations

from typing import Any

from gymnasium.error import ResetNeeded

from rlsd_env.actions import count_tokens
from rlsd_env.desk import FEEDBACK, Desk, Observation
from rlsd_env.task import Image, Item, without_placeholders
from verifiers import Status, Verdict


class Attempt:
    """One attempt at a task.

    Args:
        desk: what grades, and the options.
        item: the task.
        prompt: its prompt, where it has been written already.

    """

    def __init__(self, desk: Desk, item: Item, prompt: str | None = None) -> None:
        self.desk = desk
        self.item = item
        self.prompt = desk.prompt(item.task) if prompt is None else prompt
        self.actions: list[str] = []
        self.feedbacks: list[str] = []
        """What the environment said after each action; "" where it said nothing."""
        self.verdict: Verdict | None = None
        """Of the latest answer."""
        self.answers = 0
        self.tokens = 0
        self.tool_calls = 0
        self.terminated = self.truncated = False
        self.seen: tuple[Image, ...] = item.task.images
        """The task's pictures, then those that tools returned."""
        self._shown: tuple[Image, ...] = item.task.images

    @property
    def over(self) -> bool:
        """Whether the attempt has ended."""
        return self.terminated or self.truncated

    @property
    def reward(self) -> float:
        """The reward of the latest action: 0.0 until the end."""
        if not self.over or self.verdict is None:
            return 0.0
        return float(self.verdict.reward) * self.desk.config.retry_discount ** (self.answers - 1)

    def act(self, action: str) -> str | None:
        """Take an action; what it returns must be graded and handed to `judge` before anything else.

        Returns:
            The answer to grade, or None where there is none: tools were called, or the tokens are used up.

        Raises:
            ResetNeeded: the attempt has ended.
            TypeError: the action is not text.

        """
        if self.over:
            raise ResetNeeded("the episode has ended; call reset() before step()")
        if not isinstance(action, str):
            raise TypeError(f"the action is a {type(action).__name__}; it must be the completion's text")
        self.actions.append(action)
        self.tokens += count_tokens(action)
        if self._over_budget(self.tokens):
            self._truncate()
            return None
        calls = self.desk.tools.calls(action)
        if not calls:
            return action
        self.tool_calls += len(calls)
        if self._exhausted():
            self._truncate()
            return None
        result = self.desk.tools.run(calls, self.seen)
        for image in result.images:
            image.flags.writeable = False
        self.seen += result.images
        self._tell(result.text, result.images)
        return None

    def would_grade(self, action: str) -> bool:
        """Tell whether `act` would return this action to be graded."""
        if self.over or self._over_budget(self.tokens + count_tokens(action)):
            return False
        return not self.desk.tools.calls(action)

    def _over_budget(self, tokens: int) -> bool:
        budget = self.desk.config.token_budget
        return budget is not None and tokens > budget

    def judge(self, answer: str, verdict: Verdict) -> None:
        """Take the verdict on what `act` returned."""
        self.verdict = verdict
        self.answers += 1
        level = FEEDBACK[self.desk.config.feedback]
        last = len(self.actions) == self.desk.config.max_turns
        if verdict.correct or verdict.status.failed or level is None:
            self.terminated = True
            self._tell("")
            return
        self.terminated, self.truncated = last, not last and self._exhausted()
        text = self.desk.verifier.feedback(answer, self.item.privileged.reference, verdict, level=level)
        self._tell(without_placeholders(text))  # it may quote the answer

    def _exhausted(self) -> bool:
        budget = self.desk.config.token_budget
        return len(self.actions) == self.desk.config.max_turns or (budget is not None and self.tokens >= budget)

    def _truncate(self) -> None:
        self.truncated = True
        if self.verdict is None:
            self.verdict = Verdict(0.0, False, None, Status.NO_ANSWER)
            self.answers = 1
        self._tell("")

    def _tell(self, feedback: str, images: tuple[Image, ...] = ()) -> None:
        self.feedbacks.append(feedback)
        self._shown = images

    def observation(self, *, copy: bool) -> Observation:
        """Return what the student sees now; without `copy` its pictures are read-only views of the task's."""
        return {
            "question": self.prompt,
            "images": tuple(image.copy() if copy else image.view() for image in self._shown),
            "videos": () if self.actions else self.item.task.videos,
            "choices": self.item.task.choices,
            "feedback": self.feedbacks[-1] if self.feedbacks else "",
            "turn": len(self.actions),
        }

    def info(self) -> dict[str, Any]:
        """Return what `info` says after `act` and `judge`; the verdict is there once an answer was graded."""
        told: dict[str, Any] = {"task_id": self.item.task.id, "task": self.item.task.info}
        if self.desk.tools:
            told["tool_calls"] = self.tool_calls
        if self.verdict is not None:
            told["verdict"] = self.desk.published(self.verdict)
            told |= {f"reward/{name}": float(value) for name, value in self.verdict.parts.items()}
        return told
