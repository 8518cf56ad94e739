"""What ``botmesh up`` shows: a live table on a terminal, plain lines elsewhere."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from botmesh.cli.output import table_of

if TYPE_CHECKING:
    from botmesh.v1 import Tenant


class View(Protocol):
    """Where a running mesh shows itself."""

    def say(self, text: str) -> None:
        """Show a line."""
        ...

    def show(self, tenants: "Sequence[Tenant]") -> None:
        """Show the tenants as they are now."""
        ...

    def close(self) -> None:
        """Leave the last picture standing."""
        ...


class LiveView:
    """A table that changes in place, with lines above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(Text(""), console=console, auto_refresh=False)
        self._live.start()

    def say(self, text: str) -> None:
        """Print a line above the table."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def show(self, tenants: "Sequence[Tenant]") -> None:
        """Draw the table anew."""
        self._live.update(_picture(tenants), refresh=True)

    def close(self) -> None:
        """Stop drawing."""
        self._live.stop()


class LineView:
    """A line for everything that changes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: dict[str, str] = {}

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def show(self, tenants: "Sequence[Tenant]") -> None:
        """Print the tenants that look different from the last time."""
        lines = {tenant.tenant_id: _line(tenant) for tenant in tenants}
        for tenant_id, line in lines.items():
            if self._last.get(tenant_id) != line:
                self.say(line)
        for tenant_id in self._last.keys() - lines.keys():
            self.say(f"tenant {tenant_id}: removed")
        self._last = lines

    def close(self) -> None:
        """Nothing is left to draw."""


def view_on(console: Console) -> View:
    """The view that fits where the output goes."""
    return LiveView(console) if console.is_terminal else LineView(console)


def _picture(tenants: "Sequence[Tenant]") -> RenderableType:
    from botmesh.cli import tenant as rows  # noqa: PLC0415 - loads gRPC, which no line needs

    if not tenants:
        return Text("No tenants yet. Add one: botmesh tenant add --name 'Mundo Apple'")
    return Group(Text(""), table_of(rows.HEADERS, [rows.row(tenant) for tenant in tenants]))


def _line(tenant: "Tenant") -> str:
    from botmesh.cli import tenant as rows  # noqa: PLC0415 - the same

    named = zip(rows.HEADERS[1:], rows.row(tenant)[1:], strict=True)
    facts = ", ".join(f"{name} {value}" for name, value in named if value not in ("", None))
    return f"tenant {tenant.tenant_id}: {facts}"
