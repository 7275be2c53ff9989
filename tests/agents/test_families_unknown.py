"""Models of families that no test holds to the contract: taken as they are, taken without packing, or refused."""

from __future__ import annotations

import pytest
import torch
import transformers

from agents.episodes import Prompt
from agents.messages import user_message
from agents.options.model import TrainedModelOptions
from agents.policy import loading
from agents.policy.loading import load_policy
from agents.policy.trial import HELD
from rlsd_env.errors import ConfigurationError
from tests.agents.families import HALVES, SIDE, VISION, template, text, tokenizer


def folder(tmp_path, model, processor):
    """Write a checkpoint, as one comes from elsewhere."""
    torch.manual_seed(0)
    model.generation_config.eos_token_id = 2
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    return str(tmp_path)


def words():
    made = tokenizer()
    made.chat_template = template("")
    return made


def granite(made):
    """Its logits are divided by `logits_scaling`."""
    return transformers.GraniteForCausalLM(transformers.GraniteConfig(**text(made), logits_scaling=8.0))


def hyperclovax(made):
    """Its logits are multiplied by `logits_scaling`."""
    return transformers.HyperCLOVAXForCausalLM(transformers.HyperCLOVAXConfig(**text(made), logits_scaling=0.4))


def olmo2(made):
    return transformers.Olmo2ForCausalLM(transformers.Olmo2Config(**text(made)))


def gemma2(made):
    """Its attention and its logits are capped."""
    sizes = text(made, head_dim=8, sliding_window=6, attn_logit_softcapping=2.0, final_logit_softcapping=3.0)
    return transformers.Gemma2ForCausalLM(transformers.Gemma2Config(**sizes))


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize(
    ("make", "packs", "factor"),
    [(olmo2, True, 1.0), (gemma2, False, 1.0), (granite, True, 0.125), (hyperclovax, True, 0.4)],
)
def test_a_text_model_that_fits_is_taken(tmp_path, make, packs, factor, temperature):
    """Its scores and their gradients are those of transformers."""
    made = words()
    model = make(made).eval()
    assert model.config.model_type not in HELD
    policy = load_policy(folder(tmp_path, model, made), "cpu")
    assert (policy.packs, policy.logit_factor) == (packs, factor)
    prompt, response = Prompt((user_message("red ?"),)), [40, 41, 2]
    ids = policy.encoder.token_ids(prompt)
    logits = model(torch.tensor([[*ids, *response]])).logits[0, len(ids) - 1 : -1] / temperature
    expected = logits.log_softmax(-1).gather(-1, torch.tensor(response)[:, None])[:, 0]
    found = policy.score([prompt], [0], [response], temperature=temperature).logp_NT[0]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    weights_T = torch.tensor([1.0, -2.0, 0.5])
    (weights_T * expected).sum().backward()
    (weights_T * found).sum().backward()
    for (name, one), other in zip(policy.model.named_parameters(), model.parameters()):
        torch.testing.assert_close(
            one.grad, other.grad, atol=1e-4, rtol=1e-4, msg=lambda text, name=name: f"{name}: {text}"
        )


def test_packing_that_does_not_fit_is_given_up_unless_it_was_asked_for(tmp_path, monkeypatch):
    made = words()
    place = folder(tmp_path, olmo2(made), made)
    monkeypatch.setattr("agents.policy.transformers_policy.packed_states", lambda *arguments: 1 / 0)
    assert not load_policy(place, "cpu").packs
    with pytest.raises(ConfigurationError, match=r"Olmo2ForCausalLM .* ZeroDivisionError"):
        load_policy(place, "cpu", TrainedModelOptions(scoring="packed"))


def llava():
    """Of the same kind as LLaVA-OneVision, but a family of its own."""
    made = tokenizer(image_token="<image>")
    processor = transformers.LlavaProcessor(
        transformers.CLIPImageProcessor(
            size={"height": SIDE, "width": SIDE}, crop_size={"height": SIDE, "width": SIDE}, **HALVES
        ),
        made, patch_size=4, vision_feature_select_strategy="default", num_additional_image_tokens=1,
        chat_template=template("<image>"),
    )  # fmt: skip
    config = transformers.LlavaConfig(
        text_config=text(made, model_type="llama"), vision_config={**VISION, "model_type": "clip_vision_model"},
        image_token_index=made.image_token_id, tie_word_embeddings=False,
    )  # fmt: skip
    return transformers.LlavaForConditionalGeneration(config), processor


def test_a_model_that_sees_and_fits_is_taken(tmp_path):
    model, processor = llava()
    assert model.config.model_type not in HELD
    assert load_policy(folder(tmp_path, model, processor), "cpu").packs


def test_a_model_that_sees_and_cannot_be_shown_a_picture_is_refused(tmp_path):
    model, processor = llava()
    processor.patch_size = 8  # writes fewer tokens than the tower makes features
    with pytest.raises(ConfigurationError, match=r"LlavaForConditionalGeneration .* features of pictures"):
        load_policy(folder(tmp_path, model, processor), "cpu")


def test_what_a_processor_asks_for_and_is_not_installed_is_named(tmp_path, monkeypatch):
    made = words()
    place = folder(tmp_path, olmo2(made), made)

    def absent(*arguments):
        raise ImportError("Package `num2words` is required; install it with `pip install num2words`")

    monkeypatch.setattr(loading.TransformersPolicy, "from_pretrained", absent)
    with pytest.raises(ConfigurationError, match="cannot be loaded: Package `num2words` is required"):
        load_policy(place, "cpu")
