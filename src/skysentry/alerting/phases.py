"""Where an alert stands, as a table (after ISA-18.2, the standard on alarm management, section 6).

    active        a place is in danger, or was and nobody knows better
    acknowledged  a person has heard: the sound is silenced, the alert is not
    shelved       a person put it aside for a while; it always comes back
    cleared       nothing threatens any more; the hold time runs
    all_clear     the end; nothing leads on from it

What is not in the table is refused: `move` returns `None` and the caller says why. A shelved alert is promoted only
by `urgent`, which is the caller's to judge. Left out of ISA-18.2: latching, suppression by design and out of service;
the first has no use where an alert ends honestly, the others belong to the site file.
"""

from __future__ import annotations

from enum import StrEnum

from skysentry.events import Phase


class Trigger(StrEnum):
    """What moves an alert from one phase to another."""

    ACKNOWLEDGE = "acknowledge"  # a person has heard
    SHELVE = "shelve"  # a person puts it aside until a time
    UNSHELVE = "unshelve"  # a person takes it up again
    EXPIRE = "expire"  # the time of the shelf is over
    PROMOTE = "promote"  # the severity rose
    GONE = "gone"  # no track threatens the place any more
    RETURN = "return"  # a track threatens again within the hold time
    HOLD = "hold"  # the hold time is over
    CANCEL = "cancel"  # a person ends it


TABLE: dict[tuple[Phase, Trigger], Phase] = {
    (Phase.ACTIVE, Trigger.ACKNOWLEDGE): Phase.ACKNOWLEDGED,
    (Phase.ACTIVE, Trigger.SHELVE): Phase.SHELVED,
    (Phase.ACTIVE, Trigger.PROMOTE): Phase.ACTIVE,
    (Phase.ACTIVE, Trigger.GONE): Phase.CLEARED,
    (Phase.ACTIVE, Trigger.CANCEL): Phase.ALL_CLEAR,
    (Phase.ACKNOWLEDGED, Trigger.ACKNOWLEDGE): Phase.ACKNOWLEDGED,
    (Phase.ACKNOWLEDGED, Trigger.SHELVE): Phase.SHELVED,
    (Phase.ACKNOWLEDGED, Trigger.PROMOTE): Phase.ACTIVE,
    (Phase.ACKNOWLEDGED, Trigger.GONE): Phase.CLEARED,
    (Phase.ACKNOWLEDGED, Trigger.CANCEL): Phase.ALL_CLEAR,
    (Phase.SHELVED, Trigger.ACKNOWLEDGE): Phase.ACKNOWLEDGED,
    (Phase.SHELVED, Trigger.SHELVE): Phase.SHELVED,
    (Phase.SHELVED, Trigger.UNSHELVE): Phase.ACTIVE,
    (Phase.SHELVED, Trigger.EXPIRE): Phase.ACTIVE,
    (Phase.SHELVED, Trigger.PROMOTE): Phase.ACTIVE,
    (Phase.SHELVED, Trigger.GONE): Phase.CLEARED,
    (Phase.SHELVED, Trigger.CANCEL): Phase.ALL_CLEAR,
    (Phase.CLEARED, Trigger.ACKNOWLEDGE): Phase.CLEARED,
    (Phase.CLEARED, Trigger.RETURN): Phase.ACTIVE,
    (Phase.CLEARED, Trigger.HOLD): Phase.ALL_CLEAR,
    (Phase.CLEARED, Trigger.CANCEL): Phase.ALL_CLEAR,
}


def move(phase: Phase, trigger: Trigger) -> Phase | None:
    """Return the phase that follows, or `None` where the trigger has no meaning in this phase."""
    return TABLE.get((phase, trigger))
