"""Lines of whatsmeow's log that mean something to us; their texts are its own."""

import pytest

from botnode import whatsapp_events
from botnode.ports import (
    ClientOutdated,
    Doubtful,
    KeepAliveTimeout,
    PairingEnded,
    StreamReplaced,
    Unheard,
)


@pytest.mark.parametrize(
    ("line", "skipped"),
    [
        (
            (
                "Failed to encrypt 3EB0C0FFEE for 119271086564630@lid: can't encrypt message for "
                "device: no signal session established with 119271086564630_1:0"
            ),
            ("3EB0C0FFEE", "119271086564630@lid"),
        ),
        (
            (
                "Failed to encrypt 3EB0C0FFEE for 119271086564630:7@lid: failed to process prekey "
                "bundle: failed to save identity"
            ),
            ("3EB0C0FFEE", "119271086564630:7@lid"),
        ),
        ("Successfully authenticated", None),
        ("Failed to fetch prekeys for 1 devices", None),
    ],
)
def test_devices_that_a_message_was_not_encrypted_for(
    line: str, skipped: tuple[str, str] | None
) -> None:
    assert whatsapp_events.skipped_device(line) == skipped


def test_a_secret_that_was_not_stored() -> None:
    line = "Failed to store message secret key for outgoing message 3EB0: database is locked"
    assert whatsapp_events.is_untraceable(line)
    assert not whatsapp_events.is_untraceable("Stored message secret key for outgoing message 3EB0")


def test_a_login() -> None:
    assert whatsapp_events.is_login("Successfully authenticated")
    assert not whatsapp_events.is_login("Successfully paired 1:1@s.whatsapp.net")


def test_signals() -> None:
    assert whatsapp_events.signal_of_log("Got replaced stream error") == StreamReplaced()
    assert (
        whatsapp_events.signal_of_log("Client outdated (405) connect failure") == ClientOutdated()
    )
    assert whatsapp_events.signal_of_log("Successfully authenticated") is None


def test_a_passkey_that_is_asked_for_in_an_unknown_form() -> None:
    first = "Failed to parse passkey notification: missing <passkey_request_options> element"
    assert whatsapp_events.signal_of_log(first) is None  # the library asks for it once more
    second = "Failed to fetch passkey options: info query timed out"
    assert whatsapp_events.signal_of_log(second) == PairingEnded("passkey-request")


def test_a_code_that_was_typed_in_and_did_not_link() -> None:
    start = "Failed to handle code pair notification: "
    refused = whatsapp_events.signal_of_log(f"{start}info query returned status 400: bad-request")
    assert isinstance(refused, PairingEnded)
    assert "400: bad-request" in refused.outcome
    # The code that is shown now works all the same.
    for harmless in (
        "received code pair notification without a pending pairing",
        "pairing ref mismatch in code pair notification",
    ):
        assert whatsapp_events.signal_of_log(start + harmless) is None


def test_a_login_that_whatsapp_does_not_serve() -> None:
    line = "Failed to send post-connect passive IQ: info query returned status 503"
    signal = whatsapp_events.signal_of_log(line)
    assert isinstance(signal, Unheard)
    assert "status 503" in signal.detail


def test_keep_alives_without_an_answer() -> None:
    assert whatsapp_events.signal_of_log("Keepalive timed out") == KeepAliveTimeout()
    line = "Failed to send keepalive: websocket not connected"
    assert whatsapp_events.signal_of_log(line) == KeepAliveTimeout()


def test_a_stanza_that_is_handled_for_long() -> None:
    start = "Node handling is taking long for "
    for ago, still_s in (
        ("30.000125s", 30.000125),
        ("1m0.0005s", 60.0005),
        ("4m30s", 270),
        ("1h0m1.5s", 3601.5),
        ("a while", 0),
    ):
        signal = whatsapp_events.signal_of_log(f'{start}<message id="(\n"/> (started {ago} ago)')
        assert isinstance(signal, Doubtful)
        assert signal.still_s == pytest.approx(still_s)
    assert isinstance(whatsapp_events.signal_of_log(start), Doubtful)
    late = 'Node handling took 6s for <message id="3EB0"/>'
    assert whatsapp_events.signal_of_log(late) is None
