"""Words that state an answer, deny one or offer another, in English and eleven other languages.

Read are Arabic, Chinese, English, French, German, Hindi, Italian, Japanese, Korean, Portuguese, Russian and Spanish.
"""

from __future__ import annotations

import re

_ENGLISH = (
    r"\b(?:(?:final\s{1,3})?answer|(?:correct|right|best)\s{1,3}(?:option|choice|letter))"
    r"(?:\*\*)?\s{0,3}(?:(?:is|would\s+be|should\s+be)\b|[:=：])"
)
_LATIN_AND_CYRILLIC = (
    r"\br[ée]ponse(?:\s(?:finale|correcte|exacte))?(?:\s?\*\*)?\s?(?:est\b|[:：])",
    r"\b(?:bonne|meilleure)\s(?:option|r[ée]ponse)\s?(?:est\b|[:：])",
    r"\bAntwort(?:\s?\*\*)?\s?(?:(?:ist|lautet|wäre)\b|[:：])|\b(?:richtige|korrekte)\sOption\s?(?:ist\b|[:：])",
    r"\brespuesta(?:\s(?:final|correcta))?(?:\s?\*\*)?\s?(?:es\b|[:：])|\bopción\scorrecta\s?(?:es\b|[:：])",
    r"\bresposta(?:\s(?:final|correta|certa))?(?:\s?\*\*)?\s?(?:é(?!\w)|[:：])|\bopção\scorreta\s?(?:é(?!\w)|[:：])",
    r"\brisposta(?:\s(?:finale|corretta|giusta))?(?:\s?\*\*)?\s?(?:è(?!\w)|[:：])",
    r"\bответ(?:\s?\*\*)?\s?(?:(?:равен|это)\b|[:：—–])|\bправильный\sвариант\s?(?:это\b|[:：—–])",
)
_OTHER_SCRIPTS = (
    r"(?:答案|正确的?选项|正確的?選項)(?:\*\*)?\s?(?:应该|應該|应|應|就)?(?:是|为|為|选|選|[:：])[:：]?",
    r"(?:故|应|應|因此|所以|本题)(?:选择|選擇|选|選)[:：]?",
    r"(?:答え|解答|正解|回答|正しい選択肢)(?:\*\*)?\s?(?:は|[:：])",
    r"(?<![가-힣])(?:정답|해답|답변|답)(?:\*\*)?\s?(?:은|는|[:：])",
    r"(?:الجواب|الإجابة|الاجابة)(?:\s(?:النهائية?|الصحيحة?))?(?:\*\*)?\s?(?:هو|هي|[:：])",
    r"(?:उत्तर|जवाब)(?:\*\*)?\s?(?:है(?!\w)|[:：]|(?=\s[$(\\\w]))",
)
STATEMENT = re.compile(
    "|".join([_ENGLISH, *_LATIN_AND_CYRILLIC, *_OTHER_SCRIPTS, r"^####(?=\s)|^答[:：]|【答案】"]),
    re.IGNORECASE | re.MULTILINE,
)
"""What comes before a stated answer: "the answer is", "Answer:", "####"."""
FINAL = re.compile(r"\bfinal\b|\bfinale\b|\bendgültige?\b|\bокончательный\b|最终|最終|최종|النهائي|अंतिम", re.IGNORECASE)
"""What says that a statement is the last word, within it or right before."""
_BEHIND_LETTER = (
    r"(?<=\b[A-Za-z]\.)\s+(?:[$\\(]{0,2}-?[0-9]|\(?[A-Za-z][.)](?:\s|\Z)|(?:yes|no|true|false)\W*(?:\n|\Z))"
    r"|(?-i:(?<=\b[a-e]\.))\s+\S"
)  # what a letter with a point is the label of: "B. 20", "B. No", "a. red"
SENTENCE_END = re.compile(
    rf"\.(?=\s|\*|$)(?!{_BEHIND_LETTER})|[。！।]|</?answer>"
    r"|\s(?:because|since|weil|denn|parce\sque|car|porque|perché|потому)\b"
    r"|[,，、\s]?(?:因为|因為|なぜなら|왜냐하면|لأن|क्योंकि)",
    re.IGNORECASE,
)
"""Where a stated answer ends."""
COURTESY = re.compile(
    r"\s?(?:です|である|となります|になります|だ|번?입니다|이다|예요|이에요|选项|選項|(?<=\s)(?:है|हैं))\Z"
)
"""What ends a sentence of some languages after its answer."""
OPTION_WORD = re.compile(
    r"(?:(?:la|l['’]|die|a|o)\s?(?:option|choix)|(?:(?:la|a|o)\s)?(?:opción|opção|opzione)|选项|選項|選択肢|보기|선택지"
    r"|вариант|الخيار|विकल्प)\s?(?=\(?[A-Z](?![A-Za-z]))",
    re.IGNORECASE,
)
"""A word for "option" before a letter."""

FOREIGN_DENIAL = re.compile(
    r"\b(?:nicht|keine?[mnrs]?|niemals|falsch|vielleicht|möglicherweise|weder|pas|jamais|faux|fausse|incorrecte?"
    r"|peut-être|nunca|jamás|quizás?|podría|talvez|não|errad[oa]|incorret[oa]|non|sbagliat[oa]|forse|potrebbe"
    r"|не|нет|ни|неверн\w{1,3}|неправильн\w{1,3}|возможно|может|если)\b|\bn['’](?=[aeéèiouy])"
    r"|不|没有|沒有|无法|错|錯|可能|也许|或许|如果|是否|ない|ません|ではな|かもしれ|間違|아니|아닙|않|없|틀[렸린]|아마"
    r"|(?<!\w)(?:ليست?|لا|غير|خطأ|ربما|إذا|لن|لم)(?!\w)|नहीं|ग़?लत|शायद|अगर|यदि",
    re.IGNORECASE,
)
"""What denies or doubts, in other languages than English."""
OR = re.compile(
    r"\b(?:and/)?or\b|\bou\b|\boder\b|\bили\b|\bлибо\b|或者?|还是|還是|または|もしくは|또는|혹은|(?<!\w)أو(?!\w)|(?<!\w)या(?!\w)",
    re.IGNORECASE,
)
"""What offers another answer."""
