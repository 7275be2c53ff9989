"""One training step of a learner, part by part."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from agents.algorithms import Algorithm, Credit, Signals
from agents.episodes import Prompt
from agents.evidence import EvidenceSink, TokenEvidence
from agents.learner.checks import TOKENS, check_depends, check_rendered
from agents.learner.measures import RESERVED, ROUNDING, add_by_sign, measure_credit, measure_evidence
from agents.learner.meter import Meter
from agents.learner.micro_batches import Part, Row
from agents.learner.plan import Plan
from agents.learner.scorers import Scorer, Scorers, Scores
from agents.learner.whole_batch import WholeBatch
from agents.losses import clipped_surrogate, importance_ratio, sampler_weight
from agents.messages import middle_out, written
from agents.options.learner import LearnerOptions
from agents.policy.base import Policy
from agents.policy.scores import GivenScores, TokenScores, TopK
from agents.policy.scoring import score_each
from rlsd_env.errors import ConfigurationError

AUXILIARY = "auxiliary()"
"""What the guard rail of an algorithm's further loss is called among those that have been passed; no context's name."""


def _check_shape(hook: str, value: Tensor, allowed: Sequence[torch.Size]) -> None:
    """Refuse what an algorithm's hook returned in another shape, which would broadcast into nonsense."""
    if value.shape not in allowed:
        shapes = " or ".join(str(list(shape)) for shape in allowed)
        raise ConfigurationError(f"the algorithm's {hook} has shape {list(value.shape)}; it must be {shapes}")


class TokenPlaces:
    """Takes the tokens of rows out of padded values, end to end, by places that the host knows without asking.

    Args:
        rows: the rows.
        device: where the values are.
        which: those of them whose tokens are taken; None: all.

    """

    def __init__(self, rows: Sequence[Row], device: torch.device, which: Sequence[bool] | None = None) -> None:
        lengths = [len(row.turn.action.token_ids) for row in rows]
        width = max(lengths)
        places = [
            torch.arange(n * width, n * width + length) for n, length in enumerate(lengths) if which is None or which[n]
        ]
        self._places_M = torch.cat([torch.zeros(0, dtype=torch.long), *places]).to(device, non_blocking=True)

    def __call__(self, values_NT: Tensor) -> Tensor:
        """Return the values of the M tokens."""
        return values_NT.reshape(-1).index_select(0, self._places_M)


class Step:
    """One training step: its plan, its metrics, and what its parts have in common.

    Args:
        policy: what is trained.
        algorithm: the method.
        scorers: its scorers.
        options: the learner's.
        plan: what of the batch is run.
        base: signals without rows that have the step and the algorithm's state.
        temperature: divides the logits.
        gradient_scale: factor of the loss's gradient.
        recorded_is_own: whether log-probabilities that were recorded while sampling are the policy's own.
        keep: is given what tokens earned.
        checked: what guard rails have been passed by, in this step or an earlier one; it is added to.

    """

    def __init__(
        self,
        policy: Policy,
        algorithm: Algorithm,
        scorers: Scorers,
        options: LearnerOptions,
        plan: Plan,
        base: Signals,
        *,
        temperature: float,
        gradient_scale: float,
        recorded_is_own: bool,
        keep: EvidenceSink | None,
        checked: set[str],
    ) -> None:
        self.policy, self.algorithm, self.scorers = policy, algorithm, scorers
        self.options, self.plan, self.base, self.keep = options, plan, base, keep
        self.temperature, self.gradient_scale = temperature, gradient_scale
        self.recorded_is_own = recorded_is_own
        self.checked = checked
        self.meter = Meter()
        self.statistics: Mapping[str, Tensor] = {}
        self.counts = type(algorithm).statistics is not Algorithm.statistics
        self._seen: list[Signals] = []  # of the parts that count, in the first update, where someone wants them later

    # -- of the whole batch --------------------------------------------------------------------------------

    def credit_batch(self) -> None:
        """Have every scorer say its say, and work out the credit of all episodes before the loss."""
        whole = WholeBatch(self.plan)
        student, logp, entropy = [], [], []
        for part in self.plan.parts:
            part.scored |= (scored := {name: self._score_again(part, name) for name in part.kind})
            S_M = self._before_update(part)
            if part.rows[0].counts:
                student.append(S_M)
                logp.append({name: scores.logp_NT[scores.mask_NT] for name, scores in scored.items()})
                entropy.append(self._entropies(scored))
        if not whole.parts:
            return
        signals = whole.signals(student, logp, entropy, self.base)
        credit = self.algorithm.credit(signals)
        if credit is not None:
            _check_credit(credit, signals)
            whole.hand_out(credit)

    def count(self) -> None:
        """Have the algorithm count over the episodes of the step, if it does."""
        if not self.counts or not self._seen:
            return
        whole = WholeBatch(self.plan)
        masks = [signals.mask_NT for signals in self._seen]
        signals = whole.signals(
            [signals.S_NT[mask_NT] for signals, mask_NT in zip(self._seen, masks)],
            [{name: x[mask_NT] for name, x in signals.logp.items()} for signals, mask_NT in zip(self._seen, masks)],
            [{name: x[mask_NT] for name, x in signals.entropy.items()} for signals, mask_NT in zip(self._seen, masks)],
            self.base,
        )
        self.statistics = self.algorithm.statistics(signals)
        self._seen = []

    def forget(self) -> None:
        """Keep nothing for further updates of what scorers would not say again."""
        for part in self.plan.parts:
            steady = (name for name in part.scored if self._scorer(name).rule.steady)
            part.scored = {name: part.scored[name] for name in steady}

    def _before_update(self, part: Part) -> Tensor:
        """Return student log-probabilities before the first update, [M]: the recorded ones where they are its own."""
        if self.recorded_is_own and not any(self._guided(part)):
            recorded = [logp for row in part.rows for logp in row.turn.action.logprobs]
            return torch.tensor(recorded, dtype=self.plan.A_N.dtype, device=self.plan.A_N.device)
        with torch.no_grad():
            scores = self._score([row.turn.prompt for row in part.rows], part.rows, self.policy.score)
        return scores.logp_NT[scores.mask_NT]

    def _guided(self, part: Part) -> list[bool]:
        """Tell which rows are of attempts with help, which the policy has not sampled as it would have."""
        return [self.plan.episodes[row.episode].guided for row in part.rows]

    # -- of a part -----------------------------------------------------------------------------------------

    def backward(self, part: Part) -> None:
        """Add the gradient of a part's rows to the parameters'."""
        meter, options = self.meter, self.options
        scored = {name: self._scored(part, name) for name in part.kind}
        student = self._score([row.turn.prompt for row in part.rows], part.rows, self.policy.score)
        if not part.rows[0].counts:
            (student.logp_NT.sum() * 0.0).backward()
            return
        mask_NT, S_NT = student.mask_NT, student.logp_NT.detach()
        at, guided = TokenPlaces(part.rows, S_NT.device), self._guided(part)
        own = TokenPlaces(part.rows, S_NT.device, [not one for one in guided]) if any(guided) else at
        sampled_NT = _sampled(part.rows).to(S_NT)
        first = part.S_old_NT is None  # the weights are those that will have their first update
        if first:
            part.S_old_NT = S_NT
            meter.add("sampler_difference", own((S_NT - sampled_NT).abs()), of_step=True)
        signals = self._signals(part, student, scored)
        S_old_NT = signals.S_old_NT
        off_NT = S_old_NT - sampled_NT
        if any(guided):
            guided_N1 = torch.tensor(guided, device=S_NT.device)[:, None]
            off_NT = torch.where(guided_N1, 0.0, off_NT)  # there the sampler did not sample as the policy would
            if self.plan.off_policy:
                S_old_NT = torch.where(guided_N1, sampled_NT, S_old_NT)
        loss_NT = torch.zeros_like(S_NT)
        credit = part.credit if part.credit is not None or self.algorithm.scope == "batch" else self._credit(signals)
        if credit is not None:
            advantages_NT = credit.advantages.expand_as(S_NT)
            whole_NT = mask_NT if options.ratio == "sequence" else None
            loss_NT = clipped_surrogate(
                student.logp_NT,
                S_old_NT,
                advantages_NT,
                options.clip_low,
                options.clip_high,
                negative_cap=options.dual_clip,
                mask_NT=whole_NT,
            )
            if credit.unclipped is not None:
                loss_NT = loss_NT - credit.unclipped * student.logp_NT
            self._measure_ratio(importance_ratio(S_NT, S_old_NT, whole_NT), signals, at)
            measure_credit(meter, credit, signals, at)
        if any(self._needs_distributions(name) for name in part.kind):
            auxiliary_M = self._auxiliary(student, scored, signals, at)
            loss_NT = loss_NT + torch.zeros_like(S_NT).masked_scatter(mask_NT, auxiliary_M)
            meter.add("distillation_loss", auxiliary_M.detach())
            meter.add("distillation_negative_share", auxiliary_M.detach() < -ROUNDING)
        elif credit is None:  # nothing is learned from these rows, which other processes may be in step with
            loss_NT = student.logp_NT * 0.0
        if options.correction != "none":
            loss_NT = loss_NT * self._correction(off_NT, own)
        if first:
            measure_evidence(meter, signals, next(iter(self.plan.contexts), ""), own)
        episode_N = torch.tensor([row.episode for row in part.rows], device=S_NT.device)
        coefficients_N1 = self.plan.coefficients_N[episode_N][:, None]
        loss = (coefficients_N1 * torch.where(mask_NT, loss_NT, 0.0)).sum()
        (loss * self.gradient_scale if self.gradient_scale != 1 else loss).backward()
        meter.add_sum("loss", loss)
        with torch.no_grad():
            meter.add("entropy", student.entropy_M)
            tokens = sum(len(row.turn.action.token_ids) for row in part.rows)
            meter.add_share("repeated_share", tokens - len(student.hidden_KH), tokens)
        if first and self.counts:
            self._seen.append(signals)
        if first and self.keep is not None:
            self._keep(part, signals, credit)

    def _signals(self, part: Part, student: TokenScores, scored: Mapping[str, Scores]) -> Signals:
        S_NT, mask_NT, device = student.logp_NT.detach(), student.mask_NT, student.logp_NT.device
        episode_N = torch.tensor([row.episode for row in part.rows], device=device)
        ids = [torch.tensor(row.turn.action.token_ids) for row in part.rows]
        turn_N1 = torch.tensor([[row.number] for row in part.rows], device=device)
        assert part.S_old_NT is not None
        return replace(
            self.base,
            A_N1=self.plan.A_N[episode_N][:, None],
            S_NT=S_NT,
            S_old_NT=part.S_old_NT,
            mask_NT=mask_NT,
            logp={name: scores.logp_NT for name, scores in scored.items()},
            entropy={
                name: torch.zeros_like(S_NT).masked_scatter(mask_NT, entropy_M)
                for name, entropy_M in self._entropies(scored).items()
            },
            shown={name: torch.ones_like(turn_N1, dtype=torch.bool) for name in scored},
            success_N1=self.plan.success_N[episode_N][:, None],
            group_N1=self.plan.groups(episode_N)[:, None],
            turn_NT=turn_N1.expand_as(mask_NT),
            ids_NT=torch.nn.utils.rnn.pad_sequence(ids, batch_first=True).to(device),
        )

    def _entropies(self, scored: Mapping[str, Scores]) -> dict[str, Tensor]:
        return {name: scores.entropy_M for name, scores in scored.items() if self.plan.contexts[name].entropy}

    def _light(self, name: str, scores: Scores) -> Scores:
        """Let go of hidden states that nobody needs."""
        context = self.plan.contexts[name]
        if self._needs_distributions(name) or not isinstance(scores, TokenScores):
            return scores
        return GivenScores(scores.mask_NT, scores.logp_NT, of_entropy_M=scores.entropy_M if context.entropy else None)

    def _credit(self, signals: Signals) -> Credit | None:
        credit = self.algorithm.credit(signals)
        if credit is not None:
            _check_credit(credit, signals)
        return credit

    def _needs_distributions(self, name: str) -> bool:
        context = self.plan.contexts[name]
        return context.full or context.top_k > 0

    def _measure_ratio(self, ratio_NT: Tensor, signals: Signals, at: TokenPlaces) -> None:
        """Measure how many tokens' ratio is out of bounds, of either sign of A too."""
        ratio_M, A_M = at(ratio_NT), at(signals.A_N1.expand_as(ratio_NT))
        bounds = {"clip_low": ratio_M < 1 - self.options.clip_low, "clip_high": ratio_M > 1 + self.options.clip_high}
        for name, out_M in bounds.items():
            self.meter.add(name, out_M)
            add_by_sign(self.meter, name, out_M, A_M)

    def _correction(self, difference_NT: Tensor, at: TokenPlaces) -> Tensor:
        """Weigh tokens by how much likelier the learner finds them than the sampler did."""
        ratio_NT = difference_NT.exp()
        weight_NT = sampler_weight(ratio_NT, self.options.correction, self.options.sampler_cap)
        self.meter.add("sampler_ratio", at(ratio_NT))
        self.meter.add_largest("sampler_ratio_largest", at(ratio_NT))
        self.meter.add("sampler_corrected_share", at(weight_NT != ratio_NT))
        return weight_NT

    def _auxiliary(
        self, student: TokenScores, scored: Mapping[str, Scores], signals: Signals, at: TokenPlaces
    ) -> Tensor:
        """Ask for the further loss of some tokens at a time, each of them a row of its own."""
        contexts = self.plan.contexts
        full = {name: scores for name, scores in scored.items() if contexts[name].full}
        some = {name: scores.top_k(contexts[name].top_k) for name, scores in scored.items() if contexts[name].top_k}
        fixed = [signals.A_N1, signals.S_NT, signals.S_old_NT, signals.success_N1]
        fixed += [signals.group_N1, signals.turn_NT, signals.ids_NT]
        evidence = [*signals.logp.values(), *signals.entropy.values()]
        per_token = [at(value_NT.expand_as(signals.S_NT)) for value_NT in (*fixed, *evidence)]

        def unpack(tensors: Sequence[Tensor]) -> tuple[dict[str, Tensor | TopK], Signals]:
            given = iter(tensors)
            others: dict[str, Tensor | TopK] = {name: next(given) for name in full}
            A_C1, S_C1, S_old_C1, success_C1, group_C1, turn_C1, ids_C1 = (next(given)[:, None] for _ in fixed)
            rows = replace(
                signals,
                A_N1=A_C1,
                S_NT=S_C1,
                S_old_NT=S_old_C1,
                mask_NT=torch.ones_like(S_C1, dtype=torch.bool),
                logp={name: next(given)[:, None] for name in signals.logp},
                entropy={name: next(given)[:, None] for name in signals.entropy},
                shown={name: torch.ones_like(S_C1, dtype=torch.bool) for name in signals.logp},
                success_N1=success_C1,
                group_N1=group_C1,
                turn_NT=turn_C1,
                ids_NT=ids_C1,
            )
            others |= {name: TopK(next(given), next(given)) for name in some}
            return others, rows

        def auxiliary(student_CV: Tensor, others: Mapping[str, Tensor | TopK], rows: Signals) -> Tensor:
            loss_C = self.algorithm.auxiliary(student_CV, others, rows)
            _check_shape("auxiliary", loss_C, (student_CV.shape[:1],))
            return loss_C

        def loss(student_CV: Tensor, *tensors: Tensor) -> Tensor:
            return auxiliary(student_CV, *unpack(tensors))

        per_token += [tensor for one in some.values() for tensor in one]
        distributions = [scores for scores in full.values() if isinstance(scores, TokenScores)]
        if AUXILIARY not in self.checked:
            with torch.no_grad():
                few = [one.head(one.hidden_MH[:TOKENS]) for one in (student, *distributions)]
            others, rows = unpack([*few[1:], *(values[:TOKENS] for values in per_token)])
            if check_depends(self.algorithm.name, functools.partial(auxiliary, rows=rows), few[0], others):
                self.checked.add(AUXILIARY)
        return student.reduce(loss, *distributions, per_token=tuple(per_token))

    def _keep(self, part: Part, signals: Signals, credit: Credit | None) -> None:
        """Hand out what each token of the part's responses earned."""
        assert self.keep is not None
        places = [(g, group, i) for g, group in enumerate(self.plan.batch.groups) for i in range(len(group.episodes))]
        wanted = [n for n, row in enumerate(part.rows) if self.keep.wants(places[row.episode][1].item.task.id)]
        if not wanted:
            return
        columns = {"student": signals.S_NT}
        columns |= {f"logp_{name}": logp_NT for name, logp_NT in signals.logp.items()}
        columns |= {f"entropy_{name}": entropy_NT for name, entropy_NT in signals.entropy.items()}
        if credit is not None:
            columns |= {"credit": credit.total.expand_as(signals.S_NT), **credit.per_token}
        if credit is not None and credit.evidence is not None:
            columns["evidence"] = credit.evidence
        host = {name: values_NT.cpu() for name, values_NT in columns.items()}
        for n in wanted:
            row = part.rows[n]
            (number, group, member), action = places[row.episode], row.turn.action
            length = len(action.token_ids)
            read = {"student": row.turn.prompt, **row.contexts}
            verdict = group.episodes[member].verdict
            self.keep.add(
                TokenEvidence(
                    step=self.plan.batch.step,
                    task_id=group.item.task.id,
                    group=number,
                    member=member,
                    turn=row.number,
                    reward=float(group.episodes[member].reward),
                    correct=bool(group.episodes[member].verdict.correct),
                    advantage=float(self.plan.A_N[row.episode]),
                    guided=group.episodes[member].guided,
                    token_ids=action.token_ids,
                    tokens=tuple(self.policy.tokenizer.batch_decode([[id] for id in action.token_ids])),
                    values={name: tuple(values_NT[n, :length].tolist()) for name, values_NT in host.items()},
                    prompts={name: middle_out(written(of), self.keep.characters) for name, of in read.items()},
                    status=str(verdict.status),
                    extracted=verdict.extracted,
                    why=middle_out(verdict.feedback, self.keep.characters),
                    other_pictures=tuple(name for name, of in read.items() if not _sees_same(of, row.turn.prompt)),
                )
            )

    # -- scoring -------------------------------------------------------------------------------------------

    def _scored(self, part: Part, name: str) -> Scores:
        """Return what a context's scorer says, asked once per training step where its weights stay as they are."""
        if name in part.scored:
            return part.scored[name]
        scores = self._score_again(part, name)
        if self.options.updates_per_batch > 1 and self._scorer(name).rule.steady:
            part.scored[name] = scores
        return scores

    def _scorer(self, name: str) -> Scorer:
        return self.scorers[self.plan.contexts[name].scorer]

    def _score_again(self, part: Part, name: str) -> Scores:
        if name not in self.checked and part.rows[0].counts:
            check_rendered(name, part.rows[0].contexts[name], self.policy.encoder)
            self.checked.add(name)
        score = functools.partial(self._scorer(name).score, top_k=self.plan.contexts[name].top_k)
        scores = self._score([row.contexts[name] for row in part.rows], part.rows, score)
        if part.rows[0].counts:
            self.meter.tokens_scored += sum(len(row.turn.action.token_ids) for row in part.rows)
        return self._light(name, scores)

    def _score(self, prompts: Sequence[Prompt], rows: Sequence[Row], score: Callable[..., Any]) -> Any:
        """Score the rows' actions, each distinct prompt once."""
        return score_each(score, prompts, [row.turn.action.token_ids for row in rows], self.temperature)


def _check_credit(credit: Credit, signals: Signals) -> None:
    if not isinstance(credit, Credit):
        kind = type(credit).__name__
        raise ConfigurationError(f"the algorithm's credit is a {kind}; return Credit(advantages) or None")
    _check_shape("credit", credit.advantages, (signals.S_NT.shape, signals.A_N1.shape))
    for name, value in (("unclipped", credit.unclipped), ("evidence", credit.evidence)):
        if value is not None:
            _check_shape(f"credit's {name}", value, (signals.S_NT.shape,))
    for name, value_NT in credit.per_token.items():
        if name in RESERVED or name.startswith(("logp_", "entropy_", "state_")):
            raise ConfigurationError(
                f"the algorithm's credit has a quantity called {name!r}, a name of the learner's; use another"
            )
        _check_shape(f"credit's {name!r}", value_NT, (signals.S_NT.shape,))


def _sees_same(one: Prompt, other: Prompt) -> bool:
    """Tell whether two prompts have the very same pictures and videos; contexts pass the student's on as they are."""
    seen = [([*map(id, prompt.images)], [*map(id, prompt.videos)]) for prompt in (one, other)]
    return seen[0] == seen[1]


def _sampled(rows: Sequence[Row]) -> Tensor:
    """Return the log-probabilities that were recorded while sampling, [N, T]."""
    sampled = [torch.tensor(row.turn.action.logprobs) for row in rows]
    return torch.nn.utils.rnn.pad_sequence(sampled, batch_first=True)
