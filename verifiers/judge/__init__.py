"""A model as a judge, where rules cannot decide: `JudgeVerifier` and its parts.

`prompt` writes the fenced question and reads the verdict, `client` speaks HTTP, `cache` keeps verdicts on disk,
`usage` counts what they take.
"""

from verifiers.judge.cache import VerdictCache
from verifiers.judge.client import ChatClient, ChatError, ChatTimeout
from verifiers.judge.prompt import PROMPT_VERSION, MalformedVerdict, Question
from verifiers.judge.usage import Usage
from verifiers.judge.verifier import JudgeVerifier

__all__ = [
    "PROMPT_VERSION",
    "ChatClient",
    "ChatError",
    "ChatTimeout",
    "JudgeVerifier",
    "MalformedVerdict",
    "Question",
    "Usage",
    "VerdictCache",
]
