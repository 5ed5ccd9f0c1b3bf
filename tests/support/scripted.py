"""A driver that says to each connection and each message what it is told to say, or fails."""

from collections.abc import AsyncIterator, Sequence

from waypost.drivers.news import DriverEvent
from waypost.drivers.outgoing import Outgoing
from waypost.drivers.port import DeviceDown, Outcome, Unconfirmed


class Scripted:
    """Answers in the order given; where nothing is left to say, a connection succeeds."""

    def __init__(
        self,
        *answers: Outcome | Exception,
        connections: Sequence[DeviceDown | None] = (),
        deduplicates: bool = False,
    ) -> None:
        self.deduplicates = deduplicates
        self.answers = list(answers)
        self.connections = list(connections)
        self.connected = 0
        self.sent: list[Outgoing] = []

    async def connect(self, unconfirmed: list[Unconfirmed]) -> DeviceDown | None:
        self.connected += 1
        return self.connections.pop(0) if self.connections else None

    async def send(self, outgoing: Outgoing) -> Outcome:
        self.sent.append(outgoing)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def events(self) -> AsyncIterator[DriverEvent]:
        for event in ():
            yield event

    async def close(self) -> None:
        """There is nothing to close."""
