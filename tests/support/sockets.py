"""Somebody on loopback who answers as a test says, byte for byte."""

import asyncio
import json
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(
    serve: Serve, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Somebody who answers connections so; in the block they are hung up by the other side."""
    served: set[asyncio.Task[None]] = set()

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        served.add(task)
        with suppress(ConnectionError):
            await serve(reader, writer)
            await writer.wait_closed()

    server = await asyncio.start_server(serve_one, "127.0.0.1", port, ssl=tls)
    try:
        scheme = "http" if tls is None else "https"
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        await asyncio.wait_for(asyncio.gather(*served), 5)


def answering(answer: bytes) -> Serve:
    """Reads a request, writes these bytes, and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await request(reader):
            writer.write(answer)
        writer.close()

    return serve


async def request(reader: asyncio.StreamReader) -> bytes:
    """One whole request; nothing of a knock."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0] or 0)
        return head + await reader.readexactly(length)
    except asyncio.IncompleteReadError:
        return b""


def answer(status: int, body: object, **headers: str) -> bytes:
    """A whole answer with this JSON; header names have underscores for hyphens."""
    text = json.dumps(body).encode()
    fields = {"Content-Type": "application/json", "Content-Length": str(len(text)), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} So\r\n{lines}\r\n".encode() + text


def certified(folder: Path) -> ssl.SSLContext:
    """A server's side of TLS, by a certificate that it wrote itself."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-subj", "/CN=127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context
