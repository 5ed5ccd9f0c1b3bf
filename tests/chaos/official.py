"""Official numbers whose provider is the fake Graph: it fails as the real one does, and its
callbacks come late, twice, out of order and in batches."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.graph.notes import Post
from tests.support.graph.process import GraphProcess
from tests.support.transport import Sight

FIRST_NUMBER = 200_000_000_000_000
LIMITS = (130429, 131056)

MISHAPS = {
    "131026": 0.01,
    "131016": 0.015,
    "bare/131016": 0.005,
    "131000": 0.005,
    "130429": 0.005,
    "131056": 0.005,
    "http/503": 0.01,
    "failed/131053": 0.01,
    "close": 0.005,
    "reset": 0.003,
    "truncated": 0.002,
    "taken/close": 0.01,
    "taken/reset": 0.005,
    "taken/hang": 0.001,
    "taken/slow": 0.02,
    "taken/truncated": 0.005,
    "taken/garbage": 0.005,
    "taken/page": 0.005,
    "taken/empty": 0.005,
    "early": 0.02,
    "held": 0.005,
}
MANNER = {
    "after": (0.02, 0.5),
    "disordered": True,
    "twice": 0.2,
    "batch": 20,
    "gather": 0.05,
    "opaque": "unless_failed",
}


@dataclass(frozen=True)
class Official:
    """The provider of a round's official numbers, all of one app and one business account."""

    graph: GraphProcess
    kind: str = "cloud"
    hot: int = 60  # a number writes only so often to one recipient

    @classmethod
    @contextmanager
    def started(cls, folder: Path, _: str) -> Iterator["Official"]:
        """One for the length of a block."""
        with GraphProcess.started(folder) as graph:
            yield cls(graph)

    @property
    def settings(self) -> dict[str, str]:
        """What the processes are told of it."""
        return {"CLOUD_GRAPH_URL": self.graph.url}

    def config(self, place: int) -> Mapping[str, object]:
        """Of the device with this place; its number is made with it."""
        number = str(FIRST_NUMBER + place)
        self.graph.tell("numbers", id=number, display_phone_number=f"+1 555 010 {place:04}")
        return self.graph.device(phone_number_id=number)

    def connect(self, url: str, device_ids: Sequence[int]) -> None:
        """All callbacks go to one address, as those of one app do."""
        callback_url = f"{url}/callbacks/cloud/{device_ids[0]}"
        self.graph.tell("businesses", callback_url=callback_url)

    def misbehave(self, seed: str) -> None:
        """From now on much goes wrong."""
        self.graph.tell("manner", **MANNER, seed=seed)
        self.graph.fail(seed=seed, **MISHAPS)

    def behave(self) -> None:
        """From now on sends go well; callbacks stay as they are."""
        self.graph.fail()

    def has_told_all(self) -> bool:
        """Whether no callback is still to be brought."""
        waiting: int = self.graph.state()["waiting"]
        return not waiting

    def sights(self) -> list[Sight]:
        """All it was posted, in order."""
        return [sight(post) for post in self.graph.posts()]

    def complaints(self) -> list[str]:
        """Posts that the real one would have refused for their form."""
        return [
            f"the Graph does not take {post.body}: {post.code} {post.details}"
            for post in self.graph.posts()
            if post.details
        ]


def sight(post: Post) -> Sight:
    """A post in the words of the judge; what our words do not name is a stranger's."""
    account_id, message_id, mark = (*post.opaque.split(":"), "", "")[:3]
    return Sight(
        at=post.at,
        id=post.wamid,
        to=post.to,
        text=post.text,
        account_id=int(account_id or 0),
        message_id=message_id,
        attempt=int(mark or 0),
        device=int(post.number),
        fault=struck(post),
        taken=post.taken,
        code=_code(post),
    )


def struck(post: Post) -> str:
    """What struck it, as the judge calls it: after `busy` and `limited` alone it may come again."""
    way, _, what = post.fault.rpartition("/")
    code = _code(post)
    if way == "failed":
        return "failed"
    if post.taken:
        return {"taken": "slow" if what == "slow" else "dropped"}.get(way, "")
    if int(code or 0) in LIMITS:
        return "limited"
    if code == "131026":
        return "refused"
    return "busy" if code or way == "http" else "lost"


def _code(post: Post) -> str:
    """With which code it was refused, or failed later; "" is none."""
    way, _, code = post.fault.rpartition("/")
    return code if way == "failed" else str(post.code or "")
