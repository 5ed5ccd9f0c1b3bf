"""The fake Graph takes the messages that the real one takes, and refuses the others as it does."""

from typing import Any

import pytest
from tests.support.graph.business import HELLO, USER, Business
from tests.support.graph.world import NUMBER, TOKEN

MEDIA_LINK = {"link": "https://example.com/a.jpg"}


def template(name: str, *components: dict[str, Any], language: str = "en_US") -> dict[str, Any]:
    return {"name": name, "language": {"code": language}, "components": list(components)}


def texts(*values: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": value} for value in values]


def header(*parameters: dict[str, Any]) -> dict[str, Any]:
    return {"type": "header", "parameters": list(parameters)}


def body(*parameters: dict[str, Any]) -> dict[str, Any]:
    return {"type": "body", "parameters": list(parameters)}


def url(suffix: str, index: str = "0") -> dict[str, Any]:
    return {"type": "button", "sub_type": "url", "index": index, "parameters": texts(suffix)}


def named(**values: str) -> list[dict[str, Any]]:
    return [
        {"type": "text", "parameter_name": name, "text": value} for name, value in values.items()
    ]


ORDER = [header(*texts("7")), body(*texts("Ann", "7")), url("abc")]
STOP = {
    "type": "button",
    "sub_type": "quick_reply",
    "index": "1",
    "parameters": [{"type": "payload", "payload": "stop"}],
}
COUPON = {
    "type": "button",
    "sub_type": "copy_code",
    "index": "0",
    "parameters": [{"type": "coupon_code", "coupon_code": "SUN10"}],
}
IMAGE = {"type": "image", "image": MEDIA_LINK}
DOCUMENT = {
    "type": "document",
    "document": {"link": "https://example.com/a.pdf", "filename": "a.pdf"},
}

TAKEN: dict[str, tuple[str, Any]] = {
    "text": ("text", {"body": "x" * 4096, "preview_url": True}),
    "image": ("image", MEDIA_LINK | {"caption": "x" * 1024}),
    "video": ("video", MEDIA_LINK | {"caption": "Look"}),
    "audio": ("audio", MEDIA_LINK | {"voice": True}),
    "document": ("document", MEDIA_LINK | {"caption": "Read", "filename": "a.pdf"}),
    "sticker": ("sticker", MEDIA_LINK),
    "location": ("location", {"latitude": "-33.9", "longitude": 18.4, "name": "Here"}),
    "contacts": ("contacts", [{"name": {"formatted_name": "Ann Lee", "first_name": "Ann"}}]),
    "reaction": ("reaction", {"message_id": "wamid.X", "emoji": ""}),
    "interactive": (
        "interactive",
        {
            "type": "button",
            "body": {"text": "Yes?"},
            "action": {"buttons": [{"type": "reply", "reply": {"id": "1", "title": "Yes"}}]},
        },
    ),
    "template": ("template", template("hello_world")),
    "template_without_components": (
        "template",
        {"name": "hello_world", "language": {"code": "en_US", "policy": "deterministic"}},
    ),
    "template_positional": ("template", template("order_update", *ORDER)),
    "template_quick_reply": ("template", template("order_update", *ORDER, STOP)),
    "template_named": (
        "template",
        template("welcome", header(*named(shop="Acme")), body(*named(code="1", first_name="Ann"))),
    ),
    "template_document": ("template", template("receipt", header(DOCUMENT), body(*texts("Ann")))),
    "template_coupon": (
        "template",
        template("summer_sale", header(IMAGE), body(*texts("Ann")), COUPON),
    ),
    "template_code": ("template", template("login_code", body(*texts("123456")), url("123456"))),
}

REFUSED: dict[str, tuple[int, str, Any]] = {
    "text_too_long": (100, "text", {"body": "x" * 4097}),
    "text_empty": (100, "text", {"body": ""}),
    "text_missing": (131008, "text", {}),
    "text_no_object": (100, "text", "Hello"),
    "text_with_more": (100, "text", {"body": "Hello", "colour": "red"}),
    "preview_no_boolean": (100, "text", {"body": "Hello", "preview_url": "yes"}),
    "audio_with_caption": (100, "audio", MEDIA_LINK | {"caption": "Hear"}),
    "caption_too_long": (100, "image", MEDIA_LINK | {"caption": "x" * 1025}),
    "image_without_source": (100, "image", {}),
    "image_with_two_sources": (100, "image", MEDIA_LINK | {"id": "1"}),
    "image_of_nobody": (131009, "image", {"id": "12345"}),
    "image_with_filename": (100, "image", MEDIA_LINK | {"filename": "a.jpg"}),
    "link_no_address": (131009, "document", {"link": "/etc/passwd"}),
    "location_nowhere": (131009, "location", {"latitude": "north", "longitude": 1}),
    "contacts_empty": (100, "contacts", []),
    "contact_name_alone": (131009, "contacts", [{"name": {"formatted_name": "Ann"}}]),
    "reaction_without_emoji": (131008, "reaction", {"message_id": "wamid.X"}),
    "four_buttons": (
        131009,
        "interactive",
        {"type": "button", "body": {"text": "?"}, "action": {"buttons": [{}] * 4}},
    ),
    "unknown_type": (131051, "hologram", {}),
    "template_unknown": (132001, "template", template("nothing")),
    "template_in_no_such_language": (132001, "template", template("hello_world", language="de")),
    "template_rejected": (132001, "template", template("bad_offer")),
    "template_paused": (132015, "template", template("old_offer")),
    "template_too_few": (132000, "template", template("order_update", body(*texts("Ann")))),
    "template_too_many": (132000, "template", template("hello_world", body(*texts("Ann")))),
    "template_newline": (
        132018,
        "template",
        template("order_update", header(*texts("7")), body(*texts("A\nB", "7")), url("a")),
    ),
    "template_spaces": (
        132018,
        "template",
        template("order_update", header(*texts("7")), body(*texts("A     B", "7")), url("a")),
    ),
    "template_header_too_long": (
        132005,
        "template",
        template("order_update", header(*texts("7" * 55)), body(*texts("A", "7")), url("a")),
    ),
    "template_body_too_long": (
        132005,
        "template",
        template("order_update", header(*texts("7")), body(*texts("A" * 1000, "7")), url("a")),
    ),
    "template_without_names": (
        132012,
        "template",
        template("welcome", header(*texts("Acme")), body(*texts("Ann", "1"))),
    ),
    "template_with_names": (
        132012,
        "template",
        template("order_update", header(*named(shop="7")), body(*texts("A", "7")), url("a")),
    ),
    "template_without_file": (132012, "template", template("receipt", body(*texts("Ann")))),
    "template_with_other_file": (
        132012,
        "template",
        template("receipt", header(IMAGE), body(*texts("Ann"))),
    ),
    "template_without_url": (
        131008,
        "template",
        template("order_update", header(*texts("7")), body(*texts("Ann", "7"))),
    ),
    "template_button_of_another_kind": (
        132012,
        "template",
        template("order_update", *ORDER, url("x", "1")),
    ),
    "template_button_nowhere": (
        132000,
        "template",
        template("order_update", *ORDER, url("x", "5")),
    ),
    "template_code_too_long": (
        132018,
        "template",
        template("login_code", body(*texts("1" * 16)), url("1")),
    ),
    "template_no_object": (100, "template", {"name": "hello_world"}),
}


@pytest.mark.parametrize("case", TAKEN)
async def test_what_is_in_its_shape_is_taken(shop: Business, case: str) -> None:
    kind, content = TAKEN[case]

    status, said = await shop.send(**{"text": None, "type": kind, kind: content})

    assert status == 200, said
    assert said["messaging_product"] == "whatsapp"
    assert said["contacts"] == [{"input": f"+{USER}", "wa_id": USER}]
    (post,) = shop.graph.notes.posts
    assert post.taken
    assert post.wamid == said["messages"][0]["id"]


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_not_is_refused_with_the_code_of_the_sheet(shop: Business, case: str) -> None:
    code, kind, content = REFUSED[case]

    status, said = await shop.send(**{"text": None, "type": kind, kind: content})

    assert said["error"]["code"] == code, said
    assert status == (404 if code == 132001 else 400)
    assert said["error"]["error_data"]["details"]
    (post,) = shop.graph.notes.posts
    assert (post.taken, post.code) == (False, code)
    assert post.details


@pytest.mark.parametrize(
    ("to", "code"),
    [
        (USER, 131009),
        ("+12", 131009),
        ("+0821234567", 131009),
        ("+1 555-078-3881", 131021),
        (f"+{USER}", None),
        ("+27 (82) 123-4567", None),
    ],
)
async def test_a_recipient_is_a_number_with_a_plus_that_is_not_the_sender_s(
    shop: Business, to: str, code: int | None
) -> None:
    _, said = await shop.send(to=to)

    assert said.get("error", {}).get("code") == code


async def test_a_user_id_may_stand_in_for_the_number(shop: Business) -> None:
    assert (await shop.send(to=None, recipient="US.13491208655302741918"))[0] == 200
    assert (await shop.send(to=None, recipient="somebody"))[0] == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"messaging_product": None},
        {"recipient_type": "crowd"},
        {"biz_opaque_callback_data": "x" * 513},
        {"colour": "red"},
        {"image": MEDIA_LINK},
    ],
    ids=["product", "recipient_type", "opaque", "unknown", "two_types"],
)
async def test_an_envelope_is_checked_too(shop: Business, changes: dict[str, Any]) -> None:
    _, said = await shop.send(**changes)

    assert said["error"]["code"] == 100


@pytest.mark.parametrize(
    ("path", "token", "code", "status"),
    [
        (f"{NUMBER}/messages", None, 200, 403),
        (f"{NUMBER}/messages", "EAAold", 190, 401),
        ("999/messages", TOKEN, 33, 400),
        (f"/v9.0/{NUMBER}/messages", TOKEN, 100, 400),
    ],
    ids=["no_token", "old_token", "other_number", "version"],
)
async def test_only_who_may_send_can(
    shop: Business, path: str, token: str | None, code: int, status: int
) -> None:
    answered, said = await shop.call("POST", path, HELLO, token)

    assert (answered, said["error"]["code"]) == (status, code)
    assert [post.taken for post in shop.graph.notes.posts] == [False]


async def test_a_new_token_makes_the_old_one_invalid(shop: Business) -> None:
    await shop.tell("businesses", token="EAAnew")

    assert (await shop.send())[0] == 401
    assert (await shop.call("POST", f"{NUMBER}/messages", HELLO, "EAAnew"))[0] == 200


async def test_one_user_takes_a_burst_and_then_one_in_six_seconds(shop: Business) -> None:
    codes = [(await shop.send())[1].get("error", {}).get("code") for _ in range(46)]

    assert codes == [None] * 45 + [131056]
    assert (await shop.send(to="+27821230000"))[0] == 200


async def test_a_number_takes_no_more_than_its_throughput(shop: Business) -> None:
    await shop.tell("numbers", mps=0)
    assert (await shop.send())[1]["error"]["code"] == 130429

    await shop.tell("numbers", mps=None)
    assert (await shop.send())[0] == 200


async def test_free_text_needs_a_window_where_windows_are_kept(shop: Business) -> None:
    await shop.tell("numbers", windows=True)
    await shop.send()
    await shop.until(shop.told)
    await shop.tell("inbound", **{"from": USER})
    await shop.send()
    await shop.until(lambda: len(shop.told()) == 4)

    failed, *others = shop.told()
    assert failed["errors"][0]["code"] == 131047
    assert [each["status"] for each in others] == ["sent", "delivered", "read"]


async def test_a_read_mark_is_no_message(shop: Business) -> None:
    mark = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.X"}

    assert await shop.call("POST", f"{NUMBER}/messages", mark) == (200, {"success": True})
    assert shop.graph.notes.posts == []
