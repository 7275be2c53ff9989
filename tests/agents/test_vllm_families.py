"""The real vLLM with a tiny model of every family: prompts, log-probabilities, new weights. `make test-vllm`.

Engines run in this process, one at a time, so that vLLM is imported once; test_vllm.py has one in processes of its own.
"""

from __future__ import annotations

import gc
import importlib.util

import pytest
import torch

from agents.options.commands import EvaluateOptions
from agents.options.model import TrainedModelOptions
from agents.policy.actor import Actor
from agents.policy.base import Request, Sampling
from agents.policy.loading import load_policy
from agents.policy.open_sampler import with_sampler
from agents.policy.vllm.process import environment
from agents.policy.vllm.sampler import VLLMSampler
from agents.policy.vllm.server_sampler import VLLMServerSampler
from agents.policy.vllm.trial import check_engine
from rlsd_env.errors import ConfigurationError
from tests.agents import families
from tests.agents.test_families import picture, prompt, turns
from tests.agents.vllm_families import OTHERS, SERVED, UNLIKE, checkpoint
from tests.agents.vllm_serving import serving

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("vllm") is None, reason="vLLM is not installed; make test-vllm installs it"
)
CLOSE, FAR = {"float32": 1e-4, "bfloat16": 0.05}, {"float32": 0.05, "bfloat16": 0.1}
"""How near log-probabilities of the same model are, and how far at least those of another, nats of `apart`."""
MOVED = {"float32": 0.1, "bfloat16": 0.5}
"""How far weights are moved, in their spread."""
SAMPLED = Sampling(1.0, 12)


class InProcess(VLLMSampler):
    """Here engine and renderer share a configuration: its place of new weights has no processor for the renderer."""

    def load_weights(self, weights):
        config = self._llm.model_config
        place = config.model
        super().load_weights(weights)
        config.model = place


class Case:
    """A family with its checkpoint, policy, engine and prompts."""

    def __init__(self, name, processor, folder):
        self.name, self.served = name, (SERVED | OTHERS | UNLIKE)[name]
        self.folder = str(checkpoint(name, processor, folder))
        self.policy = self.load()
        self.prompts = {"none": prompt("How many red circles ?")}
        if self.policy.encoder.media.sees:
            side = 16 if name in families.FAMILIES or name not in SERVED else 48
            shown = [picture(k, side + 4 * (k % 4), side * (1 + k % 3)) for k in range(6)]
            self.prompts |= {
                "one": prompt("<image>How many red circles ?", shown[0]),
                "narrow": prompt("<image>What is this ?", picture(10, 40, 3)),  # as wide as there are colours
                "flat": prompt("<image>What is this ?", picture(11, 3, 40)),
                "another size": prompt("What is this ?<image>", shown[5]),
                "several": prompt("<image>and<image>differ ?", shown[0], picture(9, side, side)),
                "several sizes": prompt("<image><image>Which is larger ?", shown[1], shown[2]),
                "turns": turns(self.policy.processor, shown[3], shown[4]),
            }
        refused = dict(self.served.refused)
        self.taken = {kind: one for kind, one in self.prompts.items() if kind not in refused}
        self.refused = {kind: (self.prompts[kind], reason) for kind, reason in refused.items()}
        self.engine = None

    def load(self, **options):
        return load_policy(self.folder, "cpu", TrainedModelOptions(precision=self.served.precision, **options))

    def start(self, precision, follows):
        arguments = {"kv_cache_memory_bytes": 2**27, "max_num_seqs": 16, **dict(self.served.arguments)}
        with environment({"VLLM_ENABLE_V1_MULTIPROCESSING": "0"}):
            self.engine = InProcess(
                self.folder,
                self.policy,
                precision=precision,
                follows=follows,
                arguments=arguments,
            )

    def stop(self):
        from vllm.distributed import cleanup_dist_env_and_memory
        from vllm.envs import disable_envs_cache

        if self.engine is not None:
            self.engine.close()
        self.engine = None
        gc.collect()
        cleanup_dist_env_and_memory()
        disable_envs_cache()


@pytest.fixture(scope="module", params=SERVED)
def case(request, processor, tmp_path_factory):
    pytest.importorskip(families.PACKAGES.get(request.param, "transformers"))
    made = Case(request.param, processor, tmp_path_factory.mktemp(request.param))
    try:
        made.start(made.served.precision, follows=not made.served.fixed)
        yield made
    finally:
        made.stop()


def sampled(case, policy, sampling=SAMPLED):
    """Let the engine sample with a policy's weights."""
    prompts = list(case.taken.values())
    actor = Actor(policy, case.engine, current=case.served.fixed)
    return prompts, actor.generate(Request(prompts, 2, sampling, list(range(2 * len(prompts)))))


def apart(policy, prompts, groups):
    """Return how far recorded log-probabilities are from the policy's: on average over a response, at most of all."""
    flat = [one for group in groups for one in group]
    owners = [place for place, group in enumerate(groups) for _ in group]
    with torch.no_grad():
        scores = policy.score(prompts, owners, [one.token_ids for one in flat])
    off = [
        (row[: len(one.logprobs)] - torch.tensor(one.logprobs)).abs().mean() for row, one in zip(scores.logp_NT, flat)
    ]
    return float(max(off))


def test_it_is_run_by_the_class_that_the_page_names(case):
    config = case.engine._llm.model_config
    assert config.registry.resolve_model_cls(config.architecture, config)[1] == case.served.architecture


def test_samples_have_the_learners_log_probabilities(case):
    prompts, groups = sampled(case, case.policy)
    assert apart(case.policy, prompts, groups) < CLOSE[case.served.precision]


def test_greedy_is_the_learners_greedy(case):
    if case.served.precision == "bfloat16":
        pytest.skip("in bfloat16 the likeliest two are often equal")
    prompts, groups = sampled(case, case.policy, Sampling(0.0, 12))
    own = case.policy.generate(Request(prompts, 1, Sampling(0.0, 12), [0] * len(prompts)))
    assert [group[0].token_ids for group in groups] == [group[0].token_ids for group in own]


def test_what_is_seen_changes_what_is_said(case):
    """So that the tests above would fail of other pictures."""
    if "one" not in case.taken:
        pytest.skip("vLLM is given no pictures of this family here")
    _, groups = sampled(case, case.policy)
    height, width, _ = case.prompts["one"].images[0].shape
    other = case.taken | {"one": prompt("<image>How many red circles ?", picture(99, height, width))}
    assert apart(case.policy, list(other.values()), groups) > FAR[case.served.precision]


def test_what_it_would_see_otherwise_is_refused_with_the_reason(case):
    for one, reason in case.refused.values():
        with pytest.raises(ConfigurationError, match=f"as this .* is scored: .*{reason}"):
            Actor(case.policy, case.engine).generate(Request([one], 1, SAMPLED, [0]))


@pytest.mark.parametrize("lora", [False, True], ids=["all", "lora"])
def test_after_an_update_it_samples_with_the_new_weights(case, lora):
    """Every weight is moved, those of the tower, of norms and biases too; with LoRA the adapters."""
    if case.served.fixed:
        with pytest.raises(ConfigurationError, match="mixture of experts wrongly"):
            Actor(case.policy, case.engine).synchronise()
        return
    new = case.load(lora_rank=2 if lora else 0)
    generator = torch.Generator().manual_seed(3)
    moved = [(name, p) for name, p in new.model.named_parameters() if ".lora_B." in name or not lora]
    with torch.no_grad():
        for _, p in moved:
            size = 0.2 if lora else MOVED[case.served.precision] * (p.std() if p.numel() > 1 else p.abs())
            p.add_(size * torch.randn(p.shape, generator=generator))
    prompts, groups = sampled(case, new)
    assert apart(new, prompts, groups) < CLOSE[case.served.precision]
    assert apart(case.policy, prompts, groups) > FAR[case.served.precision]


def test_what_it_does_not_run_is_refused_when_it_starts(processor, tmp_path):
    """On a CPU linear attention in float32, and training a mixture of experts."""
    case = Case("qwen3_5_moe_text", processor, tmp_path)
    wrong = "mixture of experts wrongly once it has been given new weights"
    for precision, follows, message in (("bfloat16", True, wrong), ("float32", False, "does not run it in float32")):
        try:
            with pytest.raises(ConfigurationError, match=message):
                case.start(precision, follows)
        finally:
            case.stop()


def check_that_it_follows(case):
    """An engine in float32 samples with the weights that it was loaded with, and then with others."""
    assert apart(case.policy, *sampled(case, case.policy)) < CLOSE["float32"]
    new = case.load()
    with torch.no_grad():
        for weight in new.model.parameters():
            weight.mul_(0.8)
    prompts, groups = sampled(case, new)
    assert apart(new, prompts, groups) < CLOSE["float32"]
    assert apart(case.policy, prompts, groups) > FAR["float32"]


@pytest.mark.parametrize("name", OTHERS)
def test_a_family_that_is_tried_is_sampled_and_followed(name, processor, tmp_path):
    case = Case(name, processor, tmp_path)
    try:
        case.start(case.served.precision, follows=not case.served.fixed)
        config = case.engine._llm.model_config
        assert config.registry.resolve_model_cls(config.architecture, config)[1] == case.served.architecture
        check_engine(Actor(case.policy, case.engine, current=True), case.engine, case.policy)
        test_samples_have_the_learners_log_probabilities(case)
        test_what_is_seen_changes_what_is_said(case)
        for lora in (False, True):
            test_after_an_update_it_samples_with_the_new_weights(case, lora)
    finally:
        case.stop()


@pytest.mark.parametrize("name", UNLIKE)
def test_what_it_runs_otherwise_is_refused_when_it_is_tried(name, processor, tmp_path):
    case = Case(name, processor, tmp_path)
    try:
        case.start("float32", follows=True)
        with pytest.raises(
            ConfigurationError, match=rf"runs this {name} otherwise .*log-probabilities [\d.]+ from the"
        ):
            check_engine(Actor(case.policy, case.engine, current=True), case.engine, case.policy)
    finally:
        case.stop()


def test_without_vllms_own_class_transformers_runs_in_vllm(processor, tmp_path):
    """GLM-4.6V as it is published, in processes of its own: vLLM changes transformers' class where it runs it."""
    case = Case("glm46v", processor, tmp_path)
    case.engine = VLLMSampler(case.folder, case.policy, arguments={"kv_cache_memory_bytes": 2**27})
    try:
        assert case.engine._llm.model_config.architecture == "TransformersMultiModalForCausalLM"
        check_that_it_follows(case)
    finally:
        case.engine.close()


def test_a_server_writes_pictures_as_the_learner_does_and_follows(processor, tmp_path):
    """A family whose pictures are written in several kinds of tokens, by another program, from PNG."""
    case = Case("mistral3", processor, tmp_path)
    with serving(case.folder, tmp_path / "log") as (address, _):
        case.engine = VLLMServerSampler(address, case.folder, case.policy, arguments={"wait": 200})
        check_that_it_follows(case)


def test_a_server_that_sees_otherwise_is_given_no_pictures(processor, tmp_path):
    """Of Gemma 3 on a CPU: the tokens of a picture do not see each other both ways, which the server does not say."""
    case = Case("gemma3", processor, tmp_path)
    with serving(case.folder, tmp_path / "log") as (address, _):
        options = EvaluateOptions(policy=case.folder, sampler=address, device="cpu", sampler_kwargs={"wait": 200})
        with with_sampler(case.policy, options) as actor:
            groups = actor.generate(Request([case.prompts["none"]], 2, SAMPLED, [0, 1]))
            assert apart(case.policy, [case.prompts["none"]], groups) < CLOSE["float32"]
            with pytest.raises(ConfigurationError, match=r"pictures of a prompt as this gemma3 is scored: it gives"):
                actor.generate(Request([case.prompts["one"]], 1, SAMPLED, [0]))
