"""Exact amounts: accepted and rejected input, and conversion without loss of digits."""

from decimal import Context, Decimal, InvalidOperation

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche_cli.amounts import LAMPORTS_PER_SOL, format_amount, format_sol, parse_amount, ui_decimal
from psyche_cli.errors import InvalidAmount
from psyche_cli.limits import U64_MAX

_EXACT = Context(prec=400, Emin=-(10**6), Emax=10**6)


@pytest.mark.parametrize(
    ("text", "decimals", "base_units"),
    [
        ("10", 0, 10),
        ("10", 6, 10_000_000),
        ("0.1", 1, 1),
        ("0.000001", 6, 1),
        ("1.5", 6, 1_500_000),
        ("1.50", 1, 15),
        ("1.000", 0, 1),
        ("007", 0, 7),
        ("1e3", 0, 1000),
        ("1E3", 0, 1000),
        ("1e+3", 2, 100_000),
        ("1.5e-3", 4, 15),
        ("150e-1", 0, 15),
        ("100e-2", 0, 1),
        ("0.83024448", 9, 830_244_480),
        ("18446744073709551615", 0, 18446744073709551615),
        ("18446744073.709551615", 9, 18446744073709551615),
        ("0.1e1", 0, 1),
        # 0.29 * 100 in binary floating point is 28.999999999999996.
        ("0.29", 2, 29),
        ("9007199254740993", 0, 9007199254740993),
        ("1e-255", 255, 1),
    ],
)
def test_accepted_amounts(text: str, decimals: int, base_units: int) -> None:
    assert parse_amount(text, decimals, "amount") == base_units


@pytest.mark.parametrize(
    "text",
    [
        *["", " ", "1 ", " 1", "1\n", "+1", "1_000", "1,5", "1,000.0", ".5", "5.", ".", "e5", "1e", "1e1.5", "1.2.3"],
        *[
            "0x10",
            "1d",
            "nan",
            "NaN",
            "inf",
            "Infinity",
            "-inf",
            "--1",
            "- 1",
            "٣",
            "１",
            "1²",
            "½",
            "1e٣",
            "\0",
            "1\x00",
        ],
        *["True", "None", "1e5e5", "−1"],
    ],
)
def test_input_that_is_not_a_number_is_rejected(text: str) -> None:
    with pytest.raises(InvalidAmount, match="is not a decimal number") as caught:
        parse_amount(text, 6, "collateral amount")
    assert caught.value.message.startswith("The collateral amount ")


@pytest.mark.parametrize("text", ["-1", "-0.5", "-1e9", "-0", "-1e999999999999"])
def test_negative_amounts_are_rejected(text: str) -> None:
    with pytest.raises(InvalidAmount, match="is negative"):
        parse_amount(text, 6, "amount", allow_zero=True)


@pytest.mark.parametrize("text", ["0", "0.0", "0e5", "0.000e-999999999999999999999", "000"])
def test_zero_is_rejected_unless_allowed(text: str) -> None:
    with pytest.raises(InvalidAmount, match="is zero"):
        parse_amount(text, 0, "amount")
    assert parse_amount(text, 0, "amount", allow_zero=True) == 0


@pytest.mark.parametrize(
    ("text", "decimals", "message"),
    [
        ("0.5", 0, "The amount 0.5 has more than 0 decimals; the smallest unit is 1."),
        ("1.0000001", 6, "The amount 1.0000001 has more than 6 decimals; the smallest unit is 0.000001."),
        ("1e-7", 6, "The amount 1e-7 has more than 6 decimals; the smallest unit is 0.000001."),
    ],
)
def test_amounts_with_too_many_decimal_places_are_rejected(text: str, decimals: int, message: str) -> None:
    with pytest.raises(InvalidAmount) as caught:
        parse_amount(text, decimals, "amount")
    assert caught.value.message == message
    assert caught.value.hint == ("Use a whole number." if decimals == 0 else "Use at most 6 decimals.")
    assert caught.value.context == {"text": text, "decimals": decimals}


@pytest.mark.parametrize(
    ("text", "decimals"),
    [
        ("18446744073709551616", 0),
        ("18446744073.709551616", 9),
        ("1e20", 0),
        ("1e19", 1),
        ("1e99999999999999999999", 0),
    ],
)
def test_amounts_above_64_bits_are_rejected(text: str, decimals: int) -> None:
    with pytest.raises(InvalidAmount, match="is too large"):
        parse_amount(text, decimals, "amount")


def test_an_exponent_of_a_hundred_digits_is_rejected_without_computing_it() -> None:
    with pytest.raises(InvalidAmount, match="is too large"):
        parse_amount("1e" + "9" * 100, 0, "amount")
    with pytest.raises(InvalidAmount, match="more than 0 decimals"):
        parse_amount("1e-" + "9" * 100, 0, "amount")


def test_overlong_text_is_not_parsed() -> None:
    assert parse_amount("0" * 127 + "1", 0, "amount") == 1
    with pytest.raises(InvalidAmount, match="129 characters long; the maximum is 128") as caught:
        parse_amount("0" * 128 + "1", 0, "amount")
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("base_units", "decimals", "text"),
    [
        (0, 0, "0"),
        (0, 9, "0"),
        (10, 0, "10"),
        (100, 2, "1"),
        (1, 6, "0.000001"),
        (1, 9, "0.000000001"),
        (1_500_000, 6, "1.5"),
        (U64_MAX, 0, "18446744073709551615"),
        (U64_MAX, 9, "18446744073.709551615"),
        (-5000, 9, "-0.000005"),
        (-1, 0, "-1"),
        (1, 40, "0." + "0" * 39 + "1"),
    ],
)
def test_formatted_amounts(base_units: int, decimals: int, text: str) -> None:
    assert format_amount(base_units, decimals) == text


def test_sol_is_formatted_without_trailing_zeros_or_unit() -> None:
    assert format_sol(830_244_480) == "0.83024448"
    assert format_sol(2_000_000_000) == "2"
    assert format_sol(LAMPORTS_PER_SOL) == "1"


def test_ui_decimal_does_not_round_to_the_context_precision() -> None:
    assert ui_decimal(10**40 + 1, 40) == Decimal("1." + "0" * 39 + "1")
    assert str(ui_decimal(-15, 1)) == "-1.5"


@given(st.integers(0, U64_MAX), st.integers(0, 255))
def test_a_formatted_amount_can_be_parsed_again(base_units: int, decimals: int) -> None:
    text = format_amount(base_units, decimals)
    if len(text) <= 128:
        assert parse_amount(text, decimals, "amount", allow_zero=True) == base_units
    else:
        with pytest.raises(InvalidAmount):
            parse_amount(text, decimals, "amount", allow_zero=True)


@given(
    st.from_regex(r"[0-9]{1,25}(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?", fullmatch=True, alphabet="0123456789.eE+-"),
    st.integers(0, 30),
)
def test_parsing_agrees_with_exact_decimal_arithmetic(text: str, decimals: int) -> None:
    exact = Decimal(text).scaleb(decimals, _EXACT)
    fits = exact == exact.to_integral_value() and exact <= U64_MAX
    if fits:
        assert parse_amount(text, decimals, "amount", allow_zero=True) == int(exact)
    else:
        with pytest.raises(InvalidAmount):
            parse_amount(text, decimals, "amount", allow_zero=True)


@given(st.text(max_size=20) | st.text("0123456789.eE+-_, ٣", max_size=6))
def test_any_text_is_parsed_or_raises_a_clear_error(text: str) -> None:
    try:
        base_units = parse_amount(text, 6, "amount")
    except InvalidAmount:
        return
    try:
        exact = Decimal(text)
    except InvalidOperation:  # pragma: no cover
        pytest.fail("accepted what is not a number")
    assert base_units == exact * 10**6
