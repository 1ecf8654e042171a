"""Days between 1900 and 2099, written as people write them, beside their ISO form.

``Sunday, the 3rd of May 1998`` and ``may 3, 1998`` are both ``1998-05-03``. It is translation in
small: the languages order their parts differently, one spells out what the other counts, and words
without a counterpart (the day of the week, "of") have to be passed over. Each form can be read in
one way only: a month is a word, or the year stands first.
"""

from __future__ import annotations

import datetime
import string
from collections.abc import Callable
from functools import cache

import numpy as np

import autograd as ag
from autograd.utils.data import TensorDataset
from models.datasets.characters import Alphabet
from models.datasets.framed import framed

DATE_CHARACTERS = Alphabet(" ,-/" + string.digits + string.ascii_letters)

FIRST_DAY, LAST_DAY = datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth",
    "eighteenth", "nineteenth", "twentieth", "twenty-first", "twenty-second", "twenty-third",
    "twenty-fourth", "twenty-fifth", "twenty-sixth", "twenty-seventh", "twenty-eighth",
    "twenty-ninth", "thirtieth", "thirty-first",
)  # fmt: skip
FORMS = (
    "{d} {month} {y}",  # 3 May 1998
    "{d} {mon} {y}",
    "{d}-{mon}-{y}",
    "{nth} {month} {y}",  # 3rd May 1998
    "the {nth} of {month} {y}",
    "the {ordinal} of {month} {y}",  # the third of May 1998
    "{ordinal} of {month}, {y}",
    "{month} the {ordinal}, {y}",
    "{month} {d}, {y}",
    "{month} {nth}, {y}",
    "{month} the {nth}, {y}",
    "{mon} {d} {y}",
    "{weekday}, the {nth} of {month} {y}",  # Sunday, the 3rd of May 1998
    "{weekday}, {month} {d}, {y}",
    "{weekday}, {d} {month} {y}",
    "{day} {d} {mon} {y}",  # Sun 3 May 1998
    "{y} {month} {d}",
    "{y}/{m}/{d}",  # 1998/5/3
)
TESTED = 1000  # days in the test part
CASES: tuple[Callable[[str], str], ...] = (str, str.lower, str.upper)
WORDS = "the {nth} of {month} {y}"  # the form to translate ISO dates to


def written(day: datetime.date, form: str) -> str:
    """A day in one of the forms.

    Examples
    --------
    >>> import datetime
    >>> from models.datasets.dates import written
    >>> written(datetime.date(1998, 5, 3), "{weekday}, the {nth} of {month} {y}")
    'Sunday, the 3rd of May 1998'
    """
    month, weekday = MONTHS[day.month - 1], WEEKDAYS[day.weekday()]
    suffix = (
        "th" if day.day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    )
    return form.format(
        y=day.year, m=day.month, d=day.day, month=month, mon=month[:3], weekday=weekday,
        day=weekday[:3], nth=f"{day.day}{suffix}", ordinal=ORDINALS[day.day - 1],
    )  # fmt: skip


@cache
def date_pairs(train: bool, count: int, to: str = "iso") -> tuple[tuple[str, str], ...]:
    """The texts behind `dates`: so many pairs of a date and its translation.

    Examples
    --------
    >>> from models.datasets import date_pairs
    >>> date_pairs(train=False, count=2)
    (('DEC 12 2035', '2035-12-12'), ('the 8th of august 2007', '2007-08-08'))
    """
    if to not in ("iso", "words"):
        raise ValueError(f"dates are translated to 'iso' or to 'words', got {to!r}")
    days = (LAST_DAY - FIRST_DAY).days + 1
    cut = days * 9 // 10  # the same days belong to the same part, however many are asked for
    available = cut if train else days - cut
    if not 0 < count <= available:
        part = "train" if train else "test"
        raise ValueError(f"there are 1 to {available} dates to {part} on, got data.count={count}")
    order = np.random.default_rng(1998).permutation(days)
    random = np.random.default_rng(int(train))  # for the forms
    pairs = []
    for number in (order[:cut] if train else order[cut:])[:count]:
        day = FIRST_DAY + datetime.timedelta(int(number))
        case = CASES[random.integers(len(CASES))]
        text = case(written(day, FORMS[random.integers(len(FORMS))]))
        iso = day.isoformat()
        pairs.append((text, iso) if to == "iso" else (iso, written(day, WORDS)))
    return tuple(pairs)


def dates(train: bool = True, count: int = 10000, to: str = "iso") -> TensorDataset:
    """Dates to translate, as numbers of `DATE_CHARACTERS` between BEGIN and END (see `framed`).

    Parameters
    ----------
    train : bool, default True
        No day of the training part is in the test part.
    count : int, default 10000
        How many days to train on, up to 65,744; the test part has 1,000.
    to : {"iso", "words"}
        Translate what is written in many ways to ISO dates, or ISO dates to words.

    Returns
    -------
    TensorDataset
        Sources and targets, int64 of shapes (count, longest source) and (count, longest target).

    Examples
    --------
    >>> from models.datasets import DATE_CHARACTERS, dates, unframed
    >>> source, target = dates(train=False)[0]
    >>> unframed(source.array, DATE_CHARACTERS), unframed(target.array, DATE_CHARACTERS)
    ('DEC 12 2035', '2035-12-12')
    """
    sources, targets = zip(*date_pairs(train, count if train else TESTED, to), strict=True)
    return TensorDataset(
        *(ag.from_numpy(framed(texts, DATE_CHARACTERS)) for texts in (sources, targets))
    )
