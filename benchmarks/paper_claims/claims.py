"""The claims: what is said, by whom and where, what stands for it in the laboratory, and what would bear it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.paper_claims.effects import Effect, Expectation
from benchmarks.paper_claims.measured import (
    Measured,
    accuracy,
    end,
    final,
    growth,
    leaks,
    less,
    log_ratio,
)

MORE, LESS = Expectation(low=0), Expectation(high=0)
SAME_LEAKS = Expectation(-5, 5)
"""Responses per 1,000."""


@dataclass(frozen=True)
class Claim:
    """A claim and its analogue.

    Attributes:
        says: the claim.
        source: paper and place.
        analogue: what is measured here; "lazy" and "honest" are the teachers that cite in 30 % and in none of their
            informed responses.
        effect: measures it.
        expected: where the effect is if the claim holds here.

    """

    says: str
    source: str
    analogue: str
    effect: Callable[[Measured], Effect]
    expected: Expectation


def over(one: str, other: str, where: str = "lazy") -> Callable[[Measured], Effect]:
    """Measure the difference of two methods' final accuracy."""
    return lambda lab: lab.difference(one, other, final, where)


RLSD = "RLSD (2604.03128)"
CLAIMS = (
    # -- the paper's own ------------------------------------------------------------------------------------
    Claim(
        "OPSD learns faster than GRPO at first",
        f"{RLSD}, Fig. 1a",
        "lazy: mean accuracy over the first quarter, OPSD - GRPO",
        lambda lab: lab.difference("opsd", "grpo", accuracy("early")),
        MORE,
    ),
    Claim(
        "then it peaks and falls",
        f"{RLSD}, Fig. 1a",
        "lazy: fall from the peak, OPSD - GRPO",
        lambda lab: lab.difference("opsd", "grpo", accuracy("fall")),
        MORE,
    ),
    Claim("OPSD ends below GRPO", f"{RLSD}, Table 2", "lazy: final accuracy, OPSD - GRPO", over("opsd", "grpo"), LESS),
    Claim(
        "OPSD ends below GRPO",
        f"{RLSD}, Table 2",
        "honest: final accuracy, OPSD - GRPO",
        over("opsd", "grpo", "honest"),
        LESS,
    ),
    Claim("SDPO ends below GRPO", f"{RLSD}, Table 2", "lazy: final accuracy, SDPO - GRPO", over("sdpo", "grpo"), LESS),
    Claim(
        "SDPO ends below GRPO",
        f"{RLSD}, Table 2",
        "honest: final accuracy, SDPO - GRPO",
        over("sdpo", "grpo", "honest"),
        LESS,
    ),
    Claim(
        "adding OPSD to GRPO's loss is worse than GRPO alone",
        f"{RLSD}, Table 2",
        "lazy: final accuracy, GRPO+OPSD - GRPO",
        over("grpo+opsd", "grpo"),
        LESS,
    ),
    Claim("RLSD ends above GRPO", f"{RLSD}, Table 2", "lazy: final accuracy, RLSD - GRPO", over("rlsd", "grpo"), MORE),
    Claim(
        "RLSD ends above GRPO",
        f"{RLSD}, Table 2",
        "honest: final accuracy, RLSD - GRPO",
        over("rlsd", "grpo", "honest"),
        MORE,
    ),
    Claim("RLSD ends above OPSD", f"{RLSD}, Table 2", "lazy: final accuracy, RLSD - OPSD", over("rlsd", "opsd"), MORE),
    Claim(
        "RLSD learns faster than GRPO",
        f"{RLSD}, Fig. 1b, 5a",
        "lazy: mean accuracy over all steps, RLSD - GRPO",
        lambda lab: lab.difference("rlsd", "grpo", accuracy("area")),
        MORE,
    ),
    Claim(
        "OPSD comes to speak of the reference",
        f"{RLSD}, Fig. 2, 3a",
        "lazy: citing responses per 1,000 at the end, OPSD - GRPO",
        lambda lab: lab.difference("opsd", "grpo", leaks),
        Expectation(low=5),
    ),
    Claim(
        "RLSD does not",
        f"{RLSD}, Sec. 4",
        "lazy: citing responses per 1,000 at the end, RLSD - GRPO",
        lambda lab: lab.difference("rlsd", "grpo", leaks),
        SAME_LEAKS,
    ),
    Claim(
        "what leaks is the teacher's private information, not the method",
        f"{RLSD}, Theorem 1",
        "OPSD's citing responses per 1,000, lazy - a teacher that cites in 3 %",
        lambda lab: lab.difference("opsd", "opsd", leaks, "lazy", "teacher 3 %"),
        Expectation(low=5),
    ),
    Claim(
        "matching only the student's top token leaks less",
        f"{RLSD}, Fig. 3a",
        "lazy: citing responses per 1,000, Student-top1 - OPSD",
        lambda lab: lab.difference("student-top1", "opsd", leaks, "forms", "lazy"),
        LESS,
    ),
    Claim(
        "matching the teacher's top token leaks more",
        f"{RLSD}, Fig. 3a",
        "lazy: citing responses per 1,000, Teacher-top1 - OPSD",
        lambda lab: lab.difference("teacher-top1", "opsd", leaks, "forms", "lazy"),
        MORE,
    ),
    Claim(
        "KL(student, teacher) falls less in OPSD than in OPD",
        f"{RLSD}, Fig. 3c",
        "lazy: log of last over first KL, OPSD - OPD from a model that GRPO trained",
        lambda lab: lab.difference("opsd", "opd", log_ratio("kl_student_teacher"), "lazy", "forms"),
        MORE,
    ),
    Claim(
        "RLSD keeps a higher entropy than GRPO",
        f"{RLSD}, Fig. 5b",
        "lazy: entropy at the end, RLSD - GRPO, nats per token",
        lambda lab: lab.difference("rlsd", "grpo", end("entropy")),
        MORE,
    ),
    Claim(
        "ever more of RLSD's weights are clipped",
        f"{RLSD}, Fig. 5c",
        "lazy: share of weights clipped from above, at the end of the teacher's time - at the start",
        lambda lab: lab.alone("rlsd", growth("weight_clip_high")),
        MORE,
    ),
    Claim(
        "RLSD's blame falls on the tokens where a response goes wrong",
        f"{RLSD}, Fig. 6",
        "lazy: share of a wrong response's blame on its first wrong step, less chance",
        lambda lab: less(
            lab.credit("rlsd", "credit", "share_first_wrong_step"),
            lab.credit("rlsd", "credit", "share_first_wrong_step_chance"),
        ),
        Expectation(low=0.02),
    ),
    # -- its successors' ------------------------------------------------------------------------------------
    Claim(
        "a wrong answer as contrast is better evidence: CEPO ends above RLSD",
        "CEPO (2605.19436), Table",
        "lazy: final accuracy, CEPO - RLSD",
        over("cepo", "rlsd"),
        MORE,
    ),
    Claim(
        "CEPO's evidence is sharper than RLSD's",
        "CEPO (2605.19436)",
        "lazy: how often the first wrong step, not the last, is the most blamed, CEPO - RLSD",
        lambda lab: less(
            lab.credit("cepo", "evidence", "most_first_wrong_earlier"),
            lab.credit("rlsd", "evidence", "most_first_wrong_earlier"),
        ),
        MORE,
    ),
    Claim(
        "RLSD ends below GRPO",
        "RLCSD (2606.11709), Table",
        "honest: final accuracy, RLSD - GRPO",
        over("rlsd", "grpo", "honest"),
        LESS,
    ),
    Claim(
        "siblings as contrast: RLCSD ends above GRPO",
        "RLCSD (2606.11709), Table",
        "lazy: final accuracy, RLCSD - GRPO",
        over("rlcsd", "grpo"),
        MORE,
    ),
    Claim(
        "RLCSD ends above RLSD",
        "RLCSD (2606.11709), Table",
        "lazy: final accuracy, RLCSD - RLSD",
        over("rlcsd", "rlsd"),
        MORE,
    ),
    Claim(
        "RLSD shortens responses",
        "RLCSD (2606.11709)",
        "lazy: tokens of a response at the end, RLSD - GRPO",
        lambda lab: lab.difference("rlsd", "grpo", end("response_length")),
        LESS,
    ),
    Claim(
        "SDAR ends above GRPO",
        "SDAR (2605.15155), Table",
        "lazy: final accuracy, SDAR - GRPO",
        over("sdar", "grpo"),
        MORE,
    ),
    Claim(
        "SDAR ends above RLSD",
        "SDAR (2605.15155), Table",
        "lazy: final accuracy, SDAR - RLSD",
        over("sdar", "rlsd"),
        MORE,
    ),
    Claim(
        "away from the teacher: AntiSD learns faster than GRPO",
        "AntiSD (2605.11609)",
        "lazy: mean accuracy over all steps, AntiSD - GRPO",
        lambda lab: lab.difference("antisd", "grpo", accuracy("area")),
        MORE,
    ),
    Claim(
        "AntiSD ends above GRPO",
        "AntiSD (2605.11609), Table",
        "lazy: final accuracy, AntiSD - GRPO",
        over("antisd", "grpo"),
        MORE,
    ),
    Claim(
        "the teacher reversed on right responses: RLRT ends above GRPO",
        "RLRT (2605.10781)",
        "lazy: final accuracy, RLRT - GRPO",
        over("rlrt", "grpo"),
        MORE,
    ),
    Claim(
        "RLRT ends above self-distillation",
        "RLRT (2605.10781)",
        "lazy: final accuracy, RLRT - SDPO",
        over("rlrt", "sdpo"),
        MORE,
    ),
    # -- controls: what the claims would owe to, were it the hint's content --------------------------------
    Claim(
        "control: RLSD's gain is owed to what the hint says",
        "ours",
        "lazy: final accuracy, RLSD with right - with blank hints",
        lambda lab: lab.difference("rlsd", "rlsd", final, "lazy", "lazy, blank hints"),
        MORE,
    ),
    Claim(
        "control: wrong hints do RLSD no harm",
        "RLSD (2604.03128), Theorem 5",
        "lazy: final accuracy, RLSD with wrong hints - GRPO",
        lambda lab: lab.difference("rlsd", "grpo", final, "lazy, wrong hints", "lazy"),
        Expectation(-0.05, 0.05),
    ),
)
