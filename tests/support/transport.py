"""A transport that notes every message it is given, and fails as it is told: a process of its own.

It shares no code with the product: what it noted is evidence. `python tests/support/transport.py
NOTES` prints its port, and serves until its standard input ends.

POST / takes a message. POST /faults sets the chances of what may go wrong: which one strikes is
decided by a seed, the recipient, the text, and how often they were seen. A message that was taken
is never refused when it comes again: of such a repeat only the answer can be lost.
"""

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from random import Random
from typing import IO, Any

SLOW_SECONDS = 0.5
RETRY_AFTER_SECONDS = 1
REFUSED = "REFUSED"


@dataclass(frozen=True)
class Faults:
    """The chance of each fault; the rest goes well.

    Refused, busy and limited messages are not taken. A dropped connection breaks after the message
    was taken, a lost one before; a silent one takes it and says nothing; garbage is no HTTP.
    """

    seed: str = ""
    refused: float = 0.0
    busy: float = 0.0
    limited: float = 0.0
    lost: float = 0.0
    dropped: float = 0.0
    silent: float = 0.0
    slow: float = 0.0
    garbage: float = 0.0

    def chosen(self, to: str, text: str, sight: int) -> str:
        """What strikes this sight of a message; "" is none."""
        point = Random(f"{self.seed}/{to}/{text}/{sight}").random()
        for kind in KINDS:
            point -= getattr(self, kind)
            if point < 0:
                return kind
        return ""


KINDS = tuple(field.name for field in fields(Faults) if field.name != "seed")
NOT_TAKEN = ("refused", "busy", "limited", "lost")


@dataclass(frozen=True)
class Sight:
    """One message as the transport was given it. `message_id` is a UUID without hyphens.

    `id` is what it is called there; `code` is why it was refused, or failed later.
    """

    at: float
    id: str
    to: str
    text: str
    account_id: int
    message_id: str
    attempt: int
    device: int
    fault: str
    taken: bool
    code: str = ""


class Server:
    """Takes messages over HTTP/1.1, and writes each into its notes before it answers."""

    def __init__(self, notes: IO[str]) -> None:
        self._notes = notes
        self._faults = Faults()
        self._seen: Counter[tuple[str, str]] = Counter()
        self._taken: set[str] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, for as long as it is used."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                path, body = await _request(reader)
                if path == "/faults":
                    self._faults = Faults(**body)
                    answered = await self._answer(writer, 200)
                else:
                    answered = await self._take(reader, writer, body)
                if not answered:
                    break
        writer.transport.abort()

    async def _take(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: dict[str, Any]
    ) -> bool:
        """Whether the connection is good for more."""
        match fault := self._note(body):
            case "dropped" | "lost":
                return False
            case "silent":
                await reader.read()  # until the other side has had enough
                return False
            case "garbage":
                writer.write(b"\x00\xffthis is not HTTP\r\n\r\n")
                await writer.drain()
                writer.close()
                return False
            case "refused":
                return await self._answer(writer, 422, {"code": REFUSED, "message": "It asked."})
            case "busy" | "limited":
                status = 503 if fault == "busy" else 429
                return await self._answer(writer, status)
            case "slow":
                await asyncio.sleep(SLOW_SECONDS)
        return await self._answer(writer, 200)

    def _note(self, body: dict[str, Any]) -> str:
        key = body["to"], body["text"]
        fault = self._faults.chosen(*key, self._seen[key])
        self._seen[key] += 1
        was_taken = body["id"] in self._taken
        if was_taken and fault in NOT_TAKEN:
            fault = ""
        taken = was_taken or fault not in NOT_TAKEN
        if taken:
            self._taken.add(body["id"])
        id = body.pop("message_id").replace("-", "")
        code = REFUSED if fault == "refused" else ""
        sight = Sight(time.time(), **body, message_id=id, fault=fault, taken=taken, code=code)
        self._notes.write(json.dumps(asdict(sight)) + "\n")
        self._notes.flush()
        return fault

    async def _answer(
        self, writer: asyncio.StreamWriter, status: int, body: dict[str, str] | None = None
    ) -> bool:
        text = json.dumps(body or {})
        wait = f"Retry-After: {RETRY_AFTER_SECONDS}\r\n" if status in (429, 503) else ""
        head = f"HTTP/1.1 {status} So\r\n{wait}Content-Length: {len(text)}\r\n\r\n"
        writer.write((head + text).encode())
        await writer.drain()
        return True


async def _request(reader: asyncio.StreamReader) -> tuple[str, dict[str, Any]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers["content-length"]))
    return first.split()[1], json.loads(body)


async def _main(notes: Path) -> None:
    with notes.open("a") as file:
        server = await asyncio.start_server(Server(file).serve, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        # Our starter holds the other end: it ends with them, however they end.
        await asyncio.to_thread(sys.stdin.read)


@dataclass
class Transport:
    """A running transport, as tests see it."""

    url: str
    notes: Path

    @classmethod
    @contextmanager
    def started(cls, folder: Path) -> Iterator["Transport"]:
        """A transport for the length of a block, its notes in this folder."""
        notes = folder / "transport.jsonl"
        command = [sys.executable, __file__, str(notes)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            try:
                assert process.stdout is not None
                yield cls(f"http://127.0.0.1:{int(process.stdout.readline())}/", notes)
            finally:
                process.kill()

    def tell(self, faults: Faults) -> None:
        """From now on fail so."""
        body = json.dumps(asdict(faults)).encode()
        with urllib.request.urlopen(f"{self.url}faults", body, timeout=10) as answer:
            assert answer.status == 200

    def sights(self) -> list[Sight]:
        """All it was given so far, in order."""
        whole, _, _ = self.notes.read_text().rpartition("\n")
        return [Sight(**json.loads(line)) for line in whole.splitlines()]


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
