"""A unit or a percent sign behind a box or a tag belongs to the answer."""

import pytest

from verifiers import AnswerVerifier, Reference

VERIFIER = AnswerVerifier()

RIGHT = [
    ("5 cm", r"\boxed{5} cm"),
    ("5 cm", r"$\boxed{5}$ cm."),
    ("5 cm", r"\boxed{5}\,\mathrm{cm}"),
    ("5 cm", r"\boxed{5} centimeters"),
    ("5 cm", r"\boxed{50} mm"),
    ("5 cm", r"\boxed{5} in total"),
    ("5 cm", r"\boxed{5\text{ cm}} cm"),
    ("5 cm", "\\boxed{5}\n\nkm are not asked for"),
    ("5 cm", r"<answer>\boxed{5} cm</answer>"),
    ("5 cm^2", r"\boxed{5} cm²"),
    ("5 cm^2", r"\boxed{5}\text{ cm}^2"),
    ("5 km/h", r"\boxed{5} km per hour"),
    ("5 hours", r"\boxed{300} minutes"),
    ("$5", r"\boxed{5} dollars"),
    ("5", r"\boxed{5} km"),
    ("5", r"\boxed{5} apples"),
    (r"30^\circ", r"\boxed{30}^\circ"),
    ("10", r"$r = x - 1 = \boxed{10}\%$"),
    ("10", r"\boxed{10}%"),
    ("28", r"\boxed{28} percent"),
    (r"28\%", r"$\boxed{28}$ percent"),
    (r"28\%", r"\boxed{28} per cent"),
    (r"28\%", r"\boxed{28}\%"),
    (r"50\%", r"\boxed{50\%}\%"),
    ("0.28", r"\boxed{28}\%"),
]
WRONG = [
    ("5 cm", r"\boxed{5} km"),
    ("5 cm", r"$\boxed{5}$ km."),
    ("5 cm", r"\boxed{5}\text{ km}"),
    ("5 cm", r"\boxed{5} meters"),
    ("5 cm", r"\boxed{5} in."),
    ("5 cm", r"\boxed{5} (km)"),
    ("5 cm", r"\boxed{5\text{ cm}} km"),
    ("5 cm", "<answer>5</answer> km"),
    ("5 cm", r"<answer>\boxed{5} km</answer>"),
    ("5 cm^2", r"\boxed{5} square meters"),
    ("5 cm^2", r"\boxed{5}\text{ m}^2"),
    ("5 km/h", r"\boxed{5} m/s"),
    ("5 hours", r"\boxed{5} minutes"),
    ("5 kg", r"**\boxed{5}** g"),
    ("$5", r"\boxed{5} euros"),
    ("10", r"\boxed{20}\%"),
    (r"10\%", r"\boxed{20}\%"),
]


@pytest.mark.parametrize(("gold", "response"), RIGHT)
def test_right(gold, response):
    assert VERIFIER.verify(response, Reference(gold)).correct


@pytest.mark.parametrize(("gold", "response"), WRONG)
def test_wrong(gold, response):
    assert not VERIFIER.verify(response, Reference(gold)).correct


def test_options_with_units():
    assert VERIFIER.verify(r"\boxed{5} cm", Reference("A", choices=("5 cm", "6 cm"))).correct
    assert VERIFIER.verify(r"\boxed{5} cm", Reference("A", choices=("5", "6"))).correct
    assert not VERIFIER.verify(r"\boxed{5} km", Reference("A", choices=("5 cm", "6 cm"))).correct
