"""`explain`: how one verdict comes about."""

import pytest

from verifiers.cli.main import main


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (
            ["3/4", r"<think> 3/4 </think> so \boxed{.75}"],
            [
                "  kind         fraction (inferred)",
                r"  region       after </think>:  so \boxed{.75}",
                "  method       boxed",
                "  extracted    .75",
                "verdict        right, reward 1, status ok",
                "feedback       Correct.",
            ],
        ),
        (["-5", "-5", "--kind", "integer"], ["  kind         integer", "  region       all of it"]),
        (
            ["7", "<think> 7"],
            ["  region       none: a thought is never closed", "  method       none found an answer"],
        ),
        (
            ["blue", "(B)", "--choices", "red", "blue"],
            ["  kind         choice (inferred)", "verdict        right, reward 1, status ok"],
        ),
        (["3.14159", "3.1", "--precision", "1"], ["verdict        right, reward 1, status ok"]),
        (["7", "x\x1b[31m\ny"], [r"prediction     x\x1b[31m\ny"]),
    ],
)
def test_explanations(words, lines, capsys):
    assert main(["explain", *words]) == 0
    out = capsys.readouterr().out
    for line in lines:
        assert f"{line}\n" in out


def test_square_brackets_are_shown_as_they_are(capsys):
    """Some of the project's commands print with Rich, which would take "[bold]" for markup and drop it."""
    assert main(["explain", "[red]", "no [/red] but [link=x]", "--kind", "text"]) == 0
    out = capsys.readouterr().out
    assert "gold           [red]\n" in out
    assert "prediction     no [/red] but [link=x]\n" in out
    assert main(["explain", "C", "7", "--choices", "[bold]x[/bold]", "pip install 'rlsd[vllm]'"]) == 2
    assert """choices ['[bold]x[/bold]', "pip install 'rlsd[vllm]'"]""" in capsys.readouterr().err
