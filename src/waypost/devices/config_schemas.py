"""What the device routes take as a device's configuration, by its kind."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from waypost.devices.model import Kind
from waypost.kit.config_values import BASE_URL
from waypost.kit.routing import Body

TOKEN = "access_token"
SECRETS = (TOKEN, "app_secret", "verify_token")
MOST_OF_SECRET = 4096


class ConfigBody(Body):
    """A device's own configuration; its secrets go another way than the rest."""

    kind: ClassVar[Kind]

    def given(self) -> dict[str, object] | None:
        """What is told again to admins; None where nothing of it is to be different."""
        return self.model_dump(exclude_none=True, exclude=set(SECRETS))

    def secrets(self) -> dict[str, str]:
        """What is told to nobody, by its names."""
        named = ((name, getattr(self, name, None)) for name in SECRETS)
        return {name: secret.get_secret_value() for name, secret in named if secret is not None}


class SandboxConfig(ConfigBody):
    """A simulated device's own speed and delays; what is left out is the server's setting."""

    kind = Kind.SANDBOX

    rate: int | None = Field(None, ge=1, le=100_000, description="Messages per second.")
    delivered_seconds: float | None = Field(None, ge=0, le=3600, allow_inf_nan=False)
    read_seconds: float | None = Field(None, ge=0, le=3600, allow_inf_nan=False)
    like: Literal["linked", "cloud"] | None = Field(
        None, description="It is paced as a device of that kind."
    )
    deduplicates: bool | None = Field(
        None, description="Whether its network drops a second message of the same id."
    )


def _printable(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not (text.isascii() and text.isprintable() and 0 < len(text) <= MOST_OF_SECRET):
        raise ValueError(f"must have 1 to {MOST_OF_SECRET} printable ASCII characters")
    if " " in text:
        raise ValueError("must not contain spaces")
    return secret


def _base_url(given: str) -> str:
    try:
        return BASE_URL.parse(given)
    except ValueError:
        raise ValueError(f"must be {BASE_URL.expected}") from None


ProviderId = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,32}$")]
Secret = Annotated[SecretStr, AfterValidator(_printable)]
GraphUrl = Annotated[str, AfterValidator(_base_url)]


class CloudConfig(ConfigBody):
    """An official number: its id and its business account's at the provider, and what it proves
    itself with. Secrets are never shown."""

    kind = Kind.CLOUD

    phone_number_id: ProviderId
    business_account_id: ProviderId
    access_token: Secret = Field(description="Token of a system user.")
    app_secret: Secret = Field(description="With which the app signs its callbacks.")
    verify_token: Secret = Field(description="What the app is told when it verifies the callback.")
    graph_url: GraphUrl | None = Field(None, description="Instead of the server's setting.")


class CloudConfigChange(ConfigBody):
    """What is to be different: secrets, each by itself, or all that is not secret, and then with
    the access token."""

    kind = Kind.CLOUD

    phone_number_id: ProviderId | None = None
    business_account_id: ProviderId | None = None
    access_token: Secret | None = None
    app_secret: Secret | None = None
    verify_token: Secret | None = None
    graph_url: GraphUrl | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> "CloudConfigChange":
        if self.given() and None in (self.phone_number_id, self.business_account_id):
            raise ValueError("needs phone_number_id and business_account_id, or secrets alone")
        return self

    def given(self) -> dict[str, object] | None:
        return super().given() or None


NEW: Mapping[Kind, type[SandboxConfig | CloudConfig]] = {
    Kind.SANDBOX: SandboxConfig,
    Kind.CLOUD: CloudConfig,
}


def read_new(kind: Kind, given: object) -> ConfigBody | None:
    """The configuration of a new device, which only a simulated one may leave out."""
    if given is None and kind is Kind.SANDBOX:
        return None
    return NEW[kind].model_validate(given)


def read_change(given: object) -> ConfigBody | None:
    """A configuration whose fields tell for which kind of device it is."""
    if given is None:
        return None
    is_cloud = isinstance(given, dict) and not CloudConfigChange.model_fields.keys().isdisjoint(
        given
    )
    return (CloudConfigChange if is_cloud else SandboxConfig).model_validate(given)
