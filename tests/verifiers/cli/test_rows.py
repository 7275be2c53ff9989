"""Rows keep what they say: numbers as written, surrogates, order; predictions are built within bounds."""

import gzip
import json

import pytest

from verifiers.cli.common import UsageError, shown
from verifiers.cli.rows import JsonNumber, RowError, decode, encode, opened, plain, prediction_of


@pytest.mark.parametrize(
    "line",
    [
        '{"a": 1, "b": 0.50, "c": -1e-8, "d": true, "e": null}',
        '{"n": ' + "9" * 5_000 + "}",
        '{"s": "\\ud800 \\u0000 \\u00e9", "\\udcff": [1, [2.0, {"x": []}]]}',
        '{"nan": NaN, "inf": -Infinity}',
        "{}",
    ],
)
def test_a_row_is_written_as_it_is_read(line):
    assert encode(decode(line.encode())) == line


def test_other_spellings_become_ascii_json():
    row = decode('\ufeff{"a":"é\ud800"}\r\n'.encode("utf-8", "surrogatepass"))
    assert row == {"a": "é\ud800"}
    assert encode(row) == '{"a": "\\u00e9\\ud800"}'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "not JSON: Expecting property name"),
        (b"7", "a JSON JsonNumber, not an object"),
        (b'["a"]', "a JSON list, not an object"),
        (b'{"a": "\xff"}', "not UTF-8: invalid start byte at byte 7"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
    ],
)
def test_what_is_no_row(line, message):
    with pytest.raises(RowError, match=message):
        decode(line)


def test_a_benchmark_reads_plain_numbers():
    row = plain(('{"a": 1, "b": 0.5, "c": "x", "d": ' + "9" * 5_000 + "}").encode())
    assert row == {"a": 1, "b": 0.5, "c": "x", "d": "9" * 5_000}


@pytest.mark.parametrize(
    ("row", "prediction"),
    [
        ({"prediction": "7"}, "7"),
        ({"prediction": JsonNumber("42.0")}, "42.0"),
        ({"prediction": None}, None),
        ({"prediction_gen": [["lit", "a"], ["rep", "bc", JsonNumber("3")], ["lit", ""]]}, "abcbcbc"),
        ({"prediction_gen": []}, ""),
        ({"prediction": "8", "prediction_gen": [["lit", "7"]]}, "7"),
        ({"prediction": JsonNumber("3"), "prediction_type": "int_pow10"}, "1000"),
        ({"prediction": JsonNumber("0"), "prediction_type": "int_pow10"}, "1"),
    ],
)
def test_predictions(row, prediction):
    assert prediction_of(row) == (prediction, "")


@pytest.mark.parametrize(("value", "name"), [(["42"], "list"), ({}, "dict"), (True, "bool")])
def test_what_is_no_answer(value, name):
    assert prediction_of({"prediction": value}) == (None, f"the prediction is a {name}, neither a text nor a number")


def test_a_huge_power_of_ten():
    text, _ = prediction_of({"prediction": JsonNumber("5000"), "prediction_type": "int_pow10"})
    assert text == "1" + "0" * 5_000


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "no 'prediction'"),
        ({"prediction_gen": "x"}, "prediction_gen is a str"),
        ({"prediction_gen": [["rep", "x"]]}, r'prediction_gen holds \["rep", "x"\]'),
        ({"prediction_gen": [["rep", "x", JsonNumber("-1")]]}, "prediction_gen holds"),
        ({"prediction_gen": [["rep", "x", JsonNumber("1.5")]]}, "prediction_gen holds"),
        ({"prediction_gen": [["rep", "ab", JsonNumber("33554433")]]}, "describes 67108866 characters; .* 67108864"),
        ({"prediction_gen": [["rep", "ab", JsonNumber("9" * 50)]]}, "prediction_gen holds"),
        ({"prediction": JsonNumber("-1"), "prediction_type": "int_pow10"}, "integer of 0 to 67108864"),
        ({"prediction": JsonNumber("1.5"), "prediction_type": "int_pow10"}, "integer of 0 to 67108864"),
        ({"prediction": JsonNumber("9" * 20), "prediction_type": "int_pow10"}, "integer of 0 to 67108864"),
        ({"prediction": "5", "prediction_type": "int_pow10"}, "integer of 0 to 67108864"),
    ],
)
def test_descriptions_are_bounded(row, message):
    with pytest.raises(RowError, match=message):
        prediction_of(row)


def test_lines_and_their_numbers(tmp_path):
    for path, opener in ((tmp_path / "a.jsonl", open), (tmp_path / "a.jsonl.gz", gzip.open)):
        with opener(path, "wb") as file:
            file.write(b'{"a": 1}\n\n  \r\n{"b": 2}')
        with opened(path) as lines:
            assert list(lines) == [(1, b'{"a": 1}\n'), (4, b'{"b": 2}')]


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match=r"there is no file '.*nothing\.jsonl'"), opened(tmp_path / "nothing.jsonl"):
        pass
    with pytest.raises(UsageError, match=r"cannot be read: .*directory"), opened(tmp_path):
        pass
    fake = tmp_path / "fake.gz"
    fake.write_bytes(b'{"a": 1}')
    with pytest.raises(UsageError, match=r"fake\.gz' cannot be read: Not a gzipped file"), opened(fake):
        pass
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(json.dumps({"a": "x" * 1_000}).encode() * 10)[:-20])
    with pytest.raises(UsageError, match=r"cut\.gz' cannot be read"), opened(cut) as lines:
        list(lines)


def test_shown_text_is_one_harmless_line():
    assert shown("a\nb\x1b[31m\ud800é") == "a\\nb\\x1b[31m\\ud800é"
    assert shown("x" * 100, 10) == "xxxxxxxxx…"
    assert shown("\n" * 9, 10) == "\\n\\n\\n\\n\\…"
