"""What a host does for its botnodes."""

from registry.discovery.consul_hosting import HostRegistration, HostWithdrawal
from registry.discovery.port import Announcement

ANNOUNCEMENT = Announcement("shop", "Shop", "127.0.0.1:1", "one", 1, "1", "STARTING", None)


class Notes:
    """A registration and a withdrawal that note what they are told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    async def register(self, announcement: Announcement) -> None:
        self.told.append(announcement)

    async def update(self, *, state: str, number: str | None) -> None:
        self.told.append((state, number))

    async def deregister(self) -> None:
        self.told.append("gone")

    async def withdraw(self, tenant_id: str, instance: str) -> None:
        self.told.append((tenant_id, instance))


async def test_a_dead_process_is_withdrawn_once() -> None:
    row, consul = Notes(), Notes()
    registration = HostRegistration(row, consul)
    await registration.register(ANNOUNCEMENT)
    await registration.update(state="CONNECTED", number="+52")
    assert consul.told == []
    await registration.deregister()
    await registration.deregister()
    assert row.told == [ANNOUNCEMENT, ("CONNECTED", "+52"), "gone", "gone"]
    assert consul.told == [("shop", "one")]


async def test_one_that_never_said_who_it_is_has_nothing_to_be_withdrawn() -> None:
    row, consul = Notes(), Notes()
    await HostRegistration(row, consul).deregister()
    assert row.told == ["gone"]
    assert consul.told == []


async def test_withdrawn_everywhere() -> None:
    row, consul = Notes(), Notes()
    await HostWithdrawal(row, consul).withdraw("shop", "one")
    assert row.told == consul.told == [("shop", "one")]
