"""What of the vLLM samplers can be told without vLLM: errors, arguments, weights on their way."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from agents.episodes import StopReason
from agents.options.commands import EvaluateOptions, TrainOptions
from agents.policy.base import Request, Sampling
from agents.policy.loading import load_policy
from agents.policy.open_sampler import with_sampler
from agents.policy.other_models import open_scorer
from agents.policy.trial import trial_prompts
from agents.policy.vllm.inputs import check_length, completion
from agents.policy.vllm.server_sampler import VLLMServerSampler, serve_command
from agents.policy.vllm.weights import as_loaded, tied_weights, untied, weights_folder, write_weights
from agents.rollouts.collect import prompts_of
from agents.rollouts.environments import make_group_env
from rlsd_env.errors import ConfigurationError
from tests.agents.vllm_families import checkpoint

MODELS = {"data": [{"id": "served", "max_model_len": 512}]}


class Stub(BaseHTTPRequestHandler):
    """Answers as the test's table says; a list of answers is gone through, a function is asked with the body."""

    def do_GET(self):
        self._answer()

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, body))
        self._answer(body)

    def _answer(self, body=None):
        answer = self.server.answers.get(self.path.partition("?")[0], 404)
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer):
            answer = answer(body)
        status, said = (answer, {}) if isinstance(answer, int) else (200, answer)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    def log_message(self, *args):
        pass


@pytest.fixture
def stub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    server.answers, server.seen = {"/health": {}, "/is_paused": {}, "/v1/models": MODELS}, []
    server.answers["/inference/v1/generate"] = answer([2], [5], "length", 0.0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.address = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


def connect(stub, policy, **arguments):
    sampler = VLLMServerSampler(stub.address, "FOLDER", policy, arguments={"wait": 0.1, **arguments})
    stub.seen.clear()
    return sampler


def answer(prompt_ids, ids, reason, logprob=-0.5):
    content = [{"token_id": id, "logprob": logprob} for id in ids]
    choice = {"token_ids": ids, "finish_reason": reason, "logprobs": {"content": content}}
    return {"prompt_token_ids": prompt_ids, "choices": [choice]}


def one_prompt():
    env = make_group_env("rlsd/ShapeCount-v0", {}, 1, 1)
    return prompts_of(env, env.reset(options={"task_index": [0]})[0])[0]


def test_without_a_server_the_error_says_how_to_start_one(policy):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConfigurationError) as error:
        VLLMServerSampler(f"http://127.0.0.1:{port}", "FOLDER", policy, arguments={"wait": 0.1})
    assert f"--model FOLDER --port {port} --dtype float32 --logprobs-mode processed_logprobs" in str(error.value)


def test_the_command_on_a_gpu():
    assert serve_command("http://node7:9000", "Qwen/Qwen3-VL-2B-Instruct", "cuda", "bfloat16") == (
        "VLLM_SERVER_DEV_MODE=1 vllm serve Qwen/Qwen3-VL-2B-Instruct --port 9000 --dtype bfloat16 "
        "--logprobs-mode processed_logprobs --generation-config vllm --enable-scale-out"
    )


def test_a_server_that_was_started_otherwise_is_refused(stub, policy):
    stub.answers["/inference/v1/generate"] = answer([2], [5], "length", -12.25)  # of the model's own distribution
    with pytest.raises(ConfigurationError, match=r"-12\.25 for a certain token"):
        connect(stub, policy)
    for path in ("/inference/v1/generate", "/is_paused"):
        stub.answers[path] = 403
        with pytest.raises(ConfigurationError, match=f"lacks {path} .*VLLM_SERVER_DEV_MODE=1 python .*-scale-out"):
            connect(stub, policy)


def test_a_server_gets_one_token_per_picture_and_every_sampling_parameter(stub, policy):
    prompt = one_prompt()
    whole = policy.encoder.token_ids(prompt)
    sampler = connect(stub, policy)
    stub.answers["/inference/v1/generate"] = answer(whole, [20, 2], "stop")
    ((done,),) = sampler.generate(Request([prompt], 1, Sampling(0.7, 9), [2**64 - 1], limits=[5]))
    assert (done.token_ids, done.logprobs, done.stop_reason) == ((20, 2), (-0.5, -0.5), StopReason.STOP)
    ((_, body),) = stub.seen
    assert whole.count(policy.encoder.image_id) == 16
    assert body["token_ids"].count(policy.encoder.image_id) == 1
    assert len(body["token_ids"]) == len(whole) - 15
    assert body["content_parts"][0]["url"].startswith("data:image/png;base64,")
    parameters = body["sampling_params"]
    assert (parameters["temperature"], parameters["max_tokens"]) == (0.7, 5)
    assert parameters["seed"] == 2**63 - 1
    assert parameters["stop_token_ids"] == [2]
    assert parameters["logit_bias"] == dict.fromkeys("3456", -1e30)


def test_a_busy_server_is_asked_again_and_an_error_is_told(stub, policy):
    prompt = one_prompt()
    good = answer(policy.encoder.token_ids(prompt), [20], "length")
    sampler = connect(stub, policy)
    stub.answers["/inference/v1/generate"] = [503, good]
    assert len(sampler.generate(Request([prompt], 1, Sampling(1.0, 1), [0]))) == 1
    stub.answers["/inference/v1/generate"] = 400
    with pytest.raises(RuntimeError, match="refused /inference/v1/generate: 400"):
        sampler.generate(Request([prompt], 1, Sampling(1.0, 1), [0]))


def test_a_server_of_another_model_is_found_out(stub, policy):
    prompt = one_prompt()
    sampler = connect(stub, policy)
    stub.answers["/inference/v1/generate"] = answer([1, 2, 3], [20], "length")
    with pytest.raises(RuntimeError, match="other prompt token ids"):
        sampler.generate(Request([prompt], 1, Sampling(1.0, 1), [0]))


def test_new_weights_are_read_and_all_caches_forgotten(stub, policy):
    for path in ("/collective_rpc", "/reset_encoder_cache", "/reset_prefix_cache"):
        stub.answers[path] = {}
    connect(stub, policy).load_weights(policy.weights())
    assert [path for path, _ in stub.seen] == ["/collective_rpc", "/reset_encoder_cache", "/reset_prefix_cache"]
    assert stub.seen[0][1]["method"] == "reload_weights"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_num_seqs": 4}, "given to vllm serve"),
        ({"timeout": 0}, "number of seconds above 0"),
        ({"transfer_folder": "/nowhere/at/all"}, "existing folder"),
    ],
)
def test_arguments_of_a_server(stub, policy, arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        connect(stub, policy, **arguments)


def test_weights_are_written_under_all_names_in_the_engines_precision(policy, tmp_path):
    tied = tied_weights(policy.model)
    assert tied == {"lm_head.weight": "model.language_model.embed_tokens.weight"}
    size = write_weights(untied(policy.weights(), tied), tmp_path, torch.bfloat16)
    (file,) = tmp_path.iterdir()
    written = load_file(file)
    assert set(written) == set(policy.model.state_dict())
    for name, value in policy.model.state_dict().items():
        assert torch.equal(written[name], value.to(torch.bfloat16))
    assert size == 2 * sum(value.numel() for value in policy.model.state_dict().values())


@pytest.mark.parametrize("name", ["llava_onevision", "gemma3", "qwen3_vl"])
def test_weights_are_named_as_in_the_checkpoint_and_it_names_the_class(name, processor, tmp_path):
    """Whatever transformers calls its modules by now; vLLM reads both."""
    folder = checkpoint(name, processor, tmp_path)
    model = load_policy(str(folder), "cpu").model
    named = dict(as_loaded(model, untied(model.named_parameters(), tied_weights(model))))
    written = load_file(folder / "model.safetensors")
    further = {key for key in named if key.endswith("lm_head.weight")} if tied_weights(model) else set()
    assert set(named) - further == set(written) - further
    assert all(torch.equal(value, written[key]) for key, value in named.items() if key in written)
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == [type(model).__name__]


def test_large_weights_are_written_in_several_files(tmp_path, monkeypatch):
    monkeypatch.setattr("agents.policy.vllm.weights.SHARD_BYTES", 100)
    weights = [(f"w{k}", torch.full((20,), float(k))) for k in range(5)]
    assert write_weights(weights, tmp_path, torch.float32) == 400
    files = [load_file(file) for file in sorted(tmp_path.iterdir())]
    assert [sorted(file) for file in files] == [["w0", "w1"], ["w2", "w3"], ["w4"]]
    assert files[2]["w4"].tolist() == [4.0] * 20


def test_the_folder_of_a_transfer_is_gone_afterwards(tmp_path):
    def send():
        with weights_folder(tmp_path) as folder:
            assert folder.is_dir()
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        send()
    assert not list(tmp_path.iterdir())


def test_a_completion_that_vllm_gave_up_on_is_an_error(policy):
    for ids, reason in (([20], "abort"), ([20], "length"), ([2], "error"), ([], "stop")):
        with pytest.raises(RuntimeError, match=f"reason '{reason}'"):
            completion(policy.encoder, policy.stop_ids, ids, [-0.5] * len(ids), reason, 3)
    assert completion(policy.encoder, policy.stop_ids, [20, 20, 20], [-1.0] * 3, "length", 3).stop_reason == "length"


def test_what_does_not_fit_is_refused_with_the_number_that_does():
    check_length([1] * 60, 40, 100)
    with pytest.raises(ConfigurationError, match="max_model_len=101 or more"):
        check_length([1] * 61, 40, 100)


def test_the_factory(policy, stub, monkeypatch):
    assert with_sampler(policy, TrainOptions()).engine is None
    options = EvaluateOptions(sampler=stub.address, sampler_kwargs={"wait": 0.1})
    for path in ("/collective_rpc", "/reset_encoder_cache", "/reset_prefix_cache"):
        stub.answers[path] = {}
    off = 0.0

    def stops(body):
        """Answer a prompt of words with the stop token, as if its log-probability were `off` from the learner's."""
        if "content_parts" in body:
            return 400
        asked = [one for one in trial_prompts(policy) if list(policy.encoder.token_ids(one)) == body["token_ids"]]
        if not asked:  # how the server was started
            return answer([2], [5], "length", 0.0)
        with torch.no_grad():
            logp = float(policy.score(asked, [0], [[2]]).logp_NT)
        return answer(body["token_ids"], [2], "stop", logp + off)

    stub.answers["/inference/v1/generate"] = stops
    with with_sampler(policy, options) as served:
        assert isinstance(served.engine, VLLMServerSampler)
        paths = [path for path, _ in stub.seen]
        assert paths.count("/collective_rpc") == 1  # its weights are not known to be these
        assert "/inference/v1/generate" in paths[paths.index("/collective_rpc") :]
        stub.seen.clear()
        prompt = one_prompt()
        stub.answers["/inference/v1/generate"] = answer(policy.encoder.token_ids(prompt), [2], "stop")
        served.generate(Request([prompt], 2, Sampling(1.0, 3), [0, 1]))
        assert {path for path, _ in stub.seen} == {"/inference/v1/generate"}
    stub.answers["/inference/v1/generate"], off = stops, 0.5
    closed = []
    monkeypatch.setattr(VLLMServerSampler, "close", lambda self: closed.append(self))
    with pytest.raises(ConfigurationError, match=r"log-probabilities 0\.5 from the learner's on average"):
        with_sampler(policy, options)
    assert len(closed) == 1


def test_guarded_processes_end_with_their_owner_however_it_ends():
    program = (
        "import multiprocessing, os, signal, time\n"
        "from agents.policy.vllm.process import Guard, children\n"
        "if __name__ == '__main__':\n"
        "    before = children()\n"
        "    child = multiprocessing.get_context('fork').Process(target=time.sleep, args=(60,))\n"
        "    child.start()\n"
        "    Guard(before)\n"
        "    print(child.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    owner = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, timeout=60)
    assert owner.returncode == -signal.SIGKILL
    pid = int(owner.stdout)
    end = time.monotonic() + 10
    while time.monotonic() < end and alive(pid):
        time.sleep(0.05)
    assert not alive(pid)


def alive(pid):
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def score(policy, stub, prompts, owners, responses, top_k=0):
    """Score by a stub that says -.1 times the place of a token in the response, and gives some entries beside it."""
    (whole,) = (policy.encoder.token_ids(prompt) for prompt in prompts)  # with 16 tokens of one picture
    never = policy.encoder.vision_ids[0]

    def said(body):
        response = body["token_ids"][len(whole) - 15 :]
        places = [None, *({str(id): {"logprob": -9.0}} for id in whole[1:])]
        for t, id in enumerate(response):
            entries = {str(id): -0.1 * (t + 1), str(never): -0.01, "40": -2.0, "41": -1.0, "100000": -0.02}
            places.append({key: {"logprob": value} for key, value in entries.items()})
        return {"prompt_token_ids": [*whole, *response], "prompt_logprobs": places}

    stub.answers["/detokenize"] = lambda body: {"prompt": policy.tokenizer.decode(body["tokens"])}
    stub.answers["/inference/v1/generate"] = said
    scorer = open_scorer("server", stub.address, policy)
    stub.seen.clear()
    return scorer.score(prompts, owners, responses, temperature=1.0, top_k=top_k)


def test_a_server_scores_each_token_of_a_response_in_its_place(stub, policy):
    prompt = one_prompt()
    scores = score(policy, stub, [prompt], [0, 0], [[20, 21, 2], [22, 2]], top_k=2)
    torch.testing.assert_close(scores.logp_NT, torch.tensor([[-0.1, -0.2, -0.3], [-0.1, -0.2, 0.0]]))
    assert scores.mask_NT.tolist() == [[True] * 3, [True, True, False]]
    # the likeliest of those that the learner can say: neither its picture's token nor an id that it has not
    assert scores.top_k(2).ids_MK.tolist() == [[20, 41], [21, 41], [2, 41], [22, 41], [2, 41]]
    torch.testing.assert_close(scores.top_k(2).logp_MK[2], torch.tensor([-0.3, -1.0]))
    parameters = stub.seen[0][1]["sampling_params"]
    assert parameters["max_tokens"] == 1
    assert parameters["prompt_logprobs"] == 2 + len(policy.encoder.vision_ids)


def test_a_server_that_reads_otherwise_is_refused_and_both_texts_are_named(stub, policy):
    stub.answers["/detokenize"] = lambda body: {"prompt": "other"}
    with pytest.raises(ConfigurationError, match=r"id 0 of 'served' is 'other' there and .* here"):
        open_scorer("server", stub.address, policy)
    stub.answers["/detokenize"] = 404
    with pytest.raises(ConfigurationError, match=r"lacks .*/detokenize.*--enable-scale-out --max-logprobs 64"):
        open_scorer("server", stub.address, policy)


def test_other_token_ids_than_the_learners_stop_the_scoring(stub, policy):
    stub.answers["/detokenize"] = lambda body: {"prompt": policy.tokenizer.decode(body["tokens"])}
    scorer = open_scorer("server", stub.address, policy)
    stub.answers["/inference/v1/generate"] = {"prompt_token_ids": [1, 2, 3], "prompt_logprobs": [None, {}, {}]}
    with pytest.raises(RuntimeError, match="ran other token ids than the learner's"):
        scorer.score([one_prompt()], [0], [[20, 2]], temperature=1.0, top_k=0)
    with pytest.raises(ConfigurationError, match="scores at 1"):
        scorer.check(0.7, 0)
