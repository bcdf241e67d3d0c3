"""Forwards bytes to a server on loopback: `python relay.py TARGET AT`, ports (AT 0: any free one, which it prints).

A way to the server that a test cuts by killing this process.
"""

import asyncio
import contextlib
import sys


async def forward(reader, writer):
    """One direction, to its end."""
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


async def main(target, at):
    """Until killed."""

    async def connect(reader, writer):
        there, back = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(forward(reader, back), forward(there, writer))

    server = await asyncio.start_server(connect, "127.0.0.1", at)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
