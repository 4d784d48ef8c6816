"""How many decimals an amount has: as many as its currency, by ISO 4217.

An amount has one spelling: all the decimals of its currency and no more ("1200" yen, "12.30" dollars, "4.500" dinars).
Where nobody says the currency, it travels as it was written, and is shown without zeros at its end.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

USUAL_DIGITS: Final = 2
UNUSUAL_DIGITS: Final[Mapping[str, int]] = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),  # noqa: SIM905
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),  # noqa: SIM905 - reads best so
}
"""The decimals of the currencies that have not two; units of account with four (CLF, UYW) buy nothing in a shop."""


def digits_of(currency: str) -> int:
    """How many decimals an amount of this currency has."""
    return UNUSUAL_DIGITS.get(currency, USUAL_DIGITS)


def shown(amount: Decimal, currency: str | None) -> Decimal:
    """The amount in its one spelling; one that is finer than its currency keeps the decimals that it needs."""
    needed = -int(amount.normalize().as_tuple().exponent)
    return amount.quantize(Decimal(1).scaleb(-max(needed, 0 if currency is None else digits_of(currency))))


def exact(amount: Decimal, currency: str | None) -> Decimal:
    """The amount in its one spelling.

    Raises:
        ValueError: it is finer than its currency; the message can stand behind the name of a field.
    """
    if currency is None:
        return amount
    spelled = shown(amount, currency)
    if spelled.as_tuple().exponent != -digits_of(currency):
        raise ValueError(f"must have no more decimals than {currency} has, which are {digits_of(currency)}")
    return spelled


def digits_in_sql(currency: str) -> str:
    """The same as `digits_of`, as an expression in SQL of the column `currency`."""
    cases = [f"WHEN '{code}' THEN {digits}" for code, digits in UNUSUAL_DIGITS.items()]
    return f"CASE {currency} {' '.join(cases)} ELSE {USUAL_DIGITS} END"
