"""What an experiment shows, said as sentences that are true or false."""

from __future__ import annotations

from models.training.run import say


def claims(**found: bool) -> dict[str, float]:
    """Turn claims into numbers: 1 or 0 for each, and as ``claims`` the part of them that held.

    An experiment whose bar is that everything it says is true has this as its metric. What did not
    hold is said.

    Examples
    --------
    >>> from models.training.claims import claims
    >>> claims(and_is_learned=True, xor_is_not=True)
    {'and_is_learned': 1.0, 'xor_is_not': 1.0, 'claims': 1.0}
    """
    results = {name: float(held) for name, held in found.items()}
    for name, held in results.items():
        if not held:
            say(f"not so: {name.replace('_', ' ')}")
    return {**results, "claims": sum(results.values()) / len(results)}
