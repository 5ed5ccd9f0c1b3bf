"""What people read and change about themselves."""

from waypost.accounts import store
from waypost.accounts.model import Account, Changes, OnUncertain, Principal
from waypost.kit.db import Tx
from waypost.kit.errors import Unauthorized


async def read(tx: Tx, who: Principal) -> Account:
    """The asker's own account."""
    return _present(await store.find(tx, who.account_id))


async def change(
    tx: Tx,
    who: Principal,
    email: str | None,
    notification_number: str | None,
    on_uncertain: OnUncertain | None,
) -> Account:
    """The asker's account after the change; None leaves a thing as it is."""
    changes = Changes(
        email=email, notification_number=notification_number, on_uncertain=on_uncertain
    )
    return _present(await store.change(tx, who.account_id, changes))


def _present(account: Account | None) -> Account:
    # It was there when the token was verified: deleted a moment ago.
    if account is None:
        raise Unauthorized
    return account
