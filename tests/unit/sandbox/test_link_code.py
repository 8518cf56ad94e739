"""The arithmetic of linking by code, against the device's side of it."""

import secrets

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sandbox import link_code
from sandbox.link_code import WrongCodeError
from sandbox.signal.keys import KeyPair
from sandbox.signal.session import derive

CODE = "ABCD1234"


class Device:
    """What whatsmeow does: its own key wrapped, the phone's unwrapped, a bundle sealed."""

    def __init__(self, code: str) -> None:
        self.code, self.ephemeral, self.identity = code, KeyPair(), KeyPair()
        self.wrapped = link_code.wrap(self.ephemeral.public, code)

    def finish(self, wrapped: bytes, phone: bytes) -> tuple[bytes, bytes]:
        """The sealed bundle, and the secret."""
        agreed = self.ephemeral.agree(link_code.unwrap(wrapped, self.code))
        salt, nonce, random = (secrets.token_bytes(size) for size in (32, 12, 32))
        key = derive(agreed, b"link_code_pairing_key_bundle_encryption_key", 32, salt)
        sealed = AESGCM(key).encrypt(nonce, self.identity.public + phone + random, None)
        secret = derive(agreed + self.identity.agree(phone) + random, b"adv_secret", 32)
        return salt + nonce + sealed, secret


def link(device: Device, typed: str, *, named: bytes | None = None) -> tuple[bytes, bytes]:
    """The phone's secret and the device's, when a code is typed in."""
    ephemeral, identity = KeyPair(), KeyPair()
    wrapped = link_code.wrap(ephemeral.public, typed)
    bundle, secret = device.finish(wrapped, named or identity.public)
    theirs = link_code.unwrap(device.wrapped, typed)
    mine = link_code.shared_secret(ephemeral, theirs, identity, device.identity.public, bundle)
    return mine, secret


def test_the_right_code_gives_both_the_same_secret() -> None:
    mine, theirs = link(Device(CODE), CODE)
    assert mine == theirs


def test_a_wrong_code_is_found_out() -> None:
    with pytest.raises(WrongCodeError):
        link(Device(CODE), "ABCD1235")


def test_another_phone_in_the_bundle_is_found_out() -> None:
    with pytest.raises(WrongCodeError):
        link(Device(CODE), CODE, named=KeyPair().public)


def test_wrapping_hides_the_key() -> None:
    key = KeyPair().public
    wrapped = link_code.wrap(key, CODE)
    assert len(wrapped) == link_code.WRAPPED_SIZE
    assert key not in wrapped
    assert link_code.unwrap(wrapped, CODE) == key


@pytest.mark.parametrize("typed", ["ABCD-1234", "abcd-1234", " abcd1234 "])
def test_spellings_of_a_code(typed: str) -> None:
    assert link_code.normal(typed) == CODE


@pytest.mark.parametrize("typed", ["", "ABCD-123", "ABCD-12345", "ABCO-1234", "ABCD-0234"])
def test_what_is_no_code(typed: str) -> None:
    with pytest.raises(ValueError, match="eight"):
        link_code.normal(typed)
