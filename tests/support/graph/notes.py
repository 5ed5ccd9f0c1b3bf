"""What the Graph was asked, noted before it answers: evidence for who judges."""

import json
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import IO, Any


@dataclass(frozen=True)
class Post:
    """One message as it was posted.

    `text` is what the user reads, `opaque` the sender's own words with it. `taken`: the user gets
    it; `wamid` is empty where not. `code` is that of the refusal, with `details` where the Graph
    itself found something wrong with the request; `fault` what it had been told to do.
    """

    at: float
    number: str
    to: str
    type: str
    text: str
    opaque: str
    taken: bool
    wamid: str
    fault: str
    code: int
    details: str
    body: dict[str, Any]


@dataclass
class Notes:
    """Every post in order, in a file too if there is one; and how often what was called."""

    file: IO[str] | None = None
    posts: list[Post] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)

    def note(
        self,
        number: str,
        body: object,
        *,
        text: str = "",
        wamid: str = "",
        fault: str = "",
        code: int = 0,
        details: str = "",
    ) -> None:
        """Note one post, whatever its body is."""
        sent = body if isinstance(body, dict) else {"": body}
        post = Post(
            at=time.time(),
            number=number,
            to="".join(filter(str.isdigit, str(sent.get("to", "")))) or str(sent.get("recipient")),
            type=str(sent.get("type", "")),
            text=text,
            opaque=str(sent.get("biz_opaque_callback_data", "")),
            taken=bool(wamid),
            wamid=wamid,
            fault=fault,
            code=code,
            details=details,
            body=sent,
        )
        self.posts.append(post)
        if self.file is not None:
            self.file.write(json.dumps(asdict(post)) + "\n")
            self.file.flush()
