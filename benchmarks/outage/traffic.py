"""Requests to the API, sent when they are due whether or not others were answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["PATIENCE", "Answer", "ask", "ask_all", "stream"]

PATIENCE = 10.0
"""Seconds after which a caller gives up; the answer counts as none."""
_MAX_ANSWER = 65536


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request came to.

    Attributes:
        slot: the process asked.
        sent: moment of sending, monotonic seconds.
        wait: seconds until the answer was there, or nobody waited any more.
        took: what the process says of it, without its waiting for a processor.
        status: of the answer; 0 where there was none.
        retry_after: the header, or an empty string.
    """

    slot: int
    sent: float
    wait: float
    took: float
    status: int
    retry_after: str = ""

    @property
    def is_good(self) -> bool:
        """Whether it was 200."""
        return self.status == 200


async def ask(port: int, token: str | None, *, slot: int, path: str = "/") -> Answer:
    """Send one request on a connection of its own and return what came of it."""
    sent = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE):
            head = await _exchange(port, token, path)
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        head = ""
    wait = time.monotonic() - sent
    lines = head.split("\r\n")
    fields = dict(line.lower().partition(": ")[::2] for line in lines[1:])
    words = lines[0].split()
    status = int(words[1]) if len(words) > 1 else 0
    took = float(fields.get("x-took-ms", 1000 * wait)) / 1000
    return Answer(slot, sent, wait, took, status, fields.get("retry-after", ""))


async def _exchange(port: int, token: str | None, path: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        credentials = f"Authorization: Bearer {token}\r\n" if token else ""
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n"
            f"{credentials}\r\n".encode()
        )
        await writer.drain()
        answer = await reader.read(_MAX_ANSWER)
        while chunk := await reader.read(_MAX_ANSWER):
            answer = (answer + chunk)[:_MAX_ANSWER]
        return answer.partition(b"\r\n\r\n")[0].decode("latin-1")
    finally:
        writer.close()


async def ask_all(
    ports: Sequence[int], token: str | None, *, times: int = 1, path: str = "/"
) -> list[Answer]:
    """Ask every process ``times`` times, all at once."""
    return await asyncio.gather(
        *(
            ask(port, token, slot=slot, path=path)
            for _ in range(times)
            for slot, port in enumerate(ports)
        )
    )


async def stream(
    ports: Sequence[int],
    tokens: Iterable[str],
    *,
    per_second: float,
    path: str = "/",
) -> list[Answer]:
    """Send the tokens at an even pace, the processes in turn; return all answers."""
    start, asked = time.monotonic(), []
    for number, token in enumerate(tokens):
        due = start + number / per_second
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        slot = number % len(ports)
        asked.append(asyncio.create_task(ask(ports[slot], token, slot=slot, path=path)))
    return await asyncio.gather(*asked)
