"""What is read, written back in a calculator's notation by hand; and what is not read."""

import pytest

from verifiers.expressions import ParseError, parse
from verifiers.expressions.lexer import MAX_CHARS
from verifiers.expressions.reader import MAX_DEPTH, MAX_NODES
from verifiers.expressions.render import render
from verifiers.expressions.tree import free_symbols

READ = {
    "numbers": [
        ("١٢٫٥", "12.5"),
        ("१२", "12"),
        ("1,000", "1000"),
        (r"32,\! 349", "32349"),
        ("10{,}000", "10000"),
        ("1 000 000", "1000000"),
        ("(2,100)", "(2, 100)"),
        (r"\{1,200,300\}", "{1, 200, 300}"),
        ("32, 349", "32, 349"),
        ("1e-8", "0.00000001"),
        (".5", "0.5"),
        ("5 hundred", "500"),
        ("1.2 million", "1200000"),
        ("0.333...", "1/3"),
        ("0.1666...", "1/6"),
        ("0.454545...", "5/11"),
        ("2516 (base 8)", "2516 in base 8"),
        ("3.", "3"),
        (r"0.\overline{3}", "1/3"),
        (r"0.1\overline{6}", "1/6"),
        ("1 1/2", "3/2"),
        (r"1\frac{1}{2}", "3/2"),
        (r"-2\frac13", "-7/3"),
        (r"3\cdot 1\frac12", "3 * 3/2"),
        (r"6/1\frac{1}{2}", "6 / (3/2)"),
        ("2 * -1 1/2", "2 * -3/2"),
        (r"3\cdot 1\frac32", "3 * 1 * 3 / 2"),
        (r"6/2\frac{x}{3}", "6 / 2 * x / 3"),
        ("0.1666 repeating", "1/6"),
        ("0.1666... repeating", "1/6"),
        (r"-0.45\text{ repeating}", "-41/90"),
        ("0.4545 (recurring)", "5/11"),
        (r"2\frac{x}{3}", "2 * x / 3"),
        (r"1\frac{3}{2}", "1 * 3 / 2"),
        ("½", "1 / 2"),
        ("204_5", "204 in base 5"),
        ("(1011)_2", "1011 in base 2"),
        (r"\text{13}", "13"),
    ],
    "arithmetic": [
        (r"\frac12", "1 / 2"),
        (r"\frac1{72}", "1 / 72"),
        (r"\dfrac {a}{b}", "a / b"),
        ("2^10", "2^10"),
        ("9**9**9", "9^(9^9)"),
        ("2^{-3}", "2^(-3)"),
        ("x^2_1", "x_1^2"),
        ("a^{n+1}_{k}", "a_k^(n + 1)"),
        ("-x^2", "-x^2"),
        ("(-x)^2", "(-x)^2"),
        ("2*-3", "2 * -3"),
        ("6/2(1+2)", "6 / 2 * (1 + 2)"),
        (r"3\cdot4\times5", "3 * 4 * 5"),
        ("x²+3xy−1", "x^2 + 3 * x * y - 1"),
        (r"\pm 3", "±3"),
        (r"1\pm\sqrt{19}", "1 ±√(19)"),
        ("5!", "5!"),
        (r"\binom{5}{2}", "binomial(5, 2)"),
        (r"{n \choose k}", "binomial(n, k)"),
        (r"17 \bmod 5", "mod(17, 5)"),
        (r"-1 \bmod 2", "mod(-1, 2)"),
        (r"-2\cdot3 \mod 5", "mod(-2 * 3, 5)"),
        (r"5 - 7 \bmod 3", "5 - mod(7, 3)"),
        (r"x \equiv -1 \pmod 7", "x equiv pmod(-1, 7)"),
        ("-x*y^2", "-x * y^2"),
        ("|x-2|", "|x - 2|"),
        (r"2\left|x\right|", "2 * |x|"),
        (r"\lfloor x/2 \rfloor", "floor(x / 2)"),
        (r"\left|x\left|y\right|\right|", "|x * |y||"),
        (r"\mleft|x\mright|", "|x|"),
        (r"\bigl\lvert x\bigr\rvert", "|x|"),
        (r"\big|x\big|", "|x|"),
        (r"\left\|v\right\|", "norm(v)"),
        (r"\mleft\lceil 1.1\mright\rceil", "ceil(1.1)"),
        (r"\Biggl\lfloor \left(x\right)\Biggr\rfloor", "floor(x)"),
        (r"\lgroup1+2\rgroup", "1 + 2"),
        (r"\left<1,2\right>", "(1, 2)"),
        (r"\pi\left.x\right.", "π * x"),
        ("√2/2", "√(2) / 2"),
        (r"\sqrt[3]{x}", "root(x, 3)"),
        (r"\sqrt 2", "√(2)"),
        (r"\boxed{\frac{3}{4}}", "3 / 4"),
    ],
    "functions": [
        (r"\sin^2x+\cos^2x", "sin(x)^2 + cos(x)^2"),
        (r"2 \sin b \cos a", "2 * sin(b) * cos(a)"),
        (r"\sin 2x", "sin(2 * x)"),
        (r"\sin(x) y", "sin(x) * y"),
        (r"\sin^{-1} x", "arcsin(x)"),
        (r"\operatorname{arsinh}(x)", "arsinh(x)"),
        (r"\tan{\left(x \right)}", "tan(x)"),
        (r"\log_2 8", "log(8, 2)"),
        (r"\ln x", "ln(x)"),
        ("sqrt(3)/2", "√(3) / 2"),
        (r"\max\{1,2\}", "max(1, 2)"),
        ("f(x)=2x", "f(x) = 2 * x"),
        ("f'(x)", "f'(x)"),
        ("f^{-1}(x)", "f^-1(x)"),
        ("x(x+1)", "x * (x + 1)"),
        (r"e^{i\pi}", "e^(i * π)"),
        (r"\overline{z}", "overline(z)"),
        (r"\overline{2+i}", "conj(2 + i)"),
        (r"\overline{AB}", "A * B"),
    ],
    "calculus": [
        (r"\int_0^1 x^2\,dx", "∫ x^2 dx from 0 to 1"),
        (r"\int \frac{1}{x} dx", "∫ 1 / x dx"),
        (r"\int (x\,dx)", "∫ x dx"),
        (r"\int \frac{dx}{x}", "∫ 1 / x dx"),
        (r"\int -\frac{x\,\mathrm{d}x}{1+x^2}", "∫ -x / (1 + x^2) dx"),
        (r"\int 2\left(x\,dx\right)", "∫ 2 * x dx"),
        (r"\int (x+dy)\,dx", "∫ x + d * y dx"),
        (r"\int_{}^{} x\,dx", "∫ x dx"),
        (r"\int^b_a x\,dx", "∫ x dx from a to b"),
        (r"\int^f_0 (x)\,dx", "∫ x dx from 0 to f"),
        (r"\sum^n_{k=1} k", "sum(k = 1..n) k"),
        (r"\log^n_2 x", "log(x, 2)^n"),
        (r"\log_2 256", "log(256, 2)"),
        (r"\int\limits_{a}^{b} \sin t\, \mathrm{d}t", "∫ sin(t) dt from a to b"),
        (r"\sum_{k=1}^{n} k^2", "sum(k = 1..n) k^2"),
        (r"\prod_{i=1}^5 i", "prod(i = 1..5) i"),
        (r"\lim_{x \to 0^+} \frac{\sin x}{x}", "lim(x → 0+) sin(x) / x"),
        (r"\frac{d}{dx} x^2", "d/dx x^2"),
        (r"\frac{d^2 y}{dx^2}", "d/dxdx y"),
        (r"\frac{\partial}{\partial x} xy", "d/dx x * y"),
    ],
    "relations and sets": [
        ("x!=3", "x ≠ 3"),
        ("2!=2", "2! = 2"),
        (r"-2 \le x < 7", "-2 ≤ x < 7"),
        (r"x \ne 5", "x ≠ 5"),
        ("x != 5", "x ≠ 5"),
        (r"x \not= 5", "x ≠ 5"),
        ("= 5", "5"),
        ("x=1 or x=2", "x = 1 or x = 2"),
        (r"3 \text{ and } 5", "3 and 5"),
        ("19, 46, and 82", "19 and 46 and 82"),
        ("p=5,q=2;p=7,q=2", "p = 5, q = 2; p = 7, q = 2"),
        ("p=5,q=2 and p=7,q=2", "p = 5, q = 2 or p = 7, q = 2"),
        ("a=1, b=2, or c=3", "a = 1 or b = 2 or c = 3"),
        ("1; 2; or 3", "1, 2, 3"),
        ("(p,q)=(3,2)", "(p, q) = (3, 2)"),
        (r"(-\infty,2)\cup[3,\infty)", "(-∞, 2) ∪ [3, ∞)"),
        (r"\mathbb{R} \setminus \{2\}", "ℝ \\ {2}"),
        (r"x \in [-2,7]", "x ∈ [-2, 7]"),
        (r"\{x \mid x>1\}", "{x | x > 1}"),
        (r"\{x : x>1\}", "{x | x > 1}"),
        (r"\left\{ x \left| x>1 \right. \right\}", "{x | x > 1}"),
        (r"\left\lbrace 1,2 \right\rbrace", "{1, 2}"),
        (r"\{\}", "∅"),
        (r"x \equiv 3 \pmod 7", "x equiv pmod(3, 7)"),
        ("3:4", "3 : 4"),
        (r"\left\{\begin{array}{l} x=1 \\ y=2\end{array}\right.", "x = 1, y = 2"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "[1, 2; 3, 4]"),
        (r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", "det([1, 2; 3, 4])"),
        (r"\begin{cases} x & x>0 \\ 0 & \text{otherwise}\end{cases}", "cases [x, x > 0; 0, otherwise]"),
        (r"\\frac{1}{2}", "1 / 2"),
    ],
    "units": [
        (r"5\text{ cm}", "5 cm"),
        (r"15 \mathrm{~m}", "15 m"),
        ("90 km/h", "90 km/h"),
        (r"9.8\,\mathrm{m/s^2}", "9.8 m/s^2"),
        (r"50\%", "50%"),
        ("50 percent", "50%"),
        (r"90^\circ", "90°"),
        ("25°C", "25 °C"),
        (r"30^\circ 15'", "(30 + 15 / 60)°"),
        (r"\$5", "5 $"),
        ("$1,000.50", "1000.50 $"),
        ("€5", "5 €"),
        ("12 apples", "12 apples"),
        ("1 hour 30 minutes", "(1 + 1/60 * 30) hour"),
        (r"7\text{ cm} - 20 mm", "7 cm - 20 mm"),
        (r"5\text{ cm} \cdot 2 + 3\text{ cm}", "5 cm * 2 + 3 cm"),
        (r"\frac{4\text{ m}^{2}}{2\text{ m}}", "4 m^2 / 2 m"),
        (r"9.8\text{ m}\text{ s}^{-2}", "9.8 m s^-2"),
        (r"12\frac12\%", "25/2%"),
        ("-5°C", "-5 °C"),
        (r"\angle CBA", "∠ABC"),
    ],
}


@pytest.mark.parametrize(("text", "expected"), [row for rows in READ.values() for row in rows])
def test_reads(text, expected):
    assert render(parse(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "$$",
        "odd",
        "Monday, July 4",
        "not 7",
        "7 or so",
        "three dozen",
        "5 score",
        "3 more",
        "(",
        "(1,2",
        "1,2)",
        "(1,2}",
        "x^",
        r"\frac{1}",
        r"\sqrt",
        r"\lfloor 3 \rceil",
        r"\left|x",
        r"\left.x\right|",
        r"\int (x)",
        r"x_{}",
        "3 repeating",
        r"\langle 3 |",
        r"\input{/etc/passwd}",
        r"\forall x>0",
        "__import__('os')",
        "0.__class__",
        "x = ",
        "1 2",
        "204_1",
        "9_5",
        "4\u200b2",
        "\ud800",
        "\x00",
        "[x+1)",
        r"\begin{pmatrix}1&2\\3\end{pmatrix}",
        r"\begin{pmatrix}1&2\end{bmatrix}",
        r"\begin{tabular}1\end{tabular}",
        r"\int x",
        r"\sum k",
        r"\text{13",
        "()",
        "#3",
    ],
)
def test_does_not_read(text):
    with pytest.raises(ParseError):
        parse(text)


def test_limits_are_exact():
    assert render(parse("(" * MAX_DEPTH + "x" + ")" * MAX_DEPTH)) == "x"
    for nested in ("(" * (MAX_DEPTH + 1) + "x" + ")" * (MAX_DEPTH + 1), "-" * 900 + "x", r"\sqrt" * 300 + " x"):
        with pytest.raises(ParseError, match="deep"):
            parse(nested)
    with pytest.raises(ParseError, match="parts"):
        parse("1" + "+1" * MAX_NODES)
    with pytest.raises(ParseError, match="characters"):
        parse("1" * (MAX_CHARS + 1))
    with pytest.raises(ParseError, match="too large"):
        parse("1" * 1_001)


def test_grouping_is_a_choice():
    assert render(parse("100,200")) == "100200"
    assert render(parse("100,200", grouping=False)) == "100, 200"


def test_a_letter_that_is_known_as_a_variable_calls_nothing():
    assert render(parse("f(x+1)", variables=frozenset("f"))) == render(parse("f*(x+1)"))
    assert render(parse("f(x+1)")) == "f(x + 1)"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x_1 + y'", {"x_1", "y'"}),
        (r"\sum_{k=1}^{n} k x", {"n", "x"}),
        (r"\int_0^t x^2 dx", {"t"}),
        (r"\int x^2 dx", {"x"}),
        (r"\lim_{h \to 0} h x", {"x"}),
        (r"\alpha + \beta_{12}", {r"\alpha", r"\beta_12"}),
        ("pi + e + i", set()),
    ],
)
def test_variables(text, names):
    assert free_symbols(parse(text)) == names
