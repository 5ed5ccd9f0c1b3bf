"""Official numbers for tests: made as the API makes them."""

from dataclasses import dataclass
from datetime import UTC, datetime

from waypost.devices import manage, vault
from waypost.devices.model import Device, Kind, NewDevice
from waypost.kit.db import Database, Tx
from waypost.kit.seal import Sealer

SEALER = Sealer(["k" * 32])
AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@dataclass(frozen=True)
class Number:
    """What an admin gives of an official number."""

    phone_number_id: str = "1000001"
    business_account_id: str = "2000001"
    access_token: str = "EAAG-a-token"
    app_secret: str = "an-app-secret"
    verify_token: str = "a-verify-token"
    graph_url: str | None = None
    pool_id: int | None = None

    @property
    def config(self) -> dict[str, object]:
        shown = {
            "phone_number_id": self.phone_number_id,
            "business_account_id": self.business_account_id,
            "graph_url": self.graph_url,
        }
        return {name: value for name, value in shown.items() if value is not None}

    @property
    def secrets(self) -> dict[str, str]:
        return {
            "access_token": self.access_token,
            "app_secret": self.app_secret,
            "verify_token": self.verify_token,
        }

    async def make(self, db: Database, name: str = "official", sealer: Sealer = SEALER) -> Device:
        """The device of this number."""

        async def work(tx: Tx) -> Device:
            new = NewDevice(name, Kind.CLOUD, self.pool_id, self.config)
            device = await manage.create(tx, new, AT)
            await vault.keep(tx, sealer, device.id, self.secrets)
            return device

        return await db.transact(work)
