"""Waiting for something, unless the process shall stop before."""

import asyncio
from collections.abc import Awaitable

from botmesh.rpc.lifecycle import StopSignal


async def unless_stopped(stop: StopSignal, wanted: Awaitable[None]) -> bool:
    """True when ``wanted`` is done; False, with it cancelled, when the process shall stop."""
    work = asyncio.ensure_future(wanted)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            return False
        work.result()
        return True
    finally:
        work.cancel()
        stopping.cancel()
