"""Answers stated in other languages than English."""

import pytest

from verifiers import AnswerVerifier, Reference

VERIFIER = AnswerVerifier()
CHOICES = ("10", "20", "30", "40")

NUMBERS = [
    "答案是 7。", "答案：７。", "最终答案为７", "所以答案是7。", "故答案为：7。", "答：7", "**答案：** 7",
    "答案是7，因为 3+4=7。",
    "La réponse est 7.", "La réponse finale est : 7.", "**Réponse :** 7",
    "Die Antwort ist 7.", "Die Antwort lautet: 7.", "Antwort: 7", "Die Antwort ist 7, weil 3 + 4 = 7.",
    "La respuesta es 7.", "La respuesta final es: 7",
    "答えは7です。", "答えは 7 である。", "答え：7",
    "정답은 7입니다.", "답: 7", "답은 7이다.",
    "A resposta é 7.", "Resposta final: 7", "La risposta è 7.",
    "Ответ: 7.", "Ответ — 7", "Правильный ответ: 7",
    "الجواب هو 7", "الإجابة النهائية هي: 7",
    "उत्तर: 7", "अंतिम उत्तर है 7", "उत्तर 7 है।",
]  # fmt: skip
OPTIONS = [
    "答案是 (B) 20。", "答案是B。", "故选：B。", "正确选项是 (B)", "答案选B", "答案：（Ｂ）",
    "La réponse est (B).", "La bonne réponse est l'option B.", "Die richtige Antwort ist B.",
    "La respuesta correcta es la opción B.", "答えは(B)です。", "正解は B です。", "정답은 (B) 20입니다.",
    "A resposta correta é a opção B.", "Ответ: B", "الإجابة الصحيحة هي (B)", "सही उत्तर (B) है",
]  # fmt: skip
DENIED = [
    "答案不是 7。", "答案是 7 或 8。", "答案可能是 7", "如果答案是 7。", "我不认为答案是7。", "答案是7吗？",
    "La réponse n'est pas 7.", "La réponse est 7 ou 8.", "Je ne pense pas que la réponse est 7.",
    "Die Antwort ist nicht 7.", "Die Antwort ist 7 oder 8.", "Die Antwort ist vielleicht 7.",
    "Ich glaube nicht, dass die Antwort: 7",
    "La respuesta no es 7.", "La respuesta es 7 o 8.", "No creo que la respuesta es 7.",
    "答えは7ではありません。", "答えは7か8です。", "答えは7または8です。", "정답은 7이 아닙니다.",
    "정답은 7 또는 8입니다.",
    "A resposta não é 7.", "A resposta é 7 ou 8.", "Ответ: не 7.", "Ответ: 7 или 8.",
    "الجواب ليس 7", "الجواب هو 7 أو 8", "उत्तर 7 नहीं है", "उत्तर 7 या 8 है",
    "<answer>7 nicht</answer>", r"\boxed{7 falsch}", "<answer>7 sbagliato</answer>",
]  # fmt: skip
OPTIONS_DENIED = [
    "答案是 A 或 B", "答案不是 B", "答案是 B 或者 C", "La réponse est B ou C.", "Die Antwort ist B oder C.",
    "正解はBまたはCです", "<answer>(B) nicht</answer>",
]  # fmt: skip


@pytest.mark.parametrize("response", NUMBERS)
def test_a_number(response):
    assert VERIFIER.verify(response, Reference("7")).correct
    assert not VERIFIER.verify(response, Reference("8")).correct


@pytest.mark.parametrize("response", OPTIONS)
def test_an_option(response):
    assert VERIFIER.verify(response, Reference("B", choices=CHOICES)).correct
    assert not VERIFIER.verify(response, Reference("A", choices=CHOICES)).correct


@pytest.mark.parametrize("response", DENIED)
def test_what_is_denied_or_open_is_not_rewarded(response):
    assert not VERIFIER.verify(response, Reference("7")).correct


@pytest.mark.parametrize("response", OPTIONS_DENIED)
def test_options_that_are_denied_or_open_likewise(response):
    assert not VERIFIER.verify(response, Reference("B", choices=CHOICES)).correct
