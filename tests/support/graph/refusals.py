"""What the Graph refuses with: each code of the sheet, its HTTP status, its words, its bodies."""

from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any

UNKNOWN_STATUS = 400

# code → (HTTP status, title)
TABLE: dict[int, tuple[int, str]] = {
    0: (401, "AuthException"),
    1: (400, "API Unknown"),
    2: (503, "API Service"),
    3: (500, "API Method"),
    4: (400, "API Too Many Calls"),
    10: (403, "API Permission Denied"),
    33: (400, "Parameter value is not valid"),
    100: (400, "Invalid parameter"),
    190: (401, "Access token has expired"),
    **dict.fromkeys(range(200, 300), (403, "API Permission")),
    368: (403, "Temporarily blocked for policies violations"),
    80007: (400, "Rate limit issues"),
    130403: (400, "User is blocked by the business"),
    130429: (400, "Rate limit hit"),
    130472: (400, "User's number is part of an experiment"),
    130497: (400, "Business account is restricted from messaging users in this country"),
    131000: (500, "Something went wrong"),
    131005: (403, "Access denied"),
    131008: (400, "Required parameter is missing"),
    131009: (400, "Parameter value is not valid"),
    131016: (500, "Service unavailable"),
    131021: (400, "Recipient cannot be sender"),
    131026: (400, "Message undeliverable"),
    131030: (400, "Recipient phone number not in allowed list"),
    131031: (403, "Account has been locked"),
    131037: (400, "Display name approval is needed"),
    131042: (400, "Business eligibility payment issue"),
    131045: (500, "Incorrect certificate"),
    131047: (400, "Re-engagement message"),
    131048: (400, "Spam rate limit hit"),
    131049: (400, "Meta chose not to deliver"),
    131050: (400, "User has stopped marketing messages"),
    131051: (400, "Unsupported message type"),
    131052: (400, "Media download error"),
    131053: (400, "Media upload error"),
    131056: (400, "(Business Account, Consumer Account) pair rate limit hit"),
    131057: (500, "Account in maintenance mode"),
    131062: (400, "Business-scoped user id is not supported for this message"),
    131063: (400, "Marketing templates are not supported on Cloud API"),
    131064: (400, "Limited after template misclassification"),
    132000: (400, "Template Param Count Mismatch"),
    132001: (404, "Template does not exist"),
    132005: (400, "Template Hydrated Text Too Long"),
    132007: (400, "Template Format Character Policy Violated"),
    132012: (400, "Template Parameter Format Mismatch"),
    132015: (400, "Template is Paused"),
    132016: (400, "Template is Disabled"),
    132018: (400, "Template parameter content is not valid"),
    132068: (400, "Flow is in blocked state"),
    132069: (400, "Flow is in throttled state"),
    133004: (503, "Server Temporarily Unavailable"),
    133010: (400, "Phone number Not Registered"),
    133016: (400, "Account register deregister rate limit exceeded"),
    134101: (400, "Template is syncing"),
    135000: (400, "Generic user error"),
}

WITH_USAGE = (4, 80007)  # these come with headers that tell when access is regained


@dataclass(frozen=True)
class Refusal:
    """One refusal. `details` is for people; where `is_bare`, `error_data` is only a string."""

    code: int
    details: str
    is_bare: bool = False
    regained_after: int = 1  # minutes

    @property
    def status(self) -> int:
        """The HTTP status that it comes with."""
        return TABLE.get(self.code, (UNKNOWN_STATUS, ""))[0]

    @property
    def title(self) -> str:
        return TABLE.get(self.code, (UNKNOWN_STATUS, "Unknown error"))[1]

    def body(self) -> dict[str, Any]:
        """As an answer to a request has it."""
        data: Any = {"messaging_product": "whatsapp", "details": self.details}
        error = {
            "message": f"(#{self.code}) {self.title}",
            "type": "OAuthException",
            "code": self.code,
            "error_data": self.details if self.is_bare else data,
            "fbtrace_id": "A" + token_urlsafe(12),
        }
        return {"error": error}

    def headers(self, business_id: str) -> dict[str, str]:
        """The usage headers of a refusal for too many calls, none of the others."""
        if self.code not in WITH_USAGE:
            return {}
        usage = (
            '{"%s":[{"type":"whatsapp","call_count":100,"total_cputime":12,"total_time":9,'
            '"estimated_time_to_regain_access":%d}]}'
        )
        return {
            "X-Business-Use-Case-Usage": usage % (business_id, self.regained_after),
            "X-App-Usage": '{"call_count":100,"total_time":9,"total_cputime":12}',
        }

    def notice(self) -> dict[str, Any]:
        """As a webhook has it."""
        return {
            "code": self.code,
            "title": self.title,
            "message": self.title,
            "error_data": {"details": self.details},
            "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
        }
