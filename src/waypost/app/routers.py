"""Every feature's routes."""

from waypost.accounts import api as accounts
from waypost.admin import accounts_api, devices_api, messages_api, pools_api, stats_api
from waypost.credits import api as credits
from waypost.devices import api as devices
from waypost.intake import api as callbacks
from waypost.media import api as media
from waypost.messages import api as messages
from waypost.messages import batches_api, inbox_api
from waypost.templates import api as templates

ALL = tuple(
    room.router
    for room in (
        accounts,
        credits,
        templates,
        media,
        messages,
        batches_api,
        inbox_api,
        devices,
        callbacks,
        accounts_api,
        pools_api,
        devices_api,
        messages_api,
        stats_api,
    )
)
