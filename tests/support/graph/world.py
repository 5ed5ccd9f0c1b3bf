"""What exists at this Graph: business accounts, their numbers and templates, and files."""

import time
from dataclasses import dataclass, field, fields
from hashlib import sha256
from itertools import count
from typing import Any, TypeVar

DAY_SECONDS = 86_400.0
WINDOW_SECONDS = DAY_SECONDS
LINK_SECONDS = 300.0

BUSINESS, NUMBER, TOKEN = "100200300400500", "106540352242922", "EAAfakeGraphToken"
APP_SECRET, VERIFY_TOKEN = "fake-app-secret", "fake-verify-token"

Thing = TypeVar("Thing", "Business", "Number", "Template")


@dataclass
class Business:
    """A business account, and the app that is subscribed to it. Without a URL nobody is told."""

    id: str = BUSINESS
    token: str = TOKEN
    app_secret: str = APP_SECRET
    verify_token: str = VERIFY_TOKEN
    callback_url: str | None = None


@dataclass
class Number:
    """A business phone number.

    `trouble`: the code of its fault, when it can send no messages or only some;
    `mps`: the messages a second that it takes; `pairs`: one user is written to once in 6 s;
    `windows`: free text only to who wrote within 24 h. What is None or False is not enforced.
    """

    id: str = NUMBER
    business_id: str = BUSINESS
    display_phone_number: str = "+1 555-078-3881"
    verified_name: str = "Waypost Test"
    quality_rating: str = "GREEN"
    throughput: str = "STANDARD"
    messaging_limit: str = "TIER_2K"
    can_send_message: str = "AVAILABLE"
    trouble: int = 141006
    mps: int | None = 80
    pairs: bool = True
    windows: bool = False

    @property
    def digits(self) -> str:
        return "".join(filter(str.isdigit, self.display_phone_number))


@dataclass
class Template:
    """A template, its components as the Graph lists them."""

    name: str
    language: str = "en_US"
    business_id: str = BUSINESS
    id: str = ""
    category: str = "UTILITY"
    status: str = "APPROVED"
    parameter_format: str = "POSITIONAL"
    quality: str = "GREEN"
    components: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class File:
    """A file that was uploaded to a number, or that a user sent to it."""

    id: str
    number_id: str
    mime: str
    content: bytes
    filename: str | None = None

    @property
    def sha256(self) -> str:
        return sha256(self.content).hexdigest()


class World:
    """All of it, by id. It begins with one business account that has a number and templates."""

    def __init__(self) -> None:
        self.businesses = {BUSINESS: Business()}
        self.numbers = {NUMBER: Number()}
        self.templates: dict[tuple[str, str, str], Template] = {}
        self.files: dict[str, File] = {}
        self.links: dict[str, tuple[str, float]] = {}
        self.wrote: dict[tuple[str, str], float] = {}
        self._ids = count(1)
        for template in usual_templates():
            self.put_template(template)

    def new_id(self) -> str:
        """As the Graph's: digits."""
        return f"9{next(self._ids):014}"

    def put_business(self, told: dict[str, Any]) -> Business:
        """Make a business account, or change what is told of it."""
        known = self.businesses.get(told.get("id", BUSINESS), Business())
        made = _changed(known, told)
        self.businesses[made.id] = made
        return made

    def put_number(self, told: dict[str, Any]) -> Number:
        """Make a number, or change what is told of it."""
        made = _changed(self.numbers.get(told.get("id", NUMBER), Number()), told)
        self.numbers[made.id] = made
        return made

    def change_template(self, told: dict[str, Any]) -> Template:
        """Make a template, or change what is told of it."""
        plain = Template(told["name"])
        key = (
            told.get("business_id", plain.business_id),
            told["name"],
            told.get("language", plain.language),
        )
        made = _changed(self.templates.get(key, plain), told)
        self.put_template(made)
        return made

    def put_template(self, template: Template) -> None:
        template.id = template.id or self.new_id()
        self.templates[template.business_id, template.name, template.language] = template

    def templates_of(self, business_id: str) -> list[Template]:
        """Its templates, in the order they were made."""
        return [each for each in self.templates.values() if each.business_id == business_id]

    def keep_file(
        self, number_id: str, mime: str, content: bytes, filename: str | None = None
    ) -> File:
        """Keep it under a new id."""
        made = File(self.new_id(), number_id, mime, content, filename)
        self.files[made.id] = made
        return made

    def link_to(self, file: File) -> str:
        """A new name under which its bytes are given, for five minutes."""
        name = self.new_id()
        self.links[name] = (file.id, time.time() + LINK_SECONDS)
        return name

    def linked(self, name: str) -> File | None:
        file_id, until = self.links.get(name, ("", 0.0))
        return self.files.get(file_id) if time.time() < until else None

    def has_window(self, number_id: str, user: str) -> bool:
        """Whether this user wrote to the number within 24 hours."""
        return time.time() - self.wrote.get((number_id, user), 0.0) < WINDOW_SECONDS


def _changed(thing: Thing, told: dict[str, Any]) -> Thing:
    known = {each.name for each in fields(thing)}
    if unknown := told.keys() - known:
        raise ValueError(f"{type(thing).__name__} has no {', '.join(sorted(unknown))}")
    return type(thing)(**{name: getattr(thing, name) for name in known} | told)


def usual_templates() -> list[Template]:
    """One of each shape, two that cannot be sent."""
    body = {"type": "BODY"}
    return [
        Template("hello_world", components=[body | {"text": "Hello World"}]),
        Template(
            "order_update",
            components=[
                {"type": "HEADER", "format": "TEXT", "text": "Order {{1}}"},
                body | {"text": "Hello {{1}}, your order {{2}} is on its way."},
                {"type": "FOOTER", "text": "Thank you"},
                {
                    "type": "BUTTONS",
                    "buttons": [
                        {"type": "URL", "text": "Track", "url": "https://example.com/t/{{1}}"},
                        {"type": "QUICK_REPLY", "text": "Stop"},
                    ],
                },
            ],
        ),
        Template(
            "welcome",
            parameter_format="NAMED",
            components=[
                {"type": "HEADER", "format": "TEXT", "text": "Welcome to {{shop}}"},
                body | {"text": "Hello {{first_name}}, your code is {{code}}. Use it soon."},
            ],
        ),
        Template(
            "receipt",
            components=[
                {"type": "HEADER", "format": "DOCUMENT"},
                body | {"text": "Hello {{1}}, here is your receipt."},
            ],
        ),
        Template(
            "summer_sale",
            category="MARKETING",
            components=[
                {"type": "HEADER", "format": "IMAGE"},
                body | {"text": "Hello {{1}}, take a look."},
                {"type": "BUTTONS", "buttons": [{"type": "COPY_CODE", "text": "Copy code"}]},
            ],
        ),
        Template(
            "login_code",
            category="AUTHENTICATION",
            components=[
                body | {"text": "*{{1}}* is your verification code."},
                {
                    "type": "BUTTONS",
                    "buttons": [
                        {
                            "type": "URL",
                            "text": "Copy code",
                            "url": "https://www.whatsapp.com/otp/code/?code=otp{{1}}",
                        }
                    ],
                },
            ],
        ),
        Template("old_offer", status="PAUSED", components=[body | {"text": "An old offer."}]),
        Template("bad_offer", status="REJECTED", components=[body | {"text": "A bad offer."}]),
    ]
