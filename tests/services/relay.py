"""Forwards bytes to a server on loopback: `python relay.py TARGET AT WORD COUNT`, ports (AT 0: any free one, printed).

A way to the server that a test cuts by killing this process. Of requests that hold WORD it lets COUNT pass, then none:
whoever sends more waits, so that the test meets it in the middle of its work, however the two are timed.
"""

import asyncio
import contextlib
import sys


class Gate:
    """Counts what passes."""

    def __init__(self, word, count):
        self.word, self.left = word.encode(), count

    async def passed(self, data):
        """Returns, or does not."""
        if self.word and self.word in data:
            self.left -= 1
            if self.left < 0:
                await asyncio.Event().wait()


async def forward(reader, writer, gate=None):
    """One direction, to its end."""
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            if gate:
                await gate.passed(data)
            writer.write(data)
            await writer.drain()
    writer.close()


async def main(target, at, word, count):
    """Until killed."""
    gate = Gate(word, count)

    async def connect(reader, writer):
        there, back = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(forward(reader, back, gate), forward(there, writer))

    server = await asyncio.start_server(connect, "127.0.0.1", at)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
