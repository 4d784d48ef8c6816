"""The decimals of an amount: those of its currency, by ISO 4217.

An amount has one string form, with exactly the decimals of its currency ("1200" yen, "12.30" dollars, "4.500" dinars).
Without a currency it is sent as it was written, and shown without trailing zeros.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

USUAL_DIGITS: Final = 2
UNUSUAL_DIGITS: Final[Mapping[str, int]] = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),  # noqa: SIM905
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),  # noqa: SIM905 - easiest to read
}
"""The decimals of currencies that do not have two; units of account with four (CLF, UYW) are not used in shops."""

_UNITS: Final = tuple(Decimal(1).scaleb(-digits) for digits in range(4))


def digits_of(currency: str) -> int:
    """The number of decimals of this currency."""
    return UNUSUAL_DIGITS.get(currency, USUAL_DIGITS)


def shown(amount: Decimal, currency: str | None) -> Decimal:
    """The amount with the decimals of its currency; a finer amount keeps the decimals that it needs."""
    usual = amount.quantize(_UNITS[0 if currency is None else digits_of(currency)])
    return usual if usual == amount else amount.normalize()


def exact(amount: Decimal, currency: str | None) -> Decimal:
    """The amount with exactly the decimals of its currency.

    Raises:
        ValueError: it has more decimals; the message can follow the name of a field.
    """
    if currency is None:
        return amount
    rounded = shown(amount, currency)
    if rounded.as_tuple().exponent != -digits_of(currency):
        raise ValueError(f"must have no more decimals than {currency} has, which are {digits_of(currency)}")
    return rounded


def digits_in_sql(currency: str) -> str:
    """`digits_of` as an SQL expression; `currency` is the column."""
    cases = [f"WHEN '{code}' THEN {digits}" for code, digits in UNUSUAL_DIGITS.items()]
    return f"CASE {currency} {' '.join(cases)} ELSE {USUAL_DIGITS} END"
