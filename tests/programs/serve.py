# SPDX-License-Identifier: MIT
"""Serves one file by asyncio: serve.py PORT FILE."""

import asyncio
import sys


async def main(port, path):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        with open(path, "rb") as f:
            writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + f.read())
        await writer.drain()
        writer.close()
    server = await asyncio.start_server(serve, "0.0.0.0", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
